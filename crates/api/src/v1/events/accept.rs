//! Accepting one event, named or for everybody: what is answered once it is stored.

use campanile_model::{Ctx, Error, Id, Result};

use super::decide::{Asked, Decided, acknowledged, decide};
use super::dry_run::{self, DryRunQuery};
use crate::App;
use crate::call::{Call, Reply};

/// Stores the event and acknowledges it.
pub(super) async fn accept(call: Call, asked: Asked) -> Result<Reply> {
    let decided = decide(&call, asked).await?;
    let query: DryRunQuery = call.query()?;
    if query.dry_run.is_some_and(|dry_run| dry_run.0) {
        return Box::pin(dry_run::answer(&call, decided)).await;
    }
    let trigger = match decided {
        Decided::Refuse(answer) => return Reply::data(201, &answer),
        Decided::Accept(trigger) => *trigger,
    };
    let key = call.idempotency.as_ref().map(|idempotency| &idempotency.key);
    let accepted = call.app.engine().accept(&call.ctx, trigger, key).await;
    if let Some(idempotency) = &call.idempotency
        && accepted.as_ref().map_or(true, |accepted| accepted.is_new)
    {
        idempotency.settle(&accepted);
    }
    answer(accepted?.transaction_id)
}

fn answer(transaction_id: String) -> Result<Reply> {
    Reply::data(201, &acknowledged("processed", transaction_id))
}

/// The answer of an accepted trigger, made again from its event.
pub(crate) async fn answer_again(app: &App, ctx: &Ctx, event: Id) -> Result<String> {
    let event = app.store().events(ctx, vec![event]).await?.into_iter().next();
    let event = event.ok_or_else(|| Error::not_found("The event of this Idempotency-Key is no longer kept"))?;
    Ok(answer(event.transaction_id)?.body)
}
