//! What became of something, for a page on which there is nothing to do: a mark, a heading, sentences.

use campanile_connect::oauth::Page;

use super::html::Html;

const DONE: &str = "<svg class=\"sign\" viewBox=\"0 0 24 24\" fill=\"currentColor\" aria-hidden=\"true\"><path d=\"M12 2a10 10 0 1 0 \
    0 20 10 10 0 0 0 0-20zm-1.2 14.4-4.2-4.2 1.7-1.7 2.5 2.5 5-5 1.7 1.7-6.7 6.7z\"/></svg>\n";
const FAILED: &str = "<svg class=\"sign\" viewBox=\"0 0 24 24\" fill=\"currentColor\" aria-hidden=\"true\"><path d=\"M12 2a10 10 0 1 \
    0 0 20 10 10 0 0 0 0-20zm1.2 15h-2.4v-2.4h2.4V17zm0-4.4h-2.4V7h2.4v5.6z\"/></svg>\n";

/// The piece of the page.
pub(crate) fn html(told: &Page) -> Html {
    let mut html = if told.success {
        Html::new().raw("<div data-state=\"success\">\n").raw(DONE)
    } else {
        Html::new().raw("<div data-state=\"error\">\n").raw(FAILED)
    };
    html = html.element("h1", &told.heading).element("p", &told.text);
    if !told.facts.is_empty() {
        html = html.raw("<dl>\n");
        for (name, value) in &told.facts {
            html = html.element("dt", name).element("dd", value);
        }
        html = html.raw("</dl>\n");
    }
    if !told.next.is_empty() {
        html = html.raw("<p class=\"quiet\">").text(&told.next).raw("</p>\n");
    }
    html.raw("</div>\n")
}
