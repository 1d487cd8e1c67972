//! The keys of `CAMPANILE_ENCRYPTION_KEY`.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

const LENGTH: usize = 32;
const RULE: &str = "32 bytes in base64 or hex, or 32 raw characters (several keys are separated by commas)";

/// A master key: 32 bytes that are never shown and are wiped from memory when they go.
#[derive(Clone)]
pub(crate) struct MasterKey(Zeroizing<[u8; LENGTH]>);

impl MasterKey {
    /// The key itself, for sealing.
    pub(crate) fn bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }

    /// Reads one or more keys; the first is the one that seals.
    pub(super) fn parse_all(text: &str) -> Result<Vec<Self>, Cow<'static, str>> {
        // A raw key may hold a comma, and no list of keys is as short as one raw key.
        if let Some(key) = Self::raw(text) {
            return Ok(vec![key]);
        }
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let mut keys = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            let Some(key) = Self::parse(part) else {
                let which = if parts.len() == 1 {
                    String::new()
                } else {
                    format!(" number {}", index + 1)
                };
                let length = part.chars().count();
                return Err(format!("{RULE}; the key{which} given has {length} characters and is neither").into());
            };
            keys.push(key);
        }
        Ok(keys)
    }

    fn parse(text: &str) -> Option<Self> {
        Self::raw(text)
            .or_else(|| Self::hex(text))
            .or_else(|| Self::base64(text))
    }

    fn raw(text: &str) -> Option<Self> {
        Some(Self(Zeroizing::new(text.as_bytes().try_into().ok()?)))
    }

    fn hex(text: &str) -> Option<Self> {
        let mut key = Zeroizing::new([0; LENGTH]);
        hex::decode_to_slice(text, &mut *key).ok()?;
        Some(Self(key))
    }

    fn base64(text: &str) -> Option<Self> {
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        [alphabet::STANDARD, alphabet::URL_SAFE].iter().find_map(|alphabet| {
            let bytes = Zeroizing::new(GeneralPurpose::new(alphabet, config).decode(text).ok()?);
            Some(Self(Zeroizing::new(bytes.as_slice().try_into().ok()?)))
        })
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::MasterKey;

    const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
    const BASE64: &str = "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=";
    const URL_SAFE: &str = "ABEiM0RVZneImaq7zN3u_wARIjNEVWZ3iJmqu8zd7v8";
    const RAW: &str = "12345678,1234567890123456789012!";

    #[test]
    fn every_form_of_a_key_is_read() {
        let bytes: [u8; 32] = std::array::from_fn(|i| u8::try_from(i % 16 * 0x11).unwrap());
        for text in [HEX, BASE64, URL_SAFE] {
            let keys = MasterKey::parse_all(text).unwrap();
            assert_eq!(keys.len(), 1, "{text}");
            assert_eq!(keys[0].bytes(), &bytes, "{text}");
        }
        assert_eq!(MasterKey::parse_all(RAW).unwrap()[0].bytes(), RAW.as_bytes());
        // 32 hex digits are 16 bytes in hex, but they are also what Novu's own guide tells people to make.
        let novu = "0123456789abcdef0123456789abcdef";
        assert_eq!(MasterKey::parse_all(novu).unwrap()[0].bytes(), novu.as_bytes());
    }

    #[test]
    fn several_keys_keep_their_order() {
        let keys = MasterKey::parse_all(&format!("{HEX}, {}", "r".repeat(32))).unwrap();
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0].bytes()[1], 0x11);
        assert_eq!(keys[1].bytes(), &[b'r'; 32]);
    }

    #[test]
    fn other_lengths_are_refused_without_showing_them() {
        let long_hex = format!("{HEX}00");
        let list = format!("{HEX},short-secret");
        let trailing = format!("{HEX},");
        for (text, words) in [
            ("short-secret", "has 12 characters"),
            ("31-characters-are-not-enough-ab", "has 31 characters"),
            ("c2hvcnQtc2VjcmV0LWluLWJhc2U2NC1vZi0zMCE=", "has 40 characters"),
            (&long_hex, "has 66 characters"),
            (&list, "the key number 2 given has 12 characters"),
            (&trailing, "the key number 2 given has 0 characters"),
        ] {
            let rule = MasterKey::parse_all(text).unwrap_err();
            assert!(rule.contains(words), "{text}: {rule}");
            assert!(!rule.contains("short-secret"), "{rule}");
        }
    }

    #[test]
    fn a_key_shows_only_stars() {
        assert_eq!(format!("{:?}", MasterKey::parse_all(HEX).unwrap()), "[***]");
    }
}
