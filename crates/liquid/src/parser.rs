//! Builds the tree of tags from the pieces the lexer found.

use crate::ast::{Conditional, Cycle, Filtered, Kind, Loop, Node, When};
use crate::error::Fault;
use crate::lexer::{Cursor, Inside, Source, Token, TokenKind, quoted};
use crate::limits::MAX_BLOCK_DEPTH;

pub(crate) fn parse(text: &str) -> Result<Vec<Node>, Fault> {
    let source = Source::new(text);
    let tokens = Cursor::new(&source, 0, source.len()).top_level()?;
    Parser {
        source: &source,
        tokens: &tokens,
        next: 0,
        depth: 0,
    }
    .all()
}

struct Parser<'s> {
    source: &'s Source,
    tokens: &'s [Token],
    next: usize,
    depth: usize,
}

/// What comes next inside a block tag.
enum Part<'s> {
    /// A tag that belongs to the block, such as `else`.
    Own(&'s str, Cursor<'s>, String),
    Node(Node),
}

impl<'s> Parser<'s> {
    fn all(mut self) -> Result<Vec<Node>, Fault> {
        let mut nodes = Vec::new();
        while let Some(token) = self.shift() {
            nodes.push(self.node(token)?);
        }
        Ok(nodes)
    }

    fn shift(&mut self) -> Option<&'s Token> {
        let token = self.tokens.get(self.next)?;
        self.next += 1;
        Some(token)
    }

    fn node(&mut self, token: &'s Token) -> Result<Node, Fault> {
        let at = self.source.position(token.begin);
        self.depth += 1;
        if self.depth > MAX_BLOCK_DEPTH {
            return Err(Fault::new("tags are nested too deeply").at(at));
        }
        let kind = match &token.kind {
            TokenKind::Text { trim_left, trim_right } => Ok(Kind::Text(
                self.source.text(token.begin + trim_left, token.end - trim_right),
            )),
            TokenKind::Output(inside) => Cursor::new(self.source, inside.begin, inside.end)
                .filtered()
                .map(Kind::Output),
            TokenKind::Tag { name, args, inside } => self.tag(token, name, *args, *inside),
        };
        self.depth -= 1;
        // An error without a place belongs to the tag as a whole.
        Ok(Node {
            at,
            kind: kind.map_err(|fault| fault.at(at))?,
        })
    }

    fn tag(&mut self, token: &'s Token, name: &str, args: usize, inside: Inside) -> Result<Kind, Fault> {
        let mut cursor = Cursor::new(self.source, args, inside.end);
        match name {
            "assign" => assign(&mut cursor),
            "break" => Ok(Kind::Break),
            "capture" => self.capture(token, &mut cursor),
            "case" => self.case(token, &mut cursor),
            "comment" => self.skip_to(token, "endcomment").map(|()| Kind::Nothing),
            "continue" => Ok(Kind::Continue),
            "cycle" => self.cycle(token, &mut cursor),
            "decrement" => Ok(Kind::Decrement(cursor.identifier().into())),
            "echo" => {
                cursor.skip_blank();
                if cursor.at_end() {
                    Ok(Kind::Echo(None))
                } else {
                    cursor.filtered().map(|value| Kind::Echo(Some(value)))
                }
            }
            "for" => self.for_loop(token, &mut cursor),
            "if" => self.conditional(token, &mut cursor).map(Kind::If),
            "increment" => Ok(Kind::Increment(cursor.identifier().into())),
            "liquid" => {
                let tokens = cursor.liquid_lines()?;
                Parser {
                    source: self.source,
                    tokens: &tokens,
                    next: 0,
                    depth: self.depth,
                }
                .all()
                .map(Kind::Liquid)
            }
            "raw" => self.raw(token),
            "tablerow" => self.tablerow(token, &mut cursor),
            "unless" => self.unless(token, &mut cursor).map(Kind::Unless),
            "#" => inline_comment(&self.source.text(args, inside.end)),
            "include" | "render" | "layout" | "block" => Err(Fault::new(format!(
                "tag \"{name}\" is not supported: templates cannot load other templates"
            ))),
            _ => Err(Fault::new(format!("tag \"{name}\" not found"))),
        }
    }

    fn not_closed(&self, opener: &Token) -> Fault {
        Fault::new(format!("tag {} not closed", self.source.text(opener.begin, opener.end)))
    }

    /// The next part of the block that `opener` started; `own` are the tags the block handles itself.
    fn part(&mut self, opener: &Token, own: &[&str]) -> Result<Part<'s>, Fault> {
        let Some(token) = self.shift() else {
            return Err(self.not_closed(opener));
        };
        if let TokenKind::Tag { name, args, inside } = &token.kind
            && own.contains(&name.as_str())
        {
            let text = self.source.text(*args, inside.end);
            return Ok(Part::Own(name, Cursor::new(self.source, *args, inside.end), text));
        }
        self.node(token).map(Part::Node)
    }

    fn skip_to(&mut self, opener: &Token, end: &str) -> Result<(), Fault> {
        while let Some(token) = self.shift() {
            if token.tag_name() == Some(end) {
                return Ok(());
            }
        }
        Err(self.not_closed(opener))
    }

    fn raw(&mut self, opener: &Token) -> Result<Kind, Fault> {
        let begin = self.next;
        self.skip_to(opener, "endraw")?;
        let text = self.tokens[begin..self.next - 1]
            .iter()
            .map(|token| self.source.text(token.begin, token.end));
        Ok(Kind::Raw(text.collect()))
    }

    fn capture(&mut self, opener: &Token, cursor: &mut Cursor<'s>) -> Result<Kind, Fault> {
        let mut name = cursor.identifier();
        if name.is_empty() {
            name = cursor.string().ok_or_else(|| cursor.fault("invalid capture name"))?;
        }
        let mut body = Vec::new();
        loop {
            match self.part(opener, &["endcapture"])? {
                Part::Own(..) => {
                    return Ok(Kind::Capture {
                        name: name.into(),
                        body,
                    });
                }
                Part::Node(node) => body.push(node),
            }
        }
    }

    fn conditional(&mut self, opener: &Token, cursor: &mut Cursor<'s>) -> Result<Conditional, Fault> {
        let mut branches = vec![(cursor.filtered()?, Vec::new())];
        let mut otherwise: Option<Vec<Node>> = None;
        loop {
            match self.part(opener, &["elsif", "else", "endif"])? {
                Part::Own("elsif", mut cursor, _) => {
                    if otherwise.is_some() {
                        return Err(Fault::new("unexpected elsif after else"));
                    }
                    branches.push((cursor.filtered()?, Vec::new()));
                }
                Part::Own("else", _, args) => {
                    no_args(&args)?;
                    if otherwise.is_some() {
                        return Err(Fault::new("duplicated else"));
                    }
                    otherwise = Some(Vec::new());
                }
                Part::Own(_, _, args) => {
                    no_args(&args)?;
                    return Ok(Conditional {
                        branches,
                        otherwise: otherwise.unwrap_or_default(),
                    });
                }
                Part::Node(node) => otherwise
                    .as_mut()
                    .unwrap_or_else(|| last_body(&mut branches))
                    .push(node),
            }
        }
    }

    fn unless(&mut self, opener: &Token, cursor: &mut Cursor<'s>) -> Result<Conditional, Fault> {
        let mut branches = vec![(cursor.filtered()?, Vec::new())];
        let mut otherwise = Vec::new();
        let mut elses = 0;
        // What follows a second `else`, or an `elsif` after `else`, is read and dropped.
        let mut dropped = false;
        loop {
            match self.part(opener, &["elsif", "else", "endunless"])? {
                Part::Own("elsif", mut cursor, _) => {
                    if elses > 0 {
                        dropped = true;
                    } else {
                        branches.push((cursor.filtered()?, Vec::new()));
                    }
                }
                Part::Own("else", ..) => {
                    elses += 1;
                    dropped = elses > 1;
                }
                Part::Own(..) => return Ok(Conditional { branches, otherwise }),
                Part::Node(_) if dropped => {}
                Part::Node(node) if elses > 0 => otherwise.push(node),
                Part::Node(node) => last_body(&mut branches).push(node),
            }
        }
    }

    fn case(&mut self, opener: &Token, cursor: &mut Cursor<'s>) -> Result<Kind, Fault> {
        let subject = cursor.filtered()?;
        let mut branches: Vec<When> = Vec::new();
        let mut otherwise = Vec::new();
        let mut elses = 0;
        loop {
            match self.part(opener, &["when", "else", "endcase"])? {
                // A `when` after `else` is ignored and what follows it belongs to the `else`.
                Part::Own("when", ..) if elses > 0 => {}
                Part::Own("when", mut cursor, _) => {
                    let mut values = Vec::new();
                    while !cursor.at_end() {
                        values.push(cursor.value_or_fault()?);
                        cursor.skip_blank();
                        let separator = if cursor.peek(0) == Some(',') { "," } else { "or" };
                        cursor.read_to(separator);
                    }
                    branches.push(When {
                        values,
                        body: Vec::new(),
                    });
                }
                Part::Own("else", ..) => elses += 1,
                Part::Own(..) => {
                    return Ok(Kind::Case {
                        subject,
                        branches,
                        otherwise,
                    });
                }
                Part::Node(node) if elses == 1 => otherwise.push(node),
                Part::Node(_) if elses > 1 => {}
                Part::Node(node) => {
                    // What stands before the first `when` is never shown.
                    if let Some(branch) = branches.last_mut() {
                        branch.body.push(node);
                    }
                }
            }
        }
    }

    /// The head of `for` and `tablerow`: `item in items limit:2`.
    fn loop_head(&self, opener: &Token, cursor: &mut Cursor<'s>, named: bool) -> Result<Loop, Fault> {
        let variable = cursor.identifier();
        let keyword = cursor.identifier();
        cursor.skip_blank();
        let begin = cursor.p;
        let collection = cursor.value()?;
        let illegal = || Fault::new(format!("illegal tag: {}", self.source.text(opener.begin, opener.end)));
        let collection_text = self.source.text(begin, cursor.p);
        let collection = collection
            .filter(|_| keyword == "in" && (!named || !variable.is_empty()))
            .ok_or_else(illegal)?;
        let options = cursor.options()?;
        let variable = variable.into();
        Ok(Loop {
            variable,
            collection,
            collection_text,
            options,
            body: Vec::new(),
            otherwise: Vec::new(),
        })
    }

    fn for_loop(&mut self, opener: &Token, cursor: &mut Cursor<'s>) -> Result<Kind, Fault> {
        let mut head = self.loop_head(opener, cursor, true)?;
        let mut in_else = false;
        loop {
            match self.part(opener, &["else", "endfor"])? {
                Part::Own(name, _, args) => {
                    no_args(&args)?;
                    if name == "endfor" {
                        return Ok(Kind::For(Box::new(head)));
                    }
                    in_else = true;
                }
                Part::Node(node) if in_else => head.otherwise.push(node),
                Part::Node(node) => head.body.push(node),
            }
        }
    }

    fn tablerow(&mut self, opener: &Token, cursor: &mut Cursor<'s>) -> Result<Kind, Fault> {
        let mut head = self.loop_head(opener, cursor, false)?;
        loop {
            match self.part(opener, &["endtablerow"])? {
                Part::Own(..) => return Ok(Kind::Tablerow(Box::new(head))),
                Part::Node(node) => head.body.push(node),
            }
        }
    }

    fn cycle(&self, token: &Token, cursor: &mut Cursor<'s>) -> Result<Kind, Fault> {
        let begin = cursor.p;
        let mut group = cursor.value()?;
        cursor.skip_blank();
        if group.is_some() {
            if cursor.peek(0) == Some(':') {
                cursor.p += 1;
            } else {
                group = None;
                cursor.p = begin;
            }
        }
        let mut candidates = Vec::new();
        let mut texts = Vec::new();
        while !cursor.at_end() {
            let begin = cursor.p;
            candidates.push(cursor.filtered()?);
            texts.push(self.source.text(begin, cursor.p));
            cursor.read_to(",");
        }
        if candidates.is_empty() {
            let tag = self.source.text(token.begin, token.end);
            return Err(cursor.fault(format!("empty candidates: \"{tag}\"")));
        }
        Ok(Kind::Cycle(Box::new(Cycle {
            group,
            fingerprint: texts.join(","),
            candidates,
        })))
    }
}

fn last_body(branches: &mut [(Filtered, Vec<Node>)]) -> &mut Vec<Node> {
    let last = branches.len() - 1;
    &mut branches[last].1
}

fn no_args(args: &str) -> Result<(), Fault> {
    if args.is_empty() {
        Ok(())
    } else {
        Err(Fault::new(format!("unexpected {}", quoted(args))))
    }
}

fn assign(cursor: &mut Cursor<'_>) -> Result<Kind, Fault> {
    let name = cursor.identifier();
    if name.is_empty() {
        return Err(cursor.fault("expected variable name"));
    }
    cursor.skip_blank();
    if cursor.peek(0) != Some('=') {
        return Err(cursor.fault("expected \"=\""));
    }
    cursor.p += 1;
    Ok(Kind::Assign {
        name: name.into(),
        value: cursor.filtered()?,
    })
}

fn inline_comment(text: &str) -> Result<Kind, Fault> {
    let plain_line = |line: &str| {
        !matches!(
            line.trim_start_matches(crate::number::is_space).chars().next(),
            None | Some('#')
        )
    };
    if text.split('\n').skip(1).any(plain_line) {
        return Err(Fault::new(
            "every line of an inline comment must start with a '#' character",
        ));
    }
    Ok(Kind::Nothing)
}
