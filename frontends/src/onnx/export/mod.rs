//! From a [`Module`] to an ONNX model that imports as the same graph.
//!
//!     node -> the ONNX nodes of its operator and of each stage, one behind the other
//!     constant -> an initializer with raw data, those that are a formula evaluated
//!
//! Inputs and outputs have the names that the caller knows, values in between those of their nodes. What ONNX
//! wants as a tensor (the shape of a `Reshape`) becomes an initializer named after the node. A file of more
//! than 2 GiB is none that protobuf reads: the weights of such a module stand in a second file, named after
//! the first with `.data` behind it.
//!
//! Refused: constants without elements, and the operators that [`ops`] has no form of; all of them at once.

mod call;
mod data;
mod ops;

use super::diagnostic::{Diagnostic, Fault, fault};
use super::tensor;
use crate::file;
use call::{Call, Constant};
use cnnc_ir::{Module, NodeId, Op, Stage, Type};
use data::DataFile;
use onnx_protobuf::tensor_shape_proto::{Dimension, dimension};
use onnx_protobuf::{GraphProto, Message, ModelProto, NodeProto, OperatorSetIdProto, ValueInfoProto};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// ONNX 1.16, which readers of the last years know.
const OPSET: i64 = 21;
const IR_VERSION: i64 = 10;
/// Bytes of weights up to which a model is one file; protobuf reads 2 GiB, nodes and names included.
const ONE_FILE: usize = (2 << 30) - (64 << 20);

/// A module as the bytes of an ONNX model.
///
/// # Errors
/// Every node that has no form in ONNX, constants without elements, and models of more than 2 GiB.
pub fn export(module: &Module) -> Result<Vec<u8>, Vec<Diagnostic>> {
    let model = Exporter::new(module, None).model()?;
    bytes(&model).map_err(|fault| vec![fault.into()])
}

/// Writes a module as an ONNX model, in one file, or with its weights in a second one beside it, which is
/// replaced too. After an error neither is there.
///
/// # Errors
/// As [`export`], and what the file system refuses.
pub fn export_file(module: &Module, path: &Path) -> Result<(), Vec<Diagnostic>> {
    export_within(module, path, ONE_FILE)
}

/// As [`export_file`], with another bound on the weights of one file.
pub(super) fn export_within(module: &Module, path: &Path, one_file: usize) -> Result<(), Vec<Diagnostic>> {
    let one = |fault: Fault| vec![fault.into()];
    let constants = module.graph.order().iter().filter(|&&id| module.graph[id].is_const());
    let weights = constants.fold(0usize, |sum, &id| sum.saturating_add(module.graph.ty(id).bytes()));
    let data = (weights > one_file).then(|| DataFile::beside(path)).transpose().map_err(one)?;
    let mut exporter = Exporter::new(module, data);
    let model = exporter.model()?;
    let bytes = bytes(&model).map_err(one)?;
    if let Some(data) = exporter.data {
        data.keep().map_err(one)?;
    }
    file::write(path, &bytes).map_err(|problem| vec![problem])
}

fn bytes(model: &ModelProto) -> Result<Vec<u8>, Fault> {
    model.write_to_bytes().map_err(|error| fault!(E_LIMIT, "the model is too large for one file: {error}"))
}

/// A model while it is written.
struct Exporter<'m> {
    module: &'m Module,
    graph: GraphProto,
    /// What values are called in the file.
    names: HashMap<NodeId, String>,
    taken: HashSet<String>,
    /// Where weights go that do not stand in the model.
    data: Option<DataFile>,
}

impl<'m> Exporter<'m> {
    fn new(module: &'m Module, data: Option<DataFile>) -> Exporter<'m> {
        let graph = GraphProto { name: module.graph.name.clone(), ..GraphProto::default() };
        Exporter { module, graph, names: HashMap::new(), taken: HashSet::new(), data }
    }

    fn model(&mut self) -> Result<ModelProto, Vec<Diagnostic>> {
        let module = self.module;
        let copies = self.signature();
        let mut problems = Vec::new();
        for &id in module.graph.order() {
            let written = match module.graph[id].op() {
                Op::Input(_) => Ok(()),
                Op::Const(_) => self.constant(id),
                _ => self.node(id),
            };
            if let Err(fault) = written {
                let node = &module.graph[id];
                problems.push(fault.at(format!("%{}", node.name()), node.op().name().into()));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        for (id, name) in copies {
            let from = self.names[&id].clone();
            self.push(Call::new("Identity"), vec![from], &name);
        }
        let opset = OperatorSetIdProto { version: OPSET, ..OperatorSetIdProto::default() };
        Ok(ModelProto {
            ir_version: IR_VERSION,
            producer_name: "cnnc".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            opset_import: vec![opset],
            graph: Some(std::mem::take(&mut self.graph)).into(),
            ..ModelProto::default()
        })
    }

    /// Names every value and declares inputs and outputs. A value that is an output under a second name is a
    /// copy, in ONNX a node of its own: those are returned.
    fn signature(&mut self) -> Vec<(NodeId, String)> {
        let Module { graph, input_names, output_names, .. } = self.module;
        for (&id, name) in graph.inputs().iter().zip(input_names) {
            self.name(id, name);
            self.graph.input.push(value_info(name, graph.ty(id)));
        }
        let (mut copies, mut declared) = (Vec::new(), HashSet::new());
        for (&id, name) in graph.outputs().iter().zip(output_names) {
            // ONNX: outputs have different names, ours may have the same.
            let name = if declared.insert(name) { name.clone() } else { self.fresh(name) };
            self.graph.output.push(value_info(&name, graph.ty(id)));
            match self.names.get(&id) {
                None => self.name(id, &name),
                Some(same) if *same == name => {}
                Some(_) => {
                    self.taken.insert(name.clone());
                    copies.push((id, name));
                }
            }
        }
        for &id in graph.order() {
            if !self.names.contains_key(&id) {
                let name = self.fresh(graph[id].name().as_str());
                self.names.insert(id, name);
            }
        }
        copies
    }

    fn name(&mut self, id: NodeId, name: &str) {
        self.taken.insert(name.to_string());
        self.names.insert(id, name.to_string());
    }

    /// A name that no value has yet.
    fn fresh(&mut self, wish: &str) -> String {
        let numbered = (2..).map(|n| format!("{wish}.{n}"));
        let mut names = std::iter::once(wish.to_string()).chain(numbered);
        loop {
            if let Some(name) = names.next().filter(|name| self.taken.insert(name.clone())) {
                return name;
            }
        }
    }

    fn constant(&mut self, id: NodeId) -> Result<(), Fault> {
        let tensor = self.module.value(id).transpose()?;
        let tensor = tensor.ok_or_else(|| fault!(E_MODEL, "the constant has no elements"))?;
        let mut proto = tensor::proto(&self.names[&id], tensor.shape().dims(), tensor.data());
        if let Some(data) = &mut self.data {
            data.take(&mut proto)?;
        }
        self.graph.initializer.push(proto);
        Ok(())
    }

    /// Writes what a node computes: its operator, then its stages.
    fn node(&mut self, id: NodeId) -> Result<(), Fault> {
        let graph = &self.module.graph;
        let expr = graph.expr(id);
        let name = self.names[&id].clone();
        let types = |ids: &[NodeId]| ids.iter().map(|&id| graph.ty(id)).collect::<Vec<_>>();
        let mut calls = Vec::new();
        // A call takes the operands besides the value that runs through all of them.
        let mut first = ops::calls(&expr.op, &types(&expr.operands))?.into_iter();
        if let Some(call) = first.next() {
            let operand = |(k, &id)| match call.flat.contains(&k) {
                true => self.flat(&name, id),
                false => self.names[&id].clone(),
            };
            let operands = expr.operands.iter().enumerate().map(operand).collect();
            calls.push((call, operands));
        }
        calls.extend(first.map(|call| (call, Vec::new())));
        for Stage { op, operands } in &expr.stages {
            let piped = [&[graph.ty(id)], &types(operands)[..]].concat();
            let mut rest: Vec<String> = operands.iter().map(|id| self.names[id].clone()).collect();
            for call in ops::calls(op, &piped)? {
                calls.push((call, std::mem::take(&mut rest)));
            }
        }
        let count = calls.len();
        let mut value = None;
        for (k, (call, rest)) in calls.into_iter().enumerate() {
            let last = k + 1 == count;
            let output = if last { name.clone() } else { self.fresh(&format!("{name}.{}", call.op)) };
            self.push(call, value.into_iter().chain(rest).collect(), &output);
            value = Some(output);
        }
        Ok(())
    }

    /// Writes one ONNX node.
    fn push(&mut self, call: Call, mut input: Vec<String>, output: &str) {
        for (suffix, constant) in call.constants {
            input.push(
                constant.map_or_else(String::new, |constant| self.parameter(output, suffix, &constant)),
            );
        }
        let mut outputs: Vec<String> =
            (0..call.result).map(|k| self.fresh(&format!("{output}.{k}"))).collect();
        outputs.push(output.into());
        self.graph.node.push(NodeProto {
            name: output.into(),
            op_type: call.op.into(),
            input,
            output: outputs,
            attribute: call.attributes,
            ..NodeProto::default()
        });
    }

    /// Writes a value as one number or as a list, for a node; returns its name.
    fn flat(&mut self, node: &str, id: NodeId) -> String {
        let (name, ty) = (self.names[&id].clone(), self.module.graph.ty(id));
        let dims: &[i64] = if ty.elements() == 1 { &[] } else { &[ty.elements() as i64] };
        if ty.rank() == dims.len() {
            return name;
        }
        let flat = self.fresh(&format!("{node}.{name}"));
        self.push(Call::new("Reshape").list("shape", dims), vec![name], &flat);
        flat
    }

    /// Writes a tensor that an operator of ONNX takes where ours has an attribute; returns its name.
    fn parameter(&mut self, node: &str, suffix: &str, (dims, data): &Constant) -> String {
        let name = self.fresh(&format!("{node}.{suffix}"));
        self.graph.initializer.push(tensor::proto(&name, dims, data));
        name
    }
}

fn value_info(name: &str, ty: &Type) -> ValueInfoProto {
    let mut info = ValueInfoProto { name: name.into(), ..ValueInfoProto::default() };
    let tensor = info.type_.mut_or_insert_default().mut_tensor_type();
    tensor.elem_type = tensor::number(ty.dtype);
    let dim =
        |&d: &usize| Dimension { value: Some(dimension::Value::DimValue(d as i64)), ..Dimension::default() };
    tensor.shape.mut_or_insert_default().dim = ty.dims().iter().map(dim).collect();
    info
}
