//! What the hosted pages say, in English, in one place.

use campanile_connect::destinations::Kind;
use campanile_connect::hosted::Pick;
use campanile_model::Time;
use campanile_model::channel::HealthStatus;

pub(super) const FORGED_TITLE: &str = "This link does not work";
pub(super) const FORGED: &str =
    "It may have been copied only in part. Open it again from where you found it, or ask for a new one.";
pub(super) const ENDED_TITLE: &str = "This link has ended";
pub(super) const ENDED: &str =
    "Links like this one work for a short time only. Go back to where you found it and ask for a new one.";
pub(super) const GONE: &str =
    "What this link was for has been removed since. Go back to where you found it and ask for a new one.";
pub(super) const FAILED_TITLE: &str = "That did not work";
pub(super) const FAILED: &str = "Something went wrong on our side. Please try again in a moment.";
pub(super) const STALE_FORM: &str = "This page was opened in another place, or has become too old. Open the link again and repeat what you wanted to do.";
pub(super) const NO_PUBLIC_URL: &str = "Set CAMPANILE_PUBLIC_URL to the address under which browsers reach this server: links to the connect page begin with it.";

pub(super) const NO_CHOICES_YET: &str = "Nothing is chosen yet: messages have nowhere to go.";
pub(super) const NOTHING_FOUND: &str = "Nothing was found.";
pub(super) const SEARCH: &str = "Search";
pub(super) const MORE: &str = "Show more";
pub(super) const SHOW_ALL: &str = "Show all";
pub(super) const CHOSEN: &str = "Chosen";
pub(super) const REMOVE: &str = "Remove";
pub(super) const TEST: &str = "Send a test message";
pub(super) const DESTINATIONS: &str = "Where messages go";
pub(super) const DISCONNECT: &str = "Disconnect";
pub(super) const CANCEL: &str = "Keep it connected";
pub(super) const MENDED: &str = "There is nothing left to do here. You can close this page.";

/// What a vendor calls itself, the place that is connected, and what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Vendor {
    pub(super) name: &'static str,
    pub(super) place: &'static str,
    /// What channels are in.
    pub(super) team: &'static str,
    pub(super) channel: &'static str,
}

/// The vendor of a provider.
pub(super) fn vendor(provider_id: &str) -> Vendor {
    let (name, place, team, channel) = match provider_id {
        "slack" => ("Slack", "workspace", "workspace", "channel"),
        "msteams" => ("Microsoft Teams", "organisation", "team", "channel"),
        "webex-messaging" => ("Webex", "organisation", "team", "room"),
        _ => ("your chat", "workspace", "team", "channel"),
    };
    Vendor {
        name,
        place,
        team,
        channel,
    }
}

/// A state in two words, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) state: &'static str,
    pub(super) meaning: String,
}

/// How a connection stands, and what to do about it.
pub(super) fn health(vendor: Vendor, status: HealthStatus, missing: &[String], ends_at: Option<Time>) -> Words {
    let Vendor { name, place, .. } = vendor;
    let (state, meaning) = match status {
        HealthStatus::Active => ("Connected", format!("Messages can be sent to this {name} {place}.")),
        HealthStatus::Expiring => (
            "Ends soon",
            match ends_at {
                Some(end) => format!("The permission ends on {}. Reconnect to renew it.", day(end)),
                None => "The permission ends soon. Reconnect to renew it.".to_owned(),
            },
        ),
        HealthStatus::Degraded if !missing.is_empty() => (
            "Works in part",
            format!(
                "{name} has not given every permission that is needed ({}). Reconnect to give them.",
                missing.join(", ")
            ),
        ),
        HealthStatus::Degraded => (
            "Trouble for now",
            format!(
                "{name} does not take messages at the moment. They are kept and tried again; there is nothing to do."
            ),
        ),
        HealthStatus::NeedsReauth | HealthStatus::Broken => (
            "Not working",
            format!("{name} does not accept the permission any more. Messages wait until you reconnect."),
        ),
        HealthStatus::Revoked => (
            "Not working",
            format!("The app was removed from this {name} {place}. Messages wait until you reconnect."),
        ),
    };
    Words { state, meaning }
}

/// A day as people of every country read it.
fn day(time: Time) -> String {
    time.timestamp().strftime("%-d %B %Y").to_string()
}

pub(super) fn connect_title(vendor: Vendor) -> String {
    format!("Connect {}", vendor.name)
}

pub(super) fn connect_text(app: Option<&str>, vendor: Vendor) -> String {
    let Vendor { name, place, .. } = vendor;
    match app {
        Some(app) => format!(
            "{app} would like to send messages to your {name} {place}. {name} will show you what that needs, and ask whether you agree."
        ),
        None => format!(
            "To send messages to your {name} {place}, {name} will show you what that needs, and ask whether you agree."
        ),
    }
}

pub(super) fn connect_button(vendor: Vendor) -> String {
    format!("Connect {}", vendor.name)
}

pub(super) fn reconnect_button(vendor: Vendor) -> String {
    format!("Reconnect {}", vendor.name)
}

pub(super) fn mended_title(workspace: &str) -> String {
    format!("{workspace} is connected")
}

pub(super) fn reason(reason: &str) -> String {
    // What vendors call a thing stands between backticks, which mean nothing to people.
    format!("Reason: {}", reason.replace('`', ""))
}

pub(super) fn page_title(title: &str, app: Option<&str>) -> String {
    app.map_or_else(|| title.to_owned(), |app| format!("{title} · {app}"))
}

pub(super) fn back_to(app: Option<&str>) -> String {
    format!("Back to {}", app.unwrap_or("the app"))
}

/// A workspace that has told no name, by its id.
pub(super) fn unnamed(vendor: Vendor, id: &str) -> String {
    format!("{}: {id}", sentence(vendor.place))
}

pub(super) fn choose(pick: Pick, vendor: Vendor) -> String {
    match pick {
        Pick::User => "Choose a person".to_owned(),
        Pick::Channel | Pick::None => format!("Choose a {}", vendor.channel),
    }
}

pub(super) fn search_label(kind: Kind, vendor: Vendor) -> String {
    match kind {
        Kind::User => "Search people".to_owned(),
        Kind::Channel => format!("Search {}s", vendor.channel),
        Kind::Team => format!("Search {}s", vendor.team),
    }
}

pub(super) fn choose_team(vendor: Vendor) -> String {
    format!("Choose a {} first.", vendor.team)
}

pub(super) fn other_team(vendor: Vendor) -> String {
    format!("Choose another {}", vendor.team)
}

pub(super) fn within(team: &str) -> String {
    format!("In {team}.")
}

pub(super) fn type_a_name(letters: usize) -> String {
    format!("Type at least {letters} letters of a name.")
}

/// With a capital at its beginning.
pub(crate) fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    first.chain(rest).collect()
}

pub(super) fn list_is_not_complete() -> &'static str {
    "The list is not complete yet; search or load the page again in a moment."
}

pub(super) fn cannot_list(vendor: Vendor) -> String {
    format!(
        "{} did not give its list just now. Load the page again in a moment.",
        vendor.name
    )
}

pub(super) fn action_on(action: &str, name: &str) -> String {
    format!("{action}: {name}")
}

pub(super) fn disconnect_title(workspace: &str) -> String {
    format!("Disconnect {workspace}?")
}

pub(super) fn disconnect_text(vendor: Vendor, app: Option<&str>, shared: bool) -> String {
    let who = app.map_or_else(|| "Messages".to_owned(), |app| format!("Messages from {app}"));
    let whom = if shared {
        ", for everybody who shares this connection"
    } else {
        ""
    };
    format!(
        "{who} will no longer reach {}{whom}. You can connect again at any time.",
        vendor.name
    )
}

/// What has just been done, after a form was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Connected,
    Refused,
    Picked,
    AlreadyPicked,
    Removed,
    Tested,
    TestFailed,
    Disconnected,
}

impl Said {
    const ALL: [(Self, &'static str, &'static str); 8] = [
        (Self::Connected, "connected", "Connected."),
        (
            Self::Refused,
            "refused",
            "The permission was not given, so nothing was changed.",
        ),
        (Self::Picked, "picked", "Chosen. Messages go there from now on."),
        (Self::AlreadyPicked, "already", "That was chosen already."),
        (Self::Removed, "removed", "Removed. No more messages go there."),
        (Self::Tested, "tested", "The test message was sent. Have a look."),
        (Self::TestFailed, "test-failed", "The test message could not be sent."),
        (Self::Disconnected, "disconnected", "Disconnected."),
    ];

    /// The word in the address of the page that says it.
    pub(super) fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(said, ..)| *said == self)
            .map_or("", |(_, word, _)| word)
    }

    pub(super) fn text(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(said, ..)| *said == self)
            .map_or("", |(.., text)| text)
    }

    /// Whether it is bad news.
    pub(super) fn is_bad(self) -> bool {
        matches!(self, Self::Refused | Self::TestFailed)
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, known, _)| *known == word)
            .map(|(said, ..)| *said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_says_what_to_do() {
        let slack = vendor("slack");
        let missing = ["channels:read".to_owned()];
        for status in HealthStatus::ALL {
            let words = health(slack, *status, &missing, None);
            let mended = matches!(status, HealthStatus::Active) || words.meaning.contains("econnect");
            assert!(mended, "{status}: {}", words.meaning);
        }
        let end = Time::parse("2026-03-04T00:00:00Z");
        assert!(
            health(slack, HealthStatus::Expiring, &[], end)
                .meaning
                .contains("4 March 2026")
        );
    }

    #[test]
    fn what_was_said_is_said_again() {
        for (said, word, text) in Said::ALL {
            assert_eq!((Said::parse(word), said.word(), said.text()), (Some(said), word, text));
        }
        assert_eq!(Said::parse("<script>"), None);
    }
}
