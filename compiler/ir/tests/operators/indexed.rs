//! Operators that read and write where indices say, and those that repeat: small cases, computed by hand.

use super::{INF, NAN, close, exact};

#[test]
fn repeating() {
    exact(&[
        (
            "%x: i64[2,1] = const [1,2]\n%y: i64[2,2,3] = expand %x, shape=[2,2,3]",
            &[1.0, 1.0, 1.0, 2.0, 2.0, 2.0].repeat(2),
        ),
        ("%x: f32[] = const [-0]\n%y: f32[2] = expand %x, shape=[2]", &[-0.0, -0.0]),
        ("%x: bool[0,1] = const []\n%y: bool[0,3] = expand %x, shape=[0,3]", &[]),
    ]);
}

#[test]
fn gathering() {
    exact(&[
        (
            "%x: f32[3,3] = const [1,2,3,4,5,6,7,8,9]\n%i: i64[2,3] = const [1,-1,0,2,0,-9]\n\
             %y: f32[2,3] = gather_elements %x, %i",
            &[4.0, 8.0, 3.0, 7.0, 2.0, 3.0],
        ),
        (
            "%x: u8[2,2] = const [1,2,3,4]\n%i: i32[2,3] = const [0,0,1,1,0,9]\n\
             %y: u8[2,3] = gather_elements %x, %i, axis=1",
            &[1.0, 1.0, 2.0, 4.0, 3.0, 4.0],
        ),
        (
            "%x: i32[2,2] = const [0,1,2,3]\n%i: i64[2,2] = const [0,0,1,-1]\n%y: i32[2] = gather_nd %x, %i",
            &[0.0, 3.0],
        ),
        (
            "%x: f32[2,2,2] = const [0,1,2,3,4,5,6,7]\n%i: i64[2,1] = const [1,0]\n\
             %y: f32[2,2] = gather_nd %x, %i, batch=1",
            &[2.0, 3.0, 4.0, 5.0],
        ),
        (
            "%x: f32[2,3] = const [1,2,3,4,5,6]\n%i: i64[2,0] = const []\n%y: f32[2,2,3] = gather_nd %x, %i",
            &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0].repeat(2),
        ),
    ]);
}

#[test]
fn scattering() {
    let elements = |reduction: &str, expected: [f64; 5]| {
        let nodes = format!(
            "%x: f32[1,5] = const [1,2,3,4,5]\n%i: i64[1,3] = const [1,1,-1]\n%u: f32[1,3] = const [10,-7,NaN]\n\
             %y: f32[1,5] = scatter_elements %x, %i, %u, axis=1, reduction={reduction}"
        );
        exact(&[(&nodes, &expected)]);
    };
    // The last update of an element counts.
    elements("replace", [1.0, -7.0, 3.0, 4.0, NAN]);
    elements("add", [1.0, 5.0, 3.0, 4.0, NAN]);
    elements("mul", [1.0, -140.0, 3.0, 4.0, NAN]);
    elements("max", [1.0, 10.0, 3.0, 4.0, NAN]);
    elements("min", [1.0, -7.0, 3.0, 4.0, NAN]);
    exact(&[
        (
            "%x: i8[2,2] = const [100,1,2,3]\n%i: i64[2,1] = const [0,0]\n%u: i8[2,2] = const [100,1,1,1]\n\
             %y: i8[2,2] = scatter_nd %x, %i, %u, reduction=add",
            &[-55.0, 3.0, 2.0, 3.0],
        ),
        (
            "%x: bool[2,2] = const [0,0,0,0]\n%i: i32[1,2] = const [1,-2]\n%u: bool[1] = const [1]\n\
             %y: bool[2,2] = scatter_nd %x, %i, %u",
            &[0.0, 0.0, 1.0, 0.0],
        ),
        (
            "%x: f32[2] = const [1,inf]\n%i: i64[0,1] = const []\n%u: f32[0] = const []\n\
             %y: f32[2] = scatter_nd %x, %i, %u, reduction=mul",
            &[1.0, INF],
        ),
    ]);
}

#[test]
fn sampling() {
    let row = |attributes: &str, places: &str, expected: &[f64]| {
        let n = expected.len();
        let nodes = format!(
            "%x: f32[1,1,4] = const [1,2,4,8]\n%g: f32[1,{n},1] = const [{places}]\n\
             %y: f32[1,1,{n}] = grid_sample %x, %g{attributes}"
        );
        close(&[(&nodes, expected)]);
    };
    // Places -0.5, 1.5, 3.5 and 5.5.
    row(", mode=linear", "-1,0,1,2", &[0.5, 3.0, 4.0, 0.0]);
    row(", mode=linear, beyond=border", "-1,0,1,2", &[1.0, 3.0, 8.0, 8.0]);
    // Mirrored at -0.5 and 3.5: 5.5 is 1.5, where the shares of the two are equal.
    row(", mode=linear, beyond=mirror", "-1,0,1,2", &[1.0, 3.0, 8.0, 3.0]);
    // Places 0, 1.5, 3 and 4.5, which mirrored is 1.5; halves go to the even element.
    row(", mode=linear, corners=true, beyond=mirror", "-1,0,1,2", &[1.0, 3.0, 8.0, 3.0]);
    row(", corners=true", "-1,0,1,2", &[1.0, 4.0, 8.0, 0.0]);
    // At 1.5 the shares of a cubic are -3/32, 19/32, 19/32, -3/32.
    row(", mode=cubic", "0", &[(-3.0 + 2.0 * 19.0 + 4.0 * 19.0 - 8.0 * 3.0) / 32.0]);
    // Half an element behind the last all taps are the last one; at 3.5 the first of them is the one before it.
    row(", mode=cubic, beyond=border", "1.25", &[8.0]);
    row(", mode=cubic, beyond=border", "1", &[(-3.0 * 4.0 + 35.0 * 8.0) / 32.0]);
    // Rows first: the place of the innermost dimension stands first.
    close(&[(
        "%x: f32[1,2,2,2] = const [1,2,3,4,10,20,30,40]\n%g: f32[1,1,2,2] = const [1,-1,0,1]\n\
         %y: f32[1,2,1,2] = grid_sample %x, %g, mode=linear, corners=true",
        &[2.0, 3.5, 20.0, 35.0],
    )]);
}
