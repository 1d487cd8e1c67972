//! How the values of settings are read. Each function knows its rule, which completes the sentence "it must be …".

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::cidr::Cidr;
use super::secret::Secret;
use super::{ConnectionTokens, LogFormat};

/// A read value, or the rule that it broke.
pub(super) type Parsed<T> = Result<T, Cow<'static, str>>;

const ROLES: [&str; 3] = ["api", "realtime", "worker"];

pub(super) fn switch(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Ok(true),
        "false" | "off" | "no" | "0" => Ok(false),
        _ => Err("true or false (or on, off, yes, no, 1, 0)".into()),
    }
}

pub(super) fn listener(text: &str) -> Parsed<SocketAddr> {
    if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse().map_err(|_| "an IP address and a port".into())
}

pub(super) fn listener_or_off(text: &str) -> Parsed<Option<SocketAddr>> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    listener(text)
        .map(Some)
        .map_err(|_| "an IP address and a port, or off".into())
}

pub(super) fn path(text: &str) -> Parsed<PathBuf> {
    if text.trim().is_empty() {
        Err("a path".into())
    } else {
        Ok(text.into())
    }
}

/// The URL under which people reach the server. Its path ends with a slash, so that `Url::join` keeps it.
pub(super) fn public_url(text: &str) -> Parsed<Url> {
    let rule = "an http or https URL without user, query and fragment";
    let mut url = web_url(text)
        .filter(|url| url.query().is_none() && url.fragment().is_none())
        .ok_or(rule)?;
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// Scheme, host and port; a path would be dropped in silence, because the vendor's own stays.
pub(super) fn base_url(text: &str) -> Parsed<Url> {
    web_url(text)
        .filter(|url| url.path() == "/" && url.query().is_none() && url.fragment().is_none())
        .ok_or_else(|| "an http or https URL of scheme, host and port only (the provider's path stays)".into())
}

fn web_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let web = matches!(url.scheme(), "http" | "https") && url.has_host();
    (web && url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// A proxy's URL may carry a user and a password, so it is kept as a secret.
pub(super) fn proxy(text: &str) -> Parsed<Secret> {
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.map(|_| Secret::from(text))
        .ok_or_else(|| "the http or https URL of a proxy".into())
}

/// The non-empty items of a list separated by commas.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

pub(super) fn networks(text: &str) -> Parsed<Vec<Cidr>> {
    let networks: Option<_> = items(text).map(Cidr::parse).collect();
    networks.ok_or_else(|| "IP addresses and networks, separated by commas".into())
}

/// Host names and networks; names are in small letters, networks begin with their first address.
pub(super) fn hosts(text: &str) -> Parsed<Vec<String>> {
    let host = |item: &str| {
        if let Some(cidr) = Cidr::parse(item) {
            return Some(cidr.to_string());
        }
        // What the URL parser turns into an address, such as 127.1, would never match as a name.
        match url::Host::parse(item).ok()? {
            // Patterns are not names: `*.internal` or `.internal` would match nothing.
            url::Host::Domain(name) if name.starts_with(['.', '*']) => None,
            url::Host::Domain(name) => Some(name.trim_end_matches('.').to_owned()).filter(|name| !name.is_empty()),
            url::Host::Ipv4(_) | url::Host::Ipv6(_) => None,
        }
    };
    let hosts: Option<_> = items(text).map(host).collect();
    hosts.ok_or_else(|| "host names, IP addresses and networks, separated by commas".into())
}

/// All roles, in any order; their separation comes later, so that a known subset is a value, but not the default.
pub(super) fn roles(text: &str) -> Parsed<Vec<&'static str>> {
    let known = |item: &str| ROLES.into_iter().find(|role| *role == item);
    let mut roles = items(text).map(known).collect::<Option<Vec<_>>>().unwrap_or_default();
    roles.sort_unstable();
    roles.dedup();
    if roles.is_empty() {
        Err("one or more of api, worker and realtime, separated by commas".into())
    } else {
        Ok(roles)
    }
}

/// `30d`, or as in Novu's environment `15 days`.
pub(super) fn duration(text: &str) -> Parsed<Duration> {
    let rule = || Cow::from("a number with a unit (s, m, h, d or w)");
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(rule)?;
    let (number, unit) = text.split_at(unit_at);
    let seconds = match unit.trim_start() {
        "s" | "sec" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 604_800,
        _ => return Err(rule()),
    };
    let number: u64 = number.parse().map_err(|_| rule())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(rule)
}

/// A shorter session would end before its page has used it.
const SHORTEST_SESSION: Duration = Duration::from_mins(1);

pub(super) fn session_ttl(text: &str) -> Parsed<Duration> {
    let ttl = duration(text)?;
    if ttl < SHORTEST_SESSION {
        return Err("at least 1m".into());
    }
    Ok(ttl)
}

/// What signs tokens that people hold: a short one could be guessed from a token.
pub(super) fn signing_secret(text: &str) -> Parsed<Secret> {
    if text.len() >= 16 {
        Ok(Secret::from(text))
    } else {
        Err("16 characters or more".into())
    }
}

/// API keys and application identifiers in the form that Novu's clients send.
pub(super) fn credential(text: &str) -> Parsed<Secret> {
    if (8..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(Secret::from(text))
    } else {
        Err("8 to 128 printable ASCII characters without spaces".into())
    }
}

pub(super) fn connection_tokens(text: &str) -> Parsed<ConnectionTokens> {
    match text {
        "single" => Ok(ConnectionTokens::Single),
        "full" => Ok(ConnectionTokens::Full),
        "masked" => Ok(ConnectionTokens::Masked),
        _ => Err("single, full or masked".into()),
    }
}

pub(super) fn log_format(text: &str) -> Parsed<LogFormat> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "pretty" => Ok(LogFormat::Pretty),
        "json" => Ok(LogFormat::Json),
        _ => Err("pretty, json or auto".into()),
    }
}

/// A filter as `tracing` reads it, but strict: there a misspelt level would be taken for a module and log everything of it.
pub(super) fn log_filter(text: &str) -> Parsed<String> {
    let level = |word: &str| {
        ["off", "error", "warn", "info", "debug", "trace"]
            .iter()
            .any(|level| level.eq_ignore_ascii_case(word))
    };
    let module = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':' | b'-'))
    };
    let directive = |item: &str| match item.split_once('=') {
        Some((target, word)) => module(target) && level(word),
        None => level(item),
    };
    let directives: Vec<&str> = items(text).collect();
    if !directives.is_empty() && directives.iter().all(|item| directive(item)) {
        Ok(directives.join(","))
    } else {
        Err("a level (off, error, warn, info, debug, trace) or a list of module=level".into())
    }
}

/// The address that people type for a listener, for URLs.
pub(super) fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches() {
        for text in ["true", "TRUE", "on", "On", "yes", "1"] {
            assert_eq!(switch(text), Ok(true), "{text}");
        }
        for text in ["false", "False", "off", "no", "0"] {
            assert_eq!(switch(text), Ok(false), "{text}");
        }
        for text in ["", "2", "ja", "truee", " true"] {
            assert!(switch(text).is_err(), "{text}");
        }
    }

    #[test]
    fn listeners() {
        for (text, read) in [
            ("127.0.0.1:3000", Some("127.0.0.1:3000")),
            ("localhost:80", Some("127.0.0.1:80")),
            ("[::1]:0", Some("[::1]:0")),
            ("0.0.0.0:65535", Some("0.0.0.0:65535")),
            ("3000", None),
            (":3000", None),
            ("127.0.0.1", None),
            ("127.0.0.1:65536", None),
            ("example.com:80", None),
            ("http://127.0.0.1:3000", None),
        ] {
            assert_eq!(listener(text).ok().map(|a| a.to_string()).as_deref(), read, "{text}");
        }
        assert_eq!(listener_or_off("off"), Ok(None));
        assert!(listener_or_off("no").is_err());
    }

    #[test]
    fn public_urls() {
        for (text, read) in [
            ("https://n.example.com", Some("https://n.example.com/")),
            ("https://n.example.com/api", Some("https://n.example.com/api/")),
            ("http://10.0.0.1:3000/", Some("http://10.0.0.1:3000/")),
            ("n.example.com", None),
            ("ftp://n.example.com", None),
            ("https://u:p@n.example.com", None),
            ("https://n.example.com/?a=b", None),
            ("https://n.example.com/#a", None),
        ] {
            assert_eq!(public_url(text).ok().map(String::from).as_deref(), read, "{text}");
        }
    }

    #[test]
    fn base_urls() {
        for (text, good) in [
            ("http://127.0.0.1:4100", true),
            ("https://slack-gov.com/", true),
            ("https://slack.com/api", false),
            ("https://u@slack.com", false),
            ("slack.com", false),
        ] {
            assert_eq!(base_url(text).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn lists() {
        let read: Vec<String> = networks("10.0.0.0/8, ::1,")
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(read, ["10.0.0.0/8", "::1/128"]);
        assert!(networks("10.0.0.0/8,proxy").is_err());
        assert_eq!(
            hosts("Hooks.Internal, 10.1.0.0/16,192.168.0.1").unwrap(),
            ["hooks.internal", "10.1.0.0/16", "192.168.0.1/32"]
        );
        for text in ["127.1", "0x7f.1", "http://a", "a b", "a/8", "*.internal", ".internal"] {
            assert!(hosts(text).is_err(), "{text}");
        }
        assert_eq!(roles("worker,api, realtime"), roles("api,worker,realtime"));
        for text in ["apo", "", "api,", ","] {
            assert_eq!(roles(text).is_ok(), text == "api,", "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, seconds) in [
            ("15d", Some(1_296_000)),
            ("15 days", Some(1_296_000)),
            ("360h", Some(1_296_000)),
            ("2w", Some(1_209_600)),
            ("90s", Some(90)),
            ("5m", Some(300)),
            ("0d", Some(0)),
            ("15", None),
            ("d", None),
            ("", None),
            ("-1d", None),
            ("1.5d", None),
            ("15 years", None),
            ("99999999999999999999d", None),
            ("9999999999999999d", None),
        ] {
            assert_eq!(duration(text).ok().map(|d| d.as_secs()), seconds, "{text}");
        }
    }

    #[test]
    fn credentials() {
        for (length, good) in [(7, false), (8, true), (128, true), (129, false)] {
            assert_eq!(credential(&"x".repeat(length)).is_ok(), good, "{length}");
        }
        for text in ["with space", "tab\tinside", "ümlaut-key", "new\nline-key"] {
            assert!(credential(text).is_err(), "{text}");
        }
    }

    #[test]
    fn log_filters() {
        for text in ["info", "WARN", "info,campanile=debug", "info, hyper::client=off"] {
            assert!(log_filter(text).is_ok(), "{text}");
        }
        for text in ["infoo", "campanile", "campanile=loud", "=info", ",", "a b=info"] {
            assert!(log_filter(text).is_err(), "{text}");
        }
    }
}
