//! Secrets at rest, and keyed hashes to look them up by.
//!
//! The master key (from the configuration) seals one random root key, which is stored. Every other key is derived from
//! the root key by purpose, so that changing the master key breaks nothing. A sealed text is
//! `v1.<key id>.<nonce and ciphertext, base64>`; table, column and row are authenticated with it, so that a sealed text
//! cannot be moved to another place.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use crate::db::StoreError;

/// A 32-byte key from the configuration.
#[derive(Clone)]
pub struct MasterKey(zeroize::Zeroizing<[u8; 32]>);

impl MasterKey {
    /// A key of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(zeroize::Zeroizing::new(bytes))
    }

    /// What the key is called where it must not be shown: a few bytes of a hash.
    pub fn id(&self) -> String {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &*self.0), b"campanile master key id");
        hex::encode(&tag.as_ref()[..4])
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey({})", self.id())
    }
}

/// Where a secret is stored; authenticated with it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Table and column.
    pub column: &'static str,
    /// The row's id.
    pub row: &'a str,
}

/// Seals and opens secrets, and hashes what has to be found again.
#[derive(Clone)]
pub struct Secrets {
    inner: Arc<Inner>,
}

struct Inner {
    sealing: LessSafeKey,
    sealing_id: String,
    lookup: hmac::Key,
    random: SystemRandom,
}

impl Secrets {
    /// The keys derived from this root key.
    pub fn new(root: &[u8; 32]) -> Result<Self, StoreError> {
        let sealing = derive(root, b"sealing")?;
        let id = hex::encode(&derive(root, b"sealing id")?[..4]);
        Ok(Self {
            inner: Arc::new(Inner {
                sealing: aead(&sealing)?,
                sealing_id: id,
                lookup: hmac::Key::new(hmac::HMAC_SHA256, &derive(root, b"look-up")?),
                random: SystemRandom::new(),
            }),
        })
    }

    /// Seals a text for this place.
    pub fn seal(&self, place: Place<'_>, plain: &str) -> Result<String, StoreError> {
        seal_with(
            &self.inner.sealing,
            &self.inner.sealing_id,
            &self.inner.random,
            place,
            plain.as_bytes(),
        )
    }

    /// Opens what was sealed for this place.
    pub fn open(&self, place: Place<'_>, sealed: &str) -> Result<String, StoreError> {
        let plain = open_with(&self.inner.sealing, place, sealed)?;
        String::from_utf8(plain).map_err(|_| damaged(place))
    }

    /// A keyed hash by which a secret is found again; `purpose` keeps hashes of different things apart.
    pub fn lookup_hash(&self, purpose: &str, secret: &str) -> String {
        let mut context = hmac::Context::with_key(&self.inner.lookup);
        context.update(purpose.as_bytes());
        context.update(&[0]);
        context.update(secret.as_bytes());
        hex::encode(context.sign().as_ref())
    }

    /// Whether `hash` is the keyed hash of this text, compared in constant time.
    pub fn hash_matches(&self, purpose: &str, text: &str, hash: &str) -> bool {
        let Ok(hash) = hex::decode(hash) else { return false };
        let mut signed = purpose.as_bytes().to_vec();
        signed.push(0);
        signed.extend_from_slice(text.as_bytes());
        hmac::verify(&self.inner.lookup, &signed, &hash).is_ok()
    }
}

/// `length` random bytes as lower-case hex.
pub fn random_hex(length: usize) -> Result<String, StoreError> {
    random_bytes(length).map(hex::encode)
}

/// A random text of lower-case letters and digits, as in generated identifiers.
pub fn random_word(length: usize) -> Result<String, StoreError> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    Ok(random_bytes(length)?
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
        .collect())
}

/// Random bytes from the system.
pub fn random_bytes(length: usize) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![0; length];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| StoreError::Driver("the system gives no random bytes".to_owned()))?;
    Ok(bytes)
}

/// Seals a new or known root key under a master key.
pub(crate) fn seal_root(master: &MasterKey, root: &[u8; 32]) -> Result<String, StoreError> {
    let key = aead(&derive(&master.0, b"root key")?)?;
    seal_with(&key, &master.id(), &SystemRandom::new(), ROOT, root)
}

/// Opens the root key with the master key that sealed it.
pub(crate) fn open_root(master: &MasterKey, sealed: &str) -> Result<[u8; 32], StoreError> {
    let key = aead(&derive(&master.0, b"root key")?)?;
    open_with(&key, ROOT, sealed)?.try_into().map_err(|_| damaged(ROOT))
}

const ROOT: Place<'static> = Place {
    column: "keyring.sealed",
    row: "root",
};

fn derive(secret: &[u8; 32], purpose: &[u8]) -> Result<[u8; 32], StoreError> {
    let failed = |_| StoreError::Driver("a key could not be derived".to_owned());
    let mut key = [0u8; 32];
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"campanile")
        .extract(secret)
        .expand(&[purpose], hkdf::HKDF_SHA256)
        .and_then(|expanded| expanded.fill(&mut key))
        .map_err(failed)?;
    Ok(key)
}

fn aead(key: &[u8; 32]) -> Result<LessSafeKey, StoreError> {
    UnboundKey::new(&AES_256_GCM, key)
        .map(LessSafeKey::new)
        .map_err(|_| StoreError::Driver("a key has the wrong length".to_owned()))
}

fn place_text(place: Place<'_>) -> String {
    format!("{}/{}", place.column, place.row)
}

fn seal_with(
    key: &LessSafeKey,
    id: &str,
    random: &SystemRandom,
    place: Place<'_>,
    plain: &[u8],
) -> Result<String, StoreError> {
    let failed = |_| StoreError::Driver("a secret could not be sealed".to_owned());
    let mut nonce = [0u8; NONCE_LEN];
    random.fill(&mut nonce).map_err(failed)?;
    let mut data = plain.to_vec();
    key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(place_text(place)),
        &mut data,
    )
    .map_err(failed)?;
    let mut all = nonce.to_vec();
    all.append(&mut data);
    Ok(format!("v1.{id}.{}", BASE64.encode(all)))
}

fn open_with(key: &LessSafeKey, place: Place<'_>, sealed: &str) -> Result<Vec<u8>, StoreError> {
    let damaged = || damaged(place);
    let mut parts = sealed.splitn(3, '.');
    let (Some("v1"), Some(_), Some(data)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(damaged());
    };
    let mut data = BASE64.decode(data).map_err(|_| damaged())?;
    let (nonce, data) = data.split_at_mut_checked(NONCE_LEN).ok_or_else(damaged)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
    let plain = key
        .open_in_place(nonce, Aad::from(place_text(place)), data)
        .map_err(|_| damaged())?;
    Ok(plain.to_vec())
}

fn damaged(place: Place<'_>) -> StoreError {
    StoreError::Corrupt(format!("the secret in {} cannot be opened", place.column))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place<'static> = Place {
        column: "grants.tokens",
        row: "a",
    };

    #[test]
    fn a_sealed_text_opens_only_in_its_own_place() {
        let secrets = Secrets::new(&[7; 32]).unwrap();
        let sealed = secrets.seal(HERE, "xoxb-secret").unwrap();
        assert!(!sealed.contains("xoxb"));
        assert_eq!(secrets.open(HERE, &sealed).unwrap(), "xoxb-secret");
        assert!(secrets.open(Place { row: "b", ..HERE }, &sealed).is_err());
        assert!(
            secrets
                .open(
                    Place {
                        column: "grants.other",
                        ..HERE
                    },
                    &sealed
                )
                .is_err()
        );
        assert!(Secrets::new(&[8; 32]).unwrap().open(HERE, &sealed).is_err());
    }

    #[test]
    fn damaged_texts_are_errors() {
        let secrets = Secrets::new(&[7; 32]).unwrap();
        let sealed = secrets.seal(HERE, "x").unwrap();
        for text in [
            "",
            "v1",
            "v1.a",
            "v1.a.!!",
            "v2.a.aaaa",
            &sealed[..sealed.len() - 2],
            "v1.a.aa",
        ] {
            assert!(secrets.open(HERE, text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_root_key_opens_under_its_master_key_only() {
        let (one, two) = (MasterKey::new([1; 32]), MasterKey::new([2; 32]));
        let sealed = seal_root(&one, &[9; 32]).unwrap();
        assert_eq!(open_root(&one, &sealed).unwrap(), [9; 32]);
        assert!(open_root(&two, &sealed).is_err());
        assert_ne!(one.id(), two.id());
    }

    #[test]
    fn hashes_differ_by_purpose() {
        let secrets = Secrets::new(&[7; 32]).unwrap();
        assert_eq!(secrets.lookup_hash("a", "x"), secrets.lookup_hash("a", "x"));
        assert_ne!(secrets.lookup_hash("a", "x"), secrets.lookup_hash("b", "x"));
    }

    #[test]
    fn a_hash_matches_its_text_and_purpose_only() {
        let secrets = Secrets::new(&[7; 32]).unwrap();
        let hash = secrets.lookup_hash("a", "x");
        assert!(secrets.hash_matches("a", "x", &hash));
        for (purpose, text, hash) in [
            ("b", "x", hash.as_str()),
            ("a", "y", &hash),
            ("a", "x", ""),
            ("a", "x", "zz"),
        ] {
            assert!(!secrets.hash_matches(purpose, text, hash), "{purpose} {text} {hash}");
        }
    }
}
