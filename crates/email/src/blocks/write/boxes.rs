//! Blocks that hold others: sections, columns; room between them; and HTML that the author wrote.

use serde_json::{Value, json};

use super::super::{element, node, style::Style};
use super::Writer;
use crate::inline;

const GAP: f64 = 8.0;

pub(super) fn spacer(out: &mut String, block: &Value) {
    let height = node::attribute(block, "height")
        .and_then(node::number)
        .unwrap_or_default();
    let style = Style::of("max-width:37.5em").with("height", &format!("{height}px"));
    element::container(out, &style, "");
}

/// The author's own HTML: texts and variables one after the other.
pub(super) fn html(out: &mut String, block: &Value) {
    let source: String = node::children(block)
        .iter()
        .filter_map(|child| child["text"].as_str())
        .collect();
    out.push_str(r#"<table align="left" width="100%" border="0" cellPadding="0" cellSpacing="0" role="presentation">"#);
    out.push_str(r#"<tbody><tr style="width:100%"><td style="width:100%">"#);
    out.push_str(&inline::piece(&source));
    out.push_str("</td></tr></tbody></table>");
}

impl Writer<'_> {
    pub(super) fn section(&self, out: &mut String, block: &Value) {
        let length = |name: &str, usual: u64| node::attribute(block, name).cloned().unwrap_or_else(|| json!(usual));
        let text = |name: &str, usual: &str| node::text(block, name).unwrap_or(usual).to_owned();
        let inner = Style::default()
            .with("border-color", &text("borderColor", "#000000"))
            .with_length("border-width", &length("borderWidth", 1))
            .with("border-style", "solid")
            .with("background-color", &text("backgroundColor", "#ffffff"))
            .with_length("border-radius", &length("borderRadius", 0))
            .with_length("padding-top", &length("paddingTop", 5))
            .with_length("padding-right", &length("paddingRight", 5))
            .with_length("padding-bottom", &length("paddingBottom", 5))
            .with_length("padding-left", &length("paddingLeft", 5));
        let outer = Style::default()
            .with_length("margin-top", &length("marginTop", 0))
            .with_length("margin-right", &length("marginRight", 0))
            .with_length("margin-bottom", &length("marginBottom", 0))
            .with_length("margin-left", &length("marginLeft", 0));
        let mut attributes = String::new();
        element::attribute(&mut attributes, "align", &text("align", "left"));
        attributes.push_str(" data-id=\"__react-email-column\"");
        let mut cell = String::new();
        element::cell(&mut cell, &attributes, &inner, &self.inside(block));
        element::row(out, Some("center"), "100%", None, &outer, &cell);
    }

    pub(super) fn columns(&self, out: &mut String, block: &Value) {
        let columns = node::children(block);
        let given = |column: &Value| {
            node::attribute(column, "width")
                .and_then(node::number)
                .filter(|width| *width != 0.0)
        };
        let taken: f64 = columns.iter().filter_map(given).sum();
        let free = columns.iter().filter(|column| given(column).is_none()).count();
        let width = if free == 0 { taken.min(100.0) } else { 100.0 };
        let gap = node::attribute(block, "gap").and_then(node::number).unwrap_or(GAP);
        let mut cells = String::new();
        for (at, column) in columns.iter().enumerate() {
            let own = given(column).unwrap_or_else(|| rounded((100.0 - taken) / count(free)));
            let (left, right) = paddings(at, columns.len(), gap);
            self.column(&mut cells, column, own, left, right);
        }
        let style = Style::of("margin:0;padding:0").with("width", &format!("{width}%"));
        element::row(
            out,
            Some("center"),
            &format!("{width}%"),
            Some("tab-row-full"),
            &style,
            &cells,
        );
    }

    fn column(&self, out: &mut String, column: &Value, width: f64, left: f64, right: f64) {
        let mut inside = String::new();
        let style = Style::of("margin:0")
            .with("padding-left", &pixels(left))
            .with("padding-right", &pixels(right));
        element::section(&mut inside, "tab-pad", &style, &self.inside(column));
        let mut attributes = String::new();
        element::attribute(&mut attributes, "width", &format!("{width}%"));
        attributes.push_str(" class=\"tab-col-full\" data-id=\"__react-email-column\"");
        let style = Style::default()
            .with("width", &format!("{width}%"))
            .with("margin", "0")
            .with("vertical-align", node::text(column, "verticalAlign").unwrap_or("top"));
        element::cell(out, &attributes, &style, &inside);
    }
}

/// The room left and right of a column, so that all gaps are alike and the outer edges are even.
fn paddings(at: usize, count: usize, gap: f64) -> (f64, f64) {
    let (first, last) = (at == 0, at + 1 == count);
    let (edge, middle) = if count < 3 {
        (gap / 2.0, gap / 2.0)
    } else {
        (gap * 0.75, gap * 0.375)
    };
    let round = |value: f64| rounded(value * 100.0) / 100.0;
    let left = if first {
        0.0
    } else if last || count < 3 {
        edge
    } else {
        middle
    };
    let right = if last {
        0.0
    } else if first || count < 3 {
        edge
    } else {
        middle
    };
    (round(left), round(right))
}

/// As JavaScript rounds: halves go up, below zero as well.
fn rounded(value: f64) -> f64 {
    // There is no negative zero in a text.
    (value + 0.5).floor() + 0.0
}

fn pixels(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else {
        format!("{value}px")
    }
}

fn count(columns: usize) -> f64 {
    u32::try_from(columns.max(1)).map_or(1.0, f64::from)
}
