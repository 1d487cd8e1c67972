//! What its owner may say of a webhook endpoint.

use campanile_model::{Error, Result, changes};
use campanile_providers::Transport;
use campanile_providers::transport::is_loopback_url;
use url::Url;

use crate::shape::rules;

/// The longest address.
pub(super) const LONGEST_URL: usize = 2048;

pub(super) fn description_rule(text: &str) -> Option<String> {
    rules::length(0, 500)(text)
}

/// Each filter is a kind, or a family with an asterisk.
pub(super) fn events_rule(events: &[String]) -> Option<String> {
    let known: Vec<String> = changes::filters().collect();
    let wrong = events.iter().any(|event| !known.contains(event));
    wrong.then(|| format!("must be a list of the following values: {}", known.join(", ")))
}

/// Every filter once, in the order of the table.
pub(super) fn tidy(events: &[String]) -> Vec<String> {
    changes::filters().filter(|filter| events.contains(filter)).collect()
}

/// The address as it is called, or why it is not. What its name resolves to is looked at before each call.
pub(super) fn address(transport: &Transport, text: &str) -> Result<String> {
    let refuse = |why: &str| Err(Error::invalid(vec![format!("url {why}")]));
    let Ok(url) = Url::parse(text.trim()) else {
        return refuse("must be a URL address");
    };
    if let Err(reason) = transport.check(&url) {
        return refuse(&format!("cannot be used: {reason}"));
    }
    if !is_loopback_url(&url) {
        return match url.scheme() {
            "https" => Ok(url.into()),
            _ => refuse("must begin with https://"),
        };
    }
    // A name of this machine is judged as its address is.
    let this_machine = Url::parse("http://127.0.0.1/").map_err(Error::internal)?;
    if transport.check(&this_machine).is_err() {
        return refuse("cannot be used: it leads to this machine itself");
    }
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use campanile_providers::TransportConfig;

    use super::*;

    fn transport(allow_loopback: bool) -> Transport {
        // The first that comes installs it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Transport::new(TransportConfig {
            allow_loopback,
            ..TransportConfig::default()
        })
        .unwrap()
    }

    #[test]
    fn addresses_are_https_or_this_machine_where_that_may_be() {
        let (strict, dev) = (transport(false), transport(true));
        for good in ["https://example.com/hook?token=1", " https://example.com "] {
            assert!(address(&strict, good).is_ok() && address(&dev, good).is_ok(), "{good}");
        }
        for here in ["http://127.0.0.1:4000/hook", "http://localhost:4000/", "https://[::1]/"] {
            assert!(address(&strict, here).is_err() && address(&dev, here).is_ok(), "{here}");
        }
        for bad in [
            "http://example.com",
            "ftp://example.com",
            "https://10.0.0.1/",
            "https://169.254.169.254/",
            "https://user:password@example.com/",
            "example.com",
            "",
        ] {
            assert!(address(&strict, bad).is_err() && address(&dev, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn filters_are_words_of_the_table_each_once() {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert!(events_rule(&list(&["connection.*", "endpoint.broken"])).is_none());
        assert!(events_rule(&[]).is_none());
        for wrong in ["*", "connection", "connection.**", "message.sent ", "webhook.test", ""] {
            assert!(events_rule(&list(&[wrong])).is_some(), "{wrong}");
        }
        let events = list(&["endpoint.broken", "connection.*", "endpoint.broken"]);
        assert_eq!(tidy(&events), ["connection.*", "endpoint.broken"]);
    }
}
