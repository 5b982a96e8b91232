//! Operators that look at neighbours or fold many elements into one.

mod common;

use common::{agree, exact};

/// Every channel count around one and two blocks.
const CHANNELS: [usize; 6] = [1, 3, 7, 8, 9, 17];

/// A pool of `[2, C, H, W]`, behind a convolution that leaves blocks and in front of a pipe.
fn pool(op: &str, size: (usize, usize), result: (usize, usize), attrs: &str) {
    let ((h, w), (oh, ow)) = (size, result);
    for c in CHANNELS {
        agree(&format!(
            "graph @g(%x: f32[2,{c},{h},{w}]) {{\n  %b: f32[{c},1,1] = const rand(1)\n  \
             %p: f32[2,{c},{oh},{ow}] = {op} %x, {attrs}\n  \
             %q: f32[2,{c},{oh},{ow}] = {op} %x, {attrs} |> add %b |> mul %p |> sigmoid\n  \
             return %p, %q\n}}\n"
        ));
    }
}

#[test]
fn max_pools() {
    pool("max_pool", (9, 11), (5, 6), "kernel=3, stride=2, pad=1");
    pool("max_pool", (40, 41), (20, 20), "kernel=2, stride=2");
    pool("max_pool", (8, 7), (4, 3), "kernel=3, stride=2, ceil=true");
    pool("max_pool", (12, 40), (12, 40), "kernel=5, pad=2");
    pool("max_pool", (7, 30), (6, 28), "kernel=3x4, pad=[0,1,1,0]");
    pool("max_pool", (9, 9), (6, 4), "kernel=2x3, dilation=3x2, stride=1x2, pad=[0,1,0,1], ceil=true");
    pool("max_pool", (9, 8), (13, 8), "kernel=3x2, dilation=2x4, pad=[4,2,4,2]");
}

#[test]
fn mean_pools() {
    for include in [false, true] {
        let pool = |size, result, attrs: &str| {
            pool("avg_pool", size, result, &format!("{attrs}, count_include_pad={include}"));
        };
        pool((9, 11), (5, 6), "kernel=3, stride=2, pad=1");
        pool((8, 7), (4, 3), "kernel=3, stride=2, ceil=true");
        pool((7, 7), (1, 1), "kernel=7");
        pool((12, 40), (12, 40), "kernel=5, pad=2");
        pool((7, 30), (6, 28), "kernel=3x4, pad=[0,1,1,0]");
        pool((8, 8), (5, 5), "kernel=3, stride=2, pad=1, ceil=true");
        pool((9, 8), (13, 8), "kernel=3x2, dilation=2x4, pad=[4,2,4,2]");
    }
}

#[test]
fn integers_are_exact() {
    for c in [5, 16] {
        exact(&format!(
            "graph @g(%x: f32[2,{c},6,10]) {{\n  %m: f32[2,{c},3,5] = max_pool %x, kernel=3, stride=2, pad=1\n  \
             %a: f32[2,{c},3,5] = avg_pool %x, kernel=4x2, stride=2, pad=[1,0,1,0]\n  \
             %s: f32[2,{c},1,1] = reduce_sum %x, axes=[2,3]\n  \
             %t: f32[{c},10] = reduce_sum %x, axes=[0,2], keep=false\n  \
             %u: f32[2,{c},1,1] = reduce_mean %m, axes=[2,3]\n  %v: f32[2,1,6,1] = reduce_max %x, axes=[1,3]\n  \
             %w: f32[6,10] = reduce_min %x, axes=[1,0], keep=false\n  \
             %z: f32[2] = reduce_sum_square %x, axes=[1,2,3], keep=false\n  \
             return %m, %a, %s, %t, %u, %v, %w, %z\n}}\n"
        ));
    }
}

#[test]
fn softmaxes() {
    for (shape, axis) in [
        ("1,1000", 1),
        ("3,5", 1),
        ("3,8", 1),
        ("4,77", 1),
        ("77", 0),
        ("9,1", 1),
        ("2,21,5,7", 1),
        ("2,3,5,7", 2),
        ("2,3,5,7", 3),
        ("5,32", 0),
        ("2,3,4", 1),
    ] {
        agree(&format!(
            "graph @g(%x: f32[{shape}]) {{\n  %s: f32[1] = const [20]\n  %a: f32[{shape}] = mul %x, %s\n  \
             %y: f32[{shape}] = softmax %a, axis={axis} |> mul %s\n  %z: f32[{shape}] = softmax %x, axis={axis}\n  \
             return %y, %z\n}}\n"
        ));
    }
}

const REDUCTIONS: [&str; 6] =
    ["reduce_mean", "reduce_max", "reduce_min", "reduce_sum", "reduce_sum_square", "reduce_prod"];

/// One reduction, by every operator.
fn reduce(x: &str, axes: &str, kept: &str, gone: &str) {
    for op in REDUCTIONS {
        agree(&format!(
            "graph @g(%x: f32[{x}]) {{\n  %y: f32[{kept}] = {op} %x, axes=[{axes}] |> relu\n  \
             %z: f32[{gone}] = {op} %x, axes=[{axes}], keep=false\n  return %y, %z\n}}\n"
        ));
    }
}

#[test]
fn reductions() {
    reduce("2,3,5,7", "3", "2,3,5,1", "2,3,5");
    reduce("2,3,5,7", "2,3", "2,3,1,1", "2,3");
    reduce("2,3,5,7", "1", "2,1,5,7", "2,5,7");
    reduce("2,3,5,7", "0,2", "1,3,1,7", "3,7");
    reduce("2,3,5,7", "1,3", "2,1,5,1", "2,5");
    reduce("2,3,5,7", "0,1,2,3", "1,1,1,1", "");
    reduce("6,100", "0", "1,100", "100");
    reduce("6,1000", "1", "6,1", "6");
    reduce("3,1,4", "1", "3,1,4", "3,4");
}

#[test]
fn reductions_in_blocks() {
    for c in CHANNELS {
        for op in REDUCTIONS {
            // A product keeps the relative errors of its factors: those of a convolution are large where it cancels.
            let blocked = if op == "reduce_prod" { "max_pool %x, kernel=1" } else { "conv %x, %w" };
            agree(&format!(
                "graph @g(%x: f32[2,{c},5,7]) {{\n  %w: f32[{c},{c},1,1] = const rand(1)\n  \
                 %a: f32[2,{c},5,7] = {blocked}\n  %b: f32[2,{c},1,1] = {op} %a, axes=[2,3]\n  \
                 %c: f32[2,{c}] = {op} %a, axes=[3,2], keep=false |> relu\n  %d: f32[2,{c},1,1] = conv %b, %w\n  \
                 %y: f32[2,{c},5,7] = mul %a, %d\n  return %y, %c\n}}\n"
            ));
        }
    }
}

#[test]
fn responses() {
    for c in [1, 3, 8, 9, 16, 17, 29] {
        for (size, attrs) in [
            (5, "alpha=0.5, beta=0.75, bias=2"),
            (1, "alpha=2, beta=0.5"),
            (2, "alpha=2, beta=1"),
            (7, "alpha=3, beta=0.6"),
            (16, "alpha=3, beta=1.25, bias=0.1"),
            (17, "alpha=3"),
        ] {
            agree(&format!(
                "graph @g(%x: f32[2,{c},5,7]) {{\n  %y: f32[2,{c},5,7] = lrn %x, size={size}, {attrs} |> relu\n  \
                 %z: f32[2,{c},5,7] = lrn %x, size={size}, {attrs}\n  return %y, %z\n}}\n"
            ));
        }
    }
    agree(
        "graph @g(%x: f32[1,12,20,30]) {\n  %w: f32[12,12,1,1] = const rand(1)\n  %a: f32[1,12,20,30] = conv %x, %w\n  \
         %y: f32[1,12,20,30] = lrn %a, size=3, alpha=1\n  %z: f32[1,12,20,30] = conv %y, %w\n  return %z\n}\n",
    );
    for (dtype, attrs) in [
        ("f64", "size=5, alpha=0.5"),
        ("f16", "size=4, alpha=0.5, beta=0.5"),
        ("f32", "size=31, alpha=0.5"),
        ("f32", "size=9000000000000000000, alpha=0.5"),
        ("f32", "size=3, alpha=-0.001, beta=0.3, bias=2"),
    ] {
        agree(&format!(
            "graph @g(%x: {dtype}[2,40,3,5]) {{\n  %y: {dtype}[2,40,3,5] = lrn %x, {attrs} |> relu\n  return %y\n}}\n"
        ));
    }
    agree("graph @g(%x: f32[2,9]) {\n  %y: f32[2,9] = lrn %x, size=3, alpha=1 |> relu\n  return %y\n}\n");
}

/// A resize of `[2, C, h, w]` to planes of that size.
fn resize(size: (usize, usize), result: (usize, usize), attrs: &str) {
    let ((h, w), (oh, ow)) = (size, result);
    let scale = |from: usize, to: usize| to as f32 / from as f32;
    for c in [1, 8, 13] {
        agree(&format!(
            "graph @g(%x: f32[2,{c},{h},{w}]) {{\n  \
             %y: f32[2,{c},{oh},{ow}] = resize %x, {attrs}, scales=[1,1,{:?},{:?}], sizes=[2,{c},{oh},{ow}] |> relu\n  \
             return %y\n}}\n",
            scale(h, oh),
            scale(w, ow),
        ));
    }
}

#[test]
fn resizes() {
    for coordinate in ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"] {
        for mode in ["linear", "nearest, nearest=floor", "nearest, nearest=round_prefer_ceil", "nearest"] {
            let attrs = format!("mode={mode}, coordinate={coordinate}");
            resize((5, 7), (10, 14), &attrs);
            resize((5, 7), (3, 9), &attrs);
            resize((6, 4), (1, 1), &attrs);
            // One dimension that stays.
            resize((5, 7), (10, 7), &attrs);
            resize((5, 7), (5, 9), &attrs);
        }
    }
}
