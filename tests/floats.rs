//! Functions of one f32, compiled every way, against those of f64: as many of all floats as somebody says.
//!
//! ```text
//! cargo test -p cnnc-tests --test floats                            a million, spread over all bit patterns
//! CNNC_FLOATS=4294967296 cargo test -p cnnc-tests --test floats     every one there is
//! ```

use cnnc_ir::{Tensor, text};
use cnnc_tests::compiled::{jit, run, targets};
use cnnc_tests::count::{number, report};
use cnnc_tests::ulps::ulps;
use rayon::prelude::*;

/// Floats of one run.
const BLOCK: usize = 1 << 18;

/// Most ulp that a result may be away.
const MOST: f64 = 4.0;

/// Those that networks end in or squash with.
const FUNCTIONS: [(&str, Function); 3] =
    [("exp", f64::exp), ("tanh", f64::tanh), ("sigmoid", |x| 1.0 / (1.0 + (-x).exp()))];

type Function = fn(f64) -> f64;

/// Bit patterns.
const ALL: usize = 1 << 32;

/// The worst error of a function over so many floats.
fn worst(function: &str, exact: Function, count: usize) -> f64 {
    let graph =
        format!("graph @g(%x: f32[{BLOCK}]) {{\n  %y: f32[{BLOCK}] = {function} %x\n  return %y\n}}\n");
    let module = text::parse(&graph).unwrap();
    let models = targets().map(|target| jit(module.clone(), &target));
    let step = ALL / count;
    let error = |block: usize| {
        let bits = |i: usize| ((block * BLOCK + i) * step + block % step) as u32;
        let x: Vec<f32> = (0..BLOCK).map(|i| f32::from_bits(bits(i))).collect();
        let x = [Tensor::of(&module.graph.ty(module.graph.inputs()[0]).shape, x)];
        let [fast, others @ ..] = models.each_ref().map(|model| run(model, &x, 1).remove(0));
        let errors = fast.iter().zip(x[0].slice::<f32>()).enumerate().map(|(i, (&got, &x))| {
            let want = exact(x.into());
            let at = || format!("{function}({x:e}) = {got:e}, wanted {want:e}");
            if want.is_nan() {
                assert!(got.is_nan() && others.iter().all(|other| other[i].is_nan()), "{}", at());
                return 0.0;
            }
            assert!(others.iter().all(|other| other[i].to_bits() == got.to_bits()), "{}: other bits", at());
            let error = ulps(got, want);
            assert!(error <= MOST, "{}: {error} ulp", at());
            error
        });
        errors.fold(0.0, f64::max)
    };
    (0..count / BLOCK).into_par_iter().map(error).reduce(|| 0.0, f64::max)
}

#[test]
fn functions_are_within_four_ulps() {
    let count = number("CNNC_FLOATS", 1 << 20).clamp(BLOCK, ALL) / BLOCK * BLOCK;
    for (function, exact) in FUNCTIONS {
        let worst = worst(function, exact, count);
        report(&format!("floats in {function}, at most {worst:.2} ulp off"), count, 0);
    }
}
