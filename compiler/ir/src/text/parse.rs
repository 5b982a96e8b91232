//! Parsing the text form: exactly what the printer prints, plus blank lines and comments.
//!
//! Lines are independent: an error names its line and column and parsing stops there. The parser knows no
//! operator; each is filled through the same walk over its attributes that prints it.

use crate::attrs::{Attrs, Hw, Pad};
use crate::ops::{Init, Op};
use crate::{DType, Expr, Graph, Mismatch, Module, NodeId, Shape, Stage, Type, Weights};
use std::fmt;
use std::str::FromStr;

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What was expected, or the rule that is broken.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ParseError {}

/// A line `//! key: text` in front of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// The word before the colon.
    pub key: String,
    /// What follows it.
    pub text: String,
}

/// A parsed file.
#[derive(Clone, Debug)]
pub struct File {
    /// Its directives, in order.
    pub directives: Vec<Directive>,
    /// Its graph.
    pub module: Module,
}

/// Parses a graph without weights: its constants must have initialisers to be evaluated.
pub fn parse(text: &str) -> Result<Module, ParseError> {
    parse_with(text, Weights::default()).map(|file| file.module)
}

/// Parses a file; the weights stand beside the text.
pub fn parse_with(text: &str, weights: Weights) -> Result<File, ParseError> {
    let mut directives = Vec::new();
    let mut graph: Option<Graph> = None;
    let mut done = false;
    for (number, line) in text.lines().enumerate() {
        if let Some(rest) = line.trim().strip_prefix("//!") {
            let (key, text) = rest.split_once(':').unwrap_or((rest, ""));
            directives.push(Directive { key: key.trim().into(), text: text.trim().into() });
            continue;
        }
        let mut cursor = Cursor { text: line.split("//").next().unwrap_or("").trim_end(), at: 0 };
        if cursor.at_end() {
            continue;
        }
        let mut parsed = || -> Result<(), String> {
            match (&mut graph, done) {
                (None, _) => graph = Some(header(&mut cursor)?),
                (Some(_), true) => return Err("the graph has ended".into()),
                (Some(graph), false) => done = body_line(&mut cursor, graph)?,
            }
            match cursor.at_end() {
                true => Ok(()),
                false => Err("expected the end of the line".into()),
            }
        };
        parsed().map_err(|message| ParseError { line: number + 1, column: cursor.column(), message })?;
    }
    let lines = text.lines().count();
    match graph {
        Some(graph) if done => Ok(File { directives, module: Module::new(graph, weights) }),
        _ => Err(ParseError {
            line: lines.max(1),
            column: 1,
            message: "expected a graph that ends in `}`".into(),
        }),
    }
}

fn header(c: &mut Cursor) -> Result<Graph, String> {
    c.expect("graph")?;
    c.expect("@")?;
    let mut graph = Graph::new(c.name()?);
    c.expect("(")?;
    while !c.take(")") {
        if !graph.inputs().is_empty() {
            c.expect(",")?;
        }
        c.expect("%")?;
        let name = c.name()?;
        c.expect(":")?;
        let ty = c.ty()?;
        graph.input(name, ty).map_err(|m| m.0)?;
    }
    c.expect("{")?;
    Ok(graph)
}

/// A node, `return`, or the closing brace, which answers true.
fn body_line(c: &mut Cursor, graph: &mut Graph) -> Result<bool, String> {
    if c.take("}") {
        return Ok(true);
    }
    if c.take("return") {
        let mut outputs = vec![value(c, graph)?];
        while c.take(",") {
            outputs.push(value(c, graph)?);
        }
        graph.set_outputs(outputs);
        return Ok(false);
    }
    c.expect("%")?;
    let name = c.name()?;
    c.expect(":")?;
    let ty = c.ty()?;
    c.expect("=")?;
    let start = c.at;
    if c.take("const") {
        let init = init(c)?;
        graph.constant(name, ty, init).map_err(|m| m.0)?;
        return Ok(false);
    }
    let (op, operands) = call(c, graph)?;
    let mut expr = Expr { op, operands, stages: Vec::new() };
    while c.take("|>") {
        let (op, operands) = call(c, graph)?;
        expr.stages.push(Stage { op, operands });
    }
    let end = c.at;
    c.at = start;
    let id = graph.add(name, expr).map_err(|m| m.0)?;
    if *graph.ty(id) != ty {
        return Err(format!("%{name} is written as {ty}, inference gives {}", graph.ty(id)));
    }
    c.at = end;
    Ok(false)
}

fn value(c: &mut Cursor, graph: &Graph) -> Result<NodeId, String> {
    c.expect("%")?;
    let name = c.name()?;
    graph.find(name).ok_or_else(|| format!("%{name} is not defined above"))
}

fn init(c: &mut Cursor) -> Result<Init, String> {
    if c.take("splat") {
        c.expect("(")?;
        let x = c.element()?;
        c.expect(")")?;
        return Ok(Init::Splat(x));
    }
    if c.take("rand") {
        c.expect("(")?;
        let seed = c.number()?;
        let (mut min, mut max) = (-1.0, 1.0);
        while c.take(",") {
            let key = c.name()?;
            c.expect("=")?;
            match key {
                "min" => min = c.number()?,
                "max" => max = c.number()?,
                _ => return Err(format!("rand has no {key}: it takes a seed, min and max")),
            }
        }
        c.expect(")")?;
        return Ok(Init::Rand { seed, min, max });
    }
    if c.rest().starts_with('[') {
        return Ok(Init::List(c.list(Cursor::element)?));
    }
    Ok(Init::Weights)
}

fn call(c: &mut Cursor, graph: &Graph) -> Result<(Op, Vec<NodeId>), String> {
    let word = c.name()?;
    let mut op = match word {
        "input" | "const" => None,
        _ => Op::from_name(word),
    }
    .ok_or_else(|| format!("no operator is called {word}"))?;
    let mut operands = Vec::new();
    let mut attributes: Vec<(&str, Attribute)> = Vec::new();
    if !c.at_end() && !c.rest().starts_with("|>") {
        loop {
            if c.rest().starts_with('%') {
                operands.push(value(c, graph)?);
            } else {
                let key = c.name()?;
                c.expect("=")?;
                attributes.push((key, c.attribute()?));
            }
            if !c.take(",") {
                break;
            }
        }
    }
    let mut filler = Filler { given: attributes, error: None };
    op.attrs(&mut filler);
    if let Some(error) = filler.error {
        return Err(error);
    }
    match filler.given.first() {
        Some((key, _)) => Err(format!("{word} has no attribute {key}, or it stands there twice")),
        None => Ok((op, operands)),
    }
}

/// An attribute as written. Numbers stay text until it is known what they count, so that none is rounded
/// twice.
#[derive(Clone, Debug)]
enum Attribute<'a> {
    One(&'a str),
    List(Vec<&'a str>),
}

/// Hands written attributes to an operator's walk.
struct Filler<'a> {
    given: Vec<(&'a str, Attribute<'a>)>,
    error: Option<String>,
}

impl<'a> Filler<'a> {
    /// Takes the attribute of that name and converts it; a conversion that answers `None` is an error.
    fn fill<T>(
        &mut self,
        name: &str,
        wants: &str,
        convert: impl Fn(&Attribute<'a>) -> Option<T>,
    ) -> Option<T> {
        let place = self.given.iter().position(|(key, _)| *key == name)?;
        let (_, attribute) = self.given.remove(place);
        let converted = convert(&attribute);
        if converted.is_none() {
            self.error.get_or_insert(format!("{name} must be {wants}"));
        }
        converted
    }
}

impl<'a> Attribute<'a> {
    /// What a single word or number says.
    fn one<T: FromStr>(&self) -> Option<T> {
        if let Attribute::One(text) = self { text.parse().ok() } else { None }
    }

    /// What each item of a list says.
    fn list<T: FromStr>(&self) -> Option<Vec<T>> {
        if let Attribute::List(items) = self { items.iter().map(|i| i.parse().ok()).collect() } else { None }
    }
}

impl Attrs for Filler<'_> {
    fn count(&mut self, name: &'static str, value: &mut usize, default: usize) {
        *value = self.fill(name, "a count", Attribute::one).unwrap_or(default);
    }

    fn int(&mut self, name: &'static str, value: &mut i64, default: i64) {
        *value = self.fill(name, "an integer", Attribute::one).unwrap_or(default);
    }

    fn float(&mut self, name: &'static str, value: &mut f32, default: f32) {
        *value = self.fill(name, "a number", Attribute::one).unwrap_or(default);
    }

    fn flag(&mut self, name: &'static str, value: &mut bool, default: bool) {
        *value = self.fill(name, "true or false", Attribute::one).unwrap_or(default);
    }

    fn hw(&mut self, name: &'static str, value: &mut Hw, default: Hw) {
        let read = |a: &Attribute| {
            let Attribute::One(text) = a else { return None };
            let (h, w) = text.split_once('x').unwrap_or((text, text));
            Some(Hw(h.parse().ok()?, w.parse().ok()?))
        };
        *value = self.fill(name, "a count or HxW", read).unwrap_or(default);
    }

    fn pad(&mut self, name: &'static str, value: &mut Pad) {
        let read = |a: &Attribute| {
            let sides = a.list().or_else(|| a.one().map(|n| vec![n; 4]))?;
            let [top, left, bottom, right] = sides.try_into().ok()?;
            Some(Pad { top, left, bottom, right })
        };
        *value = self.fill(name, "a count or [top,left,bottom,right]", read).unwrap_or(Pad::ZERO);
    }

    fn ints(&mut self, name: &'static str, value: &mut Vec<i64>) {
        *value = self.fill(name, "a list of integers", Attribute::list).unwrap_or_default();
    }

    fn floats(&mut self, name: &'static str, value: &mut Vec<f32>) {
        *value = self.fill(name, "a list of numbers", Attribute::list).unwrap_or_default();
    }

    fn dtype(&mut self, name: &'static str, value: &mut DType, default: DType) {
        let read = |a: &Attribute| if let Attribute::One(w) = a { DType::from_name(w) } else { None };
        *value = self.fill(name, "an element type", read).unwrap_or(default);
    }

    fn word(&mut self, name: &'static str, words: &[&'static str], index: &mut usize, default: usize) {
        let read = |a: &Attribute| match a {
            Attribute::One(w) => words.iter().position(|x| x == w),
            _ => None,
        };
        *index = self.fill(name, &format!("one of {}", words.join(", ")), read).unwrap_or(default);
    }
}

/// A place in a line that ends in no blank.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    fn at_end(&mut self) -> bool {
        self.rest().is_empty()
    }

    fn column(&self) -> usize {
        let skipped = self.text[self.at..].len() - self.text[self.at..].trim_start().len();
        self.text[..self.at + skipped].chars().count() + 1
    }

    /// Passes over a token if it comes next; a word must end there.
    fn take(&mut self, token: &str) -> bool {
        let Some(after) = self.rest().strip_prefix(token) else { return false };
        let is_word = token.ends_with(|c: char| c.is_ascii_alphanumeric());
        if is_word && after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.') {
            return false;
        }
        self.at += token.len();
        true
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(format!("expected `{token}`")) }
    }

    /// The longest run of characters for which `part` holds.
    fn run(&mut self, part: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let run = &rest[..rest.find(|c| !part(c)).unwrap_or(rest.len())];
        self.at += run.len();
        run
    }

    fn name(&mut self) -> Result<&'a str, String> {
        let starts = self.rest().starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let name = if starts { self.run(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.') } else { "" };
        if name.is_empty() { Err("expected a name".into()) } else { Ok(name) }
    }

    /// The text of a number or a word.
    fn scalar(&mut self) -> &'a str {
        self.run(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_'))
    }

    fn number<T: FromStr>(&mut self) -> Result<T, String> {
        let start = self.at;
        self.scalar().parse().map_err(|_| {
            self.at = start;
            "expected a number".to_string()
        })
    }

    /// An element of a constant; an integer is meant to the unit.
    fn element(&mut self) -> Result<f64, String> {
        let start = self.at;
        let x: f64 = self.number()?;
        match self.text[start..self.at].trim().parse::<i64>() {
            Ok(whole) if whole != x as i64 => {
                self.at = start;
                Err(format!("{whole} would become {x:.0}: what a text says of a constant is held as f64"))
            }
            _ => Ok(x),
        }
    }

    /// `[`, items, `]`.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T, String>) -> Result<Vec<T>, String> {
        self.expect("[")?;
        let mut items = Vec::new();
        while !self.take("]") {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn ty(&mut self) -> Result<Type, String> {
        let word = self.name()?;
        let dtype = DType::from_name(word).ok_or_else(|| format!("no element type is called {word}"))?;
        let shape = Shape::new(self.list(Cursor::number)?).map_err(|Mismatch(m)| m)?;
        Ok(Type { dtype, shape })
    }

    fn attribute(&mut self) -> Result<Attribute<'a>, String> {
        let written = |c: &mut Self| match c.scalar() {
            "" => Err("expected a number or a word".to_string()),
            text => Ok(text),
        };
        if self.rest().starts_with('[') {
            self.list(written).map(Attribute::List)
        } else {
            written(self).map(Attribute::One)
        }
    }
}
