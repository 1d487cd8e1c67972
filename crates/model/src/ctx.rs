//! Who asks, for which environment, and what they may do: the first argument of everything below HTTP.

use crate::id::Id;

/// The context of one call. A query for tenant data cannot be written without one.
#[derive(Clone, Debug)]
pub struct Ctx {
    /// The tenant of the server.
    pub organization: Id,
    /// The environment whose data is read and written.
    pub environment: Id,
    /// Who asks.
    pub actor: Actor,
    /// What they may do.
    pub permissions: Permissions,
    /// The id of the request that caused this; it is in the answer, in logs and in traces.
    pub request_id: String,
}

/// Who does something; written into the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A caller with an API key.
    ApiKey(Id),
    /// A subscriber in an inbox session, by our id.
    Subscriber(Id),
    /// Whoever holds a link to the hosted connect page.
    ConnectPage,
    /// The server itself: workers, start-up.
    System,
}

impl Actor {
    /// How the audit trail writes the actor.
    pub fn describe(&self) -> String {
        match self {
            Self::ApiKey(id) => format!("api-key:{id}"),
            Self::Subscriber(id) => format!("subscriber:{id}"),
            Self::ConnectPage => "connect-page".to_owned(),
            Self::System => "system".to_owned(),
        }
    }
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $wire:literal;)*) => {
        /// One thing that a caller may be allowed to do; the names are Novu's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Permission { $($(#[$doc])* $name,)* }

        impl Permission {
            /// All permissions, in the order of their bits.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name on the wire, as in Novu's roles.
            pub const fn wire(self) -> &'static str {
                match self { $(Self::$name => $wire,)* }
            }
        }
    };
}

permissions! {
    /// Trigger events.
    EventWrite = "event:write";
    /// Read subscribers and their channel endpoints.
    SubscriberRead = "subscriber:read";
    /// Change subscribers and their channel endpoints.
    SubscriberWrite = "subscriber:write";
    /// Read integrations and connections.
    IntegrationRead = "integration:read";
    /// Change integrations and connections.
    IntegrationWrite = "integration:write";
    /// Read workflows.
    WorkflowRead = "workflow:read";
    /// Change workflows.
    WorkflowWrite = "workflow:write";
    /// Read the activity feed.
    NotificationRead = "notification:read";
    /// Read messages.
    MessageRead = "message:read";
    /// Delete messages.
    MessageWrite = "message:write";
    /// Read environments.
    EnvironmentRead = "environment:read";
    /// Change environments.
    EnvironmentWrite = "environment:write";
    /// Read API keys.
    ApiKeyRead = "apikey:read";
    /// Make and remove API keys.
    ApiKeyWrite = "apikey:write";
    /// Read outbound webhooks: their endpoints, secrets and deliveries.
    WebhookRead = "webhook:read";
    /// Change outbound webhooks and deliver again.
    WebhookWrite = "webhook:write";
    /// Read topics and who is subscribed to them.
    TopicRead = "topic:read";
    /// Change topics and who is subscribed to them.
    TopicWrite = "topic:write";
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions(u32);

impl Permissions {
    /// Everything: an unscoped API key.
    pub const ALL: Self = Self(u32::MAX);
    /// Nothing: a subscriber, whose routes ask for no permission.
    pub const NONE: Self = Self(0);

    /// The set named by wire names; unknown names grant nothing.
    pub fn from_wire<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut bits = 0;
        for name in names {
            for permission in Permission::ALL.iter().filter(|permission| permission.wire() == name) {
                bits |= 1 << *permission as u32;
            }
        }
        Self(bits)
    }

    /// Whether the set holds `permission`.
    pub const fn allows(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u32) != 0
    }
}

impl Ctx {
    /// The server's own context for work in an environment.
    pub fn system(organization: Id, environment: Id, request_id: impl Into<String>) -> Self {
        Self {
            organization,
            environment,
            actor: Actor::System,
            permissions: Permissions::ALL,
            request_id: request_id.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scoped_set_allows_only_what_it_names() {
        let set = Permissions::from_wire(["event:write", "no:such"]);
        assert!(set.allows(Permission::EventWrite));
        assert!(!set.allows(Permission::SubscriberRead));
        assert!(
            Permission::ALL
                .iter()
                .all(|permission| Permissions::ALL.allows(*permission))
        );
    }
}
