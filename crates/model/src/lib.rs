//! The words of Campanile: ids, time, context of a call, errors, and the closed lists of Novu's API.
//!
//! Nothing here does I/O. Every other crate stands on this one.

pub mod changes;
pub mod channel;
pub mod choices;
pub mod clock;
pub mod context;
pub mod ctx;
pub mod error;
pub mod id;
pub mod locale;
pub mod slug;
pub mod texts;
pub mod time;

pub use channel::{Channel, StepType};
pub use clock::Clock;
pub use ctx::{Actor, Ctx, Permission, Permissions};
pub use error::{Error, Result};
pub use id::{Id, IdMaker};
pub use time::Time;
