//! Drawn networks: valid graphs of 1 to 40 nodes with the patterns of convolutional networks, from a seed.
//!
//! ```text
//! seed -> steps -> network;   a step adds a layer or a block behind what is there
//! ```
//!
//! INVARIANT: every list of steps is a network, so a failure shrinks by leaving steps out. Values are
//! `[N, C, H, W]` of f32 and stay near 1; each network verifies and has a form in ONNX.

use crate::random::Random;
use cnnc_ir::attrs::{Hw, Pad};
use cnnc_ir::ops::*;
use cnnc_ir::{DType, Expr, Graph, Mismatch, Module, NodeId, Op, Tensor, Type};

/// The most nodes that are no constants.
const NODES: usize = 40;
/// The most elements of a value.
const ELEMENTS: usize = 1 << 13;

/// How a network is drawn.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Drawing {
    /// Decides about the input.
    seed: u64,
    /// Each decides about a layer.
    steps: Vec<u64>,
    /// Whether there are transposed convolutions and products of matrices in it.
    is_newer: bool,
}

impl Drawing {
    /// The drawing of this number. Two in five have newer kinds of layers, the others are what they always were: a
    /// number that once showed a mistake stays the network that did.
    pub fn new(seed: u64) -> Drawing {
        let mut random = Random(seed);
        let count = 1 + random.below(NODES);
        let steps = |random: &mut Random| (0..count).map(|_| random.bits()).collect();
        Drawing { seed: random.bits(), steps: steps(&mut random), is_newer: seed % 5 < 2 }
    }

    /// The network; its last value is the first result.
    pub fn module(&self) -> Module {
        let mut random = Random(self.seed);
        let images = random.pick(&[1, 2, 3, 2]);
        let dims = [images, 1 + random.below(20), 1 + random.below(12), 1 + random.below(12)];
        let mut graph = Graph::new("drawn");
        let x = Type::new(DType::F32, dims).and_then(|ty| graph.input("x", ty));
        let x = x.unwrap_or_else(|e| panic!("{e}"));
        let mut net = Net { graph, random, values: vec![x] };
        for &step in &self.steps {
            net.random = Random(step);
            let is_newer = self.is_newer && Random(!step).once_in(4);
            // Some layers do not fit what they were given: inference refuses them.
            let _ = if is_newer { net.grow_newer() } else { net.grow() };
        }
        let last = net.values[net.values.len() - 1];
        let outputs = match net.random.below(3) {
            0 => vec![last, net.random.pick(&net.values)],
            _ => vec![last],
        };
        net.graph.set_outputs(outputs);
        Module::new(net.graph, Default::default())
    }

    /// What else may be drawn for this network depends on it.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// An input of the network.
    pub fn input(&self, module: &Module) -> Tensor {
        let init = Init::Rand { seed: self.seed, min: -1.0, max: 1.0 };
        init.tensor(module.graph.ty(module.graph.inputs()[0])).unwrap_or_else(|e| panic!("{e}"))
    }

    /// The same failure with as few steps as can be: leaves out runs of them, ever shorter ones, while it fails still.
    pub fn shrunk(self, fails: impl Fn(&Drawing) -> bool) -> Drawing {
        let mut least = self;
        let mut run = least.steps.len().next_power_of_two();
        while run > 0 {
            let mut start = 0;
            while start < least.steps.len() {
                let mut fewer = least.clone();
                fewer.steps.drain(start..(start + run).min(fewer.steps.len()));
                match fails(&fewer) {
                    true => least = fewer,
                    false => start += run,
                }
            }
            run /= 2;
        }
        least
    }
}

/// A network under construction.
struct Net {
    graph: Graph,
    random: Random,
    /// What layers may read.
    values: Vec<NodeId>,
}

impl Net {
    fn add(&mut self, op: impl Into<Op>, operands: &[NodeId]) -> Result<NodeId, Mismatch> {
        let expr = Expr::new(op, operands.to_vec());
        let ty = self.graph.infer(&expr)?;
        let nodes = self.graph.order().iter().filter(|&&id| !self.graph[id].is_const()).count();
        if nodes > NODES || ty.elements() > ELEMENTS || ty.elements() == 0 {
            return Err(Mismatch("the network is large enough".into()));
        }
        let name = self.graph.fresh_name("v");
        let id = self.graph.add(name.as_str(), expr)?;
        if ty.rank() == 4 {
            self.values.push(id);
        }
        Ok(id)
    }

    /// A constant with elements in a range, now and then all the same.
    fn constant(&mut self, dims: &[usize], min: f32, max: f32) -> Result<NodeId, Mismatch> {
        let init = match self.random.below(6) {
            0 => Init::Splat(f64::from(max) / 2.0),
            _ => Init::Rand { seed: self.random.below(1000) as u64, min: min.into(), max: max.into() },
        };
        let name = self.graph.fresh_name("k");
        self.graph.constant(name.as_str(), Type::new(DType::F32, dims)?, init)
    }

    fn dims(&self, x: NodeId) -> Vec<usize> {
        self.graph.ty(x).dims().to_vec()
    }

    /// A layer or a block. It reads the last value mostly: patterns are chains. Any other now and then: it gets
    /// another reader.
    fn grow(&mut self) -> Result<NodeId, Mismatch> {
        let x = match self.random.below(5) {
            0 => self.random.pick(&self.values),
            _ => self.values[self.values.len() - 1],
        };
        match self.random.below(25) {
            0..5 => self.conv(x),
            5 | 6 => self.batch_norm(x),
            7 | 8 => self.affine(x),
            9..12 => self.activation(x),
            12 | 13 => self.join(x),
            14 => self.padding(x),
            15 | 16 => self.pool(x),
            17 => self.two_convs(x),
            18 => self.gate(x),
            19 => self.move_elements(x),
            20 => self.classify(x),
            21 => {
                let a = self.conv(x)?;
                let b = self.batch_norm(a)?;
                self.activation(b)
            }
            22 => {
                let pad = Pad { top: 1, left: 1, bottom: 1, right: 1 };
                let mean = AvgPool { kernel: Hw(3, 3), pad, ..AvgPool::default() };
                let pooled = if self.random.once_in(2) { self.add(mean, &[x])? } else { x };
                let a = self.pointwise(pooled)?;
                self.conv(a)
            }
            23 => self.branches(x),
            _ => self.quiet(x),
        }
    }

    /// A layer of a newer kind, behind the last value.
    fn grow_newer(&mut self) -> Result<NodeId, Mismatch> {
        let x = self.values[self.values.len() - 1];
        match self.random.below(2) {
            0 => self.spread(x),
            _ => self.multiply(x),
        }
    }

    /// A transposed convolution, and now and then the mean of its map.
    fn spread(&mut self, x: NodeId) -> Result<NodeId, Mismatch> {
        let c = self.dims(x)[1];
        let groups = if c.is_multiple_of(2) { self.random.pick(&[1, 1, 1, 2]) } else { 1 };
        let (kernel, stride) = self.random.pick(&[(2usize, 2usize), (2, 2), (4, 2), (3, 1), (3, 2), (2, 3)]);
        let side = kernel.saturating_sub(stride) / 2;
        let pad = Pad { top: side, left: side, bottom: side, right: side };
        let o = self.random.pick(&[1, 3, 8]);
        let scale = 2.0 / (c / groups * kernel * kernel) as f32;
        let w = self.constant(&[c, o, kernel, kernel], -0.5 * scale, 1.5 * scale)?;
        let conv = ConvTranspose { stride: Hw(stride, stride), pad, groups, ..ConvTranspose::default() };
        let y = self.add(conv, &[x, w])?;
        if self.random.once_in(2) {
            return Ok(y);
        }
        let mean = self.add(ReduceMean { axes: vec![2, 3], keep: true }, &[y])?;
        if self.random.once_in(2) { self.add(Add, &[y, mean]) } else { Ok(mean) }
    }

    /// The rows of each map by a matrix, then an operand that broadcasts along some dimensions.
    fn multiply(&mut self, x: NodeId) -> Result<NodeId, Mismatch> {
        let [n, c, h, w] = self.dims(x)[..] else { return Err(Mismatch("it has another rank".into())) };
        let columns = self.random.pick(&[1, 3, 8, c, h]);
        let scale = 2.0 / w as f32;
        let weights = self.constant(&[w, columns], -0.5 * scale, 1.5 * scale)?;
        // Of rank 3 the channels are what the rows were.
        let flat = self.random.once_in(2);
        let lines = if flat { vec![n, c * h] } else { vec![n, c, h] };
        let to_shape = |dims: &[usize]| Reshape { shape: dims.iter().map(|&d| d as i64).collect() };
        let left = if flat { self.add(to_shape(&[n, c * h, w]), &[x])? } else { x };
        let mut y = self.add(Matmul, &[left, weights])?;
        for _ in 0..self.random.below(3) {
            let mut shape: Vec<usize> = lines.iter().copied().chain([columns]).collect();
            for extent in &mut shape {
                if self.random.once_in(2) {
                    *extent = 1;
                }
            }
            let first = self.random.below(shape.len());
            let k = self.constant(&shape[first..], 0.5, 1.2)?;
            let op = self.random.pick(&[Op::Mul(Mul), Op::Add(Add), Op::Max(Max)]);
            y = self.add(op, &[y, k])?;
        }
        if flat { self.add(to_shape(&[n, c, h, columns]), &[y]) } else { Ok(y) }
    }

    /// A convolution, its weights of a sum near 1.
    fn correlate(&mut self, x: NodeId, conv: Conv, o: usize, kernel: Hw) -> Result<NodeId, Mismatch> {
        let c = self.dims(x)[1] / conv.groups;
        let scale = 2.0 / (c * kernel.0 * kernel.1) as f32;
        let w = self.constant(&[o, c, kernel.0, kernel.1], -0.5 * scale, 1.5 * scale)?;
        let mut operands = vec![x, w];
        if self.random.once_in(2) {
            operands.push(self.constant(&[o], -0.5, 0.5)?);
        }
        self.add(conv, &operands)
    }

    fn conv(&mut self, x: NodeId) -> Result<NodeId, Mismatch> {
        let c = self.dims(x)[1];
        let groups = self.random.pick(&[1, 1, 1, c, 2]);
        let kernel = self.random.pick(&[Hw(1, 1), Hw(1, 1), Hw(3, 3), Hw(2, 3), Hw(1, 5), Hw(3, 1)]);
        let side = |random: &mut Random, taps: usize| match random.below(3) {
            0 => (0, 0),
            1 => (taps / 2, taps / 2),
            _ => (random.below(2), random.below(2)),
        };
        let (top, bottom) = side(&mut self.random, kernel.0);
        let (left, right) = side(&mut self.random, kernel.1);
        let stride = self.random.pick(&[Hw(1, 1), Hw(1, 1), Hw(2, 2), Hw(1, 2)]);
        let dilation = self.random.pick(&[Hw(1, 1), Hw(1, 1), Hw(1, 1), Hw(2, 1)]);
        let o = groups * self.random.pick(&[1, 2, 4, 8]);
        let pad = Pad { top, left, bottom, right };
        self.correlate(x, Conv { stride, pad, dilation, groups }, o, kernel)
    }

    fn pointwise(&mut self, x: NodeId) -> Result<NodeId, Mismatch> {
        let o = self.random.pick(&[1, 3, 8, 16]);
        self.correlate(x, Conv::default(), o, Hw(1, 1))
    }

    /// Two convolutions of one value and their sum, as in networks that are trained with branches.
    fn two_convs(&mut self, x: NodeId) -> Result<NodeId, Mismatch> {
        let (o, stride) = (self.random.pick(&[1, 8]), self.random.pick(&[Hw(1, 1), Hw(2, 2)]));
        let pad = Pad { top: 1, left: 1, bottom: 1, right: 1 };
        let wide = self.correlate(x, Conv { stride, pad, ..Conv::default() }, o, Hw(3, 3))?;
        let (kernel, pad) = self.random.pick(&[(Hw(3, 3), pad), (Hw(1, 1), Pad::ZERO)]);
        let narrow = self.correlate(x, Conv { stride, pad, ..Conv::default() }, o, kernel)?;
        self.add(Add, &[narrow, wide])
    }

    fn batch_norm(&mut self, x: NodeId) -> Result<NodeId, Mismatch> {
        let c = self.dims(x)[1];
        let mut operands = vec![x];
        for (min, max) in [(0.5, 1.2), (-0.3, 0.3), (-0.3, 0.3), (0.7, 1.3)] {
            operands.push(self.constant(&[c], min, max)?);
        }
        self.add(BatchNorm::default(), &operands)
    }

    /// Arithmetic with a constant.
    fn affine(&mut self, x: NodeId) -> Result<NodeId, Mismatch> {
        let d = self.dims(x);
        let shape =
            self.random.pick(&[vec![], vec![1], vec![d[1], 1, 1], vec![1, d[1], 1, 1], vec![1, d[3]]]);
        let k = self.constant(&shape, 0.5, 1.2)?;
        let op = self.random.pick(&[Op::Mul(Mul), Op::Add(Add), Op::Sub(Sub), Op::Div(Div)]);
        let turned = self.random.once_in(4) && op != Op::Div(Div);
        let operands = if turned { [k, x] } else { [x, k] };
        self.add(op, &operands)
    }

    fn activation(&mut self, x: NodeId) -> Result<NodeId, Mismatch> {
        let op = self.random.pick(&[
            Op::Relu(Relu),
            Op::Relu(Relu),
            Op::Relu(Relu),
            Op::Clip(Clip { min: 0.0, max: 6.0 }),
            Op::LeakyRelu(LeakyRelu { alpha: 0.1 }),
            Op::Sigmoid(Sigmoid),
            Op::Tanh(Tanh),
        ]);
        self.add(op, &[x])
    }

    /// Two values become one: a residual, its average, a concatenation.
    fn join(&mut self, x: NodeId) -> Result<NodeId, Mismatch> {
        let y = self.random.pick(&self.values);
        let pair = if self.random.once_in(2) { [x, y] } else { [y, x] };
        match self.random.below(6) {
            0 => self.add(Max, &pair),
            1 => self.add(Sub, &pair),
            2 | 3 => self.add(Concat { axis: 1 }, &pair),
            4 => {
                let sum = self.add(Add, &pair)?;
                let half = self.constant(&[], 0.5, 0.5)?;
                self.add(Mul, &[sum, half])
            }
            _ => self.add(Add, &pair),
        }
    }

    fn padding(&mut self, x: NodeId) -> Result<NodeId, Mismatch> {
        let value = self.random.pick(&[0.0, 0.0, 0.5]);
        let (h, w) = (self.random.below(2) as i64, self.random.below(3) as i64);
        self.add(Padding { before: vec![0, 0, h, w], after: vec![0, 0, h, 1], value }, &[x])
    }

    fn pool(&mut self, x: NodeId) -> Result<NodeId, Mismatch> {
        let kernel = Hw(1 + self.random.below(3), 1 + self.random.below(3));
        let (top, left) = (self.random.below(kernel.0), self.random.below(kernel.1));
        let pad = Pad { top, left, bottom: top, right: self.random.below(kernel.1) };
        let stride = self.random.pick(&[Hw(1, 1), Hw(1, 1), Hw(2, 2), Hw(2, 1)]);
        let (ceil, count_include_pad) = (self.random.once_in(3), self.random.once_in(2));
        match self.random.below(5) {
            0 => self.add(ReduceMean { axes: vec![2, 3], keep: true }, &[x]),
            1 | 2 => self.add(MaxPool { kernel, pad, stride, ceil, ..MaxPool::default() }, &[x]),
            _ => {
                let dilation = Hw(1, 1);
                self.add(AvgPool { kernel, pad, stride, dilation, ceil, count_include_pad }, &[x])
            }
        }
    }

    /// Convolutions of one value, side by side, as in an inception.
    fn branches(&mut self, x: NodeId) -> Result<NodeId, Mismatch> {
        let mut ends = Vec::new();
        for _ in 0..2 + self.random.below(2) {
            let mut end = self.pointwise(x)?;
            if self.random.once_in(2) {
                end = self.activation(end)?;
            }
            if self.random.once_in(2) {
                let pad = Pad { top: 1, left: 1, bottom: 1, right: 1 };
                end = self.correlate(end, Conv { pad, ..Conv::default() }, 8, Hw(3, 3))?;
            }
            ends.push(end);
        }
        let joined = self.add(Concat { axis: 1 }, &ends)?;
        if self.random.once_in(2) { self.add(Relu, &[joined]) } else { Ok(joined) }
    }

    /// A value scaled by what its channels hold, as in squeeze and excitation.
    fn gate(&mut self, x: NodeId) -> Result<NodeId, Mismatch> {
        let c = self.dims(x)[1];
        let mean = self.add(ReduceMean { axes: vec![2, 3], keep: true }, &[x])?;
        let excited = self.correlate(mean, Conv::default(), c, Hw(1, 1))?;
        let gate = self.add(Sigmoid, &[excited])?;
        self.add(Mul, &[x, gate])
    }

    /// No arithmetic: a part, another order, another shape.
    fn move_elements(&mut self, x: NodeId) -> Result<NodeId, Mismatch> {
        let d = self.dims(x);
        match self.random.below(4) {
            0 | 1 => {
                let start = self.random.pick(&[0, 8, 1]).min(d[1] - 1);
                let end = start + 1 + self.random.below(d[1] - start);
                let mut ends: Vec<i64> = d.iter().map(|&n| n as i64).collect();
                ends[1] = end as i64;
                self.add(Slice { starts: vec![0, start as i64, 0, 0], ends, steps: vec![1; 4] }, &[x])
            }
            2 => {
                let there = self.random.pick(&[vec![0, 2, 3, 1], vec![0, 1, 3, 2], vec![0, 3, 1, 2]]);
                let back = self.random.pick(&[vec![0, 3, 1, 2], vec![0, 1, 3, 2], vec![0, 2, 3, 1]]);
                let turned = self.add(Transpose { perm: there }, &[x])?;
                self.add(Transpose { perm: back }, &[turned])
            }
            _ => {
                let shape = vec![d[0] as i64, (d[1] * d[2]) as i64, 1, d[3] as i64];
                let other = self.add(Reshape { shape }, &[x])?;
                self.add(Reshape { shape: d.iter().map(|&n| n as i64).collect() }, &[other])
            }
        }
    }

    /// What changes nothing, or computes again what is there.
    fn quiet(&mut self, x: NodeId) -> Result<NodeId, Mismatch> {
        match self.random.below(3) {
            0 => self.add(Identity, &[x]),
            1 => self.add(Concat { axis: 1 }, &[x]),
            _ => {
                let Expr { op, operands, .. } = self.graph.expr(x);
                match op {
                    Op::Input(_) => self.add(Identity, &[x]),
                    op => {
                        let again = self.add(op, &operands)?;
                        let again = self.activation(again)?;
                        self.add(Max, &[x, again])
                    }
                }
            }
        }
    }

    /// A matrix product of the flattened value, scaled or shifted, as a tensor of four channels.
    fn classify(&mut self, x: NodeId) -> Result<NodeId, Mismatch> {
        let dims = self.dims(x);
        let (n, depth) = (dims[0], dims[1..].iter().product::<usize>());
        let flat = self.add(Reshape { shape: vec![n as i64, depth as i64] }, &[x])?;
        let trans_b = self.random.once_in(2);
        let scale = 2.0 / depth as f32;
        let shape = if trans_b { [4, depth] } else { [depth, 4] };
        let weights = self.constant(&shape, -0.5 * scale, 1.5 * scale)?;
        let op = if trans_b { Gemm { trans_a: false, trans_b }.into() } else { Op::Matmul(Matmul) };
        let product = self.add(op, &[flat, weights])?;
        let shape = self.random.pick(&[vec![], vec![4], vec![1, 4], vec![n, 1]]);
        let k = self.constant(&shape, 0.5, 1.2)?;
        let op = self.random.pick(&[Op::Mul(Mul), Op::Add(Add)]);
        let mut moved = self.add(op, &[k, product])?;
        if self.random.once_in(3) {
            moved = self.add(Softmax { axis: 1 }, &[moved])?;
        }
        self.add(Reshape { shape: vec![n as i64, 4, 1, 1] }, &[moved])
    }
}
