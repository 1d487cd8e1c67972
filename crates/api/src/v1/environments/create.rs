//! `POST /v1/environments`: with a secret key of its own, which is shown here and to its own caller only.

use campanile_model::{Error, Id, Permission, Result};
use campanile_store::Batch;
use campanile_store::environments::{NAME_TAKEN, NewEnvironment};

use super::{PROTECTED_NAME, color_rule, is_protected, name_rule, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    post "/v1/environments", "EnvironmentsControllerV1_createEnvironment", "Create an environment", run,
    .permit(Permission::EnvironmentWrite, Category::Configuration)
    .takes::<CreateEnvironment>()
    .answers::<view::EnvironmentResponse>()
);

/// Workers go round the environments one by one.
const MOST: usize = 1000;

dto! {
    /// An environment to create.
    CreateEnvironment {
        /// Unique in the organization.
        required name: String = "name" [name_rule];
        /// A hex colour such as `#3498db`.
        required color: String = "color" [color_rule];
        /// The environment that it is published from.
        optional parent_id: String = "parentId";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: CreateEnvironment = call.body()?;
    if is_protected(&body.name) {
        return Err(Error::invalid(vec![PROTECTED_NAME.to_owned()]));
    }
    let store = call.store();
    let known = store.environments(&call.ctx).await?;
    let name = body.name.trim();
    if known.iter().any(|environment| environment.name == name) {
        return Err(taken());
    }
    if known.len() >= MOST {
        return Err(Error::bad_request(format!(
            "An organization has at most {MOST} environments."
        )));
    }
    let parent_id = match body.parent_id.as_deref().filter(|id| !id.is_empty()) {
        None => known.first().map(|environment| environment.id),
        Some(id) => {
            let parent: Option<Id> = id.parse().ok();
            let parent = parent.filter(|id| known.iter().any(|environment| environment.id == *id));
            Some(parent.ok_or_else(|| Error::invalid(vec![format!("parentId {id} is no environment")]))?)
        }
    };
    let new = NewEnvironment {
        name: name.to_owned(),
        color: Some(body.color),
        parent_id,
        ..NewEnvironment::default()
    };
    let mut batch = Batch::new();
    let (made, secret) = store.make_environment(&mut batch, call.ctx.organization, &call.ctx.request_id, new)?;
    store.audit(&mut batch, &call.ctx, "environment.create", made.id);
    // Without a dashboard this is the only place where the new key can be seen at all.
    let keys = if call.ctx.permissions.allows(Permission::ApiKeyWrite) {
        vec![view::new_key(&call.ctx, secret)]
    } else {
        Vec::new()
    };
    let reply = Reply::data(201, &view::environment(&made, keys))?;
    match call.commit(batch, &reply).await {
        Ok(_) => Ok(reply),
        Err(error) if error.is_conflict(NAME_TAKEN) => Err(taken()),
        Err(error) => Err(error.into()),
    }
}

fn taken() -> Error {
    Error::bad_request("Environment name must be unique")
}
