//! The functions of [`math`](crate::vasm::math) against f64, a million points each: floats of all bit patterns, and
//! many where the function bends.

use super::host::{Compiled, emitters, is_able};
use super::ulps::ulps;
use super::{Random, SPECIAL, WIDTHS};
use crate::vasm::{Bin, Builder, LANES, V, math};

const POINTS: usize = 1_000_000;

type Function = fn(&mut Builder, V) -> V;

unsafe extern "C" {
    safe fn erf(x: f64) -> f64;
}

/// Asserts the worst error over all points, of which half lie within `bend` of zero.
fn check(name: &str, function: Function, exact: impl Fn(f64) -> f64, bend: f32) {
    check_up_to(name, function, exact, bend, f32::INFINITY);
}

/// Like [`check`]; of x beyond `reach` the result is only asserted to be a number.
fn check_up_to(name: &str, function: Function, exact: impl Fn(f64) -> f64, bend: f32, reach: f32) {
    let mut random = Random(bend.to_bits().into());
    let mut points: Vec<f32> = SPECIAL.iter().map(|bits| f32::from_bits(*bits)).collect();
    while points.len() < POINTS {
        points.push(f32::from_bits(random.bits() as u32));
        points.push((random.below(1 << 32) as f64 / f64::from(1_u32 << 31) - 1.0) as f32 * bend);
    }
    let results = run(name, &[&points], |k, x| function(k, x[0]));
    let mut worst = Worst::new(name);
    for (i, &x) in points.iter().enumerate().take(POINTS) {
        if x.abs() <= reach || !x.is_finite() {
            worst.see(&[x], &results.iter().map(|of| of[i]).collect::<Vec<f32>>(), exact(x.into()));
        } else {
            assert!(!results[0][i].is_nan(), "{name}({x}) = {}", results[0][i]);
        }
    }
    let least = if reach.is_finite() { POINTS / 2 } else { POINTS * 9 / 10 };
    assert!(worst.numbers > least);
}

/// Asserts that angles from a million up to 2^36 are off by no more than the last places of a right angle.
fn check_far(name: &str, function: Function, exact: impl Fn(f64) -> f64) {
    let mut random = Random(36);
    let bits = |x: f32| x.to_bits() as usize;
    let (least, most) = (bits(1e6), bits(2_f32.powi(36)));
    let mut point =
        || f32::from_bits((least + random.below(most - least)) as u32) * [1.0, -1.0][random.below(2)];
    let points: Vec<f32> = (0..POINTS).map(|_| point()).collect();
    let results = run(name, &[&points], |k, x| function(k, x[0]));
    let mut worst = 0.0_f64;
    for (i, &x) in points.iter().enumerate() {
        let (got, want) = (results[0][i], exact(x.into()));
        assert!(results.iter().all(|of| of[i].to_bits() == got.to_bits()), "{name}({x}) of each emitter");
        // The slope of the tangent, and more than that of the sine.
        let error = (f64::from(got) - want).abs() / (1.0 + want * want);
        assert!(error <= 2_f64.powi(-22), "{name}({x}) = {got}, not {want}");
        worst = worst.max(error);
    }
    eprintln!("{name}: the angle is off by at most 2^{:.2}", worst.log2());
}

/// The results of a function by the emitters for either width, at points of as many coordinates as it has operands.
fn run(name: &str, points: &[&[f32]], function: impl Fn(&mut Builder, &[V]) -> V) -> Vec<Vec<f32>> {
    let mut all = Vec::new();
    for lanes in WIDTHS {
        let mut k = Builder::new(name);
        let args: Vec<_> = (0..=points.len() as u32).map(|i| k.arg(i)).collect();
        k.repeat((POINTS / lanes) as u64, |k| {
            k.with_lanes(lanes, |k| {
                let operands: Vec<V> = args[1..].iter().map(|arg| k.load(arg.at(0))).collect();
                let result = function(k, &operands);
                k.store(result, args[0].at(0));
            });
            args.iter().for_each(|&arg| k.advance(arg, 4 * lanes as i64));
        });
        let kernel = k.finish();
        for emitter in emitters(lanes) {
            let mut results = vec![0_f32; POINTS];
            let compiled = Compiled::new(&kernel, emitter).expect("few registers");
            let mut words = vec![results.as_mut_ptr() as u64];
            words.extend(points.iter().map(|x| x.as_ptr() as u64));
            // SAFETY: all arrays are of POINTS lanes.
            unsafe { compiled.run(&words) };
            all.push(results);
        }
    }
    all
}

/// The worst error so far, and where.
struct Worst<'a> {
    name: &'a str,
    error: f64,
    at: Vec<f32>,
    numbers: usize,
}

impl<'a> Worst<'a> {
    fn new(name: &'a str) -> Worst<'a> {
        Worst { name, error: 0.0, at: Vec::new(), numbers: 0 }
    }

    /// Compares what all emitters got with what is right.
    fn see(&mut self, at: &[f32], all: &[f32], want: f64) {
        let (name, got) = (self.name, all[0]);
        self.numbers += usize::from(!at.iter().any(|x| x.is_nan()));
        if want.is_nan() {
            assert!(all.iter().all(|x| x.is_nan()), "{name}{at:?} = {all:?}");
            return;
        }
        assert!(all.iter().all(|x| x.to_bits() == got.to_bits()), "{name}{at:?} = {all:?}");
        let error = ulps(got, want);
        assert!(error <= 4.0, "{name}{at:?} = {got:e}, {error} ulp from {want:e}");
        if at[0] == 0.0 {
            assert_eq!(got.to_bits(), (want as f32).to_bits(), "{name}{at:?} = {got:?}");
        }
        if error > self.error {
            (self.error, self.at) = (error, at.to_vec());
        }
    }
}

impl Drop for Worst<'_> {
    fn drop(&mut self) {
        eprintln!(
            "{}: at most {:.3} ulp, at {:?}, of {} points",
            self.name, self.error, self.at, self.numbers
        );
    }
}

#[test]
fn powers_are_within_four_ulps() {
    if !is_able() {
        return;
    }
    let mut random = Random(7);
    let special =
        SPECIAL.iter().map(|bits| f32::from_bits(*bits)).chain([1.0, -1.0, 0.5, 2.0, 3.0, -3.0, -4.0]);
    let special: Vec<f32> = special.collect();
    let (mut x, mut y): (Vec<f32>, Vec<f32>) =
        special.iter().flat_map(|&x| special.iter().map(move |&y| (x, y))).unzip();
    let mut unit = || random.bits() as u32 as f32 / u32::MAX as f32;
    while x.len() < POINTS {
        // Any number to a power that stays in range, one near 1 to a large one, and small integers.
        let bits = f32::from_bits((unit() * f32::INFINITY.to_bits() as f32) as u32);
        x.push(bits);
        y.push((unit() * 200.0 - 100.0) / bits.log2());
        x.push(1.0 + (unit() - 0.5) * 0.01);
        y.push((unit() - 0.5) * 3e4);
        x.push((unit() * 40.0).floor() - 20.0);
        y.push((unit() * 40.0).floor() - 20.0);
    }
    let results = run("pow", &[&x, &y], |k, x| math::pow(k, x[0], x[1]));
    let mut worst = Worst::new("pow");
    for i in 0..POINTS {
        let all: Vec<f32> = results.iter().map(|of| of[i]).collect();
        worst.see(&[x[i], y[i]], &all, f64::from(x[i]).powf(y[i].into()));
    }
    assert!(worst.numbers > POINTS * 9 / 10);
}

#[test]
fn functions_are_within_four_ulps() {
    if !is_able() {
        return;
    }
    check("exp", math::exp, f64::exp, 110.0);
    let below = |k: &mut Builder, x: V| {
        let least = k.bin(Bin::Min, x, 88.0);
        math::exp_m1(k, least)
    };
    check("exp - 1", below, |x| x.min(88.0).exp_m1(), 20.0);
    check("softplus", math::softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), 110.0);
    check("softplus near zero", math::softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), 4.0);
    // Up to a million, zeros of the functions included.
    check_up_to("sin", math::sin, f64::sin, 1e6, 1e6);
    check_up_to("sin near zero", math::sin, f64::sin, 7.0, 1e6);
    check_up_to("cos", math::cos, f64::cos, 1e6, 1e6);
    check_up_to("cos near zero", math::cos, f64::cos, 7.0, 1e6);
    check_up_to("tan", math::tan, f64::tan, 1e6, 1e6);
    check_up_to("tan near zero", math::tan, f64::tan, 7.0, 1e6);
    check_far("far sin", math::sin, f64::sin);
    check_far("far cos", math::cos, f64::cos);
    check_far("far tan", math::tan, f64::tan);
    check("asin", math::asin, f64::asin, 1.0);
    check("acos", math::acos, f64::acos, 1.0);
    check("atan", math::atan, f64::atan, 10.0);
    check("atan near zero", math::atan, f64::atan, 1.0);
    check("sinh", math::sinh, f64::sinh, 90.0);
    check("sinh near zero", math::sinh, f64::sinh, 2.0);
    check("cosh", math::cosh, f64::cosh, 90.0);
    check("asinh", math::asinh, f64::asinh, 1e6);
    check("asinh near zero", math::asinh, f64::asinh, 2.0);
    check("acosh", math::acosh, f64::acosh, 1e3);
    check("acosh near one", math::acosh, f64::acosh, 2.0);
    check("atanh", math::atanh, f64::atanh, 1.0);
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
        for emitter in emitters(LANES) {
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
