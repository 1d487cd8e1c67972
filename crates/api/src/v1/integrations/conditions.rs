//! The conditions of an integration. They are kept as they were given, but only in the form that the official clients
//! can read back: one malformed condition would make every list unreadable for them.

use serde_json::Value;

use crate::shape::{Path, Problems, Schemas, Shape};
use crate::{choices, dto};

choices! {
    /// What a group of conditions is about.
    GroupType {
        Boolean = "BOOLEAN", Text = "TEXT", Date = "DATE", Number = "NUMBER", Statement = "STATEMENT", List = "LIST",
        MultiList = "MULTI_LIST", Group = "GROUP",
    }
}

choices! {
    /// How the children of a group are joined.
    Junction { And = "AND", Or = "OR", }
}

choices! {
    /// How a field is compared.
    Operator {
        Larger = "LARGER", Smaller = "SMALLER", LargerEqual = "LARGER_EQUAL", SmallerEqual = "SMALLER_EQUAL",
        Equal = "EQUAL", NotEqual = "NOT_EQUAL", AllIn = "ALL_IN", AnyIn = "ANY_IN", NotIn = "NOT_IN",
        Between = "BETWEEN", NotBetween = "NOT_BETWEEN", Like = "LIKE", NotLike = "NOT_LIKE", In = "IN",
    }
}

choices! {
    /// Where a field is looked up.
    Origin { Subscriber = "subscriber", Payload = "payload", }
}

dto! {
    /// A comparison of one field.
    #[expect(dead_code, reason = "read only to be checked; what is kept is the value as it was given")]
    FieldCondition {
        required field: String = "field";
        required value: String = "value";
        required operator: Operator = "operator";
        required on: Origin = "on";
    }
}

dto! {
    /// A group of comparisons.
    #[expect(dead_code, reason = "read only to be checked; what is kept is the value as it was given")]
    ConditionGroup {
        required is_negated: bool = "isNegated";
        required kind: GroupType = "type";
        required value: Junction = "value";
        required children: Vec<FieldCondition> = "children";
    }
}

/// A checked group as it was given.
#[derive(Clone, Debug)]
pub(super) struct Condition(pub(super) Value);

impl Shape for Condition {
    fn read(value: &Value, path: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        let kept = Value::read(value, path, problems)?;
        ConditionGroup::read(value, path, problems).map(|_| Self(kept))
    }

    fn schema(schemas: &mut Schemas) -> Value {
        ConditionGroup::schema(schemas)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_group_is_kept_whole_or_refused() {
        let good = json!({
            "isNegated": false, "type": "GROUP", "value": "AND", "extra": 1,
            "children": [{ "field": "plan", "value": "pro", "operator": "EQUAL", "on": "subscriber" }],
        });
        let mut problems = Problems::default();
        let read = Condition::read(&good, &Path::Root, &mut problems).map(|Condition(kept)| kept);
        assert_eq!(read, Some(good.clone()));
        for (member, value) in [
            ("isNegated", json!("no")),
            ("type", json!("OTHER")),
            ("value", json!("XOR")),
            (
                "children",
                json!([{ "field": "plan", "value": 1, "operator": "EQUAL", "on": "subscriber" }]),
            ),
        ] {
            let mut bad = good.clone();
            bad[member] = value;
            let mut problems = Problems::default();
            assert!(Condition::read(&bad, &Path::Root, &mut problems).is_none(), "{member}");
            assert!(!problems.is_empty(), "{member}");
        }
    }
}
