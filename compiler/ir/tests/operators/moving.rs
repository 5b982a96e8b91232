//! Operators that move or convert elements, and resize: small cases, computed by hand.

use super::{NAN, check, exact, value_of};
use cnnc_ir::DType;
use cnnc_ir::eval::Precision;
use cnnc_ir::ops::{Coordinate, NearestMode, Resize};

#[test]
fn moving_elements() {
    exact(&[
        (
            "%a: f32[2,2] = const [1,2,3,4]\n%b: f32[2,1] = const [5,6]\n\
             %y: f32[2,3] = concat %a, %b, axis=1",
            &[1.0, 2.0, 5.0, 3.0, 4.0, 6.0],
        ),
        (
            "%a: i64[1] = const [1]\n%b: i64[2] = const [2,3]\n%y: i64[4] = concat %a, %b, %a, axis=0",
            &[1.0, 2.0, 3.0, 1.0],
        ),
        (
            "%x: f32[5] = const [0,1,2,3,4]\n%y: f32[3] = slice %x, starts=[4], ends=[-1], steps=[-2]",
            &[4.0, 2.0, 0.0],
        ),
        (
            "%x: f32[2,4] = const [0,1,2,3,4,5,6,7]\n\
             %y: f32[1,2] = slice %x, starts=[1,1], ends=[2,4], steps=[1,2]",
            &[5.0, 7.0],
        ),
        (
            "%x: f32[2,4] = const [0,1,2,3,4,5,6,7]\n\
             %y: f32[2,2] = slice %x, starts=[1,0], ends=[-1,4], steps=[-1,3]",
            &[4.0, 7.0, 0.0, 3.0],
        ),
        ("%x: i64[4] = const [1,3,8,9]\n%y: i64[2] = slice %x, starts=[2], ends=[4]", &[8.0, 9.0]),
        ("%x: f32[3] = const [1,2,3]\n%y: f32[0] = slice %x, starts=[2], ends=[2]", &[]),
        ("%x: f32[3] = const [1,2,3]\n%y: f32[0] = slice %x, starts=[-1], ends=[-1], steps=[-1]", &[]),
        (
            "%x: f32[2,2] = const [1,2,3,4]\n%y: f32[3,3] = pad %x, before=[1,0], after=[0,1], value=9",
            &[9.0, 9.0, 9.0, 1.0, 2.0, 9.0, 3.0, 4.0, 9.0],
        ),
        ("%x: i32[1] = const [7]\n%y: i32[3] = pad %x, before=[1], after=[1], value=-1", &[-1.0, 7.0, -1.0]),
        ("%x: f32[0] = const []\n%y: f32[2] = pad %x, before=[1], after=[1]", &[0.0, 0.0]),
        (
            "%x: i64[2,3] = const [1,2,3,4,5,6]\n%y: i64[3,2] = reshape %x, shape=[3,2]",
            &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        ),
        ("%x: f32[1] = const [5]\n%y: f32[] = reshape %x", &[5.0]),
        (
            "%x: f32[2,3] = const [1,2,3,4,5,6]\n%y: f32[3,2] = transpose %x, perm=[1,0]",
            &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0],
        ),
        (
            "%x: bool[1,2,2] = const [0,1,1,0]\n%y: bool[2,1,2] = transpose %x, perm=[2,0,1]",
            &[0.0, 1.0, 1.0, 0.0],
        ),
        (
            "%x: f32[2,1,3] = const [1,2,3,4,5,6]\n%y: f32[3,2,1] = transpose %x, perm=[2,0,1]",
            &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0],
        ),
        ("%x: i64[3] = const [10,20,30]\n%i: i64[] = const [-1]\n%y: i64[] = gather %x, %i", &[30.0]),
        (
            "%x: f32[2,3] = const [1,2,3,4,5,6]\n%i: i32[2,2] = const [2,-3,9,-9]\n\
             %y: f32[2,2,2] = gather %x, %i, axis=1",
            &[3.0, 1.0, 3.0, 1.0, 6.0, 4.0, 6.0, 4.0],
        ),
        ("%x: f32[2,2] = const [1,2,3,4]\n%i: i64[1] = const [1]\n%y: f32[1,2] = gather %x, %i", &[3.0, 4.0]),
        (
            "%x: f32[1,8,1,1] = const [0,1,2,3,4,5,6,7]\n%y: f32[1,2,2,2] = depth_to_space %x, block=2",
            &[0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0],
        ),
        (
            "%x: f32[1,8,1,1] = const [0,1,2,3,4,5,6,7]\n\
             %y: f32[1,2,2,2] = depth_to_space %x, block=2, mode=crd",
            &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
        ),
        (
            "%x: u8[1,4,1,2] = const [0,1,2,3,4,5,6,7]\n%y: u8[1,1,2,4] = depth_to_space %x, block=2",
            &[0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0],
        ),
        ("%x: f32[2] = const [NaN,-0]\n%y: f32[2] = identity %x", &[NAN, -0.0]),
        ("%x: f32[2] = const [NaN,-0]\n%y: f32[2] = dropout %x", &[NAN, -0.0]),
    ]);
}

#[test]
fn casts() {
    exact(&[
        (
            "%x: f32[5] = const [2.7,-2.7,NaN,1e20,-1]\n%y: i32[5] = cast %x, to=i32",
            &[2.0, -2.0, 0.0, 2147483647.0, -1.0],
        ),
        ("%x: i64[2] = const [300,-1]\n%y: u8[2] = cast %x, to=u8", &[44.0, 255.0]),
        ("%x: i8[1] = const [-1]\n%y: u8[1] = cast %x, to=u8", &[255.0]),
        ("%x: f32[3] = const [0,-0,0.1]\n%y: bool[3] = cast %x, to=bool", &[0.0, 0.0, 1.0]),
        ("%x: bool[2] = const [0,1]\n%y: i64[2] = cast %x, to=i64", &[0.0, 1.0]),
        ("%x: i64[1] = const [3]\n%y: f32[1] = cast %x", &[3.0]),
    ]);
    // In double precision a cast to f32 gives what the operators behind it compute in.
    let nodes = "%x: i64[1] = const [3]\n%c: f32[1] = cast %x\n%y: f32[1] = add %c, %c";
    assert_eq!(value_of(nodes, Precision::F64).data().dtype(), DType::F64);
    assert_eq!(value_of(nodes, Precision::F32).data().dtype(), DType::F32);
}

#[test]
fn resize_nearest() {
    let row = |attributes: &str, size: usize, expected: &[f64]| {
        let nodes = format!(
            "%x: f32[1,2] = const [1,2]\n%y: f32[1,{size}] = resize %x, {attributes}, sizes=[1,{size}]"
        );
        check(&nodes, expected, 0.0);
    };
    // Coordinates 0, 0.25, 0.5, .. 1.75.
    row("coordinate=asymmetric, scales=[1,4]", 8, &[1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0]);
    row(
        "coordinate=asymmetric, nearest=round_prefer_ceil, scales=[1,4]",
        8,
        &[1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0],
    );
    row("coordinate=asymmetric, nearest=floor, scales=[1,4]", 8, &[1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0]);
    row("coordinate=asymmetric, nearest=ceil, scales=[1,4]", 8, &[1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]);
    // The last coordinate is 0.49999997, which counts as a half, then 0.49999166, which does not.
    row("coordinate=asymmetric, nearest=round_prefer_ceil, scales=[1,6.0000005]", 4, &[1.0, 1.0, 1.0, 2.0]);
    row("coordinate=asymmetric, nearest=round_prefer_ceil, scales=[1,6.0001]", 4, &[1.0, 1.0, 1.0, 1.0]);
    // Coordinates -0.25, 0.25, 0.75, 1.25.
    row("scales=[1,2]", 4, &[1.0, 1.0, 2.0, 2.0]);
    // Coordinates 0, 0.5, 1.
    row("coordinate=align_corners, scales=[1,1.5]", 3, &[1.0, 1.0, 2.0]);
    row("coordinate=align_corners, nearest=round_prefer_ceil, scales=[1,1.5]", 3, &[1.0, 2.0, 2.0]);
    exact(&[
        (
            "%x: i64[1,1,2,2] = const [1,2,3,4]\n%y: i64[1,1,4,2] = \
          resize %x, coordinate=asymmetric, nearest=floor, scales=[1,1,2,1], sizes=[1,1,4,2]",
            &[1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0],
        ),
        // 3 / 0.6 is 5 in f32, a little less in exact arithmetic on the f32 nearest to 0.6.
        (
            "%x: f32[1,10] = const [0,1,2,3,4,5,6,7,8,9]\n%y: f32[1,6] = \
          resize %x, coordinate=asymmetric, nearest=floor, scales=[1,0.6], sizes=[1,6]",
            &[0.0, 1.0, 3.0, 5.0, 6.0, 8.0],
        ),
    ]);
}

#[test]
fn resize_picks_by_fractions() {
    for (n, m) in (1..=25).flat_map(|n| (1..=60).map(move |m| (n, m))) {
        let element = |nearest, coordinate, i: usize| {
            let (scales, sizes) = (vec![m as f32 / n as f32], vec![m as i64]);
            let resize = Resize { nearest, coordinate, scales, sizes, ..Resize::default() };
            resize.taps(0, n).entries[i].0
        };
        for i in 0..m {
            // Coordinates are ((2i + 1) n - m) / 2m.
            let centred = (2 * i + 1) * n;
            let floor = element(NearestMode::RoundPreferFloor, Coordinate::HalfPixel, i);
            assert_eq!(floor, (centred - 1) / (2 * m), "{i} of {m} from {n}");
            let ceil = element(NearestMode::RoundPreferCeil, Coordinate::HalfPixel, i);
            assert_eq!(ceil, (centred / (2 * m)).min(n - 1), "{i} of {m} from {n}");
            let ceil = element(NearestMode::RoundPreferCeil, Coordinate::Asymmetric, i);
            assert_eq!(ceil, ((2 * i * n + m) / (2 * m)).min(n - 1), "{i} of {m} from {n}");
        }
    }
    // Of ONNX Runtime: 31 elements from 7, where the one in the middle lies on element 3.
    let (scales, sizes) = (vec![31.0 / 7.0], vec![31]);
    let (nearest, coordinate) = (NearestMode::Ceil, Coordinate::HalfPixelSymmetric);
    let resize = Resize { nearest, coordinate, scales, sizes, ..Resize::default() };
    assert_eq!(resize.taps(0, 7).entries[15].0, 3);
}

#[test]
fn resize_linear() {
    exact(&[
        (
            "%x: f32[1,2] = const [0,10]\n%y: f32[1,4] = resize %x, mode=linear, scales=[1,2], sizes=[1,4]",
            &[0.0, 2.5, 7.5, 10.0],
        ),
        (
            "%x: f32[1,2] = const [0,10]\n%y: f32[1,4] = \
          resize %x, mode=linear, coordinate=asymmetric, scales=[1,2], sizes=[1,4]",
            &[0.0, 5.0, 10.0, 10.0],
        ),
        (
            "%x: f32[2,2] = const [0,10,20,30]\n%y: f32[3,3] = \
          resize %x, mode=linear, coordinate=align_corners, scales=[1.5,1.5], sizes=[3,3]",
            &[0.0, 5.0, 10.0, 10.0, 15.0, 20.0, 20.0, 25.0, 30.0],
        ),
        (
            "%x: f32[1,2] = const [3,5]\n%y: f32[1,1] = resize %x, mode=linear, scales=[1,0.5], sizes=[1,1]",
            &[4.0],
        ),
        (
            "%x: f32[1,2] = const [3,5]\n%y: f32[1,1] = \
          resize %x, mode=linear, coordinate=pytorch_half_pixel, scales=[1,0.5], sizes=[1,1]",
            &[3.0],
        ),
        // Two planes; rows alone grow.
        (
            "%x: f32[1,2,2,1] = const [0,4,8,16]\n%y: f32[1,2,4,1] = \
          resize %x, mode=linear, scales=[1,1,2,1], sizes=[1,2,4,1]",
            &[0.0, 1.0, 3.0, 4.0, 8.0, 10.0, 14.0, 16.0],
        ),
    ]);
}

#[test]
fn resize_cubic() {
    // At 0.5 between the second and the third: -3/32, 19/32, 19/32, -3/32.
    let middle = |attributes: &str, expected: f64| {
        let nodes = format!(
            "%x: f32[4] = const [1,2,4,8]\n%y: f32[1] = \
             resize %x, mode=cubic, {attributes}, scales=[0.25], sizes=[1]"
        );
        check(&nodes, &[expected], 1e-6);
    };
    middle("value=0", (-3.0 + 2.0 * 19.0 + 4.0 * 19.0 - 8.0 * 3.0) / 32.0);
    // With the coefficient -0.5: -1/16, 9/16, 9/16, -1/16.
    middle("cubic=-0.5", (-1.0 + 2.0 * 9.0 + 4.0 * 9.0 - 8.0) / 16.0);
    // At -0.25 the first three count, beyond the edge are two: shares -27, 184, 144 of 9, .. / 256.
    let edge = |attributes: &str, expected: f64| {
        let nodes = format!(
            "%x: f32[2] = const [1,3]\n%y: f32[4] = resize %x, mode=cubic{attributes}, scales=[2], sizes=[4]\n\
             %f: f32[1] = slice %y, starts=[0], ends=[1]"
        );
        check(&nodes, &[expected], 1e-6);
    };
    // The shares of -2, -1, 0, 1, by hand from the cubic, at distances 1.75, 0.75, 0.25, 1.25.
    let far = |x: f64| ((-0.75 * x + 3.75) * x - 6.0) * x + 3.0;
    let near = |x: f64| (1.25 * x - 2.25) * x * x + 1.0;
    let shares = [far(1.75), near(0.75), near(0.25), far(1.25)];
    edge("", shares[0] + shares[1] + shares[2] + 3.0 * shares[3]);
    edge(", exclude_outside=true", (shares[2] + 3.0 * shares[3]) / (shares[2] + shares[3]));
}

#[test]
fn resize_antialias() {
    // Half as many: shares of distances 1.5, 0.5, 0.5, 1.5, halved: 1/4, 3/4, 3/4, 1/4 over 2.
    check(
        "%x: f32[4] = const [1,2,4,8]\n%y: f32[2] = \
         resize %x, mode=linear, antialias=true, scales=[0.5], sizes=[2]",
        &[(1.0 + 3.0 + 6.0 + 4.0) / 8.0, (2.0 + 12.0 + 24.0 + 8.0) / 8.0],
        1e-6,
    );
    // Without what lies outside.
    check(
        "%x: f32[4] = const [1,2,4,8]\n%y: f32[2] = \
         resize %x, mode=linear, antialias=true, exclude_outside=true, scales=[0.5], sizes=[2]",
        &[(3.0 + 6.0 + 4.0) / 7.0, (2.0 + 12.0 + 24.0) / 7.0],
        1e-6,
    );
}

#[test]
fn resize_coordinates() {
    // One element and a half of five: its centre is theirs.
    check(
        "%x: f32[5] = const [0,1,2,3,4]\n%y: f32[1] = \
         resize %x, mode=linear, coordinate=half_pixel_symmetric, scales=[0.3], sizes=[1]",
        &[2.0],
        1e-6,
    );
    exact(&[
        // Three dimensions at once, and the outermost.
        (
            "%x: f32[2,1,1] = const [0,8]\n%y: f32[3,2,1] = \
             resize %x, mode=linear, coordinate=align_corners, scales=[1.5,2,1], sizes=[3,2,1]",
            &[0.0, 0.0, 4.0, 4.0, 8.0, 8.0],
        ),
        // 2.4 elements: the distance is 3 / 1.4, not 3.
        (
            "%x: i32[4] = const [0,1,2,3]\n%y: i32[2] = \
             resize %x, coordinate=align_corners, scales=[0.6], sizes=[2]",
            &[0.0, 2.0],
        ),
        (
            "%x: f32[2] = const [1,2]\n\
             %y: f32[4] = resize %x, coordinate=half_pixel_for_nn, nearest=floor, scales=[2], sizes=[4]",
            &[1.0, 1.0, 2.0, 2.0],
        ),
        // From the second to behind the last.
        (
            "%x: f32[5] = const [0,1,2,3,4]\n%y: f32[3] = \
             resize %x, mode=linear, coordinate=crop, crop=[0.25,1.25], value=9, scales=[0.6], sizes=[3]",
            &[1.0, 3.0, 9.0],
        ),
        (
            "%x: i64[5] = const [0,1,2,3,4]\n%y: i64[1] = \
             resize %x, coordinate=crop, crop=[0,0.5], value=9, scales=[0.2], sizes=[1]",
            &[1.0],
        ),
    ]);
}
