//! Templates are written by strangers: nothing they write may panic, hang or eat the memory.

use campanile_liquid::{Limits, RenderErrorKind, RenderOptions, Template};
use proptest::prelude::*;
use serde_json::{Value, json};

fn options() -> RenderOptions {
    RenderOptions::new(jiff::Timestamp::UNIX_EPOCH)
}

fn render(source: &str, data: &Value) -> Result<String, RenderErrorKind> {
    Template::parse(source)
        .expect("parses")
        .render(data, &options())
        .map_err(|error| error.kind)
}

#[test]
fn runaway_templates_are_stopped() {
    let nested_loops =
        "{% for a in (1..9999) %}{% for b in (1..9999) %}{% for c in (1..9999) %}x{% endfor %}{% endfor %}{% endfor %}";
    let doubling_text =
        "{% assign s = 'xxxxxxxx' %}{% for i in (1..60) %}{% assign s = s | append: s %}{% endfor %}{{ s }}";
    let doubling_list = "{% assign l = 'a,b' | split: ',' %}{% for i in (1..60) %}{% assign l = l | concat: l %}{% endfor %}{{ l | size }}";
    let shared_lists = "{% assign l = 'a,b' | split: ',' %}{% for i in (1..60) %}{% assign m = l | push: l %}{% assign l = m | push: l %}{% endfor %}{{ l | json }}";
    let deep_lists = "{% assign l = 1 %}{% for i in (1..5000) %}{% assign m = '' | split: ',' %}{% assign l = m | push: l %}{% endfor %}{{ l | json }}";
    let exploding_replace = "{% assign s = 'xxxxxxxxxxxxxxxx' %}{% for i in (1..6) %}{% assign s = s | replace: '', s %}{% endfor %}{{ s }}";
    let own_expression = "{% assign l = (1..2) %}{% assign e = \"l | where_exp: 'i', e\" %}{{ l | where_exp: 'i', e }}";
    let wide_dates = "{{ 'now' | date: '%99999999999d' }}{{ 'now' | date: '%99999999999N' }}";
    let wide_range = "{{ (1..99999999999) | size }}";
    let endless_range = "{{ (9007199254740992..9007199254750992) | size }}";
    let sorting = "{% assign l = (1..100000) %}{% for i in (1..100000) %}{% assign m = l | sort %}{% endfor %}";
    let much_output = "{% for a in (1..100000) %}0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789{% endfor %}";
    for source in [
        nested_loops,
        doubling_text,
        doubling_list,
        shared_lists,
        deep_lists,
        exploding_replace,
        own_expression,
        wide_dates,
        wide_range,
        endless_range,
        sorting,
        much_output,
    ] {
        assert_eq!(render(source, &json!({})), Err(RenderErrorKind::Limit), "{source}");
    }
}

#[test]
fn a_hundred_megabytes_of_output_end_early() {
    // Half a kilobyte of template that would write 100 MB.
    let wide = format!("{{% for i in (1..200000) %}}{}{{% endfor %}}", "x".repeat(512));
    let captured = format!("{{% capture all %}}{wide}{{% endcapture %}}{{{{ all | size }}}}");
    for source in [wide, captured] {
        assert_eq!(render(&source, &json!({})), Err(RenderErrorKind::Limit));
    }
}

#[test]
fn nothing_is_included() {
    // There are no files to include from, so that no include can name itself.
    for source in [
        "{% include 'a' %}",
        "{% render 'a' %}",
        "{% layout 'a' %}{% block b %}{% endblock %}",
    ] {
        let error = Template::parse(source).expect_err("no such tag").to_string();
        assert!(
            error.contains("cannot load other templates") && error.contains("line:1"),
            "{error}"
        );
    }
}

#[test]
fn deep_nesting_is_refused_by_the_parser() {
    for source in [
        "{% if a %}".repeat(50_000) + &"{% endif %}".repeat(50_000),
        format!("{{{{ {}{} }}}}", "a[".repeat(50_000), "]".repeat(50_000)),
        format!("{{{{ {}1 }}}}", "(".repeat(50_000)),
        format!("{{% {} echo 1 %}}", "liquid ".repeat(50_000)),
    ] {
        assert!(Template::parse(&source).is_err());
    }
    let data = json!({ "a": true });
    let allowed = "{% if a %}".repeat(90) + "x" + &"{% endif %}".repeat(90);
    assert_eq!(render(&allowed, &data).as_deref(), Ok("x"));
}

#[test]
fn deep_data_within_the_parser_of_json_is_printed() {
    let text = "[".repeat(120) + &"]".repeat(120);
    let data = json!({ "a": serde_json::from_str::<Value>(&text).expect("JSON") });
    assert_eq!(render("{{ a | json }}", &data), Ok(text));
}

#[test]
fn limits_can_be_narrowed() {
    let limits = Limits {
        max_output_bytes: 3,
        ..Limits::default()
    };
    let options = RenderOptions { limits, ..options() };
    let template = Template::parse("a\n {{ 'bcd' }}").expect("parses");
    let error = template.render(&json!({}), &options).expect_err("too long");
    assert_eq!(error.to_string(), "output size limit exceeded, line:2, col:2");
}

#[test]
fn a_template_is_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    shared(&Template::parse("{{ a }}").expect("parses"));
}

fn scraps() -> impl Strategy<Value = String> {
    let scrap = prop_oneof![
        3 => prop::sample::select(vec![
            "{{", "}}", "{%", "%}", "{%-", "-%}", " if ", " endif ", " for i in ", " endfor ", " raw ", " endraw ", " liquid\n", " case ", " when ",
            " assign x = ", " cycle ", " tablerow ", "(1..3)", "a.b[c]", "'s'", "\"", " | ", ": ", "date", "slice", "truncate", "sort", "json", "-1", "1e9",
            "'%5d%-N%'", "é😀", "split: ''", "where: 'a['", "limit:", " offset:continue", "round: 99", "strip_html", "<", "nil", "empty", ".", "[", "]",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(scrap, 0..24).prop_map(|scraps| scraps.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(source in scraps(), text in any::<String>(), n in any::<f64>()) {
        let data = json!({ "a": { "b": [1, text, n], "c": n }, "x": text, "c": -1, "i": null });
        if let Ok(template) = Template::parse(&source) {
            template.variables();
            let _ = template.render(&data, &options());
            let _ = template.render(&data, &RenderOptions::novu(jiff::Timestamp::UNIX_EPOCH));
        }
    }

    #[test]
    fn no_filter_panics(name in prop::sample::select(FILTERS.to_vec()), input in value(), args in prop::collection::vec(value(), 0..4)) {
        let data = json!({ "input": input, "args": args });
        let args = (0..args.len()).map(|i| format!("args[{i}]")).collect::<Vec<_>>().join(", ");
        let template = Template::parse(&format!("{{{{ input | {name}: {args} }}}}")).expect("parses");
        let _ = template.render(&data, &RenderOptions::novu(jiff::Timestamp::UNIX_EPOCH));
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<String>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-3..60_i64).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        prop::sample::select(vec![
            "%Y %-d %N %c",
            "2024-03-05",
            "Mar 5 2024",
            "Europe/Oslo",
            "+25:00",
            "a.b",
            "é😀ß"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-c]|length|size|[0-2]", inner), 0..4)
                .prop_map(|pairs| pairs.into_iter().collect()),
        ]
    })
}

const FILTERS: &[&str] = &[
    "abs",
    "append",
    "array_to_sentence_string",
    "at_least",
    "at_most",
    "base64_decode",
    "base64_encode",
    "capitalize",
    "ceil",
    "cgi_escape",
    "compact",
    "concat",
    "date",
    "date_to_long_string",
    "date_to_rfc822",
    "date_to_string",
    "date_to_xmlschema",
    "default",
    "digest",
    "divided_by",
    "downcase",
    "escape",
    "escape_once",
    "find",
    "find_exp",
    "find_index",
    "first",
    "floor",
    "group_by",
    "group_by_exp",
    "has",
    "hmac_sha256",
    "inspect",
    "join",
    "json",
    "last",
    "lstrip",
    "map",
    "minus",
    "modulo",
    "newline_to_br",
    "number_of_words",
    "pluralize",
    "plus",
    "pop",
    "push",
    "reject",
    "remove",
    "remove_last",
    "replace",
    "replace_first",
    "replace_last",
    "reverse",
    "round",
    "rstrip",
    "sha256",
    "shift",
    "size",
    "slice",
    "slugify",
    "sort",
    "sort_natural",
    "split",
    "squish",
    "strip",
    "strip_html",
    "sum",
    "times",
    "toSentence",
    "truncate",
    "truncatewords",
    "uniq",
    "unshift",
    "upcase",
    "uri_escape",
    "url_decode",
    "url_encode",
    "where",
    "where_exp",
];
