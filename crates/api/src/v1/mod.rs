//! Routes under `/v1`.

pub(crate) mod channel_connections;
pub(crate) mod channel_endpoints;
pub(crate) mod channels;
pub(crate) mod environment_variables;
pub(crate) mod environments;
pub(crate) mod events;
pub(crate) mod inbox;
pub(crate) mod integrations;
pub(crate) mod messages;
pub(crate) mod notifications;
pub(crate) mod subscribers;
pub(crate) mod test_message;
pub(crate) mod topics;
pub(crate) mod webhooks;
