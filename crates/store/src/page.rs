//! Lists that are paged by a cursor (channels.md 1.1.1): sorted by one column and the id, the cursor is a row's id.
//!
//! A page is fetched by index from the cursor on; the total is counted up to a cap. What rows are joined with is looked
//! up only for the rows of the page: which rows are on it, and how many there are, the listed table alone decides.

use campanile_model::{Ctx, Id};

use crate::db::{Columns, Db, FromRow, StoreError, Val};

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

/// A list under construction: its columns and tables, and the filters that a caller asked for. Only constants and
/// numbered parameters become SQL text.
pub(crate) struct List {
    columns: &'static str,
    table: &'static str,
    /// What the rows of a page are joined with.
    joins: &'static str,
    filters: Vec<String>,
    values: Vec<Val>,
    /// Whether each filter has an index that holds all sort columns.
    covered: bool,
    /// Whether a filter takes more than one value, so that no index of it is in order.
    several: bool,
    /// A filter that nearly every row passes, and its opposite.
    mostly: Option<(String, String)>,
}

impl List {
    /// A list of `table` (alias `t`) in the caller's environment.
    pub(crate) fn new(ctx: &Ctx, columns: &'static str, table: &'static str) -> Self {
        Self {
            columns,
            table,
            joins: "",
            filters: vec!["t.environment_id = $1".to_owned()],
            values: vec![Val::from(ctx.environment)],
            covered: false,
            several: false,
            mostly: None,
        }
    }

    /// Each filter has an index `(environment_id, filtered, created_at, id, updated_at)`.
    pub(crate) fn covered(mut self) -> Self {
        self.covered = true;
        self
    }

    /// Adds a filter that nearly every row passes. A page finds its rows without looking far; what is counted is all,
    /// less those that `rest` lets through.
    pub(crate) fn mostly(&mut self, condition: &str, rest: &str) -> &mut Self {
        self.mostly = Some((format!(" AND ({condition})"), format!(" AND ({rest})")));
        self
    }

    /// Adds a filter that an index finds several values for.
    pub(crate) fn several(&mut self, condition: &'static str, value: impl Into<Val>) -> &mut Self {
        self.several = true;
        self.filter(condition, value)
    }

    /// Whether the rows are better found by their filter and then sorted, than read in order until enough of them
    /// pass: of ten thousand rows perhaps none does, and sorting what an index holds is quick.
    fn sorts(&self, order: &str) -> bool {
        let in_order = order == "created_at" && !self.several;
        self.covered && self.filters.len() > 1 && self.mostly.is_none() && !in_order
    }

    /// Joins each row of a page with one row of other tables at most; filters cannot see them.
    pub(crate) fn joined(mut self, joins: &'static str) -> Self {
        self.joins = joins;
        self
    }

    /// Adds a filter; `{}` stands for the value, every time it appears.
    pub(crate) fn filter(&mut self, condition: &'static str, value: impl Into<Val>) -> &mut Self {
        self.values.push(value.into());
        self.filters.push(format!(
            "({})",
            condition.replace("{}", &format!("${}", self.values.len()))
        ));
        self
    }

    /// Adds a filter on a column that must have one of these values.
    pub(crate) fn one_of(&mut self, column: &'static str, ids: Vec<Id>) -> &mut Self {
        // One value keeps the order of an index.
        let among = if let [one] = ids.as_slice() {
            self.values.push(Val::from(*one));
            format!("{column} = ${}", self.values.len())
        } else {
            self.several = true;
            self.values.push(Val::from(ids));
            format!("{column} {{in:${}}}", self.values.len())
        };
        self.filters.push(among);
        self
    }

    /// Adds a filter on a column that holds a JSON list of words: any of these must be in it. Words come from closed
    /// lists, so that quotes around them tell whole words.
    pub(crate) fn any_of(&mut self, column: &'static str, words: &[String]) -> &mut Self {
        if words.is_empty() {
            return self;
        }
        let mut conditions = Vec::new();
        for word in words {
            self.values.push(Val::from(format!("%\"{word}\"%")));
            conditions.push(format!("{column} LIKE ${}", self.values.len()));
        }
        self.filters.push(format!("({})", conditions.join(" OR ")));
        self
    }

    /// A page by number, newest first, and whether there are more rows.
    pub(crate) async fn offset_page<T: FromRow>(
        &self,
        db: &Db,
        page: u32,
        limit: u32,
    ) -> Result<(Vec<T>, bool), StoreError> {
        let offset = u64::from(page) * u64::from(limit);
        let text = format!(
            "SELECT {} FROM {} t WHERE {} ORDER BY t.id DESC LIMIT {} OFFSET {offset}",
            self.columns,
            self.table,
            self.filters.join(" AND "),
            u64::from(limit) + 1
        );
        let mut rows = db.all_of::<T>(&text, self.values.clone()).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        Ok((rows, more))
    }

    /// Adds a filter without a value.
    pub(crate) fn condition(&mut self, condition: &'static str) -> &mut Self {
        self.filters.push(format!("({condition})"));
        self
    }

    /// Fetches a page.
    pub(crate) async fn page<T: Listed>(&self, db: &Db, cursor: &Cursor) -> Result<Page<T>, StoreError> {
        let order = cursor.order.column();
        let backwards = cursor.before.is_some();
        let Some(position) = self.position(db, cursor, order).await? else {
            return Ok(Page::empty(0));
        };
        let filtered = format!("{} t WHERE {}", self.table, self.filters.join(" AND "));
        // The direction in which rows are read: for a page before the cursor against the order, flipped afterwards.
        let descending = cursor.descending != backwards;
        let mut from = filtered.clone();
        if let Some((condition, _)) = &self.mostly {
            from.push_str(condition);
        }
        let mut values = self.values.clone();
        if let Some((value, id)) = &position {
            from.push_str(&beyond(order, descending, cursor.include_cursor, values.len()));
            values.push(value.clone());
            values.push(Val::from(*id));
        }
        let direction = if descending { "DESC" } else { "ASC" };
        let sorting = if order == "id" {
            format!("ORDER BY t.id {direction}")
        } else {
            format!("ORDER BY t.{order} {direction}, t.id {direction}")
        };
        let limit = usize::try_from(cursor.limit).unwrap_or(usize::MAX);
        let limited = if self.sorts(order) {
            // The sign keeps both engines from reading in order.
            format!(
                "{} LIMIT {}",
                sorting.replacen(&format!("t.{order}"), &sorted_by(order), 1),
                limit + 1
            )
        } else {
            format!("{sorting} LIMIT {}", limit + 1)
        };
        let page = if self.joins.is_empty() {
            format!("SELECT {} FROM {from} {limited}", self.columns)
        } else {
            let itself = format!(
                "{{join_one:{} t ON t.environment_id = $1 AND t.id = page.id}}",
                self.table
            );
            let rows = format!("(SELECT t.id FROM {from} {limited}) AS page {itself}");
            format!("SELECT {} FROM {rows} {} {sorting}", self.columns, self.joins)
        };
        let counted = |rest: &str| {
            format!(
                "(SELECT count(*) FROM (SELECT 1 FROM {filtered}{rest} LIMIT {}) AS counted)",
                COUNT_CAP + 1
            )
        };
        let count = match &self.mostly {
            Some((_, rest)) => format!("SELECT {} - {}", counted(""), counted(rest)),
            None => format!("SELECT {}", counted("")),
        };
        let (rows, total) = futures_util::future::join(
            db.all_of::<T>(&page, values),
            db.all_of::<Number>(&count, self.values.clone()),
        )
        .await;
        let mut rows = rows?;
        let total = total?.first().map_or(0, |number| number.0);
        let more = rows.len() > limit;
        rows.truncate(limit);
        if backwards {
            rows.reverse();
        }
        let (Some(first), Some(last)) = (rows.first().map(Listed::id), rows.last().map(Listed::id)) else {
            return Ok(Page::empty(total));
        };
        let (next, previous) = if backwards {
            let next = self.exists_beyond(db, order, cursor.descending, last).await?;
            (next, more)
        } else {
            let previous = cursor.after.is_some() && self.exists_beyond(db, order, !cursor.descending, first).await?;
            (more, previous)
        };
        Ok(Page {
            rows,
            next: next.then_some(last),
            previous: previous.then_some(first),
            total: total.min(COUNT_CAP),
            capped: total > COUNT_CAP,
        })
    }

    /// Where the cursor's row stands: `None` when there is no such row, `Some(None)` when no cursor was given.
    async fn position(
        &self,
        db: &Db,
        cursor: &Cursor,
        order: &'static str,
    ) -> Result<Option<Option<(Val, Id)>>, StoreError> {
        let Some(text) = cursor.after.as_ref().or(cursor.before.as_ref()) else {
            return Ok(Some(None));
        };
        let Ok(id) = text.parse::<Id>() else { return Ok(None) };
        Ok(self.sort_value(db, order, id).await?.map(|value| Some((value, id))))
    }

    async fn sort_value(&self, db: &Db, order: &'static str, id: Id) -> Result<Option<Val>, StoreError> {
        let text = format!(
            "SELECT t.{order} FROM {} t WHERE t.environment_id = $1 AND t.id = $2",
            self.table
        );
        let environment = self.values.first().cloned().unwrap_or(Val::Null);
        if order == "id" {
            let found = db.all_of::<Anything>(&text, vec![environment, Val::from(id)]).await?;
            return Ok(found.first().map(|_| Val::from(id)));
        }
        if order == Order::Key.column() {
            let found = db.all_of::<Text>(&text, vec![environment, Val::from(id)]).await?;
            return Ok(found.into_iter().next().map(|Text(key)| Val::from(key)));
        }
        let found = db.all_of::<Number>(&text, vec![environment, Val::from(id)]).await?;
        Ok(found.first().map(|number| Val::Int(number.0)))
    }

    /// Whether any row of the filtered list stands beyond `id` in this direction.
    async fn exists_beyond(&self, db: &Db, order: &'static str, descending: bool, id: Id) -> Result<bool, StoreError> {
        let Some(value) = self.sort_value(db, order, id).await? else {
            return Ok(false);
        };
        let mut values = self.values.clone();
        let beyond = beyond(order, descending, false, values.len());
        values.push(value);
        values.push(Val::from(id));
        let text = format!(
            "SELECT t.id FROM {} t WHERE {}{}{beyond} LIMIT 1",
            self.table,
            self.filters.join(" AND "),
            self.mostly.as_ref().map_or("", |(condition, _)| condition)
        );
        Ok(!db.all_of::<Anything>(&text, values).await?.is_empty())
    }
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

/// A column to sort by, not to read by: an expression that is the column.
fn sorted_by(column: &str) -> String {
    if column == "id" {
        "t.id || ''".to_owned()
    } else {
        format!("t.{column} + 0")
    }
}

/// The condition for rows beyond a cursor whose sort value and id are the next two parameters.
fn beyond(order: &str, descending: bool, inclusive: bool, given: usize) -> String {
    let sign = match (descending, inclusive) {
        (true, false) => "<",
        (true, true) => "<=",
        (false, false) => ">",
        (false, true) => ">=",
    };
    let (value, id) = (given + 1, given + 2);
    if order == "id" {
        // Both parameters are the id; both are used, so that the engine sees as many as it is given.
        return format!(" AND t.id {sign} ${value} AND ${id} = ${id}");
    }
    format!(" AND (t.{order}, t.id) {sign} (${value}, ${id})")
}

struct Number(i64);

impl FromRow for Number {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.int().map(Self)
    }
}

struct Text(String);

impl FromRow for Text {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        c.text().map(Self)
    }
}

struct Anything;

impl FromRow for Anything {
    fn from_row(_: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self)
    }
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
