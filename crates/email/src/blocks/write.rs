//! Blocks as HTML. Structure and numbers are those of `@maily-to/render`, so that a mail looks the same from here.

mod boxes;
mod inline;
mod media;

use serde_json::Value;

use super::Frame;
use super::element;
use super::node;
use super::style::Style;

/// What comes before the blocks of a page.
const HEAD: &str = include_str!("write/page.html");
const SMOOTH: &str = "-webkit-font-smoothing:antialiased;-moz-osx-font-smoothing:grayscale";
const CONTAINER: &str = "max-width:600px;width:100%;margin-left:auto;margin-right:auto;border-style:solid;\
    background-color:#ffffff;min-width:300px;padding-top:0.5rem;padding-right:0.5rem;padding-bottom:0.5rem;\
    padding-left:0.5rem;border-radius:0px;border-width:0px;border-color:transparent";
const NO_BREAK_SPACE: &str = "\u{a0}";

/// Where a block stands.
#[derive(Clone, Copy, Default)]
struct Place<'a> {
    parent: &'a str,
    previous: Option<&'a Value>,
    next: Option<&'a Value>,
}

impl Place<'_> {
    /// Margins below would add to what follows, or to the edge of the box.
    fn without_bottom_margin(&self) -> bool {
        let before_spacer = self.next.is_some_and(|next| node::kind(next) == "spacer");
        let last = self.next.is_none() && matches!(self.parent, "section" | "column" | "repeat" | "show");
        before_spacer || last
    }

    fn after_spacer(&self) -> bool {
        self.previous.is_some_and(|previous| node::kind(previous) == "spacer")
    }
}

/// Writes the document.
pub(super) fn document(document: &Value, frame: Frame<'_>) -> String {
    let blocks = without_trailing_blanks(node::children(document));
    let content = match frame {
        Frame::Layout { content } => Some(content),
        Frame::Page | Frame::Piece => None,
    };
    let writer = Writer { content };
    let inside = writer.blocks(blocks, "");
    match frame {
        Frame::Piece => inside,
        Frame::Page | Frame::Layout { .. } => page(&inside),
    }
}

fn page(inside: &str) -> String {
    let mut out = HEAD.trim_end().to_owned();
    element::container(&mut out, &Style::of(CONTAINER), inside);
    out.push_str("</td></tr></tbody></table></body></html>");
    out
}

/// Empty paragraphs at the end are what an editor leaves there.
fn without_trailing_blanks(blocks: &[Value]) -> &[Value] {
    let is_blank = |block: &Value| node::kind(block) == "paragraph" && node::children(block).is_empty();
    let end = blocks
        .iter()
        .rposition(|block| !is_blank(block))
        .map_or(blocks.len(), |last| last + 1);
    blocks.get(..end).unwrap_or(blocks)
}

struct Writer<'a> {
    /// What stands where a layout has its content.
    content: Option<&'a str>,
}

impl Writer<'_> {
    fn blocks(&self, blocks: &[Value], parent: &str) -> String {
        let mut out = String::new();
        for (at, block) in blocks.iter().enumerate() {
            let place = Place {
                parent,
                previous: at.checked_sub(1).and_then(|before| blocks.get(before)),
                next: blocks.get(at + 1),
            };
            self.block(&mut out, block, place);
        }
        out
    }

    /// What is in a block.
    fn inside(&self, block: &Value) -> String {
        self.blocks(node::children(block), node::kind(block))
    }

    fn block(&self, out: &mut String, block: &Value, place: Place<'_>) {
        match node::kind(block) {
            "paragraph" => self.paragraph(out, block, place),
            "heading" => self.heading(out, block, place),
            "footer" => self.footer(out, block, place),
            "blockquote" => self.quote(out, block, place),
            "bulletList" => self.list(out, block, place, false),
            "orderedList" => self.list(out, block, place, true),
            "listItem" => {
                let style = Style::of(&format!("margin-bottom:8px;margin-top:8px;padding-left:6px;{SMOOTH}"));
                element::wrapped(out, "li", "", &style, &self.inside(block));
            }
            "text" => inline::text(out, block),
            "variable" => out.push_str(self.content.unwrap_or_default()),
            "hardBreak" => out.push_str("<br/>"),
            "horizontalRule" => out.push_str(
                r#"<hr style="width:100%;border:none;border-top:1px solid #eaeaea;margin-top:32px;margin-bottom:32px"/>"#,
            ),
            "spacer" => boxes::spacer(out, block),
            "section" => self.section(out, block),
            "columns" => self.columns(out, block),
            "button" => media::button(out, block, place),
            "image" => media::image(out, block, place),
            "inlineImage" => media::inline_image(out, block),
            "logo" => media::logo(out, block, place),
            "linkCard" => media::link_card(out, block, place),
            "htmlCodeBlock" => boxes::html(out, block),
            // A loop over nothing that can be looped over.
            "repeat" | "for" => {}
            // What a newer editor may have made shows its content.
            _ => out.push_str(&self.inside(block)),
        }
    }

    fn paragraph(&self, out: &mut String, block: &Value, place: Place<'_>) {
        let children = node::children(block);
        if self.content.is_some()
            && children.iter().any(|child| node::kind(child) == "variable")
            && children
                .iter()
                .all(|child| node::kind(child) == "variable" || is_blank_text(child))
        {
            // Tables do not stand in paragraphs: the content of a layout takes the paragraph's place.
            out.push_str(self.content.unwrap_or_default());
            return;
        }
        let margin = if place.parent == "listItem" || place.without_bottom_margin() {
            0
        } else {
            20
        };
        let mut style = Style::of("font-size:15px;line-height:26.25px");
        if let Some(align) = node::text(block, "textAlign").filter(|align| *align != "left") {
            style = style.with("text-align", align);
        }
        if let Some(direction) = node::text(block, "textDirection").filter(|direction| *direction != "ltr") {
            style = style.with("direction", direction);
        }
        let rest = format!(
            "{SMOOTH};color:#374151;margin:0 0 {margin}px 0;margin-top:0;margin-right:0;margin-bottom:{margin}px;margin-left:0"
        );
        let style = style.and(&rest);
        let inside = if block.get("content").is_some_and(Value::is_array) {
            self.inside(block)
        } else {
            NO_BREAK_SPACE.to_owned()
        };
        element::wrapped(out, "p", "", &style, &inside);
    }

    fn heading(&self, out: &mut String, block: &Value, place: Place<'_>) {
        let level = node::attribute(block, "level").and_then(Value::as_u64).unwrap_or(1);
        let (name, size, height, weight) = match level {
            2 => ("h2", "30px", "36px", "700"),
            3 => ("h3", "24px", "38px", "600"),
            _ => ("h1", "36px", "40px", "800"),
        };
        let margin = if place.without_bottom_margin() { "0px" } else { "12px" };
        let right_to_left = node::text(block, "textDirection") == Some("rtl");
        let mut style = Style::of("margin-left:0px;margin-right:0px;margin-top:0px").with("margin-bottom", margin);
        let align = node::text(block, "textAlign").unwrap_or(if right_to_left { "right" } else { "left" });
        if align != "left" {
            style = style.with("text-align", align);
        }
        if right_to_left {
            style = style.with("direction", "rtl");
        }
        let style = style
            .with("color", "#111827")
            .with("font-size", size)
            .with("line-height", height)
            .with("font-weight", weight);
        element::wrapped(out, name, "", &style, &self.inside(block));
    }

    fn footer(&self, out: &mut String, block: &Value, place: Place<'_>) {
        let margin = if place.without_bottom_margin() { "0px" } else { "20px" };
        let mut style = Style::of("font-size:14px;line-height:24px;color:#64748B;margin-top:0px")
            .with("margin-bottom", margin)
            .with("text-align", node::text(block, "textAlign").unwrap_or("left"));
        if let Some(direction) = node::text(block, "textDirection").filter(|direction| *direction != "ltr") {
            style = style.with("direction", direction);
        }
        element::wrapped(out, "p", "", &style.and(SMOOTH), &self.inside(block));
    }

    fn quote(&self, out: &mut String, block: &Value, place: Place<'_>) {
        let (above, below) = (place.after_spacer(), place.without_bottom_margin());
        let style = Style::of(
            "border-left-width:4px;border-left-style:solid;border-left-color:#D1D5DB;padding-left:16px;margin-left:0px;\
            margin-right:0px",
        )
        .with("margin-top", if above { "0px" } else { "20px" })
        .with("margin-bottom", if below { "0px" } else { "20px" });
        element::wrapped(out, "blockquote", "", &style, &self.inside(block));
    }

    fn list(&self, out: &mut String, block: &Value, place: Place<'_>, ordered: bool) {
        let (name, marker, width) = if ordered {
            ("ol", "decimal", "37.5em")
        } else {
            ("ul", "disc", "100%")
        };
        let mut list = String::new();
        let style = Style::of("padding-left:26px").with("list-style-type", marker);
        element::wrapped(&mut list, name, "", &style, &self.inside(block));
        let style = Style::default()
            .with("max-width", width)
            .with("margin-top", "0px")
            .with(
                "margin-bottom",
                if place.without_bottom_margin() { "0" } else { "20px" },
            );
        element::container(out, &style, &list);
    }
}

fn is_blank_text(node: &Value) -> bool {
    node::kind(node) == "text" && node["text"].as_str().unwrap_or_default().trim().is_empty()
}
