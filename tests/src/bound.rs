//! How far the results of a network may be off when each operation rounds: a forward analysis in the maximum norm.
//!
//! ```text
//! e(y) <= L e(x) + terms * unit * (sum of the magnitudes that y adds up)
//! ```
//!
//! L is the most by which the operator stretches a difference: the largest sum of magnitudes of a row of weights, the
//! other factor of a product. The order in which terms are added does not enter, nor which constants were folded.
//! To first order; the factor `SLACK` stands for what is left out. Refuses operators that drawn networks lack.

use cnnc_ir::eval::{Precision, evaluate_with};
use cnnc_ir::{Module, NodeId, Op, Tensor};
use std::collections::HashMap;

/// What second order, and constants rounded more than once, may add.
const SLACK: f64 = 4.0;

/// What is known of a value: its largest magnitude, and the most that an element is off.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given {
    /// The largest magnitude that it has, or that it is a sum of.
    pub most: f64,
    /// The most that an element is off.
    pub error: f64,
}

/// For each result of a module without pipes, the most that an element may be off if every operation rounds by
/// `unit` of its result.
pub fn bounds(module: &Module, inputs: &[Tensor], unit: f64) -> Vec<f64> {
    bounds_from(module, inputs, unit, Given::default())
}

/// The same of inputs that are computed themselves, as is said of them.
pub fn bounds_from(module: &Module, inputs: &[Tensor], unit: f64, given: Given) -> Vec<f64> {
    let graph = &module.graph;
    let mut known: HashMap<NodeId, Given> = HashMap::new();
    let results = evaluate_with(module, inputs, Precision::F64, |id, value| {
        let most = largest(value);
        let value = match graph[id].op() {
            Op::Input(_) => Given { most: most.max(given.most), error: given.error },
            _ => Given { most, error: error(module, id, &known, most, unit) },
        };
        known.insert(id, value);
    });
    results.unwrap_or_else(|e| panic!("{e}"));
    graph.outputs().iter().map(|id| SLACK * known[id].error).collect()
}

fn largest(value: &Tensor) -> f64 {
    value.data().to_f64().iter().fold(0.0, |m, x| m.max(x.abs()))
}

fn error(module: &Module, id: NodeId, known: &HashMap<NodeId, Given>, most: f64, unit: f64) -> f64 {
    let graph = &module.graph;
    assert_eq!(graph[id].stages().len(), 0, "%{} is a pipe", graph[id].name());
    let ids = graph.operands(id);
    let of = |k: usize| ids.get(k).map_or(Given::default(), |id| known[id]);
    let (x, y) = (of(0), of(1));
    let elements = |k: usize| module.value(ids[k]).unwrap().unwrap().data().to_f64();
    let linear = |stretch: f64, terms: usize| {
        let added = of(2);
        stretch * x.error + added.error + unit * (terms + 4) as f64 * (stretch * x.most + added.most)
    };
    match graph[id].op() {
        Op::Const(_) => unit * most,
        Op::Conv(_) => rows(&elements(1), graph.ty(ids[1]).dims()[0], linear),
        Op::ConvTranspose(conv) => {
            let [inputs, outputs, taps @ ..] = graph.ty(ids[1]).dims() else { unreachable!("rank 4") };
            let (w, taps) = (elements(1), taps.iter().product::<usize>());
            // By output: for each group and each of its outputs, the taps of every input of the group.
            let (groups, each) = (conv.groups, inputs / conv.groups);
            let filter = |c: usize, o: usize| &w[(c * outputs + o) * taps..][..taps];
            let by_output = (0..groups * outputs).flat_map(|o| {
                (0..each).flat_map(move |c| filter(o / outputs * each + c, o % outputs).to_vec())
            });
            rows(&by_output.collect::<Vec<f64>>(), groups * outputs, linear)
        }
        Op::Gemm(gemm) if gemm.trans_b => rows(&elements(1), graph.ty(ids[1]).dims()[0], linear),
        Op::Gemm(_) | Op::Matmul(_) => {
            let (w, columns) = (elements(1), graph.ty(ids[1]).dims()[1]);
            let by_column = (0..columns).flat_map(|j| w.iter().skip(j).step_by(columns).copied());
            rows(&by_column.collect::<Vec<f64>>(), columns, linear)
        }
        Op::Add(_) | Op::Sub(_) => x.error + y.error + 4.0 * unit * (x.most + y.most),
        Op::Mul(_) => x.most * y.error + y.most * x.error + 4.0 * unit * x.most * y.most,
        Op::Div(_) => {
            let least = elements(1).iter().fold(f64::INFINITY, |m, x| m.min(x.abs()));
            x.error / least + 8.0 * unit * x.most / least
        }
        Op::BatchNorm(norm) => {
            let [gamma, beta, mean, var] = [1, 2, 3, 4].map(elements);
            let scale = |c: usize| (gamma[c] / (var[c] + f64::from(norm.eps)).sqrt()).abs();
            let channel = |c: usize| {
                let sum = scale(c) * (x.most + mean[c].abs()) + beta[c].abs();
                scale(c) * x.error + 16.0 * unit * sum
            };
            (0..gamma.len()).map(channel).fold(0.0, f64::max)
        }
        Op::AvgPool(_) | Op::ReduceMean(_) => {
            let terms = graph.ty(ids[0]).elements() / graph.ty(id).dims()[..2].iter().product::<usize>();
            x.error + unit * (terms + 4) as f64 * x.most
        }
        Op::Relu(_) | Op::Clip(_) | Op::LeakyRelu(_) | Op::Max(_) => x.error.max(y.error) + 2.0 * unit * most,
        // At most 8 units of the last place, and no steeper than 1.
        Op::Tanh(_) | Op::Sigmoid(_) => x.error + 16.0 * unit,
        // Where every logit is off by e, a share is off by at most 2 e of itself; the sum of shares adds its terms.
        Op::Softmax(_) => 2.0 * x.error + unit * (16 + graph.ty(id).elements()) as f64,
        Op::Padding(_)
        | Op::MaxPool(_)
        | Op::Concat(_)
        | Op::Identity(_)
        | Op::Slice(_)
        | Op::Transpose(_)
        | Op::Reshape(_) => ids.iter().map(|id| known[id].error).fold(0.0, f64::max),
        op => panic!("there is no bound of {}", op.name()),
    }
}

/// The bound of a linear operator by its row of the largest sum of magnitudes.
fn rows(weights: &[f64], count: usize, bound: impl Fn(f64, usize) -> f64) -> f64 {
    let terms = (weights.len() / count).max(1);
    let sums = weights.chunks(terms).map(|row| row.iter().map(|w| w.abs()).sum::<f64>());
    bound(sums.fold(0.0, f64::max), terms)
}
