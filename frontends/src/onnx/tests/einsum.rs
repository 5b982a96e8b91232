//! `Einsum` against its definition: every combination of its letters.

use super::Value::Text;
use super::{Model, tensor};
use cnnc_ir::Tensor;
use std::collections::BTreeMap;

/// The value of an equation without `...`, with its result written out.
fn defined(equation: &str, operands: &[Tensor]) -> (Vec<usize>, Vec<f64>) {
    let (left, right) = equation.split_once("->").unwrap();
    let terms: Vec<Vec<char>> = left.split(',').map(|term| term.chars().collect()).collect();
    let mut extents: BTreeMap<char, usize> = BTreeMap::new();
    for (term, operand) in terms.iter().zip(operands) {
        for (&letter, &n) in term.iter().zip(operand.shape().dims()) {
            let extent = extents.entry(letter).or_insert(1);
            *extent = n.max(*extent);
        }
    }
    let dims: Vec<usize> = right.chars().map(|letter| extents[&letter]).collect();
    let mut y = vec![0.0; dims.iter().product()];
    let total: usize = extents.values().product();
    for combination in 0..total {
        let mut rest = combination;
        let mut values: BTreeMap<char, usize> = BTreeMap::new();
        for (&letter, &extent) in &extents {
            values.insert(letter, rest % extent);
            rest /= extent;
        }
        let element = |(term, operand): (&Vec<char>, &Tensor)| {
            let dims = operand.shape().dims();
            let place =
                |place: usize, d: usize| place * dims[d] + if dims[d] == 1 { 0 } else { values[&term[d]] };
            f64::from(operand.slice::<f32>()[(0..dims.len()).fold(0, place)])
        };
        let product: f64 = terms.iter().zip(operands).map(element).product();
        let place = right.chars().zip(&dims).fold(0, |place, (letter, n)| place * n + values[&letter]);
        y[place] += product;
    }
    (dims, y)
}

fn small(dims: &[usize], seed: usize) -> Tensor {
    let count = dims.iter().product();
    tensor(dims, &(0..count).map(|i: usize| ((i * 5 + seed) % 7) as f32 - 3.0).collect::<Vec<_>>())
}

fn model(equation: &str, operands: &[Tensor]) -> Model {
    let names: Vec<String> = (0..operands.len()).map(|k| format!("x{k}")).collect();
    let model = names.iter().zip(operands).fold(Model::new(12), |model, (name, x)| {
        model.input(name, &x.shape().dims().iter().map(|&n| n as i64).collect::<Vec<_>>())
    });
    let inputs: Vec<&str> = names.iter().map(String::as_str).collect();
    model.node("Einsum", &inputs, &["y"], &[("equation", Text(equation))]).output("y")
}

#[test]
fn equations() {
    let cases: [(&str, &[&[usize]]); 18] = [
        ("ij->ji", &[&[2, 3]]),
        ("ij->i", &[&[2, 3]]),
        ("ij->", &[&[2, 3]]),
        ("ii->i", &[&[3, 3]]),
        ("bii->b", &[&[2, 3, 3]]),
        ("iji->ji", &[&[3, 2, 3]]),
        ("i,i->", &[&[4], &[4]]),
        ("i,j->ij", &[&[2], &[3]]),
        ("ij,jk->ik", &[&[2, 3], &[3, 4]]),
        ("bij,bkj->bik", &[&[2, 3, 4], &[2, 5, 4]]),
        ("bij,bjk->kib", &[&[2, 3, 4], &[2, 4, 5]]),
        ("nctv,vw->nctw", &[&[1, 2, 3, 4], &[4, 4]]),
        ("bchw,bkhw->bck", &[&[2, 3, 2, 3], &[2, 2, 2, 3]]),
        ("ij,ik,il->jkl", &[&[3, 2], &[3, 4], &[3, 2]]),
        ("ij,jk,kl->il", &[&[2, 3], &[3, 2], &[2, 4]]),
        ("ij,ij->ij", &[&[2, 3], &[2, 3]]),
        ("ij,jk->ik", &[&[2, 1], &[3, 4]]),
        ("iij,kj->ik", &[&[2, 2, 3], &[4, 3]]),
    ];
    for (equation, shapes) in cases {
        let operands: Vec<Tensor> = shapes.iter().enumerate().map(|(k, dims)| small(dims, k)).collect();
        assert_eq!(model(equation, &operands).result(&operands), defined(equation, &operands), "{equation}");
    }
}

#[test]
fn what_stands_for_others() {
    let matrices = [small(&[2, 1, 3, 4], 0), small(&[5, 4, 2], 1)];
    let written = model("...ij, ...jk -> ...ik", &matrices).result(&matrices);
    assert_eq!(written, defined("abij,bjk->abik", &matrices));
    assert_eq!(model("...ij,...jk", &matrices).result(&matrices), written);
    let one = [small(&[3, 2], 0)];
    // Without a result: the letters that stand there once, sorted.
    assert_eq!(model("ba", &one).result(&one), defined("ba->ab", &one));
    assert_eq!(model("...->...", &one).result(&one), defined("ij->ij", &one));
    assert_eq!(model("i...->...", &one).result(&one), defined("ij->j", &one));
}

#[test]
fn equations_that_fit_nothing() {
    let one = [small(&[3, 2], 0)];
    for (equation, message) in [
        ("ijk->i", "a term does not fit"),
        ("ij,jk->ik", "1 operands"),
        ("ij->ik", "the result has other letters, or one twice"),
        ("ij->ii", "the result has other letters, or one twice"),
        ("i1->i", "a term does not fit"),
        ("ii->i", "Letter('i') is 3 and 2"),
        ("ij->..", "the result does not fit"),
    ] {
        let problems = model(equation, &one).problems();
        assert!(problems.len() == 1 && problems[0].contains(message), "{equation}: {problems:?}");
    }
}
