//! Which addresses a customer's URL may reach. The check runs on literal hosts before the call and on every resolved
//! address inside the connector, so a name cannot change its address between check and use.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use url::{Host, Url};

use super::AllowedHost;

/// Addresses at which clouds hand out credentials to whoever asks from inside. They are never reachable.
/// AWS, GCP, Azure and most others; ECS; EKS; Scaleway; Alibaba; Oracle; Azure's host agent (a public range).
const METADATA_V4: [Ipv4Addr; 7] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(169, 254, 42, 42),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(168, 63, 129, 16),
];

/// The same over IPv6: AWS, EKS, GCP, Scaleway.
const METADATA_V6: [Ipv6Addr; 4] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
];

/// What the guard allows.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    pub(super) allow_private: bool,
    pub(super) allow_loopback: bool,
    pub(super) allowed: Vec<AllowedHost>,
}

/// Why an address was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockReason {
    #[error("only http and https addresses are called")]
    Scheme,
    #[error("an address must not carry a user name or password")]
    UserInfo,
    #[error("the address has no host")]
    NoHost,
    #[error("it leads to {0}")]
    Address(AddressKind),
}

/// What an IP address is for, by the special-purpose registries of IANA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    Public,
    Private,
    Loopback,
    LinkLocal,
    SharedCarrier,
    /// IPv4 inside IPv6 (mapped, compatible, NAT64, 6to4, Teredo), by which a private address could be reached.
    Embedded,
    Multicast,
    Unspecified,
    Documentation,
    Reserved,
    Metadata,
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "a public address",
            Self::Private => "a private network",
            Self::Loopback => "this machine itself",
            Self::LinkLocal => "a link-local address",
            Self::SharedCarrier => "a carrier's shared network",
            Self::Embedded => "an IPv4 address wrapped in an IPv6 one",
            Self::Multicast => "a multicast address",
            Self::Unspecified => "the unspecified address",
            Self::Documentation => "an address reserved for documentation",
            Self::Reserved => "a reserved address",
            Self::Metadata => "a cloud metadata service",
        })
    }
}

impl Guard {
    /// Everything about a URL that can be judged without asking DNS.
    pub(super) fn check_url(&self, url: &Url) -> Result<(), BlockReason> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(BlockReason::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BlockReason::UserInfo);
        }
        match url.host() {
            None | Some(Host::Domain("")) => Err(BlockReason::NoHost),
            Some(Host::Domain(_)) => Ok(()),
            Some(Host::Ipv4(address)) => self.check_address("", IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => self.check_address("", IpAddr::V6(address)),
        }
    }

    /// Whether `host` may be reached at `address`.
    pub(super) fn check_address(&self, host: &str, address: IpAddr) -> Result<(), BlockReason> {
        let kind = kind(address);
        let admitted = match kind {
            AddressKind::Public => true,
            AddressKind::Metadata => false,
            _ if self.allowed.iter().any(|entry| entry.admits(host, address)) => true,
            AddressKind::Loopback => self.allow_loopback || self.allow_private,
            AddressKind::Private | AddressKind::LinkLocal | AddressKind::SharedCarrier | AddressKind::Embedded => {
                self.allow_private
            }
            AddressKind::Multicast | AddressKind::Unspecified | AddressKind::Documentation | AddressKind::Reserved => {
                false
            }
        };
        if admitted {
            Ok(())
        } else {
            Err(BlockReason::Address(kind))
        }
    }

    /// Whether the operator opened this name, whatever it resolves to.
    pub(super) fn names(&self, host: &str) -> bool {
        self.allowed.iter().any(|entry| entry.names(host))
    }
}

/// Whether a URL is written with a loopback address or a `localhost` name: what dev mode sends although nothing
/// else leaves the machine.
pub fn is_loopback_url(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

fn kind(address: IpAddr) -> AddressKind {
    match address {
        IpAddr::V4(address) => kind_v4(address),
        IpAddr::V6(address) => kind_v6(address),
    }
}

fn kind_v4(address: Ipv4Addr) -> AddressKind {
    if METADATA_V4.contains(&address) {
        return AddressKind::Metadata;
    }
    match address.octets() {
        [0, 0, 0, 0] => AddressKind::Unspecified,
        [0, ..] => AddressKind::Reserved,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => AddressKind::Private,
        [100, 64..=127, ..] => AddressKind::SharedCarrier,
        [127, ..] => AddressKind::Loopback,
        [169, 254, ..] => AddressKind::LinkLocal,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => AddressKind::Documentation,
        [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] | [240..=255, ..] => AddressKind::Reserved,
        [224..=239, ..] => AddressKind::Multicast,
        _ => AddressKind::Public,
    }
}

fn kind_v6(address: Ipv6Addr) -> AddressKind {
    if METADATA_V6.contains(&address) {
        return AddressKind::Metadata;
    }
    if address.is_unspecified() {
        return AddressKind::Unspecified;
    }
    if address.is_loopback() {
        return AddressKind::Loopback;
    }
    if let Some(inner) = embedded_v4(address) {
        let metadata = kind_v4(inner) == AddressKind::Metadata;
        return if metadata {
            AddressKind::Metadata
        } else {
            AddressKind::Embedded
        };
    }
    match address.segments() {
        [0xff00..=0xffff, ..] => AddressKind::Multicast,
        [0xfe80..=0xfebf, ..] => AddressKind::LinkLocal,
        // unique local, and the site-local range that it replaced
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => AddressKind::Private,
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => AddressKind::Documentation,
        [0x2001, 0..=0x01ff, ..] => AddressKind::Reserved,
        [0x2000..=0x3fff, ..] => AddressKind::Public,
        _ => AddressKind::Reserved,
    }
}

/// The IPv4 address that a transition mechanism would reach.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let pair = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        // compatible and mapped, translated, NAT64 with the well-known prefix, NAT64 for local use
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low] => Some(pair(high, low)),
        // 6to4
        [0x2002, high, low, ..] => Some(pair(high, low)),
        // Teredo keeps the client's address inverted
        [0x2001, 0, _, _, _, _, high, low] => Some(pair(!high, !low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn guard() -> Guard {
        Guard {
            allow_private: false,
            allow_loopback: false,
            allowed: Vec::new(),
        }
    }

    fn check(guard: &Guard, url: &str) -> Result<(), BlockReason> {
        guard.check_url(&Url::parse(url).unwrap())
    }

    /// Every way to write an address that must not be reached, next to what it is.
    const HOSTILE: [(&str, AddressKind); 52] = [
        ("127.0.0.1", AddressKind::Loopback),
        ("127.1", AddressKind::Loopback),
        ("127.255.255.254", AddressKind::Loopback),
        ("2130706433", AddressKind::Loopback),
        ("0x7f000001", AddressKind::Loopback),
        ("0x7f.1", AddressKind::Loopback),
        ("017700000001", AddressKind::Loopback),
        ("0177.0.0.01", AddressKind::Loopback),
        ("%31%32%37.0.0.1", AddressKind::Loopback),
        ("１２７.0.0.1", AddressKind::Loopback),
        ("127。0。0。1", AddressKind::Loopback),
        ("127.0.0.1.", AddressKind::Loopback),
        ("[::1]", AddressKind::Loopback),
        ("[0:0:0:0:0:0:0:1]", AddressKind::Loopback),
        ("0", AddressKind::Unspecified),
        ("0.0.0.0", AddressKind::Unspecified),
        ("[::]", AddressKind::Unspecified),
        ("0.1.2.3", AddressKind::Reserved),
        ("10.0.0.1", AddressKind::Private),
        ("167772161", AddressKind::Private),
        ("172.16.0.1", AddressKind::Private),
        ("172.31.255.255", AddressKind::Private),
        ("192.168.1.1", AddressKind::Private),
        ("0xc0a80101", AddressKind::Private),
        ("100.64.0.1", AddressKind::SharedCarrier),
        ("100.127.255.255", AddressKind::SharedCarrier),
        ("169.254.1.1", AddressKind::LinkLocal),
        ("169.254.169.254", AddressKind::Metadata),
        ("0xa9fea9fe", AddressKind::Metadata),
        ("2852039166", AddressKind::Metadata),
        ("169.254.170.2", AddressKind::Metadata),
        ("100.100.100.200", AddressKind::Metadata),
        ("192.0.0.192", AddressKind::Metadata),
        ("168.63.129.16", AddressKind::Metadata),
        ("[fd00:ec2::254]", AddressKind::Metadata),
        ("[::ffff:169.254.169.254]", AddressKind::Metadata),
        ("[64:ff9b::a9fe:a9fe]", AddressKind::Metadata),
        ("[2002:a9fe:a9fe::]", AddressKind::Metadata),
        ("[::ffff:127.0.0.1]", AddressKind::Embedded),
        ("[::ffff:7f00:1]", AddressKind::Embedded),
        ("[::ffff:8.8.8.8]", AddressKind::Embedded),
        ("[::127.0.0.1]", AddressKind::Embedded),
        ("[64:ff9b::7f00:1]", AddressKind::Embedded),
        ("[64:ff9b:1::7f00:1]", AddressKind::Embedded),
        ("[2002:7f00:1::]", AddressKind::Embedded),
        ("[2001:0:1:2:3:4:80ff:fffe]", AddressKind::Embedded),
        ("[fc00::1]", AddressKind::Private),
        ("[fec0::1]", AddressKind::Private),
        ("[fe80::1]", AddressKind::LinkLocal),
        ("[ff02::1]", AddressKind::Multicast),
        ("[2001:db8::1]", AddressKind::Documentation),
        ("[100::1]", AddressKind::Reserved),
    ];

    #[test]
    fn hostile_literals_are_refused() {
        for (host, kind) in HOSTILE {
            assert_eq!(
                check(&guard(), &format!("http://{host}:80/x")),
                Err(BlockReason::Address(kind)),
                "{host}"
            );
        }
        for host in [
            "192.0.2.1",
            "198.51.100.9",
            "203.0.113.7",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
        ] {
            assert!(check(&guard(), &format!("https://{host}/")).is_err(), "{host}");
        }
    }

    #[test]
    fn public_literals_and_names_pass_the_first_check() {
        for host in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "169.253.0.1",
            "[2606:4700::1111]",
            "hooks.slack.com",
            "localhost",
        ] {
            assert_eq!(check(&guard(), &format!("https://{host}/")), Ok(()), "{host}");
        }
    }

    #[test]
    fn other_schemes_and_user_info_are_refused() {
        for url in [
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://example.com/",
            "data:text/plain,x",
            "unix:/run/x",
        ] {
            assert_eq!(check(&guard(), url), Err(BlockReason::Scheme), "{url}");
        }
        for url in [
            "http://a@example.com/",
            "http://example.com:80@127.0.0.1/",
            "http://:b@example.com/",
            "http://1.1.1.1%00@x/",
        ] {
            assert_eq!(check(&guard(), url), Err(BlockReason::UserInfo), "{url}");
        }
        assert_eq!(
            check(&guard(), "http://example.com\\@127.0.0.1/"),
            Ok(()),
            "the backslash ends the host"
        );
    }

    #[test]
    fn private_networks_open_without_metadata() {
        let open = Guard {
            allow_private: true,
            ..guard()
        };
        for (host, kind) in HOSTILE {
            let expected = matches!(
                kind,
                AddressKind::Loopback
                    | AddressKind::Private
                    | AddressKind::LinkLocal
                    | AddressKind::SharedCarrier
                    | AddressKind::Embedded
            );
            assert_eq!(check(&open, &format!("http://{host}/")).is_ok(), expected, "{host}");
        }
    }

    #[test]
    fn dev_mode_opens_loopback_and_nothing_else() {
        let dev = Guard {
            allow_loopback: true,
            ..guard()
        };
        for (host, kind) in HOSTILE {
            assert_eq!(
                check(&dev, &format!("http://{host}/")).is_ok(),
                kind == AddressKind::Loopback,
                "{host}"
            );
        }
    }

    #[test]
    fn a_named_host_opens_its_address_but_never_metadata() {
        let named = Guard {
            allowed: vec!["chat.internal".parse().unwrap(), "10.1.0.0/16".parse().unwrap()],
            ..guard()
        };
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(named.check_address("chat.internal", address("192.168.0.9")).is_ok());
        assert!(
            named
                .check_address("chat.internal", address("169.254.169.254"))
                .is_err()
        );
        assert!(named.check_address("other.internal", address("192.168.0.9")).is_err());
        assert!(named.check_address("other.internal", address("10.1.2.3")).is_ok());
        assert!(check(&named, "http://10.1.2.3/").is_ok());
        assert!(check(&named, "http://10.2.2.3/").is_err());
        let all = Guard {
            allowed: vec!["0.0.0.0/0".parse().unwrap()],
            ..guard()
        };
        assert!(check(&all, "http://169.254.169.254/").is_err());
    }

    #[test]
    fn loopback_urls_are_recognised() {
        for (url, expected) in [
            ("http://127.0.0.1:4100/x", true),
            ("http://127.1/x", true),
            ("http://[::1]/x", true),
            ("http://localhost:3/x", true),
            ("http://a.localhost./x", true),
            ("http://localhost.example.com/x", false),
            ("http://0.0.0.0/x", false),
            ("http://10.0.0.1/x", false),
        ] {
            assert_eq!(is_loopback_url(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }

    proptest! {
        #[test]
        fn the_guard_agrees_with_the_standard_library(bits in any::<u32>()) {
            let address = Ipv4Addr::from_bits(bits);
            let inside = address.is_private() || address.is_loopback() || address.is_link_local() || address.is_multicast()
                || address.is_unspecified() || address.is_documentation() || address.is_broadcast();
            prop_assert!(!inside || guard().check_address("x", IpAddr::V4(address)).is_err());
        }

        #[test]
        fn no_wrapping_reaches_metadata(prefix in prop::sample::select(vec!["::ffff:", "::", "64:ff9b::"]), which in 0usize..7) {
            let open = Guard { allow_private: true, allow_loopback: true, allowed: vec!["::/0".parse().unwrap()] };
            let url = format!("http://[{prefix}{}]/", METADATA_V4[which]);
            prop_assert!(check(&open, &url).is_err(), "{}", url);
        }
    }
}
