//! `POST /dev/clock/advance`: Campanile's own clock goes forward, never back. Waits, retries and expiries follow it;
//! what is compared with other clocks does not.

use std::time::Duration;

use campanile_model::{Error, Result, Time};
use serde_json::json;

use crate::call::{Call, Reply};
use crate::route::Route;
use crate::shape::{Number, rules};
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
        required seconds: Number = "seconds" [rules::at_least(1)];
    }
}

async fn run(call: Call) -> Result<Reply> {
    let body: AdvanceClock = call.body()?;
    let by = Duration::from_secs(u64::try_from(body.seconds.0).unwrap_or(0));
    if call.store().now().plus(by) > LAST {
        return Err(Error::bad_request(format!(
            "The clock goes no further than {LAST}; it never goes back. Start with another data dir for the time of today."
        )));
    }
    call.store().advance_clock(by).await?;
    Reply::raw(200, &json!({ "data": { "now": call.store().now() } }))
}
