//! Buttons, pictures and cards.

use serde_json::{Value, json};

use super::super::{element, node, style, style::Style};
use super::{Place, SMOOTH};
use crate::escape;

const PICTURE: &str = "display:block;outline:none;border:none;text-decoration:none";
const COLUMN: &str = " data-id=\"__react-email-column\"";
/// The widest blank that Word, which shows mail in Outlook, can stretch.
const WIDEST: f64 = 5.0;

pub(super) fn button(out: &mut String, block: &Value, place: Place<'_>) {
    let text = |name: &str| node::text(block, name);
    let padding = |name: &str, usual: f64| {
        let given = node::attribute(block, name).filter(|value| node::number(value) != Some(0.0));
        given
            .map_or(usual, |value| node::number(value).unwrap_or_default())
            .trunc()
    };
    let background = text("buttonColor").unwrap_or("#000000");
    // The border is as wide as the room that is added above and below.
    let top = padding("paddingTop", 10.0) + 2.0;
    let bottom = padding("paddingBottom", 10.0) + 2.0;
    let (left, right) = (padding("paddingLeft", 32.0), padding("paddingRight", 32.0));
    let filled = text("variant") == Some("filled");
    let radius = match text("borderRadius") {
        Some("round") => "9999px",
        Some("smooth") => "6px",
        _ => "0px",
    };
    let style =
        Style::of("line-height:100%;text-decoration:none;display:inline-block;max-width:100%;mso-padding-alt:0px")
            .with("color", text("textColor").unwrap_or("#ffffff"))
            .with("background-color", if filled { background } else { "transparent" })
            .with("border-color", background)
            .and("border-width:2px;border-style:solid;font-size:14px;font-weight:500")
            .with("border-radius", radius)
            .with("padding", &format!("{top}px {right}px {bottom}px {left}px"))
            .with("padding-top", &pixels(top))
            .with("padding-right", &pixels(right))
            .with("padding-bottom", &pixels(bottom))
            .with("padding-left", &pixels(left));
    let mut link = "<a".to_owned();
    if let Some(url) = text("url") {
        element::attribute(&mut link, "href", url);
    }
    style.push_to(&mut link);
    link.push_str(r#" target="_blank"><span>"#);
    // Outlook pads nothing but texts: blanks of the same width stand in for it.
    let raise = (top + bottom) * 3.0 / 4.0;
    link.push_str(&blanks(left, &format!(";mso-text-raise:{raise}"), ""));
    link.push_str("</span><span style=\"max-width:100%;display:inline-block;line-height:120%;mso-padding-alt:0px");
    let raise = bottom * 3.0 / 4.0;
    link.push_str(";mso-text-raise:");
    link.push_str(&pixels(raise));
    link.push_str("\">");
    escape::push(&mut link, text("text").unwrap_or_default());
    link.push_str("</span><span>");
    link.push_str(&blanks(right, "", "&#8203;"));
    link.push_str("</span></a>");
    let style = Style::default()
        .with("max-width", "100%")
        .with("text-align", text("alignment").unwrap_or("left"))
        .with("margin-bottom", below(place, "20px"));
    element::container(out, &style, &link);
}

fn blanks(width: f64, style: &str, after: &str) -> String {
    let mut count = 0u32;
    let mut stretch = 0.0;
    if width > 0.0 {
        count = 1;
        while width / f64::from(count) / 2.0 > WIDEST {
            count += 1;
        }
        stretch = width / f64::from(count) / 2.0;
    }
    let blanks = "&#8202;".repeat(usize::try_from(count).unwrap_or_default());
    format!(
        "<!--[if mso]><i style=\"mso-font-width:{}%{style}\" hidden>{blanks}{after}</i><![endif]-->",
        stretch * 100.0
    )
}

fn pixels(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else {
        format!("{value}px")
    }
}

fn below(place: Place<'_>, usual: &'static str) -> &'static str {
    if place.without_bottom_margin() { "0px" } else { usual }
}

/// `<img>` with its title and description in the order of the original.
fn picture(alt: &str, title: &str, src: &str, style: &Style) -> String {
    let mut out = "<img".to_owned();
    element::attribute(&mut out, "title", title);
    element::attribute(&mut out, "alt", alt);
    if !src.is_empty() {
        element::attribute(&mut out, "src", src);
    }
    style.push_to(&mut out);
    out.push_str("/>");
    out
}

/// A picture in a row of its own.
fn in_row(out: &mut String, align: &str, place: Place<'_>, inside: &str) {
    let mut attributes = String::new();
    element::attribute(&mut attributes, "align", align);
    attributes.push_str(COLUMN);
    let mut cell = String::new();
    element::cell(&mut cell, &attributes, &Style::default(), inside);
    let style = Style::of("margin-top:0px").with("margin-bottom", below(place, "32px"));
    element::row(out, Some("center"), "100%", None, &style, &cell);
}

pub(super) fn image(out: &mut String, block: &Value, place: Place<'_>) {
    let side = |name: &str| match node::attribute(block, name) {
        Some(value) if value != "auto" => {
            node::number(value).map_or_else(|| "auto".to_owned(), |size| format!("{size}px"))
        }
        _ => "auto".to_owned(),
    };
    let (alt, title) = (node::text(block, "alt"), node::text(block, "title"));
    let radius = node::attribute(block, "borderRadius")
        .cloned()
        .unwrap_or_else(|| json!(0));
    let style = Style::of(PICTURE)
        .with("width", &side("width"))
        .with("height", &side("height"))
        .with("max-width", "100%")
        .with("border-radius", &style::length(&radius).unwrap_or_default());
    let src = node::text(block, "src").unwrap_or_default();
    let mut shown = picture(
        alt.or(title).unwrap_or("Image"),
        title.or(alt).unwrap_or("Image"),
        src,
        &style,
    );
    if let Some(link) = node::text(block, "externalLink") {
        let mut around = "<a".to_owned();
        element::attribute(&mut around, "href", link);
        around.push_str(
            r#" rel="noopener noreferrer" style="display:block;max-width:100%;text-decoration:none" target="_blank">"#,
        );
        shown = format!("{around}{shown}</a>");
    }
    in_row(out, node::text(block, "alignment").unwrap_or("center"), place, &shown);
}

pub(super) fn inline_image(out: &mut String, block: &Value) {
    let side = |name: &str| node::attribute(block, name).and_then(node::number).unwrap_or(20.0);
    let (width, height) = (side("width"), side("height"));
    let mut shown = "<img".to_owned();
    if let Some(src) = node::text(block, "src") {
        element::attribute(&mut shown, "src", src);
    }
    element::attribute(&mut shown, "alt", node::text(block, "alt").unwrap_or_default());
    element::attribute(&mut shown, "title", node::text(block, "title").unwrap_or_default());
    element::attribute(&mut shown, "width", &width.to_string());
    element::attribute(&mut shown, "height", &height.to_string());
    Style::of("display:inline;vertical-align:middle")
        .with("width", &format!("{width}px"))
        .with("height", &format!("{height}px"))
        .and("outline:none;border:none;text-decoration:none")
        .push_to(&mut shown);
    shown.push_str("/>");
    match node::text(block, "externalLink") {
        Some(link) => {
            out.push_str("<a");
            element::attribute(out, "href", link);
            out.push_str(r#" rel="noopener noreferrer" style="display:inline;text-decoration:none" target="_blank">"#);
            out.push_str(&shown);
            out.push_str("</a>");
        }
        None => out.push_str(&shown),
    }
}

pub(super) fn logo(out: &mut String, block: &Value, place: Place<'_>) {
    let size = match node::text(block, "size") {
        Some("sm") => "40px",
        Some("md") => "48px",
        Some("lg") => "64px",
        Some(other) => other,
        None => "",
    };
    let (alt, title) = (node::text(block, "alt"), node::text(block, "title"));
    let style = Style::of(PICTURE).with("width", size).with("height", size);
    let src = node::text(block, "src").unwrap_or_default();
    let shown = picture(
        alt.or(title).unwrap_or("Logo"),
        title.or(alt).unwrap_or("Logo"),
        src,
        &style,
    );
    in_row(out, node::text(block, "alignment").unwrap_or("left"), place, &shown);
}

pub(super) fn link_card(out: &mut String, block: &Value, place: Place<'_>) {
    let text = |name: &str| node::text(block, name);
    let link = text("link").unwrap_or("#");
    out.push_str("<a");
    element::attribute(out, "href", link);
    out.push_str(r#" rel="noopener noreferrer""#);
    Style::of("border:1px solid #eaeaea;border-radius:10px;text-decoration:none;color:inherit;display:block")
        .with("margin-bottom", below(place, "20px"))
        .push_to(out);
    out.push_str(r#" target="_blank">"#);
    if let Some(image) = text("image") {
        let title = text("title").unwrap_or("Link Card");
        let style = Style::of(PICTURE).and("border-radius:10px 10px 0 0;width:100%;height:100%;object-fit:cover");
        let mut cell = String::new();
        element::cell(
            &mut cell,
            COLUMN,
            &Style::of("width:100%;height:100%"),
            &picture(title, title, image, &style),
        );
        element::row(
            out,
            Some("center"),
            "100%",
            None,
            &Style::of("margin-bottom:6px"),
            &cell,
        );
    }
    let mut card = String::new();
    element::cell(
        &mut card,
        COLUMN,
        &Style::of("vertical-align:top"),
        &card_text(block, link),
    );
    element::row(
        out,
        Some("center"),
        "100%",
        None,
        &Style::of("padding:15px;margin-top:0;margin-bottom:0"),
        &card,
    );
    out.push_str("</a>");
}

fn card_text(block: &Value, link: &str) -> String {
    let text = |name: &str| node::text(block, name);
    let mut cells = String::new();
    let mut title = String::new();
    let style = Style::of("font-size:18px;line-height:24px;font-weight:600;color:#111827;margin:0px")
        .and(SMOOTH)
        .and("margin-top:0px;margin-bottom:0px;margin-left:0px;margin-right:0px");
    element::wrapped(
        &mut title,
        "p",
        "",
        &style,
        &escape::escaped(text("title").unwrap_or_default()),
    );
    element::cell(&mut cells, COLUMN, &Style::default(), &title);
    let (badge, subtitle) = (text("badgeText"), text("subTitle"));
    if badge.is_some() || subtitle.is_some() {
        let mut beside = String::new();
        if let Some(badge) = badge {
            let style = Style::of(
                "font-weight:600;color:#111827;padding:4px 8px;border-radius:8px;background-color:#FEF08A;font-size:12px;\
                line-height:12px",
            );
            element::wrapped(&mut beside, "span", "", &style, &escape::escaped(badge));
        }
        beside.push(' ');
        if let Some(subtitle) = subtitle.filter(|_| badge.is_none()) {
            let style = Style::of("font-weight:normal;color:#6B7280;font-size:12px;line-height:12px");
            element::wrapped(&mut beside, "span", "", &style, &escape::escaped(subtitle));
        }
        element::cell(
            &mut cells,
            COLUMN,
            &Style::of("padding-left:6px;vertical-align:middle"),
            &beside,
        );
    }
    let mut out = String::new();
    element::row(
        &mut out,
        None,
        "auto",
        None,
        &Style::of("margin-bottom:8px;margin-top:0px"),
        &cells,
    );
    let mut description = escape::escaped(text("description").unwrap_or_default());
    description.push(' ');
    if let Some(name) = text("linkTitle") {
        description.push_str("<a");
        element::attribute(&mut description, "href", link);
        description.push_str(
            r#" rel="noopener noreferrer" style="color:#111827;font-size:14px;font-weight:600;text-decoration:underline">"#,
        );
        escape::push(&mut description, name);
        description.push_str("</a>");
    }
    let style = Style::of("font-size:16px;line-height:24px;color:#6B7280;margin-top:0px;margin-bottom:0px").and(SMOOTH);
    element::wrapped(&mut out, "p", "", &style, &description);
    out
}
