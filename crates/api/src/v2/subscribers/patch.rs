//! `PATCH /v2/subscribers/{subscriberId}`: absent keeps, null clears.

use campanile_model::{Permission, Result};
use campanile_store::Batch;
use serde_json::{Map, Value};

use super::profile::{TRIES, change, lost_race, too_contended};
use super::{named, view};
use crate::call::{Call, Reply};
use crate::route::{Category, Route};
use crate::shape::{Given, rules};
use crate::{dto, route};

pub(crate) const ROUTE: Route = route!(
    patch "/v2/subscribers/{subscriberId}", "SubscribersController_patchSubscriber", "Update a subscriber", run,
    .permit(Permission::SubscriberWrite, Category::Configuration)
    .takes::<PatchSubscriber>()
    .answers::<view::SubscriberResponse>()
);

dto! {
    /// What to change: an absent member is kept, null clears it.
    PatchSubscriber {
        given first_name: String = "firstName";
        given last_name: String = "lastName";
        given email: String = "email" [rules::email];
        given phone: String = "phone";
        given avatar: String = "avatar";
        given locale: String = "locale" [rules::locale];
        given timezone: String = "timezone" [rules::timezone];
        /// Replaced as a whole.
        given data: Map<String, Value> = "data";
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: PatchSubscriber = call.body()?;
    let store = call.store();
    for _ in 0..TRIES {
        let known = named(&call).await?;
        let mut profile = known.profile.clone();
        let mut set = |name: &str, given: &Given<String>| match given {
            Given::Absent => {}
            Given::Null => drop(profile.insert(name.to_owned(), Value::Null)),
            Given::Value(text) => drop(profile.insert(name.to_owned(), Value::from(text.as_str()))),
        };
        set("firstName", &body.first_name);
        set("lastName", &body.last_name);
        set("email", &body.email);
        set("phone", &body.phone);
        set("avatar", &body.avatar);
        set("locale", &body.locale);
        set("timezone", &body.timezone);
        match &body.data {
            Given::Absent => {}
            Given::Null => drop(profile.insert("data".to_owned(), Value::Null)),
            Given::Value(data) => drop(profile.insert("data".to_owned(), Value::Object(data.clone()))),
        }
        let mut batch = Batch::new();
        let subscriber = change(store, &mut batch, &call.ctx, known, profile);
        let reply = Reply::data(200, &view::one(store, &call.ctx, &subscriber).await?)?;
        match call.commit(batch, &reply).await {
            Ok(_) => return Ok(reply),
            Err(error) if lost_race(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    too_contended()
}
