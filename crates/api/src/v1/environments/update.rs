//! `PUT /v1/environments/{environmentId}`: what is absent stays.

use campanile_model::{Error, Id, Permission, Result};
use campanile_store::Batch;
use campanile_store::environments::{CHANGED, Environment, IDENTIFIER_TAKEN, NAME_TAKEN};
use url::Url;

use super::{PROTECTED_NAME, color_rule, is_protected, keys, name_rule, own, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::rules;
use crate::v1::channels::{TRIES, too_contended};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    put "/v1/environments/{environmentId}", "EnvironmentsControllerV1_updateMyEnvironment", "Update an environment", run,
    .permit(Permission::EnvironmentWrite, Category::Configuration)
    .takes::<UpdateEnvironment>()
    .answers::<view::EnvironmentResponse>()
);

fn identifier_rule(identifier: &str) -> Option<String> {
    let fits = (1..=64).contains(&identifier.len())
        && identifier
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    (!fits).then(|| "must be 1 to 64 letters, digits, hyphens and underscores".to_owned())
}

dto! {
    /// What to change of an environment.
    UpdateEnvironment {
        /// Unique in the organization.
        optional name: String = "name" [name_rule];
        /// The application identifier that the Inbox uses: who still has the old one is shut out.
        optional identifier: String = "identifier" [identifier_rule];
        /// The environment that it is published from.
        optional parent_id: String = "parentId";
        /// A hex colour such as `#3498db`.
        optional color: String = "color" [color_rule];
        optional dns: Dns = "dns";
        optional bridge: Bridge = "bridge";
    }
}

dto! {
    /// Where mail to the environment comes in.
    Dns {
        optional inbound_domain: String = "inboundParseDomain" [rules::length(0, 253)];
    }
}

dto! {
    /// Where workflows in code are asked.
    Bridge {
        optional url: String = "url" [rules::length(0, 2048)];
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: UpdateEnvironment = call.body()?;
    for _ in 0..TRIES {
        let before = own(&call, "update").await?;
        let after = changed(&call, &before, &body).await?;
        let store = call.store();
        let mut batch = Batch::new();
        let after = store.update_environment(&mut batch, &call.ctx, &before, after);
        let reply = Reply::data(200, &view::environment(&after, keys::shown(&call).await?))?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if error.is_conflict(CHANGED) => {}
            Err(error) if error.is_conflict(NAME_TAKEN) => {
                return Err(Error::bad_request("Environment name must be unique"));
            }
            Err(error) if error.is_conflict(IDENTIFIER_TAKEN) => {
                return Err(Error::bad_request("identifier is used by another environment"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}

async fn changed(call: &Call, before: &Environment, body: &UpdateEnvironment) -> Result<Environment> {
    let mut after = before.clone();
    if let Some(name) = body.name.as_deref().map(str::trim).filter(|name| *name != before.name) {
        if is_protected(&before.name) {
            return Err(Error::invalid(vec![
                "Cannot update the name of Development or Production environments".to_owned(),
            ]));
        }
        if is_protected(name) {
            return Err(Error::invalid(vec![PROTECTED_NAME.to_owned()]));
        }
        name.clone_into(&mut after.name);
    }
    if let Some(identifier) = &body.identifier {
        after.identifier.clone_from(identifier);
    }
    if let Some(color) = &body.color {
        after.color = Some(color.clone());
    }
    if let Some(parent) = &body.parent_id {
        after.parent_id = Some(parent_of(call, before, parent).await?);
    }
    if let Some(domain) = body.dns.as_ref().and_then(|dns| dns.inbound_domain.as_ref()) {
        after.inbound_domain = Some(domain.clone()).filter(|domain| !domain.is_empty());
    }
    if let Some(url) = body.bridge.as_ref().and_then(|bridge| bridge.url.as_ref()) {
        after.bridge_url = bridge_url(call, url)?;
    }
    Ok(after)
}

/// Another environment of the organization whose own parents do not lead back here.
async fn parent_of(call: &Call, environment: &Environment, parent: &str) -> Result<Id> {
    let known = call.store().environments(&call.ctx).await?;
    let find = |id: Id| known.iter().find(|one| one.id == id);
    let refuse = |why: &str| Error::invalid(vec![format!("parentId {why}")]);
    let id: Option<Id> = parent.parse().ok();
    let found = id
        .and_then(find)
        .ok_or_else(|| refuse("must be an environment of the organization"))?;
    let mut above = Some(found);
    for _ in 0..=known.len() {
        match above {
            Some(one) if one.id == environment.id => {
                return Err(refuse("must not lead back to the environment itself"));
            }
            Some(one) => above = one.parent_id.and_then(find),
            None => break,
        }
    }
    Ok(found.id)
}

/// The address, unless it is empty; what its name resolves to is looked at again before each call.
fn bridge_url(call: &Call, url: &str) -> Result<Option<String>> {
    if url.is_empty() {
        return Ok(None);
    }
    let Ok(parsed) = Url::parse(url) else {
        return Err(Error::invalid(vec!["bridge.url must be a URL address".to_owned()]));
    };
    if let Err(reason) = call.app.connect().transport().check(&parsed) {
        return Err(Error::bad_request(format!(
            "bridge.url is blocked by the outbound SSRF policy. {reason}"
        )));
    }
    Ok(Some(parsed.into()))
}
