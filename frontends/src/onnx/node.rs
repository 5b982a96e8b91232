//! One ONNX node while it is imported: what the functions in [`ops`](super::ops) see.
//!
//! Operands are asked for by the names of the ONNX specification, attributes by name and type, and results
//! are added under the names of the node's outputs, so that values keep their names.

use super::attributes::{Attributes, required};
use super::builder::Builder;
use super::diagnostic::{Fault, ensure, fail, fault};
use super::external::Folder;
use super::tensor;
use cnnc_ir::ops::{Cast, Op, Reshape};
use cnnc_ir::{DType, Data, NodeId, Tensor, Type};
use onnx_protobuf::TensorProto;
use std::sync::Arc;

/// The values of a node's outputs, the first ones at least.
pub(super) type Outcome = Result<Vec<NodeId>, Fault>;

/// One ONNX node.
pub(super) struct Node<'a> {
    pub(super) builder: &'a mut Builder,
    /// The version of ONNX's operators that the file asks for.
    pub(super) opset: i64,
    /// The operands, `None` where an optional one is left out.
    pub(super) operands: Vec<Option<NodeId>>,
    /// The attributes that have not been taken.
    pub(super) attributes: Attributes,
    /// The names of the outputs, empty where nobody wants one.
    pub(super) outputs: &'a [String],
}

impl Node<'_> {
    // ---- operands

    /// The operands of an operator that has inputs of these names, the second ones optional.
    pub(super) fn inputs<const N: usize, const M: usize>(
        &self,
        needed: [&str; N],
        optional: [&str; M],
    ) -> Result<([NodeId; N], [Option<NodeId>; M]), Fault> {
        let given = self.operands.len();
        if given > N + M {
            let names = [&needed[..], &optional[..]].concat().join(", ");
            fail!(E_MODEL, "{given} inputs are given, there are only {names}");
        }
        let operand = |k: usize| self.operands.get(k).copied().flatten();
        let mut all = Vec::with_capacity(N);
        for (k, name) in needed.iter().enumerate() {
            all.push(required(&format!("input {name}"), operand(k))?);
        }
        // `all` holds N operands, one for each name.
        let all = all.try_into().map_err(|_| fault!(E_MODEL, "inputs are missing"))?;
        Ok((all, std::array::from_fn(|k| operand(N + k))))
    }

    /// The operands of an operator that takes one or more of a kind.
    pub(super) fn variadic(&self) -> Result<Vec<NodeId>, Fault> {
        let operands: Option<Vec<NodeId>> = self.operands.iter().copied().collect();
        match operands {
            Some(operands) if !operands.is_empty() => Ok(operands),
            _ => fail!(E_MODEL, "inputs are missing"),
        }
    }

    /// The type of a value.
    pub(super) fn ty(&self, id: NodeId) -> Type {
        self.builder.module.graph.ty(id).clone()
    }

    // ---- constants

    /// The elements of an operand that must be known now.
    pub(super) fn constant(&mut self, name: &str, id: NodeId) -> Result<Arc<Tensor>, Fault> {
        self.builder.value(id)?.ok_or_else(|| {
            fault!(E_UNSUPPORTED, "input {name} is computed at run time, it must be a constant")
                .with_help("fix the shapes of the inputs, or make the input it comes from an initializer")
        })
    }

    /// The integers of an operand that must be known now.
    pub(super) fn ints(&mut self, name: &str, id: NodeId) -> Result<Vec<i64>, Fault> {
        let tensor = self.constant(name, id)?;
        ensure!(tensor.shape().rank() <= 1, E_MODEL, "input {name} is {}, it must be a list", tensor.ty());
        match tensor.data() {
            Data::I64(x) => Ok(x.clone()),
            Data::I32(x) => Ok(x.iter().map(|&e| e.into()).collect()),
            _ => fail!(E_MODEL, "input {name} is {}, its elements must be integers", tensor.ty()),
        }
    }

    /// The one element of an operand that must be known now.
    pub(super) fn scalar(&mut self, name: &str, id: NodeId) -> Result<f64, Fault> {
        let tensor = self.constant(name, id)?;
        match tensor.data().to_f64()[..] {
            [x] => Ok(x),
            _ => fail!(E_MODEL, "input {name} is {}, it must be one number", tensor.ty()),
        }
    }

    /// A list that is an attribute before operator set `since`, and from then on the input of the same name.
    pub(super) fn list_since(
        &mut self,
        since: i64,
        name: &str,
        input: Option<NodeId>,
    ) -> Result<Option<Vec<i64>>, Fault> {
        match input {
            _ if self.opset >= since => input.map(|id| self.ints(name, id)).transpose(),
            None => self.attributes.ints(name),
            Some(_) => fail!(E_MODEL, "{name} is an input from opset {since} on, this is {}", self.opset),
        }
    }

    /// A tensor that stands in an attribute.
    pub(super) fn tensor(&self, proto: TensorProto) -> Result<Tensor, Fault> {
        tensor::tensor(proto, self.folder())
    }

    fn folder(&self) -> Option<&Folder> {
        self.builder.folder.as_ref()
    }

    // ---- results

    /// The name of the first output that has one.
    pub(super) fn name(&self) -> &str {
        self.outputs.iter().find(|name| !name.is_empty()).map_or("value", |name| name)
    }

    /// Adds the node that computes the only output.
    pub(super) fn result(&mut self, op: impl Into<Op>, operands: &[NodeId]) -> Outcome {
        let name = self.name().to_string();
        Ok(vec![self.builder.add(&name, op.into(), operands)?])
    }

    /// Makes a node that was added on the way the one that computes the only output.
    pub(super) fn named(&mut self, id: NodeId) -> Outcome {
        let name = self.name().to_string();
        self.builder.rename(id, &name)?;
        Ok(vec![id])
    }

    /// Adds a node on the way to the output, named after it.
    pub(super) fn step(
        &mut self,
        suffix: &str,
        op: impl Into<Op>,
        operands: &[NodeId],
    ) -> Result<NodeId, Fault> {
        let name = format!("{}.{suffix}", self.name());
        self.builder.add(&name, op.into(), operands)
    }

    /// Adds a value in another shape on the way to the output.
    pub(super) fn reshaped(&mut self, suffix: &str, x: NodeId, dims: &[usize]) -> Result<NodeId, Fault> {
        self.step(suffix, reshape(dims), &[x])
    }

    /// Adds a value in that element type on the way to the output, unless it is of that type.
    pub(super) fn cast(&mut self, suffix: &str, x: NodeId, to: DType) -> Result<NodeId, Fault> {
        match self.ty(x).dtype == to {
            true => Ok(x),
            false => self.step(suffix, Cast { to }, &[x]),
        }
    }

    /// A value in the type in which sums of it are stored on the way: f32 of f16, which ends at 65504.
    pub(super) fn wide(&mut self, x: NodeId) -> Result<NodeId, Fault> {
        match self.ty(x).dtype {
            DType::F16 => self.cast("wide", x, DType::F32),
            _ => Ok(x),
        }
    }

    /// A value as reals: f64 of integers, otherwise the [`wide`](Node::wide) one.
    pub(super) fn real(&mut self, x: NodeId) -> Result<NodeId, Fault> {
        match self.ty(x).dtype.is_float() {
            true => self.wide(x),
            false => self.cast("real", x, DType::F64),
        }
    }

    /// Makes a value that was computed on the way the only output, in that element type.
    pub(super) fn narrowed(&mut self, x: NodeId, to: DType) -> Outcome {
        let narrow = self.cast("narrow", x, to)?;
        self.named(narrow)
    }

    /// Adds a tensor that is known now on the way to the output.
    pub(super) fn known(&mut self, suffix: &str, tensor: Tensor) -> Result<NodeId, Fault> {
        let name = format!("{}.{suffix}", self.name());
        self.builder.spend(tensor.ty().bytes())?;
        self.builder.constant(&name, tensor)
    }

    /// Adds a number on the way to the output, to compute with values of that type.
    pub(super) fn number(
        &mut self,
        suffix: &str,
        like: &Type,
        value: impl Into<f64>,
    ) -> Result<NodeId, Fault> {
        let name = format!("{}.{suffix}", self.name());
        self.builder.splat(&name, Type::new(like.dtype, [])?, value.into())
    }
}

/// The operator that gives a value this shape.
pub(super) fn reshape(dims: &[usize]) -> Reshape {
    Reshape { shape: dims.iter().map(|&d| d as i64).collect() }
}

/// An axis that may count from the end, as one that counts from 0; `rank` is how many there are.
pub(super) fn axis(name: &str, axis: i64, rank: usize) -> Result<usize, Fault> {
    let from_start = if axis < 0 { axis + rank as i64 } else { axis };
    match usize::try_from(from_start) {
        Ok(d) if d < rank => Ok(d),
        _ => fail!(E_MODEL, "{name}={axis} is out of range: the value has {rank} dimensions"),
    }
}

/// Axes that may count from the end, as ones that count from 0, each there once.
pub(super) fn axes(name: &str, given: &[i64], rank: usize) -> Result<Vec<usize>, Fault> {
    let mut axes = Vec::with_capacity(given.len().min(rank));
    for &one in given {
        let d = axis(name, one, rank)?;
        ensure!(!axes.contains(&d), E_MODEL, "{name} has {one} twice");
        axes.push(d);
    }
    Ok(axes)
}
