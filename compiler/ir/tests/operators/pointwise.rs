//! Element-wise functions: a table of values each, special ones among them, and what f16 makes of them.

use super::{INF, NAN, check, close, exact};
use std::f64::consts::{E, FRAC_PI_2, FRAC_PI_4, LN_2, PI};

/// One case of an operator of one operand: its word, the operand and the result.
fn of_one(cases: &[(&str, &[f64], &[f64])], rtol: f64) {
    for (word, x, y) in cases {
        let nodes = format!("%x: f32[{0}] = const {x:?}\n%y: f32[{0}] = {word} %x", x.len());
        check(&nodes, y, rtol);
    }
}

#[test]
fn exact_functions() {
    let x: &[f64] = &[2.5, -2.5, 0.0, -0.0, INF, -INF, NAN, 0.5, -1.5];
    of_one(
        &[
            ("abs", x, &[2.5, 2.5, 0.0, 0.0, INF, INF, NAN, 0.5, 1.5]),
            ("neg", x, &[-2.5, 2.5, -0.0, 0.0, -INF, INF, NAN, -0.5, 1.5]),
            ("sign", x, &[1.0, -1.0, 0.0, -0.0, 1.0, -1.0, NAN, 1.0, -1.0]),
            ("floor", x, &[2.0, -3.0, 0.0, -0.0, INF, -INF, NAN, 0.0, -2.0]),
            ("ceil", x, &[3.0, -2.0, 0.0, -0.0, INF, -INF, NAN, 1.0, -1.0]),
            ("round", x, &[2.0, -2.0, 0.0, -0.0, INF, -INF, NAN, 0.0, -2.0]),
        ],
        0.0,
    );
    exact(&[
        ("%x: i32[3] = const [5,-2147483648,-3]\n%y: i32[3] = abs %x", &[5.0, -2147483648.0, 3.0]),
        ("%x: i8[3] = const [5,-128,0]\n%y: i8[3] = neg %x", &[-5.0, -128.0, 0.0]),
        ("%x: i64[3] = const [5,-9,0]\n%y: i64[3] = sign %x", &[1.0, -1.0, 0.0]),
        ("%x: u8[2] = const [200,0]\n%y: u8[2] = sign %x", &[1.0, 0.0]),
    ]);
}

#[test]
fn rounded_functions() {
    of_one(
        &[
            ("log", &[1.0, E, 0.0, -0.0, INF, -1.0, NAN], &[0.0, 1.0, -INF, -INF, INF, NAN, NAN]),
            ("erf", &[0.0, 1.0, -1.0, INF, NAN], &[0.0, 0.8427007929497149, -0.8427007929497149, 1.0, NAN]),
            // Nothing overflows, nothing is lost.
            ("softplus", &[0.0, 100.0, -80.0, INF, -INF, NAN], &[LN_2, 100.0, (-80f64).exp(), INF, 0.0, NAN]),
            ("sin", &[0.0, -0.0, FRAC_PI_2, INF], &[0.0, -0.0, 1.0, NAN]),
            ("cos", &[0.0, 1.0, -INF], &[1.0, 0.5403023058681398, NAN]),
            ("tan", &[0.0, -0.0, FRAC_PI_4], &[0.0, -0.0, 1.0]),
            ("asin", &[0.0, 1.0, -1.0, 1.5], &[0.0, FRAC_PI_2, -FRAC_PI_2, NAN]),
            ("acos", &[1.0, -1.0, 0.0, -1.5], &[0.0, PI, FRAC_PI_2, NAN]),
            ("atan", &[0.0, -0.0, 1.0, INF, -INF], &[0.0, -0.0, FRAC_PI_4, FRAC_PI_2, -FRAC_PI_2]),
            ("sinh", &[0.0, -0.0, 1.0, INF], &[0.0, -0.0, 1.1752011936438014, INF]),
            ("cosh", &[0.0, 1.0, -INF], &[1.0, 1.5430806348152437, INF]),
            ("asinh", &[0.0, -0.0, 1.0, INF], &[0.0, -0.0, 0.881373587019543, INF]),
            ("acosh", &[1.0, 2.0, INF, 0.5], &[0.0, 1.3169578969248166, INF, NAN]),
            ("atanh", &[0.0, -0.0, 0.5, 1.0, -1.0, 2.0], &[0.0, -0.0, 0.5493061443340549, INF, -INF, NAN]),
        ],
        1e-6,
    );
}

#[test]
fn functions_of_two() {
    close(&[
        (
            "%a: f32[6] = const [2,-8,4,-2,0,10]\n%b: f32[6] = const [3,2,0.5,0.5,-1,-2]\n%y: f32[6] = pow %a, %b",
            &[8.0, 64.0, 2.0, NAN, INF, 0.01],
        ),
        (
            "%a: f32[7] = const [1,NaN,-0,-0,-inf,-1,NaN]\n%b: f32[7] = const [NaN,0,3,-3,0.5,inf,1]\n\
             %y: f32[7] = pow %a, %b",
            &[1.0, 1.0, -0.0, -INF, INF, 1.0, NAN],
        ),
        (
            "%a: i32[7] = const [3,-2,7,1,-1,0,2]\n%b: i32[7] = const [4,3,0,-5,-5,-1,-1]\n%y: i32[7] = pow %a, %b",
            &[81.0, -8.0, 1.0, 1.0, -1.0, 0.0, 0.0],
        ),
    ]);
    exact(&[
        ("%a: u8[2] = const [16,3]\n%b: u8[2] = const [2,5]\n%y: u8[2] = pow %a, %b", &[0.0, 243.0]),
        (
            "%a: i64[6] = const [-4,7,5,4,-7,8]\n%b: i64[6] = const [2,-3,8,-2,3,-5]\n%y: i64[6] = mod %a, %b",
            &[0.0, -2.0, 5.0, 0.0, 2.0, -2.0],
        ),
        (
            "%a: i32[4] = const [-4,7,5,-2147483648]\n%b: i32[4] = const [3,-3,0,-1]\n\
             %y: i32[4] = mod %a, %b, truncated=true",
            &[-1.0, 1.0, 0.0, 0.0],
        ),
        (
            "%a: f32[7] = const [-4.3,7.25,5,-0,1e30,1,3]\n%b: f32[7] = const [2,-3,8,1,0.5,0,inf]\n\
             %y: f32[7] = mod %a, %b, truncated=true",
            &[f64::from(-4.3f32) + 4.0, 1.25, 5.0, -0.0, 0.0, NAN, 3.0],
        ),
        (
            "%a: f32[7] = const [-4.5,7.25,5,-0,0,-1,3]\n%b: f32[7] = const [2,-3,inf,1,-1,inf,-inf]\n\
             %y: f32[7] = mod %a, %b",
            &[1.5, -1.75, 5.0, 0.0, -0.0, INF, -INF],
        ),
        (
            "%a: i32[5] = const [-5,-5,1,7,-1]\n%b: i32[5] = const [1,40,31,-1,-1]\n\
             %y: i32[5] = shift %a, %b, right=true",
            &[-3.0, -1.0, 0.0, 0.0, -1.0],
        ),
        (
            "%a: i64[4] = const [-5,3,1,1]\n%b: i64[4] = const [1,63,64,-1]\n%y: i64[4] = shift %a, %b",
            &[-10.0, -9223372036854775808.0, 0.0, 0.0],
        ),
        (
            "%x: f32[2,3] = const [-1,2,NaN,-0,-inf,3]\n%s: f32[3] = const [0.5,3,1]\n%y: f32[2,3] = prelu %x, %s",
            &[-0.5, 2.0, NAN, -0.0, -INF, 3.0],
        ),
        ("%x: i32[2] = const [-3,4]\n%s: i32[] = const [2]\n%y: i32[2] = prelu %x, %s", &[-6.0, 4.0]),
        (
            "%a: u8[3] = const [129,1,255]\n%b: u8[3] = const [1,8,0]\n%y: u8[3] = shift %a, %b",
            &[2.0, 0.0, 255.0],
        ),
        (
            "%a: u8[3] = const [129,128,255]\n%b: u8[3] = const [1,200,7]\n%y: u8[3] = shift %a, %b, right=true",
            &[64.0, 0.0, 1.0],
        ),
    ]);
}

#[test]
fn truth_values() {
    let f32s = "%a: f32[5] = const [1,2,NaN,-0,inf]\n%b: f32[5] = const [2,2,1,0,NaN]\n";
    let bools = "%a: bool[4] = const [0,0,1,1]\n%b: bool[4] = const [0,1,0,1]\n";
    let bytes = "%a: u8[2] = const [12,255]\n%b: u8[] = const [10]\n";
    let of = |operands: &str, node: &str| format!("{operands}{node}");
    let cases = [
        (of(f32s, "%y: bool[5] = equal %a, %b"), vec![0.0, 1.0, 0.0, 1.0, 0.0]),
        (of(f32s, "%y: bool[5] = less %a, %b"), vec![1.0, 0.0, 0.0, 0.0, 0.0]),
        (of(f32s, "%y: bool[5] = less_equal %a, %b"), vec![1.0, 1.0, 0.0, 1.0, 0.0]),
        (of(f32s, "%y: bool[5] = is_nan %a"), vec![0.0, 0.0, 1.0, 0.0, 0.0]),
        (of(f32s, "%y: bool[5] = is_inf %a"), vec![0.0, 0.0, 0.0, 0.0, 1.0]),
        (of(f32s, "%y: bool[5] = is_inf %a, positive=false"), vec![0.0; 5]),
        (of(bools, "%y: bool[4] = and %a, %b"), vec![0.0, 0.0, 0.0, 1.0]),
        (of(bools, "%y: bool[4] = or %a, %b"), vec![0.0, 1.0, 1.0, 1.0]),
        (of(bools, "%y: bool[4] = xor %a, %b"), vec![0.0, 1.0, 1.0, 0.0]),
        (of(bools, "%y: bool[4] = not %a"), vec![1.0, 1.0, 0.0, 0.0]),
        (of(bools, "%y: bool[4] = less %a, %b"), vec![0.0, 1.0, 0.0, 0.0]),
        (of(bytes, "%y: u8[2] = and %a, %b"), vec![8.0, 10.0]),
        (of(bytes, "%y: u8[2] = or %a, %b"), vec![14.0, 255.0]),
        (of(bytes, "%y: u8[2] = xor %a, %b"), vec![6.0, 245.0]),
        (of(bytes, "%y: u8[2] = not %a"), vec![243.0, 0.0]),
        ("%a: i64[1] = const [5]\n%y: i64[1] = not %a".into(), vec![-6.0]),
        (
            "%c: bool[2,1] = const [1,0]\n%a: f32[2] = const [1,NaN]\n%b: f32[] = const [-0]\n\
             %y: f32[2,2] = select %c, %a, %b"
                .into(),
            vec![1.0, NAN, -0.0, -0.0],
        ),
    ];
    for (nodes, expected) in &cases {
        check(nodes, expected, 0.0);
    }
}

#[test]
fn halves_are_computed_in_single_and_rounded() {
    let tenth = 0.0999755859375;
    exact(&[
        // To nearest, ties to even, and to infinity from half a step above the largest.
        (
            "%x: f32[6] = const [0.1,2049,2051,65519,65520,1e-8]\n%y: f16[6] = cast %x, to=f16",
            &[tenth, 2048.0, 2052.0, 65504.0, INF, 0.0],
        ),
        // 1 + 2^-11 + 2^-40 lies over the middle: rounding to f32 first would lose that.
        ("%x: f64[1] = const [1.0004882812509095]\n%y: f16[1] = cast %x, to=f16", &[1.0009765625]),
        ("%x: f16[2] = const [0.1,-7.9]\n%y: i32[2] = cast %x, to=i32", &[0.0, -7.0]),
        (
            "%x: f16[2] = const [2048,0.1]\n%o: f16[] = const [1]\n%y: f16[2] = add %x, %o",
            &[2048.0, 1.099609375],
        ),
        // Each stage of a pipe rounds, as the nodes did of which it was made.
        ("%x: f16[1] = const [2048]\n%o: f16[] = const [1]\n%y: f16[1] = add %x, %o |> add %o", &[2048.0]),
        ("%x: f16[2] = const [1,-1]\n%y: bool[2] = less %x, %x", &[0.0, 0.0]),
        ("%x: f16[2,2] = const [1,2,3,4]\n%y: f16[2,2] = matmul %x, %x", &[7.0, 10.0, 15.0, 22.0]),
        ("%x: f16[3] = const [1,2,0.1]\n%y: f16[2] = slice %x, starts=[1], ends=[3]", &[2.0, tenth]),
    ]);
}
