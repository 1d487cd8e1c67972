//! Random templates from a small grammar. The same seed always gives the same templates.

/// A xorshift generator, so that failures repeat.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or(0) % n
    }

    fn one<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.below(from.len())]
    }
}

const VALUES: &[&str] = &[
    "name",
    "zero",
    "one",
    "n",
    "neg",
    "yes",
    "no",
    "nothing",
    "text",
    "list",
    "words",
    "mixed",
    "none",
    "nested",
    "nulls",
    "dup",
    "users",
    "obj",
    "plain",
    "empty_obj",
    "missing",
    "missing.deep",
    "obj.nested",
    "obj['a']",
    "obj[key]",
    "list[index]",
    "list[0]",
    "list[-1]",
    "words.first",
    "words.last",
    "users.size",
    "users[1].name",
    "obj.size",
    "name.size",
    "html",
    "unicode",
    "padded",
    "number_text",
    "date_text",
    "stamp",
    "x",
    "y",
    "item",
    "forloop.index",
    "forloop.last",
    "item.name",
    "'str'",
    "\"a b\"",
    "''",
    "0",
    "1",
    "-3",
    "2.5",
    "true",
    "false",
    "nil",
    "empty",
    "blank",
    "(1..3)",
    "(index..n)",
    "spaces",
    "lines",
    "quotes",
];

const PLAIN_FILTERS: &[&str] = &[
    "abs",
    "array_to_sentence_string",
    "base64_encode",
    "capitalize",
    "ceil",
    "cgi_escape",
    "compact",
    "downcase",
    "escape",
    "escape_once",
    "first",
    "floor",
    "inspect",
    "join",
    "json",
    "jsonify",
    "last",
    "lstrip",
    "newline_to_br",
    "normalize_whitespace",
    "number_of_words",
    "pop",
    "raw",
    "reverse",
    "round",
    "rstrip",
    "shift",
    "size",
    "slugify",
    "sort",
    "sort_natural",
    "squish",
    "strip",
    "strip_html",
    "strip_newlines",
    "sum",
    "to_integer",
    "truncate",
    "truncatewords",
    "uniq",
    "upcase",
    "uri_escape",
    "url_encode",
    "xml_escape",
    "sha256",
    "unknown_filter",
    "date_to_string",
    "date_to_xmlschema",
    "date",
    "slice",
    "default",
    "split",
];

const ONE_FILTERS: &[&str] = &[
    "append",
    "at_least",
    "at_most",
    "concat",
    "default",
    "divided_by",
    "has",
    "find",
    "find_index",
    "group_by",
    "join",
    "map",
    "minus",
    "modulo",
    "plus",
    "prepend",
    "push",
    "reject",
    "remove",
    "remove_first",
    "remove_last",
    "round",
    "slice",
    "sort",
    "sort_natural",
    "split",
    "strip",
    "sum",
    "times",
    "truncate",
    "truncatewords",
    "unshift",
    "where",
    "hmac_sha256",
    "json",
    "number_of_words",
    "array_to_sentence_string",
];

const TWO_FILTERS: &[&str] = &[
    "replace",
    "replace_first",
    "replace_last",
    "slice",
    "where",
    "reject",
    "find",
    "has",
    "truncate",
    "truncatewords",
    "divided_by",
    "slugify",
];

const ARGUMENTS: &[&str] = &[
    "'a'",
    "'name'",
    "'age'",
    "'address.city'",
    "', '",
    "' '",
    "''",
    "'o'",
    "2",
    "0",
    "-1",
    "3",
    "1.5",
    "name",
    "list",
    "nothing",
    "missing",
    "true",
    "nil",
    "'tags'",
    "'1'",
    "one",
    "'size'",
];

fn operand(dice: &mut Dice) -> String {
    dice.one(VALUES).to_owned()
}

fn filter(dice: &mut Dice) -> String {
    match dice.below(5) {
        0 | 1 => dice.one(PLAIN_FILTERS).to_owned(),
        2 | 3 => format!("{}: {}", dice.one(ONE_FILTERS), dice.one(ARGUMENTS)),
        _ => format!(
            "{}: {}, {}",
            dice.one(TWO_FILTERS),
            dice.one(ARGUMENTS),
            dice.one(ARGUMENTS)
        ),
    }
}

fn filtered(dice: &mut Dice) -> String {
    let mut out = if dice.below(6) == 0 {
        condition(dice)
    } else {
        operand(dice)
    };
    for _ in 0..dice.below(4) {
        out += " | ";
        out += &filter(dice);
    }
    out
}

fn condition(dice: &mut Dice) -> String {
    let mut out = String::new();
    for i in 0..=dice.below(3) {
        if i > 0 {
            out += dice.one(&[" and ", " or "]);
        }
        if dice.below(6) == 0 {
            out += "not ";
        }
        out += &operand(dice);
        if dice.below(2) == 0 {
            out += dice.one(&[" == ", " != ", " > ", " < ", " >= ", " <= ", " contains "]);
            out += &operand(dice);
        }
    }
    out
}

fn loop_options(dice: &mut Dice) -> String {
    let mut out = String::new();
    for option in ["limit", "offset"] {
        if dice.below(4) == 0 {
            let value = dice.one(&["0", "1", "2", "-1", "one", "missing", "nothing", "'2'"]);
            out += &[" ", option, ":", value].concat();
        }
    }
    if dice.below(8) == 0 {
        out += " offset:continue";
    }
    if dice.below(5) == 0 {
        out += " reversed";
    }
    out
}

fn piece(dice: &mut Dice, depth: usize) -> String {
    let body = |dice: &mut Dice| {
        if depth == 0 {
            "·".to_owned()
        } else {
            pieces(dice, depth - 1)
        }
    };
    let (open, close) = (dice.one(&["{%", "{%", "{%-"]), dice.one(&["%}", "%}", "-%}"]));
    match dice.below(17) {
        0 | 1 => dice.one(&["text ", "\n", " a\n b ", "<b>", "  "]).to_owned(),
        2..=6 => format!(
            "{{{{{} {} {}}}}}",
            dice.one(&["", "", "-"]),
            filtered(dice),
            dice.one(&["", "", "-"])
        ),
        7 => format!(
            "{open} assign {} = {} {close}",
            dice.one(&["x", "y", "name", "item"]),
            filtered(dice)
        ),
        8 => format!(
            "{open} if {} {close}{}{{% elsif {} %}}{}{{% else %}}{}{{% endif %}}",
            condition(dice),
            body(dice),
            condition(dice),
            body(dice),
            body(dice)
        ),
        9 => format!(
            "{open} unless {} {close}{}{{% else %}}{}{{% endunless %}}",
            condition(dice),
            body(dice),
            body(dice)
        ),
        10 | 11 => format!(
            "{open} for item in {}{} {close}{}{{% else %}}{}{{% endfor %}}",
            operand(dice),
            loop_options(dice),
            body(dice),
            body(dice)
        ),
        12 => format!(
            "{open} case {} {close} {{% when {}, {} %}}{}{{% when {} or {} %}}{}{{% else %}}{}{{% endcase %}}",
            operand(dice),
            operand(dice),
            operand(dice),
            body(dice),
            operand(dice),
            operand(dice),
            body(dice),
            body(dice)
        ),
        13 => format!(
            "{open} capture {} {close}{}{{% endcapture %}}",
            dice.one(&["x", "y"]),
            body(dice)
        ),
        14 => format!(
            "{open} tablerow item in {} cols:{} {close}{}{{% endtablerow %}}",
            operand(dice),
            dice.one(&["1", "2", "3", "'2'"]),
            body(dice)
        ),
        15 => dice
            .one(&[
                "{% increment c %}",
                "{% decrement c %}",
                "{% increment n %}",
                "{% break %}",
                "{% continue %}",
                "{% cycle 'a', 'b', name %}",
                "{% cycle g: 1, 2 %}",
                "{% cycle zero, 'z' %}",
            ])
            .to_owned(),
        _ => format!(
            "{{% liquid\n assign y = {}\n echo {} \n%}}",
            filtered(dice),
            filtered(dice)
        ),
    }
}

fn pieces(dice: &mut Dice, depth: usize) -> String {
    (0..=dice.below(3)).map(|_| piece(dice, depth)).collect()
}

pub(crate) fn template(dice: &mut Dice) -> String {
    pieces(dice, 2)
}

/// Scraps of syntax in any order: mostly errors, whose messages and places are compared too.
pub(crate) fn rubble(dice: &mut Dice) -> String {
    const SCRAPS: &[&str] = &[
        "{{",
        "}}",
        "{%",
        "%}",
        "{%-",
        "-%}",
        "{{-",
        "-}}",
        "{",
        "}",
        "%",
        " ",
        "\n",
        "'",
        "\"",
        "|",
        ":",
        ",",
        ".",
        "..",
        "(",
        ")",
        "[",
        "]",
        "=",
        "==",
        "<",
        ">=",
        "!=",
        "if",
        "endif",
        "else",
        "elsif",
        "for",
        "in",
        "endfor",
        "raw",
        "endraw",
        "comment",
        "endcomment",
        "assign",
        "capture",
        "endcapture",
        "case",
        "when",
        "endcase",
        "unless",
        "endunless",
        "cycle",
        "liquid",
        "echo",
        "#",
        "tablerow",
        "endtablerow",
        "increment",
        "break",
        "name",
        "list",
        "x",
        "1",
        "-2",
        "1.5",
        "true",
        "nil",
        "empty",
        "and",
        "or",
        "not",
        "contains",
        "size",
        "first",
        "join",
        "upcase",
        "append",
        "\\",
        "\\n",
        "é",
        "😀",
        "\u{a0}",
        "limit",
        "reversed",
        "{{ name }}",
        "{% if x %}",
        "{% endif %}",
        "{% raw %}",
        "{% endraw %}",
        "{% for i in list %}",
        "{% endfor %}",
        "{{ list | join: ', ' }}",
    ];
    let mut out = String::new();
    for _ in 0..=dice.below(14) {
        out += dice.one(SCRAPS);
        if dice.below(3) == 0 {
            out.push(' ');
        }
    }
    out
}

/// Something between a date and nonsense.
pub(crate) fn date(dice: &mut Dice) -> String {
    const PARTS: &[&str] = &[
        "2024",
        "1999",
        "12",
        "3",
        "05",
        "31",
        "32",
        "0",
        "59",
        "60",
        "24",
        "99",
        "-",
        "-",
        "/",
        "/",
        ":",
        ":",
        ":",
        ".",
        " ",
        " ",
        " ",
        ",",
        "T",
        "Z",
        "+",
        "+01:00",
        "-0530",
        "GMT",
        "UTC",
        "PST",
        "am",
        "PM",
        "Jan",
        "February",
        "Sep",
        "Mon",
        "foo",
        "(x)",
        ")",
        "10:30",
        "10:30:15",
        ".123",
        "2024-03-05",
        "2024-03-05T10:00",
        "03/05/2024",
        "Mar 5, 2024",
        "5 Dec 2023",
        "000123",
        "{",
        "é",
        "Jan_",
        "_",
    ];
    (0..=dice.below(7)).map(|_| dice.one(PARTS)).collect()
}
