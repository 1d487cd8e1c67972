//! Renders the same templates with this crate and with the real LiquidJS, and compares every output and error.

#[path = "liquidjs/peer.rs"]
mod peer;

use campanile_liquid::{Output, RenderOptions, Template};
use peer::{Answer, Peer};
use serde_json::{Value, json};

/// Differences on purpose. A template listed here must differ, so that the list cannot go stale.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "{% include 'a' %}",
        "templates of tenants cannot load files; the message says so instead of trying",
    ),
    ("{% render 'a' %}", "as above"),
    ("{% layout 'a' %}", "as above"),
    (
        "{% block a %}{% endblock %}",
        "layouts do not exist, so their blocks do not either",
    ),
    (
        "{{ 'a😀b' | split: '' | join: '-' }}",
        "text is UTF-8 here: a character is never cut into surrogates",
    ),
    (
        "{{ 'abc' | sample }}",
        "no randomness: `sample` is an unknown filter and passes its input through",
    ),
    (
        "{{ odd }}",
        "an object with its own `toString` breaks JavaScript's conversion to text; here it prints as any object",
    ),
    ("{{ 'a😀b' | replace: '', '-' }}", "as above"),
    ("{{ (1..300000) | size }}", "ranges are bounded"),
    (
        "{{ '1900-01-01' | date: '%:z', 'Asia/Kathmandu' }}",
        "offsets of old times have seconds, which are left out; there they are fractions of a minute",
    ),
    (
        "{% for i in list %}{{ forloop.next }}{{ forloop.index }}{% endfor %}",
        "reading a property never changes anything; there it calls the method that advances the loop",
    ),
    (
        "{% for forloop in list %}{{ forloop }}{% endfor %}",
        "a loop variable may be called `forloop`; there the loop then fails to advance",
    ),
];

const DATES: &[&str] = &[
    "2024-03-05T1:00",
    "2024-03-05T10:00:00+1",
    "2024-03-05T10:00 GMT",
    "2024-03-05T10:00:00 PST",
    "2024-03-05T10:00:00.Z",
    "2024-03-05T10:5",
    "2024-03-05T",
    "2024-03-05T10",
    "2024-03-05T10:00:00+01",
    "2024-03-05T10:00:00+01:0",
    "2024-03-05T10:00:00+0160",
    "2024-03-05T10:00x",
    "2024-03-05T10:00 x",
    "2024-03-05T10:00:00.5 PM",
    "2024-03-05T10:00 PM",
    "2024-03-05T10:60",
    "2024-03-05T24:01",
    "2024-03-05T10:00:60",
    "2024T10:00",
    "2024-03T10:00Z",
    "2024-03-05T10:00:00z",
    "2024-03-05t10:00:00Z",
    "2024-03-05T 10:00",
    "2024-03-05T10 :00",
    "12:30 Mar 5 2024",
    "Mar 5 2024 10:00:00.5",
    "Mar 5 2024 10:00:00.",
    "Mar 5 2024 10::30",
    "Mar 5 2024 10:00+01:00",
    "Mar 5 2024 +01:00",
    "Mar 5 2024 UTC+1",
    "Mar 5 2024 10:00 AM EST",
    "Thu, 01 Jan 1970 00:00:00 +0000",
    "1/2/2024, 3:04:05 PM",
    "2024-01-02 3:04pm",
    "2024.01.02",
    "01.02.2024",
    "5th March 2024",
    "March 5th, 2024",
    "2024-03-05 10:00:00.123Z",
    "2024-03-05 10:00:00.123+02:00",
    "-1",
    "0",
    "12",
    "13",
    "32",
    "99",
    "1 Jan",
    "Jan",
    "(x) Jan 1 2024",
    "2024-01-01)",
    "2024-01-01 00:00:00 UTC",
    "2024-01-01 00:00:00 (foo",
    "2024-1-1T10:00",
    "Jan-5-2024",
    "5-Jan-2024",
    "2024-Jan-05",
    "12/25/1995 13:30 -0800",
    "20240101",
    "10:00",
    "1e3",
    "2024-01-01T00:00:00.1234567890123Z",
    "Sat Jan 01 00000 00:00:00 GMT+0000",
];

fn data() -> Value {
    json!({
        "name": "Ada", "empty_text": "", "spaces": "  \t\n ", "zero": 0, "one": 1, "n": 42, "neg": -7.5, "big": 1e21, "small": 1.5e-7,
        "yes": true, "no": false, "nothing": null,
        "html": "<p class=\"x\">Tom & 'Jerry'</p><!-- c --><script>alert(1 < 2)</script> <b>bold</b>",
        "text": "The quick brown fox jumps over the lazy dog", "lines": "one\ntwo\r\nthree\n",
        "unicode": "Ça va? Straße ĳsland ΟΔΟΣ 日本語 😀!", "padded": "  hi there  ", "number_text": "12.50", "date_text": "2024-02-29T13:45:09.123Z",
        "list": [3, 1, 2], "words": ["pear", "Apple", "fig", "apple"], "mixed": [1, "1", null, true, "a", 2.5, [1, 2], {"k": 1}], "none": [],
        "nested": [[1, [2, 3]], ["a"]], "nulls": [null, 1, null, 2], "dup": [1, 1, "1", "a", "a", null, null],
        "users": [
            {"name": "Zoe", "age": 31, "active": true, "tags": ["x", "y"], "address": {"city": "Oslo"}},
            {"name": "ann", "age": 25, "active": false, "tags": [], "address": {"city": "Bern"}},
            {"name": "Bob", "age": null, "active": true, "address": {"city": "Oslo"}},
            {"name": "Eve", "age": 40}
        ],
        "obj": {"b": 1, "a": "two", "10": "ten", "2": "deux", "nested": {"deep": [1, {"x": "y"}]}, "size": 99, "first": "erste"},
        "plain": {"k": "v", "with space": 1, "dash-ed": 2}, "empty_obj": {}, "key": "a", "index": 1,
        "quotes": "say \"hi\" \\ 'yo'\ttab\r\nend", "json_text": "{\"a\":1}", "odd": {"toString": 1},
        "stamp": 1_700_000_000, "stamp_text": "1700000000", "said": ["\"\\", "\\\"", "it's\n"]
    })
}

/// The same names with each other's values: numbers where texts were, objects where lists were.
fn rotated(by: usize) -> Value {
    let Value::Object(mut data) = data() else {
        return Value::Null;
    };
    data.shift_remove("odd");
    let values: Vec<Value> = data.values().cloned().collect();
    let rotated = values.iter().cycle().skip(by).cloned();
    data.keys().cloned().zip(rotated).collect()
}

fn ours(engine: &str, template: &str, data: &Value) -> Answer {
    let now = jiff::Timestamp::UNIX_EPOCH;
    let options = match engine {
        "novu" => RenderOptions::novu(now),
        "controls" => RenderOptions {
            output: Output::NovuControls,
            ..RenderOptions::new(now)
        },
        _ => RenderOptions::new(now),
    };
    match Template::parse(template) {
        Err(error) => Answer::Error(error.to_string()),
        Ok(template) => match template.render(data, &options) {
            Err(error) => Answer::Error(error.to_string()),
            Ok(text) => Answer::Text(text),
        },
    }
}

fn differences<'t>(engine: &str, data: &Value, templates: impl Iterator<Item = &'t str>) -> Vec<String> {
    let mut peer = Peer::start();
    let compare = |template: &str| {
        let (theirs, ours) = (peer.render(engine, template, data), ours(engine, template, data));
        // Where an argument is of a wrong type, Novu's filters end with JavaScript's own words.
        let both_failed = matches!((&theirs, &ours), (Answer::Error(theirs), Answer::Error(_)) if theirs.contains("is not a function") || theirs.contains("Cannot read properties"));
        (theirs != ours && !(engine == "novu" && both_failed))
            .then(|| format!("{template:?}\n  liquidjs: {theirs:?}\n  ours:     {ours:?}"))
    };
    templates.filter_map(compare).collect()
}

fn assert_same<'t>(engine: &str, data: &Value, templates: impl Iterator<Item = &'t str>) {
    let mut found = differences(engine, data, templates);
    // The mark of a surrogate pair that JavaScript cut in two, which is among the deliberate differences.
    found.retain(|difference| !difference.contains('\u{fffd}'));
    assert!(
        found.is_empty(),
        "{} differences\n{}",
        found.len(),
        found[..found.len().min(25)].join("\n")
    );
}

fn corpus() -> impl Iterator<Item = &'static str> {
    include_str!("corpus.txt").split("\n~\n").flat_map(|block| {
        // One template per line; a block that starts with ">>>" is one template of several lines.
        match block.strip_prefix(">>>\n") {
            Some(whole) => vec![whole],
            None => block
                .lines()
                .filter(|line| !line.is_empty() && !line.starts_with("## "))
                .collect(),
        }
    })
}

#[test]
fn the_corpus_is_large_and_every_template_agrees() {
    assert!(corpus().count() >= 250, "{}", corpus().count());
    assert_same("plain", &data(), corpus());
}

#[test]
fn the_corpus_agrees_on_other_data() {
    assert_same("plain", &json!({}), corpus());
    for by in [1, 5, 11, 17, 23] {
        assert_same("plain", &rotated(by), corpus());
    }
}

#[test]
fn the_corpus_agrees_when_outputs_are_escaped_for_json() {
    assert_same("controls", &data(), corpus().filter(|text| !text.contains("tablerow")));
}

#[test]
fn deliberate_differences_are_still_there() {
    for (template, reason) in DIFFERENT {
        assert_eq!(
            differences("plain", &data(), std::iter::once(*template)).len(),
            1,
            "{template} now agrees; the reason was: {reason}"
        );
    }
}

#[test]
fn random_templates_agree() {
    let mut dice = grammar::Dice::new(0x5eed_cafe);
    let templates: Vec<String> = (0..6000).map(|_| grammar::template(&mut dice)).collect();
    assert_same("plain", &data(), templates.iter().map(String::as_str));
    // Tables bring quotes along, which the comparison of whole controls sees.
    let without_tables = templates
        .iter()
        .map(String::as_str)
        .filter(|text| !text.contains("tablerow"));
    assert_same("controls", &data(), without_tables.take(1500));
}

#[test]
fn the_filters_of_novu_agree() {
    let mut dice = grammar::Dice::new(0xd16e_57ed);
    let templates: Vec<String> = (0..4000).map(|_| grammar::novu(&mut dice)).collect();
    assert_same("novu", &data(), templates.iter().map(String::as_str));
    assert_same("novu", &rotated(7), templates.iter().take(1000).map(String::as_str));
}

/// The controls of a step as Novu compiles them: one JSON text that is one template.
#[test]
fn controls_are_compiled_alike() {
    let mut peer = Peer::start();
    let mut dice = grammar::Dice::new(0xc0_4b01);
    let data = data();
    let mut found = Vec::new();
    for _ in 0..3000 {
        let pieces = [grammar::template(&mut dice), grammar::template(&mut dice)];
        let controls =
            json!({ "subject": pieces[0], "body": pieces[1], "nested": { "list": [pieces[0], 1, true, null] } });
        // A `break` outside of a loop ends the JSON in its middle. There it is guessed how it went on, here it is an error.
        if pieces
            .iter()
            .any(|piece| piece.contains("{% break") || piece.contains("{% continue"))
        {
            continue;
        }
        let theirs = peer.ask("compiled", &controls, &data);
        let text = Template::parse(&controls.to_string())
            .map_err(|error| error.to_string())
            .and_then(|template| {
                let options = RenderOptions::novu(jiff::Timestamp::UNIX_EPOCH);
                template.render(&data, &options).map_err(|error| error.to_string())
            });
        let ours = text.and_then(|text| serde_json::from_str::<Value>(&text).map_err(|error| error.to_string()));
        let same = match (&theirs, &ours) {
            (Answer::Text(theirs), Ok(ours)) => {
                serde_json::from_str::<Value>(theirs).is_ok_and(|theirs| theirs == *ours)
            }
            (Answer::Error(_), Err(_)) => true,
            _ => false,
        };
        if !same {
            found.push(format!("{controls}\n  novu: {theirs:?}\n  ours: {ours:?}"));
        }
    }
    assert!(
        found.is_empty(),
        "{} differences\n{}",
        found.len(),
        found[..found.len().min(10)].join("\n")
    );
}

#[test]
fn words_are_counted_alike() {
    let mut dice = grammar::Dice::new(0xca75);
    let templates: Vec<String> = (0..3000)
        .map(|_| {
            let word = grammar::word(&mut dice);
            format!("{{{{ 1 | pluralize: '{word}' }}}} {{{{ 2 | pluralize: '{word}' }}}}")
        })
        .collect();
    assert_same("novu", &data(), templates.iter().map(String::as_str));
}

#[test]
fn dates_are_printed_alike() {
    let mut dice = grammar::Dice::new(0xf0_40a7);
    let templates: Vec<String> = (0..3000).map(|_| grammar::printed_date(&mut dice)).collect();
    assert_same("plain", &data(), templates.iter().map(String::as_str));
}

#[test]
fn dates_are_read_alike() {
    let mut dice = grammar::Dice::new(0xda7e);
    let random: Vec<String> = (0..4000).map(|_| grammar::date(&mut dice)).collect();
    let templates: Vec<String> = DATES
        .iter()
        .copied()
        .chain(random.iter().map(String::as_str))
        .map(|text| format!("{{{{ \"{text}\" | date: '%Y-%m-%dT%H:%M:%S.%L' }}}}"))
        .collect();
    assert_same("plain", &data(), templates.iter().map(String::as_str));
}

#[test]
fn random_rubble_agrees() {
    let mut dice = grammar::Dice::new(0xbad_c0de);
    let templates: Vec<String> = (0..6000).map(|_| grammar::rubble(&mut dice)).collect();
    assert_same("plain", &data(), templates.iter().map(String::as_str));
}

#[path = "liquidjs/grammar.rs"]
mod grammar;
