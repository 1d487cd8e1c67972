//! What vendors tell us at `/v1/integrations/{_id}/hooks`: proven first, then applied in one commit, so that the vendor
//! has its answer at once.
//!
//! A vendor names the integration; what it says about a workspace counts for all integrations of the same app in the
//! organization, because a grant is the organization's.

mod msteams;
pub(crate) mod openid;
mod slack;
mod telegram;

use campanile_model::channel::HealthStatus;
use campanile_model::{Ctx, Id, Result, Time};
use campanile_store::hooks::{Met, Placed, TOLD_BEFORE};
use campanile_store::{Batch, Store};
use serde_json::{Map, Value, json};

use crate::Connect;

pub use telegram::secret as telegram_secret;

/// A call that claims to be a vendor's.
pub struct Incoming<'a> {
    /// Its headers, by name in lower case.
    pub header: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
    /// Its body as it came: signatures are made over these bytes.
    pub body: &'a [u8],
    /// The id of the request.
    pub request_id: &'a str,
}

/// Answers a vendor's call: nothing when it is not proven to be the vendor's, be it that there is no such integration.
pub async fn receive(connect: &Connect, integration: Id, incoming: &Incoming<'_>) -> Result<Option<Value>> {
    let found = connect.store().integration_anywhere(integration).await?;
    let Some(at) = found else {
        // As much work as a signature takes, so that the time does not tell which ids exist.
        slack::is_proven("", incoming, connect.store().clock().real());
        return Ok(None);
    };
    let credentials = connect.store().open_credentials(&at.integration)?;
    let origin = Origin {
        connect,
        at: &at,
        credentials: &credentials,
        request_id: incoming.request_id,
    };
    match at.integration.provider_id.as_str() {
        "slack" => slack::receive(&origin, incoming).await,
        "msteams" => msteams::receive(&origin, incoming).await,
        "telegram" => telegram::receive(&origin, incoming).await,
        _ => {
            slack::is_proven("", incoming, connect.store().clock().real());
            Ok(None)
        }
    }
}

/// The integration that a vendor named.
struct Origin<'a> {
    connect: &'a Connect,
    at: &'a Placed,
    credentials: &'a Map<String, Value>,
    request_id: &'a str,
}

impl Origin<'_> {
    fn store(&self) -> &Store {
        self.connect.store()
    }

    fn ctx(&self) -> Ctx {
        self.at.ctx(self.request_id)
    }

    /// A credential that is filled.
    fn credential(&self, name: &str) -> Option<&str> {
        filled(self.credentials, name)
    }

    /// This integration and the organization's others of the same app.
    async fn same_app(&self, member: &str) -> Result<Vec<Placed>> {
        let provider = &self.at.integration.provider_id;
        let mut same = self.store().integrations_of_provider(&self.ctx(), provider).await?;
        let app = self.credential(member);
        let mut others = Vec::new();
        for one in same.drain(..) {
            let is_same = one.integration.id == self.at.integration.id
                || (app.is_some() && filled(&self.store().open_credentials(&one.integration)?, member) == app);
            if is_same {
                others.push(one);
            }
        }
        Ok(others)
    }

    /// Commits what an event means; one that was told before means nothing any more.
    async fn commit(&self, mut batch: Batch, event_id: Option<&str>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        if let Some(event_id) = event_id {
            self.store()
                .tell_hook_event(&mut batch, self.at.integration.id, event_id);
        }
        match self.store().commit(batch).await {
            Err(error) if error.is_conflict(TOLD_BEFORE) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(()),
        }
    }

    /// Adds that the vendor took back what it gave for these workspaces at this time. A grant that got tokens after that
    /// is not judged by an old event: the vendor is asked instead.
    async fn revoke(&self, batch: &mut Batch, revoked: &Revoked<'_>) -> Result<()> {
        let store = self.store();
        for at in self.same_app("clientId").await? {
            let ctx = at.ctx(self.request_id);
            for (dated, tokens) in store.grants_of_workspaces(&at, revoked.workspaces).await? {
                let grant = &dated.grant;
                let is_meant = (revoked.is_meant)(&tokens.access_token);
                if is_meant && revoked.is_certain && dated.updated_at <= revoked.at {
                    let (status, reason) = (HealthStatus::Revoked, Some(revoked.reason));
                    store.set_grant_health(batch, &ctx, grant.id, grant.generation, status, reason);
                } else {
                    store.plan_probe(batch, &ctx, grant.id, store.now());
                }
            }
        }
        Ok(())
    }

    /// Adds how endpoints stand that the vendor named.
    async fn judge(&self, batch: &mut Batch, place: &Named<'_>, judged: &Judged<'_>) -> Result<()> {
        for at in self.same_app(place.app_member).await? {
            let ctx = at.ctx(self.request_id);
            for met in self.store().endpoints_at(&at, place.kind, place.names).await? {
                let is_there = place.workspaces.is_none_or(|workspaces| {
                    met.workspace_id
                        .as_ref()
                        .is_some_and(|workspace| workspaces.contains(workspace))
                });
                if is_there && (place.is_meant)(&met.address) {
                    judged.apply(self.store(), batch, &ctx, &met);
                }
            }
        }
        Ok(())
    }
}

/// What was taken back.
struct Revoked<'a> {
    workspaces: &'a [String],
    /// When, on our clock.
    at: Time,
    reason: &'a str,
    /// Which tokens it is about.
    is_meant: fn(&str) -> bool,
    /// Whether the event says it of just these workspaces; else they are asked about.
    is_certain: bool,
}

/// Endpoints as a vendor names them.
struct Named<'a> {
    /// The credential that tells apps apart.
    app_member: &'static str,
    kind: &'static str,
    names: &'a [&'a str],
    /// Only on connections to these.
    workspaces: Option<&'a [String]>,
    is_meant: &'a (dyn Fn(&Value) -> bool + Send + Sync),
}

/// What becomes of an endpoint.
enum Judged<'a> {
    /// It cannot be reached.
    Broken(&'a str),
    /// It can be reached again, if it could not for a reason that this ends.
    Mended {
        ends: &'a (dyn Fn(&str) -> bool + Send + Sync),
    },
}

impl Judged<'_> {
    fn apply(&self, store: &Store, batch: &mut Batch, ctx: &Ctx, met: &Met) {
        match self {
            Self::Broken(reason) => {
                store.set_endpoint_health(batch, ctx, met.id, HealthStatus::Broken, Some(reason));
            }
            Self::Mended { ends } if met.reason.as_deref().is_some_and(ends) => {
                store.mend_endpoint(batch, ctx, met.id);
            }
            Self::Mended { .. } => {}
        }
    }
}

fn filled<'a>(credentials: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    let text = credentials.get(name)?.as_str()?.trim();
    (!text.is_empty()).then_some(text)
}

fn nothing_to_say() -> Value {
    json!({})
}
