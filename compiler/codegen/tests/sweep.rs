//! Seeded geometries, compiled, against the evaluator: every bit counts, as inputs and weights are small integers whose
//! sums are exact in f32. Convolutions by transformed tiles round: they are close, each element within its own bound
//! where no pipe follows, and the same by both emitters.
//!
//! ```text
//! cargo test -p cnnc-codegen --test sweep                        as many of each kind as are quick
//! CNNC_SWEEP=2000 CNNC_SEED=7 cargo test --release -p cnnc-codegen --test sweep -- --nocapture
//! ```
//!
//! Each kind says how many passed and how many failed, and of those that failed the seed and the graph. Every case runs
//! with wide vectors, without, and through CLIF; with wide vectors on one thread and on three.

mod common;
#[allow(dead_code, unreachable_pub, reason = "the tests of whole networks use more of it")]
#[path = "../../../tests/src/random.rs"]
mod random;

use random::Random;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

impl Random {
    /// A number from `least` to `most`.
    fn within(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    /// As [`within`](Self::within), small ones more often.
    fn small(&mut self, least: usize, most: usize) -> usize {
        let reach = self.within(least, most);
        self.within(least, reach)
    }

    fn flip(&mut self) -> bool {
        self.within(0, 1) == 1
    }

    /// Every count around one and two blocks, and some beyond.
    fn channels(&mut self) -> usize {
        if self.within(0, 3) == 0 { self.pick(&[23, 24, 31, 32, 33, 40]) } else { self.within(1, 17) }
    }
}

/// Holds cases of a kind against the evaluator, to the bit.
fn sweep(kind: &str, quick: usize, graph: impl Fn(&mut Random) -> String) {
    sweep_by(common::exact, kind, quick, graph);
}

/// Runs cases of a kind through `check`: `quick` of them, or as many as the environment says.
fn sweep_by(check: fn(&str), kind: &str, quick: usize, graph: impl Fn(&mut Random) -> String) {
    let number = |name: &str, default: usize| {
        std::env::var(name).map_or(default, |n| n.parse().unwrap_or_else(|_| panic!("{name} is a number")))
    };
    let (count, first) = (number("CNNC_SWEEP", quick), number("CNNC_SEED", 0) << 32);
    let (mut passed, mut failed) = (0, Vec::new());
    for seed in first..first + count {
        let graph = graph(&mut Random(seed as u64));
        match catch_unwind(AssertUnwindSafe(|| check(&graph))) {
            Ok(()) => passed += 1,
            Err(_) => failed.push(format!("seed {seed}:\n{graph}")),
        }
    }
    let _ = writeln!(std::io::stderr(), "{kind}: {passed} passed, {} failed", failed.len());
    if count < quick {
        let _ = writeln!(std::io::stderr(), "{kind}: only {count}, fewer than the {quick} of a plain run");
    }
    let ran = passed + failed.len();
    assert!(count > 0 && ran == count, "{kind}: {ran} ran, {count} were asked for");
    assert!(failed.is_empty(), "{kind}:\n{}", failed.join("\n"));
}

/// A window along one dimension: kernel, stride, dilation, padding in front and behind, extent, and how many windows.
struct Along {
    kernel: usize,
    stride: usize,
    dilation: usize,
    pad: [usize; 2],
    extent: usize,
    count: usize,
}

impl Along {
    fn new(random: &mut Random, most_kernel: usize, is_pool: bool) -> Along {
        let kernel = random.small(1, most_kernel);
        let stride = random.small(1, 4);
        let dilation = random.small(1, 3);
        let reach = (kernel - 1) * dilation + 1;
        let most = if is_pool { kernel - 1 } else { kernel };
        let pad = [random.small(0, most), random.small(0, most)];
        let least = reach.saturating_sub(pad[0] + pad[1]).max(1);
        let extent = least + random.small(0, 20);
        Along {
            kernel,
            stride,
            dilation,
            pad,
            extent,
            count: (extent + pad[0] + pad[1] - reach) / stride + 1,
        }
    }
}

/// The attributes of two windows.
fn window([rows, columns]: [&Along; 2]) -> String {
    format!(
        "stride={}x{}, dilation={}x{}, pad=[{},{},{},{}]",
        rows.stride,
        columns.stride,
        rows.dilation,
        columns.dilation,
        rows.pad[0],
        columns.pad[0],
        rows.pad[1],
        columns.pad[1]
    )
}

/// Groups, input and output channels of each.
fn groups(random: &mut Random) -> (usize, usize, usize) {
    match random.within(0, 5) {
        0 => (random.channels().max(2), 1, 1),
        1 => (random.within(2, 9), random.pick(&[2, 4]), random.pick(&[2, 4])),
        2 => (random.within(2, 4), random.within(1, 9), random.within(1, 9)),
        3 => (2, 8, random.pick(&[8, 16])),
        _ => (1, random.channels(), random.channels()),
    }
}

/// `%a`, which is `%x` in channel blocks, or as it is.
fn input(random: &mut Random, ty: &str) -> String {
    let op = if random.flip() { "max_pool %x, kernel=1" } else { "identity %x" };
    format!("  %a: {ty} = {op}\n")
}

/// A pipe behind a value of `channels` channels and that shape, and the operands that it reads.
fn pipe(random: &mut Random, shape: &str, channels: usize, length: usize) -> (String, String) {
    let operands = format!(
        "  %s: f32[{channels},1,1] = const rand(11)\n  %t: f32[{shape}] = const rand(12)\n  %one: f32[] = const [1]\n"
    );
    // Not many factors and halves one behind the other: what is exact must stay so.
    let stages =
        ["mul %s", "leaky_relu alpha=0.5", "relu", "add %s", "sub %t", "max %t", "min %s", "add %one"];
    let stages = &stages[if length > 2 { 2 } else { 0 }..];
    let stage = |_| format!(" |> {}", random.pick(stages));
    let pipe = (0..length).map(stage).collect();
    (operands, pipe)
}

#[test]
fn convolutions() {
    sweep("convolution", 150, |random| {
        let [rows, columns] = [(); 2].map(|()| Along::new(random, 11, false));
        let (groups, inputs, outputs) = groups(random);
        let (n, c, o) = (random.within(1, 2), groups * inputs, groups * outputs);
        let shape = format!("{n},{o},{},{}", rows.count, columns.count);
        let x = format!("f32[{n},{c},{},{}]", rows.extent, columns.extent);
        let filter = format!("f32[{o},{inputs},{},{}]", rows.kernel, columns.kernel);
        // Now and then the weights are computed too.
        let (parameter, weights) = match random.within(0, 9) {
            0 => (format!(", %w: {filter}"), String::new()),
            _ => (String::new(), format!("  %w: {filter} = const rand(1)\n")),
        };
        let bias = if random.flip() { ", %b" } else { "" };
        let length = random.within(0, 2);
        let (operands, pipe) = pipe(random, &shape, o, length);
        let a = input(random, &x);
        let window = window([&rows, &columns]);
        format!(
            "graph @g(%x: {x}{parameter}) {{\n{a}{weights}  %b: f32[{o}] = const rand(2)\n{operands}  \
             %y: f32[{shape}] = conv %a, %w{bias}, {window}, groups={groups}{pipe}\n  return %y\n}}\n"
        )
    });
}

#[test]
fn transformed_convolutions() {
    sweep_by(common::within_bounds, "winograd", 40, |random| {
        let [kh, kw] = random.pick(&[[3, 3], [3, 3], [5, 5], [1, 3], [3, 1], [1, 7], [7, 1], [1, 5]]);
        let pad: [usize; 4] = std::array::from_fn(|i| random.within(0, [kh, kw][i % 2] - 1));
        let [h, w] = [kh, kw].map(|kernel| random.within(kernel, 26));
        let stride = if kh == kw { random.within(1, 2) } else { 1 };
        let [oh, ow] = [h + pad[0] + pad[2] - kh, w + pad[1] + pad[3] - kw].map(|rest| rest / stride + 1);
        let (n, c, o) = (random.within(1, 2), random.within(16, 41), random.within(16, 41));
        let shape = format!("{n},{o},{oh},{ow}");
        let x = format!("f32[{n},{c},{h},{w}]");
        let (operands, _) = pipe(random, &shape, o, 0);
        // Errors are as large as sums are: no stage may cut those off.
        let stages = [" |> relu", " |> mul %s", " |> sub %t |> leaky_relu alpha=0.5", " |> add %t |> relu"];
        let pipe = if random.flip() { random.pick(&stages) } else { "" };
        let a = input(random, &x);
        // Filters may grow as large as all constants: some networks have enough for the largest.
        let others = random.pick(&[1, 150_000]);
        format!(
            "graph @g(%x: {x}) {{\n{a}  %w: f32[{o},{c},{kh},{kw}] = const rand(1)\n  \
             %b: f32[{o}] = const rand(2)\n  %o: f32[{others}] = const rand(3)\n{operands}  \
             %y: f32[{shape}] = conv %a, %w, %b, stride={stride}, pad=[{},{},{},{}]{pipe}\n  \
             %z: f32[] = reduce_max %o, axes=[0], keep=false\n  return %y, %z\n}}\n",
            pad[0], pad[1], pad[2], pad[3]
        )
    });
}

#[test]
fn transposed_convolutions() {
    sweep("conv_transpose", 60, |random| {
        let along = |random: &mut Random| loop {
            let (kernel, stride, dilation) = (random.small(1, 9), random.small(1, 5), random.small(1, 3));
            let (extent, extra) = (random.small(1, 9), random.small(0, stride));
            let pad = [random.small(0, kernel), random.small(0, kernel)];
            let whole = (extent - 1) * stride + (kernel - 1) * dilation + 1 + extra;
            if let Some(count @ 1..) = whole.checked_sub(pad[0] + pad[1]) {
                return (Along { kernel, stride, dilation, pad, extent, count }, extra);
            }
        };
        let [(rows, down), (columns, across)] = [along(random), along(random)];
        let (groups, inputs, outputs) = groups(random);
        let (n, c, o) = (random.within(1, 2), groups * inputs, groups * outputs);
        let shape = format!("{n},{o},{},{}", rows.count, columns.count);
        let x = format!("f32[{n},{c},{},{}]", rows.extent, columns.extent);
        let length = random.within(0, 2);
        let (operands, pipe) = pipe(random, &shape, o, length);
        let a = input(random, &x);
        let window = window([&rows, &columns]);
        // A sum that the convolution may take as it runs.
        let sum = match random.within(0, 2) {
            0 => format!("  %z: f32[{n},{o},1,1] = reduce_sum %y, axes=[2,3]\n  return %z\n"),
            1 => format!("  %z: f32[{n},{o},1,1] = reduce_sum %y, axes=[2,3]\n  return %y, %z\n"),
            _ => "  return %y\n".into(),
        };
        format!(
            "graph @g(%x: {x}) {{\n{a}  %w: f32[{c},{outputs},{},{}] = const rand(1)\n  \
             %b: f32[{o}] = const rand(2)\n{operands}  %y: f32[{shape}] = \
             conv_transpose %a, %w, %b, {window}, extra={down}x{across}, groups={groups}{pipe}\n{sum}}}\n",
            rows.kernel, columns.kernel
        )
    });
}

#[test]
fn pools() {
    sweep("pool", 60, |random| {
        let [rows, columns] = [(); 2].map(|()| Along::new(random, 6, true));
        let (n, c) = (random.within(1, 2), random.channels());
        let shape = format!("{n},{c},{},{}", rows.count, columns.count);
        let x = format!("f32[{n},{c},{},{}]", rows.extent, columns.extent);
        let kernel = format!("kernel={}x{}", rows.kernel, columns.kernel);
        // A window of spread taps may miss the image: its mean is no number.
        let misses = |along: &Along| along.dilation > 1 && along.pad != [0, 0];
        let op = match random.within(0, 2) {
            0 => "max_pool %a",
            1 => "avg_pool %a, count_include_pad=true",
            _ if misses(&rows) || misses(&columns) => "max_pool %a",
            _ => "avg_pool %a",
        };
        let (operands, pipe) = pipe(random, &shape, c, if op == "max_pool %a" { 2 } else { 0 });
        let a = input(random, &x);
        let window = window([&rows, &columns]);
        format!(
            "graph @g(%x: {x}) {{\n{a}{operands}  %y: f32[{shape}] = {op}, {kernel}, {window}{pipe}\n  \
             return %y\n}}\n"
        )
    });
}

#[test]
fn products() {
    sweep("gemm", 60, |random| {
        let [m, k, n] = [(); 3].map(|()| random.small(1, 90));
        let (trans_a, trans_b) = (random.flip(), random.flip());
        let a = if trans_a { format!("{k},{m}") } else { format!("{m},{k}") };
        let b = if trans_b { format!("{n},{k}") } else { format!("{k},{n}") };
        let (parameter, weights) = match random.flip() {
            true => (format!(", %b: f32[{b}]"), String::new()),
            false => (String::new(), format!("  %b: f32[{b}] = const rand(1)\n")),
        };
        let c = random.pick(&["", "f32[]", "f32[1,N]", "f32[M,1]", "f32[M,N]", "f32[N]"]);
        let (c, added) = match c {
            "" => (String::new(), ""),
            ty => {
                let ty = ty.replace('M', &m.to_string()).replace('N', &n.to_string());
                (format!("  %c: {ty} = const rand(2)\n"), ", %c")
            }
        };
        let pipe = random.pick(&["", " |> relu", " |> clip min=-100, max=50"]);
        format!(
            "graph @g(%a: f32[{a}]{parameter}) {{\n{weights}{c}  %y: f32[{m},{n}] = \
             gemm %a, %b{added}, trans_a={trans_a}, trans_b={trans_b}{pipe}\n  return %y\n}}\n"
        )
    });
}

/// Vectors of which some elements are zero, none to all, and matrices that are not small.
#[test]
fn products_that_leave_out_zeros() {
    sweep("zeros", 40, |random| {
        let k = random.within(64, 1500);
        let n = (128_usize << 10).div_ceil(k) + random.within(0, 70);
        let trans_b = random.flip();
        let b = if trans_b { format!("{n},{k}") } else { format!("{k},{n}") };
        let floor = random.pick(&[-51, -20, -10, 0, 10, 25, 40, 48, 51]);
        let (c, added) = match random.flip() {
            true => (format!("  %c: f32[{n}] = const rand(2)\n"), ", %c"),
            false => (String::new(), ""),
        };
        let pipe = random.pick(&["", " |> relu", " |> clip min=-100, max=50"]);
        format!(
            "graph @g(%x: f32[1,{k}]) {{\n  %b: f32[{b}] = const rand(1)\n{c}  %f: f32[] = const [{floor}]\n  \
             %a: f32[1,{k}] = sub %x, %f |> relu\n  \
             %y: f32[1,{n}] = gemm %a, %b{added}, trans_b={trans_b}{pipe}\n  return %y\n}}\n"
        )
    });
}

#[test]
fn stacks_of_products() {
    sweep("matmul", 40, |random| {
        let [m, k, n] = [(); 3].map(|()| random.small(1, 40));
        let batch: Vec<usize> = (0..random.within(0, 3)).map(|_| random.within(1, 3)).collect();
        // Each side has some of the outer dimensions, and of those some with one element.
        let side = |random: &mut Random| -> Vec<usize> {
            let own = &batch[random.within(0, batch.len())..];
            own.iter().map(|&extent| if random.within(0, 3) == 0 { 1 } else { extent }).collect()
        };
        let (left, right) = (side(random), side(random));
        let at = |dims: &[usize], d: usize| (d + dims.len()).checked_sub(batch.len()).map_or(1, |i| dims[i]);
        let rank = left.len().max(right.len());
        let common = (batch.len() - rank..batch.len()).map(|d| at(&left, d).max(at(&right, d)));
        let text = |dims: Vec<usize>| dims.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let y = text(common.chain([m, n]).collect());
        let (a, b) = (text([left, vec![m, k]].concat()), text([right, vec![k, n]].concat()));
        let (parameter, weights) = match random.flip() {
            true => (format!(", %b: f32[{b}]"), String::new()),
            false => (String::new(), format!("  %b: f32[{b}] = const rand(1)\n")),
        };
        // Any extents but the innermost ones may be 1, and outer ones may lack.
        let dims: Vec<usize> = y.split(',').map(|extent| extent.parse().unwrap()).collect();
        let operand = |random: &mut Random| {
            let dims = &dims[random.within(0, dims.len())..];
            text(dims.iter().map(|&extent| if random.flip() { 1 } else { extent }).collect())
        };
        let (s, t) = (operand(random), operand(random));
        let pipe = random.pick(&["", " |> relu", " |> add %s", " |> max %s |> sub %t", " |> min %t |> relu"]);
        format!(
            "graph @g(%a: f32[{a}]{parameter}, %t: f32[{t}]) {{\n{weights}  %s: f32[{s}] = const rand(3)\n  \
             %y: f32[{y}] = matmul %a, %b{pipe}\n  return %y\n}}\n"
        )
    });
}

#[test]
fn reductions() {
    sweep("reduction", 60, |random| {
        let rank = random.within(1, 4);
        let dims: Vec<usize> = (0..rank).map(|_| random.small(1, 30)).collect();
        let mut axes: Vec<usize> = (0..rank).filter(|_| random.flip()).collect();
        if axes.is_empty() {
            axes.push(random.within(0, rank - 1));
        }
        let keep = random.flip();
        let kept = |(d, &n): (usize, &usize)| match axes.contains(&d) {
            true => keep.then_some(1),
            false => Some(n),
        };
        let text = |dims: &[usize]| dims.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let y = text(&dims.iter().enumerate().filter_map(kept).collect::<Vec<_>>());
        let (x, axes) = (format!("f32[{}]", text(&dims)), text(&axes));
        let a = if rank == 4 { input(random, &x) } else { format!("  %a: {x} = identity %x\n") };
        let op = random.pick(&["sum", "mean", "max", "min", "sum_square"]);
        format!(
            "graph @g(%x: {x}) {{\n{a}  %y: f32[{y}] = reduce_{op} %a, axes=[{axes}], keep={keep}\n  return %y\n}}\n"
        )
    });
}

#[test]
fn chains_behind_padded_channels() {
    sweep("chain", 60, |random| {
        let (n, c, o) = (random.within(1, 2), random.within(1, 9), random.channels());
        let (h, w) = (random.within(1, 9), random.within(1, 40));
        let shape = format!("{n},{o},{h},{w}");
        let length = random.within(1, 6);
        let (operands, pipe) = pipe(random, &shape, o, length);
        // What lies in lanes that are no channel would show in sums over all of them.
        let last = random.pick(&[
            "conv %y, %v",
            "reduce_sum %y, axes=[1]",
            "reduce_max %y, axes=[1]",
            "avg_pool %y, kernel=1",
        ]);
        let result = match last {
            "conv %y, %v" => format!("{n},3,{h},{w}"),
            "avg_pool %y, kernel=1" => shape.clone(),
            _ => format!("{n},1,{h},{w}"),
        };
        format!(
            "graph @g(%x: f32[{n},{c},{h},{w}]) {{\n  %w: f32[{o},{c},1,1] = const rand(1)\n  \
             %v: f32[3,{o},1,1] = const [{}]\n{operands}  %p: f32[{shape}] = conv %x, %w\n  \
             %y: f32[{shape}] = add %p, %one{pipe} |> mul %s\n  %z: f32[{result}] = {last}\n  return %z, %y\n}}\n",
            vec!["1"; 3 * o].join(",")
        )
    });
}
