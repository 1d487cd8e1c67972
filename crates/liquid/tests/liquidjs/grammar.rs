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
    "big",
    "small",
    "json_text",
    "said",
    "forloop",
    "forloop.index0",
    "forloop.rindex",
    "forloop.rindex0",
    "forloop.first",
    "forloop.length",
    "forloop.name",
    "tablerowloop.col",
    "tablerowloop.col0",
    "tablerowloop.row",
    "tablerowloop.col_first",
    "tablerowloop.col_last",
    "tablerowloop.index",
    "tablerowloop.last",
    "c",
    "users[0].address.city",
    "obj.nested.deep[1].x",
    "plain['with space']",
    "plain.dash-ed",
    "0.1",
    "1e3",
    "123456789012345678",
    "-0.5",
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
    "base64_decode",
    "date_to_long_string",
    "date_to_rfc822",
    "url_decode",
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
    "at_most",
    "date_to_long_string",
    "slugify",
    "json",
];

const EXPRESSION_FILTERS: &[&str] = &[
    "find_exp",
    "find_index_exp",
    "group_by_exp",
    "has_exp",
    "reject_exp",
    "where_exp",
];

const EXPRESSIONS: &[&str] = &[
    "'item.age > 30'",
    "'item.name == name'",
    "'item'",
    "'item.active and item.age'",
    "'item.tags contains \"x\"'",
    "'item | size'",
    "'item.'",
    "''",
    "name",
    "nothing",
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
    match dice.below(6) {
        5 => format!("{}: 'item', {}", dice.one(EXPRESSION_FILTERS), dice.one(EXPRESSIONS)),
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
                "{% cycle name: 'x', 'y' %}",
                "{% # an inline comment %}",
                "{% comment %}{{ x }}{% if %}{% endcomment %}",
                "{%- raw -%} {{ raw }} {% if %} {%- endraw -%}",
                "{%- comment -%} x {%- endcomment -%}",
                "{% echo name | upcase %}",
                "{%- echo list -%}",
                "{% decrement n %}",
            ])
            .to_owned(),
        _ => format!(
            "{{% liquid\n assign y = {}\n echo {} \n%}}",
            filtered(dice),
            filtered(dice)
        ),
    }
}

/// Something like an English word.
pub(crate) fn word(dice: &mut Dice) -> String {
    const STARTS: &[&str] = &[
        "", "", "c", "b", "wo", "tit", "pe", "li", "kn", "the ", "my-", "a", "sch", "st", "qu", "e", "hero", "al",
        "cri", "after", "neck", "é", "fo", "gr",
    ];
    const ENDS: &[&str] = &[
        "at",
        "ats",
        "ox",
        "oxen",
        "y",
        "ies",
        "ey",
        "life",
        "lives",
        "wolf",
        "wolves",
        "man",
        "men",
        "person",
        "people",
        "child",
        "children",
        "mouse",
        "mice",
        "louse",
        "us",
        "i",
        "uses",
        "alumnus",
        "a",
        "um",
        "data",
        "datum",
        "criteria",
        "on",
        "index",
        "indices",
        "matrix",
        "sis",
        "ses",
        "analysis",
        "ss",
        "sses",
        "sh",
        "ch",
        "x",
        "xes",
        "zz",
        "fish",
        "deer",
        "sheep",
        "ese",
        "pox",
        "this",
        "they",
        "ourselves",
        "is",
        "has",
        "echo",
        "echoes",
        "o",
        "oes",
        "quiz",
        "quizzes",
        "news",
        "series",
        "staff",
        "eau",
        "eaux",
        "movie",
        "movies",
        "tie",
        "ties",
        "cherub",
        "cherubim",
        "alias",
        "gas",
        "status",
        "statuses",
        "é",
        "日本",
        "s",
        "S",
        "smilies",
        "money",
        "monies",
        "half",
        "halves",
        "leaf",
        "roof",
        "hoof",
        "hooves",
        "emu",
        "emus",
        "thou",
        "axis",
        "testes",
        "iris",
        "1",
        "you",
        "we",
    ];
    let word = [dice.one(STARTS), dice.one(ENDS)].concat();
    match dice.below(5) {
        0 => word.to_uppercase(),
        1 => word
            .chars()
            .take(1)
            .flat_map(char::to_uppercase)
            .chain(word.chars().skip(1))
            .collect(),
        2 => word
            .chars()
            .enumerate()
            .map(|(at, c)| if at % 2 == 0 { c.to_ascii_uppercase() } else { c })
            .collect(),
        _ => word,
    }
}

/// A chain of filters in which those of Novu are common.
pub(crate) fn novu(dice: &mut Dice) -> String {
    const SINGULAR: &[&str] = &[
        "'notification'",
        "'cat'",
        "'box'",
        "'person'",
        "'city'",
        "'fish'",
        "'Wolf'",
        "''",
        "name",
        "nothing",
        "missing",
        "1",
        "'tooth'",
        "'quiz'",
        "'news'",
        "'DATUM'",
        "'child'",
        "'hero'",
        "'reply'",
        "'bus'",
    ];
    const PATHS: &[&str] = &[
        "'name'",
        "'address.city'",
        "''",
        "'tags'",
        "nothing",
        "missing",
        "'missing'",
        "'tags.0'",
        "'age'",
        "key",
        "1",
        "'k'",
    ];
    const COUNTS: &[&str] = &[
        "0", "1", "2", "3", "'2'", "-1", "nothing", "missing", "1.5", "100", "'x'",
    ];
    const TEXTS: &[&str] = &[
        "', '", "' and '", "''", "'other'", "'more'", "nothing", "missing", "1", "\" & \"",
    ];
    const FLAGS: &[&str] = &["'true'", "'false'", "true", "false", "nothing", "''", "missing"];
    fn arguments(dice: &mut Dice, kinds: &[&[&str]]) -> String {
        let count = dice.below(kinds.len() + 1);
        let some: Vec<&str> = kinds.iter().take(count).map(|kind| dice.one(kind)).collect();
        if some.is_empty() {
            String::new()
        } else {
            format!(": {}", some.join(", "))
        }
    }
    let mut out = format!("{{{{ {}", operand(dice));
    for _ in 0..=dice.below(2) {
        let filter = match dice.below(6) {
            0 => format!("digest{}", arguments(dice, &[COUNTS, PATHS, TEXTS])),
            1 | 2 => format!(
                "toSentence{}",
                arguments(dice, &[PATHS, COUNTS, TEXTS, TEXTS, TEXTS, TEXTS])
            ),
            3 | 4 => format!("pluralize{}", arguments(dice, &[SINGULAR, SINGULAR, FLAGS])),
            _ => match dice.below(3) {
                0 => "json".to_owned(),
                1 => format!("json: {}", dice.one(COUNTS)),
                _ => filter(dice),
            },
        };
        out += " | ";
        out += &filter;
    }
    out + " }}"
}

/// A date with a format, and perhaps a time zone.
pub(crate) fn printed_date(dice: &mut Dice) -> String {
    const DATES: &[&str] = &[
        "date_text",
        "stamp",
        "stamp_text",
        "'2024-03-31T00:59:59Z'",
        "'2024-03-31T01:00:00Z'",
        "'2024-10-27T01:30:00Z'",
        "'1969-12-31T23:59:59Z'",
        "'2024-12-30'",
        "'2021-01-03'",
        "0",
        "-1",
        "'2000-02-29T12:00:00+05:45'",
        "nothing",
        "missing",
        "''",
        "'x'",
        "1e12",
        "'1950-01-01'",
        "yes",
        "list",
    ];
    const PIECES: &[&str] = &[
        "%a", "%A", "%b", "%B", "%c", "%C", "%d", "%e", "%H", "%I", "%j", "%k", "%l", "%L", "%m", "%M", "%N", "%p",
        "%P", "%q", "%s", "%S", "%u", "%U", "%w", "%W", "%x", "%X", "%y", "%Y", "%z", "%Z", "%t", "%n", "%%", "%G",
        "%V", "%D", "%F", "%T", "%R", "%r", "%h", "%v", "%-d", "%-m", "%^B", "%#p", "%_d", "%05d", "%-H", "%3N", "%6N",
        "%:z", "%0e", "%^a", "%_3S", "%-", "%", " ", "/", "é", "T",
    ];
    const ZONES: &[&str] = &[
        "'Europe/Oslo'",
        "'America/New_York'",
        "'Asia/Kathmandu'",
        "'UTC'",
        "'Mars/Base'",
        "0",
        "-120",
        "60",
        "'90'",
        "nothing",
        "missing",
        "''",
        "'Australia/Lord_Howe'",
    ];
    let format: String = (0..=dice.below(4)).map(|_| dice.one(PIECES)).collect();
    let filter = match dice.below(8) {
        0 => dice
            .one(&[
                "date_to_string",
                "date_to_long_string",
                "date_to_rfc822",
                "date_to_xmlschema",
                "date",
            ])
            .to_owned(),
        1 => format!(
            "date_to_string: {}",
            dice.one(&["'ordinal'", "'ordinal', 'US'", "'x'", "nothing"])
        ),
        2..=4 => format!("date: '{format}'"),
        _ => format!("date: '{format}', {}", dice.one(ZONES)),
    };
    format!("{{{{ {} | {filter} }}}}", dice.one(DATES))
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
