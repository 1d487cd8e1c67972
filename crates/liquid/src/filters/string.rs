//! Text.

use super::{arg, arg_or};
use crate::convert;
use crate::error::Fault;
use crate::number::{self, is_space};
use crate::render::{Outcome, Renderer, relative};
use crate::value::Value;

fn one_argument(name: &str, args: &[Value<'_>]) -> Result<(), Fault> {
    if args.len() == 1 {
        Ok(())
    } else {
        Err(Fault::new(format!("{name} expect 2 arguments")))
    }
}

pub(super) fn append<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    one_argument("append", args)?;
    Ok(format!("{}{}", r.text(&input)?, r.text(&args[0])?).into())
}

pub(super) fn prepend<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    one_argument("prepend", args)?;
    Ok(format!("{}{}", r.text(&args[0])?, r.text(&input)?).into())
}

pub(super) fn upcase<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    Ok(r.text(&input)?.to_uppercase().into())
}

pub(super) fn downcase<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    Ok(r.text(&input)?.to_lowercase().into())
}

pub(super) fn capitalize<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    let text = r.text(&input)?;
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return Ok(Value::empty_text());
    };
    let mut out = String::with_capacity(text.len());
    // JavaScript sees only half of a character beyond the basic plane and leaves it alone.
    if first.len_utf16() == 2 {
        out.push(first);
    } else {
        out.extend(first.to_uppercase());
    }
    out.push_str(&chars.as_str().to_lowercase());
    Ok(out.into())
}

/// The characters `strip` and its like remove: white space, or those of the argument.
fn removable<'a>(r: &Renderer<'a>, args: &[Value<'a>]) -> Result<impl Fn(char) -> bool + use<>, Fault> {
    let chars = arg(args, 0);
    let set = if chars.is_js_truthy() {
        Some(r.text(&chars)?.chars().collect::<std::collections::HashSet<_>>())
    } else {
        None
    };
    Ok(move |c: char| set.as_ref().map_or_else(|| is_space(c), |set| set.contains(&c)))
}

pub(super) fn strip<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    Ok(r.text(&input)?.trim_matches(removable(r, args)?).to_owned().into())
}

pub(super) fn lstrip<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    Ok(r.text(&input)?
        .trim_start_matches(removable(r, args)?)
        .to_owned()
        .into())
}

pub(super) fn rstrip<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    Ok(r.text(&input)?.trim_end_matches(removable(r, args)?).to_owned().into())
}

pub(super) fn strip_newlines<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    Ok(r.text(&input)?.replace("\r\n", "").replace('\n', "").into())
}

/// Every run of white space becomes one blank.
fn single_spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_space = false;
    for c in text.chars() {
        if !is_space(c) {
            out.push(c);
        } else if !in_space {
            out.push(' ');
        }
        in_space = is_space(c);
    }
    out
}

pub(super) fn normalize_whitespace<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    Ok(single_spaced(&r.text(&input)?).into())
}

pub(super) fn squish<'a>(r: &mut Renderer<'a>, input: Value<'a>, _: &[Value<'a>]) -> Outcome<'a> {
    Ok(single_spaced(&r.text(&input)?).trim_matches(' ').to_owned().into())
}

/// Splits as JavaScript does: an empty separator separates all characters, an empty text then has no parts.
fn parts<'t>(text: &'t str, separator: &str) -> Vec<&'t str> {
    if separator.is_empty() {
        text.split("").filter(|part| !part.is_empty()).collect()
    } else {
        text.split(separator).collect()
    }
}

pub(super) fn split<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let text = r.text(&input)?;
    let separator = arg(args, 0);
    let separator = r.text(&separator)?;
    // Each part costs an allocation, so many small ones are paid for before they are made.
    r.budget.memory(16 * text.len())?;
    let mut parts = parts(&text, &separator);
    while parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    r.list(parts.into_iter().map(|part| part.to_owned().into()).collect())
}

pub(super) fn remove<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let pattern = arg(args, 0);
    let (text, pattern) = (r.text(&input)?, r.text(&pattern)?);
    Ok(if pattern.is_empty() {
        text.into_owned()
    } else {
        text.replace(&*pattern, "")
    }
    .into())
}

pub(super) fn remove_first<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let pattern = arg(args, 0);
    Ok(r.text(&input)?.replacen(&*r.text(&pattern)?, "", 1).into())
}

pub(super) fn remove_last<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let pattern = arg(args, 0);
    Ok(replace_from_end(&r.text(&input)?, &r.text(&pattern)?, "").into())
}

fn replace_from_end(text: &str, pattern: &str, replacement: &str) -> String {
    match text.rfind(pattern) {
        Some(at) => format!("{}{replacement}{}", &text[..at], &text[at + pattern.len()..]),
        None => text.to_owned(),
    }
}

pub(super) fn replace<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let (pattern, replacement) = (arg(args, 0), arg(args, 1));
    let (text, pattern, replacement) = (r.text(&input)?, r.text(&pattern)?, r.text(&replacement)?);
    let parts = parts(&text, &pattern);
    // The result can be the product of two sizes, so it is paid for before it is made.
    r.budget
        .memory(text.len().saturating_add(parts.len().saturating_mul(replacement.len())))?;
    Ok(parts.join(&*replacement).into())
}

pub(super) fn replace_first<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let (pattern, replacement) = (arg(args, 0), arg(args, 1));
    Ok(r.text(&input)?
        .replacen(&*r.text(&pattern)?, &r.text(&replacement)?, 1)
        .into())
}

pub(super) fn replace_last<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let (pattern, replacement) = (arg(args, 0), arg(args, 1));
    Ok(replace_from_end(&r.text(&input)?, &r.text(&pattern)?, &r.text(&replacement)?).into())
}

/// So many characters from the start, by JavaScript's loose idea of "so many".
pub(super) fn prefix(text: &str, count: f64) -> &str {
    // A loop that runs while i < count takes one more for every started character.
    let count = if count.is_nan() {
        0
    } else {
        number::to_index(count.ceil())
    };
    text.char_indices().nth(count).map_or(text, |(end, _)| &text[..end])
}

pub(super) fn truncate<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let (length, ellipsis) = (
        arg_or(args, 0, Value::Number(50.0)),
        arg_or(args, 1, Value::Text(crate::value::Text::Data("..."))),
    );
    let length = r.js_number(&length)?;
    let text = r.text(&input)?;
    let ellipsis = r.text(&ellipsis)?;
    if number::from_len(crate::value::utf16_len(&text)) <= length || prefix(&text, length).len() == text.len() {
        return Ok(input.clone());
    }
    let kept = length - number::from_len(ellipsis.chars().count());
    Ok(format!("{}{ellipsis}", prefix(&text, kept)).into())
}

pub(super) fn truncatewords<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let (words, ellipsis) = (
        arg_or(args, 0, Value::Number(15.0)),
        arg_or(args, 1, Value::Text(crate::value::Text::Data("..."))),
    );
    let mut count = r.js_number(&words)?;
    let text = r.text(&input)?;
    if count <= 0.0 {
        count = 1.0;
    }
    let spaced = single_spaced(text.trim_start_matches(is_space));
    let words: Vec<&str> = spaced.split(' ').collect();
    let mut out = words[..relative(count, words.len())].join(" ");
    if number::from_len(words.len()) >= count {
        out.push_str(&r.text(&ellipsis)?);
    }
    Ok(out.into())
}

/// Ideographs, kana and hangul, each of which counts as a word.
fn is_cjk(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{3400}'..='\u{4dbf}' | '\u{3040}'..='\u{30ff}' | '\u{ac00}'..='\u{d7af}')
}

pub(super) fn number_of_words<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let text = r.text(&input)?;
    let spaced = text.split(is_space).filter(|word| !word.is_empty()).count();
    let mode = match arg(args, 0) {
        Value::Text(mode) => mode.to_string(),
        _ => String::new(),
    };
    let by_character = mode == "cjk" || (mode == "auto" && text.contains(is_cjk));
    if !by_character {
        return Ok(Value::count(spaced));
    }
    let ideographs = text.chars().filter(|c| is_cjk(*c)).count();
    let others = text
        .split(|c| is_space(c) || is_cjk(c))
        .filter(|word| !word.is_empty())
        .count();
    Ok(Value::count(ideographs + others))
}

pub(super) fn array_to_sentence_string<'a>(r: &mut Renderer<'a>, input: Value<'a>, args: &[Value<'a>]) -> Outcome<'a> {
    let list = r.items(input)?;
    let connector = arg_or(args, 0, Value::Text(crate::value::Text::Data("and")));
    let connector = r.text(&connector)?;
    let string = |value: Value<'a>| convert::string(&value, &r.budget);
    Ok(match list.len() {
        0 => Value::empty_text(),
        1 => list.get(0),
        2 => format!("{} {connector} {}", string(list.get(0))?, string(list.get(1))?).into(),
        n => {
            let head = crate::value::List::made(list.iter().take(n - 1).collect(), &r.budget)?;
            let head = convert::join(&head, ", ", &r.budget)?;
            format!("{head}, {connector} {}", string(list.last())?).into()
        }
    })
}
