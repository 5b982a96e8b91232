//! Compiled graphs against the evaluator, by both emitters.

mod common;

use cnnc_codegen::{Origin, Target, jit, plan::plan};
use cnnc_ir::text;
use common::{agree, exact};

fn conv(x: &str, w: &str, y: &str, attrs: &str) {
    agree(&format!(
        "graph @g(%x: f32[{x}]) {{\n  %w: f32[{w}] = const rand(1)\n  %b: f32[{}] = const rand(2)\n  \
         %y: f32[{y}] = conv %x, %w, %b{attrs} |> relu\n  return %y\n}}\n",
        w.split(',').next().unwrap()
    ));
}

#[test]
fn convolutions() {
    conv("1,1,5,5", "8,1,3,3", "1,8,5,5", ", pad=1");
    conv("1,3,9,11", "5,3,3,3", "1,5,9,11", ", pad=1");
    conv("2,16,8,8", "24,16,3,3", "2,24,8,8", ", pad=1");
    conv("1,17,7,7", "19,17,1,1", "1,19,7,7", "");
    conv("1,8,14,14", "32,8,5,5", "1,32,7,7", ", stride=2, pad=2");
    conv("1,8,14,14", "40,8,3,3", "1,40,14,14", ", pad=2, dilation=2");
    conv("1,16,6,6", "16,8,3,3", "1,16,6,6", ", pad=1, groups=2");
    conv("1,8,40,40", "64,8,1,1", "1,64,40,40", "");
}

/// Values without elements are no work, sums of nothing are zero.
#[test]
fn nothing() {
    for (x, w, y) in [("0,64", "64,10", "0,10"), ("3,64", "64,0", "3,0"), ("3,0", "0,7", "3,7")] {
        agree(&format!(
            "graph @g(%x: f32[{x}]) {{\n  %w: f32[{w}] = const rand(1)\n  \
             %y: f32[{y}] = gemm %x, %w |> relu\n  return %y\n}}\n"
        ));
    }
    agree(
        "graph @g(%x: f32[0,16,9,9], %a: f32[2,8,9,9]) {\n  %w: f32[16,16,3,3] = const rand(1)\n  \
         %y: f32[0,16,9,9] = conv %x, %w, pad=1 |> relu\n  %z: f32[0,16,9,9] = conv %y, %w, pad=1 |> add %x\n  \
         %p: f32[0,16,4,4] = max_pool %z, kernel=3, stride=2\n  \
         %m: f32[0,16] = reduce_mean %p, axes=[2,3], keep=false\n  \
         %o: f32[0,8,9,9] = slice %z, starts=[0,0,0,0], ends=[0,8,9,9], steps=[1,1,1,1]\n  \
         %c: f32[2,8,9,9] = concat %o, %a, axis=0\n  return %y, %m, %c\n}\n",
    );
}

/// Windows over planes without rows see padding alone.
#[test]
fn planes_without_rows() {
    for (channels, filters, groups, dtype) in
        [(8, 8, 1, "f32"), (8, 8, 8, "f32"), (3, 8, 1, "f32"), (8, 16, 8, "f32"), (8, 8, 1, "f64")]
    {
        agree(&format!(
            "graph @g(%x: {dtype}[1,{channels},0,4]) {{\n  \
             %w: {dtype}[{filters},{},1,1] = const rand(1)\n  %b: {dtype}[{filters}] = const rand(2)\n  \
             %y: {dtype}[1,{filters},2,4] = conv %x, %w, %b, pad=[2,0,0,0], groups={groups}\n  return %y\n}}\n",
            channels / groups
        ));
    }
    agree(
        "graph @g(%x: u8[1,3,0,4]) {\n  %w: u8[2,3,1,1] = const rand(1, min=0, max=9)\n  %z: u8[] = const [3]\n  \
         %y: i32[1,2,2,4] = conv_integer %x, %w, %z, %z, pad=[2,0,0,0]\n  return %y\n}\n",
    );
}

/// Taps further apart than an instruction can say.
#[test]
fn far_windows() {
    let far = 1 << 20;
    for (channels, groups) in [(8, 1), (8, 8), (3, 1)] {
        agree(&format!(
            "graph @g(%x: f32[1,{channels},1,8]) {{\n  %w: f32[8,{},1,100] = const rand(1)\n  \
             %y: f32[1,8,1,1] = conv %x, %w, stride=1x{far}, dilation=1x{far}, pad=[0,{},0,{}], groups={groups}\n  \
             return %y\n}}\n",
            channels / groups,
            70 * far,
            29 * far
        ));
    }
}

/// Windows whose kernels would take more code than there may be.
#[test]
fn long_windows() {
    agree(
        "graph @g(%x: f32[1,2,1,700]) {\n  %w: f32[2,2,1,600] = const rand(1)\n  \
         %c: f32[1,2,1,701] = conv %x, %w, pad=[0,300,0,300] |> relu\n  \
         %p: f32[1,2,1,701] = max_pool %c, kernel=1x1501, pad=[0,750,0,750]\n  \
         %q: f32[1,2,1,701] = avg_pool %c, kernel=1x1501, pad=[0,750,0,750]\n  \
         %y: f32[1,2,1,1300] = conv_transpose %c, %w\n  return %y, %p, %q\n}\n",
    );
}

/// One that has transforms too, by blocks of rows.
#[test]
fn long_windows_of_tiles() {
    agree(
        "graph @g(%x: f32[1,16,8,40]) {\n  %w: f32[16,16,1,3] = const rand(1)\n  \
         %y: f32[1,16,8,6038] = conv %x, %w, pad=[0,3000,0,3000]\n  return %y\n}\n",
    );
}

#[test]
fn weights_as_they_are_and_transposed() {
    agree(
        "graph @g(%x: f32[2,5]) {\n  %w: f32[5,1] = const rand(1)\n  %a: f32[2,1] = gemm %x, %w\n  \
         %y: f32[2,5] = gemm %a, %w, trans_b=true\n  return %y\n}\n",
    );
    agree(
        "graph @g(%x: f32[3,7]) {\n  %w: f32[7,7] = const rand(1)\n  %a: f32[3,7] = gemm %x, %w\n  \
         %y: f32[3,7] = gemm %a, %w, trans_b=true\n  return %y\n}\n",
    );
}

#[test]
fn residual_and_products() {
    agree(
        "graph @g(%x: f32[1,8,6,6]) {\n  %w: f32[8,8,3,3] = const rand(1)\n  \
         %a: f32[1,8,6,6] = conv %x, %w, pad=1 |> relu\n  %v: f32[8,8,3,3] = const rand(2)\n  \
         %y: f32[1,8,6,6] = conv %a, %v, pad=1 |> add %a |> relu\n  return %y\n}\n",
    );
    agree(
        "graph @g(%x: f32[5,30]) {\n  %w: f32[30,21] = const rand(1)\n  %c: f32[21] = const rand(3)\n  \
         %y: f32[5,21] = gemm %x, %w, %c |> relu\n  %z: f32[1,105] = reshape %y, shape=[1,105]\n  \
         %v: f32[10,105] = const rand(4)\n  %o: f32[1,10] = gemm %z, %v, trans_b=true\n  return %o, %y\n}\n",
    );
    agree(
        "graph @g(%a: f32[2,3,5,7], %b: f32[3,7,11]) {\n  %y: f32[2,3,5,11] = matmul %a, %b\n  return %y\n}\n",
    );
}

#[test]
fn maps() {
    agree(
        "graph @g(%x: f32[2,3,5,7]) {\n  %b: f32[3,1,1] = const rand(1)\n  %c: f32[7] = const rand(2)\n  \
         %y: f32[2,3,5,7] = add %x, %b |> mul %c |> relu\n  %z: f32[2,3,5,7] = sub %b, %y\n  return %z, %y\n}\n",
    );
}

#[test]
fn weights_that_are_computed() {
    for (x, w, y, attrs) in [
        ("1,1,5,5", "1,1,3,3", "1,1,5,5", ", pad=1"),
        ("2,17,7,6", "19,17,3,2", "2,19,3,4", ", pad=[1,1,0,1], stride=2"),
        ("1,8,6,6", "40,8,1,1", "1,40,6,6", ""),
        ("1,16,6,6", "16,8,3,3", "1,16,6,6", ", pad=1, groups=2"),
        ("1,6,6,6", "6,1,3,3", "1,6,6,6", ", pad=1, groups=6"),
    ] {
        let o = w.split(',').next().unwrap();
        exact(&format!(
            "graph @g(%x: f32[{x}], %w: f32[{w}], %b: f32[{o}]) {{\n  \
             %y: f32[{y}] = conv %x, %w, %b{attrs} |> relu\n  return %y\n}}\n"
        ));
    }
    exact(
        "graph @g(%x: f32[1,6,3,4], %w: f32[6,5,3,3], %b: f32[10]) {\n  \
         %y: f32[1,10,7,9] = conv_transpose %x, %w, %b, stride=2, groups=2\n  return %y\n}\n",
    );
}

/// Its symbols are other than those of its steps and kernels.
#[test]
fn a_network_called_as_a_step_of_it() {
    let graph = "graph @g(%x: f32[4]) {\n  %model: f32[4] = sin %x\n  return %model\n}\n";
    let module = text::parse(graph).unwrap();
    let target = Target::x86_64_v3();
    let program = plan(&module, &target).unwrap();
    for name in ["step0", "map_0"] {
        let origin = Origin { name: name.into(), ..Origin::default() };
        jit(&module, &program, &target, &origin).unwrap();
    }
}
