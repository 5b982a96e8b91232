//! Quantised integers: rounding, saturation, zero points, exact sums.

use super::exact;

#[test]
fn quantising() {
    exact(&[
        // Ties go to the even integer; what does not fit saturates; NaN is 0.
        (
            "%x: f32[8] = const [0.5,1.5,-0.5,2.5,1e9,-inf,NaN,-1.5]\n%s: f32[] = const [1]\n\
             %z: i8[] = const [0]\n%y: i8[8] = quantize %x, %s, %z",
            &[0.0, 2.0, 0.0, 2.0, 127.0, -128.0, 0.0, -2.0],
        ),
        // Scales and zero points of a dimension.
        (
            "%x: f32[2,3] = const [0,1,2,-3,4,100]\n%s: f32[2,1] = const [0.5,2]\n%z: u8[3] = const [0,10,250]\n\
             %y: u8[2,3] = quantize %x, %s, %z",
            &[0.0, 12.0, 254.0, 0.0, 12.0, 255.0],
        ),
    ]);
}

#[test]
fn dequantising() {
    exact(&[
        (
            "%x: i8[2,2] = const [-128,127,0,1]\n%s: f32[2,1] = const [0.5,2]\n%z: i8[] = const [127]\n\
             %y: f32[2,2] = dequantize %x, %s, %z",
            &[-127.5, 0.0, -254.0, -252.0],
        ),
        // A difference that does not fit into an i32.
        (
            "%x: i32[1] = const [2147483647]\n%s: f32[] = const [1]\n%z: i32[] = const [-1]\n\
             %y: f32[1] = dequantize %x, %s, %z",
            &[2147483648.0],
        ),
    ]);
}

#[test]
fn requantising() {
    exact(&[(
        "%x: i32[2,3] = const [3,5,-1000,100,-3,2147483647]\n%s: f32[2,1] = const [0.5,0.25]\n\
         %z: u8[] = const [100]\n%y: u8[2,3] = requantize %x, %s, %z",
        &[102.0, 102.0, 0.0, 125.0, 99.0, 255.0],
    )]);
}

#[test]
fn integer_products() {
    exact(&[
        // (a - 1) * (b - zero of the column)
        (
            "%a: u8[1,3] = const [1,2,255]\n%b: i8[3,2] = const [-128,127,1,2,3,4]\n%az: u8[] = const [1]\n\
             %bz: i8[2] = const [0,2]\n%y: i32[1,2] = matmul_integer %a, %b, %az, %bz",
            &[763.0, 508.0],
        ),
        // Padding counts as the zero point: as nothing.
        (
            "%x: u8[1,1,2,2] = const [5,6,7,8]\n%w: i8[1,1,2,2] = const [1,2,3,4]\n%xz: u8[] = const [5]\n\
             %wz: i8[1,1,1,1] = const [1]\n\
             %y: i32[1,1,3,3] = conv_integer %x, %w, %xz, %wz, pad=1",
            &[0.0, 3.0, 2.0, 6.0, 14.0, 6.0, 2.0, 3.0, 0.0],
        ),
    ]);
}
