//! The operators: a closed set, one row in the table below and one file each; close kin share both.
//!
//! A file holds what an operator means: its formula, attributes, shape inference, reference evaluation and
//! cost. How a file format spells it (frontends) and how it becomes code (codegen) stand in files of the same
//! name there.

use crate::attrs::Attrs;
use crate::error::mismatch;
use crate::{DType, Mismatch, Tensor, Type};

/// What computing a node costs, whatever the algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Multiply-adds of convolutions and matrix products, taps on padding included.
    pub macs: u64,
    /// Other arithmetic, one for each element and step of its formula; nothing for moving elements.
    pub flops: u64,
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Cost>>(costs: I) -> Cost {
        costs.fold(Cost::default(), |a, b| Cost {
            macs: a.macs.saturating_add(b.macs),
            flops: a.flops.saturating_add(b.flops),
        })
    }
}

/// What each operator defines.
pub trait Operator: Clone + PartialEq + std::fmt::Debug {
    /// Its word in the text form.
    const NAME: &'static str;
    /// The least and the most operands.
    const ARITY: (usize, usize);
    /// Whether each element of the result depends on the elements at the same place alone: such an operator
    /// can be a stage of a pipe.
    const ELEMENTWISE: bool = false;

    /// Visits the attributes in the order in which they are printed.
    fn attrs(&mut self, _attrs: &mut dyn Attrs) {}

    /// The type of the result. The count of operands has been checked.
    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch>;

    /// The result, computed by plain loops. The types have been checked; reals are f32 or, when the evaluator
    /// runs in double precision, f64 throughout, in `result` too. f16 comes to casts alone, others see f32.
    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor;

    /// What that costs.
    fn cost(&self, _operands: &[&Type], result: &Type) -> Cost {
        Cost { macs: 0, flops: result.elements() as u64 }
    }
}

/// The dimension of a value that an attribute names, counted from 0; `rule` is the constraint that asks for
/// it.
fn dimension(rule: &str, axis: i64, x: &Type) -> Result<usize, Mismatch> {
    match usize::try_from(axis) {
        Ok(d) if d < x.rank() => Ok(d),
        _ => mismatch!("{rule}: axis {axis} is none of the {} dimensions of {x}, counted from 0", x.rank()),
    }
}

macro_rules! operators {
    ($($file:ident $($op:ident)+,)*) => {
        $(pub mod $file; pub use $file::{$($op),+};)*
        operators!(@ $($($op)+)*);
    };
    (@ $($op:ident)*) => {
        /// Every operator.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Op { $(#[doc = concat!("See [`", stringify!($op), "`].")] $op($op)),* }

        $(impl From<$op> for Op {
            fn from(op: $op) -> Op {
                Op::$op(op)
            }
        })*

        impl Op {
            /// The words of all operators, in the order of the table.
            pub const NAMES: &'static [&'static str] = &[$($op::NAME),*];

            /// The operator of that word, with default attributes.
            pub fn from_name(name: &str) -> Option<Op> {
                $(if name == $op::NAME {
                    return Some(Op::$op($op::default()));
                })*
                None
            }

            /// Its word in the text form.
            pub fn name(&self) -> &'static str {
                match self { $(Op::$op(_) => $op::NAME),* }
            }

            /// The least and the most operands.
            pub fn arity(&self) -> (usize, usize) {
                match self { $(Op::$op(_) => $op::ARITY),* }
            }

            /// Whether it can be a stage of a pipe.
            pub fn is_elementwise(&self) -> bool {
                match self { $(Op::$op(_) => $op::ELEMENTWISE),* }
            }

            /// Visits the attributes in the order in which they are printed.
            pub fn attrs(&mut self, attrs: &mut dyn Attrs) {
                match self { $(Op::$op(op) => op.attrs(attrs)),* }
            }

            /// The type of the result.
            pub fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
                match self { $(Op::$op(op) => op.infer(operands)),* }
            }

            fn eval_wide(&self, operands: &[&Tensor], result: &Type) -> Tensor {
                match self { $(Op::$op(op) => op.eval(operands, result)),* }
            }

            /// What that costs.
            pub fn cost(&self, operands: &[&Type], result: &Type) -> Cost {
                match self { $(Op::$op(op) => op.cost(operands, result)),* }
            }
        }
    };
}

impl Op {
    /// The result, computed by plain loops. Of f16 it is computed in f32, and rounded to nearest even.
    pub fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let is_half = |dtype| dtype == DType::F16;
        let half = is_half(result.dtype) || operands.iter().any(|x| is_half(x.data().dtype()));
        // A cast knows both its types: a step between them would round twice.
        if !half || matches!(self, Op::Cast(_)) {
            return self.eval_wide(operands, result);
        }
        let wide = |dtype| if is_half(dtype) { DType::F32 } else { dtype };
        let operands: Vec<Tensor> = operands.iter().map(|x| x.cast(wide(x.data().dtype()))).collect();
        let operands: Vec<&Tensor> = operands.iter().collect();
        self.eval_wide(&operands, &result.with_dtype(wide(result.dtype))).cast(result.dtype)
    }
}

operators! {
    input Input,
    constant Const,
    conv Conv,
    conv_transpose ConvTranspose,
    gemm Gemm,
    matmul Matmul,
    add Add,
    sub Sub,
    mul Mul,
    div Div,
    max Max,
    min Min,
    relu Relu,
    clip Clip,
    leaky_relu LeakyRelu,
    sigmoid Sigmoid,
    tanh Tanh,
    elu Elu,
    exp Exp,
    sqrt Sqrt,
    rsqrt Rsqrt,
    log Log,
    erf Erf,
    softplus Softplus,
    prelu Prelu,
    trigonometry Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh,
    rounding Floor Ceil Round,
    sign Abs Neg Sign,
    pow Pow,
    modulo Modulo,
    comparison Equal Less LessEqual,
    logic And Or Xor Not,
    shift Shift,
    select Select,
    classification IsNan IsInf,
    batch_norm BatchNorm,
    lrn Lrn,
    softmax Softmax,
    max_pool MaxPool,
    arg_max_pool ArgMaxPool,
    avg_pool AvgPool,
    reduce ReduceSum ReduceSumSquare ReduceMean ReduceProd ReduceMax ReduceMin,
    arg_max ArgMax,
    top_k TopK,
    cum_sum CumSum,
    concat Concat,
    slice Slice,
    padding Padding,
    reshape Reshape,
    transpose Transpose,
    expand Expand,
    gather Gather,
    gather_elements GatherElements,
    gather_nd GatherNd,
    scatter ScatterElements ScatterNd,
    cast Cast,
    quantize Quantize,
    dequantize Dequantize,
    requantize Requantize,
    conv_integer ConvInteger,
    matmul_integer MatmulInteger,
    resize Resize,
    grid_sample GridSample,
    depth_to_space DepthToSpace,
    identity Identity,
    dropout Dropout,
}

pub use constant::Init;
pub use conv_transpose::Spread;
pub use depth_to_space::DepthMode;
pub use grid_sample::Beyond;
pub use resize::{Coordinate, NearestMode, ResizeMode, Taps};
pub use scatter::Reduction;
pub use window::{Sliding, Window};
mod elementwise;
mod index;
mod lines;
mod product;
mod quantum;
mod view;
mod window;
