use serde_json::json;

use super::*;

fn now() -> Time {
    Time::parse("2026-03-31T12:00:30.000Z").unwrap()
}

fn said(rule: &Value, data: &Value) -> Value {
    evaluate(rule, data, now()).unwrap()
}

#[test]
fn operators_of_the_original() {
    let data = json!({
        "n": 7, "text": "10", "name": "Ada", "yes": "true", "list": ["a", 1], "none": null,
        "early": "2026-03-01T00:00:00Z", "late": "2026-04-01",
    });
    let var = |name: &str| json!({ "var": name });
    for (rule, wanted) in [
        (json!({ "=": [var("n"), "7"] }), true),
        (json!({ "==": [var("yes"), true] }), true),
        (json!({ "==": [var("none"), 0] }), true),
        (json!({ "!=": [var("name"), "ada"] }), true),
        (json!({ ">": [var("text"), 9] }), true),
        (json!({ ">": [var("text"), "9"] }), true),
        (json!({ "<": [var("name"), "Zoe"] }), false),
        (json!({ "<": [var("early"), var("late")] }), true),
        (json!({ "<=": [1, var("n"), 7] }), true),
        (json!({ "startsWith": [var("name"), "A"] }), true),
        (json!({ "doesNotBeginWith": [var("name"), "B"] }), true),
        (json!({ "doesNotBeginWith": [var("n"), "B"] }), false),
        (json!({ "contains": [var("name"), "d"] }), true),
        (json!({ "doesNotContain": [var("nothing"), "d"] }), false),
        (json!({ "endsWith": [var("name"), "a"] }), true),
        (json!({ "null": [var("nothing")] }), true),
        (json!({ "notNull": [var("none")] }), false),
        (json!({ "in": [var("n"), [1, 7]] }), true),
        (json!({ "notIn": [var("n"), [1, 2]] }), true),
        (json!({ "notIn": [var("n"), 1] }), false),
        (json!({ "between": [var("n"), [7, 9]] }), true),
        (json!({ "between": [var("text"), [7, 90]] }), false),
        (json!({ "notBetween": [var("n"), [8, 9]] }), true),
        (json!({ "containsAny": [var("list"), ["b", "a"]] }), true),
        (json!({ "doesNotContainAny": [var("list"), ["1"]] }), true),
        (json!({ "doesNotContainAny": [var("name"), ["1"]] }), false),
    ] {
        assert_eq!(said(&rule, &data), Value::Bool(wanted), "{rule}");
    }
}

#[test]
fn so_long_ago() {
    let ago = |operator: &str, date: &str, amount: f64, unit: &str| {
        let rule = json!({ operator: [{ "var": "at" }, { "amount": amount, "unit": unit }] });
        said(&rule, &json!({ "at": date })) == Value::Bool(true)
    };
    for (date, amount, unit, more, less, within, exactly) in [
        ("2026-03-31T12:00:00Z", 5.0, "minutes", false, true, true, false),
        ("2026-03-31T11:55:00Z", 5.0, "minutes", true, false, false, true),
        ("2026-03-30T13:00:00Z", 1.0, "days", false, true, true, true),
        ("2026-03-30T11:00:00Z", 1.0, "days", true, false, false, true),
        ("2026-04-30T11:00:00Z", 1.0, "weeks", false, true, false, false),
        // A month before the 31st of March is "the 31st of February": the 3rd of March.
        ("2026-03-02T13:00:00Z", 1.0, "months", true, false, false, true),
        ("2026-03-04T13:00:00Z", 1.0, "months", false, true, true, false),
        ("2025-04-05T00:00:00Z", 1.0, "years", false, true, true, true),
        ("never", 1.0, "years", false, false, false, false),
        ("2020-01-01T00:00:00Z", 0.0, "days", false, false, false, false),
        ("2020-01-01T00:00:00Z", 1.0, "fortnights", false, false, false, false),
        ("2020-01-01T00:00:00Z", 1e300, "days", false, false, false, false),
    ] {
        let found = ["moreThanXAgo", "lessThanXAgo", "withinLast", "exactlyXAgo"]
            .map(|operator| ago(operator, date, amount, unit));
        assert_eq!(found, [more, less, within, exactly], "{date} {amount} {unit}");
        assert_eq!(ago("notWithinLast", date, amount, unit), more, "{date} {amount} {unit}");
    }
}

#[test]
fn a_rule_that_says_nothing_passes_and_one_that_fails_holds_not() {
    let empty = json!({});
    assert_eq!(passes(&empty, &empty, now()), Ok(true));
    assert_eq!(passes(&Value::Null, &empty, now()), Ok(true));
    assert_eq!(passes(&json!({ "var": "a" }), &json!({ "a": [] }), now()), Ok(true));
    assert!(!holds(&json!({ "var": "a" }), &json!({ "a": 1 }), now()));
    let unknown = json!({ "explode": [1] });
    let fault = passes(&unknown, &empty, now()).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "Failed to evaluate rule: Unrecognized operation explode"
    );
    assert!(!holds(&unknown, &empty, now()));
}

#[test]
fn every_operator_is_known() {
    for operator in OPERATORS {
        let rule = json!({ *operator: [1, [1]] });
        assert!(evaluate(&rule, &json!({}), now()).is_ok(), "{operator}");
    }
}

#[test]
fn data_is_never_run_as_a_rule() {
    let data = json!({ "a": { "explode": [] } });
    assert_eq!(
        said(&json!({ "=": [{ "var": "a" }, { "var": "a" }] }), &data),
        json!(true)
    );
}

#[test]
fn a_rule_is_told_with_what_it_read() {
    let rule = json!({ "and": [{ "==": [{ "var": "payload.n" }, { "var": ["payload.list.1", 0] }] },
        { "!": { "var": "payload.n" } }, { "null": [{ "var": "gone.far" }] }] });
    let data = json!({ "payload": { "n": 1, "list": [1, "x"] } });
    assert_eq!(paths(&rule), ["payload.n", "payload.list.1", "gone.far"]);
    let wanted = json!({ "payload.n": 1, "payload.list.1": "x", "gone.far": null });
    assert_eq!(Value::Object(readings(&rule, &data)), wanted);
}

#[test]
fn hostile_rules_end() {
    let list: Vec<u32> = (0..3000).collect();
    let data = json!({ "list": list, "long": "x".repeat(1 << 20) });
    let all = || json!({ "var": "list" });
    let twice = json!([{ "var": "accumulator" }, { "var": "accumulator" }]);
    for rule in [
        json!({ "map": [all(), { "map": [[1, 2, 3, 4, 5, 6, 7, 8, 9], { "filter": [[1, 2, 3, 4, 5, 6, 7, 8, 9, 0], 1] }] }] }),
        json!({ "reduce": [all(), { "cat": twice }, "xx"] }),
        json!({ "reduce": [all(), twice, 1] }),
        json!({ "reduce": [all(), [{ "var": "accumulator" }], 1] }),
        json!({ "reduce": [all(), { "var": "" }, 1] }),
        json!({ "reduce": [all(), { "merge": twice }, [1]] }),
        json!({ "map": [all(), { "==": [{ "cat": [list[..300]] }, 1] }] }),
        json!({ "reduce": [[1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5], twice, 1] }),
    ] {
        assert!(evaluate(&rule, &data, now()).is_err(), "{rule}");
    }
    let pairs = json!({ "containsAny": [all(), { "map": [all(), { "-": { "var": "" } }] }] });
    assert!(evaluate(&pairs, &data, now()).is_err());
}
