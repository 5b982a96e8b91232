//! Random networks: whatever the passes do to them, they compute the same, verify, parse back, and are done at once.

use cnnc_ir::attrs::{Hw, Pad};
use cnnc_ir::eval::{Precision, evaluate};
use cnnc_ir::ops::*;
use cnnc_ir::{DType, Expr, Graph, Mismatch, Module, NodeId, Op, Type, text};
use cnnc_passes::{PassOptions, run};

/// Seeded random numbers (SplitMix64, Steele et al. 2014).
struct Random(u64);

impl Random {
    /// A number below `n`.
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// A network under construction; every tensor in it is `[2, C, H, W]`.
struct Net {
    graph: Graph,
    random: Random,
    values: Vec<NodeId>,
}

impl Net {
    fn random(seed: u64) -> Module {
        let mut graph = Graph::new("random");
        let x = graph.input("x", Type::new(DType::F32, [2usize, 3, 6, 5]).unwrap()).unwrap();
        let mut net = Net { graph, random: Random(seed), values: vec![x] };
        for _ in 0..12 {
            // Some nodes do not fit what they were given: inference refuses them.
            let grown = net.grow().ok();
            net.values.extend(grown);
        }
        let outputs = vec![*net.values.last().unwrap(), net.random.pick(&net.values)];
        net.graph.set_outputs(outputs);
        Module::new(net.graph, Default::default())
    }

    fn add(&mut self, op: impl Into<Op>, operands: Vec<NodeId>) -> Result<NodeId, Mismatch> {
        let name = self.graph.fresh_name("v");
        self.graph.add(name.as_str(), Expr::new(op, operands))
    }

    /// A constant whose elements are at least 0.3, so that divisors and variances are no accident.
    fn constant(&mut self, dims: &[usize]) -> Result<NodeId, Mismatch> {
        let seed = self.random.below(1000) as u64;
        let init = match self.random.below(4) {
            0 => Init::Splat(0.75),
            _ => Init::Rand { seed, min: 0.3, max: 1.2 },
        };
        let name = self.graph.fresh_name("k");
        self.graph.constant(name.as_str(), Type::new(DType::F32, dims)?, init)
    }

    fn grow(&mut self) -> Result<NodeId, Mismatch> {
        // The last value mostly: patterns are chains. Any other now and then: it gets another reader.
        let x = match self.random.below(5) {
            0 => self.random.pick(&self.values),
            _ => *self.values.last().unwrap(),
        };
        let dims = self.graph.ty(x).dims().to_vec();
        let c = dims[1];
        let side = self.random.below(2);
        let pad = Pad { top: side, left: self.random.below(2), bottom: side, right: 1 };
        let window = Hw(self.random.below(2) + 1, self.random.below(3) + 1);
        match self.random.below(14) {
            0..3 => {
                let groups = self.random.pick(&[1, 1, c]);
                let o = groups * self.random.pick(&[1, 2]);
                let w = self.constant(&[o, c / groups, window.0, window.1])?;
                let mut operands = vec![x, w];
                if self.random.below(2) == 0 {
                    operands.push(self.constant(&[o])?);
                }
                self.add(Conv { pad, groups, ..Conv::default() }, operands)
            }
            3 => {
                let mut operands = vec![x];
                for _ in 0..4 {
                    operands.push(self.constant(&[c])?);
                }
                self.add(BatchNorm::default(), operands)
            }
            4..7 => {
                let shape =
                    self.random.pick(&[vec![], vec![1], vec![c, 1, 1], vec![1, c, 1, 1], vec![1, dims[3]]]);
                let k = self.constant(&shape)?;
                let op = self.random.pick(&[Op::Mul(Mul), Op::Add(Add), Op::Sub(Sub), Op::Div(Div)]);
                let turned = self.random.below(4) == 0 && op != Op::Div(Div);
                self.add(op, if turned { vec![k, x] } else { vec![x, k] })
            }
            7..9 => {
                let op = self.random.pick(&[
                    Op::Relu(Relu),
                    Op::Tanh(Tanh),
                    Op::Clip(Clip { min: 0.0, max: 6.0 }),
                ]);
                self.add(op, vec![x])
            }
            9 => {
                let y = self.random.pick(&self.values);
                let op = self.random.pick(&[Op::Add(Add), Op::Mul(Mul), Op::Max(Max), Op::Sub(Sub)]);
                let operands = if self.random.below(2) == 0 { vec![x, y] } else { vec![y, x] };
                self.add(op, operands)
            }
            10 => {
                let value = self.random.pick(&[0.0, 0.0, 0.5]);
                let border = |h: usize, w: usize| vec![0, 0, h as i64, w as i64];
                let (before, after) = (border(pad.top, pad.left), border(pad.bottom, pad.right));
                self.add(Padding { before, after, value }, vec![x])
            }
            11 => {
                let (ceil, count_include_pad) = (self.random.below(2) == 0, self.random.below(2) == 0);
                let pool = AvgPool {
                    kernel: window,
                    pad,
                    stride: Hw(1, 2),
                    ceil,
                    count_include_pad,
                    ..AvgPool::default()
                };
                self.add(pool, vec![x])
            }
            12 => {
                let ceil = self.random.below(2) == 0;
                self.add(
                    MaxPool { kernel: window, pad, stride: Hw(2, 1), ceil, ..MaxPool::default() },
                    vec![x],
                )
            }
            _ => match self.random.below(4) {
                0 => self.add(Identity, vec![x]),
                1 => self.add(Concat { axis: 1 }, vec![x]),
                2 => self.add(ReduceMean { axes: vec![2, 3], keep: true }, vec![x]),
                _ => self.classify(x),
            },
        }
    }

    /// A matrix product of the flattened value, scaled or shifted, as a tensor of four channels.
    fn classify(&mut self, x: NodeId) -> Result<NodeId, Mismatch> {
        let dims = self.graph.ty(x).dims();
        let (n, depth) = (dims[0], dims[1..].iter().product::<usize>());
        let flat = self.add(Reshape { shape: vec![n as i64, depth as i64] }, vec![x])?;
        let trans_b = self.random.below(2) == 0;
        let weights = self.constant(&if trans_b { [4, depth] } else { [depth, 4] })?;
        let op = if trans_b { Gemm { trans_a: false, trans_b }.into() } else { Op::Matmul(Matmul) };
        let product = self.add(op, vec![flat, weights])?;
        let shape = self.random.pick(&[vec![], vec![4], vec![1, 4], vec![n, 1]]);
        let k = self.constant(&shape)?;
        let op = self.random.pick(&[Op::Mul(Mul), Op::Add(Add)]);
        let moved = self.add(op, vec![k, product])?;
        self.add(Reshape { shape: vec![n as i64, 4, 1, 1] }, vec![moved])
    }
}

#[test]
fn passes_preserve_what_random_networks_compute() {
    let options = PassOptions { verify: true, ..PassOptions::default() };
    let (mut compared, mut shrunk) = (0, 0);
    for seed in 0..500 {
        let before = Net::random(seed);
        let source = text::print(&before);
        let mut after = before.clone();
        run(&mut after, &options, &mut |_| {}).unwrap_or_else(|failure| panic!("{failure}\n{source}"));
        shrunk += usize::from(after.graph.order().len() < before.graph.order().len());
        let printed = text::print(&after);
        let reparsed = text::parse_with(&printed, after.weights.clone()).unwrap();
        assert_eq!(text::print(&reparsed.module), printed);
        let again = run(&mut after, &options, &mut |_| {}).unwrap();
        let unsettled: Vec<&str> = again.passes.iter().filter(|p| p.changed).map(|p| p.name).collect();
        assert!(unsettled.is_empty(), "{seed}: {unsettled:?} change again\n{source}=>\n{printed}");

        let ty = before.graph.ty(before.graph.inputs()[0]);
        let x = Init::Rand { seed, min: -1.0, max: 1.0 }.tensor(ty).unwrap();
        let results = |module| evaluate(module, std::slice::from_ref(&x), Precision::F64).unwrap();
        for (truth, result) in results(&before).iter().zip(results(&after)) {
            assert_eq!(truth.shape(), result.shape());
            let scale = truth.slice::<f64>().iter().fold(1.0f64, |m, x| m.max(x.abs()));
            for (t, r) in truth.slice::<f64>().iter().zip(result.slice::<f64>()) {
                assert!((t - r).abs() <= 1e-5 * scale, "{seed}: {t} became {r}\n{source}=>\n{printed}");
                compared += 1;
            }
        }
    }
    assert!(compared > 10_000 && shrunk > 400, "{compared} numbers compared, {shrunk} networks shrunk");
}
