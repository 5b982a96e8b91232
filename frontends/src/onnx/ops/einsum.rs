//! `Einsum`, opset 12: sums of products along dimensions that an equation names.
//!
//!     Einsum(Inputs..., equation)       "bij,bjk->bik"   without ->: the letters that stand there once, sorted
//!
//! `...` stands for the dimensions without letters, which align at the innermost. Operands are taken one after the
//! other, each first made simple:
//!
//!     a letter twice                    slice: the diagonal of both dimensions
//!     a letter that nobody else has     reduce_sum
//!     one element for a letter of more  reshape: it is left out
//!     two operands                      transpose and reshape to [batch, left, sum] and [batch, sum, right], matmul;
//!                                       mul, where nothing is summed
//!     at the end                        transpose to the order of the result

use super::matmul::product;
use super::slice::whole;
use crate::onnx::attributes::required;
use crate::onnx::diagnostic::{Fault, ensure, fail, fault, quoted};
use crate::onnx::node::{Node, Outcome};
use cnnc_ir::NodeId;
use cnnc_ir::ops::{Identity, Mul, ReduceSum, Transpose};
use std::collections::BTreeMap;

/// What a dimension is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    /// One of those of `...`, counted from the innermost, from the greatest number down.
    Open(usize),
    /// A letter.
    Letter(char),
}

/// A value whose dimensions have labels.
struct Operand {
    value: NodeId,
    labels: Vec<Label>,
}

pub(super) fn einsum(node: &mut Node) -> Outcome {
    let inputs = node.variadic()?;
    let equation = required("equation", node.attributes.string("equation")?)?;
    let wrong = |what: &str| fault!(E_MODEL, "equation={}: {what}", quoted(&equation));
    let text: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, right) = text.split_once("->").map_or((text.as_str(), None), |(l, r)| (l, Some(r)));
    let terms: Vec<&str> = left.split(',').collect();
    ensure!(
        terms.len() == inputs.len(),
        E_MODEL,
        "equation={}: {} operands",
        quoted(&equation),
        inputs.len()
    );
    let mut operands = Vec::with_capacity(inputs.len());
    for (&value, term) in inputs.iter().zip(terms) {
        let labels = labels(term, Some(node.ty(value).rank())).ok_or_else(|| wrong("a term does not fit"))?;
        operands.push(Operand { value, labels });
    }
    let mut extents: BTreeMap<Label, usize> = BTreeMap::new();
    for operand in &operands {
        for (&label, &n) in operand.labels.iter().zip(node.ty(operand.value).dims()) {
            let extent = extents.entry(label).or_insert(n);
            match (*extent, n) {
                (a, b) if a == b || b == 1 => {}
                (1, b) => *extent = b,
                (a, b) => fail!(E_MODEL, "equation={}: {label:?} is {a} and {b}", quoted(&equation)),
            }
        }
    }
    let open = || extents.keys().rev().copied().filter(|l| matches!(l, Label::Open(_)));
    let result = match right {
        Some(right) => {
            let all = labels(right, None).ok_or_else(|| wrong("the result does not fit"))?;
            // Of `...` the result has all there are.
            let one =
                |label: Label| if label == Label::Open(usize::MAX) { open().collect() } else { vec![label] };
            all.into_iter().flat_map(one).collect::<Vec<_>>()
        }
        None => {
            let count =
                |label: &Label| operands.iter().flat_map(|o| &o.labels).filter(|&l| l == label).count();
            let once = extents.keys().copied().filter(|l| matches!(l, Label::Letter(_)) && count(l) == 1);
            open().chain(once).collect()
        }
    };
    let known = result.iter().enumerate().all(|(i, l)| extents.contains_key(l) && !result[..i].contains(l));
    ensure!(known, E_MODEL, "equation={}: the result has other letters, or one twice", quoted(&equation));

    let mut rest = operands.into_iter();
    let mut product: Option<Operand> = None;
    while let Some(operand) = rest.next() {
        let later = rest.as_slice();
        let kept = |l: &Label| result.contains(l) || later.iter().any(|o| o.labels.contains(l));
        let operand = operand.diagonal(node)?.without_stretched(node, &extents)?;
        let operand = match &product {
            Some(product) => operand.summed(node, |l| kept(l) || product.labels.contains(l))?,
            None => operand.summed(node, kept)?,
        };
        product = Some(match product {
            Some(product) => {
                product.summed(node, |l| kept(l) || operand.labels.contains(l))?.times(node, operand, kept)?
            }
            None => operand,
        });
    }
    let product = product.ok_or_else(|| wrong("no operands"))?.summed(node, |l| result.contains(l))?;
    // A letter whose operands all have one element for it was left out of none of them.
    let value = product.ordered(node, &result)?;
    node.result(Identity, &[value])
}

/// The labels of a term of the equation, of a value of so many dimensions; of the result, whose dimensions are not
/// known, `...` is one label.
fn labels(term: &str, rank: Option<usize>) -> Option<Vec<Label>> {
    let letters = |text: &str| -> Option<Vec<Label>> {
        text.chars().map(|c| c.is_ascii_alphabetic().then_some(Label::Letter(c))).collect()
    };
    let Some((front, behind)) = term.split_once("...") else {
        return letters(term).filter(|labels| rank.is_none_or(|rank| labels.len() == rank));
    };
    let (front, behind) = (letters(front)?, letters(behind)?);
    let open: Vec<Label> = match rank {
        Some(rank) => (0..rank.checked_sub(front.len() + behind.len())?).rev().map(Label::Open).collect(),
        None => vec![Label::Open(usize::MAX)],
    };
    Some([front, open, behind].concat())
}

impl Operand {
    fn extents(&self, node: &Node, of: &[Label]) -> Vec<usize> {
        let dims = node.ty(self.value).dims().to_vec();
        let at = |l: &Label| self.labels.iter().position(|own| own == l).map_or(1, |d| dims[d]);
        of.iter().map(at).collect()
    }

    /// Labels that stand there twice, once: the elements for which both places are the same.
    fn diagonal(mut self, node: &mut Node) -> Result<Operand, Fault> {
        while let Some((a, b)) = twice(&self.labels) {
            let dims = node.ty(self.value).dims().to_vec();
            ensure!(dims[a] == dims[b], E_MODEL, "a letter stands for {} and for {}", dims[a], dims[b]);
            let others: Vec<usize> = (0..dims.len()).filter(|d| ![a, b].contains(d)).collect();
            let perm = others.iter().chain([&a, &b]).map(|&d| d as i64).collect();
            let side_by_side = node.step("pair", Transpose { perm }, &[self.value])?;
            let n = dims[a];
            let mut flat: Vec<usize> = others.iter().map(|&d| dims[d]).collect();
            flat.push(n * n);
            let square = node.reshaped("square", side_by_side, &flat)?;
            let mut op = whole(&flat);
            op.steps = vec![1; flat.len()];
            // From one element of the diagonal to the next there is a row and one more.
            op.steps[others.len()] = n as i64 + 1;
            self.value = node.step("diagonal", op, &[square])?;
            let label = self.labels[a];
            self.labels = others.iter().map(|&d| self.labels[d]).chain([label]).collect();
        }
        Ok(self)
    }

    /// Without dimensions of one element that stretch.
    fn without_stretched(
        mut self,
        node: &mut Node,
        extents: &BTreeMap<Label, usize>,
    ) -> Result<Operand, Fault> {
        let dims = node.ty(self.value).dims().to_vec();
        let stays = |d: &usize| dims[*d] != 1 || extents[&self.labels[*d]] == 1;
        let kept: Vec<usize> = (0..dims.len()).filter(stays).collect();
        if kept.len() < dims.len() {
            let shape: Vec<usize> = kept.iter().map(|&d| dims[d]).collect();
            self.value = node.reshaped("thin", self.value, &shape)?;
            self.labels = kept.iter().map(|&d| self.labels[d]).collect();
        }
        Ok(self)
    }

    /// Summed along the labels that are not kept.
    fn summed(mut self, node: &mut Node, kept: impl Fn(&Label) -> bool) -> Result<Operand, Fault> {
        let gone: Vec<usize> = (0..self.labels.len()).filter(|&d| !kept(&self.labels[d])).collect();
        if !gone.is_empty() {
            let axes = gone.iter().map(|&d| d as i64).collect();
            self.value = node.step("summed", ReduceSum { axes, keep: false }, &[self.value])?;
            self.labels.retain(|l| kept(l));
        }
        Ok(self)
    }

    /// The value with its dimensions in that order; those that it lacks have one element.
    fn ordered(&self, node: &mut Node, order: &[Label]) -> Result<NodeId, Fault> {
        let own: Vec<Label> = order.iter().copied().filter(|l| self.labels.contains(l)).collect();
        let mut value = self.value;
        if own != self.labels {
            let place = |l: &Label| self.labels.iter().position(|o| o == l).map(|d| d as i64);
            let perm = own.iter().filter_map(place).collect();
            value = node.step("ordered", Transpose { perm }, &[value])?;
        }
        let shape = self.extents(node, order);
        if own.len() == order.len() { Ok(value) } else { node.reshaped("wide", value, &shape) }
    }

    /// The product of two, summed along the labels of both that are not kept.
    fn times(self, node: &mut Node, other: Operand, kept: impl Fn(&Label) -> bool) -> Result<Operand, Fault> {
        let (both, left): (Vec<Label>, Vec<Label>) =
            self.labels.iter().partition(|l| other.labels.contains(l));
        let (batch, sum): (Vec<Label>, Vec<Label>) = both.into_iter().partition(&kept);
        let right: Vec<Label> = other.labels.iter().copied().filter(|l| !self.labels.contains(l)).collect();
        let labels = [&batch[..], &left, &right].concat();
        if sum.is_empty() {
            let a = self.ordered(node, &labels)?;
            let b = other.ordered(node, &labels)?;
            let value = node.step("product", Mul, &[a, b])?;
            return Ok(Operand { value, labels });
        }
        let [b, m, k, n] = [&batch, &left, &sum, &right];
        let sizes =
            |of: &Operand, node: &Node, list: &[Label]| of.extents(node, list).iter().product::<usize>();
        let (batches, rows) = (sizes(&self, node, b), sizes(&self, node, m));
        let (terms, columns) = (sizes(&self, node, k), sizes(&other, node, n));
        let shape = [self.extents(node, b), self.extents(node, m), other.extents(node, n)].concat();
        let a = self.ordered(node, &[&b[..], m, k].concat())?;
        let a = node.reshaped("left", a, &[batches, rows, terms])?;
        let c = other.ordered(node, &[&b[..], k, n].concat())?;
        let c = node.reshaped("right", c, &[batches, terms, columns])?;
        let value = product(node, [a, c])?;
        let value = node.reshaped("product", value, &shape)?;
        Ok(Operand { value, labels })
    }
}

/// Two places of one label.
fn twice(labels: &[Label]) -> Option<(usize, usize)> {
    let second = (1..labels.len()).find(|&b| labels[..b].contains(&labels[b]))?;
    labels.iter().position(|l| *l == labels[second]).map(|first| (first, second))
}
