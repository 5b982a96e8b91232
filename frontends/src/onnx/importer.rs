//! The walk over a model: what it declares, then its nodes in order, then its outputs.
//!
//! The walk goes on after an error, so that all of them are reported: the outputs of a node that failed are
//! poisoned, and nodes that read a poisoned value are skipped. Weights leave the messages one by one as they
//! become tensors, so that they lie in memory once.
//!
//! Refused: operator sets beyond those known, nodes that call functions of the model, training, sparse weights,
//! names defined twice or never, cycles, models without outputs.

use super::attributes::Attributes;
use super::builder::Builder;
use super::diagnostic::{Diagnostic, E_MODEL, Fault, ensure, fail, fault, quoted};
use super::external::Folder;
use super::node::{Node, Outcome};
use super::signature::{self, Declared};
use super::{ImportOptions, ops, order, tensor};
use cnnc_ir::{Module, NodeId};
use onnx_protobuf::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use std::collections::{HashMap, HashSet};

const NEWEST_OPSET: i64 = 28;
const NEWEST_IR: i64 = 14;

/// What a name in the file stands for.
enum Value {
    Node(NodeId),
    /// Its node failed, which has been reported.
    Poisoned,
    /// An output, said here in words, that cnnc does not compute.
    Absent(String),
}

struct Importer {
    builder: Builder,
    opset: i64,
    /// The functions that the model defines: domains and names.
    functions: HashSet<(String, String)>,
    values: HashMap<String, Value>,
    problems: Vec<Diagnostic>,
    /// Whether the extents that the file declares for outputs count.
    declared_shapes: bool,
}

/// Imports a model.
pub(super) fn import(
    mut model: ModelProto,
    options: &ImportOptions,
    folder: Option<Folder>,
) -> Result<Module, Vec<Diagnostic>> {
    let Some(graph) = model.graph.take() else {
        return Err(vec![fault!(E_MODEL, "the file holds no graph").into()]);
    };
    let opset = check_model(&model).map_err(|fault| vec![fault.into()])?;
    let builder = Builder::new(&graph.name, folder, options);
    let functions = model.functions.into_iter().map(|f| (plain_domain(&f.domain).to_string(), f.name));
    let mut importer = Importer {
        builder,
        opset,
        functions: functions.collect(),
        values: HashMap::new(),
        problems: Vec::new(),
        declared_shapes: true,
    };
    match importer.graph(graph, options) {
        Ok(outputs) if importer.problems.is_empty() => Ok(importer.builder.finish(outputs)),
        Ok(_) => Err(importer.problems),
        Err(fault) => {
            importer.problems.push(fault.into());
            Err(importer.problems)
        }
    }
}

/// Checks what stands around the graph; returns the version of ONNX's operators.
fn check_model(model: &ModelProto) -> Result<i64, Fault> {
    let ir = model.ir_version;
    ensure!(ir >= 1, E_MODEL, "ir_version={ir} is none of ONNX's");
    check_newest("ir_version", ir, NEWEST_IR)?;
    ensure!(model.training_info.is_empty(), E_UNSUPPORTED, "training is not supported");
    let mut domains = HashMap::new();
    for import in &model.opset_import {
        let domain = plain_domain(&import.domain);
        let twice = domains.insert(domain, import.version).is_some();
        ensure!(!twice, E_MODEL, "the operator set of domain {} is imported twice", quoted(domain));
    }
    let opset = *domains.get("").ok_or_else(|| fault!(E_MODEL, "no operator set of ONNX is imported"))?;
    ensure!(opset >= 1, E_MODEL, "opset {opset} is none of ONNX's");
    check_newest("opset", opset, NEWEST_OPSET)?;
    Ok(opset)
}

fn check_newest(what: &str, version: i64, newest: i64) -> Result<(), Fault> {
    if version <= newest {
        return Ok(());
    }
    let newer = fault!(E_UNSUPPORTED, "{what} {version} is newer than {newest}, the last one known");
    Err(newer.with_help(format!("export it with {what} {newest} or older")))
}

impl Importer {
    /// Imports the graph; returns the nodes of its outputs.
    fn graph(&mut self, graph: GraphProto, options: &ImportOptions) -> Result<Vec<NodeId>, Fault> {
        if let Some(sparse) = graph.sparse_initializer.first() {
            let name = quoted(sparse.values.as_ref().map_or("", |v| v.name.as_str()));
            fail!(E_UNSUPPORTED, "sparse weights are not supported, the model has {name}");
        }
        if let Some(annotation) = graph.quantization_annotation.first() {
            let name = quoted(&annotation.tensor_name);
            fail!(E_UNSUPPORTED, "quantisation annotations are not supported, the model has one on {name}");
        }
        let weights: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
        // ONNX: before IR 4, weights are listed as inputs too.
        let inputs: Vec<_> = graph.input.iter().filter(|i| !weights.contains(i.name.as_str())).collect();
        let mut declared = Vec::new();
        for input in inputs {
            match Declared::new(input) {
                Ok(input) => declared.push(input),
                Err(fault) => {
                    self.problems.push(fault.inside(format!("input {}", quoted(&input.name))).into());
                    self.define(&input.name, Value::Poisoned)?;
                }
            }
        }
        self.inputs(&declared, options)?;
        let order = order::sorted(&graph.node);
        for weight in graph.initializer {
            self.weight(weight)?;
        }
        if let Some(index) = order.cycle {
            self.fail(fault!(E_MODEL, "the node reads what is computed from it"), index, &graph.node[index]);
        }
        for &index in &order.stuck {
            self.poison(&graph.node[index])?;
        }
        let mut nodes: Vec<Option<NodeProto>> = graph.node.into_iter().map(Some).collect();
        for index in order.sorted {
            if let Some(node) = nodes[index].take() {
                self.node(index, node)?;
            }
        }
        for info in &graph.value_info {
            self.intermediate(info);
        }
        let mut outputs = Vec::with_capacity(graph.output.len());
        for output in &graph.output {
            match self.output(output) {
                Ok(Some(id)) => outputs.push(id),
                Ok(None) => {}
                Err(fault) => self.problems.push(fault.into()),
            }
        }
        ensure!(!graph.output.is_empty(), E_MODEL, "the graph has no outputs");
        Ok(outputs)
    }

    fn inputs(&mut self, declared: &[Declared], options: &ImportOptions) -> Result<(), Fault> {
        let (types, bound) = signature::bind(declared, options)?;
        self.declared_shapes = !bound;
        for (input, ty) in declared.iter().zip(types) {
            let name = &input.name;
            let node = ty.and_then(|ty| match options.freeze.get(name) {
                Some(tensor) => self.builder.constant(name, tensor.clone()),
                None => self.builder.input(name, ty),
            });
            let value = self.value(node, |fault| fault.into());
            self.define(name, value)?;
        }
        Ok(())
    }

    fn weight(&mut self, proto: TensorProto) -> Result<(), Fault> {
        let name = proto.name.clone();
        let tensor = tensor::tensor(proto, self.builder.folder.as_ref());
        let node = tensor.and_then(|tensor| self.builder.constant(&name, tensor));
        let value = self.value(node, |fault| fault.inside(format!("weight {}", quoted(&name))).into());
        self.define(&name, value)
    }

    /// What a name stands for that a node was made for, or could not be.
    fn value(&mut self, node: Result<NodeId, Fault>, place: impl Fn(Fault) -> Diagnostic) -> Value {
        match node {
            Ok(id) => Value::Node(id),
            Err(fault) => {
                self.problems.push(place(fault));
                Value::Poisoned
            }
        }
    }

    fn define(&mut self, name: &str, value: Value) -> Result<(), Fault> {
        ensure!(!name.is_empty(), E_MODEL, "an input or a weight has no name");
        let twice = self.values.insert(name.to_string(), value).is_some();
        ensure!(!twice, E_MODEL, "the name {} is defined twice", quoted(name));
        Ok(())
    }

    /// Imports a node and defines its outputs.
    fn node(&mut self, index: usize, mut node: NodeProto) -> Result<(), Fault> {
        let outcome = match self.import_function(&node) {
            Ok(_) if self.reads_poison(&node) => return self.poison(&node),
            Ok(function) => self.run(function, &mut node),
            Err(fault) => Err(fault),
        };
        let values = match outcome {
            Ok(values) => values,
            Err(fault) => {
                self.fail(fault, index, &node);
                return self.poison(&node);
            }
        };
        for (k, name) in node.output.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            let absent = || format!("output {k} of node {} ({})", place(index, &node), shown(&node.op_type));
            let value = values.get(k).map_or_else(|| Value::Absent(absent()), |&id| Value::Node(id));
            self.define(name, value)?;
        }
        Ok(())
    }

    /// The function that imports nodes of this operator.
    fn import_function(&self, node: &NodeProto) -> Result<fn(&mut Node) -> Outcome, Fault> {
        let domain = plain_domain(&node.domain);
        if self.functions.contains(&(domain.to_string(), node.op_type.clone())) {
            return Err(fault!(E_UNSUPPORTED, "the node calls a function of the model")
                .with_help("onnx.inliner.inline_local_functions puts nodes in place of such calls"));
        }
        let function = match domain {
            "" => ops::function(&node.op_type),
            "com.microsoft" => ops::microsoft_function(&node.op_type),
            _ => None,
        };
        function.ok_or_else(|| fault!(E_UNSUPPORTED, "the operator is not supported"))
    }

    fn run(&mut self, function: fn(&mut Node) -> Outcome, node: &mut NodeProto) -> Outcome {
        let named = node.output.iter().any(|name| !name.is_empty());
        ensure!(named, E_MODEL, "the node has no outputs");
        let operands = node.input.iter().map(|name| self.operand(name)).collect::<Result<_, _>>()?;
        let attributes = Attributes::new(std::mem::take(&mut node.attribute), self.opset)?;
        let mut node = Node {
            builder: &mut self.builder,
            opset: self.opset,
            operands,
            attributes,
            outputs: &node.output,
        };
        let values = function(&mut node)?;
        node.attributes.finish()?;
        Ok(values)
    }

    fn operand(&self, name: &str) -> Result<Option<NodeId>, Fault> {
        match self.values.get(name) {
            _ if name.is_empty() => Ok(None),
            Some(Value::Node(id)) => Ok(Some(*id)),
            Some(Value::Absent(what)) => fail!(E_UNSUPPORTED, "it reads {what}, which is not supported"),
            Some(Value::Poisoned) | None => fail!(E_MODEL, "input {} is defined nowhere", quoted(name)),
        }
    }

    /// Holds what the file says of a value between the nodes against the value.
    fn intermediate(&mut self, info: &ValueInfoProto) {
        let Some(&Value::Node(id)) = self.values.get(&info.name) else { return };
        let part = || format!("value {}", quoted(&info.name));
        let checked = match Declared::new(info) {
            Ok(declared) => declared.check("value", self.builder.module.graph.ty(id), self.declared_shapes),
            // Nothing is said, or nothing that a value here could be.
            Err(fault) if fault.code != E_MODEL || info.type_.is_none() => Ok(()),
            Err(fault) => Err(fault.inside(part())),
        };
        if let Err(fault) = checked {
            let help = "infer the shapes again where the file is made, or leave them out";
            self.problems.push(fault.with_help(help).into());
        }
    }

    /// The node of an output.
    fn output(&mut self, info: &ValueInfoProto) -> Result<Option<NodeId>, Fault> {
        let name = quoted(&info.name);
        let id = match self.values.get(&info.name) {
            Some(Value::Node(id)) => *id,
            Some(Value::Poisoned) => return Ok(None),
            Some(Value::Absent(what)) => {
                fail!(E_UNSUPPORTED, "output {name} is {what}, which is not supported")
            }
            None => fail!(E_MODEL, "output {name} is defined nowhere"),
        };
        let declared = Declared::new(info).map_err(|fault| fault.inside(format!("output {name}")))?;
        declared.check("output", self.builder.module.graph.ty(id), self.declared_shapes)?;
        self.builder.module.output_names.push(info.name.clone());
        Ok(Some(id))
    }

    fn reads_poison(&self, node: &NodeProto) -> bool {
        node.input.iter().any(|name| matches!(self.values.get(name), Some(Value::Poisoned)))
    }

    fn poison(&mut self, node: &NodeProto) -> Result<(), Fault> {
        let mut named = node.output.iter().filter(|name| !name.is_empty());
        named.try_for_each(|name| self.define(name, Value::Poisoned))
    }

    fn fail(&mut self, fault: Fault, index: usize, node: &NodeProto) {
        let op = match plain_domain(&node.domain).is_empty() {
            true => shown(&node.op_type),
            false => format!("{}, domain {}", shown(&node.op_type), shown(&node.domain)),
        };
        self.problems.push(fault.at(place(index, node), op));
    }
}

/// A domain by one name: that of ONNX has two.
fn plain_domain(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}

/// Where a node stands: its index, and its name or that of its first output.
fn place(index: usize, node: &NodeProto) -> String {
    let name = [&node.name].into_iter().chain(&node.output).find(|name| !name.is_empty());
    name.map_or_else(|| index.to_string(), |name| format!("{index} {}", quoted(name)))
}

/// A word of the file, in quotes only where it is no plain word.
fn shown(word: &str) -> String {
    let plain = !word.is_empty() && word.len() <= 80;
    match plain && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')) {
        true => word.to_string(),
        false => quoted(word),
    }
}
