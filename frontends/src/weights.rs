//! Weights from a safetensors file: each real constant of a network gets the tensor of its name.
//!
//!     constant %layer1.0.conv1.weight: f32[64,64,1,1]  <-  tensor "layer1.0.conv1.weight" F32 [64, 64, 1, 1]
//!
//! Tensors of f16, bf16 and f64 are converted. Single numbers of formulas are no weights, and counters of batch norms
//! (`num_batches_tracked`) are read by nobody. Shapes must be equal.
//!
//! Refused, all of it at once: constants without a tensor, tensors without a constant unless those are to be ignored,
//! other shapes, and element types that are not real. After an error the network is as it was.

use crate::onnx::{Diagnostic, E_PARSE, quoted};
use cnnc_ir::{Data, Module, NodeId, Shape, Tensor};
use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The tensors of a file are not the weights of the network.
pub const E_WEIGHTS: &str = "E_WEIGHTS";

/// Gives the constants of a network the tensors of a safetensors file, of which these are the bytes.
///
/// # Errors
/// What is no safetensors file, and each tensor that is missing, that no constant has the name of (unless
/// `ignore_extra`), or that is of another shape or of a type that is not real.
pub fn from_bytes(module: &mut Module, bytes: &[u8], ignore_extra: bool) -> Result<(), Vec<Diagnostic>> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| vec![problem(E_PARSE, format!("this is no safetensors file: {error}"))])?;
    let mut left: BTreeSet<&str> = file.names().into_iter().collect();
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for id in weights(module) {
        let name = module.graph[id].name().as_str();
        left.remove(name);
        match file
            .tensor(name)
            .map_err(|_| "is missing".to_string())
            .and_then(|view| tensor(module, id, &view))
        {
            Ok(tensor) => found.push((id, tensor)),
            Err(what) => {
                let ty = module.graph.ty(id);
                problems.push(problem(E_WEIGHTS, format!("{name:?} {what}, the network has {ty}")));
            }
        }
    }
    let extra = left.into_iter().filter(|name| !name.ends_with(".num_batches_tracked"));
    for name in extra.filter(|_| !ignore_extra) {
        let message = format!("{} is in the file, the network has no such constant", quoted(name));
        let help = Some("leave it out of the file, or skip such tensors: --ignore-extra".into());
        problems.push(Diagnostic { help, ..problem(E_WEIGHTS, message) });
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    for (id, tensor) in found {
        let set = module.set_constant(id, Arc::new(tensor));
        set.map_err(|mismatch| vec![problem(E_WEIGHTS, mismatch.to_string())])?;
    }
    Ok(())
}

/// The constants that a file gives values, in the order of the network.
pub fn weights(module: &Module) -> Vec<NodeId> {
    let is_weight = |&id: &NodeId| {
        let node = &module.graph[id];
        node.is_const() && node.ty().dtype.is_float() && node.ty().rank() > 0
    };
    module.graph.order().iter().copied().filter(is_weight).collect()
}

/// The elements of a tensor as those of a constant; else what is wrong with it.
fn tensor(module: &Module, id: NodeId, view: &TensorView) -> Result<Tensor, String> {
    let ty = module.graph.ty(id);
    if view.shape() != ty.dims() {
        return Err(format!("has the shape {:?}", view.shape()));
    }
    let bytes = view.data();
    let data = match view.dtype() {
        Dtype::F32 => Data::F32(elements(bytes, f32::from_le_bytes)),
        Dtype::F64 => Data::F64(elements(bytes, f64::from_le_bytes)),
        Dtype::F16 => Data::F32(elements(bytes, |b| f16::from_le_bytes(b).to_f32())),
        Dtype::BF16 => Data::F32(elements(bytes, |b| bf16::from_le_bytes(b).to_f32())),
        other => return Err(format!("has elements of type {other:?}")),
    };
    let shape = Shape::new(view.shape()).map_err(|mismatch| mismatch.to_string())?;
    Ok(Tensor::new(shape, data).map_err(|mismatch| mismatch.to_string())?.cast(ty.dtype))
}

/// Elements from little-endian bytes, a whole number of them.
fn elements<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|&bytes| read(bytes)).collect()
}

fn problem(code: &'static str, message: String) -> Diagnostic {
    Diagnostic { code, node: None, op: None, message, help: None }
}
