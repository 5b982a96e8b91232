//! flush-denormals: denormal elements of f32 weights become zeros of their sign.
//!
//!     %w: f32[2,1,1,1] = const [1e-40,1]   =>   %w: f32[2,1,1,1] = const [0,1]
//!     %y = conv %x, %w                          %y = conv %x, %w
//!
//! Arithmetic on them is up to a hundred times slower on many processors, and in a sum of products they add nothing
//! that survives rounding. Elsewhere they may be what keeps a logarithm or a quotient away from 0, as in
//! `log(x + 1e-38)`: flushed are constants that nothing reads but as a factor of conv, conv_transpose, gemm and matmul.
//! The report counts them.

use crate::{Edits, Patch, Rule};
use cnnc_ir::ops::{Const, Init};
use cnnc_ir::{DType, Expr, Graph, Module, NodeId, Op, Tensor};

pub(crate) const RULE: Rule = Rule::Graph(rule);

fn rule(module: &Module) -> Edits {
    let mut edits = Edits::default();
    let mut count = 0;
    for &id in module.graph.order() {
        if let Op::Const(constant) = module.graph[id].op()
            && constant.ty.dtype == DType::F32
            && is_weight(&module.graph, id)
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

/// Whether all that reads a value multiplies it and sums the products.
fn is_weight(graph: &Graph, id: NodeId) -> bool {
    let multiplies = |reader: NodeId| match graph[reader].op() {
        Op::Conv(_) | Op::ConvTranspose(_) | Op::Gemm(_) | Op::Matmul(_) => {
            !graph.operands(reader)[2..].contains(&id)
        }
        _ => false,
    };
    !graph.is_output(id) && graph.readers(id).all(multiplies)
}

/// The constant without denormals, and how many there were; `None` if there are none.
fn flushed(module: &Module, id: NodeId, constant: &Const) -> Option<(Patch, usize)> {
    if let Init::Splat(x) = constant.init {
        let zero = Const { ty: constant.ty.clone(), init: Init::Splat(0f64.copysign(x)) };
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
