//! Identifiers of workflows and steps (api.md 6.1).

use campanile_model::Result;
use campanile_model::slug::{is_identifier, slugify};
use campanile_store::secrets::{random_bytes, random_word};

/// Longer identifiers are refused: an index holds them.
const LONGEST: usize = 255;

/// The rule for identifiers in requests.
pub(super) fn rule(text: &str) -> Option<String> {
    if text.chars().count() > LONGEST {
        return Some(format!("must be shorter than or equal to {LONGEST} characters"));
    }
    (!is_identifier(text))
        .then(|| "must be a valid slug format (letters, numbers, hyphens, underscores and dots only)".to_owned())
}

/// Four random letters and digits, which make a taken identifier unique.
pub(super) fn suffix() -> Result<String> {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let bytes = random_bytes(4)?;
    Ok(bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect())
}

/// An identifier made from a name; random where the name has no Latin letter or digit.
pub(super) fn from_name(name: &str) -> Result<String> {
    let slug = slugify(name);
    if slug.is_empty() {
        return Ok(random_word(8)?);
    }
    // Slugs are ASCII: any index is a boundary.
    Ok(slug[..slug.len().min(LONGEST)].trim_end_matches('-').to_owned())
}
