//! `POST /connect/{token}/remove`: a chosen place is left.

use campanile_model::Result;
use campanile_store::Batch;
use campanile_store::endpoints::CHANGED;
use serde_json::Value;

use super::page::see_other;
use super::texts::Said;
use super::visit::{Stop, answered, visit};
use super::{chosen, form};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::Route;

pub(super) const ROUTE: Route =
    route!(post "/connect/{token}/remove", "", "Leave a chosen place", run, .public().takes_form().status(303));

async fn run(call: Call) -> Result<Reply> {
    let result = remove(&call).await;
    answered(&call, result)
}

async fn remove(call: &Call) -> Result<Reply, Stop> {
    let form = form::check(call, "remove")?;
    let visit = visit(call).await?;
    let named = form.get("endpoint").and_then(Value::as_str).unwrap_or_default();
    let own = chosen::endpoints(call, &visit).await?;
    // Clicking twice removes it once.
    if let Some(endpoint) = own.iter().find(|endpoint| endpoint.identifier == named) {
        let mut batch = Batch::new();
        call.store().delete_endpoint(&mut batch, &visit.ctx, endpoint.id);
        call.store()
            .audit(&mut batch, &visit.ctx, "endpoint.delete", endpoint.id);
        match call.store().commit(batch).await {
            Ok(_) => {}
            Err(error) if error.is_conflict(CHANGED) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(see_other(&Said::Removed.page_of(&visit))?)
}
