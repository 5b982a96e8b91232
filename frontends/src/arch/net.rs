//! The builder in which networks are written: one method a layer, nothing hidden.
//!
//! A layer's parameters are constants named as in the releases of their authors, `layer1.0.conv1.weight`; the value
//! has the name of the layer. They are drawn from a seed: convolutions and linear layers as He et al. 2015 scale them,
//! uniform within `sqrt(6 / inputs of a sum)`, batch norms close to the identity. Drawing happens when a compiler asks
//! for the elements, so that a network of 140 million parameters is built in no time.
//!
//! The first layer that does not fit, a picture too small for it say, is remembered and reported at the end; until
//! then its operand stands for it.

use cnnc_ir::attrs::{Hw, Pad};
use cnnc_ir::ops::{
    Add, AvgPool, BatchNorm, Concat, Conv, Dropout, Gemm, Init, Lrn, MaxPool, Mul, Op, Padding, ReduceMean,
    Relu, Reshape, Sigmoid, Slice, Tanh,
};
use cnnc_ir::{DType, Expr, Graph, Mismatch, Module, NodeId, Type, Weights};

/// A value of the network.
pub(super) type Value = NodeId;

/// What a convolution is, but for its input.
#[derive(Clone, Copy)]
pub(super) struct Filter {
    outputs: usize,
    kernel: Hw,
    stride: usize,
    pad: Hw,
    groups: usize,
    has_bias: bool,
    gain: f64,
}

/// A convolution of `outputs` channels by a square kernel, without padding and bias.
pub(super) fn filter(outputs: usize, kernel: usize) -> Filter {
    tall(outputs, kernel, kernel)
}

/// A convolution by a kernel of that height and width.
pub(super) fn tall(outputs: usize, height: usize, width: usize) -> Filter {
    let kernel = Hw(height, width);
    Filter { outputs, kernel, stride: 1, pad: Hw(0, 0), groups: 1, has_bias: false, gain: 1.0 }
}

impl Filter {
    /// Moved by so many pixels.
    pub(super) fn stride(self, stride: usize) -> Filter {
        Filter { stride, ..self }
    }

    /// Padded so that a stride of 1 keeps the extents.
    pub(super) fn same(self) -> Filter {
        Filter { pad: Hw(self.kernel.0 / 2, self.kernel.1 / 2), ..self }
    }

    /// Padded by so many pixels on every side.
    pub(super) fn pad(self, pad: usize) -> Filter {
        Filter { pad: Hw(pad, pad), ..self }
    }

    /// In groups of channels.
    pub(super) fn groups(self, groups: usize) -> Filter {
        Filter { groups, ..self }
    }

    /// With a bias.
    pub(super) fn bias(self) -> Filter {
        Filter { has_bias: true, ..self }
    }

    /// Drawn so much larger.
    pub(super) fn gain(self, gain: f64) -> Filter {
        Filter { gain, ..self }
    }
}

/// What a pool is: kernel, stride, padding, and whether a last window may be cut.
#[derive(Clone, Copy)]
pub(super) struct Pool {
    kernel: usize,
    stride: usize,
    pad: usize,
    ceil: bool,
}

/// A pool by a square window.
pub(super) fn pool(kernel: usize, stride: usize) -> Pool {
    Pool { kernel, stride, pad: 0, ceil: false }
}

impl Pool {
    /// Padded by so many pixels on every side.
    pub(super) fn pad(self, pad: usize) -> Pool {
        Pool { pad, ..self }
    }

    /// With a last window that may be cut.
    pub(super) fn ceil(self) -> Pool {
        Pool { ceil: true, ..self }
    }
}

/// A network under construction.
pub(super) struct Net {
    graph: Graph,
    seed: u64,
    fault: Option<Mismatch>,
}

impl Net {
    pub(super) fn new(name: &str, seed: u64) -> Net {
        Net { graph: Graph::new(name), seed, fault: None }
    }

    /// The finished network, or the first layer that did not fit.
    pub(super) fn finish(mut self, outputs: Vec<Value>) -> Result<Module, Mismatch> {
        match self.fault {
            Some(fault) => Err(fault),
            None => {
                self.graph.set_outputs(outputs);
                Ok(Module::new(self.graph, Weights::default()))
            }
        }
    }

    /// The picture: images, channels, height, width.
    pub(super) fn input(&mut self, dims: [usize; 4]) -> Result<Value, Mismatch> {
        self.graph.input("input", Type::new(DType::F32, dims)?)
    }

    /// The extents of a value.
    pub(super) fn dims(&self, x: Value) -> &[usize] {
        self.graph.ty(x).dims()
    }

    // ---- layers with parameters

    /// A convolution: `name.weight`, `name.bias`.
    pub(super) fn conv(&mut self, name: &str, x: Value, filter: Filter) -> Value {
        let Filter { outputs, kernel, stride, pad, groups, has_bias, gain } = filter;
        let inputs = self.dims(x)[1] / groups.max(1);
        let sum = inputs * kernel.0 * kernel.1;
        let w = self.drawn(&format!("{name}.weight"), &[outputs, inputs, kernel.0, kernel.1], gain * he(sum));
        let mut operands = vec![x, w];
        if has_bias {
            operands.push(self.drawn(&format!("{name}.bias"), &[outputs], SMALL));
        }
        let pad = Pad { top: pad.0, left: pad.1, bottom: pad.0, right: pad.1 };
        let conv = Conv { stride: Hw(stride, stride), pad, groups, ..Conv::default() };
        self.add(name, conv, &operands)
    }

    /// A batch normalisation: `name.weight`, `.bias`, `.running_mean`, `.running_var`.
    pub(super) fn bn(&mut self, name: &str, x: Value) -> Value {
        self.bn_scaled(name, x, 1.0)
    }

    /// A batch normalisation that ends a residual branch: its scale is so much smaller.
    pub(super) fn bn_scaled(&mut self, name: &str, x: Value, scale: f64) -> Value {
        self.batch_norm(name, x, scale, 1e-5)
    }

    /// A batch normalisation with that epsilon.
    pub(super) fn batch_norm(&mut self, name: &str, x: Value, scale: f64, eps: f32) -> Value {
        let channels = [self.dims(x)[1]];
        let mut part = |part: &str, centre: f64, reach: f64| {
            self.between(&format!("{name}.{part}"), &channels, centre - reach, centre + reach)
        };
        let operands = [
            x,
            part("weight", scale, SMALL * scale),
            part("bias", 0.0, SMALL * scale),
            part("running_mean", 0.0, SMALL),
            part("running_var", 1.0, SMALL),
        ];
        self.add(name, BatchNorm { eps }, &operands)
    }

    /// A linear layer on vectors: `name.weight` `[outputs, inputs]`, `name.bias`.
    pub(super) fn linear(&mut self, name: &str, x: Value, outputs: usize) -> Value {
        let inputs = self.dims(x)[1];
        let w = self.drawn(&format!("{name}.weight"), &[outputs, inputs], he(inputs));
        let b = self.drawn(&format!("{name}.bias"), &[outputs], SMALL);
        self.add(name, Gemm { trans_b: true, ..Gemm::default() }, &[x, w, b])
    }

    // ---- layers without

    pub(super) fn relu(&mut self, x: Value) -> Value {
        self.after(x, "relu", Relu, &[])
    }

    pub(super) fn tanh(&mut self, x: Value) -> Value {
        self.after(x, "tanh", Tanh, &[])
    }

    pub(super) fn sigmoid(&mut self, x: Value) -> Value {
        self.after(x, "sigmoid", Sigmoid, &[])
    }

    /// What dropout is once the network is trained: nothing.
    pub(super) fn dropout(&mut self, x: Value) -> Value {
        self.after(x, "dropout", Dropout, &[])
    }

    pub(super) fn max_pool(&mut self, x: Value, pool: Pool) -> Value {
        let Pool { kernel: k, stride: s, ceil, .. } = pool;
        let op =
            MaxPool { kernel: Hw(k, k), stride: Hw(s, s), pad: around(pool.pad), ceil, ..MaxPool::default() };
        self.after(x, "pool", op, &[])
    }

    /// A mean that does not count padding.
    pub(super) fn avg_pool(&mut self, x: Value, pool: Pool) -> Value {
        self.mean_pool(x, pool, false)
    }

    /// A mean that counts padding.
    pub(super) fn avg_pool_padded(&mut self, x: Value, pool: Pool) -> Value {
        self.mean_pool(x, pool, true)
    }

    fn mean_pool(&mut self, x: Value, pool: Pool, count_include_pad: bool) -> Value {
        let Pool { kernel: k, stride: s, ceil, .. } = pool;
        let (kernel, stride, pad) = (Hw(k, k), Hw(s, s), around(pool.pad));
        let op = AvgPool { kernel, stride, pad, ceil, count_include_pad, ..AvgPool::default() };
        self.after(x, "pool", op, &[])
    }

    /// The mean of each channel, `[N, C, 1, 1]`.
    pub(super) fn global_pool(&mut self, x: Value) -> Value {
        self.after(x, "mean", ReduceMean { axes: vec![2, 3], keep: true }, &[])
    }

    /// Means over windows that cut both extents into `parts` of about the same size, overlapping where they must.
    pub(super) fn adaptive_pool(&mut self, x: Value, parts: usize) -> Value {
        let mut y = x;
        for axis in [2, 3] {
            let extent = self.dims(y)[axis];
            if extent == parts {
                continue;
            }
            let mut means = Vec::new();
            for i in 0..parts {
                let (from, to) = (i * extent / parts, ((i + 1) * extent).div_ceil(parts));
                let piece = self.cut(y, axis, from, to, 1);
                let mean = ReduceMean { axes: vec![axis as i64], keep: true };
                means.push(self.after(piece, "mean", mean, &[]));
            }
            y = self.after(means[0], "parts", Concat { axis: axis as i64 }, &means[1..]);
        }
        y
    }

    /// Each image as a vector.
    pub(super) fn flatten(&mut self, x: Value) -> Value {
        let dims = self.dims(x);
        let shape = vec![dims[0] as i64, dims[1..].iter().product::<usize>() as i64];
        self.after(x, "flat", Reshape { shape }, &[])
    }

    /// Local response normalisation across `size` channels.
    pub(super) fn lrn(&mut self, x: Value, size: usize, alpha: f32, bias: f32) -> Value {
        self.after(x, "norm", Lrn { size, alpha, beta: 0.75, bias }, &[])
    }

    pub(super) fn add_to(&mut self, name: &str, x: Value, y: Value) -> Value {
        self.add(name, Add, &[x, y])
    }

    /// Each channel of x times a number, `[N, C, 1, 1]`.
    pub(super) fn scale(&mut self, x: Value, by: Value) -> Value {
        self.after(x, "scaled", Mul, &[by])
    }

    /// All of x times one number.
    pub(super) fn times(&mut self, x: Value, by: f64) -> Value {
        let name = format!("{}.factor", self.graph[x].name());
        let factor = Type::new(DType::F32, []).and_then(|ty| self.graph.constant(&name, ty, Init::Splat(by)));
        let factor = self.kept(&name, factor, x);
        self.after(x, "times", Mul, &[factor])
    }

    /// Values one behind the other along the channels.
    pub(super) fn concat(&mut self, name: &str, values: &[Value]) -> Value {
        self.add(name, Concat { axis: 1 }, values)
    }

    /// Every second pixel, with channels of zeros behind those of x up to `channels`.
    pub(super) fn subsampled(&mut self, x: Value, channels: usize) -> Value {
        let [_, own, height, width] = [0, 1, 2, 3].map(|d| self.dims(x)[d]);
        let rows = self.cut(x, 2, 0, height, 2);
        let pixels = self.cut(rows, 3, 0, width, 2);
        let more = channels.saturating_sub(own) as i64;
        let op = Padding { before: vec![0; 4], after: vec![0, more, 0, 0], ..Padding::default() };
        self.after(pixels, "wider", op, &[])
    }

    /// The elements `from..to` along a dimension, every `step`th.
    fn cut(&mut self, x: Value, axis: usize, from: usize, to: usize, step: i64) -> Value {
        let mut ends: Vec<i64> = self.dims(x).iter().map(|&d| d as i64).collect();
        let (mut starts, mut steps) = (vec![0; ends.len()], vec![1; ends.len()]);
        (starts[axis], ends[axis], steps[axis]) = (from as i64, to as i64, step);
        self.after(x, "cut", Slice { starts, ends, steps }, &[])
    }

    // ---- nodes

    /// A node named after what it is applied to.
    fn after(&mut self, x: Value, suffix: &str, op: impl Into<Op>, more: &[Value]) -> Value {
        let name = format!("{}.{suffix}", self.graph[x].name());
        self.add(&name, op, &[&[x], more].concat())
    }

    fn add(&mut self, name: &str, op: impl Into<Op>, operands: &[Value]) -> Value {
        let name = self.graph.fresh_name(name).to_string();
        let added = self.graph.add(&name, Expr::new(op, operands.to_vec()));
        self.kept(&name, added, operands[0])
    }

    /// The value, or the one that stands for it once a fault is remembered.
    fn kept(&mut self, name: &str, value: Result<Value, Mismatch>, otherwise: Value) -> Value {
        value.unwrap_or_else(|Mismatch(message)| {
            self.fault.get_or_insert(Mismatch(format!("layer {name}: {message}")));
            otherwise
        })
    }

    /// A parameter drawn uniformly from `-reach..reach`.
    fn drawn(&mut self, name: &str, dims: &[usize], reach: f64) -> Value {
        self.between(name, dims, -reach, reach)
    }

    fn between(&mut self, name: &str, dims: &[usize], min: f64, max: f64) -> Value {
        self.seed = self.seed.wrapping_add(1);
        let init = Init::Rand { seed: self.seed, min, max };
        let constant = Type::new(DType::F32, dims).and_then(|ty| self.graph.constant(name, ty, init));
        let otherwise = self.graph.inputs()[0];
        self.kept(name, constant, otherwise)
    }
}

/// How much smaller a layer is drawn that no rectifier follows: nothing is cut away, so there is no factor of 2 to make
/// up for.
pub(super) const LINEAR: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// How far biases, and the parameters of batch norms, lie from where they leave everything as it is.
const SMALL: f64 = 0.1;

/// The bound of uniform weights that keeps the scale of values through a ReLU (He et al. 2015, eq. 10).
fn he(inputs: usize) -> f64 {
    (6.0 / inputs.max(1) as f64).sqrt()
}

fn around(pad: usize) -> Pad {
    Pad { top: pad, left: pad, bottom: pad, right: pad }
}
