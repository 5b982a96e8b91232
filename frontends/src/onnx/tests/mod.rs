//! Tests of the importer on models that are built here, node by node.
//!
//!     let model = Model::new(13).input("x", &[2, 3]).node("Relu", &["x"], &["y"], &[]).output("y");
//!     assert_eq!(model.run(&[tensor]), [..]);

mod einsum;
mod elementwise;
mod export;
mod external;
mod faults;
mod folding;
mod forms;
mod halves;
mod signature;
mod windows;

use super::{Diagnostic, ImportOptions, decode, import, tensor_to_pb};
use cnnc_ir::eval::{Precision, evaluate};
use cnnc_ir::{Data, Element, Module, Shape, Tensor, text, verify};
use onnx_protobuf::attribute_proto::AttributeType;
use onnx_protobuf::tensor_shape_proto::{Dimension, dimension};
use onnx_protobuf::{AttributeProto, Message, ModelProto, NodeProto, OperatorSetIdProto, ValueInfoProto};

/// A model under construction.
#[derive(Clone)]
struct Model(ModelProto);

/// An attribute by name.
type Attribute<'a> = (&'a str, Value<'a>);

/// The value of an attribute.
#[derive(Clone)]
enum Value<'a> {
    Int(i64),
    Ints(&'a [i64]),
    Float(f32),
    Floats(&'a [f32]),
    Text(&'a str),
    Tensor(Tensor),
}

/// A dimension of an input.
enum Dim<'a> {
    Is(i64),
    Named(&'a str),
    Open,
}

impl Model {
    /// A model without nodes, for that version of ONNX's operators.
    fn new(opset: i64) -> Model {
        let import = OperatorSetIdProto { version: opset, ..Default::default() };
        let mut model = ModelProto { ir_version: 8, opset_import: vec![import], ..Default::default() };
        model.graph.mut_or_insert_default().name = "test".into();
        Model(model)
    }

    /// Adds an f32 input.
    fn input(self, name: &str, dims: &[i64]) -> Model {
        self.input_of(name, dims.iter().map(|&d| Dim::Is(d)).collect())
    }

    /// Adds an f32 input with symbolic dimensions.
    fn input_of(mut self, name: &str, dims: Vec<Dim>) -> Model {
        let info = value_info(name, 1, Some(dims));
        self.0.graph.mut_or_insert_default().input.push(info);
        self
    }

    /// Adds a weight.
    fn weight(mut self, name: &str, tensor: Tensor) -> Model {
        let proto = decode::tensor(&tensor_to_pb(name, &tensor)).expect("a tensor");
        self.0.graph.mut_or_insert_default().initializer.push(proto);
        self
    }

    /// Adds a node.
    fn node(mut self, op_type: &str, input: &[&str], output: &[&str], attributes: &[Attribute]) -> Model {
        let owned = |names: &[&str]| names.iter().map(|n| n.to_string()).collect();
        let node = NodeProto {
            op_type: op_type.into(),
            input: owned(input),
            output: owned(output),
            attribute: attributes.iter().map(attribute).collect(),
            ..Default::default()
        };
        self.0.graph.mut_or_insert_default().node.push(node);
        self
    }

    /// Adds an f32 output of open rank.
    fn output(mut self, name: &str) -> Model {
        self.0.graph.mut_or_insert_default().output.push(value_info(name, 1, None));
        self
    }

    /// The file.
    fn bytes(&self) -> Vec<u8> {
        self.0.write_to_bytes().expect("a message")
    }

    fn import_with(&self, options: &ImportOptions) -> Result<Module, Vec<Diagnostic>> {
        let module = import(&self.bytes(), options)?;
        verify::verify(&module).expect("a valid module");
        Ok(module)
    }

    fn import(&self) -> Module {
        self.import_with(&ImportOptions::default()).expect("a model that is accepted")
    }

    /// The problems of a model that is refused, one line each.
    fn problems(&self) -> Vec<String> {
        let problems = self.import_with(&ImportOptions::default()).expect_err("a model that is refused");
        problems.iter().map(ToString::to_string).collect()
    }

    /// The graph in the text form.
    fn text(&self) -> String {
        text::print(&self.import())
    }

    /// The results for these inputs.
    fn run(&self, inputs: &[Tensor]) -> Vec<Tensor> {
        evaluate(&self.import(), inputs, Precision::F32).expect("a result")
    }

    /// The extents and elements of the only result.
    fn result(&self, inputs: &[Tensor]) -> (Vec<usize>, Vec<f64>) {
        let results = self.run(inputs);
        let [result] = &results[..] else { panic!("{} results", results.len()) };
        (result.shape().dims().to_vec(), result.data().to_f64())
    }
}

fn value_info(name: &str, elem_type: i32, dims: Option<Vec<Dim>>) -> ValueInfoProto {
    let mut info = ValueInfoProto { name: name.into(), ..Default::default() };
    let tensor = info.type_.mut_or_insert_default().mut_tensor_type();
    tensor.elem_type = elem_type;
    if let Some(dims) = dims {
        let value = |dim: Dim| match dim {
            Dim::Is(n) => Some(dimension::Value::DimValue(n)),
            Dim::Named(name) => Some(dimension::Value::DimParam(name.into())),
            Dim::Open => None,
        };
        let dims = dims.into_iter().map(|d| Dimension { value: value(d), ..Default::default() });
        tensor.shape.mut_or_insert_default().dim = dims.collect();
    }
    info
}

fn attribute((name, value): &Attribute) -> AttributeProto {
    let mut proto = AttributeProto { name: name.to_string(), ..Default::default() };
    let ty = match value {
        Value::Int(i) => {
            proto.i = *i;
            AttributeType::INT
        }
        Value::Ints(ints) => {
            proto.ints = ints.to_vec();
            AttributeType::INTS
        }
        Value::Float(f) => {
            proto.f = *f;
            AttributeType::FLOAT
        }
        Value::Floats(floats) => {
            proto.floats = floats.to_vec();
            AttributeType::FLOATS
        }
        Value::Text(text) => {
            proto.s = text.as_bytes().to_vec();
            AttributeType::STRING
        }
        Value::Tensor(tensor) => {
            proto.t = Some(decode::tensor(&tensor_to_pb("", tensor)).expect("a tensor")).into();
            AttributeType::TENSOR
        }
    };
    proto.type_ = ty.into();
    proto
}

/// A tensor of these extents.
fn tensor<T: Element>(dims: &[usize], elements: &[T]) -> Tensor {
    Tensor::new(Shape::new(dims).expect("a shape"), T::wrap(elements.to_vec())).expect("a tensor")
}

/// A list of integers.
fn ints(elements: &[i64]) -> Tensor {
    tensor(&[elements.len()], elements)
}

/// A tensor of these extents that counts up from 1.
fn counting(dims: &[usize]) -> Tensor {
    let elements = (1..=dims.iter().product()).map(|n: usize| n as f32).collect();
    Tensor::new(Shape::new(dims).expect("a shape"), Data::F32(elements)).expect("a tensor")
}
