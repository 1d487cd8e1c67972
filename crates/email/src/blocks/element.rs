//! The elements that blocks are made of: tables, because readers of mail lay out nothing else alike.

use super::style::Style;
use crate::escape;

/// What all tables of layout say.
const TABLE: &str = r#" border="0" cellPadding="0" cellSpacing="0" role="presentation""#;

/// Appends one attribute.
pub(super) fn attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    escape::push(out, value);
    out.push('"');
}

fn table(out: &mut String, align: Option<&str>, width: &str, class: Option<&str>, style: &Style) {
    out.push_str("<table");
    if let Some(align) = align {
        attribute(out, "align", align);
    }
    attribute(out, "width", width);
    out.push_str(TABLE);
    if let Some(class) = class {
        attribute(out, "class", class);
    }
    style.push_to(out);
    out.push('>');
}

/// A box as wide as a mail.
pub(super) fn container(out: &mut String, style: &Style, inside: &str) {
    table(out, Some("center"), "100%", None, style);
    out.push_str(r#"<tbody><tr style="width:100%"><td>"#);
    out.push_str(inside);
    out.push_str("</td></tr></tbody></table>");
}

/// A row of cells.
pub(super) fn row(out: &mut String, align: Option<&str>, width: &str, class: Option<&str>, style: &Style, cells: &str) {
    table(out, align, width, class, style);
    out.push_str(r#"<tbody style="width:100%"><tr style="width:100%">"#);
    out.push_str(cells);
    out.push_str("</tr></tbody></table>");
}

/// A cell of a row; `attributes` is text of attributes, each with a blank before it.
pub(super) fn cell(out: &mut String, attributes: &str, style: &Style, inside: &str) {
    out.push_str("<td");
    out.push_str(attributes);
    style.push_to(out);
    out.push('>');
    out.push_str(inside);
    out.push_str("</td>");
}

/// A box inside a cell.
pub(super) fn section(out: &mut String, class: &str, style: &Style, inside: &str) {
    table(out, Some("center"), "100%", Some(class), style);
    out.push_str("<tbody><tr><td>");
    out.push_str(inside);
    out.push_str("</td></tr></tbody></table>");
}

/// An element with content.
pub(super) fn wrapped(out: &mut String, name: &str, attributes: &str, style: &Style, inside: &str) {
    out.push('<');
    out.push_str(name);
    out.push_str(attributes);
    style.push_to(out);
    out.push('>');
    out.push_str(inside);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}
