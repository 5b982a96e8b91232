//! The operators: what each computes, what each refuses, and that no attribute makes one panic.

mod agreement;
mod convolution;
mod errors;
mod hostile;
mod indexed;
mod moving;
mod pointwise;
mod pools;
mod quantised;
mod values;

use cnnc_ir::eval::{Precision, evaluate};
use cnnc_ir::{Tensor, text};

/// The last value of a graph without inputs, given by its nodes, one a line.
fn value_of(nodes: &str, precision: Precision) -> Tensor {
    let last = nodes.trim().lines().last().unwrap().trim();
    let name = last.split(':').next().unwrap();
    let module = text::parse(&format!("graph @g() {{\n{nodes}\n  return {name}\n}}\n"))
        .unwrap_or_else(|e| panic!("{nodes}\n{e}"));
    cnnc_ir::verify::verify(&module).unwrap();
    evaluate(&module, &[], precision).unwrap().remove(0)
}

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

/// Evaluates in both precisions and compares: exactly where `rtol` is 0, the sign of zeros too.
fn check(nodes: &str, expected: &[f64], rtol: f64) {
    for precision in [Precision::F32, Precision::F64] {
        let value = value_of(nodes, precision);
        let got = value.data().to_f64();
        let equal = |(&g, &e): (&f64, &f64)| {
            (g.is_nan() && e.is_nan())
                || (g == e && g.is_sign_negative() == e.is_sign_negative())
                || (e.is_normal() && (g - e).abs() <= rtol * e.abs())
        };
        assert_eq!(got.len(), expected.len(), "{nodes}\n{precision:?}");
        assert!(
            got.iter().zip(expected).all(equal),
            "{nodes}\n{precision:?}: {got:?}\nexpected {expected:?}"
        );
    }
}

/// Cases: the nodes and the elements of the last one.
fn exact(cases: &[(&str, &[f64])]) {
    cases.iter().for_each(|(nodes, expected)| check(nodes, expected, 0.0));
}

/// Cases of functions that round: what is expected is exact, what comes out may differ by a few roundings of f32.
fn close(cases: &[(&str, &[f64])]) {
    cases.iter().for_each(|(nodes, expected)| check(nodes, expected, 1e-6));
}
