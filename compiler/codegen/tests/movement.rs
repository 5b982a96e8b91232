//! Operators that only move elements, plain and in blocks.

mod common;

use common::{agree, exact};

#[test]
fn concat_plain() {
    agree(
        "graph @g(%a: f32[2,3,5,7], %b: f32[2,1,5,7]) {\n  %c: f32[2,2,5,7] = const rand(1)\n  \
         %y: f32[2,6,5,7] = concat %a, %b, %c, axis=1 |> relu\n  \
         %z: f32[2,6,5,14] = concat %y, %y, axis=3\n  return %y, %z\n}\n",
    );
    agree("graph @g(%a: f32[3], %b: f32[9000]) {\n  %y: f32[9003] = concat %a, %b, axis=0\n  return %y\n}\n");
}

/// Convolutions of these channels concatenated, the first operand read twice.
fn concat_of_convs(n: usize, channels: &[usize]) {
    let total = channels.iter().sum::<usize>() + channels[0];
    let mut lines = String::new();
    for (i, c) in channels.iter().enumerate() {
        lines += &format!(
            "  %w{i}: f32[{c},9,1,1] = const rand({i})\n  %c{i}: f32[{n},{c},6,7] = conv %x, %w{i} |> relu\n"
        );
    }
    let names: Vec<String> = (0..channels.len()).map(|i| format!("%c{i}")).collect();
    agree(&format!(
        "graph @g(%x: f32[{n},9,6,7]) {{\n{lines}  %y: f32[{n},{total},6,7] = concat %c0, {}, axis=1\n  \
         %v: f32[12,{total},3,3] = const rand(50)\n  %z: f32[{n},12,6,7] = conv %y, %v, pad=1\n  \
         %s: f32[{n},{},6,7] = relu %c0\n  return %z, %s\n}}\n",
        names.join(", "),
        channels[0],
    ));
}

#[test]
fn concat_in_blocks() {
    concat_of_convs(1, &[8, 16, 24]);
    concat_of_convs(1, &[8, 16, 13]);
    concat_of_convs(2, &[16, 8, 5]);
    concat_of_convs(3, &[8, 16, 8]);
    concat_of_convs(1, &[5, 16]);
}

/// An operator on a plain value, and, between convolutions, on a blocked one.
fn moved(x: [usize; 4], y: [usize; 4], op: &str) {
    let dims = |d: [usize; 4]| d.map(|d| d.to_string()).join(",");
    let ([n, c, h, w], [m, k, oh, ow]) = (x, y);
    exact(&format!(
        "graph @g(%x: f32[{}]) {{\n  %u: f32[{c},{c},1,1] = const rand(1)\n  %v: f32[5,{k},3,3] = const rand(2)\n  \
         %r: f32[{}] = const rand(3)\n  %p: f32[{}] = {} |> add %r\n  \
         %a: f32[{n},{c},{h},{w}] = conv %x, %u |> relu\n  %q: f32[{}] = {}\n  \
         %z: f32[{m},5,{oh},{ow}] = conv %q, %v, pad=1\n  return %p, %q, %z\n}}\n",
        dims(x),
        dims(y),
        dims(y),
        op.replace('$', "%x"),
        dims(y),
        op.replace('$', "%a"),
    ));
}

#[test]
fn slices() {
    moved([1, 24, 6, 7], [1, 8, 6, 7], "slice $, starts=[0,8,0,0], ends=[1,16,6,7]");
    let far = "slice $, starts=[0,0,2,0], ends=[1,24,3,7], steps=[1,1,4611686018427387904,1]";
    moved([1, 24, 6, 7], [1, 24, 1, 7], far);
    moved([3, 24, 6, 7], [3, 8, 6, 7], "slice $, starts=[0,8,0,0], ends=[3,16,6,7]");
    moved([3, 8, 6, 7], [2, 8, 2, 7], "slice $, starts=[1,0,2,0], ends=[3,8,4,7]");
    moved([4, 16, 6, 7], [2, 8, 6, 7], "slice $, starts=[0,8,0,0], ends=[4,16,6,7], steps=[2,1,1,1]");
    moved([2, 19, 6, 7], [2, 11, 4, 3], "slice $, starts=[0,8,1,0], ends=[2,19,5,7], steps=[1,1,1,3]");
    moved([2, 19, 6, 7], [1, 3, 6, 7], "slice $, starts=[1,8,0,0], ends=[2,11,6,7]");
    moved([2, 9, 5, 7], [2, 4, 5, 7], "slice $, starts=[1,7,4,6], ends=[-1,-1,-1,-1], steps=[-1,-2,-1,-1]");
    moved([1, 16, 5, 70], [1, 16, 3, 35], "slice $, starts=[0,0,4,1], ends=[1,16,-1,70], steps=[1,1,-2,2]");
    exact(
        "graph @g(%x: f32[9000,3]) {\n  %y: f32[8995,1] = slice %x, starts=[5,1], ends=[9000,2]\n  return %y\n}\n",
    );
}

#[test]
fn pads() {
    moved([1, 8, 5, 6], [1, 8, 8, 7], "pad $, before=[0,0,1,0], after=[0,0,2,1], value=3");
    moved([2, 11, 5, 6], [2, 24, 7, 8], "pad $, before=[0,8,1,1], after=[0,5,1,1]");
    moved([2, 11, 5, 6], [2, 11, 7, 8], "pad $, before=[0,0,1,1], after=[0,0,1,1], value=-2");
    moved([1, 3, 4, 4], [2, 7, 4, 5], "pad $, before=[1,3,0,1], after=[0,1,0,0], value=1");
}

#[test]
fn depth_to_space() {
    moved([2, 24, 3, 5], [2, 6, 6, 10], "depth_to_space $, block=2");
    moved([1, 18, 3, 5], [1, 2, 9, 15], "depth_to_space $, block=3, mode=crd");
}

#[test]
fn gathers() {
    let gather = |index: &str, x: &str, y: &str, axis: usize| {
        exact(&format!(
            "graph @g(%x: f32[{x}]) {{\n  %i: {index}\n  %y: f32[{y}] = gather %x, %i, axis={axis} |> relu\n  \
             return %y\n}}\n"
        ));
    };
    gather("i64[2,3] = const [0,-1,3,2,2,9]", "2,4,5", "2,2,3,5", 1);
    gather("i32[1] = const [1]", "3,5000", "1,5000", 0);
    gather("i64[4] = const [6,0,-7,-20]", "2,7", "2,4", 1);
    gather("i64[] = const splat(2)", "3,4", "4", 0);
}

#[test]
fn casts() {
    exact("graph @g(%x: f32[3,4]) {\n  %y: f32[3,4] = cast %x |> relu\n  return %y\n}\n");
}

/// A graph of one node, for elements of one, two, four and eight bytes; `$` stands for the type.
fn of_each_type(inputs: &str, constants: &str, result: &str, node: &str) {
    for dtype in ["f32", "i8", "f16", "i32", "i64", "bool"] {
        let text = format!("graph @g({inputs}) {{\n{constants}  %y: $[{result}] = {node}\n  return %y\n}}\n");
        exact(&text.replace('$', dtype));
    }
}

#[test]
fn expands() {
    of_each_type("%x: $[3,1,5]", "", "2,3,4,5", "expand %x, shape=[2,3,4,5]");
    of_each_type("%x: $[2,1]", "", "2,9000", "expand %x, shape=[2,9000]");
    of_each_type("%x: $[]", "", "3", "expand %x, shape=[3]");
    exact(
        "graph @g(%x: f32[1,5,1,1]) {\n  %w: f32[9,5,1,1] = const rand(1)\n  %a: f32[1,9,1,1] = conv %x, %w\n  \
         %y: f32[2,9,3,4] = expand %a, shape=[2,9,3,4]\n  return %y\n}\n",
    );
}

#[test]
fn gathers_by_indices() {
    // At run time, out of range too: indices are of two digits.
    of_each_type("%x: $[4,5,6], %i: i64[4,3,6]", "", "4,3,6", "gather_elements %x, %i, axis=1");
    of_each_type("%x: $[4,5,6], %i: i32[2,7,2,2]", "", "2,7,2,6", "gather_nd %x, %i");
    of_each_type("%x: $[2,5,6], %i: i64[2,3,1]", "", "2,3,6", "gather_nd %x, %i, batch=1");
    let indices = "  %i: i64[2,3] = const [0,-1,2,3,-4,9]\n";
    of_each_type("%x: $[4,3]", indices, "2,3", "gather_elements %x, %i");
}

#[test]
fn scatters() {
    let inputs = "%x: $[4,5,6], %i: i64[3,2,6], %u: $[3,2,6]";
    of_each_type(inputs, "", "4,5,6", "scatter_elements %x, %i, %u, axis=1");
    let inputs = "%x: $[4,5,6], %i: i64[2,3,2], %u: $[2,3,6]";
    of_each_type(inputs, "", "4,5,6", "scatter_nd %x, %i, %u");
    // Known indices: the second block twice, one by a negative index.
    let indices = "  %i: i32[4,1] = const [1,3,-3,9]\n";
    of_each_type("%x: $[4,5], %u: $[4,5]", indices, "4,5", "scatter_nd %x, %i, %u");
    for reduction in ["add", "mul", "max", "min"] {
        for dtype in ["f32", "i8", "i64"] {
            exact(&format!(
                "graph @g(%x: {dtype}[4,5], %i: i64[3,5], %j: i64[3,2], %u: {dtype}[3,5], %v: {dtype}[3], \
                 %w: {dtype}[4,5]) {{\n  %k: i32[4,1] = const [1,3,-3,9]\n  \
                 %a: {dtype}[4,5] = scatter_elements %x, %i, %u, reduction={reduction}\n  \
                 %b: {dtype}[4,5] = scatter_nd %x, %j, %v, reduction={reduction}\n  \
                 %c: {dtype}[4,5] = scatter_nd %x, %k, %w, reduction={reduction}\n  return %a, %b, %c\n}}\n"
            ));
        }
    }
    // Many updates of few places, which come in their order, and none.
    for reduction in ["replace", "add"] {
        exact(&format!(
            "graph @g(%x: f32[3,7], %i: i64[2,300], %u: f32[2,300], %j: i32[400,1], %v: f32[400,7], %k: i64[0,1], \
             %w: f32[0,7], %l: i64[3,0], %z: f32[3,0]) {{\n  \
             %a: f32[3,7] = scatter_elements %x, %i, %u, axis=1, reduction={reduction}\n  \
             %b: f32[3,7] = scatter_nd %x, %j, %v, reduction={reduction} |> relu\n  \
             %c: f32[3,7] = scatter_nd %x, %k, %w, reduction={reduction}\n  \
             %d: f32[3,7] = scatter_elements %x, %l, %z, axis=1, reduction={reduction}\n  \
             return %a, %b, %c, %d\n}}\n"
        ));
    }
}

#[test]
fn resizes_of_any_kind() {
    let resize = |x: &str, y: &str, attributes: &str| {
        let sizes = format!("sizes=[{y}]");
        agree(&format!(
            "graph @g(%x: f32[{x}]) {{\n  %y: f32[{y}] = resize %x, {attributes}, {sizes}\n  return %y\n}}\n"
        ));
    };
    // One, three and five dimensions, those that shrink beside those that grow, and the outer ones.
    resize("1,2,9", "1,2,13", "mode=linear, scales=[1,1,1.5]");
    resize("2,9,5", "3,4,8", "mode=linear, scales=[1.5,0.5,1.7]");
    resize("1,2,3,4,5", "1,2,6,8,9", "mode=linear, coordinate=align_corners, scales=[1,1,2,2,1.9]");
    resize("1,2,3,4,5", "1,2,6,8,10", "coordinate=asymmetric, nearest=floor, scales=[1,1,2,2,2]");
    resize("1,9,8,10", "1,9,12,7", "mode=cubic, scales=[1,1,1.5,0.7]");
    resize("1,9,8,10", "1,9,12,7", "mode=cubic, cubic=-0.5, exclude_outside=true, scales=[1,1,1.5,0.7]");
    resize("1,3,16,20", "1,3,4,15", "mode=cubic, antialias=true, scales=[1,1,0.25,0.75]");
    resize(
        "1,3,16,20",
        "1,3,4,15",
        "mode=linear, antialias=true, exclude_outside=true, scales=[1,1,0.25,0.75]",
    );
    resize("1,3,5,4", "1,3,3,6", "mode=linear, coordinate=half_pixel_symmetric, scales=[1,1,0.7,1.6]");
    let crop = "coordinate=crop, crop=[0,0,0.25,-0.5,1,1,1.25,1], value=7, scales=[1,1,0.6,1.5]";
    resize("1,3,5,4", "1,3,3,6", &format!("mode=linear, {crop}"));
    resize("1,3,5,4", "1,3,3,6", crop);
    let nearest = "coordinate=asymmetric, scales=[2,1.5], sizes=[6,6]";
    of_each_type("%x: $[3,4]", "", "6,6", &format!("resize %x, {nearest}"));
}

#[test]
fn grid_samples() {
    for mode in ["nearest", "linear", "cubic"] {
        for beyond in ["zero", "border", "mirror"] {
            for corners in [true, false] {
                let sample = |x: &str, grid: &str, y: &str| {
                    agree(&format!(
                        "graph @g(%x: f32[{x}], %g: f32[{grid}]) {{\n  %s: f32[] = const splat(1.5)\n  \
                         %h: f32[{grid}] = mul %g, %s\n  %y: f32[{y}] = \
                         grid_sample %x, %h, mode={mode}, beyond={beyond}, corners={corners}\n  return %y\n}}\n"
                    ));
                };
                sample("2,3,5,6", "2,4,7,2", "2,3,4,7");
                sample("1,2,3,4,5", "1,2,3,3,3", "1,2,2,3,3");
                sample("1,2,1", "1,9,1", "1,2,9");
            }
        }
    }
}

/// Steps of the plan of a graph that is compiled and compared.
fn steps(graph: &str) -> usize {
    agree(graph);
    let module = cnnc_ir::text::parse(graph).unwrap();
    cnnc_codegen::plan::plan(&module, &cnnc_codegen::Target::x86_64_v3()).unwrap().steps.len()
}

#[test]
fn casts_see_through_what_reorders() {
    // Pictures, interleaved and in the other order, normalised; more elements than a piece has.
    let picture = |h: usize, w: usize, more: &str| {
        format!(
            "graph @g(%x: u8[2,{h},{w},3], %r: f32[2,3,{h},{w}], %s: f32[]) {{\n  %k: f32[1,3,1,1] = const rand(1)\n  \
             %t: u8[2,3,{h},{w}] = transpose %x, perm=[0,3,1,2]\n  \
             %u: u8[2,3,{h},{w}] = slice %t, starts=[0,2,0,0], ends=[2,-1,{h},{w}], steps=[1,-1,1,1]\n  \
             %y: f32[2,3,{h},{w}] = cast %u |> mul %k |> add %s |> relu |> add %r\n  return %y{more}\n}}\n"
        )
    };
    assert_eq!(steps(&picture(7, 9, "")), 1);
    assert_eq!(steps(&picture(91, 47, "")), 1);
    assert_eq!(steps(&picture(1, 1, "")), 1);
    // What is read elsewhere is computed, and all that it is made of.
    assert_eq!(steps(&picture(7, 9, ", %u")), 3);
    assert_eq!(steps(&picture(7, 9, ", %t")), 2);
    // Other types, steps and extents.
    for from in ["i8", "f64", "i64", "f16", "bool"] {
        let graph = format!(
            "graph @g(%x: {from}[5,4,6]) {{\n  \
             %u: {from}[5,2,3] = slice %x, starts=[0,3,1], ends=[5,-1,6], steps=[1,-2,2]\n  \
             %t: {from}[3,5,2] = transpose %u, perm=[2,0,1]\n  %y: f32[3,5,2] = cast %t\n  return %y\n}}\n"
        );
        assert_eq!(steps(&graph), 1, "{from}");
    }
    // A step that is not taken may be of any size.
    let far = format!(
        "graph @g(%x: u8[2,3,4]) {{\n  \
         %s: u8[1,3,4] = slice %x, starts=[1,0,0], ends=[2,3,4], steps=[{},1,1]\n  \
         %y: f32[1,3,4] = cast %s\n  return %y\n}}\n",
        i64::MAX
    );
    assert_eq!(steps(&far), 1);
}

#[test]
fn long_chains_take_neither_stack_nor_the_square_of_their_time() {
    const LONG: usize = 50_000;
    let mut graph = "graph @g(%x: u8[4]) {\n".to_string();
    for i in 0..LONG {
        let before = if i == 0 { "x".to_string() } else { format!("v{}", i - 1) };
        graph += &format!("  %v{i}: u8[4] = slice %{before}, starts=[3], ends=[-1], steps=[-1]\n");
    }
    graph += &format!("  %y: f32[4] = cast %v{}\n  return %y\n}}\n", LONG - 1);
    let module = cnnc_ir::text::parse(&graph).unwrap();
    let program = cnnc_codegen::plan::plan(&module, &cnnc_codegen::Target::x86_64_v3()).unwrap();
    assert_eq!(program.steps.len(), 1);
}
