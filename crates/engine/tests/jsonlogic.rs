//! Evaluates the same rules with the engine's conditions and with the real json-logic-js, and compares every result.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use campanile_engine::conditions;
use campanile_model::Time;
use serde_json::{Value, json};

/// The real one in a child process.
struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// The folder of this package, wherever it was compiled.
#[expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says it, not the configuration"
)]
fn here() -> String {
    std::env::var("CARGO_MANIFEST_DIR").expect("the runner says where the package is")
}

impl Peer {
    fn start() -> Self {
        let folder = Path::new(&here()).join("../../tests/logic");
        assert!(
            folder.join("node_modules/json-logic-js").is_dir(),
            "json-logic-js is not installed in tests/logic; run `make test`, which installs it"
        );
        let mut child = Command::new("node")
            .arg("peer.mjs")
            .current_dir(folder)
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node starts");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, input, output }
    }

    fn ask(&mut self, rule: &Value, data: &Value, now: Time) -> Value {
        let request = json!({ "rule": rule, "data": data, "now": now.millis() });
        writeln!(self.input, "{request}").expect("the peer reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the peer answers");
        serde_json::from_str(&line).expect("the peer answers in JSON")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Small numbers from a seed, the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).expect("small")
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.roll(from.len())]
    }
}

const PATHS: &[&str] = &[
    "",
    "payload",
    "payload.n",
    "payload.text",
    "payload.list",
    "payload.list.0",
    "payload.list.length",
    "payload.object",
    "payload.object.deep.er",
    "payload.none",
    "payload.gone",
    "payload.yes",
    "payload.date",
    "payload.text.1",
    "payload.text.length",
    "subscriber.firstName",
    "current",
    "accumulator",
    "x",
    "1",
    "payload.users",
    "name",
    "payload.moment",
];

fn data() -> Value {
    json!({
        "payload": {
            "n": 3, "text": "12", "list": [1, "2", null, [3, "x"], {"x": 1}], "object": {"deep": {"er": -1.5}},
            "none": null, "yes": "true", "no": false, "date": "2026-03-01T10:00:00Z", "moment": 1_772_000_000_000_i64,
            "empty": "", "users": [{"name": "Ann", "x": 1}, {"name": "Bob", "x": 2}, {"x": "a"}],
        },
        "subscriber": {"firstName": "Zoë", "isOnline": false, "data": {"plan": "pro"}},
        "x": 5, "1": "one", "name": "top",
    })
}

fn literal(dice: &mut Dice) -> Value {
    match dice.roll(20) {
        0 => json!(0),
        1 => json!(1),
        2 => json!(-2.5),
        3 => json!("1"),
        4 => json!(""),
        5 => json!("true"),
        6 => json!(false),
        7 => json!(true),
        8 => Value::Null,
        9 => json!([]),
        10 => json!([1, "2"]),
        11 => json!({}),
        12 => json!({"a": 1, "b": 2}),
        13 => {
            json!({"amount": dice.roll(70), "unit": dice.pick(&["minutes", "hours", "days", "weeks", "months", "years", "eons"])})
        }
        14 => json!("2026-02-28"),
        15 => json!("2026-03-31T12:00:00Z"),
        16 => json!("Zo"),
        17 => json!([0, 10]),
        18 => json!("0x1f"),
        _ => json!(" 3e2kg"),
    }
}

fn rule(dice: &mut Dice, depth: usize) -> Value {
    if depth == 0 || dice.roll(6) == 0 {
        return match dice.roll(3) {
            0 => literal(dice),
            _ => json!({ "var": dice.pick(PATHS) }),
        };
    }
    let operator = dice.pick(conditions::OPERATORS);
    let operands: Vec<Value> = (0..dice.roll(4)).map(|_| rule(dice, depth - 1)).collect();
    match (operator, operands.as_slice()) {
        ("var" | "missing", _) => json!({ operator: [dice.pick(PATHS), literal(dice)] }),
        ("missing_some", _) => json!({ operator: [dice.roll(3), [dice.pick(PATHS), dice.pick(PATHS)]] }),
        // A lone operand may stand without its list.
        (_, [one]) if !one.is_array() && dice.roll(2) == 0 => json!({ operator: one }),
        _ => json!({ operator: operands }),
    }
}

/// How the two differ, if they do.
fn compare(peer: &mut Peer, rule: &Value, data: &Value, now: Time) -> Option<String> {
    let theirs = peer.ask(rule, data, now);
    let ours = conditions::evaluate(rule, data, now);
    let passes = conditions::passes(rule, data, now);
    let same = match (&ours, theirs.get("error")) {
        (Ok(ours), None) => {
            same(ours, &theirs["ok"]) && (conditions::is_empty(rule) || passes == Ok(theirs["passes"] == true))
        }
        (Err(_), Some(_)) => true,
        _ => false,
    };
    (!same).then(|| format!("{rule}\n  json-logic-js: {theirs}\n  ours: {ours:?} passes {passes:?}"))
}

/// Equal, with numbers as JavaScript has them.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.iter()
                .filter(|(_, value)| !value.is_null())
                .all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
                && other
                    .iter()
                    .all(|(name, value)| value.is_null() || one.contains_key(name))
        }
        (one, other) => one == other,
    }
}

#[test]
fn random_rules_agree() {
    let mut peer = Peer::start();
    let mut dice = Dice(0x5eed);
    let now = Time::parse("2026-03-31T12:00:30.250Z").expect("a time");
    let data = data();
    let mut found = Vec::new();
    for _ in 0..6000 {
        let rule = rule(&mut dice, 4);
        found.extend(compare(&mut peer, &rule, &data, now));
    }
    assert!(
        found.is_empty(),
        "{} differences\n{}",
        found.len(),
        found[..found.len().min(20)].join("\n")
    );
}

#[test]
fn the_published_examples_agree() {
    let mut peer = Peer::start();
    let now = Time::parse("2024-02-29T00:00:00.000Z").expect("a time");
    let data = json!({"temp": 100, "pie": {"filling": "apple"}, "a": {"b": "c"}, "integers": [1, 2, 3, 4, 5], "empty": [],
        "accounts": [{"n": 1}, {"n": 2}]});
    for rule in [
        json!({"and": [{"<": [{"var": "temp"}, 110]}, {"==": [{"var": "pie.filling"}, "apple"]}]}),
        json!({"if": [{"<": [{"var": "temp"}, 0]}, "freezing", {"<": [{"var": "temp"}, 100]}, "liquid", "gas"]}),
        json!({"var": ["z", 26]}),
        json!({"missing": ["a", "b"]}),
        json!({"if": [{"missing": ["a", "b"]}, "Not enough fruit", "OK to proceed"]}),
        json!({"missing_some": [1, ["a", "b", "c"]]}),
        json!({"<": [1, 4, 3]}),
        json!({"<=": [1, 1, 3]}),
        json!({"+": "3.14"}),
        json!({"*": [2, 2, 2, 2, 2]}),
        json!({"-": 2}),
        json!({"filter": [{"var": "integers"}, {"%": [{"var": ""}, 2]}]}),
        json!({"map": [{"var": "integers"}, {"*": [{"var": ""}, 2]}]}),
        json!({"reduce": [{"var": "integers"}, {"+": [{"var": "current"}, {"var": "accumulator"}]}, 0]}),
        json!({"all": [{"var": "integers"}, {">": [{"var": ""}, 0]}]}),
        json!({"none": [{"var": "empty"}, 1]}),
        json!({"some": [{"var": "accounts"}, {"==": [{"var": "n"}, 2]}]}),
        json!({"merge": [1, 2, [3, 4]]}),
        json!({"in": ["Spring", "Springfield"]}),
        json!({"cat": ["I love ", {"var": "pie.filling"}, " pie"]}),
        json!({"substr": ["jsonlogic", 4]}),
        json!({"substr": ["jsonlogic", -5]}),
        json!({"substr": ["jsonlogic", 1, 3]}),
        json!({"substr": ["jsonlogic", 4, -2]}),
        json!({"exactlyXAgo": ["2023-03-01", {"amount": 1, "unit": "years"}]}),
        json!({"withinLast": ["2024-01-31", {"amount": 1.5, "unit": "months"}]}),
        json!({"moreThanXAgo": ["2024-02-28T23:58:00", {"amount": 2.5, "unit": "minutes"}]}),
        json!({"moreThanXAgo": [{"var": "gone"}, {"amount": 200, "unit": "years"}]}),
    ] {
        let difference = compare(&mut peer, &rule, &data, now);
        assert!(difference.is_none(), "{}", difference.unwrap_or_default());
    }
}
