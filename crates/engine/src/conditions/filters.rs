//! The older form of conditions, which integrations have (engine.md d.5): groups of comparisons of fields. One group
//! that passes is enough, and so is none at all.

use serde_json::Value;

use super::value::Item;

/// Whether the data passes these filters. What is malformed passes nothing.
pub fn pass(filters: &Value, data: &Value) -> bool {
    match filters {
        Value::Null => true,
        Value::Array(groups) => groups.is_empty() || groups.iter().any(|group| group_passes(group, data)),
        _ => false,
    }
}

fn group_passes(group: &Value, data: &Value) -> bool {
    let Some(children) = group.get("children").and_then(Value::as_array) else {
        return false;
    };
    let mut results = children.iter().map(|child| compared(child, data).unwrap_or(false));
    let passes = match group.get("value").and_then(Value::as_str) {
        Some("OR") => children.is_empty() || results.any(|passes| passes),
        _ => results.all(|passes| passes),
    };
    let is_negated = group.get("isNegated") == Some(&Value::Bool(true));
    // A group that says nothing says nothing when it is negated, too.
    passes != is_negated || children.is_empty()
}

fn compared(child: &Value, data: &Value) -> Option<bool> {
    let text = |name: &str| child.get(name).and_then(Value::as_str);
    let (on, field, operator) = (text("on")?, text("field")?, text("operator")?);
    let expected = child.get("value").unwrap_or(&Value::Null);
    let actual = field
        .split('.')
        .fold(Item::of(data).member(on), |found, name| found.member(name));
    let wanted = like(&actual, expected);
    let listed = || parts(expected).into_iter().map(Item::text).collect::<Vec<_>>();
    let holds = |item: &Item<'_>| match &actual {
        Item::Text(text) => text.contains(item.string().as_ref()),
        other => other
            .elements()
            .is_some_and(|items| items.iter().any(|one| one.string() == item.string())),
    };
    let between = || {
        let bounds: Vec<f64> = parts(expected)
            .iter()
            .map(|bound| Item::text(bound.clone()).number())
            .collect();
        match bounds.as_slice() {
            [least, most] => Some(actual.number() >= *least && actual.number() <= *most),
            _ => None,
        }
    };
    Some(match operator {
        "EQUAL" => actual.same(&wanted),
        "NOT_EQUAL" => !actual.same(&wanted),
        "LARGER" => ordered(&actual, &wanted).is_some_and(std::cmp::Ordering::is_gt),
        "SMALLER" => ordered(&actual, &wanted).is_some_and(std::cmp::Ordering::is_lt),
        "LARGER_EQUAL" => ordered(&actual, &wanted).is_some_and(std::cmp::Ordering::is_ge),
        "SMALLER_EQUAL" => ordered(&actual, &wanted).is_some_and(std::cmp::Ordering::is_le),
        "IN" | "LIKE" => holds(&wanted),
        "NOT_IN" | "NOT_LIKE" => !holds(&wanted),
        "ANY_IN" => listed().iter().any(holds),
        "ALL_IN" => listed().iter().all(holds),
        "BETWEEN" => between()?,
        "NOT_BETWEEN" => !between()?,
        "IS_DEFINED" => !matches!(actual, Item::Undefined),
        _ => return None,
    })
}

/// The expected value, which is a text, read as what is there.
fn like<'a>(actual: &Item<'_>, expected: &'a Value) -> Item<'a> {
    let expected = Item::of(expected);
    match actual {
        Item::Number(_) => Item::Number(expected.number()),
        Item::Bool(_) => Item::Bool(matches!(expected, Item::Bool(true)) || expected.string() == "true"),
        Item::Text(_) => Item::text(expected.string().into_owned()),
        _ => expected,
    }
}

fn ordered(actual: &Item<'_>, wanted: &Item<'_>) -> Option<std::cmp::Ordering> {
    match (actual, wanted) {
        (Item::Number(one), Item::Number(other)) => one.partial_cmp(other),
        (Item::Text(one), Item::Text(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

/// The values of a list: a list, or a text with commas.
fn parts(expected: &Value) -> Vec<String> {
    match expected {
        Value::Array(items) => items.iter().map(|item| Item::of(item).string().into_owned()).collect(),
        other => Item::of(other)
            .string()
            .split(',')
            .map(|part| part.trim().to_owned())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn passes(operator: &str, field: &str, value: &str) -> bool {
        let data = json!({
            "subscriber": { "data": { "plan": "pro", "seats": 12, "beta": true, "tags": ["a", "b"] } },
            "payload": { "city": "Oslo" },
        });
        let (on, field) = field.split_once('.').unwrap();
        let child = json!({ "on": on, "field": field, "operator": operator, "value": value });
        pass(
            &json!([{ "isNegated": false, "type": "GROUP", "value": "AND", "children": [child] }]),
            &data,
        )
    }

    #[test]
    fn fields_are_compared_as_what_they_are() {
        for (operator, field, value, wanted) in [
            ("EQUAL", "subscriber.data.plan", "pro", true),
            ("EQUAL", "subscriber.data.seats", "12", true),
            ("EQUAL", "subscriber.data.beta", "true", true),
            ("EQUAL", "payload.gone", "", false),
            ("NOT_EQUAL", "payload.gone", "x", true),
            ("LARGER", "subscriber.data.seats", "9", true),
            ("SMALLER_EQUAL", "subscriber.data.seats", "12", true),
            ("SMALLER", "payload.gone", "12", false),
            ("IN", "subscriber.data.tags", "a", true),
            ("NOT_IN", "subscriber.data.tags", "c", true),
            ("LIKE", "payload.city", "sl", true),
            ("NOT_LIKE", "payload.city", "sl", false),
            ("ANY_IN", "subscriber.data.tags", "x, b", true),
            ("ALL_IN", "subscriber.data.tags", "a, x", false),
            ("BETWEEN", "subscriber.data.seats", "10,12", true),
            ("NOT_BETWEEN", "subscriber.data.seats", "10,12", false),
            ("IS_DEFINED", "payload.city", "", true),
            ("EXPLODES", "payload.city", "", false),
        ] {
            assert_eq!(passes(operator, field, value), wanted, "{operator} {field} {value}");
        }
    }

    #[test]
    fn groups_are_joined_by_or_and_may_be_negated() {
        let child = |value: &str| json!({ "on": "payload", "field": "a", "operator": "EQUAL", "value": value });
        let group = |join: &str, negated: bool, children: Vec<Value>| json!({ "isNegated": negated, "type": "GROUP", "value": join, "children": children });
        let data = json!({ "payload": { "a": "x" } });
        for (filters, wanted) in [
            (json!([]), true),
            (Value::Null, true),
            (json!("x"), false),
            (json!([group("AND", false, vec![])]), true),
            (json!([group("AND", false, vec![child("x"), child("y")])]), false),
            (json!([group("OR", false, vec![child("x"), child("y")])]), true),
            (json!([group("AND", true, vec![child("y")])]), true),
            (
                json!([
                    group("AND", false, vec![child("y")]),
                    group("AND", false, vec![child("x")])
                ]),
                true,
            ),
            (json!([{}]), false),
        ] {
            assert_eq!(pass(&filters, &data), wanted, "{filters}");
        }
    }
}
