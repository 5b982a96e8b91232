//! The cases of the onnx package: a model of few nodes, its inputs, the outputs that numpy or PyTorch gave.
//!
//! Shapes are static in cnnc, while the cases give shapes, axes and bounds as inputs. Such inputs are frozen to what
//! the case gives before it is compiled. *Shape-like* is an input from which an operand of `SHAPE_LIKE` is computed;
//! the first input, which is the data, is so only where it is that operand itself (`ConstantOfShape`, `Range`).

use crate::models::{made, shared};
use cnnc_frontends::onnx::tensor_from_pb;
use cnnc_ir::Tensor;
use onnx_protobuf::{GraphProto, Message, ModelProto};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The operands, counted from 0, on whose value the shape of a result depends, or what is computed at all.
#[rustfmt::skip]
const SHAPE_LIKE: &[(&str, &[usize])] = &[
    ("AffineGrid", &[1]), ("CenterCropPad", &[1]), ("Col2Im", &[1, 2]), ("ConstantOfShape", &[0]), ("CumSum", &[1]),
    ("CumProd", &[1]), ("Dropout", &[1, 2]), ("Expand", &[1]), ("MaxUnpool", &[2]), ("OneHot", &[1]),
    ("Pad", &[1, 2, 3]), ("Range", &[0, 1, 2]), ("ReduceL1", &[1]), ("ReduceL2", &[1]), ("ReduceLogSum", &[1]),
    ("ReduceLogSumExp", &[1]), ("ReduceMax", &[1]), ("ReduceMean", &[1]), ("ReduceMin", &[1]),
    ("ReduceProd", &[1]), ("ReduceSum", &[1]), ("ReduceSumSquare", &[1]), ("Reshape", &[1]), ("Resize", &[1, 2, 3]),
    ("Slice", &[1, 2, 3, 4]), ("Split", &[1]), ("Squeeze", &[1]), ("Tile", &[1]), ("TopK", &[1]), ("Trilu", &[1]),
    ("Unsqueeze", &[1]), ("Upsample", &[1]),
];

/// A case, not read yet.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is called in the package.
    pub name: String,
    /// What it belongs to: `A`, `A expanded`, `pytorch-operator`, ...
    pub tier: String,
    folder: PathBuf,
}

/// A case in memory.
pub struct Given {
    /// Where its model lies.
    pub model: PathBuf,
    /// The names of the inputs that a run takes, in order, as in the file; weights are none of them.
    pub inputs: Vec<String>,
    /// Those of them that are frozen.
    pub shape_like: BTreeSet<String>,
    /// The data sets: values of the inputs in order, and of the outputs.
    pub data: Vec<(Vec<Tensor>, Vec<Tensor>)>,
}

/// Every case, by tier and name; none, with a visible line, if they were not made or the list of tiers is missing.
pub fn cases() -> Vec<Case> {
    let (Some(tiers), Some(made)) = (shared("onnx-node-tiers.csv"), made("target/oracle/onnx")) else {
        return Vec::new();
    };
    let mut cases = Vec::new();
    for line in std::fs::read_to_string(tiers).unwrap().lines().skip(1) {
        let columns: Vec<&str> = line.split(',').collect();
        let [name, tier, expanded, ..] = columns[..] else { panic!("a line of the tiers: {line:?}") };
        let tier = if expanded == "yes" { format!("{tier} expanded") } else { tier.to_string() };
        cases.push(Case { name: name.to_string(), tier, folder: made.join("node").join(name) });
    }
    for kind in ["pytorch-converted", "pytorch-operator", "simple"] {
        let entries = std::fs::read_dir(made.join(kind)).unwrap().map(|entry| entry.unwrap().path());
        cases.extend(entries.map(|folder| Case {
            name: folder.file_name().unwrap().to_string_lossy().into_owned(),
            tier: kind.to_string(),
            folder,
        }));
    }
    cases.sort_by(|a, b| (&a.tier, &a.name).cmp(&(&b.tier, &b.name)));
    cases
}

impl Case {
    /// Reads the case.
    ///
    /// # Errors
    /// Tensors that are none of cnnc's, and cases without outputs to compare.
    pub fn read(&self) -> Result<Given, String> {
        let model = self.folder.join("model.onnx");
        let bytes = std::fs::read(&model).map_err(|_| "it has inputs or outputs that are no tensors")?;
        let graph = ModelProto::parse_from_bytes(&bytes).unwrap().graph.unwrap_or_default();
        let weights: BTreeSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
        let inputs = graph.input.iter().map(|i| i.name.clone()).filter(|i| !weights.contains(i.as_str()));
        let inputs: Vec<String> = inputs.collect();
        let shape_like = shape_like(&graph, &inputs);
        let sets =
            (0..).map(|k| self.folder.join(format!("test_data_set_{k}"))).take_while(|set| set.is_dir());
        let data = sets.map(|set| Ok((tensors(&set, "input")?, tensors(&set, "output")?)));
        let data: Vec<(Vec<Tensor>, Vec<Tensor>)> = data.collect::<Result<_, String>>()?;
        let complete = |(x, y): &(Vec<Tensor>, Vec<Tensor>)| x.len() == inputs.len() && !y.is_empty();
        match !data.is_empty() && data.iter().all(complete) {
            true => Ok(Given { model, inputs, shape_like, data }),
            false => Err("its data is not complete".into()),
        }
    }
}

impl Given {
    /// The values of the inputs to freeze, of one data set.
    pub fn freeze(&self, inputs: &[Tensor]) -> BTreeMap<String, Tensor> {
        let named = self.inputs.iter().cloned().zip(inputs.iter().cloned());
        named.filter(|(name, _)| self.shape_like.contains(name)).collect()
    }

    /// The values of the other inputs.
    pub fn data(&self, inputs: &[Tensor]) -> Vec<Tensor> {
        let named = self.inputs.iter().zip(inputs);
        named.filter(|(name, _)| !self.shape_like.contains(*name)).map(|(_, x)| x.clone()).collect()
    }
}

fn tensors(set: &Path, stem: &str) -> Result<Vec<Tensor>, String> {
    let paths = (0..).map(|i| set.join(format!("{stem}_{i}.pb"))).take_while(|path| path.exists());
    let read =
        |path: PathBuf| tensor_from_pb(&std::fs::read(path).unwrap()).map_err(|e| format!("{stem}: {e}"));
    paths.map(read).collect()
}

/// The inputs from which shapes are computed.
fn shape_like(graph: &GraphProto, inputs: &[String]) -> BTreeSet<String> {
    let mut direct = BTreeSet::new();
    let mut computed: BTreeSet<&str> = BTreeSet::new();
    // Nodes stand in an order in which each reads what is before it, so one walk back sees all readers first.
    for node in graph.node.iter().rev() {
        let named = SHAPE_LIKE.iter().find(|(op, _)| *op == node.op_type);
        for &k in named.map_or(&[][..], |(_, operands)| operands) {
            direct.extend(node.input.get(k).map(String::as_str));
        }
        let shape = |name: &str| direct.contains(name) || computed.contains(name);
        let of_values = !matches!(&node.op_type[..], "Shape" | "Size");
        if of_values && node.output.iter().any(|name| shape(name)) {
            computed.extend(node.input.iter().map(String::as_str));
        }
    }
    let first = inputs.first().map(String::as_str);
    let frozen = |name: &&String| {
        direct.contains(name.as_str()) || computed.contains(name.as_str()) && first != Some(name.as_str())
    };
    inputs.iter().filter(frozen).cloned().collect()
}
