//! Masked tokens: recognisable, so that one that is sent back is never stored in place of the token.

const STARS: &str = "********";
/// A shorter token shows nothing of itself.
const LONG_ENOUGH: usize = 20;

/// The token as it may be shown: the vendor's own prefix, such as `xoxb-`, and stars.
pub(super) fn masked(token: &str) -> String {
    let prefix = vendor_prefix(token).filter(|_| token.len() >= LONG_ENOUGH);
    format!("{}{STARS}", prefix.unwrap_or_default())
}

/// Whether the text is what [`masked`] makes of some token.
pub(super) fn is_mask(text: &str) -> bool {
    text.strip_suffix(STARS)
        .is_some_and(|prefix| prefix.is_empty() || vendor_prefix(prefix) == Some(prefix))
}

/// One to four letters or digits and the hyphen after them.
fn vendor_prefix(token: &str) -> Option<&str> {
    let (prefix, _) = token.split_once('-')?;
    let is_prefix = (1..=4).contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_prefix.then(|| &token[..=prefix.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_shows_at_most_the_vendor_and_is_known_again() {
        for (token, mask) in [
            ("xoxb-123456789-abcdefgh", "xoxb-********"),
            ("xoxe-1-abcdefghijklmnop", "xoxe-********"),
            ("xoxb-short", "********"),
            ("app-only", "********"),
            ("ZmFrZSB3ZWJleCB0b2tlbiBvZiBzb21lIGxlbmd0aA", "********"),
            ("secret-part-that-is-not-a-prefix", "********"),
            ("", "********"),
            ("ä-23456789012345678901234", "********"),
        ] {
            assert_eq!(masked(token), mask);
            assert!(is_mask(&masked(token)) && !is_mask(token), "{token}");
        }
        assert!(!is_mask("xoxb-123-********") && !is_mask("long-prefix-********"));
    }
}
