//! English words in the singular and the plural, by the rules of the package `pluralize` 8, which Novu uses. The crates
//! there are follow a newer list, and other ideas of capitals.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Both forms of irregular words.
const IRREGULAR: &[(&str, &str)] = &[
    ("i", "we"),
    ("me", "us"),
    ("he", "they"),
    ("she", "they"),
    ("them", "them"),
    ("myself", "ourselves"),
    ("yourself", "yourselves"),
    ("itself", "themselves"),
    ("herself", "themselves"),
    ("himself", "themselves"),
    ("themself", "themselves"),
    ("is", "are"),
    ("was", "were"),
    ("has", "have"),
    ("this", "these"),
    ("that", "those"),
    ("echo", "echoes"),
    ("dingo", "dingoes"),
    ("volcano", "volcanoes"),
    ("tornado", "tornadoes"),
    ("torpedo", "torpedoes"),
    ("genus", "genera"),
    ("viscus", "viscera"),
    ("stigma", "stigmata"),
    ("stoma", "stomata"),
    ("dogma", "dogmata"),
    ("lemma", "lemmata"),
    ("schema", "schemata"),
    ("anathema", "anathemata"),
    ("ox", "oxen"),
    ("axe", "axes"),
    ("die", "dice"),
    ("yes", "yeses"),
    ("foot", "feet"),
    ("eave", "eaves"),
    ("goose", "geese"),
    ("tooth", "teeth"),
    ("quiz", "quizzes"),
    ("human", "humans"),
    ("proof", "proofs"),
    ("carve", "carves"),
    ("valve", "valves"),
    ("looey", "looies"),
    ("thief", "thieves"),
    ("groove", "grooves"),
    ("pickaxe", "pickaxes"),
    ("passerby", "passersby"),
];

/// Words without another form.
const SAME: &str = " adulthood advice agenda aid aircraft alcohol ammo analytics anime athletics audio bison blood \
    bream buffalo butter carp cash chassis chess clothing cod commerce cooperation corps debris diabetes digestion elk \
    energy equipment excretion expertise firmware flounder fun gallows garbage graffiti hardware headquarters health \
    herpes highjinks homework housework information jeans justice kudos labour literature machinery mackerel mail media \
    mews moose music mud manga news only personnel pike plankton pliers police pollution premises rain research rice \
    salmon scissors series sewage shambles shrimp software species staff swine tennis traffic transportation trout tuna \
    wealth welfare whiting wildebeest wildlife you ";

/// Words without another form, by their ends.
const SAME_ENDS: &[&str] = &[
    "sheep$",
    "pox$",
    "o[iu]s$",
    "measles$",
    "fish$",
    "deer$",
    "[^aeiou]ese$",
    "pok[eé]mon$",
];

/// The first rule that matches makes the plural: what is found, and what stands in its place.
const PLURAL: &[(&str, &str)] = &[
    ("^thou$", "you"),
    ("m[ae]n$", "men"),
    ("eaux$", "$0"),
    ("(child)(?:ren)?$", "$1ren"),
    ("(pe)(?:rson|ople)$", "$1ople"),
    (r"(?-u:\b)((?:tit)?m|l)(?:ice|ouse)$", "$1ice"),
    ("(matr|cod|mur|sil|vert|ind|append)(?:ix|ex)$", "$1ices"),
    ("(x|ch|ss|sh|zz)$", "$1es"),
    ("([^ch][ieo][ln])ey$", "$1ies"),
    ("([^aeiouy]|qu)y$", "$1ies"),
    ("(?:(kni|wi|li)fe|(ar|l|ea|eo|oa|hoo)f)$", "$1$2ves"),
    ("sis$", "ses"),
    (
        "(apheli|hyperbat|periheli|asyndet|noumen|phenomen|criteri|organ|prolegomen|hedr|automat)(?:a|on)$",
        "$1a",
    ),
    (
        "(agend|addend|millenni|dat|extrem|bacteri|desiderat|strat|candelabr|errat|ov|symposi|curricul|automat|quor)\
            (?:a|um)$",
        "$1a",
    ),
    ("(her|at|gr)o$", "$1oes"),
    ("(seraph|cherub)(?:im)?$", "$1im"),
    ("(alumn|alg|vertebr)(?:a|ae)$", "$1ae"),
    (
        "(alumn|syllab|vir|radi|nucle|fung|cact|stimul|termin|bacill|foc|uter|loc|strat)(?:us|i)$",
        "$1i",
    ),
    ("([^l]ias|[aeiou]las|[ejzr]as|[iu]am)$", "$1"),
    ("(e[mn]u)s?$", "$1s"),
    ("(alias|[^aou]us|t[lm]as|gas|ris)$", "$1es"),
    ("(ax|test)is$", "$1es"),
    ("([^aeiou]ese)$", "$1"),
    (r"[^\x00-\x7F]$", "$0"),
    ("s?$", "s"),
];

/// The same for the singular.
const SINGULAR: &[(&str, &str)] = &[
    ("men$", "man"),
    ("(eau)x?$", "$1"),
    ("(child)ren$", "$1"),
    ("(pe)(rson|ople)$", "$1rson"),
    ("(matr|append)ices$", "$1ix"),
    ("(cod|mur|sil|vert|ind)ices$", "$1ex"),
    ("(alumn|alg|vertebr)ae$", "$1a"),
    (
        "(apheli|hyperbat|periheli|asyndet|noumen|phenomen|criteri|organ|prolegomen|hedr|automat)a$",
        "$1on",
    ),
    (
        "(agend|addend|millenni|dat|extrem|bacteri|desiderat|strat|candelabr|errat|ov|symposi|curricul|quor)a$",
        "$1um",
    ),
    (
        "(alumn|syllab|vir|radi|nucle|fung|cact|stimul|termin|bacill|foc|uter|loc|strat)(?:us|i)$",
        "$1us",
    ),
    ("(test)(?:is|es)$", "$1is"),
    ("(movie|twelve|abuse|e[mn]u)s$", "$1"),
    (
        "(analy|diagno|parenthe|progno|synop|the|empha|cri|ne)(?:sis|ses)$",
        "$1sis",
    ),
    (
        "(x|ch|ss|sh|zz|tto|go|cho|alias|[^aou]us|t[lm]as|gas|(?:her|at|gr)o|[aeiou]ris)(?:es)?$",
        "$1",
    ),
    ("(seraph|cherub)im$", "$1"),
    (r"(?-u:\b)((?:tit)?m|l)ice$", "$1ouse"),
    (r"(?-u:\b)(mon|smil)ies$", "$1ey"),
    (
        r"(?-u:\b)([pl]|zomb|(?:neck|cross)?t|coll|faer|food|gen|goon|group|lass|talk|goal|cut)ies$",
        "$1ie",
    ),
    ("ies$", "y"),
    ("(ar|(?:wo|[ae])l|[eo][ao])ves$", "$1f"),
    (
        "(wi|kni|(?:after|half|high|low|mid|non|night|[^0-9A-Za-z_]|^)li)ves$",
        "$1fe",
    ),
    ("(ss)$", "$1"),
    ("s$", ""),
];

struct Rule {
    found: Regex,
    instead: &'static str,
}

/// Patterns that cannot be read are left out; a test sees that there are none.
fn rules(table: &'static [(&'static str, &'static str)]) -> Vec<Rule> {
    let same = SAME_ENDS.iter().map(|end| (*end, "$0"));
    same.chain(table.iter().copied())
        .filter_map(|(pattern, instead)| {
            let found = Regex::new(&format!("(?i){pattern}")).ok()?;
            Some(Rule { found, instead })
        })
        .collect()
}

static PLURALS: LazyLock<Vec<Rule>> = LazyLock::new(|| rules(PLURAL));
static SINGULARS: LazyLock<Vec<Rule>> = LazyLock::new(|| rules(SINGULAR));

/// The word in the number that `count` asks for; it may be given in either.
pub(super) fn agree(word: &str, count: f64) -> String {
    let one = crate::number::same(count, 1.0);
    let token = word.to_lowercase();
    let pair = |(singular, plural): &(&'static str, &'static str)| {
        if one {
            (*singular, *plural)
        } else {
            (*plural, *singular)
        }
    };
    let irregular = || IRREGULAR.iter().map(pair);
    if irregular().any(|(wanted, _)| wanted == token) {
        return like(word, &token);
    }
    // Of several, the last one counts.
    if let Some((wanted, _)) = irregular().rev().find(|(_, other)| *other == token) {
        return like(word, wanted);
    }
    if token.is_empty() || SAME.split(' ').any(|same| same == token) {
        return word.to_owned();
    }
    let rules = if one { &*SINGULARS } else { &*PLURALS };
    match rules.iter().find(|rule| rule.found.is_match(word)) {
        Some(rule) => rule
            .found
            .replace(word, |found: &Captures<'_>| instead(word, rule, found))
            .into_owned(),
        None => word.to_owned(),
    }
}

/// What stands in the place of what was found, in its case.
fn instead(word: &str, rule: &Rule, found: &Captures<'_>) -> String {
    let part = |at: usize| found.get(at).map_or("", |part| part.as_str());
    let mut made = rule.instead.to_owned();
    for (name, at) in [("$0", 0), ("$1", 1), ("$2", 2)] {
        if made.contains(name) {
            made = made.replace(name, part(at));
        }
    }
    let model = part(0);
    if model.is_empty() {
        let before = word.chars().next_back().map(String::from).unwrap_or_default();
        return like(&before, &made);
    }
    like(model, &made)
}

/// Gives `text` the case of `model`.
fn like(model: &str, text: &str) -> String {
    if model == text || model == model.to_lowercase() {
        return if model == text {
            text.to_owned()
        } else {
            text.to_lowercase()
        };
    }
    if model == model.to_uppercase() {
        return text.to_uppercase();
    }
    let is_capital = model
        .chars()
        .next()
        .is_some_and(|first| first.to_uppercase().eq([first]));
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if is_capital => first
            .to_uppercase()
            .chain(letters.as_str().to_lowercase().chars())
            .collect(),
        _ => text.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::{PLURAL, SAME_ENDS, SINGULAR, agree, rules};

    #[test]
    fn every_rule_can_be_read() {
        for table in [PLURAL, SINGULAR] {
            assert_eq!(rules(table).len(), table.len() + SAME_ENDS.len());
        }
    }

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
            ("Reindeer", "Reindeer", "Reindeer"),
            ("they", "she", "they"),
            ("analysis", "analysis", "analyses"),
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
