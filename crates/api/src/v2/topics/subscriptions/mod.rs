//! Subscriptions to topics (api.md 3.2).

mod create;
mod delete;
mod list;
mod preferences;
mod retrieve;
mod update;
pub(crate) mod view;

use campanile_model::{Error, Result};
use campanile_store::subscriptions::Subscription;
use campanile_store::topics::Topic;

use crate::call::Call;
use crate::route::Route;
use crate::shape::Problems;

pub(crate) const ROUTES: &[&Route] = &[
    &list::ROUTE,
    &create::ROUTE,
    &delete::ROUTE,
    &retrieve::ROUTE,
    &update::ROUTE,
];

/// More entries of one call are refused.
const MOST: usize = 100;

/// The subscription of this topic that the path names, or a 404.
async fn named(call: &Call, topic: &Topic) -> Result<Subscription> {
    let identifier = call.parameter("identifier");
    let found = call.store().subscription(&call.ctx, topic.id, identifier).await?;
    found.ok_or_else(|| missing(call, topic))
}

fn missing(call: &Call, topic: &Topic) -> Error {
    let identifier = call.parameter("identifier");
    let key = &topic.key;
    Error::not_found(format!(
        "Subscription with identifier {identifier} not found for topic {key}"
    ))
}

/// Both lists of a call are bounded, and one of them must be there.
fn check_counts(subscribers: Option<usize>, subscriptions: Option<usize>, verb: &str) -> Result<()> {
    let mut problems = Problems::default();
    for (count, one, many) in [
        (subscribers, "subscriber identifier", "subscribers"),
        (subscriptions, "subscription", "subscriptions"),
    ] {
        match count {
            Some(0) => problems.add_text(format!("At least one {one} is required")),
            Some(count) if count > MOST => {
                problems.add_text(format!("Cannot {verb} more than {MOST} {many} at once"));
            }
            _ => {}
        }
    }
    if !problems.is_empty() {
        return Err(problems.into_error());
    }
    if subscribers.is_none() && subscriptions.is_none() {
        return Err(Error::bad_request(
            "Either subscriberIds or subscriptions must be provided",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_has_one_to_a_hundred_entries() {
        let text = |subscribers, subscriptions| {
            let error = check_counts(subscribers, subscriptions, "subscribe").unwrap_err();
            error.errors().map_or_else(
                || error.message().to_owned(),
                |errors| errors["general"]["messages"][0].as_str().unwrap().to_owned(),
            )
        };
        assert!(check_counts(Some(100), None, "subscribe").is_ok());
        assert!(check_counts(Some(1), Some(100), "subscribe").is_ok());
        assert_eq!(
            text(Some(101), None),
            "Cannot subscribe more than 100 subscribers at once"
        );
        assert_eq!(
            text(None, Some(101)),
            "Cannot subscribe more than 100 subscriptions at once"
        );
        assert_eq!(text(Some(0), None), "At least one subscriber identifier is required");
        assert_eq!(text(None, Some(0)), "At least one subscription is required");
        assert_eq!(
            text(None, None),
            "Either subscriberIds or subscriptions must be provided"
        );
    }
}
