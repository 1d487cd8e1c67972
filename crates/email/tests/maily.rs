//! Blocks are written as Maily's own renderer writes them: a list of documents, and random ones.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{LazyLock, Mutex};

use campanile_email::{Content, render};
use campanile_liquid::RenderOptions;
use proptest::prelude::*;
use serde_json::{Value, json};

struct Peer {
    _child: Child,
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

/// It ends when its input does, which is when this process ends.
static PEER: LazyLock<Mutex<Peer>> = LazyLock::new(|| {
    let folder = Path::new(&here()).join("../../tests/email");
    assert!(
        folder.join("node_modules/@maily-to/render").is_dir(),
        "Maily is not installed in tests/email; run `make test`, which installs it"
    );
    let mut child = Command::new("node")
        .arg("peer.mjs")
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    let input = child.stdin.take().expect("piped");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    Mutex::new(Peer {
        _child: child,
        input,
        output,
    })
});

fn theirs(document: &Value) -> String {
    let mut peer = PEER.lock().expect("no test panicked with the peer");
    writeln!(peer.input, "{document}").expect("the peer reads");
    let mut line = String::new();
    peer.output.read_line(&mut line).expect("the peer answers");
    let answer: Value = serde_json::from_str(&line).expect("the peer answers in JSON");
    match answer["ok"].as_str() {
        Some(html) => html.to_owned(),
        None => panic!("{document}: {answer}"),
    }
}

fn ours(document: &Value) -> String {
    let content = Content {
        body: &document.to_string(),
        layout: None,
        layout_data: None,
        sanitise: false,
    };
    let options = RenderOptions::novu(jiff::Timestamp::UNIX_EPOCH);
    render(&content, &json!({}), &options).expect("renders").html
}

/// The first place where two texts part, with what is around it.
fn difference(ours: &str, theirs: &str) -> String {
    let at = ours
        .char_indices()
        .zip(theirs.chars())
        .find(|((_, a), b)| a != b)
        .map_or(ours.len().min(theirs.len()), |((at, _), _)| at);
    let around = |text: &str| -> String {
        let before: String = text.get(..at).unwrap_or_default().chars().rev().take(200).collect();
        let after: String = text.get(at..).unwrap_or_default().chars().take(200).collect();
        format!("{}>>>{after}", before.chars().rev().collect::<String>())
    };
    format!("ours:   {}\ntheirs: {}", around(ours), around(theirs))
}

fn same(document: &Value) -> Result<(), String> {
    let (ours, theirs) = (ours(document), theirs(document));
    if ours == theirs {
        return Ok(());
    }
    Err(format!("{document}\n{}", difference(&ours, &theirs)))
}

fn text(text: &str, marks: &[Value]) -> Value {
    if marks.is_empty() {
        json!({ "type": "text", "text": text })
    } else {
        json!({ "type": "text", "text": text, "marks": marks })
    }
}

fn paragraph(children: &[Value]) -> Value {
    json!({ "type": "paragraph", "content": children })
}

fn doc(blocks: &[Value]) -> Value {
    json!({ "type": "doc", "content": blocks })
}

fn plain() -> Value {
    paragraph(&[text("x", &[])])
}

#[test]
fn every_kind_of_block_is_written_alike() {
    let bold = json!({ "type": "bold" });
    let link = json!({ "type": "link", "attrs": { "href": "https://x.y/?a=1&b=2" } });
    let column = |width: Value| json!({ "type": "column", "attrs": { "width": width }, "content": [plain()] });
    let blocks = [
        json!({ "type": "heading", "attrs": { "level": 1 }, "content": [text("Hi <b> & \"q\" 's'", &[])] }),
        json!({ "type": "heading", "attrs": { "level": 2, "textAlign": "center" }, "content": [text("two", &[])] }),
        json!({ "type": "heading", "attrs": { "level": 3, "textDirection": "rtl" }, "content": [text("three", &[])] }),
        paragraph(&[
            text("a ", &[]),
            text("b", &[json!({ "type": "italic" }), bold.clone()]),
            text("l", &[bold, link]),
        ]),
        paragraph(&[text(
            "s",
            &[
                json!({ "type": "strike" }),
                json!({ "type": "textStyle", "attrs": { "color": "#ff0000" } }),
            ],
        )]),
        paragraph(&[
            text("c", &[json!({ "type": "code" })]),
            json!({ "type": "hardBreak" }),
            text("   ", &[]),
        ]),
        paragraph(&[text(
            "u",
            &[
                json!({ "type": "underline" }),
                json!({ "type": "textStyle", "attrs": {} }),
            ],
        )]),
        json!({ "type": "paragraph", "attrs": { "textAlign": "center", "textDirection": "rtl" } }),
        json!({ "type": "paragraph", "content": [] }),
        plain(),
        json!({ "type": "spacer", "attrs": { "height": 16 } }),
        json!({ "type": "bulletList", "content": [{ "type": "listItem", "content": [plain()] }] }),
        json!({ "type": "orderedList", "content": [{ "type": "listItem", "content": [plain(), plain()] }] }),
        json!({ "type": "blockquote", "content": [plain()] }),
        json!({ "type": "horizontalRule" }),
        json!({ "type": "image", "attrs": { "src": "https://a/b.png", "width": 100, "height": "auto", "externalLink": "https://l" } }),
        json!({ "type": "image", "attrs": { "src": "https://a/b.png", "alt": "A", "alignment": "left", "borderRadius": 4 } }),
        json!({ "type": "logo", "attrs": { "src": "https://a/b.png", "size": "md", "alignment": "center", "title": "T" } }),
        paragraph(&[
            json!({ "type": "inlineImage", "attrs": { "src": "https://a/b.png", "externalLink": "https://l" } }),
        ]),
        json!({ "type": "button", "attrs": { "text": "Go", "url": "https://go", "variant": "filled", "buttonColor": "#000", "textColor": "#fff", "borderRadius": "smooth", "alignment": "left" } }),
        json!({ "type": "button", "attrs": { "text": "Go", "url": "https://go", "variant": "outline", "borderRadius": "round", "paddingTop": 4, "paddingLeft": 7 } }),
        json!({ "type": "linkCard", "attrs": { "title": "T", "description": "D", "link": "https://l", "linkTitle": "LT", "image": "https://i", "badgeText": "B" } }),
        json!({ "type": "linkCard", "attrs": { "title": "T", "description": "D", "subTitle": "S" } }),
        json!({ "type": "section", "attrs": {}, "content": [plain()] }),
        json!({ "type": "section", "attrs": { "borderRadius": 6, "backgroundColor": "#eee", "align": "center", "paddingTop": 0, "marginTop": 8 }, "content": [plain(), plain()] }),
        json!({ "type": "columns", "attrs": { "gap": 8 }, "content": [column("auto".into()), column("auto".into()), column("auto".into())] }),
        json!({ "type": "columns", "content": [column(30.into()), column("auto".into())] }),
        json!({ "type": "columns", "content": [column(30.into()), column(40.into())] }),
        json!({ "type": "footer", "content": [text("foot", &[])] }),
        json!({ "type": "htmlCodeBlock", "content": [text("<p class=\"a\">x &amp; y</p>", &[])] }),
    ];
    let mut wrong = Vec::new();
    for block in &blocks {
        wrong.extend(same(&doc(&[plain(), block.clone(), plain()])).err());
        wrong.extend(same(&doc(&[json!({ "type": "section", "content": [block] })])).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn marks() -> impl Strategy<Value = Vec<Value>> {
    let mark = prop_oneof![
        Just(json!({ "type": "bold" })),
        Just(json!({ "type": "italic" })),
        Just(json!({ "type": "underline" })),
        Just(json!({ "type": "strike" })),
        Just(json!({ "type": "code" })),
        Just(json!({ "type": "textStyle", "attrs": { "color": "rgb(1, 2, 3)" } })),
        "[a-z]{1,5}".prop_map(|path| json!({ "type": "link", "attrs": { "href": format!("https://x.y/{path}") } })),
    ];
    prop::collection::vec(mark, 0..4)
}

fn inline_block() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => ("[ a-z<>&\"'é😀]{1,12}", marks()).prop_map(|(content, marks)| text(&content, &marks)),
        1 => Just(json!({ "type": "hardBreak" })),
        1 => (1..99, prop::bool::ANY).prop_map(|(size, linked)| json!({ "type": "inlineImage", "attrs": {
            "src": "https://a/b.png", "width": size, "height": size, "alt": "a<b", "externalLink": if linked { json!("https://l") } else { Value::Null } } })),
    ]
}

fn align() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!("left")),
        Just(json!("center")),
        Just(json!("right"))
    ]
}

fn leaf() -> impl Strategy<Value = Value> {
    let texts = || prop::collection::vec(inline_block(), 0..4);
    prop_oneof![
        4 => (texts(), align()).prop_map(|(content, align)| json!({ "type": "paragraph", "attrs": { "textAlign": align }, "content": content })),
        2 => (texts(), 1..4, align()).prop_map(|(content, level, align)| json!({ "type": "heading", "attrs": { "level": level, "textAlign": align }, "content": content })),
        1 => texts().prop_map(|content| json!({ "type": "footer", "content": content })),
        1 => (1..99).prop_map(|height| json!({ "type": "spacer", "attrs": { "height": height } })),
        1 => Just(json!({ "type": "horizontalRule" })),
        1 => ("[a-z ]{1,9}", 0..40, prop::bool::ANY, align()).prop_map(|(text, padding, filled, align)| json!({ "type": "button", "attrs": {
            "text": text, "url": "https://go", "variant": if filled { "filled" } else { "outline" },
            "paddingTop": padding, "paddingLeft": padding, "paddingRight": 40 - padding, "alignment": align.as_str().unwrap_or("left") } })),
        1 => (1..600, align()).prop_map(|(width, align)| json!({ "type": "image", "attrs": {
            "src": "https://a/b.png", "width": width, "alignment": align.as_str().unwrap_or("center") } })),
        1 => (prop::sample::select(vec!["sm", "md", "lg"]), align(), word()).prop_map(|(size, align, title)| json!({ "type": "logo", "attrs": {
            "src": "https://a/b.png", "size": size, "alignment": align.as_str().unwrap_or("left"), "title": title } })),
        1 => (word(), word(), word(), word(), word(), word()).prop_map(|(title, text, link, image, badge, below)| json!({ "type": "linkCard", "attrs": {
            "title": title, "description": text, "linkTitle": link, "link": "https://l", "image": image, "badgeText": badge, "subTitle": below } })),
        1 => texts().prop_map(|content| json!({ "type": "paragraph", "attrs": { "textDirection": "rtl" }, "content": content })),
        1 => "[a-z ]{0,9}".prop_map(|text| json!({ "type": "htmlCodeBlock", "content": [{ "type": "text", "text": format!("<b>{text}</b>") }] })),
    ]
}

/// A word, no word, or nothing at all.
fn word() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!("")),
        "[a-z&<\"]{1,6}".prop_map(Value::from)
    ]
}

fn width() -> impl Strategy<Value = Value> {
    prop_oneof![Just(json!("auto")), Just(Value::Null), (1..90).prop_map(Value::from)]
}

fn block() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 24, 4, |inner| {
        let some = || prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            some().prop_map(|content| json!({ "type": "section", "attrs": {}, "content": content })),
            (some(), 0..30).prop_map(|(content, padding)| json!({ "type": "section", "attrs": { "paddingTop": padding, "borderWidth": padding }, "content": content })),
            some().prop_map(|content| json!({ "type": "blockquote", "content": content })),
            (prop::collection::vec(some(), 1..4), prop::bool::ANY).prop_map(|(items, ordered)| {
                let items: Vec<Value> = items.iter().map(|content| json!({ "type": "listItem", "content": content })).collect();
                json!({ "type": if ordered { "orderedList" } else { "bulletList" }, "content": items })
            }),
            (prop::collection::vec((some(), width()), 1..5), 0..20).prop_map(|(columns, gap)| {
                let columns: Vec<Value> = columns.iter().map(|(content, width)| json!({ "type": "column", "attrs": { "width": width, "verticalAlign": "middle" }, "content": content })).collect();
                json!({ "type": "columns", "attrs": { "gap": gap }, "content": columns })
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_documents_are_written_alike(blocks in prop::collection::vec(block(), 1..5)) {
        let result = same(&doc(&blocks));
        prop_assert!(result.is_ok(), "{}", result.unwrap_err());
    }
}
