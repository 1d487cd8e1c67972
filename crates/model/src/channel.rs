//! Closed lists of Novu's API. The official clients refuse any value that is not in them.

macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $wire:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// All values, in the order of the published contract.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];
            /// The wire forms of all values.
            pub const WIRE: &[&str] = &[$($wire,)*];

            /// The value on the wire.
            pub const fn wire(self) -> &'static str {
                match self { $(Self::$variant => $wire,)* }
            }

            /// Reads the wire form.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.wire() == text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.wire())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.wire())
            }
        }
    };
}

wire_enum! {
    /// A channel that messages go through.
    Channel { InApp = "in_app", Email = "email", Sms = "sms", Chat = "chat", Push = "push", Tool = "tool", }
}

wire_enum! {
    /// What has texts in several languages.
    Translated { Workflow = "workflow", Layout = "layout", }
}

wire_enum! {
    /// What a step does. `trigger` is the synthetic first job of a notification.
    StepType {
        InApp = "in_app", Email = "email", Sms = "sms", Chat = "chat", Push = "push", Digest = "digest",
        Trigger = "trigger", Delay = "delay", Throttle = "throttle", Custom = "custom", HttpRequest = "http_request",
    }
}

impl StepType {
    /// The channel that a step of this type sends through, if it sends.
    pub const fn channel(self) -> Option<Channel> {
        match self {
            Self::InApp => Some(Channel::InApp),
            Self::Email => Some(Channel::Email),
            Self::Sms => Some(Channel::Sms),
            Self::Chat => Some(Channel::Chat),
            Self::Push => Some(Channel::Push),
            Self::Digest | Self::Trigger | Self::Delay | Self::Throttle | Self::Custom | Self::HttpRequest => None,
        }
    }
}

wire_enum! {
    /// How far a job is (engine.md d.3).
    JobStatus {
        Pending = "pending", Queued = "queued", Running = "running", Completed = "completed", Failed = "failed",
        Delayed = "delayed", Canceled = "canceled", Merged = "merged", Skipped = "skipped",
    }
}

wire_enum! {
    /// Why a job did not do its work: the lifecycle details of engine.md d.3.
    JobReason {
        StepCondition = "step_condition", Preference = "preference", Schedule = "schedule",
        MissingEmail = "missing_email", MissingPhone = "missing_phone", MissingPushToken = "missing_push_token",
        MissingWebhookUrl = "missing_webhook_url", Throttled = "throttled",
        ExecutionStopped = "execution_stopped", ExecutionCanceledByUser = "execution_canceled_by_user",
    }
}

wire_enum! {
    /// What an event came to for a subscriber.
    Outcome { Received = "received", Waiting = "waiting", NotReceived = "not_received", NoRecipient = "no_recipient", }
}

wire_enum! {
    /// What became of a message.
    MessageStatus { Sent = "sent", Error = "error", Warning = "warning", }
}

wire_enum! {
    /// How a trace is coloured in the activity feed.
    TraceStatus {
        Success = "Success", Warning = "Warning", Failed = "Failed", Pending = "Pending", Queued = "Queued",
        ReadConfirmation = "ReadConfirmation",
    }
}

wire_enum! {
    /// Where a trace comes from.
    TraceSource { Credentials = "Credentials", Internal = "Internal", Payload = "Payload", Webhook = "Webhook", }
}

wire_enum! {
    /// How urgent a notification is shown.
    Severity { High = "high", Medium = "medium", Low = "low", None = "none", }
}

wire_enum! {
    /// How a grant or an endpoint stands (design, section 6).
    HealthStatus {
        /// The last probe or send worked.
        Active = "active",
        /// It ends soon and cannot renew itself.
        Expiring = "expiring",
        /// It works in part, or fails for now.
        Degraded = "degraded",
        /// Only the customer can mend it.
        NeedsReauth = "needs_reauth",
        /// The customer took it back.
        Revoked = "revoked",
        /// Endpoints only: this place cannot be reached.
        Broken = "broken",
    }
}

wire_enum! {
    /// Whether a workflow can be triggered, and whether its content is sound.
    WorkflowStatus { Active = "ACTIVE", Inactive = "INACTIVE", Error = "ERROR", }
}

wire_enum! {
    /// Where a workflow is written: through the API, through the API's first version, or in code.
    Origin { NovuCloud = "novu-cloud", NovuCloudV1 = "novu-cloud-v1", External = "external", }
}

wire_enum! {
    /// How one delivery stands: ours, never shown under a Novu name.
    DeliveryState {
        /// Waits for its first attempt.
        Pending = "pending",
        /// Waits for its next attempt.
        Waiting = "waiting",
        /// Waits for the customer to reconnect.
        Held = "held",
        /// The provider has it and gave an id, or said that it arrived.
        Delivered = "delivered",
        /// The provider queued it.
        Accepted = "accepted",
        /// It will never work.
        Rejected = "rejected",
        /// Its time ran out while it waited.
        Expired = "expired",
        /// It was called off while it waited: its event was canceled, or its subscriber does not want it any more.
        Canceled = "canceled",
    }
}

impl DeliveryState {
    /// Whether nothing more will happen to the delivery by itself.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Delivered | Self::Accepted | Self::Rejected | Self::Expired | Self::Canceled
        )
    }

    /// Whether the provider took the message.
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Delivered | Self::Accepted)
    }
}

#[expect(clippy::derivable_impls, reason = "the macro has no place for it")]
impl Default for Severity {
    fn default() -> Self {
        Self::None
    }
}
