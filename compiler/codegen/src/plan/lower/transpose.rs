//! `transpose`: extents in another order, element by element.

use super::strided::{self, Dim};
use crate::plan::{Layout, Place, Planner, Space, at};
use cnnc_ir::NodeId;
use cnnc_ir::ops::Transpose;

/// Lowers a transpose and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, transpose: &Transpose) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let operand = expr.operands[0];
    let from = p.plain(operand)?;
    let to = p.result(id, Layout::Plain);
    let source = p.ty(operand).shape.strides();
    let result = p.ty(id).shape.strides();
    let dims: Vec<Dim> = transpose
        .perm
        .iter()
        .enumerate()
        .map(|(d, &axis)| Dim {
            extent: p.ty(id).dims()[d],
            from: source[axis as usize] as i64,
            to: result[d] as i64,
        })
        .collect();
    let calls = strided::calls(p, p.ty(id).dtype, from, to.place, &dims);
    p.step(&p.name(id), "transpose", "strided copy".into(), calls, 0);
    super::finish(p, id, to, expr.stages)
}

/// The transposed copy of a matrix that lies at `place`.
pub(super) fn matrix(p: &mut Planner, id: NodeId, place: Place) -> Result<Place, String> {
    let [rows, columns] = *p.ty(id).dims() else {
        return Err(format!("{} is no matrix", p.ty(id)));
    };
    let name = format!("{}.transposed", p.name(id));
    let ty = p.ty(id).with_dims([columns, rows]).map_err(|m| m.0)?;
    let to = at(p.buffer(&name, &ty, Layout::Plain, Space::Arena));
    let dims = [
        Dim { extent: columns, from: 1, to: rows as i64 },
        Dim { extent: rows, from: columns as i64, to: 1 },
    ];
    let calls = strided::calls(p, ty.dtype, place, to, &dims);
    p.step(&name, "transpose", "strided copy".into(), calls, 0);
    Ok(to)
}
