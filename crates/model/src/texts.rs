//! The catalogue of texts that people read in the activity feed. A trace stores the code; the text is looked up when
//! it is read, so that a text can be mended for old rows too. Texts that the original has are its own, to the letter
//! (engine.md h), because dashboards and users know them.

macro_rules! details {
    ($($(#[$doc:meta])* $name:ident = $code:literal => $text:literal;)*) => {
        /// What a trace tells.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Detail { $($(#[$doc])* $name,)* }

        impl Detail {
            /// All details.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stored code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The sentence in English.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

details! {
    /// A job was planned.
    StepCreated = "step_created" => "Step created";
    /// A job is next.
    StepQueued = "step_queued" => "Step queued";
    /// A message row was written.
    MessageCreated = "message_created" => "Message created";
    /// A provider took the message.
    MessageSent = "message_sent" => "Message sent";
    /// Rendering failed.
    MessageContentNotGenerated = "message_content_not_generated" => "Message content could not be generated";
    /// No endpoint and no legacy channel.
    SubscriberNoChannel = "subscriber_channel_missing" => "Subscriber does not have a configured channel";
    /// The same, with contexts on the event.
    SubscriberNoChannelInContext = "subscriber_context_channel_missing" => "Subscriber does not have a configured channel with the given context";
    /// The integration of an endpoint is gone or not active.
    NoActiveIntegration = "subscriber_integration_missing" => "Subscriber does not have an active integration";
    /// The integration that a message goes through.
    IntegrationSelected = "integration_selected" => "Integration instance selected";
    /// The integration was taken because of its conditions.
    IntegrationConditionsMatched = "integration_conditions_matched" => "The integration was chosen by its conditions";
    /// Integrations were passed over because of their conditions.
    IntegrationConditionsNotMet = "integration_conditions_not_met" => "Integrations were passed over because their conditions are not met";
    /// A provider refused for good.
    ProviderError = "provider_error" => "Unexpected provider error";
    /// A legacy chat channel without address.
    WebhookUrlMissing = "chat_webhook_url_missing" => "Webhook URL for the chat channel is missing";
    /// A legacy phone channel without number.
    PhoneMissing = "chat_missing_phone_number" => "Subscriber is missing a phone number";
    /// Nothing of a chat step was sent.
    AllChatFailed = "chat_all_channels_failed" => "All chat channels failed to send the message";
    /// A part of a chat step was skipped.
    SomeChatSkipped = "chat_some_channels_skipped" => "Some chat channels skipped to send the message";
    /// The trigger said how urgent the notification is.
    SeverityOverridden = "severity_overridden" => "Severity for the message was overridden";
    /// The conditions of a step said no.
    ConditionsNotMet = "filter_steps" => "Step was skipped based on steps conditions";
    /// The conditions of a step said yes.
    ConditionsMatched = "step_conditions_matched" => "Step conditions matched";
    /// The conditions of a step have no answer.
    ConditionsFailed = "step_conditions_failed" => "Step conditions could not be evaluated";
    /// A step that sends nothing has done its work.
    StepCompleted = "step_completed" => "Step completed";
    /// The call of an HTTP request step failed.
    ActionStepFailed = "action_step_execution_failed" => "Action step execution failed";
    /// The answer to an HTTP request step cannot be used by later steps.
    AnswerIsNoObject = "http_request_response_not_object" => "HTTP request step received a non-object response";
    /// The answer to an HTTP request step does not fit its schema.
    AnswerDoesNotFit = "response_body_schema_validation_failed" => "Response body schema validation failed";
    /// A worker died while this call was under way.
    CallRepeated = "http_request_repeated" => "A previous call was interrupted, its result is unknown; calling again with the same idempotency-key";
    /// Neither the subscriber's locale nor the default one has a text.
    TranslationMissing = "translation_missing" => "Translations are missing; their keys were sent in their place";
    /// Nobody to send the mail to.
    SubscriberNoEmail = "subscriber_missing_email_address" => "Subscriber missing email address";
    /// Nobody to send the SMS to.
    SubscriberNoPhone = "subscriber_missing_phone_number" => "Subscriber missing phone number";
    /// A push channel without devices.
    PushTokensMissing = "push_missing_device_tokens" => "Subscriber credentials is missing the tokens for sending a push notification message";
    /// The layout around a mail.
    LayoutSelected = "layout_selected" => "Layout selected";
    /// The layout that was asked for is not there.
    LayoutNotFound = "layout_not_found" => "Layout not found ";
    /// The workflow's own preferences keep a step from running.
    FilteredByWorkflow = "filtered_by_workflow_preferences" => "Step filtered by workflow preferences";
    /// What was set for the workflow in the dashboard does.
    FilteredByUser = "filtered_by_user_preferences" => "Step filtered by user preferences";
    /// What the subscriber chose for all workflows does.
    FilteredByGlobal = "filtered_by_global_preferences" => "Step filtered by subscriber global preferences";
    /// What the subscriber chose for this workflow does.
    FilteredBySubscriber = "filtered_by_subscriber_preferences" => "Step filtered by subscriber workflow preferences";
    /// It is a time at which the subscriber wants no messages.
    OutsideSchedule = "outside_subscriber_schedule" => "The step was skipped as it fell outside the subscriber's schedule";
    /// A delivery waits for the next time at which the subscriber wants messages.
    DeliveryAwaitsSchedule = "delivery_awaits_schedule" => "It is outside the subscriber's schedule; the message waits until the schedule opens";
    /// A delivery is given up because the subscriber does not want it any more.
    DeliveryUnwanted = "delivery_unwanted" => "The subscriber turned this channel off before the message could be sent; it is not sent";
    /// The step cannot run in this version.
    StepNotExecutable = "step_not_executable" => "This server cannot execute steps of this type yet; the step was skipped";
    /// A delivery waits for its next attempt.
    DeliveryRetry = "delivery_retry_scheduled" => "The provider could not take the message now; it will be tried again";
    /// A delivery waits for a reconnect.
    DeliveryHeld = "delivery_held" => "The message is held until the channel connection is reconnected";
    /// A delivery waits for new tokens of its connection.
    DeliveryAwaitsToken = "delivery_awaits_token" => "The access token of the channel connection is being renewed; the message waits for the new one";
    /// A held delivery goes on.
    DeliveryReleased = "delivery_released" => "The channel connection was reconnected; the held message is sent now";
    /// A message got too old to be sent.
    DeliveryExpired = "delivery_expired" => "The message expired before it could be sent";
    /// A worker died while this delivery was under way.
    DeliveryRepeated = "delivery_repeated" => "A previous attempt was interrupted, its result is unknown; sending again, the message may arrive twice";
    /// A call ended without an answer.
    DeliveryUnknown = "delivery_unknown" => "The provider did not answer; the message may have been sent and will be tried again";
    /// The provider accepted the message for later.
    DeliveryAccepted = "delivery_accepted" => "The provider accepted the message and queued it";
    /// Dev mode kept the message in the outbox.
    OutboxKept = "outbox_kept" => "Dev mode: the message was put into the outbox at /dev instead of being sent";
    /// The workflow was removed or changed before the step ran.
    StepGone = "step_gone" => "The workflow or this step was removed before the step could run";
    /// A recipient could not be stored.
    RecipientRefused = "subscriber_validation_failed" => "The recipient is not valid and was left out";
    /// A trigger names a topic that is not there. A trace of the event itself.
    TopicNotFound = "topic_not_found" => "Topic not found in current environment";
    /// What the subscriptions of a topic's member say about the workflow. Of the notification, or of the event when it
    /// made none.
    SubscriptionEvaluated = "topic_subscription_preference_evaluation" => "Topic subscription preference evaluation";
    /// An override of an endpoint's address did not fit its type.
    OverrideIgnored = "endpoint_override_ignored" => "The address override does not fit the endpoint's type and was ignored";
    /// A step was skipped because another step before it failed.
    StepCanceledByFailure = "step_canceled_by_failure" => "Step was canceled because a previous step failed";
    /// A delay began.
    StepDelayed = "step_delayed" => "Step delayed";
    /// A delay ended.
    DelayFinished = "delay_finished" => "Delay is finished";
    /// The controls of a delay make no sense.
    DelayInvalid = "delay_misconfigured" => "Invalid delay configuration";
    /// A digest was opened.
    StepDigested = "step_digested" => "Step digested";
    /// The controls of a digest make no sense.
    DigestInvalid = "digest_misconfigured" => "Invalid digest configuration";
    /// An event joined a digest.
    DigestMerged = "digest_merged" => "Digest was merged with other digest";
    /// A digest closed.
    DigestTriggered = "digest_triggered_events" => "Digest triggered events";
    /// The first event in the look-back of a digest.
    DigestSkippedFirst = "digest_skipped_first_backoff_event" => "Digest was skipped, first backoff event";
    /// The event that opened a digest was canceled, and this one is the oldest of the others.
    DigestTakenOver = "digest_taken_over" => "The event that opened the digest was canceled; this one goes on with it, to the same time";
    /// A throttle let nothing more through.
    Throttled = "throttle_limit_exceeded" => "Throttle limit exceeded for the given window";
    /// The window of a throttle is over before it began.
    ThrottleInPast = "throttle_window_in_past" => "Throttle window date is in the past";
    /// A throttle without a window.
    ThrottleIgnored = "throttle_misconfigured" => "The throttle has no valid window and was ignored";
    /// A wait ended outside of the subscriber's schedule and was extended.
    ExtendedToSchedule = "step_extended_to_schedule" => "Step was extended to the next available time in the subscriber schedule";
    /// A wait was extended often enough.
    ExtensionsReached = "skipped_step_max_extensions_reached" => "Step was executed due to maximum number of subscriber schedule extensions reached";
    /// Somebody canceled the event.
    StepCanceled = "step_canceled" => "Step execution was canceled by Novu platform user";
    /// The endpoint hung on a connection that is gone.
    ConnectionGone = "connection_gone" => "The channel connection of this endpoint was deleted";
}

/// The text for a stored code; a code of another version stands for itself.
pub fn text(code: &str) -> &str {
    Detail::ALL
        .iter()
        .find(|detail| detail.code() == code)
        .map_or(code, |detail| detail.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique() {
        for (index, detail) in Detail::ALL.iter().enumerate() {
            assert!(
                Detail::ALL[..index].iter().all(|other| other.code() != detail.code()),
                "{}",
                detail.code()
            );
        }
    }

    #[test]
    fn an_unknown_code_stands_for_itself() {
        assert_eq!(text("step_created"), "Step created");
        assert_eq!(text("from_a_later_version"), "from_a_later_version");
    }
}
