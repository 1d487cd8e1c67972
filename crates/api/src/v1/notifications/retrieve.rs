//! `GET /v1/notifications/{notificationId}`.

use campanile_model::{Error, Id, Permission, Result};

use super::view;
use crate::call::{Call, Reply};
use crate::route;
use crate::route::{Category, Route};

pub(crate) const ROUTE: Route = route!(
    get "/v1/notifications/{notificationId}", "NotificationsController_getNotification", "Retrieve a notification", run,
    .permit(Permission::NotificationRead, Category::Configuration)
    .answers::<view::ActivityNotificationResponse>()
);

async fn run(call: Call) -> Result<Reply> {
    let missing = || Error::not_found("Notification not found");
    let id: Id = call.parameter("notificationId").parse().map_err(|_| missing())?;
    let found = call.store().notifications(&call.ctx, vec![id]).await?;
    let shown = view::of(call.store(), &call.ctx, found).await?;
    Reply::data(200, shown.first().ok_or_else(missing)?)
}
