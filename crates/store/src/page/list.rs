//! A list under construction, and the statements that fetch a page of it.

use campanile_model::{Ctx, Id};

use super::reading::{self, Filter, Indexed, Position, Reading, beyond, by};
use super::{COUNT_CAP, Cursor, Listed, Order, Page};
use crate::db::{Columns, Db, FromRow, Source, StoreError, Val};

/// The columns and tables of a list, and the filters that a caller asked for. Only constants and numbered parameters
/// become SQL text.
pub(crate) struct List {
    source: Source,
    filters: Vec<Filter>,
    values: Vec<Val>,
    /// Whether every filter is on an indexed column, and the indexes `…_created` and `…_updated` of the table, which are
    /// in these orders, hold all these columns.
    covered: bool,
}

impl List {
    /// A list of `table` (alias `t`) in the caller's environment.
    pub(crate) fn new(ctx: &Ctx, columns: &'static str, table: &'static str) -> Self {
        Self::of(ctx, Source::table(columns, table))
    }

    /// A list of the source's table, each row joined with one row of other tables at most; filters cannot see those.
    pub(crate) fn of(ctx: &Ctx, source: Source) -> Self {
        Self {
            source,
            filters: Vec::new(),
            values: vec![Val::from(ctx.environment)],
            covered: false,
        }
    }

    /// Every filter is on an indexed column, and the indexes `…_created` and `…_updated` of the table hold all of them.
    pub(crate) fn covered(mut self) -> Self {
        self.covered = true;
        self
    }

    /// The column must have this value.
    pub(crate) fn equals(&mut self, column: Indexed, value: impl Into<Val>) -> &mut Self {
        self.values.push(value.into());
        self.filters.push(Filter::equals(column, self.values.len()));
        self
    }

    /// The column must have one of these values.
    pub(crate) fn one_of<T: Into<Val>>(&mut self, column: Indexed, mut values: Vec<T>) -> &mut Self
    where
        Val: From<Vec<T>>,
    {
        // One value keeps the order of an index.
        if values.len() == 1
            && let Some(one) = values.pop()
        {
            return self.equals(column, one);
        }
        self.values.push(Val::from(values));
        self.filters.push(Filter::any_of(column, self.values.len()));
        self
    }

    /// Adds a filter; `{}` stands for the value, every time it appears.
    pub(crate) fn filter(&mut self, condition: &'static str, value: impl Into<Val>) -> &mut Self {
        self.values.push(value.into());
        let condition = condition.replace("{}", &format!("${}", self.values.len()));
        self.filters.push(Filter::Condition(condition));
        self
    }

    /// The column must have one of these values. Its index, where it has one, is left to the database.
    pub(crate) fn any_of<T: Into<Val>>(&mut self, column: &'static str, mut values: Vec<T>) -> &mut Self
    where
        Val: From<Vec<T>>,
    {
        // One value keeps the order of an index, and tells SQLite how few rows there are.
        let number = self.values.len() + 1;
        let (value, condition) = match values.len() {
            1 => (values.pop().map(Into::into), format!("{column} = ${number}")),
            _ => (Some(Val::from(values)), format!("{column} {{in:${number}}}")),
        };
        self.values.extend(value);
        self.filters.push(Filter::Condition(condition));
        self
    }

    /// Adds a filter on a column that holds a JSON list of words: any of these must be in it. Words come from closed
    /// lists, so that quotes around them tell whole words.
    pub(crate) fn any_word(&mut self, column: &'static str, words: &[String]) -> &mut Self {
        if words.is_empty() {
            return self;
        }
        let mut conditions = Vec::new();
        for word in words {
            self.values.push(Val::from(format!("%\"{word}\"%")));
            conditions.push(format!("{column} LIKE ${}", self.values.len()));
        }
        self.filters.push(Filter::Condition(conditions.join(" OR ")));
        self
    }

    /// Adds a filter without a value.
    pub(crate) fn condition(&mut self, condition: &'static str) -> &mut Self {
        self.filters.push(Filter::Condition(condition.to_owned()));
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
            "SELECT {} FROM {} ORDER BY t.id DESC LIMIT {} OFFSET {offset}",
            self.source.columns,
            self.filtered(Reading::Any, Order::Id.column()),
            u64::from(limit) + 1
        );
        let mut rows = db.all_of::<T>(&text, self.values.clone()).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        Ok((rows, more))
    }

    /// Fetches a page.
    pub(crate) async fn page<T: Listed>(&self, db: &Db, cursor: &Cursor) -> Result<Page<T>, StoreError> {
        // Ids are by creation, and creation is what indexes hold.
        let order = match cursor.order {
            Order::Id if self.covered => Order::Created.column(),
            order => order.column(),
        };
        let Some(position) = self.position(db, cursor, order).await? else {
            return Ok(Page::empty(0));
        };
        let reading = self.reading(db, order).await?;
        let backwards = cursor.before.is_some();
        // The direction in which rows are read: for a page before the cursor against the order, flipped afterwards.
        let descending = cursor.descending != backwards;
        let limit = usize::try_from(cursor.limit).unwrap_or(usize::MAX);
        let (page, values) = self.page_text(reading, order, descending, cursor, position);
        let count = self.count_text(reading.to_count(&self.filters), order);
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
        let exists = |descending, id| self.exists_beyond(db, reading, order, descending, id);
        let (next, previous) = if backwards {
            (exists(cursor.descending, last).await?, more)
        } else {
            let previous = cursor.after.is_some() && exists(!cursor.descending, first).await?;
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

    async fn reading(&self, db: &Db, order: &'static str) -> Result<Reading, StoreError> {
        if self.covered {
            return reading::choose(db, self.source.table, &self.filters, &self.values, order).await;
        }
        Ok(Reading::Any)
    }

    /// The table with its filters, as this way of reading takes them.
    fn filtered(&self, reading: Reading, order: &str) -> String {
        let table = self.source.table;
        let index = reading.index(&self.filters, table, order);
        format!(
            "{table} t {} WHERE t.environment_id = $1{}",
            by(index.as_deref()),
            reading.conditions(&self.filters)
        )
    }

    fn page_text(
        &self,
        reading: Reading,
        order: &'static str,
        descending: bool,
        cursor: &Cursor,
        position: Option<Position>,
    ) -> (String, Vec<Val>) {
        let (mut from, mut values) = (self.filtered(reading, order), self.values.clone());
        let sorted_by = reading.sorted_by(order);
        if let Some((value, id)) = position {
            from.push_str(&beyond(&sorted_by, descending, cursor.include_cursor, values.len()));
            values.extend([value, Val::from(id)]);
        }
        let direction = if descending { "DESC" } else { "ASC" };
        let sorting = |sorted_by: &str| match order {
            "id" => format!("ORDER BY {sorted_by} {direction}"),
            _ => format!("ORDER BY {sorted_by} {direction}, t.id {direction}"),
        };
        let limited = format!("{} LIMIT {}", sorting(&sorted_by), u64::from(cursor.limit) + 1);
        let Source { columns, table, joins } = self.source;
        let text = if joins.is_empty() {
            format!("SELECT {columns} FROM {from} {limited}")
        } else {
            let itself = format!("{{join_one:{table} t ON t.environment_id = $1 AND t.id = page.id}}");
            let rows = format!("(SELECT t.id FROM {from} {limited}) AS page {itself}");
            format!(
                "SELECT {columns} FROM {rows} {joins} {}",
                sorting(&format!("t.{order}"))
            )
        };
        (text, values)
    }

    fn count_text(&self, reading: Reading, order: &str) -> String {
        format!(
            "SELECT count(*) FROM (SELECT 1 FROM {} LIMIT {}) AS counted",
            self.filtered(reading, order),
            COUNT_CAP + 1
        )
    }

    /// Where the cursor's row stands: `None` when there is no such row, `Some(None)` when no cursor was given.
    async fn position(
        &self,
        db: &Db,
        cursor: &Cursor,
        order: &'static str,
    ) -> Result<Option<Option<Position>>, StoreError> {
        let Some(text) = cursor.after.as_ref().or(cursor.before.as_ref()) else {
            return Ok(Some(None));
        };
        let Ok(id) = text.parse::<Id>() else { return Ok(None) };
        Ok(self.sort_value(db, order, id).await?.map(|value| Some((value, id))))
    }

    async fn sort_value(&self, db: &Db, order: &'static str, id: Id) -> Result<Option<Val>, StoreError> {
        let text = format!(
            "SELECT t.{order} FROM {} t WHERE t.environment_id = $1 AND t.id = $2",
            self.source.table
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
    async fn exists_beyond(
        &self,
        db: &Db,
        reading: Reading,
        order: &'static str,
        descending: bool,
        id: Id,
    ) -> Result<bool, StoreError> {
        let Some(value) = self.sort_value(db, order, id).await? else {
            return Ok(false);
        };
        let mut values = self.values.clone();
        let beyond = beyond(&reading.sorted_by(order), descending, false, values.len());
        values.extend([value, Val::from(id)]);
        let text = format!("SELECT t.id FROM {}{beyond} LIMIT 1", self.filtered(reading, order));
        Ok(!db.all_of::<Anything>(&text, values).await?.is_empty())
    }
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
