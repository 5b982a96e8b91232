//! flush-denormals: denormal elements of f32 constants become zeros of their sign.
//!
//!     %w: f32[2] = const [1e-40,1]   =>   %w: f32[2] = const [0,1]
//!
//! Arithmetic on them is up to a hundred times slower on many processors and they add nothing that survives
//! rounding. The report counts them.

use crate::{Edits, Patch, Rule};
use cnnc_ir::ops::{Const, Init};
use cnnc_ir::{DType, Expr, Module, NodeId, Op, Tensor};

pub(crate) const RULE: Rule = Rule::Graph(rule);

fn rule(module: &Module) -> Edits {
    let mut edits = Edits::default();
    let mut count = 0;
    for &id in module.graph.order() {
        if let Op::Const(constant) = module.graph[id].op()
            && constant.ty.dtype == DType::F32
            && let Some((patch, denormals)) = flushed(module, id, constant)
        {
            count += denormals;
            edits.patches.push((id, patch));
        }
    }
    if count > 0 {
        let constants = edits.patches.len();
        edits.note = Some(format!("{count} denormal elements of {constants} constants became 0"));
    }
    edits
}

/// The constant without denormals, and how many there were; `None` if there are none.
fn flushed(module: &Module, id: NodeId, constant: &Const) -> Option<(Patch, usize)> {
    if let Init::Splat(x) = constant.init {
        let zero = Const { ty: constant.ty.clone(), init: Init::Splat(0.0) };
        let patch = || (Patch::becomes(Expr::new(zero, vec![])), constant.ty.elements());
        return (x as f32).is_subnormal().then(patch);
    }
    let tensor = module.value(id)?.ok()?;
    let elements = tensor.slice::<f32>();
    let denormals = elements.iter().filter(|x| x.is_subnormal()).count();
    let flush = |&x: &f32| if x.is_subnormal() { 0f32.copysign(x) } else { x };
    (denormals > 0).then(|| {
        (Patch::constant(Tensor::of(tensor.shape(), elements.iter().map(flush).collect())), denormals)
    })
}
