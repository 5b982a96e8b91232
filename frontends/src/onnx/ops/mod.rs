//! The operators of ONNX: one function each, by name in the table below, in files named after the operators
//! of the IR that they become.
//!
//! A function takes a [`Node`] of any operator set and returns the values of its outputs; those it leaves out
//! are not computed, which matters only to who reads them.

mod activation;
mod arg_max;
mod arithmetic;
mod batch_norm;
mod cast;
mod clip;
mod concat;
mod constant;
mod conv;
mod cum_sum;
mod depth_to_space;
mod einsum;
mod elementwise;
mod expand;
mod gather;
mod gemm;
mod grid_sample;
mod identity;
mod lp;
mod lrn;
mod mask;
mod matmul;
mod max_unpool;
mod normalization;
mod padding;
mod pool;
mod qlinear;
mod quantize;
mod reduce;
mod refused;
mod reshape;
mod resize;
mod scatter;
mod slice;
mod softmax;
mod top_k;
mod transpose;
mod volume;
mod window;

use super::node::{Node, Outcome};
use cnnc_ir::ops as ir;
use elementwise::{binary, chain, exchanged, unary};

/// The function that imports nodes of this ONNX operator.
pub(super) fn function(op_type: &str) -> Option<fn(&mut Node) -> Outcome> {
    Some(match op_type {
        "Abs" => |node| unary(node, ir::Abs),
        "Acos" => |node| unary(node, ir::Acos),
        "Acosh" => |node| unary(node, ir::Acosh),
        "Add" => |node| binary(node, ir::Add),
        "AffineGrid" => grid_sample::affine_grid,
        "And" => |node| binary(node, ir::And),
        "ArgMax" => arg_max::arg_max,
        "ArgMin" => arg_max::arg_min,
        "Asin" => |node| unary(node, ir::Asin),
        "Asinh" => |node| unary(node, ir::Asinh),
        "Atan" => |node| unary(node, ir::Atan),
        "Atanh" => |node| unary(node, ir::Atanh),
        "AveragePool" => pool::average_pool,
        "BatchNormalization" => batch_norm::batch_normalization,
        "BitShift" => elementwise::bit_shift,
        "BitwiseAnd" => |node| binary(node, ir::And),
        "BitwiseNot" => |node| unary(node, ir::Not),
        "BitwiseOr" => |node| binary(node, ir::Or),
        "BitwiseXor" => |node| binary(node, ir::Xor),
        "Cast" => cast::cast,
        "CastLike" => cast::cast_like,
        "Ceil" => |node| unary(node, ir::Ceil),
        "Celu" => activation::celu,
        "CenterCropPad" => padding::center_crop_pad,
        "Clip" => clip::clip,
        "Compress" => gather::compress,
        "Concat" => concat::concat,
        "Constant" => constant::constant,
        "ConstantOfShape" => constant::constant_of_shape,
        "Conv" => conv::conv,
        "ConvInteger" => qlinear::conv_integer,
        "ConvTranspose" => conv::conv_transpose,
        "Cos" => |node| unary(node, ir::Cos),
        "Cosh" => |node| unary(node, ir::Cosh),
        "CumSum" => cum_sum::cum_sum,
        "DepthToSpace" => depth_to_space::depth_to_space,
        "DequantizeLinear" => quantize::dequantize_linear,
        "Div" => elementwise::div,
        "Dropout" => identity::dropout,
        "DynamicQuantizeLinear" => quantize::dynamic_quantize_linear,
        "Einsum" => einsum::einsum,
        "Elu" => activation::elu,
        "Equal" => |node| binary(node, ir::Equal),
        "Erf" => |node| unary(node, ir::Erf),
        "Exp" => |node| unary(node, ir::Exp),
        "Expand" => expand::expand,
        "EyeLike" => constant::eye_like,
        "Flatten" => reshape::flatten,
        "Floor" => |node| unary(node, ir::Floor),
        "Gather" => gather::gather,
        "GatherElements" => gather::gather_elements,
        "GatherND" => gather::gather_nd,
        "Gelu" => activation::gelu,
        "Gemm" => gemm::gemm,
        "GlobalAveragePool" => reduce::global_average_pool,
        "GlobalLpPool" => lp::global_lp_pool,
        "GlobalMaxPool" => reduce::global_max_pool,
        "Greater" => |node| exchanged(node, ir::Less),
        "GreaterOrEqual" => |node| exchanged(node, ir::LessEqual),
        "GridSample" => grid_sample::grid_sample,
        "GroupNormalization" => normalization::group_normalization,
        "HardSigmoid" => activation::hard_sigmoid,
        "HardSwish" => activation::hard_swish,
        "Hardmax" => softmax::hardmax,
        "Identity" => identity::identity,
        "InstanceNormalization" => normalization::instance_normalization,
        "IsInf" => elementwise::is_inf,
        "IsNaN" => |node| unary(node, ir::IsNan),
        "LRN" => lrn::lrn,
        "LayerNormalization" => normalization::layer_normalization,
        "LeakyRelu" => activation::leaky_relu,
        "Less" => |node| binary(node, ir::Less),
        "LessOrEqual" => |node| binary(node, ir::LessEqual),
        "Log" => |node| unary(node, ir::Log),
        "LogSoftmax" => softmax::log_softmax,
        "LpNormalization" => lp::lp_normalization,
        "LpPool" => lp::lp_pool,
        "MatMul" => matmul::matmul,
        "MatMulInteger" => qlinear::mat_mul_integer,
        "Max" => |node| chain(node, ir::Max),
        "MaxPool" => pool::max_pool,
        "MaxUnpool" => max_unpool::max_unpool,
        "Mean" => elementwise::mean,
        "MeanVarianceNormalization" => normalization::mean_variance_normalization,
        "Min" => |node| chain(node, ir::Min),
        "Mish" => activation::mish,
        "Mod" => elementwise::modulo,
        "Mul" => |node| binary(node, ir::Mul),
        "Neg" => |node| unary(node, ir::Neg),
        "NonMaxSuppression" => refused::data_dependent,
        "NonZero" => constant::non_zero,
        "Not" => |node| unary(node, ir::Not),
        "OneHot" => mask::one_hot,
        "Or" => |node| binary(node, ir::Or),
        "PRelu" => activation::p_relu,
        "Pad" => padding::pad,
        "Pow" => arithmetic::pow,
        "QLinearConv" => qlinear::q_linear_conv,
        "QLinearMatMul" => qlinear::q_linear_mat_mul,
        "QuantizeLinear" => quantize::quantize_linear,
        "RMSNormalization" => normalization::rms_normalization,
        "Range" => constant::range,
        "Reciprocal" => arithmetic::reciprocal,
        "ReduceL1" => lp::reduce_l1,
        "ReduceL2" => lp::reduce_l2,
        "ReduceLogSum" => reduce::reduce_log_sum,
        "ReduceLogSumExp" => reduce::reduce_log_sum_exp,
        "ReduceMax" => reduce::reduce_max,
        "ReduceMean" => reduce::reduce_mean,
        "ReduceMin" => reduce::reduce_min,
        "ReduceProd" => reduce::reduce_prod,
        "ReduceSum" => reduce::reduce_sum,
        "ReduceSumSquare" => reduce::reduce_sum_square,
        "Relu" => activation::relu,
        "Reshape" => reshape::reshape,
        "Resize" => resize::resize,
        "ReverseSequence" => gather::reverse_sequence,
        "Round" => |node| unary(node, ir::Round),
        "Scatter" => scatter::scatter_elements,
        "ScatterElements" => scatter::scatter_elements,
        "ScatterND" => scatter::scatter_nd,
        "Selu" => activation::selu,
        "Shape" => constant::shape,
        "Shrink" => activation::shrink,
        "Sigmoid" => |node| unary(node, ir::Sigmoid),
        "Sign" => |node| unary(node, ir::Sign),
        "Sin" => |node| unary(node, ir::Sin),
        "Sinh" => |node| unary(node, ir::Sinh),
        "Size" => constant::size,
        "Slice" => slice::slice,
        "Softmax" => softmax::softmax,
        "Softplus" => |node| unary(node, ir::Softplus),
        "Softsign" => activation::softsign,
        "SpaceToDepth" => depth_to_space::space_to_depth,
        "Split" => slice::split,
        "Sqrt" => |node| unary(node, ir::Sqrt),
        "Squeeze" => reshape::squeeze,
        "Sub" => |node| binary(node, ir::Sub),
        "Sum" => |node| chain(node, ir::Add),
        "Swish" => activation::swish,
        "Tan" => |node| unary(node, ir::Tan),
        "Tanh" => |node| unary(node, ir::Tanh),
        "ThresholdedRelu" => activation::thresholded_relu,
        "Tile" => expand::tile,
        "TopK" => top_k::top_k,
        "Transpose" => transpose::transpose,
        "Trilu" => mask::trilu,
        "Unique" => refused::data_dependent,
        "Unsqueeze" => reshape::unsqueeze,
        "Upsample" => resize::upsample,
        "Where" => elementwise::where_,
        "Xor" => |node| binary(node, ir::Xor),
        _ => return None,
    })
}

/// The function that imports nodes of this operator of ONNX Runtime, domain `com.microsoft`.
pub(super) fn microsoft_function(op_type: &str) -> Option<fn(&mut Node) -> Outcome> {
    Some(match op_type {
        "DequantizeLinear" => quantize::dequantize_linear,
        "QLinearAdd" => qlinear::q_linear_add,
        "QLinearGlobalAveragePool" => qlinear::q_linear_global_average_pool,
        "QuantizeLinear" => quantize::quantize_linear,
        _ => return None,
    })
}
