//! Slack's error codes and what each means for us. Source: docs.slack.dev, errors of `chat.postMessage` and of incoming
//! webhooks.

use crate::{
    chat::refused,
    outcome::{Health, Level, Outcome},
    transport::Response,
};

/// What an error code calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// The grant is gone.
    Dead,
    /// The access token ended; the refresh token may still be good.
    Refreshable,
    /// The token is of a kind that cannot do this.
    Reconsent,
    /// The grant lacks a permission.
    Scope,
    /// Our user's Slack app is set up wrongly.
    App,
    /// This channel, user or webhook cannot be posted to.
    Endpoint,
    /// This content cannot be posted.
    Message,
    /// Too much or too early.
    Busy,
    /// The workspace is moving to an organisation, which takes hours.
    Migrating,
    /// It may have been posted.
    Ambiguous,
    /// A code that this table does not know: Slack said no, so nothing was posted.
    Unlisted,
}

pub(super) fn class(code: &str) -> Class {
    match code {
        "invalid_auth" | "account_inactive" | "token_revoked" | "not_authed" => Class::Dead,
        "token_expired" => Class::Refreshable,
        "not_allowed_token_type" => Class::Reconsent,
        "missing_scope"
        | "no_permission"
        | "ekm_access_denied"
        | "access_denied"
        | "team_access_not_granted"
        | "enterprise_is_restricted"
        | "two_factor_setup_required"
        | "accesslimited" => Class::Scope,
        "messages_tab_disabled" | "method_deprecated" | "deprecated_endpoint" | "unknown_method" => Class::App,
        "channel_not_found"
        | "is_archived"
        | "channel_is_archived"
        | "is_inactive"
        | "not_in_channel"
        | "user_not_found"
        | "users_not_found"
        | "user_disabled"
        | "user_not_visible"
        | "cannot_dm_bot"
        | "team_not_found"
        | "channel_type_not_supported"
        | "action_prohibited"
        | "posting_to_general_channel_denied"
        | "no_service"
        | "no_service_id"
        | "no_active_hooks"
        | "no_team"
        | "team_disabled"
        | "invalid_token" => Class::Endpoint,
        "msg_too_long"
        | "msg_blocks_too_long"
        | "no_text"
        | "invalid_blocks"
        | "invalid_blocks_format"
        | "invalid_payload"
        | "invalid_attachments"
        | "too_many_attachments"
        | "attachment_payload_limit_exceeded"
        | "too_many_contact_cards"
        | "missing_text_or_fallback_or_attachments"
        | "markdown_text_conflict"
        | "invalid_metadata_format"
        | "invalid_metadata_schema"
        | "metadata_must_be_sent_from_app"
        | "metadata_too_large"
        | "invalid_unfurl_file_blocks"
        | "cannot_reply_to_message"
        | "duplicate_channel_not_found"
        | "duplicate_message_not_found"
        | "as_user_not_supported"
        | "must_be_app_user"
        | "slack_connect_blocked_file_type"
        | "slack_connect_canvas_sharing_blocked"
        | "slack_connect_clip_sharing_blocked"
        | "slack_connect_file_link_sharing_blocked"
        | "slack_connect_file_upload_sharing_blocked"
        | "slack_connect_lists_sharing_blocked"
        | "invalid_arg_name"
        | "invalid_arguments"
        | "invalid_array_arg"
        | "invalid_charset"
        | "invalid_form_data"
        | "invalid_json"
        | "json_not_object"
        | "invalid_post_type"
        | "missing_post_type"
        | "missing_charset"
        | "superfluous_charset" => Class::Message,
        "ratelimited"
        | "rate_limited"
        | "service_unavailable"
        | "message_limit_exceeded"
        | "external_channel_migrating" => Class::Busy,
        "team_added_to_org" | "org_login_required" => Class::Migrating,
        "internal_error" | "fatal_error" | "request_timeout" | "rollup_error" => Class::Ambiguous,
        // restricted_action and its variants: read-only channel, thread-only channel, locked thread
        _ if code.starts_with("restricted_action") => Class::Endpoint,
        _ => Class::Unlisted,
    }
}

/// Whether a plain text looks like one of Slack's codes.
pub(super) fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

pub(super) fn outcome(class: Class, code: &str, response: &Response, needed: Option<&str>) -> Outcome {
    let (level, message, health) = match class {
        Class::Dead => (
            Level::Grant,
            format!(
                "Slack no longer accepts the token of this workspace (`{code}`). The workspace must be reconnected."
            ),
            Some(Health::Revoked),
        ),
        // No health: the caller refreshes first, and only a refused refresh says that the grant needs its owner.
        Class::Refreshable => (
            Level::Grant,
            format!("The access token has expired (`{code}`); it must be refreshed before the next attempt."),
            None,
        ),
        Class::Reconsent => (
            Level::Grant,
            format!(
                "Slack does not accept this kind of token here (`{code}`). Reconnect the workspace with a bot token."
            ),
            Some(Health::NeedsReauth),
        ),
        Class::Scope => (
            Level::Grant,
            match needed {
                Some(scope) => format!(
                    "The app lacks the scope `{scope}` in this workspace (`{code}`). Its customer must consent again."
                ),
                None => format!("The app may not do this in this workspace (`{code}`). Its customer must allow it."),
            },
            Some(Health::Degraded {
                missing_scope: needed.map(str::to_owned),
            }),
        ),
        Class::App => (
            Level::Integration,
            format!("The Slack app is not set up for this (`{code}`)."),
            None,
        ),
        Class::Endpoint => (Level::Endpoint, endpoint_message(code), Some(Health::Broken)),
        Class::Message => (
            Level::Message,
            format!("Slack refused the content of the message (`{code}`)."),
            None,
        ),
        Class::Busy => (Level::Network, format!("Slack asks us to wait (`{code}`)."), None),
        Class::Migrating => (
            Level::Grant,
            format!("The workspace is being moved to a Slack organisation (`{code}`); sending works again after that."),
            Some(Health::Degraded { missing_scope: None }),
        ),
        Class::Ambiguous => (
            Level::Network,
            format!("Slack failed while posting (`{code}`); the message may have arrived."),
            None,
        ),
        Class::Unlisted => (Level::Message, format!("Slack refused the message (`{code}`)."), None),
    };
    let failure = refused(response, level, code, message).health(health);
    match class {
        Class::Busy => Outcome::RetryAt {
            after: response.retry_after(),
            failure,
        },
        Class::Refreshable | Class::Migrating => Outcome::RetryAt { after: None, failure },
        Class::Ambiguous => Outcome::Unknown(failure),
        _ => Outcome::Rejected(failure),
    }
}

pub(in crate::chat) fn endpoint_message(code: &str) -> String {
    match code {
        "not_in_channel" => {
            format!("The app is not a member of this Slack channel (`{code}`). Invite it to the channel.")
        }
        "channel_not_found" => {
            format!(
                "Slack does not show this channel to the app (`{code}`): it is gone, or private and without the app."
            )
        }
        "is_archived" | "channel_is_archived" => format!("The Slack channel is archived (`{code}`)."),
        "user_not_found" | "users_not_found" | "user_disabled" => format!("The Slack user is gone (`{code}`)."),
        _ => format!("Slack does not let us post here (`{code}`)."),
    }
}
