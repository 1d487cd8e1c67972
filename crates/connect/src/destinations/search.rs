//! Finding by name: without regard to case and accents, names that begin with what is looked for first.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use campanile_model::{Error, Result};
use campanile_providers::directory::Found;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A name in the form in which names are compared.
pub(super) fn fold(text: &str) -> String {
    text.nfkd()
        .filter(|letter| !is_combining_mark(*letter))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Something found, with what it is sorted and found by.
#[derive(Clone, Debug)]
pub(super) struct Indexed {
    pub(super) folded: String,
    also: Option<String>,
    pub(super) found: Found,
}

impl Indexed {
    pub(super) fn new(found: Found) -> Self {
        Self {
            folded: fold(&found.name),
            also: found.also.as_deref().map(fold),
            found,
        }
    }

    /// About how many bytes it takes.
    pub(super) fn weight(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        size_of::<Self>()
            + self.folded.len()
            + self.found.name.len()
            + 2 * self.found.id.len()
            + text(&self.also)
            + text(&self.found.also)
            + text(&self.found.details.email)
    }

    pub(super) fn key(&self) -> (&str, &str) {
        (&self.folded, &self.found.id)
    }
}

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Needle(String);

impl Needle {
    /// The signs that people write before channels and persons are not part of their names.
    pub(super) fn new(text: &str) -> Self {
        Self(fold(text.trim().trim_start_matches(['#', '@'])))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// 0 for what begins with it, 1 for what has it inside.
    fn rank(&self, one: &Indexed) -> Option<u8> {
        let names = || std::iter::once(&one.folded).chain(&one.also);
        if names().any(|name| name.starts_with(&self.0)) {
            Some(0)
        } else {
            names().any(|name| name.contains(&self.0)).then_some(1)
        }
    }
}

/// Where a page ended: a place in the order, which stays the same whatever comes and goes around it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    rank: u8,
    folded: String,
    id: String,
}

impl Position {
    /// Reads a cursor.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let read = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let mut parts = text.splitn(3, '\u{1f}');
            Some(Self {
                rank: parts.next()?.parse().ok()?,
                id: parts.next()?.to_owned(),
                folded: parts.next()?.to_owned(),
            })
        };
        read().ok_or_else(|| Error::bad_request("after must be the `next` of a page before"))
    }

    /// The cursor.
    pub(super) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}\u{1f}{}\u{1f}{}", self.rank, self.id, self.folded))
    }

    fn of(rank: u8, one: &Indexed) -> Self {
        Self {
            rank,
            folded: one.folded.clone(),
            id: one.found.id.clone(),
        }
    }
}

/// A page of a list that is sorted by [`Indexed::key`], and where it ended when there is more.
pub(super) fn page<'a>(
    all: &'a [Indexed],
    needle: &Needle,
    after: Option<&Position>,
    limit: usize,
) -> (Vec<&'a Found>, Option<Position>) {
    let of_rank = |rank: u8| {
        all.iter()
            .filter(move |one| needle.rank(one) == Some(rank))
            .map(move |one| (rank, one))
    };
    let mut rest = of_rank(0).chain(of_rank(1)).filter(|(rank, one)| {
        after.is_none_or(|after| (*rank, one.key()) > (after.rank, (after.folded.as_str(), after.id.as_str())))
    });
    let taken: Vec<(u8, &Indexed)> = rest.by_ref().take(limit).collect();
    let next = rest
        .next()
        .and(taken.last())
        .map(|(rank, one)| Position::of(*rank, one));
    (taken.into_iter().map(|(_, one)| &one.found).collect(), next)
}

#[cfg(test)]
mod tests {
    use campanile_providers::directory::Details;
    use proptest::prelude::*;

    use super::*;

    fn index(names: &[&str]) -> Vec<Indexed> {
        let mut all: Vec<Indexed> = names
            .iter()
            .enumerate()
            .map(|(number, name)| {
                Indexed::new(Found {
                    id: format!("C{number}"),
                    name: (*name).to_owned(),
                    also: None,
                    address: None,
                    reason: None,
                    details: Details::default(),
                })
            })
            .collect();
        all.sort_by(|a, b| a.key().cmp(&b.key()));
        all
    }

    fn all_pages(all: &[Indexed], needle: &str, limit: usize) -> Vec<String> {
        let (needle, mut after, mut names) = (Needle::new(needle), None, Vec::new());
        loop {
            let (found, next) = page(all, &needle, after.as_ref(), limit);
            names.extend(found.into_iter().map(|one| one.name.clone()));
            match next {
                Some(next) => after = Some(Position::parse(&next.text()).unwrap()),
                None => return names,
            }
        }
    }

    #[test]
    fn case_and_accents_do_not_matter_and_beginnings_come_first() {
        let all = index(&["Über-alles", "general", "team-general", "GENÈVE", "random", "Łódź"]);
        let table: [(&str, &[&str]); 7] = [
            ("gen", &["general", "GENÈVE", "team-general"]),
            ("#GÉN", &["general", "GENÈVE", "team-general"]),
            ("uber", &["Über-alles"]),
            ("lles", &["Über-alles"]),
            ("łodz", &["Łódź"]),
            ("nobody", &[]),
            (
                "",
                &["general", "GENÈVE", "random", "team-general", "Über-alles", "Łódź"],
            ),
        ];
        for (needle, expected) in table {
            assert_eq!(all_pages(&all, needle, 2), expected, "{needle}");
        }
    }

    #[test]
    fn a_cursor_that_is_none_is_refused() {
        for text in ["", "x", "!!!", "MTIz"] {
            assert!(Position::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn pages_of_any_size_hold_everything_once(names in prop::collection::vec("[a-c]{0,4}", 0..30), needle in "[a-c]{0,2}", limit in 1usize..7) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let all = index(&names);
            let mut paged = all_pages(&all, &needle, limit);
            let mut expected: Vec<String> = names.iter().filter(|name| name.contains(&needle)).map(|name| (*name).to_owned()).collect();
            paged.sort();
            expected.sort();
            prop_assert_eq!(paged, expected);
        }

        #[test]
        fn any_cursor_is_survived(text in ".{0,40}") {
            let _ = Position::parse(&text);
        }
    }
}
