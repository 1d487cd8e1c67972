//! Where a consent lands: on the connection of its scope, or on a new one.

use campanile_model::{Ctx, Error, Result};
use campanile_store::connections::aliases::Whose;
use campanile_store::connections::{Connection, NewConnection, Workspace, lost_race};
use campanile_store::grants::consent::Consent;
use campanile_store::secrets::random_word;
use campanile_store::subscribers::Subscriber;
use campanile_store::{Batch, Store, StoreError, endpoints};
use serde_json::Value;

use super::place::Place;
use super::state::State;
use crate::Connect;
use crate::links::{self, Link, Linked};

/// How often a lost race is run again.
pub(super) const TRIES: usize = 8;

/// What a vendor told after a consent.
pub(super) struct Arrived<'a> {
    pub(super) workspace: Workspace,
    pub(super) consent: Consent<'a>,
    /// The person who consented, as an endpoint: its type and address.
    pub(super) person: Option<(&'static str, Value)>,
}

/// What came of it.
pub(super) struct Landed {
    pub(super) connection: Connection,
    /// What became of the person, when they were to be linked.
    pub(super) linked: Option<Linked>,
}

/// What the identifier of a consent leads to.
pub(super) struct Found {
    /// The connection of the scope, which keeps what it is.
    pub(super) existing: Option<Connection>,
    /// What a new one is called.
    pub(super) identifier: String,
    /// What its scope calls it besides.
    pub(super) alias: Option<String>,
}

/// Looks at what is there. A row outside of the scope of `new` is never touched: an identifier that such a one holds is
/// refused, or kept as an alias in a subscriber session.
pub(super) async fn find(store: &Store, ctx: &Ctx, new: &NewConnection<'_>, session: bool) -> Result<Found> {
    let requested = &new.identifier;
    let in_the_way = store.connections_in_the_way(ctx, new).await?;
    let existing = match in_the_way.iter().find(|other| other.has_scope_of(new)) {
        Some(same) => store.connection(ctx, &same.identifier).await?,
        None => None,
    };
    let holder = in_the_way
        .iter()
        .find(|other| other.identifier == *requested && !other.has_scope_of(new));
    let plain = |existing| Found {
        existing,
        identifier: requested.clone(),
        alias: None,
    };
    if !session {
        return match (&existing, holder) {
            (None, Some(_)) => Err(taken(requested, ctx)),
            _ => Ok(plain(existing)),
        };
    }
    let whose = Whose::of(new.owner);
    let known = store
        .connection_in_session(ctx, requested, whose, &new.contexts)
        .await?;
    match (existing, known) {
        (Some(existing), Some(known)) if existing.id == known.id => Ok(plain(Some(existing))),
        // In this very scope the name stands for a connection of another integration.
        (_, Some(_)) => Err(taken(requested, ctx)),
        (_, None) if holder.is_some_and(|holder| holder.has_owner_of(new)) => Err(taken(requested, ctx)),
        (None, None) if holder.is_none() => Ok(plain(None)),
        (existing, None) => Ok(Found {
            existing,
            identifier: generated()?,
            alias: Some(requested.clone()),
        }),
    }
}

/// A permanent refusal: the official clients would repeat a 409 for an hour.
fn taken(identifier: &str, ctx: &Ctx) -> Error {
    Error::bad_request(format!(
        "Channel connection with identifier \"{identifier}\" already exists in environment \"{}\" for another \
         integration, subscriber or context",
        ctx.environment
    ))
}

fn generated() -> Result<String, StoreError> {
    Ok(format!("chconn_{}", random_word(12)?))
}

/// The subscriber that the state names.
pub(super) async fn subscriber(store: &Store, ctx: &Ctx, state: &State) -> Result<Option<Subscriber>> {
    let Some(id) = &state.subscriber_id else {
        return Ok(None);
    };
    let found = store.subscriber(ctx, id).await?;
    found
        .map(Some)
        .ok_or_else(|| Error::not_found(format!("Subscriber not found: {id}")))
}

/// Commits, or says that somebody else was quicker: then everything is to be read again.
pub(super) async fn committed(store: &Store, batch: Batch) -> Result<bool> {
    match store.commit(batch).await {
        Ok(_) => Ok(true),
        Err(error) if lost_race(&error) || endpoints::lost_race(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The answer when every race was lost.
pub(super) fn too_contended<T>() -> Result<T> {
    Err(Error::unavailable(
        "The connection is being changed by others; please start again.",
        1,
    ))
}

/// Makes or mends the connection of the state with what arrived, and links the person when the state says so.
pub(super) async fn land(
    connect: &Connect,
    ctx: &Ctx,
    place: &Place,
    state: &State,
    arrived: &Arrived<'_>,
) -> Result<Landed> {
    let store = connect.store();
    for _ in 0..TRIES {
        let mut batch = Batch::new();
        let landed = attempt(store, &mut batch, ctx, place, state, arrived).await?;
        if committed(store, batch).await? {
            return Ok(landed);
        }
    }
    too_contended()
}

async fn attempt(
    store: &Store,
    batch: &mut Batch,
    ctx: &Ctx,
    place: &Place,
    state: &State,
    arrived: &Arrived<'_>,
) -> Result<Landed> {
    let subscriber = subscriber(store, ctx, state).await?;
    let connection = match state.reconnect {
        Some(_) => reconnect(store, batch, ctx, state, arrived).await?,
        None => upsert(store, batch, ctx, place, state, subscriber.as_ref(), arrived).await?,
    };
    store.audit(batch, ctx, "connection.consent", connection.id);
    let person = arrived.person.as_ref().filter(|_| state.auto_link_user);
    let linked = match person.zip(subscriber.as_ref()) {
        None => None,
        Some(((kind, address), subscriber)) => {
            let link = Link {
                integration: &place.integration,
                connection: Some((connection.id, connection.identifier.clone())),
                subscriber,
                contexts: &connection.contexts,
                kind,
                address,
            };
            Some(links::add(store, batch, ctx, &link).await?)
        }
    };
    Ok(Landed { connection, linked })
}

async fn upsert(
    store: &Store,
    batch: &mut Batch,
    ctx: &Ctx,
    place: &Place,
    state: &State,
    subscriber: Option<&Subscriber>,
    arrived: &Arrived<'_>,
) -> Result<Connection> {
    let mut new = NewConnection {
        identifier: match &state.identifier {
            Some(identifier) => identifier.clone(),
            None => generated()?,
        },
        integration: &place.integration,
        owner: subscriber.filter(|_| !state.shared),
        contexts: state.contexts(),
        workspace: arrived.workspace.clone(),
    };
    let found = find(store, ctx, &new, state.session && state.identifier.is_some()).await?;
    // They were there when the link was made; one that was removed since then is made again, without its data.
    let contexts = super::GivenContext::of_session(&new.contexts, true).contexts;
    store.find_or_create_contexts(batch, ctx, &contexts);
    let connection = if let Some(existing) = found.existing {
        let workspace = arrived.workspace.clone();
        store
            .reconnect_by_consent(batch, ctx, &existing, workspace, &arrived.consent)
            .await?
    } else {
        new.identifier = found.identifier;
        store.connect_by_consent(batch, ctx, new, &arrived.consent).await?
    };
    if let Some(alias) = &found.alias {
        store.add_alias(batch, ctx, alias, &connection);
    }
    Ok(connection)
}

/// Mends one connection, which leads where it led before. What the vendor issued for another workspace is dropped and
/// not revoked: the same installation may serve other connections.
async fn reconnect(
    store: &Store,
    batch: &mut Batch,
    ctx: &Ctx,
    state: &State,
    arrived: &Arrived<'_>,
) -> Result<Connection> {
    let found = match state.reconnect {
        Some(id) => store.connection_by_id(ctx, id).await?,
        None => None,
    };
    let found = found.ok_or_else(|| {
        Error::not_found("The connection that was to be reconnected is not there any more. Connect it anew.")
    })?;
    if found.workspace.id != arrived.workspace.id {
        let (was, is) = (called(&found.workspace), called(&arrived.workspace));
        return Err(Error::bad_request(format!(
            "This connection belongs to {was}, but you chose {is}. Start again and choose {was}."
        )));
    }
    let workspace = arrived.workspace.clone();
    Ok(store
        .reconnect_by_consent(batch, ctx, &found, workspace, &arrived.consent)
        .await?)
}

fn called(workspace: &Workspace) -> String {
    match &workspace.name {
        Some(name) => format!("{name} ({})", workspace.id),
        None => workspace.id.clone(),
    }
}
