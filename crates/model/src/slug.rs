//! Identifiers made from names, and Novu's slugs: `<slugified name>_<kind>_<base62 of the id>` (api.md 6.1).

use crate::id::Id;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The twelve bytes of an id in base 62, big-endian, at least 16 characters.
pub fn base62(id: Id) -> String {
    let mut number = id.bytes().iter().fold(0u128, |sum, byte| sum << 8 | u128::from(*byte));
    let mut digits = Vec::new();
    while number > 0 {
        let digit = usize::try_from(number % 62).unwrap_or(0);
        digits.push(ALPHABET[digit]);
        number /= 62;
    }
    while digits.len() < 16 {
        digits.push(b'0');
    }
    digits.iter().rev().map(|digit| char::from(*digit)).collect()
}

/// Reads 16 or 17 base-62 characters back into an id.
pub fn from_base62(text: &str) -> Option<Id> {
    let mut number = 0u128;
    for byte in text.bytes() {
        let digit = ALPHABET.iter().position(|known| *known == byte)?;
        number = number.checked_mul(62)?.checked_add(u128::try_from(digit).ok()?)?;
    }
    if number >> 96 != 0 {
        return None;
    }
    let mut bytes = [0u8; 12];
    bytes.copy_from_slice(&number.to_be_bytes()[4..]);
    Some(Id::from_bytes(bytes))
}

/// The slug of something: `kind` is `wf`, `st`, `lt` or `env`.
pub fn slug(name: &str, kind: &str, id: Id) -> String {
    format!("{}_{kind}_{}", slugify(name), base62(id))
}

/// How a caller names a workflow, step, layout or environment in a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// By its 24-hex id or by its slug.
    Id(Id),
    /// By its own identifier.
    Identifier(String),
}

impl Reference {
    /// Reads a path segment: an id, a slug of this `kind` with any text before it, or else an identifier.
    pub fn parse(text: &str, kind: &str) -> Self {
        if let Ok(id) = text.parse::<Id>() {
            return Self::Id(id);
        }
        let marker = format!("_{kind}_");
        if let Some(at) = text.rfind(&marker) {
            let encoded = &text[at + marker.len()..];
            if encoded.len() == 16
                && let Some(id) = from_base62(encoded)
            {
                return Self::Id(id);
            }
        }
        Self::Identifier(text.to_owned())
    }
}

/// A name as an identifier: transliterated, camel case split, lower case, `-` between words; may come out empty.
pub fn slugify(name: &str) -> String {
    let spelled: Vec<char> = name.chars().flat_map(transliterate).collect();
    let mut out = String::with_capacity(spelled.len());
    for (index, &c) in spelled.iter().enumerate() {
        if !c.is_ascii_alphanumeric() {
            if !out.is_empty() && !out.ends_with('-') {
                out.push('-');
            }
            continue;
        }
        let before = index
            .checked_sub(1)
            .and_then(|index| spelled.get(index))
            .copied()
            .unwrap_or(' ');
        let after = spelled.get(index + 1).copied().unwrap_or(' ');
        let starts_word = c.is_ascii_uppercase()
            && (before.is_ascii_lowercase()
                || before.is_ascii_digit()
                || (before.is_ascii_uppercase() && after.is_ascii_lowercase()));
        if starts_word && !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out.trim_end_matches('-').to_owned()
}

/// Latin letters without their marks; what has no Latin spelling becomes a gap.
fn transliterate(c: char) -> Vec<char> {
    let text = match c {
        'ä' | 'æ' => "ae",
        'Ä' | 'Æ' => "Ae",
        'ö' | 'œ' => "oe",
        'Ö' | 'Œ' => "Oe",
        'ü' => "ue",
        'Ü' => "Ue",
        'ß' => "ss",
        'à' | 'á' | 'â' | 'ã' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'À' | 'Á' | 'Â' | 'Ã' | 'Å' | 'Ā' | 'Ă' | 'Ą' => "A",
        'ç' | 'ć' | 'č' => "c",
        'Ç' | 'Ć' | 'Č' => "C",
        'ď' | 'đ' => "d",
        'Ď' | 'Đ' => "D",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => "e",
        'È' | 'É' | 'Ê' | 'Ë' | 'Ē' | 'Ę' | 'Ě' => "E",
        'ğ' => "g",
        'Ğ' => "G",
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => "i",
        'Ì' | 'Í' | 'Î' | 'Ï' | 'Ī' | 'İ' => "I",
        'ł' => "l",
        'Ł' => "L",
        'ñ' | 'ń' | 'ň' => "n",
        'Ñ' | 'Ń' | 'Ň' => "N",
        'ò' | 'ó' | 'ô' | 'õ' | 'ø' | 'ō' => "o",
        'Ò' | 'Ó' | 'Ô' | 'Õ' | 'Ø' | 'Ō' => "O",
        'ř' => "r",
        'Ř' => "R",
        'ś' | 'š' | 'ş' => "s",
        'Ś' | 'Š' | 'Ş' => "S",
        'ť' => "t",
        'ù' | 'ú' | 'û' | 'ū' | 'ů' => "u",
        'Ù' | 'Ú' | 'Û' | 'Ū' | 'Ů' => "U",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'Ź' | 'Ż' | 'Ž' => "Z",
        '&' => " and ",
        _ => return vec![c],
    };
    text.chars().collect()
}

/// Whether `text` may be a workflow's, step's or layout's identifier: words of letters and digits joined by single
/// `-`, `_` or `.`.
pub fn is_identifier(text: &str) -> bool {
    !text.is_empty()
        && text
            .split(['-', '_', '.'])
            .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base62_agrees_with_the_published_example() {
        let id: Id = "6615943e7ace93b0540ae377".parse().unwrap();
        assert_eq!(base62(id), "f5VFlcRWmt1PF4uV");
        assert_eq!(from_base62("f5VFlcRWmt1PF4uV"), Some(id));
    }

    #[test]
    fn names_become_words_joined_by_hyphens() {
        for (name, slug) in [
            ("My Workflow", "my-workflow"),
            ("user123Name", "user123-name"),
            ("HTTPServer2", "http-server2"),
            ("Schöne Grüße & mehr", "schoene-gruesse-and-mehr"),
            ("  --x--  ", "x"),
            ("通知", ""),
        ] {
            assert_eq!(slugify(name), slug, "{name}");
        }
    }

    #[test]
    fn a_path_names_by_id_slug_or_identifier() {
        let id: Id = "6615943e7ace93b0540ae377".parse().unwrap();
        assert_eq!(Reference::parse("6615943e7ace93b0540ae377", "wf"), Reference::Id(id));
        assert_eq!(
            Reference::parse("anything_wf_f5VFlcRWmt1PF4uV", "wf"),
            Reference::Id(id)
        );
        for text in ["welcome", "f5VFlcRWmt1PF4uV", "a_wf_tooshort", "x_st_f5VFlcRWmt1PF4uV"] {
            assert_eq!(Reference::parse(text, "wf"), Reference::Identifier(text.to_owned()));
        }
    }

    #[test]
    fn identifiers_have_no_empty_word() {
        assert!(is_identifier("order-shipped_v2.1"));
        for text in ["", "-a", "a-", "a--b", "a b", "ä"] {
            assert!(!is_identifier(text), "{text}");
        }
    }
}
