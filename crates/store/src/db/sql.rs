//! Statements, written once for both engines.
//!
//! `$n` are the parameters. `{in:$n}` takes a list. `{each:column}` is the rows of a column's JSON list of
//! texts, named `value`. `{skip_locked}` locks rows where there is more than one writer. `{join_one:table t ON …}` joins
//! the one row that a key finds, for each row, and tells the databases so: without statistics PostgreSQL takes a table
//! that was filled a moment ago for a tiny one, and would read all of it for each row; SQLite would read the joined table
//! first when it has an index in the order asked for. `{unindexed:column}` is a column of texts that no index is
//! to be searched by, and `{by:index}`, behind a table, the one index that SQLite may read it by.
//! Where the engines must differ, a statement has two texts. An `insert` is described by its columns, so that many rows
//! go in one statement on PostgreSQL. A test prepares every statement on both engines.

use std::borrow::Cow;
use std::sync::OnceLock;

/// One statement.
pub struct Sql {
    /// The constant's name, for messages and metrics.
    pub name: &'static str,
    form: Form,
    spelled: OnceLock<Spelled>,
}

/// What rows are read from, said once for all statements that read them: the columns, the table, which is called `t`, and
/// what each row is joined with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) columns: &'static str,
    pub(crate) table: &'static str,
    pub(crate) joins: &'static str,
}

impl Source {
    /// A table alone.
    pub(crate) const fn table(columns: &'static str, table: &'static str) -> Self {
        Self {
            columns,
            table,
            joins: "",
        }
    }
}

enum Form {
    Both(&'static str),
    /// The rows of a source, and what stands behind its tables.
    From(&'static Source, &'static str),
    Each {
        sqlite: &'static str,
        postgres: &'static str,
    },
    /// On PostgreSQL each parameter is a list, one element for each row.
    Many {
        sqlite: &'static str,
        postgres: &'static str,
    },
    Insert {
        table: &'static str,
        columns: &'static str,
        ending: &'static str,
    },
}

struct Spelled {
    sqlite: String,
    postgres: String,
    announces: bool,
}

impl Spelled {
    fn new(sqlite: String, postgres: String) -> Self {
        Self {
            announces: sqlite.starts_with("INSERT INTO changes "),
            sqlite,
            postgres,
        }
    }
}

impl Sql {
    /// The same text on both engines.
    pub const fn both(name: &'static str, text: &'static str) -> Self {
        Self {
            name,
            form: Form::Both(text),
            spelled: OnceLock::new(),
        }
    }

    /// A text for each engine.
    pub const fn each(name: &'static str, sqlite: &'static str, postgres: &'static str) -> Self {
        Self {
            name,
            form: Form::Each { sqlite, postgres },
            spelled: OnceLock::new(),
        }
    }

    /// The rows of a source to which the rest of the statement applies, on both engines.
    pub(crate) const fn from(name: &'static str, source: &'static Source, rest: &'static str) -> Self {
        Self {
            name,
            form: Form::From(source, rest),
            spelled: OnceLock::new(),
        }
    }

    /// One row on SQLite, lists of them on PostgreSQL: what happens for each of many callers is one statement there.
    pub const fn many(name: &'static str, sqlite: &'static str, postgres: &'static str) -> Self {
        Self {
            name,
            form: Form::Many { sqlite, postgres },
            spelled: OnceLock::new(),
        }
    }

    /// Rows into a table; `columns` is `name type, …` with the types text, int and bool.
    pub const fn insert(name: &'static str, table: &'static str, columns: &'static str, ending: &'static str) -> Self {
        Self {
            name,
            form: Form::Insert { table, columns, ending },
            spelled: OnceLock::new(),
        }
    }

    /// Whether this is an insert whose rows PostgreSQL takes as columns of arrays.
    pub(crate) fn takes_columns(&self) -> bool {
        matches!(self.form, Form::Insert { .. } | Form::Many { .. })
    }

    /// Whether it writes to the table of changes: then webhooks are told after the commit.
    pub(crate) fn announces(&self) -> bool {
        self.spelled().announces
    }

    /// The text for SQLite.
    pub(crate) fn sqlite(&self) -> &str {
        &self.spelled().sqlite
    }

    /// The text for PostgreSQL.
    pub(crate) fn postgres(&self) -> &str {
        &self.spelled().postgres
    }

    fn spelled(&self) -> &Spelled {
        self.spelled.get_or_init(|| match self.form {
            Form::Both(text) => Spelled::new(for_sqlite(text), for_postgres(text)),
            Form::From(Source { columns, table, joins }, rest) => {
                let text = format!("SELECT {columns} FROM {table} t {joins} {rest}");
                Spelled::new(for_sqlite(&text), for_postgres(&text))
            }
            Form::Each { sqlite, postgres } | Form::Many { sqlite, postgres } => {
                Spelled::new(for_sqlite(sqlite), for_postgres(postgres))
            }
            Form::Insert { table, columns, ending } => {
                let columns: Vec<(&str, &str)> = columns
                    .split(',')
                    .filter_map(|column| column.trim().split_once(' '))
                    .collect();
                let names = columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
                let places = (1..=columns.len())
                    .map(|n| format!("?{n}"))
                    .collect::<Vec<_>>()
                    .join(", ");
                let arrays = columns
                    .iter()
                    .enumerate()
                    .map(|(index, (_, kind))| format!("${}::{}[]", index + 1, array_type(kind)))
                    .collect::<Vec<_>>()
                    .join(", ");
                Spelled::new(
                    format!("INSERT INTO {table} ({names}) VALUES ({places}) {ending}"),
                    format!("INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays}) {ending}"),
                )
            }
        })
    }
}

fn array_type(kind: &str) -> &str {
    match kind {
        "int" => "int8",
        other => other,
    }
}

/// `$n` becomes `?n`: SQLite numbers `$1` by its first appearance, which silently mixes arguments up.
pub(crate) fn for_sqlite(text: &str) -> String {
    let text = replace_token(text, "{in:$", |n| format!("IN (SELECT value FROM json_each(?{n}))"));
    let text = replace_token(&text, "LEFT {join_one:", |joined| format!("LEFT JOIN {joined}"));
    let text = replace_token(&text, "{join_one:", |joined| format!("CROSS JOIN {joined}"));
    let text = replace_token(&text, "{unindexed:", |column| format!("+{column}"));
    let text = replace_token(&text, "{by:", |index| format!("INDEXED BY {index}"));
    replace_token(&text, "{each:", |column| format!("json_each({column})"))
        .replace("{skip_locked}", "")
        .replace('$', "?")
}

pub(crate) fn for_postgres(text: &str) -> String {
    let text = replace_token(text, "{in:$", |n| format!("= ANY(${n})"));
    let text = replace_token(&text, "{join_one:", join_one_on_postgres);
    let text = replace_token(&text, "{unindexed:", |column| format!("({column} || '')"));
    let text = replace_token(&text, "{by:", |_| String::new());
    replace_token(&text, "{each:", |column| {
        format!("jsonb_array_elements_text({column}::jsonb) AS element(value)")
    })
    .replace("{skip_locked}", "FOR UPDATE SKIP LOCKED")
}

/// `table t ON condition`, looked up for each row that it is joined to.
fn join_one_on_postgres(joined: &str) -> String {
    let (table, condition) = joined.split_once(" ON ").unwrap_or((joined, "true"));
    let alias = table.rsplit(' ').next().unwrap_or(table);
    format!("JOIN LATERAL (SELECT * FROM {table} WHERE {condition} LIMIT 1) AS {alias} ON true")
}

/// Replaces each `{token…}` by what `spell` makes of the text between the token's beginning and the brace.
fn replace_token<'a>(text: &'a str, token: &str, spell: impl Fn(&str) -> String) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(text);
    while let Some(start) = text.find(token) {
        let Some(length) = text[start..].find('}') else { break };
        let spelled = spell(&text[start + token.len()..start + length]);
        text = Cow::Owned(format!("{}{spelled}{}", &text[..start], &text[start + length + 1..]));
    }
    text
}

/// Declares statements and the list of all of them, which the tests prepare on both engines.
#[macro_export]
macro_rules! queries {
    (@sql $name:ident, $text:literal) => { $crate::db::Sql::both(stringify!($name), $text) };
    (@sql $name:ident, { sqlite: $sqlite:literal, postgres: $postgres:literal $(,)? }) => {
        $crate::db::Sql::each(stringify!($name), $sqlite, $postgres)
    };
    (@sql $name:ident, { from $source:path, $rest:literal $(,)? }) => {
        $crate::db::Sql::from(stringify!($name), &$source, $rest)
    };
    (@sql $name:ident, { many sqlite: $sqlite:literal, postgres: $postgres:literal $(,)? }) => {
        $crate::db::Sql::many(stringify!($name), $sqlite, $postgres)
    };
    (@sql $name:ident, { insert $table:literal, $columns:literal $(,)? }) => {
        $crate::db::Sql::insert(stringify!($name), $table, $columns, "")
    };
    (@sql $name:ident, { insert $table:literal, $columns:literal, $ending:literal $(,)? }) => {
        $crate::db::Sql::insert(stringify!($name), $table, $columns, $ending)
    };
    ($($(#[$doc:meta])* $name:ident = $form:tt;)*) => {
        $($(#[$doc])* pub(crate) static $name: $crate::db::Sql = $crate::queries!(@sql $name, $form);)*
        /// All statements of this module.
        #[cfg(any(test, feature = "testing"))]
        pub(crate) static ALL: &[&$crate::db::Sql] = &[$(&$name,)*];
    };
}

/// The arguments of a statement.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::db::Val::from($value)),*] };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_spelled_for_each_engine() {
        let text = "SELECT a FROM t WHERE b {in:$2} AND c = $1 {skip_locked}";
        assert_eq!(
            for_sqlite(text),
            "SELECT a FROM t WHERE b IN (SELECT value FROM json_each(?2)) AND c = ?1 "
        );
        assert_eq!(
            for_postgres(text),
            "SELECT a FROM t WHERE b = ANY($2) AND c = $1 FOR UPDATE SKIP LOCKED"
        );
        let text = "EXISTS (SELECT 1 FROM {each:t.tags} WHERE value {in:$1})";
        assert_eq!(
            for_sqlite(text),
            "EXISTS (SELECT 1 FROM json_each(t.tags) WHERE value IN (SELECT value FROM json_each(?1)))"
        );
        assert_eq!(
            for_postgres(text),
            "EXISTS (SELECT 1 FROM jsonb_array_elements_text(t.tags::jsonb) AS element(value) WHERE value = ANY($1))"
        );
    }

    #[test]
    fn a_column_can_be_kept_from_being_searched_by() {
        let text = "SELECT 1 FROM t {by:t_b} WHERE {unindexed:t.a} = $1";
        assert_eq!(for_sqlite(text), "SELECT 1 FROM t INDEXED BY t_b WHERE +t.a = ?1");
        assert_eq!(for_postgres(text), "SELECT 1 FROM t  WHERE (t.a || '') = $1");
    }

    #[test]
    fn a_source_is_spelled_with_its_joins() {
        static SOURCE: Source = Source {
            columns: "t.a, u.b",
            table: "one",
            joins: "{join_one:two u ON u.id = t.id}",
        };
        let sql = Sql::from("X", &SOURCE, "WHERE t.id = $1");
        assert_eq!(
            sql.sqlite(),
            "SELECT t.a, u.b FROM one t CROSS JOIN two u ON u.id = t.id WHERE t.id = ?1"
        );
    }

    #[test]
    fn a_join_of_one_row_is_a_look_up() {
        let text = "SELECT 1 FROM t LEFT {join_one:grants g ON g.id = t.grant_id} WHERE t.id = $1";
        assert_eq!(
            for_sqlite(text),
            "SELECT 1 FROM t LEFT JOIN grants g ON g.id = t.grant_id WHERE t.id = ?1"
        );
        assert_eq!(
            for_sqlite("SELECT 1 FROM t {join_one:grants g ON g.id = t.grant_id}"),
            "SELECT 1 FROM t CROSS JOIN grants g ON g.id = t.grant_id"
        );
        assert_eq!(
            for_postgres(text),
            "SELECT 1 FROM t LEFT JOIN LATERAL (SELECT * FROM grants g WHERE g.id = t.grant_id LIMIT 1) AS g ON true WHERE t.id = $1"
        );
    }

    #[test]
    fn an_insert_takes_rows_on_sqlite_and_columns_on_postgres() {
        let sql = Sql::insert("X", "t", "id text, n int, ok bool", "ON CONFLICT DO NOTHING");
        assert_eq!(
            sql.sqlite(),
            "INSERT INTO t (id, n, ok) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING"
        );
        assert_eq!(
            sql.postgres(),
            "INSERT INTO t (id, n, ok) SELECT * FROM unnest($1::text[], $2::int8[], $3::bool[]) ON CONFLICT DO NOTHING"
        );
    }
}
