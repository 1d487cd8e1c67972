//! `PATCH /v1/subscribers/{subscriberId}/credentials`: device tokens are added, other members merged.

use campanile_model::{Permission, Result};

use super::change::{ChangeCredentials, Tokens, change};
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};
use crate::v2::subscribers::view;

pub(crate) const ROUTE: Route = route!(
    patch "/v1/subscribers/{subscriberId}/credentials", "SubscribersV1Controller_modifySubscriberChannel",
    "Add to a subscriber's channel credentials", run,
    .permit(Permission::SubscriberWrite, Category::Configuration)
    .takes::<ChangeCredentials>()
    .answers::<view::SubscriberResponse>()
);

async fn run(call: Call) -> Result<Reply> {
    change(call, Tokens::Append).await
}
