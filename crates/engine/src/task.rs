//! The payloads of tasks. Each kind carries its version in its name; a kind that this version does not know is parked,
//! so that an upgrade that is undone loses nothing.

use campanile_model::Id;
use serde::{Deserialize, Serialize};

/// Plans the recipients of an event from this one on.
pub(crate) const PLAN: &str = "PlanV1";
/// The same for an event whose recipients are read from topics or are everybody: versions that know no topics park it.
pub(crate) const PLAN_STREAM: &str = "PlanV2";
/// Runs a notification's steps from this one on.
pub(crate) const ADVANCE: &str = "AdvanceV1";
/// Makes an attempt of a delivery.
pub(crate) const DELIVER: &str = "DeliverV1";

/// Makes the call of an HTTP request step.
pub(crate) const HTTP_REQUEST: &str = "HttpRequestV1";
/// Makes an attempt of a webhook.
pub(crate) const WEBHOOK: &str = "WebhookV1";

/// Closes a digest.
pub(crate) const DIGEST: &str = "DigestV1";
/// Removes what a deleted environment held.
pub(crate) const ERASE: &str = "EraseV1";

/// [`PLAN`] and [`PLAN_STREAM`]: how far the plan of an event has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) event: String,
    /// The first named recipient that is not planned yet.
    #[serde(default)]
    pub(crate) from: usize,
    /// The topic whose members come next, once everybody who is named is planned.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) topic: usize,
    /// The last of them who is planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<String>,
}

impl Plan {
    /// The beginning.
    pub(crate) fn begin(event: Id) -> Self {
        Self {
            event: event.to_string(),
            from: 0,
            topic: 0,
            after: None,
        }
    }

    /// Whether this is the beginning.
    pub(crate) fn begins(&self) -> bool {
        self.from == 0 && self.topic == 0 && self.after.is_none()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// [`ADVANCE`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AdvanceV1 {
    pub(crate) notification: String,
    /// The job that is next.
    pub(crate) position: i64,
    /// The job waited, and its time has come: the ones after it are next.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) over: bool,
    /// A wait that ends outside of the subscriber's schedule goes on to its next opening.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) extends: bool,
}

impl AdvanceV1 {
    /// From this job on, which waited for nothing.
    pub(crate) fn at(notification: Id, position: i64) -> Self {
        Self {
            notification: notification.to_string(),
            position,
            over: false,
            extends: false,
        }
    }
}

/// [`DELIVER`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DeliverV1 {
    pub(crate) message: String,
    pub(crate) delivery: String,
    /// The job that the message belongs to, should the message be deleted before its turn.
    pub(crate) notification: String,
    pub(crate) position: i64,
    /// Whether its first attempt has ended.
    #[serde(default)]
    pub(crate) tried: bool,
    /// The job that comes after this one, when there is one: its id and place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<(String, i64)>,
}

/// [`HTTP_REQUEST`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct HttpRequestV1 {
    pub(crate) notification: String,
    pub(crate) position: i64,
    /// Whose calls wait for each other.
    pub(crate) workflow: String,
    /// The rendered controls, sealed.
    pub(crate) controls: String,
    /// Whether a holder died with it before it was put back.
    #[serde(default)]
    pub(crate) repeated: bool,
}

/// [`WEBHOOK`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WebhookV1 {
    pub(crate) endpoint: String,
    pub(crate) delivery: String,
    /// Attempts that have ended since it was last driven: waits grow with them.
    #[serde(default)]
    pub(crate) tries: i64,
    /// Whether a holder died with it before it was put back.
    #[serde(default)]
    pub(crate) repeated: bool,
}

/// [`ERASE`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EraseV1 {
    pub(crate) environment: String,
}

/// [`DIGEST`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DigestV1 {
    pub(crate) window: String,
    /// As of [`AdvanceV1`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) extends: bool,
}

/// A payload as it is stored.
pub(crate) fn payload(task: &impl Serialize) -> String {
    // These types hold texts and numbers only.
    serde_json::to_string(task).unwrap_or_default()
}
