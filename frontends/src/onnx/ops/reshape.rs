//! `Reshape`, opset 1, 5, 13 to 25, `Flatten`, `Squeeze` and `Unsqueeze`: the same elements in another shape.
//!
//!     Reshape(data, shape, allowzero=0)   0 keeps an extent, -1 is what remains; an attribute before opset 5
//!     Flatten(input, axis=1)              the dimensions before the axis, and the others
//!     Squeeze(data, axes=all of 1)        axes are an attribute before opset 13; an empty list keeps all dimensions
//!     Unsqueeze(data, axes)

use crate::onnx::attributes::required;
use crate::onnx::diagnostic::{Fault, ensure, fail, fault};
use crate::onnx::node::{self, Node, Outcome, axes, axis};
use cnnc_ir::ops::Reshape;
use cnnc_ir::{Shape, Type};

pub(super) fn reshape(node: &mut Node) -> Outcome {
    let ([x], [shape]) = node.inputs(["data"], ["shape"])?;
    let shape = required("shape", node.list_since(5, "shape", shape)?)?;
    let allow_zero = node.attributes.flag("allowzero")?.unwrap_or(false);
    let shape = resolved(&shape, allow_zero, &node.ty(x))?;
    node.result(Reshape { shape }, &[x])
}

pub(super) fn flatten(node: &mut Node) -> Outcome {
    let ([x], []) = node.inputs(["input"], [])?;
    let ty = node.ty(x);
    let given = node.attributes.int("axis")?.unwrap_or(1);
    // An axis of the rank itself is legal: all dimensions stand before it.
    let d = if given == ty.rank() as i64 { ty.rank() } else { axis("axis", given, ty.rank())? };
    let (rows, columns) = ty.dims().split_at(d);
    node.result(node::reshape(&[rows.iter().product(), columns.iter().product()]), &[x])
}

pub(super) fn squeeze(node: &mut Node) -> Outcome {
    let ([x], [input]) = node.inputs(["data"], ["axes"])?;
    let ty = node.ty(x);
    let gone = match node.list_since(13, "axes", input)? {
        Some(given) => axes("axes", &given, ty.rank())?,
        None => (0..ty.rank()).filter(|&d| ty.dims()[d] == 1).collect(),
    };
    let legal = gone.iter().all(|&d| ty.dims()[d] == 1);
    ensure!(legal, E_MODEL, "axes={gone:?} of {ty} do not all have one element");
    let kept: Vec<usize> = (0..ty.rank()).filter(|d| !gone.contains(d)).map(|d| ty.dims()[d]).collect();
    node.result(node::reshape(&kept), &[x])
}

pub(super) fn unsqueeze(node: &mut Node) -> Outcome {
    let ([x], [input]) = node.inputs(["data"], ["axes"])?;
    let ty = node.ty(x);
    let given = required("axes", node.list_since(13, "axes", input)?)?;
    let rank = ty.rank() + given.len();
    if rank > Shape::MAX_RANK {
        let most = Shape::MAX_RANK;
        return Err(fault!(E_LIMIT, "{rank} dimensions, at most {most} are supported")
            .with_help("use fewer dimensions"));
    }
    let new = axes("axes", &given, rank)?;
    let mut old = ty.dims().iter();
    let extent = |d: usize| if new.contains(&d) { Some(1) } else { old.next().copied() };
    let dims: Option<Vec<usize>> = (0..rank).map(extent).collect();
    let dims = dims.ok_or_else(|| fault!(E_MODEL, "axes={given:?} do not fit {ty}"))?;
    node.result(node::reshape(&dims), &[x])
}

/// The shape that a `Reshape` of x asks for.
fn resolved(shape: &[i64], allow_zero: bool, x: &Type) -> Result<Vec<i64>, Fault> {
    let mut dims = shape.to_vec();
    let mut open = None;
    for (d, dim) in dims.iter_mut().enumerate() {
        match *dim {
            0 if !allow_zero => {
                let kept = x.dims().get(d);
                let kept =
                    kept.ok_or_else(|| fault!(E_MODEL, "shape={shape:?} keeps dimension {d}, x is {x}"))?;
                *dim = *kept as i64;
            }
            -1 if open.is_some() => fail!(E_MODEL, "shape={shape:?} leaves two dimensions open"),
            -1 => open = Some(d),
            ..0 => fail!(E_MODEL, "shape={shape:?} has a negative dimension"),
            _ => {}
        }
    }
    if let Some(open) = open {
        let others = dims.iter().enumerate().filter(|(d, _)| *d != open);
        let product = others.into_iter().try_fold(1i64, |product, (_, &n)| product.checked_mul(n));
        let elements = x.elements() as i64;
        dims[open] = match product {
            Some(product @ 1..) if elements % product == 0 => elements / product,
            _ => fail!(E_MODEL, "shape={shape:?} does not divide the {elements} elements of x {x}"),
        };
    }
    Ok(dims)
}
