//! Arithmetic, functions, normalisations, products and reductions: small cases, computed by hand.

use super::{INF, NAN, check, close, exact, value_of};
use cnnc_ir::eval::Precision;

#[test]
fn arithmetic() {
    exact(&[
        (
            "%a: f32[2,1] = const [1,2]\n%b: f32[2] = const [10,20]\n%y: f32[2,2] = add %a, %b",
            &[11.0, 21.0, 12.0, 22.0],
        ),
        ("%a: f32[2] = const [1,2]\n%b: f32[] = const [3]\n%y: f32[2] = sub %b, %a", &[2.0, 1.0]),
        (
            "%a: f32[1,2] = const [3,-2]\n%b: f32[2,1] = const [2,0]\n%y: f32[2,2] = mul %a, %b",
            &[6.0, -4.0, 0.0, -0.0],
        ),
        (
            "%a: f32[4] = const [1,-1,0,3]\n%b: f32[4] = const [0,0,0,2]\n%y: f32[4] = div %a, %b",
            &[INF, -INF, NAN, 1.5],
        ),
        (
            "%a: f32[4] = const [1,NaN,2,-0]\n%b: f32[4] = const [2,3,NaN,0]\n%y: f32[4] = max %a, %b",
            &[2.0, NAN, NAN, 0.0],
        ),
        (
            "%a: f32[4] = const [1,NaN,2,0]\n%b: f32[4] = const [2,3,NaN,-0]\n%y: f32[4] = min %a, %b",
            &[1.0, NAN, NAN, -0.0],
        ),
    ]);
}

#[test]
fn arithmetic_of_integers() {
    exact(&[
        ("%a: u8[2] = const [250,1]\n%b: u8[2] = const [10,2]\n%y: u8[2] = add %a, %b", &[4.0, 3.0]),
        ("%a: i64[2] = const [1,2]\n%b: i64[2] = const [3,-4]\n%y: i64[2] = sub %a, %b", &[-2.0, 6.0]),
        ("%a: i32[1] = const [65536]\n%y: i32[1] = mul %a, %a", &[0.0]),
        (
            "%a: i32[4] = const [7,-7,5,-2147483648]\n%b: i32[4] = const [2,2,0,-1]\n%y: i32[4] = div %a, %b",
            &[3.0, -3.0, 0.0, -2147483648.0],
        ),
        ("%a: i8[1] = const [-128]\n%b: i8[1] = const [-1]\n%y: i8[1] = div %a, %b", &[-128.0]),
        (
            "%a: i64[1] = const [-9223372036854775808]\n%b: i64[1] = const [-1]\n%y: i64[1] = div %a, %b",
            &[-9223372036854775808.0],
        ),
        ("%a: i64[2] = const [1,-5]\n%b: i64[] = const [0]\n%y: i64[2] = max %a, %b", &[1.0, 0.0]),
        ("%a: i64[2] = const [1,-5]\n%b: i64[] = const [0]\n%y: i64[2] = min %a, %b", &[0.0, -5.0]),
        (
            "%a: bool[4] = const [0,0,1,1]\n%b: bool[4] = const [0,1,0,1]\n%y: bool[4] = mul %a, %b",
            &[0.0, 0.0, 0.0, 1.0],
        ),
        (
            "%a: bool[4] = const [0,0,1,1]\n%b: bool[4] = const [0,1,0,1]\n%y: bool[4] = add %a, %b",
            &[0.0, 1.0, 1.0, 1.0],
        ),
    ]);
}

#[test]
fn functions_of_one_number() {
    const X: &str = "%x: f32[4] = const [-2,-0,3,NaN]\n";
    let on_x = |call: &str, expected: &[f64]| check(&format!("{X}%y: f32[4] = {call}"), expected, 1e-6);
    on_x("relu %x", &[0.0, -0.0, 3.0, NAN]);
    on_x("leaky_relu %x, alpha=0.5", &[-1.0, -0.0, 3.0, NAN]);
    on_x("leaky_relu %x", &[-0.02, -0.0, 3.0, NAN]);
    on_x("clip %x, min=0, max=2.5", &[0.0, -0.0, 2.5, NAN]);
    on_x("clip %x", &[-2.0, -0.0, 3.0, NAN]);
    on_x("clip %x, min=5, max=1", &[1.0, 1.0, 1.0, NAN]);
    on_x("sigmoid %x", &[0.1192029220221175, 0.5, 0.9525741268224334, NAN]);
    on_x("tanh %x", &[-0.9640275800758169, -0.0, 0.9950547536867305, NAN]);
    on_x("elu %x", &[-0.8646647167633873, -0.0, 3.0, NAN]);
    on_x("elu %x, alpha=2", &[-1.7293294335267746, -0.0, 3.0, NAN]);
    on_x("exp %x", &[0.1353352832366127, 1.0, 20.085536923187668, NAN]);
    on_x("sqrt %x", &[NAN, -0.0, 1.7320508075688772, NAN]);
    on_x("rsqrt %x, eps=1", &[NAN, 1.0, 0.5, NAN]);
    on_x("rsqrt %x", &[NAN, INF, 0.5773502691896258, NAN]);
    close(&[("%x: f32[3] = const [-1000,1000,-inf]\n%y: f32[3] = sigmoid %x", &[0.0, 1.0, 0.0])]);
}

#[test]
fn normalisations() {
    close(&[
        (
            "%x: f32[1,2,2] = const [1,2,3,4]\n%g: f32[2] = const [1,10]\n%b: f32[2] = const [0,5]\n\
             %m: f32[2] = const [1,2]\n%v: f32[2] = const [3,0]\n\
             %y: f32[1,2,2] = batch_norm %x, %g, %b, %m, %v, eps=1",
            &[0.0, 0.5, 15.0, 25.0],
        ),
        // Of an even size the region reaches one channel further up than down.
        (
            "%x: f32[1,4,1,1] = const [1,2,3,4]\n%y: f32[1,4,1,1] = lrn %x, size=2, alpha=2, beta=1",
            &[1.0 / 6.0, 2.0 / 14.0, 3.0 / 26.0, 4.0 / 17.0],
        ),
        (
            "%x: f32[1,4,1,1] = const [1,2,3,4]\n\
             %y: f32[1,4,1,1] = lrn %x, size=3, alpha=3, beta=0.5, bias=4",
            &[1.0 / 3.0, 2.0 / 18f64.sqrt(), 3.0 / 33f64.sqrt(), 4.0 / 29f64.sqrt()],
        ),
        (
            "%x: f32[1,2,1,2] = const [1,2,3,4]\n%y: f32[1,2,1,2] = lrn %x, size=1, alpha=1, beta=1",
            &[0.5, 0.4, 0.3, 4.0 / 17.0],
        ),
        (
            "%x: f32[2,2] = const [0,0,0,1.0986122886681098]\n%y: f32[2,2] = softmax %x, axis=0",
            &[0.5, 0.25, 0.5, 0.75],
        ),
        (
            "%x: f32[2,2] = const [0,1.0986122886681098,1000,1000]\n%y: f32[2,2] = softmax %x, axis=1",
            &[0.25, 0.75, 0.5, 0.5],
        ),
    ]);
}

#[test]
fn matrix_products() {
    const AB: &str = "%a: f32[2,2] = const [1,2,3,4]\n%b: f32[2,2] = const [5,6,7,8]\n\
                      %c: f32[2] = const [100,200]\n\
                      %d: f32[2,1] = const [100,200]\n";
    let product = |call: &str, expected: &[f64]| check(&format!("{AB}%y: f32[2,2] = {call}"), expected, 0.0);
    product("gemm %a, %b", &[19.0, 22.0, 43.0, 50.0]);
    product("gemm %a, %b, trans_a=true", &[26.0, 30.0, 38.0, 44.0]);
    product("gemm %a, %b, trans_b=true", &[17.0, 23.0, 39.0, 53.0]);
    product("gemm %a, %b, trans_a=true, trans_b=true", &[23.0, 31.0, 34.0, 46.0]);
    product("gemm %a, %b, %c", &[119.0, 222.0, 143.0, 250.0]);
    product("gemm %a, %b, %d", &[119.0, 122.0, 243.0, 250.0]);
    product("matmul %a, %b", &[19.0, 22.0, 43.0, 50.0]);
    exact(&[
        (
            "%a: f32[2,1,1,2] = const [1,2,3,4]\n%b: f32[3,2,1] = const [1,1,1,0,0,1]\n\
             %y: f32[2,3,1,1] = matmul %a, %b",
            &[3.0, 1.0, 2.0, 7.0, 3.0, 4.0],
        ),
        (
            "%a: f32[1,3] = const [1,2,3]\n%b: f32[3,1] = const [1,10,100]\n%y: f32[1,1] = gemm %a, %b",
            &[321.0],
        ),
        (
            "%a: f32[1,3] = const [1,2,3]\n%b: f32[1,3] = const [1,10,100]\n\
             %y: f32[1,1] = gemm %a, %b, trans_b=true",
            &[321.0],
        ),
        (
            "%a: f32[2,0] = const splat(1)\n%b: f32[0,2] = const splat(1)\n%y: f32[2,2] = matmul %a, %b",
            &[0.0; 4],
        ),
    ]);
}

#[test]
fn reductions() {
    const X: &str = "%x: f32[2,3] = const [1,5,3,4,2,6]\n";
    let reduced = |node: &str, expected: &[f64]| check(&format!("{X}%y: {node}"), expected, 0.0);
    reduced("f32[1,3] = reduce_sum %x, axes=[0]", &[5.0, 7.0, 9.0]);
    reduced("f32[2] = reduce_sum %x, axes=[1], keep=false", &[9.0, 12.0]);
    reduced("f32[1,3] = reduce_mean %x, axes=[0]", &[2.5, 3.5, 4.5]);
    reduced("f32[] = reduce_mean %x, axes=[1,0], keep=false", &[3.5]);
    reduced("f32[2,1] = reduce_max %x, axes=[1]", &[5.0, 6.0]);
    exact(&[
        (
            "%x: f32[1,2,2,2] = const [1,2,3,4,5,6,7,8]\n%y: f32[1,2,1,1] = reduce_mean %x, axes=[2,3]",
            &[2.5, 6.5],
        ),
        (
            "%x: f32[2,2,2] = const [1,2,3,4,5,6,7,8]\n%y: f32[1,2,1] = reduce_sum %x, axes=[0,2]",
            &[14.0, 22.0],
        ),
        ("%x: f32[2,2] = const [NaN,1,NaN,NaN]\n%y: f32[2,1] = reduce_max %x, axes=[1]", &[1.0, -INF]),
        ("%x: f32[1,0] = const []\n%y: f32[1,1] = reduce_mean %x, axes=[1]", &[NAN]),
    ]);
    // Terms are added in ascending order: in f32, 1 disappears behind 1e9 and survives after it.
    for (terms, sum) in [("1,1e9,-1e9", 0.0), ("1e9,-1e9,1", 1.0)] {
        let nodes = format!("%x: f32[3] = const [{terms}]\n%y: f32[] = reduce_sum %x, axes=[0], keep=false");
        assert_eq!(value_of(&nodes, Precision::F32).slice::<f32>(), [sum]);
        assert_eq!(value_of(&nodes, Precision::F64).slice::<f64>(), [1.0]);
    }
}

#[test]
fn more_reductions() {
    const X: &str = "%x: f32[2,3] = const [1,5,3,4,2,-6]\n%n: i8[2,3] = const [1,-128,3,100,100,-1]\n";
    let reduced = |node: &str, expected: &[f64]| check(&format!("{X}%y: {node}"), expected, 0.0);
    reduced("f32[2,1] = reduce_min %x, axes=[1]", &[1.0, -6.0]);
    reduced("f32[2] = reduce_prod %x, axes=[1], keep=false", &[15.0, -48.0]);
    reduced("f32[3] = reduce_sum_square %x, axes=[0], keep=false", &[17.0, 29.0, 45.0]);
    // Integers wrap; their mean is rounded towards zero.
    reduced("i8[2] = reduce_sum %n, axes=[1], keep=false", &[-124.0, -57.0]);
    reduced("i8[2] = reduce_mean %n, axes=[1], keep=false", &[-41.0, -19.0]);
    reduced("i8[2] = reduce_prod %n, axes=[1], keep=false", &[-128.0, -16.0]);
    reduced("i8[3] = reduce_max %n, axes=[0], keep=false", &[100.0, 100.0, 3.0]);
    reduced("i8[3] = reduce_min %n, axes=[0], keep=false", &[1.0, -128.0, -1.0]);
    exact(&[
        ("%x: f32[2,2] = const [NaN,1,NaN,NaN]\n%y: f32[2,1] = reduce_min %x, axes=[1]", &[1.0, INF]),
        ("%x: f32[1,0] = const []\n%y: f32[1,1] = reduce_min %x, axes=[1]", &[INF]),
        ("%x: f32[1,0] = const []\n%y: f32[1,1] = reduce_prod %x, axes=[1]", &[1.0]),
        ("%x: i32[1,0] = const []\n%y: i32[1,1] = reduce_max %x, axes=[1]", &[-2147483648.0]),
        ("%x: i32[1,0] = const []\n%y: i32[1,1] = reduce_mean %x, axes=[1]", &[0.0]),
        ("%x: u8[1,0] = const []\n%y: u8[1,1] = reduce_min %x, axes=[1]", &[255.0]),
        ("%x: bool[2,2] = const [0,1,0,0]\n%y: bool[2] = reduce_max %x, axes=[1], keep=false", &[1.0, 0.0]),
        ("%x: bool[2,2] = const [0,1,1,1]\n%y: bool[2] = reduce_min %x, axes=[1], keep=false", &[0.0, 1.0]),
    ]);
}

#[test]
fn places_and_orders() {
    const X: &str = "%x: f32[2,4] = const [3,1,3,2,NaN,5,-1,NaN]\n";
    let of_x = |node: &str, expected: &[f64]| check(&format!("{X}%y: {node}"), expected, 0.0);
    of_x("i64[2,1] = arg_max %x, axis=1", &[0.0, 1.0]);
    of_x("i64[2] = arg_max %x, axis=1, keep=false, last=true", &[2.0, 1.0]);
    of_x("i64[2] = arg_max %x, axis=1, keep=false, least=true", &[1.0, 2.0]);
    of_x("i64[4] = arg_max %x, axis=0, keep=false", &[0.0, 1.0, 0.0, 0.0]);
    of_x("f32[2,3] = top_k %x, axis=1, k=3", &[3.0, 3.0, 2.0, 5.0, -1.0, NAN]);
    of_x("i64[2,3] = top_k %x, axis=1, k=3, places=true", &[0.0, 2.0, 3.0, 1.0, 2.0, 0.0]);
    of_x("f32[2,2] = top_k %x, axis=1, k=2, least=true", &[1.0, 2.0, -1.0, 5.0]);
    of_x("i64[2,4] = top_k %x, axis=0, k=2, places=true", &[0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0]);
    of_x("f32[2,0] = top_k %x, axis=1, k=0", &[]);
    exact(&[
        ("%x: f32[2] = const [NaN,NaN]\n%y: i64[1] = arg_max %x, axis=0, last=true", &[0.0]),
        ("%x: u8[3] = const [0,255,255]\n%y: i64[1] = arg_max %x, axis=0, last=true", &[2.0]),
        ("%x: f32[2,0,3] = const []\n%y: i64[2,0,1] = arg_max %x, axis=2", &[]),
    ]);
}

#[test]
fn running_sums() {
    const X: &str = "%x: f32[2,3] = const [1,2,3,4,5,6]\n";
    let of_x =
        |call: &str, expected: &[f64]| check(&format!("{X}%y: f32[2,3] = cum_sum {call}"), expected, 0.0);
    of_x("%x, axis=1", &[1.0, 3.0, 6.0, 4.0, 9.0, 15.0]);
    of_x("%x, axis=0", &[1.0, 2.0, 3.0, 5.0, 7.0, 9.0]);
    of_x("%x, axis=1, exclusive=true", &[0.0, 1.0, 3.0, 0.0, 4.0, 9.0]);
    of_x("%x, axis=1, reverse=true", &[6.0, 5.0, 3.0, 15.0, 11.0, 6.0]);
    of_x("%x, axis=1, exclusive=true, reverse=true", &[5.0, 3.0, 0.0, 11.0, 6.0, 0.0]);
    exact(&[("%x: i8[3] = const [100,100,100]\n%y: i8[3] = cum_sum %x, axis=0", &[100.0, -56.0, 44.0])]);
}
