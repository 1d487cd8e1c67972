//! `POST /v1/integrations/{integrationId}/hooks`: where vendors call us. Whoever is not proven to be the vendor is
//! answered the same, whether there is such an integration or not.

use campanile_connect::hooks::{Incoming, receive};
use campanile_model::{Error, Id, Result};

use crate::call::{Call, Reply};
use crate::route;
use crate::route::Route;

pub(crate) const ROUTE: Route = route!(
    post "/v1/integrations/{integrationId}/hooks", "", "Events of the vendor: Slack, Microsoft Teams, Telegram", run,
    .public().status(200)
);

async fn run(call: Call) -> Result<Reply> {
    // An id that cannot exist takes the way of one that does not.
    let id = call.parameter("integrationId").parse();
    let id = id.unwrap_or_else(|_| Id::from_bytes([0; 12]));
    let header = |name: &str| Some(call.headers.get(name)?.to_str().ok()?.to_owned());
    let incoming = Incoming {
        header: &header,
        body: &call.body,
        request_id: &call.ctx.request_id,
    };
    match receive(call.app.connect(), id, &incoming).await? {
        Some(answer) => Reply::raw(200, &answer),
        None => Err(Error::unauthenticated(
            "This is not a call of the integration's vendor, or its signature is wrong or too old",
        )),
    }
}
