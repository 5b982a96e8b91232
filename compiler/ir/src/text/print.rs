//! Printing a module. What is printed parses back.

use crate::attrs::{Attrs, Hw, Pad};
use crate::ops::{Init, Op};
use crate::{DType, Expr, Graph, Module, NodeId};
use std::fmt::Write;

/// The text form of a module.
pub fn print(module: &Module) -> String {
    print_graph(&module.graph)
}

/// The text form of a graph.
pub fn print_graph(graph: &Graph) -> String {
    let mut out = String::new();
    let values = |ids: &[NodeId]| ids.iter().map(|&id| format!("%{}", graph[id].name())).collect::<Vec<_>>();
    let param = |&id: &NodeId| format!("%{}: {}", graph[id].name(), graph.ty(id));
    let params: Vec<String> = graph.inputs().iter().map(param).collect();
    let _ = writeln!(out, "graph @{}({}) {{", graph.name, params.join(", "));
    for &id in graph.order() {
        let node = &graph[id];
        match node.op() {
            Op::Input(_) => continue,
            Op::Const(c) => {
                let _ = writeln!(out, "  %{}: {} = const{}", node.name(), node.ty(), init(&c.init));
            }
            _ => {
                let _ = writeln!(out, "  %{}: {} = {}", node.name(), node.ty(), expr(graph, &graph.expr(id)));
            }
        }
    }
    // A graph that is not whole yet has no results.
    if !graph.outputs().is_empty() {
        let _ = writeln!(out, "  return {}", values(graph.outputs()).join(", "));
    }
    out.push_str("}\n");
    out
}

/// The right-hand side of a node.
fn expr(graph: &Graph, expr: &Expr) -> String {
    let mut out = call(graph, &expr.op, &expr.operands);
    for stage in &expr.stages {
        out += " |> ";
        out += &call(graph, &stage.op, &stage.operands);
    }
    out
}

fn call(graph: &Graph, op: &Op, operands: &[NodeId]) -> String {
    let mut parts: Vec<String> = operands.iter().map(|&o| format!("%{}", graph[o].name())).collect();
    let mut printer = Printer(Vec::new());
    op.clone().attrs(&mut printer);
    parts.append(&mut printer.0);
    if parts.is_empty() { op.name().to_string() } else { format!("{} {}", op.name(), parts.join(", ")) }
}

fn init(init: &Init) -> String {
    match init {
        Init::Weights => String::new(),
        Init::Splat(x) => format!(" splat({})", number(*x)),
        Init::Rand { seed, min, max } => {
            let mut out = format!(" rand({seed}");
            if *min != -1.0 {
                let _ = write!(out, ", min={}", number(*min));
            }
            if *max != 1.0 {
                let _ = write!(out, ", max={}", number(*max));
            }
            out + ")"
        }
        Init::List(x) => format!(" {}", list(x.iter().map(|&x| number(x)))),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// The shortest text that reads back as the same number.
fn number(x: f64) -> String {
    if x == x.trunc() && x.abs() < 1e9 { format!("{x:.0}") } else { format!("{x:?}") }
}

/// The shortest text that reads back as the same f32.
fn number32(x: f32) -> String {
    if x == x.trunc() && x.abs() < 1e7 { format!("{x:.0}") } else { format!("{x:?}") }
}

/// Collects `key=value` for every attribute that differs from its default.
struct Printer(Vec<String>);

impl Printer {
    fn put(&mut self, name: &str, value: String) {
        self.0.push(format!("{name}={value}"));
    }
}

impl Attrs for Printer {
    fn count(&mut self, name: &'static str, value: &mut usize, default: usize) {
        if *value != default {
            self.put(name, value.to_string());
        }
    }

    fn int(&mut self, name: &'static str, value: &mut i64, default: i64) {
        if *value != default {
            self.put(name, value.to_string());
        }
    }

    fn float(&mut self, name: &'static str, value: &mut f32, default: f32) {
        if value.to_bits() != default.to_bits() {
            self.put(name, number32(*value));
        }
    }

    fn flag(&mut self, name: &'static str, value: &mut bool, default: bool) {
        if *value != default {
            self.put(name, value.to_string());
        }
    }

    fn hw(&mut self, name: &'static str, value: &mut Hw, default: Hw) {
        if *value != default {
            let Hw(h, w) = *value;
            self.put(name, if h == w { h.to_string() } else { format!("{h}x{w}") });
        }
    }

    fn pad(&mut self, name: &'static str, value: &mut Pad) {
        if *value != Pad::ZERO {
            let sides = [value.top, value.left, value.bottom, value.right];
            let equal = sides.iter().all(|&s| s == sides[0]);
            let text = if equal { sides[0].to_string() } else { list(sides.iter().map(|s| s.to_string())) };
            self.put(name, text);
        }
    }

    fn ints(&mut self, name: &'static str, value: &mut Vec<i64>) {
        if !value.is_empty() {
            self.put(name, list(value.iter().map(|v| v.to_string())));
        }
    }

    fn floats(&mut self, name: &'static str, value: &mut Vec<f32>) {
        if !value.is_empty() {
            self.put(name, list(value.iter().map(|&v| number32(v))));
        }
    }

    fn dtype(&mut self, name: &'static str, value: &mut DType, default: DType) {
        if *value != default {
            self.put(name, value.to_string());
        }
    }

    fn word(&mut self, name: &'static str, words: &[&'static str], index: &mut usize, default: usize) {
        if *index != default {
            self.put(name, words[*index].to_string());
        }
    }
}
