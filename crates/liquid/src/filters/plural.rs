//! English plurals, well enough for the words of notifications.

/// Words that are the same in both numbers.
const SAME: [&str; 14] = [
    "equipment",
    "fish",
    "information",
    "money",
    "news",
    "rice",
    "series",
    "sheep",
    "species",
    "deer",
    "aircraft",
    "feedback",
    "software",
    "data",
];
const IRREGULAR: [(&str, &str); 22] = [
    ("person", "people"),
    ("child", "children"),
    ("man", "men"),
    ("woman", "women"),
    ("foot", "feet"),
    ("tooth", "teeth"),
    ("goose", "geese"),
    ("mouse", "mice"),
    ("ox", "oxen"),
    ("leaf", "leaves"),
    ("life", "lives"),
    ("wife", "wives"),
    ("knife", "knives"),
    ("half", "halves"),
    ("shelf", "shelves"),
    ("thief", "thieves"),
    ("wolf", "wolves"),
    ("quiz", "quizzes"),
    ("analysis", "analyses"),
    ("criterion", "criteria"),
    ("hero", "heroes"),
    ("potato", "potatoes"),
];

/// The word in the number that `count` asks for; it may be given in either.
pub(super) fn agree(word: &str, count: f64) -> String {
    let one = crate::number::same(count, 1.0);
    let lower = word.to_lowercase();
    if SAME.contains(&lower.as_str()) {
        return word.to_owned();
    }
    let irregular = IRREGULAR
        .iter()
        .find(|(singular, plural)| lower == *singular || lower == *plural);
    if let Some((singular, plural)) = irregular {
        return like(word, if one { singular } else { plural });
    }
    if one {
        singular(word, &lower)
    } else {
        plural(word, &lower)
    }
}

/// Gives `text` the capitals of `model`.
fn like(model: &str, text: &str) -> String {
    let mut capitals = model.chars().filter(|c| c.is_alphabetic()).map(char::is_uppercase);
    match (
        capitals.next(),
        model.chars().count() > 1 && capitals.all(|upper| upper),
    ) {
        (Some(true), true) => text.to_uppercase(),
        (Some(true), false) => text
            .chars()
            .take(1)
            .flat_map(char::to_uppercase)
            .chain(text.chars().skip(1))
            .collect(),
        _ => text.to_owned(),
    }
}

fn is_vowel(c: char) -> bool {
    "aeiou".contains(c)
}

/// Appends a suffix in the case the word ends in.
fn with(stem: &str, suffix: &str, word: &str) -> String {
    let upper = word.chars().count() > 1 && word.chars().all(|c| !c.is_lowercase());
    format!(
        "{stem}{}",
        if upper {
            suffix.to_uppercase()
        } else {
            suffix.to_owned()
        }
    )
}

fn plural(word: &str, lower: &str) -> String {
    let mut ends = lower.chars().rev();
    let (last, before) = (ends.next(), ends.next());
    let stem = |cut: usize| &word[..word.char_indices().rev().nth(cut - 1).map_or(0, |(i, _)| i)];
    match (last, before) {
        (None, _) => String::new(),
        (Some('s'), Some(c)) if c != 's' && c != 'u' && c != 'i' => word.to_owned(),
        (Some('y'), Some(c)) if !is_vowel(c) => with(stem(1), "ies", word),
        (Some('s' | 'x' | 'z'), _) | (Some('h'), Some('c' | 's')) => with(word, "es", word),
        (Some(c), _) if c.is_alphanumeric() => with(word, "s", word),
        _ => word.to_owned(),
    }
}

fn singular(word: &str, lower: &str) -> String {
    let cut = |bytes: usize| word.get(..word.len() - bytes).unwrap_or(word);
    if lower.ends_with("ies") && lower.len() > 4 {
        return with(cut(3), "y", word);
    }
    let hissing = ["sses", "xes", "ches", "shes", "zzes"]
        .iter()
        .any(|end| lower.ends_with(end));
    if hissing {
        return cut(2).to_owned();
    }
    let plain = lower.ends_with('s') && !["ss", "us", "is"].iter().any(|end| lower.ends_with(end));
    if plain { cut(1).to_owned() } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::agree;

    #[test]
    fn words_agree_with_their_count() {
        for (word, one, many) in [
            ("notification", "notification", "notifications"),
            ("comments", "comment", "comments"),
            ("reply", "reply", "replies"),
            ("day", "day", "days"),
            ("Person", "Person", "People"),
            ("box", "box", "boxes"),
            ("match", "match", "matches"),
            ("status", "status", "statuses"),
            ("class", "class", "classes"),
            ("OTHER", "OTHER", "OTHERS"),
            ("news", "news", "news"),
            ("", "", ""),
        ] {
            assert_eq!(
                (agree(word, 1.0).as_str(), agree(word, 2.0).as_str()),
                (one, many),
                "{word}"
            );
        }
    }
}
