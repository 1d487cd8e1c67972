//! Names of languages as they are written in a country: `en_US`.

/// The locale whose texts are used where another has none.
pub const DEFAULT: &str = "en_US";

/// The locale in its one form, language, script and country with underscores; nothing when the text is none.
/// Hyphens and any case are taken, as other systems write them.
pub fn parse(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(['_', '-']).collect();
    let letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_language = |part: &str| matches!(part.len(), 2 | 3) && letters(part);
    let is_script = |part: &str| part.len() == 4 && letters(part);
    let is_country = |part: &str| {
        (part.len() == 2 && letters(part)) || (part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    match parts.as_slice() {
        [language, country] if is_language(language) && is_country(country) => Some(format!(
            "{}_{}",
            language.to_ascii_lowercase(),
            country.to_ascii_uppercase()
        )),
        [language, script, country] if is_language(language) && is_script(script) && is_country(country) => {
            let mut script = script.to_ascii_lowercase();
            if let Some(first) = script.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            let (language, country) = (language.to_ascii_lowercase(), country.to_ascii_uppercase());
            Some(format!("{language}_{script}_{country}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_has_one_form() {
        for (text, wanted) in [
            ("en_US", Some("en_US")),
            ("en-us", Some("en_US")),
            ("zh-hans-cn", Some("zh_Hans_CN")),
            ("es_419", Some("es_419")),
            ("en", None),
            ("english_US", None),
            ("en_US_x", None),
            ("é_US", None),
            ("", None),
        ] {
            assert_eq!(parse(text).as_deref(), wanted, "{text}");
        }
    }
}
