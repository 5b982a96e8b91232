//! Receptive fields of `report`: every operator that moves, mixes, loses or gains dimensions.

use crate::Folder;
use crate::report::report;

/// What the last layer of a network sees of a picture of 8x8, with four channels.
fn last_sees(folder: &Folder, element: &str, body: &str) -> [u64; 2] {
    let last = body.split(':').rev().nth(1).and_then(|head| head.rsplit('%').next()).unwrap();
    let text = format!(
        "graph @net(%x: {element}[1,4,8,8]) {{\n  %w: f32[4,4,3,3] = const rand(1)\n  \
         %i: i64[] = const splat(1)\n  \
         {body}\n  return %{last}\n}}\n"
    );
    folder.write("net.cnn", text);
    let json = report(folder, "net.cnn");
    let sees = &json["layers"].as_array().unwrap().last().unwrap()["receptive_field"];
    [0, 1].map(|k| sees[k].as_u64().unwrap())
}

#[test]
fn what_loses_or_gains_dimensions_still_sees() {
    let folder = Folder::new();
    for (body, sees) in [
        // The rows and columns are where the result has them, or gone.
        ("%y: f32[4,8,8] = gather %x, %i\n  %z: f32[4,64] = reshape %y, shape=[4,64]", [8, 8]),
        (
            "%y: f32[1,8,8] = gather %x, %i, axis=1\n  \
             %z: f32[1,8,4] = slice %y, starts=[0,0,0], ends=[1,8,4]",
            [1, 1],
        ),
        ("%y: f32[1,4,8] = gather %x, %i, axis=2\n  %z: f32[1,4,8] = softmax %y, axis=2", [8, 8]),
        ("%y: f32[1,4,8] = gather %x, %i, axis=2\n  %z: f32[1,4,8] = softmax %y, axis=1", [8, 1]),
        (
            "%g: i64[1,2] = const splat(0)\n  \
             %y: f32[1,8,8] = gather_nd %x, %g\n  \
             %z: f32[64] = reshape %y, shape=[64]",
            [8, 8],
        ),
        (
            "%y: i64[1,8,8] = arg_max %x, axis=1, keep=false\n  \
             %z: i64[1,8,4] = slice %y, starts=[0,0,0], ends=[1,8,4]",
            [1, 1],
        ),
        (
            "%y: f32[1,8,8] = reduce_min %x, axes=[1], keep=false\n  \
             %z: f32[1,10,10] = pad %y, before=[0,1,1], after=[0,1,1]",
            [1, 1],
        ),
        (
            "%y: f32[1,8,8] = reduce_min %x, axes=[1], keep=false\n  \
             %z: f32[1,16,16] = resize %y, scales=[1,2,2], sizes=[1,16,16]",
            [1, 1],
        ),
        (
            "%v: f32[8,5] = const rand(2)\n  \
             %y: f32[1,8,8] = reduce_prod %x, axes=[1], keep=false\n  \
             %z: f32[1,8,5] = matmul %y, %v",
            [8, 8],
        ),
        (
            "%v: f32[4,5] = const rand(2)\n  \
             %y: f32[1,4] = reduce_sum_square %x, axes=[2,3], keep=false\n  \
             %z: f32[1,5] = gemm %y, %v",
            [8, 8],
        ),
        (
            "%y: f32[2,1,4,8,8] = expand %x, shape=[2,1,4,8,8]\n  \
             %z: f32[512] = reshape %y, shape=[512]",
            [8, 8],
        ),
        (
            "%v: f32[2,1,1,1,1] = const rand(2)\n  \
             %y: f32[2,1,4,8,8] = add %x, %v\n  \
             %z: f32[2,1,4,1,8] = reduce_max %y, axes=[3]",
            [8, 1],
        ),
    ] {
        assert_eq!(last_sees(&folder, "f32", body), sees, "{body}");
    }
}

#[test]
fn fields_widen_where_elements_mix() {
    let folder = Folder::new();
    for (element, body, sees) in [
        (
            "f32",
            "%v: f32[4,4,4,4] = const rand(2)\n  \
             %y: f32[1,4,16,16] = conv_transpose %x, %v, stride=2, pad=1",
            [2, 2],
        ),
        // Neighbours see the same column, or the next.
        (
            "f32",
            "%v: f32[4,4,2,2] = const rand(2)\n  \
             %y: f32[1,4,16,16] = conv_transpose %x, %v, stride=2\n  \
             %z: f32[1,4,14,14] = conv %y, %w",
            [2, 2],
        ),
        (
            "u8",
            "%v: i8[8,4,3,3] = const splat(1)\n  \
             %a: u8[] = const splat(0)\n  \
             %b: i8[] = const splat(0)\n  \
             %y: i32[1,8,8,8] = conv_integer %x, %v, %a, %b, pad=1",
            [3, 3],
        ),
        (
            "u8",
            "%v: i8[8,8] = const splat(1)\n  \
             %a: u8[] = const splat(0)\n  \
             %b: i8[] = const splat(0)\n  \
             %y: i32[1,4,8,8] = matmul_integer %x, %v, %a, %b",
            [8, 8],
        ),
        ("f32", "%y: i64[1,4,4,4] = arg_max_pool %x, kernel=2, stride=2", [2, 2]),
        ("f32", "%y: f32[1,4,16,16] = resize %x, mode=linear, scales=[1,1,2,2], sizes=[1,4,16,16]", [2, 2]),
        ("f32", "%y: f32[1,4,16,16] = resize %x, mode=cubic, scales=[1,1,2,2], sizes=[1,4,16,16]", [4, 4]),
        ("f32", "%y: f32[1,4,1,1] = reduce_prod %x, axes=[2,3]", [8, 8]),
        ("f32", "%y: f32[1,4,8,8] = cum_sum %x, axis=3", [1, 8]),
        ("f32", "%y: f32[1,4,2,8] = top_k %x, axis=2, k=2", [8, 1]),
        (
            "f32",
            "%g: f32[1,8,8,2] = const rand(2)\n  \
             %y: f32[1,4,8,8] = grid_sample %x, %g, mode=linear",
            [8, 8],
        ),
        // Right to left, and what slides over that.
        (
            "f32",
            "%y: f32[1,4,8,8] = slice %x, starts=[0,0,0,7], ends=[1,4,8,-1], steps=[1,1,1,-1]\n  \
             %z: f32[1,4,8,8] = conv %y, %w, pad=1",
            [3, 3],
        ),
        // A window slides over the last two dimensions, whatever they are.
        (
            "f32",
            "%y: f32[1,8,8,4] = transpose %x, perm=[0,3,2,1]\n  \
             %v: f32[2,8,3,1] = const rand(2)\n  \
             %z: f32[1,2,6,4] = conv %y, %v",
            [3, 8],
        ),
        // What all see, its neighbours see too.
        ("f32", "%y: f32[1,4,8,8] = softmax %x, axis=3\n  %z: f32[1,4,6,6] = conv %y, %w", [3, 8]),
    ] {
        assert_eq!(last_sees(&folder, element, body), sees, "{body}");
    }
}
