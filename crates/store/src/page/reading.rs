//! How the rows of a list are found. A database that knows nothing of how many rows a filter lets through takes any
//! index for the right one, and looks each of ten thousand rows up to see that it does not pass. So the filters are
//! counted first, up to a few rows, and the statement leaves the database no choice: SQLite is told the index, and on
//! PostgreSQL only one way is left.

use campanile_model::Id;

use crate::db::{Columns, Db, FromRow, StoreError, Val};

/// A filter that lets at most so many rows through is looked up and what is left sorted. More rows than that are read
/// in order, from an index that holds every column that is filtered by.
pub(super) const FEW: usize = 200;

/// A column that a list is narrowed by, and its index: `(environment_id, column, created_at, id, updated_at)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Indexed {
    pub(crate) column: &'static str,
    pub(crate) index: &'static str,
}

/// One filter of a list.
pub(super) enum Filter {
    /// A condition on one column that has an index of its own; the test stands behind the column.
    Column {
        by: Indexed,
        test: String,
        /// Whether the column must have one value, so that its index is in the order of creation.
        one: bool,
    },
    /// Any condition.
    Condition(String),
}

impl Filter {
    /// Must have this value, the parameter `number`.
    pub(super) fn equals(by: Indexed, number: usize) -> Self {
        Self::Column {
            by,
            test: format!("= ${number}"),
            one: true,
        }
    }

    /// Must have any value of the list in the parameter `number`.
    pub(super) fn any_of(by: Indexed, number: usize) -> Self {
        Self::Column {
            by,
            test: format!("{{in:${number}}}"),
            one: false,
        }
    }

    /// As the database may look it up.
    fn by_index(&self) -> String {
        match self {
            Self::Column { by, test, .. } => format!("{} {test}", by.column),
            Self::Condition(condition) => format!("({condition})"),
        }
    }

    fn index(&self) -> Option<&'static str> {
        match self {
            Self::Column { by, .. } => Some(by.index),
            Self::Condition(_) => None,
        }
    }

    /// As it can only be held against a row that was found otherwise.
    fn beside_index(&self) -> String {
        match self {
            Self::Column { by, test, .. } => format!("{{unindexed:{}}} {test}", by.column),
            Self::Condition(condition) => format!("({condition})"),
        }
    }
}

/// The way to the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Left to the database: a list of few rows, or one whose filters all have an index in the order asked for.
    Any,
    /// In order, from the index of the order; each entry is held against all filters.
    InOrder,
    /// What this filter lets through is looked up, and sorted.
    Few(usize),
    /// What this filter lets through is read from its index, which is in the order asked for.
    Among(usize),
}

impl Reading {
    /// Decides how to read, by the number of rows that each filter lets through, as far as they were counted.
    fn chosen(filters: &[Filter], by_creation: bool, counted: &[usize]) -> Self {
        let fewest = counted.iter().enumerate().min_by_key(|(_, count)| **count);
        match (fewest, filters) {
            (Some((at, count)), _) if *count <= FEW => Self::Few(at),
            (_, [Filter::Column { one: true, .. }]) if by_creation => Self::Among(0),
            _ => Self::InOrder,
        }
    }

    /// How a count of the same rows finds them: there is no order to keep.
    pub(super) fn to_count(self, filters: &[Filter]) -> Self {
        match (self, filters) {
            (Self::InOrder, [_]) => Self::Few(0),
            (reading, _) => reading,
        }
    }

    /// All filters, each behind an AND.
    pub(super) fn conditions(self, filters: &[Filter]) -> String {
        let spelled = filters.iter().enumerate().map(|(at, filter)| match self {
            Self::Any => filter.by_index(),
            Self::Few(driving) | Self::Among(driving) if driving == at => filter.by_index(),
            Self::InOrder | Self::Few(_) | Self::Among(_) => filter.beside_index(),
        });
        spelled.map(|filter| format!(" AND {filter}")).collect()
    }

    /// The index that rows of the table are read from, where the database has no choice.
    pub(super) fn index(self, filters: &[Filter], table: &str, order: &str) -> Option<String> {
        match self {
            Self::Any => None,
            Self::InOrder if order == "updated_at" => Some(format!("{table}_updated")),
            Self::InOrder => Some(format!("{table}_created")),
            Self::Few(at) | Self::Among(at) => filters.get(at).and_then(Filter::index).map(str::to_owned),
        }
    }

    /// The column that is sorted by; where rows are looked up and sorted, so that no index is read for its order.
    pub(super) fn sorted_by(self, order: &'static str) -> String {
        match self {
            Self::Few(_) => format!("+t.{order}"),
            Self::Any | Self::InOrder | Self::Among(_) => format!("t.{order}"),
        }
    }
}

/// Counts what each filter lets through, a little further than [`FEW`], and decides how to read.
pub(super) async fn choose(
    db: &Db,
    table: &str,
    filters: &[Filter],
    values: &[Val],
    order: &str,
) -> Result<Reading, StoreError> {
    let by_creation = order == "created_at";
    match filters {
        [] => return Ok(Reading::InOrder),
        [Filter::Column { one: true, .. }] if by_creation => return Ok(Reading::Among(0)),
        _ => {}
    }
    let each = filters.iter().enumerate().map(|(at, filter)| {
        format!(
            "SELECT {at}, (SELECT count(*) FROM (SELECT 1 FROM {table} t {} WHERE t.environment_id = $1 AND {} LIMIT {}) AS few)",
            by(filter.index()),
            filter.by_index(),
            FEW + 1
        )
    });
    let text = each.collect::<Vec<_>>().join(" UNION ALL ");
    let mut counted: Vec<(i64, i64)> = db
        .all_of::<Counted>(&text, values.to_vec())
        .await?
        .into_iter()
        .map(|Counted(at, count)| (at, count))
        .collect();
    counted.sort_unstable();
    let counted: Vec<usize> = counted
        .into_iter()
        .map(|(_, count)| usize::try_from(count).unwrap_or_default())
        .collect();
    Ok(Reading::chosen(filters, by_creation, &counted))
}

/// Names the index that a table is read by.
pub(super) fn by(index: Option<&str>) -> String {
    index.map(|index| format!("{{by:{index}}}")).unwrap_or_default()
}

struct Counted(i64, i64);

impl FromRow for Counted {
    fn from_row(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self(c.int()?, c.int()?))
    }
}

/// The condition for rows beyond a cursor whose sort value and id are the next two parameters.
pub(super) fn beyond(sorted_by: &str, descending: bool, inclusive: bool, given: usize) -> String {
    let sign = match (descending, inclusive) {
        (true, false) => "<",
        (true, true) => "<=",
        (false, false) => ">",
        (false, true) => ">=",
    };
    let (value, id) = (given + 1, given + 2);
    if sorted_by == "t.id" {
        // Both parameters are the id; both are used, so that the engine sees as many as it is given.
        return format!(" AND t.id {sign} ${value} AND ${id} = ${id}");
    }
    format!(" AND ({sorted_by}, t.id) {sign} (${value}, ${id})")
}

/// Where a cursor's row stands.
pub(super) type Position = (Val, Id);

#[cfg(test)]
mod tests {
    use super::*;

    const A: Indexed = Indexed {
        column: "t.a",
        index: "x_a",
    };
    const B: Indexed = Indexed {
        column: "t.b",
        index: "x_b",
    };

    #[test]
    fn few_rows_are_looked_up_and_many_are_read_in_order() {
        let one = || Filter::equals(A, 2);
        let two = || vec![one(), Filter::any_of(B, 3)];
        for (filters, by_creation, counted, expected) in [
            (two(), true, vec![FEW + 1, FEW + 1], Reading::InOrder),
            (two(), true, vec![FEW + 1, FEW], Reading::Few(1)),
            (two(), false, vec![0, FEW], Reading::Few(0)),
            (vec![one()], true, vec![FEW + 1], Reading::Among(0)),
            (vec![one()], false, vec![FEW + 1], Reading::InOrder),
            (vec![Filter::any_of(B, 2)], true, vec![FEW + 1], Reading::InOrder),
        ] {
            assert_eq!(
                Reading::chosen(&filters, by_creation, &counted),
                expected,
                "{counted:?}"
            );
        }
    }

    #[test]
    fn only_the_filter_that_leads_may_be_looked_up() {
        let filters = [Filter::equals(A, 2), Filter::any_of(B, 3)];
        let spelled = |reading: Reading| reading.conditions(&filters);
        assert_eq!(spelled(Reading::Any), " AND t.a = $2 AND t.b {in:$3}");
        assert_eq!(
            spelled(Reading::InOrder),
            " AND {unindexed:t.a} = $2 AND {unindexed:t.b} {in:$3}"
        );
        assert_eq!(spelled(Reading::Few(1)), " AND {unindexed:t.a} = $2 AND t.b {in:$3}");
        let index = |reading: Reading| reading.index(&filters, "x", "updated_at");
        assert_eq!(index(Reading::Few(1)).as_deref(), Some("x_b"));
        assert_eq!(index(Reading::InOrder).as_deref(), Some("x_updated"));
        assert_eq!(index(Reading::Any), None);
    }
}
