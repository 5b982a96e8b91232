//! Scalar code: graphs of every element type against the evaluator.

mod common;

use common::{agree, exact};

const TYPES: [&str; 6] = ["i64", "i32", "i8", "u8", "bool", "f64"];

/// A graph of one node, of operands `%a`, `%b`, ... of these types.
fn node(operands: &[&str], result: &str, node: &str) {
    let inputs: Vec<String> = operands.iter().zip('a'..).map(|(ty, name)| format!("%{name}: {ty}")).collect();
    exact(&format!("graph @g({}) {{\n  %y: {result} = {node}\n  return %y\n}}\n", inputs.join(", ")));
}

#[test]
fn arithmetic() {
    for t in TYPES {
        for op in ["add", "sub", "mul", "div", "max", "min"] {
            node(
                &[&format!("{t}[3,50]"), &format!("{t}[3,50]")],
                &format!("{t}[3,50]"),
                &format!("{op} %a, %b"),
            );
            let (wide, thin) = (format!("{t}[2,3,5,7]"), format!("{t}[3,1,7]"));
            node(&[&thin, &wide], &wide, &format!("{op} %a, %b"));
        }
    }
    // Longer than a run, with a rest.
    node(&["u8[10007]", "u8[1]"], "u8[10007]", "add %a, %b");
}

#[test]
fn stages_of_other_types() {
    exact(
        "graph @g(%x: i32[2,5,4], %y: i32[5,1]) {\n  %c: i32[4] = const [1,2,-3,4]\n  \
         %z: i32[2,5,4] = add %x, %y |> mul %c |> sub %x\n  return %z\n}\n",
    );
    exact(
        "graph @g(%x: f32[1,5,3,4], %i: i64[2]) {\n  %w: f32[8,5,1,1] = const rand(3)\n  \
         %a: f32[1,8,3,4] = conv %x, %w |> floor |> relu\n  %y: f32[1,2,3,4] = gather %a, %i, axis=1 |> neg\n  \
         return %y, %a\n}\n",
    );
}

/// What moves elements, and a result that is no vector's, take no stages: they run over what was computed.
#[test]
fn stages_over_what_is_computed() {
    let moves = [
        ("identity %a", "2,8,3,5"),
        ("dropout %a", "2,8,3,5"),
        ("cast %a, to=TYPE", "2,8,3,5"),
        ("reshape %a, shape=[6,8,5]", "6,8,5"),
        ("concat %a, %a, axis=2", "2,8,6,5"),
        ("slice %a, starts=[0,1,0,0], ends=[2,7,3,5]", "2,6,3,5"),
        ("pad %a, before=[0,0,1,0], after=[0,0,0,2]", "2,8,4,7"),
        ("transpose %a, perm=[0,2,1,3]", "2,3,8,5"),
        ("expand %a, shape=[2,8,3,5]", "2,8,3,5"),
        ("depth_to_space %a, block=2", "2,2,6,10"),
    ];
    for t in ["i64", "u8", "f64", "f16"] {
        for (op, dims) in moves {
            let (a, y) = (format!("{t}[2,8,3,5]"), format!("{t}[{dims}]"));
            node(
                &[&a, &format!("{t}[5]").replace('5', &dims[dims.rfind(',').unwrap() + 1..])],
                &y,
                &format!("{} |> add %b |> mul %b", op.replace("TYPE", t)),
            );
        }
    }
    // Of one run, of several, and with a rest; a result, and what others read.
    for n in [1, 4096, 8192, 8195] {
        exact(&format!(
            "graph @g(%x: i32[{n}], %k: i32[{n}]) {{\n  %a: i32[{n}] = identity %x |> add %k\n  \
             %b: i32[{n}] = identity %a |> sub %k |> mul %a\n  return %b\n}}\n"
        ));
    }
    exact(
        "graph @g(%x: f32[1,5,30,40], %k: f32[1,1,30,40]) {\n  %w: f32[8,5,1,1] = const rand(3)\n  \
         %a: f32[1,8,30,40] = conv %x, %w |> mod %k, truncated=true |> relu\n  return %a\n}\n",
    );
}

/// As many stages as a pipe may have, each with an operand of its own.
#[test]
fn pipes_of_many_stages() {
    let names: Vec<String> = (0..64).map(|k| format!("%k{k}")).collect();
    for t in ["f32", "f64"] {
        let ty = format!("{t}[1,8,3,5]");
        let inputs: Vec<String> = names.iter().map(|name| format!("{name}: {ty}")).collect();
        let stages: String = names.iter().map(|name| format!(" |> add {name}")).collect();
        for node in ["neg %x", "max_pool %x, kernel=1", "identity %x"] {
            exact(&format!(
                "graph @g(%x: {ty}, {}) {{\n  %y: {ty} = {node}{stages}\n  return %y\n}}\n",
                inputs.join(", ")
            ));
        }
    }
}

#[test]
fn casts() {
    for from in ["f32", "f64", "f16", "i64", "i32", "i8", "u8", "bool"] {
        for to in ["f32", "f64", "f16", "i64", "i32", "i8", "u8", "bool"] {
            node(&[&format!("{from}[7,11]")], &format!("{to}[7,11]"), &format!("cast %a, to={to}"));
        }
    }
}

#[test]
fn moves() {
    for t in ["i64", "i8", "f16", "bool", "f64", "i32"] {
        let one = |x: &str, y: &str, op: &str| node(&[&format!("{t}[{x}]")], &format!("{t}[{y}]"), op);
        one("2,3,5,7", "7,3,2,5", "transpose %a, perm=[3,1,0,2]");
        one("2,9,5,7", "2,4,5,7", "slice %a, starts=[1,7,4,6], ends=[-1,-1,-1,-1], steps=[-1,-2,-1,-1]");
        one("2,9,5", "1,3,5", "slice %a, starts=[1,2,0], ends=[2,5,5]");
        one("1,3,4,4", "2,7,4,5", "pad %a, before=[1,3,0,1], after=[0,1,0,0], value=1");
        one("2,8,3,5", "2,2,6,10", "depth_to_space %a, block=2");
        one("2,8,3", "6,8", "reshape %a, shape=[6,8]");
        let (a, b, y) = (format!("{t}[2,3,5]"), format!("{t}[2,1,5]"), format!("{t}[2,4,5]"));
        node(&[&a, &b], &y, "concat %a, %b, axis=1");
        for i in ["i64", "i32"] {
            node(&[&a, &format!("{i}[2,2]")], &format!("{t}[2,2,2,5]"), "gather %a, %b, axis=1");
        }
    }
}

#[test]
fn comparisons_and_logic() {
    for t in TYPES.into_iter().chain(["f32"]) {
        for op in ["equal", "less", "less_equal"] {
            node(&[&format!("{t}[3,50]"), &format!("{t}[50]")], "bool[3,50]", &format!("{op} %a, %b"));
        }
        node(
            &["bool[3,1]", &format!("{t}[3,5]"), &format!("{t}[5]")],
            &format!("{t}[3,5]"),
            "select %a, %b, %c",
        );
    }
    for t in ["bool", "i64", "i32", "i8", "u8"] {
        for op in ["and", "or", "xor"] {
            node(
                &[&format!("{t}[3,50]"), &format!("{t}[50]")],
                &format!("{t}[3,50]"),
                &format!("{op} %a, %b"),
            );
        }
        node(&[&format!("{t}[90]")], &format!("{t}[90]"), "not %a");
    }
}

#[test]
fn integers() {
    for t in ["i64", "i32", "i8", "u8"] {
        let (a, b) = (format!("{t}[3,50]"), format!("{t}[50]"));
        for op in ["mod %a, %b", "mod %a, %b, truncated=true", "pow %a, %b", "prelu %a, %b"] {
            node(&[&a, &b], &a, op);
        }
        for op in ["abs %a", "neg %a", "sign %a"] {
            node(&[&a], &a, op);
        }
    }
    for t in ["i64[90]", "i32[90]", "i8[90]", "u8[90]"] {
        node(&[t, t], t, "shift %a, %b");
        node(&[t, t], t, "shift %a, %b, right=true");
    }
}

#[test]
fn functions() {
    let functions = [
        "exp",
        "log",
        "erf",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "atanh",
        "sigmoid",
        "softplus",
        "floor",
        "ceil",
        "round",
        "abs",
        "neg",
        "sign",
        "relu",
        "elu",
        "leaky_relu",
        "sqrt",
    ];
    for op in functions {
        for t in ["f64", "f16"] {
            let domain = if matches!(op, "log" | "sqrt") { "abs %a" } else { "neg %a" };
            agree(&format!(
                "graph @g(%a: {t}[5,70]) {{\n  %p: {t}[5,70] = {domain}\n  %y: {t}[5,70] = {op} %p\n  return %y\n}}\n"
            ));
        }
    }
    // Near zero, where a difference of numbers near one has nothing left. A rest is no vector's work, nor is its pipe.
    for op in ["sin", "tan", "asin", "atan", "sinh", "tanh", "asinh", "atanh", "erf", "elu"] {
        agree(&format!(
            "graph @g(%a: f32[5,70]) {{\n  %t: f32[] = const splat(0.000001)\n  %one: f32[] = const splat(1)\n  \
             %p: f32[5,70] = mul %a, %t\n  %y: f32[5,70] = mod %p, %one, truncated=true |> {op}\n  return %y\n}}\n"
        ));
    }
    node(&["f64[9,9]", "f64[9]"], "f64[9,9]", "mod %a, %b, truncated=true");
    agree(
        "graph @g(%a: f64[9,9], %b: f64[9]) {\n  %p: f64[9,9] = abs %a\n  %y: f64[9,9] = pow %p, %b\n  return %y\n}\n",
    );
}

#[test]
fn products_and_sums() {
    for t in ["f64", "f16"] {
        agree(&format!(
            "graph @g(%a: {t}[5,7], %b: {t}[3,5], %c: {t}[3]) {{\n  \
             %y: {t}[7,3] = gemm %a, %b, %c, trans_a=true, trans_b=true\n  return %y\n}}\n"
        ));
        agree(&format!(
            "graph @g(%a: {t}[2,1,5,7], %b: {t}[3,7,4]) {{\n  %y: {t}[2,3,5,4] = matmul %a, %b\n  return %y\n}}\n"
        ));
        agree(&format!(
            "graph @g(%x: {t}[2,6,9,7], %w: {t}[4,3,3,2], %b: {t}[4]) {{\n  \
             %y: {t}[2,4,4,7] = conv %x, %w, %b, stride=2x1, pad=[1,0,1,1], dilation=2x1, groups=2 |> relu\n  \
             %z: {t}[2,1,4,1] = reduce_max %y, axes=[1,3]\n  %s: {t}[4,7] = reduce_mean %y, axes=[0,2], keep=false\n  \
             return %y, %z, %s\n}}\n"
        ));
    }
    // Weights that are computed.
    agree(
        "graph @g(%x: f32[1,5,9,7], %v: f32[8,5,3,3]) {\n  %w: f32[8,5,3,3] = relu %v\n  \
         %y: f32[1,8,9,7] = conv %x, %w, pad=1 |> relu\n  return %y\n}\n",
    );
}

#[test]
fn quantised() {
    for q in ["u8", "i8"] {
        exact(&format!(
            "graph @g(%x: f32[2,3,50], %v: {q}[2,3,50], %i: i32[2,3,50]) {{\n  \
             %s: f32[3,1] = const [0.5,0.25,16]\n  %z: {q}[3,1] = const [1,7,100]\n  %t: f32[] = const splat(0.125)\n  \
             %n: {q}[] = const splat(3)\n  %q: {q}[2,3,50] = quantize %x, %s, %z\n  \
             %d: f32[2,3,50] = dequantize %v, %s, %z\n  %r: {q}[2,3,50] = requantize %i, %t, %n\n  \
             return %q, %d, %r\n}}\n"
        ));
        exact(&format!(
            "graph @g(%x: {q}[2,6,9,7], %w: i8[4,3,3,2]) {{\n  %a: {q}[] = const splat(5)\n  \
             %b: i8[4,1,1,1] = const [1,0,-3,100]\n  \
             %y: i32[2,4,4,7] = conv_integer %x, %w, %a, %b, stride=2x1, pad=[1,0,1,1], dilation=2x1, groups=2\n  \
             return %y\n}}\n"
        ));
        exact(&format!(
            "graph @g(%x: {q}[2,1,5,7], %w: i8[3,7,4], %a: {q}[2,1,5,1], %b: i8[4]) {{\n  \
             %y: i32[2,3,5,4] = matmul_integer %x, %w, %a, %b\n  return %y\n}}\n"
        ));
    }
}

#[test]
fn places_and_orders() {
    for t in ["f32", "f64", "i64", "i32", "i8", "u8", "bool"] {
        let x = format!("{t}[3,20,4]");
        for flags in ["", ", least=true", ", last=true", ", least=true, last=true"] {
            node(&[&x], "i64[3,1,4]", &format!("arg_max %a, axis=1{flags}"));
            node(&[&x], "i64[3,20]", &format!("arg_max %a, axis=2, keep=false{flags}"));
        }
        for flags in ["", ", least=true"] {
            node(&[&x], &format!("{t}[3,7,4]"), &format!("top_k %a, axis=1, k=7{flags}"));
            node(&[&x], "i64[3,7,4]", &format!("top_k %a, axis=1, k=7, places=true{flags}"));
        }
        if t != "bool" {
            for flags in ["", ", exclusive=true", ", reverse=true", ", exclusive=true, reverse=true"] {
                node(&[&x], &x, &format!("cum_sum %a, axis=1{flags}"));
            }
        }
    }
}

/// Lines along each axis, in f16 too, with a pipe behind them, of one element and of none.
#[test]
fn lines_of_every_shape() {
    for t in ["f16", "f32", "u8", "i16", "u16"] {
        for (axis, result) in [(0, "2,5,4"), (1, "3,2,4"), (2, "3,5,2")] {
            for flags in ["", ", least=true"] {
                let (x, y) = (format!("{t}[3,5,4]"), format!("{t}[{result}]"));
                node(&[&x, &y], &y, &format!("top_k %a, axis={axis}, k=2{flags} |> add %b"));
            }
        }
        for axis in 0..3 {
            for flags in ["", ", exclusive=true", ", reverse=true", ", exclusive=true, reverse=true"] {
                let x = format!("{t}[3,5,4]");
                node(&[&x, &x], &x, &format!("cum_sum %a, axis={axis}{flags} |> add %b"));
            }
        }
        for x in ["1", "1,7", "7,1", "0,7", "7,0"] {
            let x = format!("{t}[{x}]");
            node(&[&x], &x, "cum_sum %a, axis=0");
        }
        node(&[&format!("{t}[1]")], &format!("{t}[1]"), "top_k %a, axis=0, k=1");
    }
}

/// NaN comes last, and of equal elements, zeros of either sign among them, the lower place first.
#[test]
fn orders_of_ties_and_nan() {
    for t in ["f32", "f64", "f16"] {
        for way in ["", ", least=true"] {
            for k in [1, 2, 7, 40] {
                exact(&format!(
                    "graph @g(%a: {t}[3,40]) {{\n  %c: {t}[] = const splat(4)\n  %none: {t}[] = const splat(0)\n  \
                     %n: {t}[3,40] = sqrt %a |> mul %c |> floor\n  %z: {t}[3,40] = mul %a, %none\n  \
                     %y: {t}[3,{k}] = top_k %n, axis=1, k={k}{way}\n  \
                     %p: i64[3,{k}] = top_k %n, axis=1, k={k}, places=true{way}\n  \
                     %q: i64[3,{k}] = top_k %z, axis=1, k={k}, places=true{way}\n  return %y, %p, %q\n}}\n"
                ));
            }
        }
    }
}

/// Long lines take time that grows with them: with its square these would take minutes.
#[test]
fn long_lines() {
    for t in ["f32", "i64"] {
        let (x, half) = (format!("{t}[300000]"), format!("{t}[150000]"));
        node(&[&x], &x, "cum_sum %a, axis=0, exclusive=true");
        node(&[&x], &half, "top_k %a, axis=0, k=150000");
        node(&[&x], "i64[300000]", "top_k %a, axis=0, k=300000, places=true, least=true");
    }
    agree("graph @g(%a: f64[300000]) {\n  %y: f64[300000] = softmax %a, axis=0\n  return %y\n}\n");
}

#[test]
fn pools() {
    let window = "kernel=3x2, stride=2x1, pad=[1,0,2,1], ceil=true";
    for t in ["f64", "i8", "u8", "i32", "f16"] {
        let x = format!("{t}[2,3,8,5]");
        node(&[&x], &format!("{t}[2,3,5,5]"), &format!("max_pool %a, {window}"));
    }
    for t in ["f32", "i8"] {
        for flag in ["", ", column_major=true"] {
            node(&[&format!("{t}[2,3,8,5]")], "i64[2,3,5,5]", &format!("arg_max_pool %a, {window}{flag}"));
        }
    }
    for flag in ["", ", count_include_pad=true"] {
        agree(&format!(
            "graph @g(%a: f64[2,3,8,5]) {{\n  %y: f64[2,3,5,5] = avg_pool %a, {window}{flag}\n  return %y\n}}\n"
        ));
    }
    for axis in 0..3 {
        agree(&format!(
            "graph @g(%a: f64[2,5,7]) {{\n  %y: f64[2,5,7] = softmax %a, axis={axis} |> mul %a\n  return %y\n}}\n"
        ));
    }
    agree("graph @g(%a: f64[2,0,7]) {\n  %y: f64[2,0,7] = softmax %a, axis=1\n  return %y\n}\n");
    agree("graph @g(%a: f16[3,5]) {\n  %y: f16[3,5] = softmax %a, axis=1\n  return %y\n}\n");
}

#[test]
fn reductions() {
    for t in ["i64", "i32", "i8", "u8", "f64"] {
        for op in
            ["reduce_sum", "reduce_sum_square", "reduce_mean", "reduce_prod", "reduce_max", "reduce_min"]
        {
            let x = format!("{t}[2,5,3,4]");
            node(&[&x], &format!("{t}[2,1,3,1]"), &format!("{op} %a, axes=[1,3]"));
        }
    }
    for op in ["reduce_max", "reduce_min"] {
        node(&["bool[5,7,3]"], "bool[5,7]", &format!("{op} %a, axes=[2], keep=false"));
    }
    // More elements than their type can count, and none.
    node(&["i8[300]"], "i8[1]", "reduce_mean %a, axes=[0]");
    for t in ["f32", "i32"] {
        for op in ["reduce_sum", "reduce_prod"] {
            node(&[&format!("{t}[3,0]")], &format!("{t}[3,1]"), &format!("{op} %a, axes=[1]"));
        }
    }
}

#[test]
fn computed_indices() {
    for t in ["f32", "i64", "u8"] {
        let x = format!("{t}[3,20,4]");
        node(&[&x], &format!("{t}[2,3,20,4]"), "expand %a, shape=[2,3,20,4]");
        node(&[&format!("{t}[3,1,4]")], &format!("{t}[2,3,5,4]"), "expand %a, shape=[2,3,5,4]");
        node(&[&x, "i64[2,90,3]"], &format!("{t}[2,90,3]"), "gather_elements %a, %b, axis=1");
        node(&[&x, "i32[5,2]"], &format!("{t}[5,4]"), "gather_nd %a, %b");
        node(&[&x, "i64[3,6,1]"], &format!("{t}[3,6,4]"), "gather_nd %a, %b, batch=1");
        // Products of many do not fit the bits of an f32.
        for reduction in ["replace", "add", "max", "min", "mul"].iter().take(if t == "f32" { 4 } else { 5 }) {
            let (operands, op) = ([&x, "i64[2,90,3]", &format!("{t}[2,90,3]")], "scatter_elements");
            node(&operands, &x, &format!("{op} %a, %b, %c, axis=1, reduction={reduction}"));
            let operands = [&x, "i64[9,2]", &format!("{t}[9,4]")];
            node(&operands, &x, &format!("scatter_nd %a, %b, %c, reduction={reduction}"));
        }
    }
}
