//! Operators on quantised integers against the evaluator: integers of small reals by powers of two, so that both its
//! precisions round alike.

mod common;

use common::exact;

/// Scales become four times as large: see [`exact`].
#[test]
fn to_integers_and_back() {
    for zero in [
        "u8[] = const [50]",
        "i8[] = const [-3]",
        "i8[5,1,1] = const [0,1,2,-3,-100]",
        "i16[] = const [-300]",
        "u16[] = const [40000]",
    ] {
        for scale in ["f32[] = const [0.25]", "f32[5,1,1] = const [0.25,0.5,1,2,0.125]"] {
            let dtype = zero.split('[').next().unwrap();
            exact(&format!(
                "graph @g(%x: f32[2,5,3,7]) {{\n  %s: {scale}\n  %z: {zero}\n  \
                 %q: {dtype}[2,5,3,7] = quantize %x, %s, %z\n  %y: f32[2,5,3,7] = dequantize %q, %s, %z\n  \
                 return %q, %y\n}}\n"
            ));
        }
    }
    // What lies far outside.
    exact(
        "graph @g(%x: i32[9000], %w: i32[9]) {\n  %s: f32[] = const [2]\n  %z: u8[] = const [128]\n  \
         %zero: i32[1] = const [-7]\n  %y: u8[9000] = requantize %x, %s, %z\n  \
         %r: f32[9] = dequantize %w, %s, %zero |> relu\n  return %y, %r\n}\n",
    );
}

#[test]
fn convolutions() {
    for (x, w, zeros) in [
        ("u8", "i8", ["u8[] = const [3]", "i8[4,1,1,1] = const [1,-2,3,-4]"]),
        ("i8", "u8", ["i8[] = const [-3]", "u8[] = const [200]"]),
        ("u8", "u8", ["u8[1,6,1,1] = const [3,4,5,6,7,8]", "u8[] = const [0]"]),
    ] {
        exact(&format!(
            "graph @g(%x: {x}[2,6,5,7], %w: {w}[4,3,3,2], %v: {w}[4,6,1,1]) {{\n  %xz: {}\n  %wz: {}\n  \
             %b: i32[4,1,1] = const [10,-10,100,0]\n  %s: f32[4,1,1] = const [0.25,0.5,1,2]\n  %z: i8[] = const [4]\n  \
             %a: i32[2,4,3,6] = conv_integer %x, %w, %xz, %wz, stride=2x1, pad=[1,0,1,0], groups=2 |> add %b\n  \
             %y: i8[2,4,3,6] = requantize %a, %s, %z\n  %c: i32[2,4,5,7] = conv_integer %x, %v, %xz, %wz\n  \
             return %a, %y, %c\n}}\n",
            zeros[0], zeros[1]
        ));
    }
}

#[test]
fn matrix_products() {
    exact(
        "graph @g(%a: u8[2,3,9], %b: i8[9,5]) {\n  %az: u8[3,1] = const [1,20,3]\n  %bz: i8[5] = const [0,1,-2,3,4]\n  \
         %s: f32[] = const [0.25]\n  %z: u8[] = const [9]\n  %y: i32[2,3,5] = matmul_integer %a, %b, %az, %bz\n  \
         %q: u8[2,3,5] = requantize %y, %s, %z\n  return %y, %q\n}\n",
    );
}
