//! Arguments of Novu's own filters, which the editor writes and people get wrong.

/// What is wrong with the arguments in this `{{…}}`, if anything.
pub(super) fn fault(output: &str) -> Option<String> {
    let inner = output.trim_start_matches('{').trim_end_matches('}').trim_matches('-');
    split(inner, '|').into_iter().skip(1).find_map(|filter| {
        let (name, args) = filter.split_once(':').unwrap_or((filter, ""));
        let args: Vec<&str> = split(args, ',').into_iter().map(str::trim).collect();
        let given = |index: usize| args.get(index).copied().filter(|arg| !arg.is_empty());
        match name.trim() {
            "toSentence" => first([
                expect_text("toSentence", "keyPath", given(0)),
                expect_number("toSentence", "limit", given(1)),
            ]),
            "digest" => expect_number("digest", "maxNames", given(0)),
            "pluralize" if given(0).is_none_or(is_empty_text) => {
                Some("filter \"pluralize\" requires a singular form as its first argument".to_owned())
            }
            _ => None,
        }
    })
}

fn first(faults: [Option<String>; 2]) -> Option<String> {
    faults.into_iter().flatten().next()
}

fn expect_text(filter: &str, name: &str, arg: Option<&str>) -> Option<String> {
    let arg = arg?;
    (is_number(arg)).then(|| format!("filter \"{filter}\" expects a text as its argument \"{name}\""))
}

fn expect_number(filter: &str, name: &str, arg: Option<&str>) -> Option<String> {
    let arg = arg?;
    let is_wrong = arg.starts_with('-') || (quoted(arg).is_some_and(|text| !is_number(text)));
    is_wrong.then(|| format!("filter \"{filter}\" expects a number that is not negative as its argument \"{name}\""))
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

fn is_empty_text(arg: &str) -> bool {
    quoted(arg).is_some_and(|text| text.trim().is_empty())
}

/// The inside of a text in quotes.
fn quoted(arg: &str) -> Option<&str> {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| arg.strip_prefix(quote)?.strip_suffix(quote))
}

/// Splits at a separator outside quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == separator => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            None => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wrong_arguments_are_reported() {
        for good in [
            "{{ payload.a }}",
            "{{ payload.a | toSentence }}",
            "{{ payload.a | toSentence: 'name', 2, 'other' }}",
            "{{ payload.a | toSentence: 'a | b', payload.limit }}",
            "{{ payload.n | pluralize: 'apple', 'apples' }}",
            "{{ payload.a | digest: 2, 'name' }}",
            "{{ payload.a | upcase: -1 }}",
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in [
            "{{ payload.a | toSentence: 'name', 'many' }}",
            "{{ payload.a | toSentence: 5 }}",
            "{{ payload.n | pluralize }}",
            "{{ payload.n | upcase | pluralize: '' }}",
            "{{ payload.a | digest: -1 }}",
        ] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
