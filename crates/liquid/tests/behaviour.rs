//! What the server relies on beyond plain LiquidJS: Novu's filters and printing, variables, errors, time.

use campanile_liquid::{Output, RenderOptions, Segment, Template};
use serde_json::{Value, json};

fn novu(source: &str, data: &Value) -> String {
    Template::parse(source)
        .expect("parses")
        .render(data, &RenderOptions::novu(jiff::Timestamp::UNIX_EPOCH))
        .expect("renders")
}

fn plain(source: &str, data: &Value) -> String {
    Template::parse(source)
        .expect("parses")
        .render(data, &RenderOptions::new(jiff::Timestamp::UNIX_EPOCH))
        .expect("renders")
}

fn people() -> Value {
    json!({
        "none": [], "one": ["Ann"], "two": ["Ann", "Bob"], "three": ["Ann", "Bob", "Cy"], "five": ["Ann", "Bob", "Cy", "Di", "Ed"],
        "events": [{"payload": {"name": "Ann"}}, {"payload": {"name": "Bob"}}, {"payload": {}}, {"payload": {"name": {"x": 1}}}, 5],
        "map": {"a": 1, "b": 2}, "text": "line\n\"two\" \\ three\ttab\r",
    })
}

#[test]
fn digest_names_the_first_and_counts_the_rest() {
    for (source, expected) in [
        ("{{ none | digest }}", ""),
        ("{{ text | digest }}", ""),
        ("{{ one | digest }}", "Ann"),
        ("{{ two | digest }}", "Ann and Bob"),
        ("{{ three | digest }}", "Ann, Bob and 1 other"),
        ("{{ three | digest: 3 }}", "Ann, Bob and Cy"),
        ("{{ five | digest }}", "Ann, Bob and 3 others"),
        ("{{ five | digest: 3, '', ' + ' }}", "Ann + Bob + Cy and 2 others"),
        ("{{ events | digest: 2, 'payload.name' }}", "Ann, Bob and 3 others"),
        (
            "{{ events | digest: 9, 'payload.name' }}",
            "Ann, Bob, , {\\\"x\\\":1} and ",
        ),
    ] {
        assert_eq!(novu(source, &people()), expected, "{source}");
    }
}

#[test]
fn to_sentence_joins_with_words_of_choice() {
    for (source, expected) in [
        ("{{ none | toSentence }}", ""),
        ("{{ one | toSentence }}", "Ann"),
        ("{{ two | toSentence }}", "Ann and Bob"),
        ("{{ three | toSentence }}", "Ann, Bob, and 1 other"),
        ("{{ three | toSentence: '', 3 }}", "Ann, Bob, and Cy"),
        (
            "{{ five | toSentence: '', 2, 'more person' }}",
            "Ann, Bob, and 3 more people",
        ),
        ("{{ five | toSentence: '', 1 }}", "Ann and 4 others"),
        (
            "{{ five | toSentence: '', 9, 'other', '; ', ' & ', ' & ' }}",
            "Ann; Bob; Cy; Di & Ed",
        ),
        (
            "{{ events | toSentence: 'payload.name', 2, 'guest' }}",
            "Ann, Bob, and 3 guests",
        ),
    ] {
        assert_eq!(novu(source, &people()), expected, "{source}");
    }
}

#[test]
fn pluralize_counts_many_things() {
    for (source, expected) in [
        ("{{ 3 | pluralize: 'notification' }}", "3 notifications"),
        ("{{ 1 | pluralize: 'notifications' }}", "1 notification"),
        ("{{ '2' | pluralize: 'child' }}", "2 children"),
        ("{{ five | pluralize: 'friend', 'mates' }}", "5 mates"),
        ("{{ one | pluralize: 'friend', 'mates' }}", "1 friend"),
        ("{{ map | pluralize: 'key' }}", "2 keys"),
        ("{{ 3 | pluralize: 'box', '', 'false' }}", "boxes"),
        ("{{ 3 | pluralize: 'box', 'boxen', false }}", "boxen"),
        (
            "{{ 0 | pluralize: 'x' }}{{ -1 | pluralize: 'x' }}{{ 'x' | pluralize: 'x' }}{{ missing | pluralize: 'x' }}{{ none | pluralize: 'x' }}",
            "",
        ),
    ] {
        assert_eq!(novu(source, &people()), expected, "{source}");
    }
}

#[test]
fn novu_json_has_single_quotes_and_is_an_option() {
    assert_eq!(
        novu("{{ map | json }} {{ map | json: 1 }} {{ map | jsonify }}", &people()),
        "{'a':1,'b':2} {\\\\n 'a': 1,\\\\n 'b': 2\\\\n} {\\\"a\\\":1,\\\"b\\\":2}"
    );
    assert_eq!(
        plain(
            "{{ map | json }} {{ 3 | pluralize: 'x' }} {{ one | digest }}",
            &people()
        ),
        "{\"a\":1,\"b\":2} 3 Ann"
    );
}

#[test]
fn outputs_fit_into_a_json_string() {
    let data = people();
    let control = novu(
        "{\"body\":\"{{ text }} {{ map }} {{ three }} {{ missing }} {{ nil | default: 1 }}\"}",
        &data,
    );
    let parsed: Value = serde_json::from_str(&control).expect("still JSON");
    assert_eq!(
        parsed["body"],
        "line\n\"two\" \\ three\ttab\r {'a':1,'b':2} ['Ann','Bob','Cy']  1"
    );
    assert_eq!(
        novu("{{ text | raw }}", &data),
        people()["text"].as_str().expect("text")
    );
}

#[test]
fn bodies_keep_their_quotes() {
    let options = RenderOptions {
        output: Output::NovuText,
        ..RenderOptions::novu(jiff::Timestamp::UNIX_EPOCH)
    };
    let template = Template::parse("{{ text }} {{ map }} {{ missing }}").expect("parses");
    assert_eq!(
        template.render(&people(), &options).expect("renders"),
        "line\n\"two\" \\ three\ttab\r {'a':1,'b':2} "
    );
}

fn paths(source: &str) -> Vec<String> {
    let variables = Template::parse(source).expect("parses").variables();
    variables
        .into_iter()
        .map(|variable| format!("{}@{}:{}", variable.path, variable.line, variable.column))
        .collect()
}

#[test]
fn variables_are_what_the_template_reads_from_its_data() {
    assert_eq!(
        paths("{{ payload.user.name }}\n  {{ a | append: b.c }}"),
        ["payload.user.name@1:4", "a@2:6", "b.c@2:18"]
    );
    assert_eq!(
        paths("{% for i in list limit: n %}{{ i.x }}{{ forloop.index }}{% else %}{{ i }}{% endfor %}"),
        ["list@1:13", "n@1:25", "i@1:70"]
    );
    assert_eq!(
        paths(
            "{{ x }}{% assign x = y %}{{ x.z }}{% capture w %}{{ v }}{% endcapture %}{{ w }}{% increment c %}{{ c }}"
        ),
        ["x@1:4", "y@1:22", "v@1:53"]
    );
    assert_eq!(
        paths(
            "{% if a == b.c and d %}{% elsif e %}{% endif %}{% case f %}{% when g %}{% endcase %}{% unless h %}{% endunless %}"
        ),
        ["a@1:7", "b.c@1:12", "d@1:20", "e@1:33", "f@1:56", "g@1:68", "h@1:95"]
    );
    assert_eq!(
        paths("{{ a[0].b['c d'][e.f][-1] }} {{ (g..h) }} {{ 'x'.size }}"),
        ["a[0].b[\"c d\"][*][-1]@1:4", "e.f@1:18", "g@1:34", "h@1:37"]
    );
    assert_eq!(
        paths(
            "{% liquid\n assign q = r\n echo q\n echo s\n%}{% cycle t: u, 'v' %}{% tablerow i in w %}{{ i }}{{ tablerowloop.col }}{% endtablerow %}"
        ),
        ["r@2:13", "s@4:7", "t@5:12", "u@5:15", "w@5:41"]
    );
    assert_eq!(
        paths("{% raw %}{{ a }}{% endraw %}{% comment %}{{ b }}{% endcomment %}"),
        Vec::<String>::new()
    );
}

#[test]
fn segments_tell_names_from_positions() {
    let variables = Template::parse("{{ a['b'][2][c] }}").expect("parses").variables();
    let name = |name: &str| Segment::Name(name.to_owned());
    assert_eq!(
        variables[0].segments,
        [name("a"), name("b"), Segment::Index(2), Segment::Dynamic]
    );
}

#[test]
fn errors_name_their_place() {
    let error = Template::parse("Hi\n{% if x %}").expect_err("not closed");
    assert_eq!(
        (error.line, error.column, error.to_string().as_str()),
        (2, 1, "tag {% if x %} not closed, line:2, col:1")
    );
    let template = Template::parse("😀\n\n 😀{{ '%' | url_decode }}").expect("parses");
    let error = template
        .render(&json!({}), &RenderOptions::new(jiff::Timestamp::UNIX_EPOCH))
        .expect_err("malformed");
    assert_eq!(error.to_string(), "URI malformed, line:3, col:4");
}

#[test]
fn time_and_zone_come_from_the_options() {
    let now = "2024-07-01T22:30:00Z".parse().expect("a time");
    let oslo = jiff::tz::TimeZone::get("Europe/Oslo").expect("a zone");
    let options = RenderOptions {
        time_zone: oslo,
        ..RenderOptions::new(now)
    };
    let template = Template::parse("{{ 'now' | date: '%F %T %Y-%m-%d %H:%M %z %Z' }}|{{ 'today' | date: '%d', 'UTC' }}|{{ '2024-01-01 12:00' | date: '%s' }}|{{ '2024-01-01' | date: '%H' }}").expect("parses");
    let text = template.render(&Value::Null, &options).expect("renders");
    assert_eq!(text, "%F %T 2024-07-02 00:30 +0200 Europe/Oslo|01|1704106800|01");
}

#[test]
fn offsets_are_zones() {
    assert_eq!(
        plain(
            "{{ 0 | date: '%H:%M %z', '+05:30' }} {{ 0 | date: '%H:%M', '-02' }}",
            &json!({})
        ),
        "05:30 +0530 22:00"
    );
}
