//! Functions of reals as formulas, computed in f64; of an f32 the result is rounded once more.
//!
//! ```text
//! exp(x)  = 2^n * (1 + p(r))                      n = round(x / ln 2), r = x - n ln 2, p(r) = e^r - 1
//! log(x)  = n ln 2 + 2 artanh(s)                  x = 2^n m, m between sqrt(1/2) and sqrt(2), s = (m - 1) / (m + 1)
//! e^x - 1 = 2^n p(r) + (2^n - 1)
//! tanh(x) = t / (t + 2)                           t = e^2x - 1
//! erf(x)  = e^(-x^2) sum of a_n                   a_0 = 2x / sqrt(pi), a_n = a_(n-1) 2x^2 / (2n + 1)
//! sin(x)  = +- sin(r) or cos(r)                   r = x - n pi/2, many whole turns taken off before
//! atan(x) = 4 atan(t)                             atan(x) = 2 atan(x / (1 + sqrt(1 + x^2))), twice
//! x^y     = x x^2 x^4 ..                          those that y has bits for, where it is whole and below 2^10
//!         = exp(y log x)                          of others
//! ```
//!
//! Relative errors are below 1e-14, denormal numbers and infinities included; a NaN gives a NaN. Angles beyond 2^90
//! have no turn left that could be told: what they give is a sine, of no angle in particular. Powers lose as many
//! places as the exponent has, but those that are exact by squaring none. Series are those of Taylor, long enough for
//! the reduced argument: this is code for what is computed seldom.

use super::Value;
use cnnc_ir::DType;
use std::f64::consts::{FRAC_2_PI, FRAC_2_SQRT_PI, FRAC_PI_2, LN_2, LOG2_E, SQRT_2};

/// `ln 2` as a sum of two numbers: the first has few enough bits for its products with exponents to be exact.
const LN2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];

/// `pi / 2` as a sum of three numbers, each the nearest to what is left.
const QUARTER: [f64; 3] = [FRAC_PI_2, 6.123_233_995_736_766e-17, -1.497_384_904_859_169_8e-33];

/// The f64 near 2^41 that is nearest to a number of whole turns, and what it is more than that.
const TURNS: [f64; 2] = [2_253_666_990_800.898_4, -6.004489456758327e-17];

/// Squarings for whole exponents: so many bits hold all that a power of two can have and be finite.
const SQUARINGS: usize = 10;

/// Bits of the mantissa of an f64.
const MANTISSA: i32 = 52;

/// The exponent field of 1.0.
const BIAS: i32 = 1023;

/// `e^x`
pub fn exp(x: Value) -> Value {
    in_f64(x, |x| halved_exp(x, 0))
}

/// `e^x - 1`, without what the difference of two numbers near one would lose.
pub fn exp_m1(x: Value) -> Value {
    in_f64(x, |x| {
        let near = bounded_exp_m1(x, -40.0, 700.0);
        let y = x.gt(700).select(exp(x), near);
        x.equals(0).select(x, y)
    })
}

/// `(e^x - e^-x) / (e^x + e^-x)`
pub fn tanh(x: Value) -> Value {
    in_f64(x, |x| {
        let t = bounded_exp_m1(x + x, -40.0, 40.0);
        // The sign of a zero is lost on the way.
        x.equals(0).select(x, t / (t + 2))
    })
}

/// The natural logarithm: minus infinity at either zero, NaN below.
pub fn log(x: Value) -> Value {
    in_f64(x, |x| {
        let is_denormal = x.lt(f64::MIN_POSITIVE);
        let scaled = is_denormal.select(x * 2f64.powi(MANTISSA), x);
        // Counted from the bits of sqrt(1/2), the exponent field is n.
        let root = (SQRT_2 / 2.0).to_bits() as i64;
        let n = (scaled.bits(DType::I64) - root) >> MANTISSA;
        let m = (scaled.bits(DType::I64) - (n << MANTISSA)).bits(DType::F64);
        let s = (m - 1) / (m + 1);
        let square = s * s;
        let terms: Vec<f64> = (0..12).map(|k| 2.0 / f64::from(2 * k + 1)).collect();
        let n = (n - is_denormal.to(DType::I64) * MANTISSA).to(DType::F64);
        let y = n.mul_add(LN2[0], n.mul_add(LN2[1], s * horner(square, &terms)));
        let below = x.lt(0).select(x.like(f64::NAN), x.like(f64::NEG_INFINITY));
        let y = x.gt(0).select(y, below);
        x.lt(f64::INFINITY).select(y, x)
    })
}

/// The natural logarithm of one more.
pub fn log_1p(x: Value) -> Value {
    in_f64(x, |x| {
        // What is lost in the sum, the quotient makes up for.
        let sum = x + 1;
        let y = log(sum) * (x / (sum - 1));
        let is_plain = sum.differs(1) & x.lt(f64::INFINITY);
        is_plain.select(y, x)
    })
}

/// `2 / sqrt(pi)` times the integral of `e^(-t^2)` from 0 to x.
pub fn erf(x: Value) -> Value {
    in_f64(x, |x| {
        let bounded = between(-6.0, x, 6.0);
        let square = bounded * bounded;
        let first = bounded * FRAC_2_SQRT_PI;
        // The sum of all terms, all of one sign, is that of x.
        let [sum, _] = x.builder().fold(150, [first, first], |n, [sum, term]| {
            let term = term * (square + square) / ((n + 1) * 2 + 1).to(DType::F64);
            [sum + term, term]
        });
        exp(-square) * sum
    })
}

/// The sine.
pub fn sin(x: Value) -> Value {
    // The sign of a zero is lost on the way.
    in_f64(x, |x| x.equals(0).select(x, turned(x, 0)))
}

/// The cosine.
pub fn cos(x: Value) -> Value {
    in_f64(x, |x| turned(x, 1))
}

/// The tangent.
pub fn tan(x: Value) -> Value {
    in_f64(x, |x| x.equals(0).select(x, turned(x, 0) / turned(x, 1)))
}

/// The sine of x and so many right angles.
fn turned(x: Value, quarters: i32) -> Value {
    let [turns, more] = TURNS;
    let far = (x * turns.recip()).round_even();
    let x = far.mul_add(-turns, x);
    let n = (x * FRAC_2_PI).round_even();
    let r = QUARTER.iter().fold(x, |r, &part| n.mul_add(-part, r));
    // Of the greatest nothing right is left; what is left must not reach beyond the series.
    let r = between(-1.0, far.mul_add(more, r), 1.0);
    let square = r * r;
    let terms = |first: u32| -> Vec<f64> {
        let inverse = |n: u32| (1..=n).map(f64::from).product::<f64>().recip();
        (0..10).map(|k| if k % 2 == 0 { 1.0 } else { -1.0 } * inverse(2 * k + first)).collect()
    };
    let (sin, cos) = (r * horner(square, &terms(1)), horner(square, &terms(0)));
    let n = n.to(DType::I64) + quarters;
    let y = (n & 1).equals(0).select(sin, cos);
    (n & 2).equals(0).select(y, -y)
}

/// The arc tangent, from -pi/2 to pi/2.
pub fn atan(x: Value) -> Value {
    in_f64(x, |x| {
        let is_steep = x.abs().gt(1);
        let t = is_steep.select(x.like(1) / x.abs(), x.abs());
        let t = t / ((t * t + 1).sqrt() + 1);
        let t = t / ((t * t + 1).sqrt() + 1);
        let terms: Vec<f64> =
            (0..13).map(|k| if k % 2 == 0 { 4.0 } else { -4.0 } / f64::from(2 * k + 1)).collect();
        let y = t * horner(t * t, &terms);
        let y = is_steep.select(-y + FRAC_PI_2, y);
        let y = x.lt(0).select(-y, y);
        // Halves of denormal numbers lose places, and zeros their sign.
        x.abs().lt(2f64.powi(-30)).select(x, y)
    })
}

/// The arc sine, from -pi/2 to pi/2.
pub fn asin(x: Value) -> Value {
    in_f64(x, |x| atan(x / ((-x + 1) * (x + 1)).sqrt()))
}

/// The arc cosine, from 0 to pi.
pub fn acos(x: Value) -> Value {
    in_f64(x, |x| atan(((-x + 1) / (x + 1)).sqrt()) * 2)
}

/// The hyperbolic sine.
pub fn sinh(x: Value) -> Value {
    in_f64(x, |x| {
        let t = bounded_exp_m1(x.abs(), -1.0, 40.0);
        let near = (t + t / (t + 1)) * 0.5;
        let y = x.abs().lt(30).select(near, halved_exp(x.abs(), 1));
        let y = x.lt(0).select(-y, y);
        x.equals(0).select(x, y)
    })
}

/// The hyperbolic cosine.
pub fn cosh(x: Value) -> Value {
    in_f64(x, |x| {
        let half = halved_exp(x.abs(), 1);
        half + half.like(0.25) / half
    })
}

/// The inverse of the hyperbolic sine.
pub fn asinh(x: Value) -> Value {
    in_f64(x, |x| {
        let size = x.abs();
        let square = size * size;
        let near = log_1p(size + square / ((square + 1).sqrt() + 1));
        let y = size.lt(1e8).select(near, log(size) + LN_2);
        let y = x.lt(0).select(-y, y);
        x.equals(0).select(x, y)
    })
}

/// The inverse of the hyperbolic cosine, from 0 on; NaN below 1.
pub fn acosh(x: Value) -> Value {
    in_f64(x, |x| {
        let above = x - 1;
        let near = log_1p(above + (above * (above + 2)).sqrt());
        // Below 1 the root may cancel what is above.
        let y = x.gt(1e8).select(log(x) + LN_2, near);
        x.lt(1).select(x.like(f64::NAN), y)
    })
}

/// The inverse of the hyperbolic tangent; NaN outside of -1..1.
pub fn atanh(x: Value) -> Value {
    in_f64(x, |x| {
        let size = x.abs();
        let y = log_1p(size * 2 / (-size + 1)) * 0.5;
        let y = x.lt(0).select(-y, y);
        x.equals(0).select(x, y)
    })
}

/// `x^y`, with the special cases of IEEE 754.
pub fn pow<'k>(x: Value<'k>, y: Value<'k>) -> Value<'k> {
    let wide = y.to(DType::F64);
    in_f64(x, |x| {
        let size = x.abs();
        let power = size.equals(1).select(x.like(1), exp(log(size) * wide));
        let is_whole = wide.trunc().equals(wide);
        let product = whole_power(size, wide.abs().to(DType::I64), SQUARINGS);
        let exact = wide.lt(0).select(x.like(1) / product, product);
        // One over what is out of range need not be zero.
        let fits = wide.abs().lt(1 << SQUARINGS) & (wide.ge(0) | product.lt(f64::INFINITY));
        let power = (is_whole & fits).select(exact, power);
        let half = wide * 0.5;
        let is_odd = is_whole & half.trunc().differs(half);
        let is_negative = x.bits(DType::I64).lt(0);
        let signed = (is_negative & is_odd).select(-power, power);
        let is_none = x.lt(0) & x.gt(f64::NEG_INFINITY) & !is_whole;
        let y = is_none.select(x.like(f64::NAN), signed);
        let y = (x.differs(x) | wide.differs(wide)).select(x + wide, y);
        (wide.equals(0) | x.equals(1)).select(x.like(1), y)
    })
}

/// `x^n`, n not negative and of so many bits: the product of the squares of squares of x that n has bits for.
pub fn whole_power<'k>(x: Value<'k>, n: Value<'k>, bits: usize) -> Value<'k> {
    let [product, ..] = x.builder().fold(bits, [x.like(1), x, n], |_, [product, x, n]| {
        [(n & 1).equals(1).select(product * x, product), x * x, n >> 1]
    });
    product
}

/// What is left of `x / y` truncated, exactly, with the sign of x.
///
/// From the greatest `y 2^k` not above x down, each is taken away where it can be: both are so near that the difference
/// is exact.
pub fn remainder<'k>(x: Value<'k>, y: Value<'k>) -> Value<'k> {
    let divisor = y.to(DType::F64).abs();
    in_f64(x, |x| {
        let exponent = |x: Value<'k>| x.bits(DType::I64) >> MANTISSA;
        let size = x.abs();
        // The exponent of a denormal divisor is seen when it is raised; the last steps lower it again.
        let is_denormal = divisor.lt(f64::MIN_POSITIVE);
        let raised = is_denormal.select(divisor * 2f64.powi(MANTISSA), divisor);
        let steps = exponent(size) - exponent(raised);
        let trips = steps + 1 + is_denormal.to(DType::I64) * MANTISSA;
        let [rest] = x.builder().fold(trips, [size], |i, [rest]| {
            let shift = steps - i;
            let part = raised * power(shift >> 1) * power(shift - (shift >> 1));
            [rest.ge(part).select(rest - part, rest)]
        });
        let rest = x.lt(0).select(-rest, rest);
        let is_defined = size.lt(f64::INFINITY) & divisor.gt(0);
        let rest = rest.equals(0).select((x.bits(DType::I64) & i64::MIN).bits(DType::F64), rest);
        is_defined.select(rest, x.like(f64::NAN))
    })
}

/// Applies a function of f64 to a real.
fn in_f64<'k>(x: Value<'k>, f: impl FnOnce(Value<'k>) -> Value<'k>) -> Value<'k> {
    if !x.dtype().is_float() {
        x.builder().fault(&format!("a function of reals is given {}", x.dtype()));
    }
    f(x.to(DType::F64)).to(x.dtype())
}

/// `e^x / 2^halvings`
fn halved_exp(x: Value, halvings: i32) -> Value {
    let (p, n) = reduced_exp_m1(x, -746.0, 711.0);
    let n = n - halvings;
    // In two factors: one alone would be out of range for the largest and for denormal results.
    let half = n >> 1;
    (p + 1) * power(half) * power(n - half)
}

/// `e^x - 1` of x moved between the bounds.
fn bounded_exp_m1(x: Value, least: f64, most: f64) -> Value {
    let (p, n) = reduced_exp_m1(x, least, most);
    p.mul_add(power(n), power(n) - 1)
}

/// `e^r - 1` and n, where x, moved between the bounds, is `r + n ln 2`.
fn reduced_exp_m1(x: Value, least: f64, most: f64) -> (Value, Value) {
    let x = between(least, x, most);
    let n = (x * LOG2_E).round_even();
    let r = n.mul_add(-LN2[0], x);
    let r = n.mul_add(-LN2[1], r);
    let terms: Vec<f64> = (1..=14)
        .scan(1.0, |factorial, k| {
            *factorial *= f64::from(k);
            Some(1.0 / *factorial)
        })
        .collect();
    (r * horner(r, &terms), n.to(DType::I64))
}

/// `x`, or the bound it passes; a NaN stays, for it is the second operand.
fn between(least: f64, x: Value, most: f64) -> Value {
    let x = x.like(least).max(x);
    x.like(most).min(x)
}

/// `2^n` for a normal result.
fn power(n: Value) -> Value {
    ((n + BIAS) << MANTISSA).bits(DType::F64)
}

/// The polynomial of those coefficients, by power from 0.
fn horner<'k>(x: Value<'k>, coefficients: &[f64]) -> Value<'k> {
    let mut powers = coefficients.iter().rev();
    let first = x.like(powers.next().copied().unwrap_or(0.0));
    powers.fold(first, |sum, &c| sum.mul_add(x, c))
}
