//! Lists that are paged by a cursor (channels.md 1.1.1): sorted by one column and the id, the cursor is a row's id.
//!
//! A page is fetched by index from the cursor on; the total is counted up to a cap. What rows are joined with is looked
//! up only for the rows of the page: which rows are on it, and how many there are, the listed table alone decides.

mod list;
mod reading;

use campanile_model::Id;

use crate::db::FromRow;
pub(crate) use list::List;
pub(crate) use reading::Indexed;

/// Totals are counted up to this number.
pub const COUNT_CAP: i64 = 50_000;

/// Which page a caller wants.
#[derive(Clone, Debug)]
pub struct Cursor {
    /// The page after this row.
    pub after: Option<String>,
    /// The page before this row.
    pub before: Option<String>,
    /// At most so many rows.
    pub limit: u32,
    /// What to sort by.
    pub order: Order,
    /// Newest first.
    pub descending: bool,
    /// Whether the cursor's own row is part of the page.
    pub include_cursor: bool,
}

impl Cursor {
    /// The first page, newest first.
    pub fn first(limit: u32) -> Self {
        Self {
            after: None,
            before: None,
            limit,
            order: Order::Id,
            descending: true,
            include_cursor: false,
        }
    }
}

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By id, which is by creation.
    Id,
    /// By the time of creation.
    Created,
    /// By the time of the last change.
    Updated,
    /// By the caller's own key, for what has one.
    Key,
}

impl Order {
    const fn column(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Created => "created_at",
            Self::Updated => "updated_at",
            Self::Key => "topic_key",
        }
    }
}

/// One page.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The cursor of the next page.
    pub next: Option<Id>,
    /// The cursor of the previous page.
    pub previous: Option<Id>,
    /// How many rows there are, up to [`COUNT_CAP`].
    pub total: i64,
    /// Whether there are more.
    pub capped: bool,
}

impl<T> Page<T> {
    /// The same page of something else.
    pub fn map<U>(self, map: impl FnMut(T) -> U) -> Page<U> {
        Page {
            rows: self.rows.into_iter().map(map).collect(),
            next: self.next,
            previous: self.previous,
            total: self.total,
            capped: self.capped,
        }
    }

    /// The page of a list that cannot hold anything.
    pub fn nothing() -> Self {
        Self::empty(0)
    }

    fn empty(total: i64) -> Self {
        Self {
            rows: Vec::new(),
            next: None,
            previous: None,
            total: total.min(COUNT_CAP),
            capped: total > COUNT_CAP,
        }
    }
}

/// A row that can be a cursor.
pub trait Listed: FromRow {
    /// Its id.
    fn id(&self) -> Id;
}

/// A `LIKE` pattern that finds this text anywhere, its special characters standing for themselves.
pub(crate) fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c.to_ascii_lowercase());
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_of_a_search_stand_for_themselves() {
        for (search, pattern) in [
            ("acme", "%acme%"),
            ("Tenant:AC", "%tenant:ac%"),
            ("50%_\\", "%50\\%\\_\\\\%"),
            ("[invalid", "%[invalid%"),
        ] {
            assert_eq!(containing(search), pattern, "{search}");
        }
    }
}
