//! The page styles of the API (api.md 1.3): cursors here, pages and offsets with their lists.

use campanile_model::{Error, Id, Result};
use campanile_store::page::{Cursor, Order, Page};
use serde_json::{Value, json};

use crate::call::Reply;
use crate::shape::{Flag, Number, Schemas, View, rules};
use crate::{choices, dto};

choices! {
    /// What a cursor list is sorted by.
    OrderBy { Id = "_id", CreatedAt = "createdAt", UpdatedAt = "updatedAt", Key = "key", }
}

choices! {
    /// In which direction.
    Direction { Ascending = "ASC", Descending = "DESC", }
}

/// Zero asks for the default.
fn zero_or(rule: impl Fn(&Number) -> Option<String>) -> impl Fn(&Number) -> Option<String> {
    move |number| if number.0 == 0 { None } else { rule(number) }
}

dto! {
    /// The cursor members of a list's query.
    CursorQuery {
        /// Cursor: the page after this id.
        optional after: String = "after";
        /// Cursor: the page before this id.
        optional before: String = "before";
        /// How many items, at most 100; 10 by default.
        optional limit: Number = "limit" [zero_or(rules::at_least(1)), rules::at_most(100)];
        /// What to sort by.
        optional order_by: OrderBy = "orderBy";
        /// In which direction.
        optional direction: Direction = "orderDirection";
        /// Whether the cursor's own item is part of the page.
        optional include_cursor: Flag = "includeCursor";
    }
}

impl CursorQuery {
    /// The cursor; `default` is what the list is sorted by unless the caller says otherwise.
    pub(crate) fn cursor(self, default: Order) -> Result<Cursor> {
        if self.order_by == Some(OrderBy::Key) {
            let text = "orderBy must be one of the following values: _id, createdAt, updatedAt";
            return Err(Error::invalid(vec![text.to_owned()]));
        }
        self.keyed_cursor(default)
    }

    /// The cursor of a list that may be sorted by the caller's own key too.
    pub(crate) fn keyed_cursor(self, default: Order) -> Result<Cursor> {
        let after = self.after.filter(|id| !id.is_empty());
        let before = self.before.filter(|id| !id.is_empty());
        if after.is_some() && before.is_some() {
            return Err(Error::bad_request(
                "Cannot specify both \"before\" and \"after\" cursors at the same time.",
            ));
        }
        Ok(Cursor {
            after,
            before,
            limit: match self.limit {
                None | Some(Number(0)) => 10,
                Some(Number(limit)) => u32::try_from(limit).unwrap_or(10),
            },
            order: self.order_by.map_or(default, |order| match order {
                OrderBy::Id => Order::Id,
                OrderBy::CreatedAt => Order::Created,
                OrderBy::UpdatedAt => Order::Updated,
                OrderBy::Key => Order::Key,
            }),
            descending: self.direction != Some(Direction::Ascending),
            include_cursor: self.include_cursor == Some(Flag(true)),
        })
    }
}

/// The answer of a cursor list.
pub(crate) fn cursor_reply<T: serde::Serialize>(page: &Page<T>) -> Result<Reply> {
    let text = |id: Option<Id>| id.map(|id| id.to_string());
    Reply::raw(
        200,
        &json!({
            "data": page.rows,
            "next": text(page.next),
            "previous": text(page.previous),
            "totalCount": page.total,
            "totalCountCapped": page.capped,
        }),
    )
}

/// The schema of a cursor list of `T`.
pub(crate) struct CursorPage<T>(std::marker::PhantomData<T>);

impl<T: View> View for CursorPage<T> {
    fn schema(schemas: &mut Schemas) -> Value {
        json!({
            "type": "object",
            "properties": {
                "data": { "type": "array", "items": T::schema(schemas) },
                "next": { "type": "string", "nullable": true },
                "previous": { "type": "string", "nullable": true },
                "totalCount": { "type": "number" },
                "totalCountCapped": { "type": "boolean" },
            },
            "required": ["data", "next", "previous", "totalCount", "totalCountCapped"],
        })
    }
}

/// No list that is paged by number is read further: its rows are counted off from the first one.
pub(crate) const FURTHEST_PAGE: i64 = 1_000_000;

/// The schema of a list of `T` that is paged by number.
pub(crate) struct NumberedPage<T>(std::marker::PhantomData<T>);

impl<T: View> View for NumberedPage<T> {
    fn schema(schemas: &mut Schemas) -> Value {
        json!({
            "type": "object",
            "properties": {
                "data": { "type": "array", "items": T::schema(schemas) },
                "hasMore": { "type": "boolean" },
                "pageSize": { "type": "number" },
                "page": { "type": "number" },
            },
            "required": ["data", "hasMore", "pageSize", "page"],
        })
    }
}
