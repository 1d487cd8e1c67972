//! The environment: which variables are ours, and which only look like it.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::error::ConfigError;
use super::nearest::nearest;
use super::providers::normal_id;
use super::settings::{Kind, SETTINGS, Setting, for_provider};

const PREFIX: &str = "CAMPANILE_";

/// The process's environment as text. A variable that is not text is refused when it is ours and left out when not.
pub(crate) fn environment(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, ConfigError> {
    let mut texts = Vec::new();
    for (name, value) in variables {
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => texts.push((name, value)),
            Err(_) if name.starts_with(PREFIX) || is_known(&name) => return Err(ConfigError::not_text(&name)),
            Err(_) => {}
        }
    }
    Ok(texts)
}

/// The variables that settings are read from. An empty variable counts as unset.
pub(super) fn ours(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut ours = BTreeMap::new();
    for (name, value) in variables {
        if value.is_empty() {
            continue;
        }
        if is_known(&name) {
            ours.insert(name, value);
        } else if name.starts_with(PREFIX) && !is_service_link(&name, &value) {
            let nearest = nearest(&name, known(&name));
            return Err(ConfigError::unknown(&name, nearest.as_deref()));
        }
    }
    Ok(ours)
}

/// The id of the provider that the variable is about, if it is one of this pattern.
pub(super) fn provider_of(name: &str, setting: &Setting) -> Option<String> {
    let (before, after) = setting.variables.first()?.split_once("<ID>")?;
    let id = name.strip_prefix(before)?.strip_suffix(after)?;
    let plain = id
        .bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let plain = plain && !id.is_empty() && !id.starts_with('_') && !id.ends_with('_');
    plain.then(|| normal_id(id))
}

fn is_known(name: &str) -> bool {
    SETTINGS.iter().any(|setting| match setting.kind {
        Kind::Foreign => false,
        Kind::PerProvider => provider_of(name, setting).is_some(),
        Kind::One | Kind::List => setting.variables.iter().any(|variable| {
            name == *variable || (setting.takes_file() && name.strip_suffix("_FILE") == Some(variable))
        }),
    })
}

/// Our own names that could have been meant; a provider's pattern takes the id from the name itself.
fn known(name: &str) -> impl Iterator<Item = String> {
    let provider = name
        .strip_prefix("CAMPANILE_PROVIDERS__")
        .and_then(|rest| rest.split("__").next());
    let provider = provider.unwrap_or("<ID>").to_owned();
    let settings = SETTINGS.iter().filter(|setting| setting.kind != Kind::Foreign);
    settings.flat_map(move |setting| {
        let variable = for_provider(setting.variables[0], &provider);
        let file = setting.takes_file().then(|| format!("{variable}_FILE"));
        std::iter::once(variable).chain(file)
    })
}

/// Kubernetes describes a service named `campanile` or `campanile-…` to every pod in variables with our prefix, which
/// must not keep a pod from starting.
fn is_service_link(name: &str, value: &str) -> bool {
    let protocol = |text: &str| {
        ["tcp", "udp", "sctp"]
            .iter()
            .any(|known| text.eq_ignore_ascii_case(known))
    };
    if name.ends_with("_SERVICE_HOST") || name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_") {
        return true;
    }
    if name.ends_with("_PORT") && value.split_once("://").is_some_and(|(scheme, _)| protocol(scheme)) {
        return true;
    }
    name.split_once("_PORT_").is_some_and(|(_, rest)| {
        let mut parts = rest.split('_');
        let port = parts
            .next()
            .is_some_and(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
        port && parts.next().is_some_and(protocol)
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use super::{environment, ours};

    fn refusal(name: &str) -> Option<String> {
        ours([(name.to_owned(), "x".to_owned())])
            .err()
            .map(|error| error.to_string())
    }

    #[test]
    fn unknown_variables_are_refused_with_the_nearest_name() {
        for (name, words) in [
            ("CAMPANILE_LISTENER", "did you mean CAMPANILE_LISTEN?"),
            ("CAMPANILE_DATABASE_URI", "did you mean CAMPANILE_DATABASE_URL?"),
            (
                "CAMPANILE_ENCRYPTION_KEYFILE",
                "did you mean CAMPANILE_ENCRYPTION_KEY_FILE?",
            ),
            (
                "CAMPANILE_PROVIDERS__SLACK__BASEURL",
                "did you mean CAMPANILE_PROVIDERS__SLACK__BASE_URL?",
            ),
            (
                "CAMPANILE_PROVIDERS__SLACK__LOGIN_URL",
                "did you mean CAMPANILE_PROVIDERS__SLACK__BASE_URL?",
            ),
            ("CAMPANILE_PROVIDERS______BASE_URL", "is not a setting"),
            ("CAMPANILE_LISTEN_FILE", "did you mean CAMPANILE_LISTEN?"),
            ("CAMPANILE_THE_COLOUR_OF_THE_TEAPOT", "`campanile settings`"),
            ("CAMPANILE_PORT", "is not a setting"),
        ] {
            let message = refusal(name).expect(name);
            assert!(message.starts_with(&format!("{name} is not a setting")), "{message}");
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn other_programs_variables_are_left_alone() {
        for name in [
            "PATH",
            "OTEL_SERVICE_NAME",
            "LISTEN",
            "campanile_listen",
            "CAMPANILED",
            "API_ROOT_URL_FILE",
        ] {
            assert_eq!(refusal(name), None);
        }
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let read = ours([("CAMPANILE_LISTEN", ""), ("CAMPANILE_TEAPOT", "")].map(|(n, v)| (n.into(), v.into())));
        assert!(read.unwrap().is_empty());
    }

    #[test]
    fn the_links_of_a_kubernetes_service_are_ignored() {
        let links = [
            ("CAMPANILE_SERVICE_HOST", "10.0.0.1"),
            ("CAMPANILE_SERVICE_PORT", "3000"),
            ("CAMPANILE_SERVICE_PORT_HTTP", "3000"),
            ("CAMPANILE_PORT", "tcp://10.0.0.1:3000"),
            ("CAMPANILE_PORT_3000_TCP", "tcp://10.0.0.1:3000"),
            ("CAMPANILE_PORT_3000_TCP_ADDR", "10.0.0.1"),
            ("CAMPANILE_POSTGRES_PORT_5432_TCP_PROTO", "tcp"),
        ];
        assert!(ours(links.map(|(n, v)| (n.into(), v.into()))).unwrap().is_empty());
    }

    #[test]
    fn only_our_own_variables_must_be_text() {
        let bad = || OsString::from_vec(vec![0xff]);
        assert_eq!(environment([("OTHER".into(), bad()), (bad(), "x".into())]).unwrap(), []);
        for name in ["CAMPANILE_DATA_DIR", "STORE_ENCRYPTION_KEY"] {
            let message = environment([(name.into(), bad())]).unwrap_err().to_string();
            assert_eq!(
                message,
                format!("{name} is not valid UTF-8; set it again as plain text")
            );
        }
    }
}
