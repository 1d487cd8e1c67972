//! Rules on values that have the right type. Each answers what follows the path in the text of a 422, as the
//! reference words it (api.md 1.2).

use super::query::Number;

/// Not the empty text, nor only blanks.
pub(crate) fn not_empty(text: &str) -> Option<String> {
    text.trim().is_empty().then(|| "should not be empty".to_owned())
}

/// A length in characters, both ends included.
pub(crate) fn length(least: usize, most: usize) -> impl Fn(&str) -> Option<String> {
    move |text| {
        let count = text.chars().count();
        if count < least {
            Some(format!("must be longer than or equal to {least} characters"))
        } else if count > most {
            Some(format!("must be shorter than or equal to {most} characters"))
        } else {
            None
        }
    }
}

/// At most so many elements.
pub(crate) fn most<T>(most: usize) -> impl Fn(&[T]) -> Option<String> {
    move |list| (list.len() > most).then(|| format!("must contain no more than {most} elements"))
}

/// Not a smaller number.
pub(crate) fn at_least(least: i64) -> impl Fn(&Number) -> Option<String> {
    move |number| (number.0 < least).then(|| format!("must not be less than {least}"))
}

/// Not a greater number.
pub(crate) fn at_most(most: i64) -> impl Fn(&Number) -> Option<String> {
    move |number| (number.0 > most).then(|| format!("must not be greater than {most}"))
}

/// An e-mail address, as far as its form goes.
pub(crate) fn email(text: &str) -> Option<String> {
    let valid = text.rsplit_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && local.len() <= 64
            && !local.contains(|c: char| c.is_whitespace() || c == '@')
            && domain.len() <= 255
            && domain.contains('.')
            && domain.split('.').all(|label| {
                !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-') && !label.starts_with('-')
            })
    });
    (!valid).then(|| "must be an email".to_owned())
}

/// A locale such as `en`, `en_US` or `zh-Hant-TW`.
pub(crate) fn locale(text: &str) -> Option<String> {
    let mut parts = text.split(['-', '_']);
    let language = parts.next().unwrap_or_default();
    let valid = (2..=8).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    (!valid).then(|| "must be a valid locale (e.g. en or en_US)".to_owned())
}

/// A zone of the IANA database.
pub(crate) fn timezone(text: &str) -> Option<String> {
    (text.is_empty() || jiff::tz::TimeZone::get(text).is_err())
        .then(|| "must be a valid IANA time zone (e.g. Europe/Vienna)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(rule: impl Fn(&str) -> Option<String>, text: &str) -> bool {
        rule(text).is_none()
    }

    #[test]
    fn emails_have_a_local_part_and_a_domain() {
        for good in ["a@b.co", "a.b+c@x-y.example.org", "ü@exämple.at"] {
            assert!(holds(email, good), "{good}");
        }
        for bad in ["", "a", "a@b", "@b.co", "a b@c.de", "a@b..c", "a@@b.co", "a@-b.co"] {
            assert!(!holds(email, bad), "{bad}");
        }
    }

    #[test]
    fn locales_and_zones_are_known_forms() {
        for good in ["en", "en_US", "de-AT", "zh-Hant-TW"] {
            assert!(holds(locale, good), "{good}");
        }
        for bad in ["", "e", "english language", "en__US", "1"] {
            assert!(!holds(locale, bad), "{bad}");
        }
        assert!(holds(timezone, "Europe/Vienna") && holds(timezone, "UTC"));
        assert!(!holds(timezone, "Mars/Olympus") && !holds(timezone, ""));
    }
}
