//! The functions of [`math`](crate::vasm::math) against f64, a million points each: floats of all bit patterns, and
//! many where the function bends.

use super::host::{Compiled, is_able};
use super::{EMITTERS, Random, SPECIAL, VECTOR_BYTES};
use crate::vasm::{Builder, LANES, V, math};

const POINTS: usize = 1_000_000;

type Function = fn(&mut Builder, V) -> V;

unsafe extern "C" {
    safe fn erf(x: f64) -> f64;
}

/// How far `got` is from `want`, in units of the last place of f32 there. Infinity is taken as 2^128.
fn ulps(got: f32, want: f64) -> f64 {
    let finite = |x: f64| x.clamp(-(2_f64.powi(128)), 2_f64.powi(128));
    let want = finite(want);
    let exponent = if want == 0.0 { -149 } else { (want.abs().log2().floor() as i32 - 23).max(-149) };
    (finite(got.into()) - want).abs() / 2_f64.powi(exponent.min(104))
}

/// Asserts the worst error over all points, of which half lie within `bend` of zero.
fn check(name: &str, function: Function, exact: impl Fn(f64) -> f64, bend: f32) {
    let mut random = Random(bend.to_bits().into());
    let mut points: Vec<f32> = SPECIAL.iter().map(|bits| f32::from_bits(*bits)).collect();
    while points.len() < POINTS {
        points.push(f32::from_bits(random.next() as u32));
        points.push((random.below(1 << 32) as f64 / f64::from(1 << 31) - 1.0) as f32 * bend);
    }
    let mut k = Builder::new(name);
    let (x, y) = (k.arg(0), k.arg(1));
    k.repeat((POINTS / LANES) as u64, |k| {
        let v = k.load(x.at(0));
        let result = function(k, v);
        k.store(result, y.at(0));
        k.advance(x, VECTOR_BYTES);
        k.advance(y, VECTOR_BYTES);
    });
    let kernel = k.finish();
    let [first, second] = EMITTERS.map(|emitter| {
        let mut results = vec![0_f32; POINTS];
        let compiled = Compiled::new(&kernel, emitter).expect("few registers");
        // SAFETY: both arrays are of POINTS lanes.
        unsafe { compiled.run(&[points.as_ptr() as u64, results.as_mut_ptr() as u64]) };
        results
    });
    let mut worst = (0.0, 0.0);
    let mut numbers = 0;
    for ((x, got), other) in points.iter().zip(first).zip(second).take(POINTS) {
        numbers += usize::from(!x.is_nan());
        let want = exact(f64::from(*x));
        if want.is_nan() {
            assert!(got.is_nan() && other.is_nan(), "{name}({x}) = {got}, {other}");
            continue;
        }
        assert_eq!(got.to_bits(), other.to_bits(), "{name}({x}) = {got}, {other}");
        let error = ulps(got, want);
        assert!(error <= 4.0, "{name}({x:e}) = {got:e}, {error} ulp from {want:e}");
        if *x == 0.0 {
            assert_eq!(got.to_bits(), (want as f32).to_bits(), "{name}({x:?}) = {got:?}");
        }
        if error > worst.0 {
            worst = (error, *x);
        }
    }
    assert!(numbers > POINTS * 9 / 10);
    eprintln!("{name}: at most {:.3} ulp, at {:e}, of {numbers} points", worst.0, worst.1);
}

#[test]
fn functions_are_within_four_ulps() {
    if !is_able() {
        return;
    }
    check("exp", math::exp, f64::exp, 110.0);
    check("exp near zero", math::exp, f64::exp, 1.0);
    check("log", math::log, f64::ln, 1e4);
    check("log near one", math::log, f64::ln, 2.0);
    check("tanh", math::tanh, f64::tanh, 11.0);
    check("tanh near zero", math::tanh, f64::tanh, 1.0);
    check("sigmoid", math::sigmoid, |x| 1.0 / (1.0 + (-x).exp()), 110.0);
    check("sigmoid near zero", math::sigmoid, |x| 1.0 / (1.0 + (-x).exp()), 4.0);
    check("erf", math::erf, |x| erf(x), 5.0);
    check("erf near zero", math::erf, |x| erf(x), 1.0);
}

#[test]
fn functions_hold_at_the_ends() {
    if !is_able() {
        return;
    }
    let inf = f32::INFINITY;
    let ends: [(Function, [f32; LANES], [f32; LANES]); 5] = [
        (
            math::exp,
            [inf, -inf, 0.0, -0.0, 88.722_84, 88.722_85, -103.972_08, -104.1],
            [inf, 0.0, 1.0, 1.0, f32::MAX, inf, f32::from_bits(1), 0.0],
        ),
        (
            math::log,
            [inf, 0.0, -0.0, 1.0, f32::MIN_POSITIVE, f32::MAX, 1e-40, std::f32::consts::E],
            [inf, -inf, -inf, 0.0, -87.336_55, 88.722_84, -92.103_41, 1.0],
        ),
        (
            math::tanh,
            [inf, -inf, 0.0, -0.0, 10.0, -10.0, 1e-40, -1e-40],
            [1.0, -1.0, 0.0, -0.0, 1.0, -1.0, 1e-40, -1e-40],
        ),
        (
            math::sigmoid,
            [inf, -inf, 0.0, -0.0, 40.0, -110.0, 1e-40, 100.0],
            [1.0, 0.0, 0.5, 0.5, 1.0, 0.0, 0.5, 1.0],
        ),
        (
            math::erf,
            [inf, -inf, 0.0, -0.0, 4.0, -4.0, 1e30, -1e30],
            [1.0, -1.0, 0.0, -0.0, 1.0, -1.0, 1.0, -1.0],
        ),
    ];
    for (function, points, want) in ends {
        let mut k = Builder::new("ends");
        let (x, y) = (k.arg(0), k.arg(1));
        let v = k.load(x.at(0));
        let result = function(&mut k, v);
        k.store(result, y.at(0));
        let kernel = k.finish();
        for emitter in EMITTERS {
            let mut got = [f32::NAN; LANES];
            let compiled = Compiled::new(&kernel, emitter).expect("few registers");
            // SAFETY: both arrays are one vector.
            unsafe { compiled.run(&[points.as_ptr() as u64, got.as_mut_ptr() as u64]) };
            let close = |(got, want): (f32, f32)| {
                got == want && got.is_sign_negative() == want.is_sign_negative()
                    || ulps(got, want.into()) <= 2.0 && want != 0.0
            };
            assert!(
                got.into_iter().zip(want).all(close),
                "{emitter:?}: {points:?} gives {got:?}, not {want:?}"
            );
        }
    }
}
