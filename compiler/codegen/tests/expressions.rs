//! Expressions of scalar code against the arithmetic of Rust, by both emitters, on numbers that are corner cases.

mod common;

use cnnc_codegen::Target;
use cnnc_codegen::kernels::scalar::Scalar;
use cnnc_codegen::plan::{
    Access, Arg, Buffer, BufferId, Call, Layout, Place, Program, Space, Step, Term, Work, check::check,
};
use cnnc_codegen::scalar::{Builder, Value, math};
use cnnc_ir::{DType, Data, Element, Shape, Tensor, text};

/// A program of one step that computes a formula of the elements of two operands, and its module.
fn program(
    operands: [&Data; 2],
    result: DType,
    formula: impl for<'k> Fn(&'k Builder, [Value<'k>; 2]) -> Value<'k>,
) -> (cnnc_ir::Module, Program) {
    let count = operands[0].len();
    let [a, b] = operands.map(Data::dtype);
    let k = Builder::new();
    let value = formula(&k, [k.load(0, a, k.index()), k.load(1, b, k.index())]);
    let body = k.finish(value).unwrap();
    assert_eq!(body.dtype(), result);
    let buffer = |name: &str, dtype: DType, space| Buffer {
        name: name.into(),
        dtype,
        shape: vec![count],
        layout: Layout::Plain,
        bytes: (count * dtype.bytes()) as u64,
        space,
        offset: 0,
    };
    let address = |buffer: u32, dtype: DType, access| Arg::Address {
        place: Place { buffer: BufferId(buffer), offset: 0 },
        terms: vec![Term::Index { dim: 0, stride: 0 }],
        access,
        span: 0..(count * dtype.bytes()) as i64,
    };
    let number = |from| Arg::Number { from, dim: 0, step: 0 };
    let call = Call {
        kernel: Scalar { body, stride: result.bytes() as i64 }.into(),
        extents: vec![1],
        window: None,
        args: vec![
            address(2, result, Access::Write),
            number(0),
            number(count as i64),
            address(0, a, Access::Read),
            address(1, b, Access::Read),
        ],
    };
    let step = Step {
        name: "y".into(),
        op: "formula".into(),
        algorithm: "scalar".into(),
        work: Work::Nests(vec![call]),
        macs: 0,
    };
    let program = Program {
        decisions: Vec::new(),
        name: "g".into(),
        buffers: vec![
            buffer("a", a, Space::Input(0)),
            buffer("b", b, Space::Input(1)),
            buffer("y", result, Space::Output(0)),
        ],
        steps: vec![step],
        weights: Default::default(),
        arena_bytes: 0,
        arena_bound: 0,
        scratch_bytes: 0,
        results: vec![BufferId(2)],
    };
    // Only its types are looked at.
    let graph = format!(
        "graph @g(%a: {a}[{count}], %b: {b}[{count}]) {{\n  %x: f64[{count}] = cast %a, to=f64\n  \
         %y: {result}[{count}] = cast %x, to={result}\n  return %y\n}}\n"
    );
    (text::parse(&graph).unwrap(), program)
}

/// Compares a formula with a function of Rust on all pairs, by `same`; answers how many it compared.
fn compare<A: Element, B: Element, R: Element>(
    a: &[A],
    b: &[B],
    formula: impl for<'k> Fn(&'k Builder, [Value<'k>; 2]) -> Value<'k>,
    wanted: impl Fn(A, B) -> R,
    same: impl Fn(R, R) -> bool,
) -> usize {
    let pairs: Vec<(A, B)> = a.iter().flat_map(|&a| b.iter().map(move |&b| (a, b))).collect();
    let left: Vec<A> = pairs.iter().map(|p| p.0).collect();
    let right: Vec<B> = pairs.iter().map(|p| p.1).collect();
    let shape = Shape::new([pairs.len()]).unwrap();
    let inputs = [Tensor::of(&shape, left), Tensor::of(&shape, right)];
    let (module, program) = program([inputs[0].data(), inputs[1].data()], R::DTYPE, formula);
    check(&program).unwrap();
    let mut compared = 0;
    for target in [Target::x86_64_v3(), Target::clif()] {
        let outputs = common::run_program(&module, &program, &target, &inputs, 1);
        for (&(x, y), &got) in pairs.iter().zip(outputs[0].slice::<R>()) {
            let want = wanted(x, y);
            assert!(same(want, got), "of {x:?} and {y:?}: {got:?}, wanted {want:?}");
            compared += 1;
        }
    }
    compared
}

fn equal<T: PartialEq>(a: T, b: T) -> bool {
    a == b
}

const I64: [i64; 10] = [i64::MIN, i64::MIN + 1, -300, -7, -1, 0, 1, 5, 1 << 40, i64::MAX];
const I32: [i32; 10] = [i32::MIN, i32::MIN + 1, -300, -7, -1, 0, 1, 5, 1 << 20, i32::MAX];
const I16: [i16; 9] = [i16::MIN, -32767, -300, -7, -1, 0, 1, 500, i16::MAX];
const U16: [u16; 7] = [0, 1, 2, 7, 32767, 32768, 65535];
const I8: [i8; 9] = [i8::MIN, -127, -100, -7, -1, 0, 1, 5, i8::MAX];
const U8: [u8; 7] = [0, 1, 2, 7, 127, 128, 255];
const F64: [f64; 19] = [
    f64::NEG_INFINITY,
    -1e300,
    -3e9,
    -2147483649.0,
    -255.5,
    -128.6,
    -2.5,
    -1.0,
    -1e-310,
    -0.0,
    0.0,
    0.5,
    1.5,
    127.5,
    255.5,
    256.0,
    9.3e18,
    f64::INFINITY,
    f64::NAN,
];

macro_rules! integer_arithmetic {
    ($numbers:expr, $t:ty) => {{
        let n = &$numbers;
        let div = |x: $t, y: $t| if y == 0 { 0 } else { x.wrapping_div(y) };
        let rem = |x: $t, y: $t| if y == 0 { 0 } else { x.wrapping_rem(y) };
        let width = <$t>::BITS;
        compare(n, n, |_, [a, b]| a + b, <$t>::wrapping_add, equal)
            + compare(n, n, |_, [a, b]| a - b, <$t>::wrapping_sub, equal)
            + compare(n, n, |_, [a, b]| a * b, <$t>::wrapping_mul, equal)
            + compare(n, n, |_, [a, b]| a / b, div, equal)
            + compare(n, n, |_, [a, b]| a % b, rem, equal)
            + compare(n, n, |_, [a, b]| a.min(b), Ord::min, equal)
            + compare(n, n, |_, [a, b]| a.max(b), Ord::max, equal)
            + compare(n, n, |_, [a, b]| a & b, |x, y| x & y, equal)
            + compare(n, n, |_, [a, b]| a | b, |x, y| x | y, equal)
            + compare(n, n, |_, [a, b]| a ^ b, |x, y| x ^ y, equal)
            + compare(n, n, |_, [a, b]| a << b, |x, y| x.wrapping_shl(y as u32 % width), equal)
            + compare(n, n, |_, [a, b]| a >> b, |x, y| x.wrapping_shr(y as u32 % width), equal)
            + compare(n, n, |_, [a, b]| a.lt(b), |x, y| x < y, equal)
            + compare(n, n, |_, [a, b]| a.le(b), |x, y| x <= y, equal)
            + compare(n, n, |_, [a, b]| a.gt(b), |x, y| x > y, equal)
            + compare(n, n, |_, [a, b]| a.ge(b), |x, y| x >= y, equal)
            + compare(n, n, |_, [a, b]| a.equals(b), |x, y| x == y, equal)
            + compare(n, n, |_, [a, b]| a.differs(b), |x, y| x != y, equal)
            + compare(n, n, |_, [a, _]| -a, |x, _| x.wrapping_neg(), equal)
            + compare(n, n, |_, [a, _]| !a, |x, _| !x, equal)
            + compare(n, n, |_, [a, b]| a.lt(b).select(a, b), |x, y| if x < y { x } else { y }, equal)
            + compare(n, n, |_, [a, _]| a / 7, |x, _| x / 7, equal)
            + compare(n, n, |_, [a, _]| a % 7, |x, _| x % 7, equal)
            + compare(n, n, |_, [a, _]| a / 4, |x, _| x / 4, equal)
    }};
}

#[test]
fn integers() {
    let pairs = |n: usize| 2 * n * n;
    assert_eq!(integer_arithmetic!(I64, i64), 24 * pairs(10));
    assert_eq!(integer_arithmetic!(I32, i32), 24 * pairs(10));
    assert_eq!(integer_arithmetic!(I16, i16), 24 * pairs(9));
    assert_eq!(integer_arithmetic!(U16, u16), 24 * pairs(7));
    assert_eq!(integer_arithmetic!(I8, i8), 24 * pairs(9));
    assert_eq!(integer_arithmetic!(U8, u8), 24 * pairs(7));
    let abs = compare(&I64, &I64, |_, [a, _]| a.abs(), |x, _| x.wrapping_abs(), equal)
        + compare(&I16, &I16, |_, [a, _]| a.abs(), |x, _| x.wrapping_abs(), equal)
        + compare(&U16, &U16, |_, [a, _]| a.abs(), |x, _| x, equal)
        + compare(&I8, &I8, |_, [a, _]| a.abs(), |x, _| x.wrapping_abs(), equal)
        + compare(&U8, &U8, |_, [a, _]| a.abs(), |x, _| x, equal);
    assert_eq!(abs, pairs(10) + 2 * (pairs(9) + pairs(7)));
}

#[test]
fn truth_values() {
    let both = [false, true];
    let count = compare(&both, &both, |_, [a, b]| a & b, |x, y| x & y, equal)
        + compare(&both, &both, |_, [a, b]| a | b, |x, y| x | y, equal)
        + compare(&both, &both, |_, [a, b]| a ^ b, |x, y| x ^ y, equal)
        + compare(&both, &both, |_, [a, b]| a + b, |x, y| x | y, equal)
        + compare(&both, &both, |_, [a, b]| a - b, |x, y| x ^ y, equal)
        + compare(&both, &both, |_, [a, b]| a * b, |x, y| x & y, equal)
        + compare(&both, &both, |_, [a, b]| a / b, |x, y| x & y, equal)
        + compare(&both, &both, |_, [a, b]| a.max(b), |x, y| x | y, equal)
        + compare(&both, &both, |_, [a, _]| !a, |x, _| !x, equal);
    assert_eq!(count, 9 * 8);
}

/// Bits, of a NaN that it is one.
fn same_f64(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

fn same_f32(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

#[test]
fn reals() {
    let n = &F64;
    let f: Vec<f32> = F64.iter().map(|&x| x as f32).collect();
    let f = &f[..];
    let count = compare(n, n, |_, [a, b]| a + b, |x, y| x + y, same_f64)
        + compare(n, n, |_, [a, b]| a - b, |x, y| x - y, same_f64)
        + compare(n, n, |_, [a, b]| a * b, |x, y| x * y, same_f64)
        + compare(n, n, |_, [a, b]| a / b, |x, y| x / y, same_f64)
        + compare(f, f, |_, [a, b]| a / b, |x, y| x / y, same_f32)
        + compare(n, n, |_, [a, b]| a.min(b), |x, y| if x < y { x } else { y }, same_f64)
        + compare(n, n, |_, [a, b]| a.max(b), |x, y| if x > y { x } else { y }, same_f64)
        + compare(f, f, |_, [a, b]| a.mul_add(b, a), |x, y| x.mul_add(y, x), same_f32)
        + compare(n, n, |_, [a, b]| a.mul_add(b, 0.5), |x, y| x.mul_add(y, 0.5), same_f64)
        + compare(n, n, |_, [a, b]| a.lt(b), |x, y| x < y, equal)
        + compare(n, n, |_, [a, b]| a.le(b), |x, y| x <= y, equal)
        + compare(n, n, |_, [a, b]| a.gt(b), |x, y| x > y, equal)
        + compare(n, n, |_, [a, b]| a.equals(b), |x, y| x == y, equal)
        + compare(n, n, |_, [a, b]| a.differs(b), |x, y| x != y, equal)
        + compare(n, n, |_, [a, _]| -a, |x, _| -x, same_f64)
        + compare(n, n, |_, [a, _]| a.abs(), |x, _| x.abs(), same_f64)
        + compare(n, n, |_, [a, _]| a.sqrt(), |x, _| x.sqrt(), same_f64)
        + compare(n, n, |_, [a, _]| a.floor(), |x, _| x.floor(), same_f64)
        + compare(f, f, |_, [a, _]| a.ceil(), |x, _| x.ceil(), same_f32)
        + compare(n, n, |_, [a, _]| a.trunc(), |x, _| x.trunc(), same_f64)
        + compare(f, f, |_, [a, _]| a.round_even(), |x, _| x.round_ties_even(), same_f32)
        + compare(n, n, |_, [a, _]| a.bits(DType::I64), |x, _| x.to_bits() as i64, equal)
        + compare(n, n, |_, [a, _]| a.bits(DType::I64).bits(DType::F64), |x, _| x, same_f64);
    assert_eq!(count, 23 * 2 * 19 * 19);
}

/// Every pair of types: as `cast` has it.
#[test]
fn conversions() {
    let numbers: Vec<Data> = vec![
        Data::F64(F64.to_vec()),
        Data::F32(F64.iter().map(|&x| x as f32).collect()),
        Data::F64(F64.to_vec()).cast(DType::F16),
        Data::I64(I64.to_vec()),
        Data::I32(I32.to_vec()),
        Data::I16(I16.to_vec()),
        Data::U16(U16.to_vec()),
        Data::I8(I8.to_vec()),
        Data::U8(U8.to_vec()),
        Data::Bool(vec![true, false]),
    ];
    let mut compared = 0;
    for data in &numbers {
        let shape = Shape::new([data.len()]).unwrap();
        let input = Tensor::new(shape, data.clone()).unwrap();
        for to in DType::ALL {
            let (module, program) = program([data, data], to, |_, [a, _]| a.to(to));
            for target in [Target::x86_64_v3(), Target::clif()] {
                let inputs = [input.clone(), input.clone()];
                let got = &common::run_program(&module, &program, &target, &inputs, 1)[0];
                let want = data.cast(to);
                let (want, got) = (want.to_f64(), got.data().to_f64());
                let same = want.iter().zip(&got).all(|(&w, &g)| same_f64(w, g));
                assert!(same, "{data:?} to {to}: {got:?}, wanted {want:?}");
                compared += want.len();
            }
        }
    }
    assert_eq!(compared, 2 * 10 * (3 * 19 + 2 * 10 + 2 * (9 + 7) + 2));
}

/// All f16 there and back, and f32 around every place where rounding turns.
#[test]
fn halves() {
    let all: Vec<i32> = (0..1 << 16).collect();
    let nothing = [0i32];
    let widened = compare(
        &all,
        &nothing,
        |_, [a, _]| a.bits(DType::F16).to(DType::F32),
        |x, _| half::f16::from_bits(x as u16).to_f32(),
        same_f32,
    );
    let around: Vec<f32> = (0..1u32 << 16)
        .flat_map(|h| {
            [-1i32, 0, 1].map(|step| {
                let x = half::f16::from_bits(h as u16).to_f32();
                // Half way to the next.
                f32::from_bits(x.to_bits().wrapping_add(0x1000).wrapping_add_signed(step))
            })
        })
        .collect();
    let narrowed = compare(
        &around,
        &nothing,
        |_, [a, _]| a.to(DType::F16).bits(DType::I32),
        |x, _| i32::from(half::f16::from_f32(x).to_bits()),
        equal,
    );
    assert_eq!(widened + narrowed, 2 * ((1 << 16) + 3 * (1 << 16)));
}

#[test]
fn folds() {
    let n: Vec<i64> = (-2..9).collect();
    let sum = |x: i64, y: i64| (0..x).map(|i| i * y + 1).sum::<i64>() + y;
    let nested =
        |x: i64, y: i64| (0..x).fold(0i64, |a, i| (0..=i).fold(a, |a, j| a.wrapping_mul(3) + i * j + y));
    let greatest = |x: i64, y: i64| {
        let f = |i: i64| (i * 7 + y) % 5;
        (0..x).fold((i64::MIN, -1), |(m, at), i| if f(i) > m { (f(i), i) } else { (m, at) }).1
    };
    let count = compare(&n, &n, |k, [a, b]| k.sum(a, b, |i| i * b + 1), sum, equal)
        + compare(
            &n,
            &n,
            |k, [a, b]| {
                let zero = k.number(DType::I64, 0);
                k.fold(a, [zero], |i, [s]| k.fold(i + 1, [s], |j, [s]| [s * 3 + i * j + b]))[0]
            },
            nested,
            equal,
        )
        + compare(
            &n,
            &n,
            |k, [a, b]| {
                let first = [k.number(DType::I64, i64::MIN), k.number(DType::I64, -1)];
                k.fold(a, first, |i, [most, at]| {
                    let x = (i * 7 + b) % 5;
                    let better = x.gt(most);
                    [better.select(x, most), better.select(i, at)]
                })[1]
            },
            greatest,
            equal,
        );
    assert_eq!(count, 3 * 2 * 11 * 11);
}

/// Functions over their whole range, relative to their own size.
#[test]
fn functions() {
    let near =
        |want: f64, got: f64| same_f64(want, got) || (want - got).abs() <= 1e-13 * want.abs() && got != 0.0;
    let x: Vec<f64> = (-400..=400)
        .map(|i| f64::from(i) / 37.0)
        .chain([5e-324, -1e-310, -1e-9, 1e-20, -0.0, 690.3, -709.9, 700.0, -745.0, 1e6, -1e9, 1e13, -3e26])
        .chain([f64::INFINITY, f64::NEG_INFINITY, f64::NAN])
        .collect();
    let y = [0.0, 0.5, -2.0, 3.0, -1.5, f64::INFINITY, f64::NAN];
    macro_rules! functions {
        ($($f:ident $of:expr;)*) => { [$(compare(&x, &y[..1], |_, [a, _]| math::$f(a), |x, _| $of(x), near)),*] };
    }
    let counts = functions! {
        exp f64::exp; exp_m1 f64::exp_m1; log f64::ln; log_1p f64::ln_1p; erf libm::erf; sin f64::sin;
        cos f64::cos; tan f64::tan; asin f64::asin; acos f64::acos; atan f64::atan;
        sinh f64::sinh; cosh f64::cosh; tanh f64::tanh; asinh f64::asinh; acosh f64::acosh; atanh f64::atanh;
    };
    assert!(counts.iter().all(|&n| n == 2 * x.len()), "{counts:?}");
    assert_eq!(compare(&x, &y, |_, [a, b]| math::pow(a, b), f64::powf, near), 2 * x.len() * 7);
    let x: Vec<f64> = x.into_iter().chain([2.5e-323, 2.5e-308, -f64::MIN_POSITIVE, f64::MAX]).collect();
    let exact = compare(&x, &x, |_, [a, b]| math::remainder(a, b), |x, y| x % y, same_f64);
    assert_eq!(exact, 2 * x.len() * x.len());
}

/// Sines of angles that hold no place behind the point any more are numbers still, and of infinite ones none.
#[test]
fn sines_of_the_greatest() {
    let x = [1e30, -1e100, f64::MAX, f64::INFINITY];
    let bounded = |want: f64, got: f64| if want.is_nan() { got.is_nan() } else { got.abs() <= 1.0 };
    for f in [math::sin, math::cos] {
        assert_eq!(compare(&x, &[0.0], |_, [a, _]| f(a), |x, _: f64| f64::sin(x), bounded), 2 * x.len());
    }
}

/// Powers with whole exponents that f64 can hold are exact.
#[test]
fn whole_powers() {
    fn power<'k>(_: &'k Builder, [a, b]: [Value<'k>; 2]) -> Value<'k> {
        math::pow(a, b)
    }
    let (x, y): (Vec<f64>, Vec<f64>) =
        ((-60..=60).map(f64::from).collect(), (0..=40).map(f64::from).collect());
    let fits =
        |want: f64, got: f64| want == got || want.abs() > 2f64.powi(53) && (want / got - 1.0).abs() < 1e-14;
    assert_eq!(compare(&x, &y, power, f64::powf, fits), 2 * x.len() * y.len());
    let y: Vec<f64> = (-1022..=1023).map(f64::from).collect();
    assert_eq!(compare(&[2.0, -2.0, 0.5], &y, power, f64::powf, same_f64), 2 * 3 * y.len());
    // One over a power that is out of range is not.
    let denormal = |want: f64, got: f64| (want - got).abs() <= 1e-13 * want && want > 0.0;
    compare(&[2f64.powi(30)], &[-35.0, -34.5], power, f64::powf, denormal);
}

#[test]
fn what_does_not_fit_is_told() {
    let k = Builder::new();
    let (a, b) = (k.load(0, DType::F32, k.index()), k.load(1, DType::I64, k.index()));
    assert_eq!(k.finish(a + b).unwrap_err(), "f32 meets i64");
    let k = Builder::new();
    let a = k.load(0, DType::I32, k.index());
    assert_eq!(k.finish(a.sqrt()).unwrap_err(), "Sqrt of i32");
    let k = Builder::new();
    let mut leak = None;
    let zero = k.number(DType::I64, 0);
    k.sum(4, zero, |i| {
        leak = Some(i);
        i
    });
    assert_eq!(k.finish(leak.unwrap()).unwrap_err(), "what a fold binds is read outside of it");
}

/// An offset that comes from data is refused unless it is bounded.
#[test]
fn places_are_proved() {
    let data = Data::I64(vec![0; 9]);
    let load = |place: for<'k> fn(&'k Builder, Value<'k>) -> Value<'k>| {
        let (_, program) =
            program([&data, &data], DType::I64, |k, [a, _]| k.load(1, DType::I64, place(k, a)));
        check(&program)
    };
    load(|_, a| a.max(0).min(8)).unwrap();
    load(|_, a| a.to(DType::I8).to(DType::I64).max(0) / 15).unwrap();
    load(|k, _| (k.index() * 3 + 2) % 9).unwrap();
    load(|k, a| k.sum(a, k.number(DType::I64, 0), |i| i).max(0).min(8)).unwrap();
    for place in [
        (|_, a| a) as for<'k> fn(&'k Builder, Value<'k>) -> Value<'k>,
        |_, a| a.min(8),
        |_, a| a.max(0).min(9),
        |_, a| a.lt(9).select(a.max(0), 0),
        |k, _| k.index() + 1,
        |k, _| k.index() - 1,
        |k, a| k.sum(a, k.number(DType::I64, 0), |_| k.number(DType::I64, 1)),
        |_, a| a.max(0).min(8) * i64::MAX,
    ] {
        let error = load(place).unwrap_err();
        assert!(error.starts_with("(P1): step y may touch bytes"), "{error}");
    }
}
