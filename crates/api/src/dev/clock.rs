//! `POST /dev/clock/advance`: Campanile's own clock goes forward, never back. Waits, retries and expiries follow it;
//! what is compared with other clocks does not.

use std::time::Duration;

use campanile_model::{Error, Result, Time};
use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::route::Route;
use crate::shape::{Path, Problems, Schemas, Shape};
use crate::{dto, route};

pub(crate) const ADVANCE: Route = route!(
    post "/dev/clock/advance", "", "Move Campanile's clock forward", run,
    .dev().status(200).takes::<AdvanceClock>()
);

/// Ids hold seconds in four bytes, which last until 2106: 2100-01-01.
const LAST: Time = Time::from_millis(4_102_444_800_000);

dto! {
    /// How far the clock goes.
    AdvanceClock {
        required seconds: Seconds = "seconds";
    }
}

/// A whole number of seconds, at least one.
#[derive(Clone, Debug)]
pub(super) struct Seconds(u64);

impl Shape for Seconds {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        let seconds = value.as_u64().filter(|seconds| *seconds > 0);
        if seconds.is_none() {
            problems.add(
                path,
                "must be a whole number of seconds, at least 1: the clock never goes back",
            );
        }
        seconds.map(Self)
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({ "type": "integer", "minimum": 1 })
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: AdvanceClock = call.body()?;
    let by = Duration::from_secs(body.seconds.0);
    if call.store().now().plus(by) > LAST {
        return Err(Error::bad_request(format!(
            "The clock goes no further than {LAST}; it never goes back. Start with another data dir for the time of today."
        )));
    }
    call.store().advance_clock(by).await?;
    Reply::raw(200, &json!({ "data": { "now": call.store().now() } }))
}
