//! The filters, by the names templates use.

#![expect(
    clippy::needless_pass_by_value,
    reason = "all filters share one signature, whether or not they keep their input"
)]
#![expect(
    clippy::unnecessary_wraps,
    reason = "all filters share one signature, whether or not they can fail"
)]

mod array;
mod base64;
mod date;
pub(crate) mod date_parse;
mod html;
mod math;
mod misc;
pub(crate) mod novu;
mod plural;
mod sha256;
mod string;
mod url;

use crate::render::{Outcome, Renderer};
use crate::value::Value;

/// A filter: its input and arguments to its result.
pub(crate) type FilterFn = for<'a> fn(&mut Renderer<'a>, Value<'a>, &[Value<'a>]) -> Outcome<'a>;

/// The argument at a place; missing ones are undefined.
fn arg<'a>(args: &[Value<'a>], i: usize) -> Value<'a> {
    args.get(i).cloned().unwrap_or(Value::Undefined)
}

/// The argument at a place, or `default` when it is missing or undefined.
fn arg_or<'a>(args: &[Value<'a>], i: usize, default: Value<'a>) -> Value<'a> {
    match arg(args, i) {
        Value::Undefined => default,
        value => value,
    }
}

/// LiquidJS's own filters.
pub(crate) fn stock(name: &str) -> Option<FilterFn> {
    Some(match name {
        "abs" => math::abs,
        "append" => string::append,
        "array_to_sentence_string" => string::array_to_sentence_string,
        "at_least" => math::at_least,
        "at_most" => math::at_most,
        "base64_decode" => base64::decode,
        "base64_encode" => base64::encode,
        "capitalize" => string::capitalize,
        "ceil" => math::ceil,
        "cgi_escape" => url::cgi_escape,
        "compact" => array::compact,
        "concat" => array::concat,
        "date" => date::date,
        "date_to_long_string" => date::date_to_long_string,
        "date_to_rfc822" => date::date_to_rfc822,
        "date_to_string" => date::date_to_string,
        "date_to_xmlschema" => date::date_to_xmlschema,
        "default" => misc::default,
        "divided_by" => math::divided_by,
        "downcase" => string::downcase,
        "escape" | "xml_escape" => html::escape,
        "escape_once" => html::escape_once,
        "find" => array::find,
        "find_exp" => array::find_exp,
        "find_index" => array::find_index,
        "find_index_exp" => array::find_index_exp,
        "first" => array::first,
        "floor" => math::floor,
        "group_by" => array::group_by,
        "group_by_exp" => array::group_by_exp,
        "has" => array::has,
        "has_exp" => array::has_exp,
        "hmac_sha256" => sha256::hmac_sha256,
        "join" => array::join,
        "json" | "jsonify" | "inspect" => misc::json,
        "last" => array::last,
        "lstrip" => string::lstrip,
        "map" => array::map,
        "minus" => math::minus,
        "modulo" => math::modulo,
        "newline_to_br" => html::newline_to_br,
        "normalize_whitespace" => string::normalize_whitespace,
        "number_of_words" => string::number_of_words,
        "plus" => math::plus,
        "pop" => array::pop,
        "prepend" => string::prepend,
        "push" => array::push,
        "raw" => misc::raw,
        "reject" => array::reject,
        "reject_exp" => array::reject_exp,
        "remove" => string::remove,
        "remove_first" => string::remove_first,
        "remove_last" => string::remove_last,
        "replace" => string::replace,
        "replace_first" => string::replace_first,
        "replace_last" => string::replace_last,
        "reverse" => array::reverse,
        "round" => math::round,
        "rstrip" => string::rstrip,
        "sha256" => sha256::sha256,
        "shift" => array::shift,
        "size" => array::size,
        "slice" => array::slice,
        "slugify" => url::slugify,
        "sort" => array::sort,
        "sort_natural" => array::sort_natural,
        "split" => string::split,
        "squish" => string::squish,
        "strip" => string::strip,
        "strip_html" => html::strip_html,
        "strip_newlines" => string::strip_newlines,
        "sum" => array::sum,
        "times" => math::times,
        "to_integer" => misc::to_integer,
        "truncate" => string::truncate,
        "truncatewords" => string::truncatewords,
        "uniq" => array::uniq,
        "unshift" => array::unshift,
        "upcase" => string::upcase,
        "uri_escape" => url::uri_escape,
        "url_decode" => url::url_decode,
        "url_encode" => url::url_encode,
        "where" => array::filter_where,
        "where_exp" => array::where_exp,
        _ => return None,
    })
}

/// Novu's filters, which count only when the rendering asks for them.
pub(crate) fn novu(name: &str) -> Option<FilterFn> {
    Some(match name {
        "digest" => novu::digest,
        "json" => novu::json,
        "pluralize" => novu::pluralize,
        "toSentence" => novu::to_sentence,
        _ => return None,
    })
}
