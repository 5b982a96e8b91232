//! Pools, whose windows need more cases than sums: small ones, computed by hand.

use super::{INF, NAN, check, exact};

#[test]
fn max_pool() {
    exact(&[
        (
            "%x: f32[1,1,4,4] = const [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]\n\
          %y: f32[1,1,2,2] = max_pool %x, kernel=2, stride=2",
            &[6.0, 8.0, 14.0, 16.0],
        ),
        (
            "%x: f32[1,1,3,3] = const [1,2,3,4,5,6,7,8,9]\n\
             %y: f32[1,1,2,2] = max_pool %x, kernel=2, stride=2, ceil=true",
            &[5.0, 6.0, 8.0, 9.0],
        ),
        (
            "%x: f32[1,1,3,3] = const [1,2,3,4,5,6,7,8,9]\n\
             %y: f32[1,1,1,1] = max_pool %x, kernel=2, stride=2",
            &[5.0],
        ),
        // The second window would start in the padding on the right.
        (
            "%x: f32[1,1,1,3] = const [1,2,3]\n\
          %y: f32[1,1,1,1] = max_pool %x, kernel=1x2, stride=1x3, pad=[0,0,0,1], ceil=true",
            &[2.0],
        ),
        // Smaller than the kernel: with ceil one window still counts.
        (
            "%x: f32[1,1,1,2] = const [1,2]\n\
             %y: f32[1,1,1,1] = max_pool %x, kernel=1x3, stride=1x2, ceil=true",
            &[2.0],
        ),
        (
            "%x: f32[1,1,2,2] = const [-1,-2,-3,-4]\n%y: f32[1,1,2,2] = max_pool %x, kernel=2, pad=[1,0,0,1]",
            &[-1.0, -2.0, -1.0, -2.0],
        ),
        (
            "%x: f32[1,1,1,5] = const [5,1,4,2,3]\n%y: f32[1,1,1,2] = max_pool %x, kernel=1x2, dilation=1x3",
            &[5.0, 3.0],
        ),
        (
            "%x: f32[1,2,1,2] = const [NaN,1,NaN,NaN]\n%y: f32[1,2,1,1] = max_pool %x, kernel=1x2",
            &[1.0, -INF],
        ),
    ]);
}

#[test]
fn avg_pool() {
    const NINE: &str = "%x: f32[1,1,3,3] = const [1,2,3,4,5,6,7,8,9]\n";
    let nine = |call: &str, expected: &[f64]| {
        check(&format!("{NINE}%y: f32[1,1,2,2] = avg_pool %x, {call}"), expected, 0.0)
    };
    nine("kernel=2", &[3.0, 4.0, 6.0, 7.0]);
    nine("kernel=2, dilation=1, stride=2, pad=[0,0,1,1]", &[3.0, 4.5, 7.5, 9.0]);
    nine("kernel=2, stride=2, pad=[0,0,1,1], count_include_pad=true", &[3.0, 2.25, 3.75, 2.25]);
    nine("kernel=2, stride=2, ceil=true, count_include_pad=true", &[3.0, 4.5, 7.5, 9.0]);
    nine("kernel=2, stride=2, pad=[1,1,0,0]", &[1.0, 2.5, 5.5, 7.0]);
    exact(&[
        (
            "%x: f32[1,1,1,4] = const [1,2,3,4]\n\
          %y: f32[1,1,1,3] = avg_pool %x, kernel=1x3, stride=1x2, pad=[0,1,0,1], ceil=true",
            &[1.5, 3.0, 4.0],
        ),
        // The last window has one element, one padded tap, and one beyond the padding that does not count.
        (
            "%x: f32[1,1,1,4] = const [1,2,3,4]\n%y: f32[1,1,1,3] = \
          avg_pool %x, kernel=1x3, stride=1x2, pad=[0,1,0,1], ceil=true, count_include_pad=true",
            &[1.0, 3.0, 2.0],
        ),
        (
            "%x: f32[1,1,1,5] = const [5,1,4,2,3]\n%y: f32[1,1,1,3] = avg_pool %x, kernel=1x2, dilation=1x2",
            &[4.5, 1.5, 3.5],
        ),
        // Both taps of the only window lie on the padding.
        (
            "%x: f32[1,1,1,1] = const [5]\n\
             %y: f32[1,1,1,1] = avg_pool %x, kernel=1x2, dilation=1x2, pad=[0,1,0,1]",
            &[NAN],
        ),
    ]);
}

#[test]
fn integers_have_a_greatest_element() {
    exact(&[
        (
            "%x: u8[1,1,1,3] = const [0,0,7]\n%y: u8[1,1,1,3] = max_pool %x, kernel=1x2, pad=[0,1,0,0]",
            &[0.0, 0.0, 7.0],
        ),
        ("%x: i8[1,1,1,2] = const [-128,-3]\n%y: i8[1,1,1,1] = max_pool %x, kernel=1x2", &[-3.0]),
    ]);
}

#[test]
fn arg_max_pool() {
    const X: &str = "%x: f32[1,2,2,3] = const [1,5,5,4,2,3,NaN,-1,-2,NaN,-4,-inf]\n";
    let of_x = |node: &str, expected: &[f64]| check(&format!("{X}%y: {node}"), expected, 0.0);
    of_x("i64[1,2,1,2] = arg_max_pool %x, kernel=2", &[1.0, 1.0, 7.0, 7.0]);
    of_x("i64[1,2,1,2] = arg_max_pool %x, kernel=2, column_major=true", &[2.0, 2.0, 8.0, 8.0]);
    // Windows of one element each, some of which nothing wins.
    of_x("i64[1,2,2,2] = arg_max_pool %x, kernel=1, stride=1x2", &[0.0, 2.0, 3.0, 5.0, 6.0, 8.0, 9.0, 11.0]);
    of_x(
        "i64[1,2,2,2] = arg_max_pool %x, kernel=2, stride=2, pad=1, ceil=true",
        &[0.0, 1.0, 3.0, 5.0, 6.0, 7.0, 9.0, 10.0],
    );
    exact(&[(
        "%x: u8[1,1,1,2] = const [0,0]\n%y: i64[1,1,1,1] = arg_max_pool %x, kernel=1x1, stride=1x2",
        &[0.0],
    )]);
}
