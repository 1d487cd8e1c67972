//! One entry of `CAMPANILE_ALLOWED_PRIVATE_HOSTS`: a name or a range that customers' addresses may reach.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// A private destination that the operator opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedHost {
    /// This name, in lower case and without a final dot.
    Name(String),
    /// Every name below this one (written `*.example.internal`).
    Below(String),
    /// Every address whose first `prefix` bits are those of `base`.
    Range { base: IpAddr, prefix: u8 },
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{entry}` is not an allowed host: {reason}")]
pub struct InvalidAllowedHost {
    entry: String,
    reason: &'static str,
}

impl FromStr for AllowedHost {
    type Err = InvalidAllowedHost;

    /// Reads a name (`chat.internal`), names below one (`*.internal`), an address or a range (`10.1.0.0/16`).
    fn from_str(entry: &str) -> Result<Self, Self::Err> {
        let invalid = |reason| InvalidAllowedHost {
            entry: entry.to_owned(),
            reason,
        };
        let text = entry.trim();
        if let Some((address, prefix)) = text.split_once('/') {
            let base: IpAddr = address
                .parse()
                .map_err(|_| invalid("what stands before `/` must be an address such as 10.1.0.0"))?;
            let longest = if base.is_ipv4() { 32 } else { 128 };
            let prefix = prefix
                .parse::<u8>()
                .ok()
                .filter(|prefix| *prefix <= longest)
                .ok_or_else(|| {
                    invalid("what stands after `/` must be a number of bits, at most 32 for IPv4 and 128 for IPv6")
                })?;
            return Ok(Self::Range { base, prefix });
        }
        if let Ok(base) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(Self::Range {
                base,
                prefix: if base.is_ipv4() { 32 } else { 128 },
            });
        }
        let (below, name) = text.strip_prefix("*.").map_or((false, text), |name| (true, name));
        let name = normal(name);
        if name.is_empty() {
            return Err(invalid("give a name, an address, or a range such as 10.1.0.0/16"));
        }
        if !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        {
            return Err(invalid(
                "a name has only letters, digits, `-`, `_` and `.`, without scheme and port",
            ));
        }
        Ok(if below { Self::Below(name) } else { Self::Name(name) })
    }
}

impl AllowedHost {
    /// Whether a connection to `host`, which resolved to `address`, is opened by this entry.
    pub(super) fn admits(&self, host: &str, address: IpAddr) -> bool {
        match self {
            Self::Name(name) => *name == normal(host),
            Self::Below(parent) => normal(host)
                .strip_suffix(parent.as_str())
                .is_some_and(|rest| rest.ends_with('.')),
            Self::Range {
                base: IpAddr::V4(base),
                prefix,
            } => match address {
                IpAddr::V4(address) => v4_bits(*base, *prefix) == v4_bits(address, *prefix),
                IpAddr::V6(_) => false,
            },
            Self::Range {
                base: IpAddr::V6(base),
                prefix,
            } => match address {
                IpAddr::V6(address) => v6_bits(*base, *prefix) == v6_bits(address, *prefix),
                IpAddr::V4(_) => false,
            },
        }
    }

    /// Whether `host` is opened by its name, so that its address does not matter.
    pub(super) fn names(&self, host: &str) -> bool {
        !matches!(self, Self::Range { .. }) && self.admits(host, IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }
}

fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn v4_bits(address: Ipv4Addr, prefix: u8) -> u32 {
    address.to_bits().checked_shr(32 - u32::from(prefix)).unwrap_or(0)
}

fn v6_bits(address: Ipv6Addr, prefix: u8) -> u128 {
    address.to_bits().checked_shr(128 - u32::from(prefix)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_admit_what_they_say() {
        let table = [
            ("chat.internal", "Chat.Internal.", "10.0.0.1", true),
            ("chat.internal", "xchat.internal", "10.0.0.1", false),
            ("*.internal", "a.b.internal", "10.0.0.1", true),
            ("*.internal", "internal", "10.0.0.1", false),
            ("*.internal", "evilinternal", "10.0.0.1", false),
            ("10.1.0.0/16", "x", "10.1.255.255", true),
            ("10.1.0.0/16", "x", "10.2.0.0", false),
            ("0.0.0.0/0", "x", "10.2.0.0", true),
            ("10.0.0.7", "x", "10.0.0.7", true),
            ("10.0.0.7", "x", "10.0.0.8", false),
            ("fd00::/8", "x", "fd12::1", true),
            ("fd00::/8", "x", "10.0.0.7", false),
            ("[fd00::1]", "x", "fd00::1", true),
            ("::/0", "x", "fd00::1", true),
        ];
        for (entry, host, address, expected) in table {
            let allowed: AllowedHost = entry.parse().unwrap();
            assert_eq!(
                allowed.admits(host, address.parse().unwrap()),
                expected,
                "{entry} {host} {address}"
            );
        }
    }

    #[test]
    fn bad_entries_are_named() {
        for entry in [
            "",
            "*.",
            "10.0.0.0/33",
            "10.0.0/8",
            "fd00::/129",
            "http://x",
            "a b",
            "x:80",
            "10.0.0.0/-1",
        ] {
            let error = entry.parse::<AllowedHost>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{entry}` is not an allowed host: ")),
                "{error}"
            );
        }
    }
}
