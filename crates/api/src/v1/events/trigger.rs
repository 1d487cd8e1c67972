//! `POST /v1/events/trigger`.

use campanile_model::{Ctx, Id, Result};

use crate::App;

pub(crate) async fn answer_again(_app: &App, _ctx: &Ctx, _event: Id) -> Result<String> {
    Ok(String::new())
}
