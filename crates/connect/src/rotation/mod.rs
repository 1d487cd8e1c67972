//! Renewal of grants: a refresh token is exchanged for a new pair of tokens, one exchange at a time for each grant over
//! all nodes, before sends need it and when they do. What may happen at each step is told in
//! [`campanile_store::grants::rotation`].

mod decide;
mod exchange;
mod pace;
mod revoke;
mod sweep;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use campanile_model::channel::HealthStatus;
use campanile_model::{Ctx, Id, Result, Time};
use campanile_store::StoreError;
use campanile_store::grants::rotation::{App, rotates};
use campanile_store::grants::{Grant, Tokens};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::Connect;

pub(crate) use revoke::round as revoke_round;
pub(crate) use sweep::round as sweep_round;

/// A send renews a token that ends within this time.
const SOON: Duration = Duration::from_mins(5);
/// How long a send waits for an exchange that another node makes: as long as its call may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a caller waits who is there for the exchange alone.
const LITTLE_PATIENCE: Duration = Duration::from_secs(1);
/// How often the row is looked at meanwhile.
const POLL: Duration = Duration::from_millis(200);

/// Why a new pair is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// The access token ends soon, or has ended.
    Due,
    /// Somebody asked for it, whatever the clock says.
    Asked,
}

/// What became of the wish for a new pair.
#[derive(Clone, PartialEq, Eq)]
pub enum Renewal {
    /// There are newer tokens than those of the generation that was named.
    Token {
        /// The generation.
        generation: i64,
        /// The access token.
        access_token: String,
    },
    /// There is nothing to renew with.
    Unrenewable,
    /// The grant was deleted.
    Gone,
    /// Another exchange has the grant, and did not end while we waited.
    Busy,
    /// Not now, and not before this time.
    Later {
        /// Then.
        until: Time,
        /// Why, in the original's words.
        message: String,
    },
    /// No account on the grant has credentials to exchange with, or the answer had no token in it.
    Unusable {
        /// Why.
        message: String,
        /// It is tried again then.
        until: Time,
    },
    /// The customer has to consent again.
    Dead {
        /// Why, in the original's words.
        message: String,
    },
}

impl std::fmt::Debug for Renewal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token { .. } => "Token",
            Self::Unrenewable => "Unrenewable",
            Self::Gone => "Gone",
            Self::Busy => "Busy",
            Self::Later { .. } => "Later",
            Self::Unusable { .. } => "Unusable",
            Self::Dead { .. } => "Dead",
        })
    }
}

/// Grant, the generation that the caller has, and why it wants another one.
type Flight = (Id, i64, Need);
type Landing = Shared<BoxFuture<'static, Result<Renewal, StoreError>>>;

/// What this process is doing for grants.
#[derive(Default)]
pub(crate) struct State {
    /// Renewals under way: callers who want the same share one.
    flights: Mutex<HashMap<Flight, Landing>>,
    tracker: TaskTracker,
    paces: Mutex<pace::Paces>,
}

impl State {
    fn flights(&self) -> MutexGuard<'_, HashMap<Flight, Landing>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for exchanges under way: one that is cut off loses its answer.
    pub(crate) async fn settle(&self) {
        self.tracker.close();
        self.tracker.wait().await;
        self.tracker.reopen();
    }
}

/// Whether a send with these tokens has to ask for newer ones first.
pub fn is_due(tokens: &Tokens, now: Time) -> bool {
    tokens.refresh_token.is_some() && tokens.ends_at().is_some_and(|end| end <= now.plus(SOON))
}

/// Newer tokens than those of `generation`, by an exchange if need be. Callers of one process share it, and other nodes
/// wait for its result. It goes on when its callers go away, because the answer would be lost.
pub async fn fresh_token(connect: &Connect, ctx: &Ctx, grant: Id, generation: i64, need: Need) -> Result<Renewal> {
    Ok(fly(connect, ctx.organization, grant, generation, need).await?)
}

/// The access token for a call that somebody waits for: renewed first when it ends soon, and the stored one where that
/// is not possible now, so that the vendor has the last word.
pub async fn access_token(connect: &Connect, ctx: &Ctx, grant: &Grant) -> Result<String> {
    let tokens = connect.store().open_tokens(grant)?;
    if is_due(&tokens, connect.store().now())
        && let Renewal::Token { access_token, .. } =
            fresh_token(connect, ctx, grant.id, grant.generation, Need::Due).await?
    {
        return Ok(access_token);
    }
    Ok(tokens.access_token)
}

async fn fly(
    connect: &Connect,
    organization: Id,
    grant: Id,
    generation: i64,
    need: Need,
) -> Result<Renewal, StoreError> {
    let flight = (grant, generation, need);
    let landing = {
        let state = &connect.inner.rotation;
        let mut flights = state.flights();
        let known = flights.get(&flight).cloned();
        known.unwrap_or_else(|| {
            let connect_of_task = connect.clone();
            let task = state.tracker.spawn(async move {
                let result = renew(&connect_of_task, organization, flight).await;
                connect_of_task.inner.rotation.flights().remove(&flight);
                result
            });
            let connect_of_callers = connect.clone();
            let landing = async move {
                task.await.unwrap_or_else(|error| {
                    connect_of_callers.inner.rotation.flights().remove(&flight);
                    Err(StoreError::Driver(format!("a renewal stopped: {error}")))
                })
            };
            let landing = landing.boxed().shared();
            flights.insert(flight, landing.clone());
            landing
        })
    };
    landing.await
}

async fn renew(connect: &Connect, organization: Id, (grant, generation, need): Flight) -> Result<Renewal, StoreError> {
    let store = connect.store();
    let patience = if need == Need::Asked { LITTLE_PATIENCE } else { PATIENCE };
    let deadline = Instant::now() + patience;
    loop {
        let Some(row) = store.rotating(organization, grant).await? else {
            return Ok(Renewal::Gone);
        };
        let tokens = store.open_tokens(&row.grant)?;
        let is_dead = matches!(row.grant.status, HealthStatus::NeedsReauth | HealthStatus::Revoked);
        if is_dead && need == Need::Due {
            let message = row.grant.reason.unwrap_or_default();
            return Ok(Renewal::Dead { message });
        }
        if row.grant.generation != generation {
            return Ok(Renewal::Token {
                generation: row.grant.generation,
                access_token: tokens.access_token,
            });
        }
        let Some(refresh_token) = tokens.refresh_token.clone().filter(|_| rotates(&row.grant.provider_id)) else {
            return Ok(Renewal::Unrenewable);
        };
        let now = store.now();
        if need == Need::Due
            && row.attempts > 0
            && let Some(until) = row.refresh_at.filter(|at| *at > now)
        {
            let message = row.grant.last_error.unwrap_or_default();
            return Ok(Renewal::Later { until, message });
        }
        if !row.is_taken(now) {
            let Some(apps) = apps(connect, &row.grant.provider_id, grant).await? else {
                return Ok(Renewal::Unrenewable);
            };
            if let Some(intent) = store.intend_exchange(row).await? {
                return exchange::run(connect, intent, &tokens, &refresh_token, &apps).await;
            }
        }
        if Instant::now() >= deadline {
            return Ok(Renewal::Busy);
        }
        tokio::time::sleep(POLL).await;
    }
}

/// The accounts that may have issued the grant; nothing when dev mode lets none of them call.
async fn apps(connect: &Connect, provider_id: &str, grant: Id) -> Result<Option<Vec<App>>, StoreError> {
    let apps = connect.store().apps_of_grant(grant).await?;
    if !exchange::stays_here(connect, provider_id) {
        return Ok(Some(apps));
    }
    let real: Vec<App> = apps.into_iter().filter(|app| app.send_real).collect();
    Ok((!real.is_empty()).then_some(real))
}
