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

/// The function that imports nodes of this ONNX operator.
pub(super) fn function(op_type: &str) -> Option<fn(&mut Node) -> Outcome> {
    Some(match op_type {
        "Abs" => arithmetic::abs,
        "Add" => elementwise::add,
        "AffineGrid" => grid_sample::affine_grid,
        "ArgMax" => arg_max::arg_max,
        "ArgMin" => arg_max::arg_min,
        "AveragePool" => pool::average_pool,
        "BatchNormalization" => batch_norm::batch_normalization,
        "Cast" => cast::cast,
        "CenterCropPad" => padding::center_crop_pad,
        "Clip" => clip::clip,
        "Compress" => gather::compress,
        "Concat" => concat::concat,
        "Constant" => constant::constant,
        "ConstantOfShape" => constant::constant_of_shape,
        "Conv" => conv::conv,
        "ConvInteger" => qlinear::conv_integer,
        "ConvTranspose" => conv::conv_transpose,
        "CumSum" => cum_sum::cum_sum,
        "DepthToSpace" => depth_to_space::depth_to_space,
        "DequantizeLinear" => quantize::dequantize_linear,
        "Div" => elementwise::div,
        "Dropout" => identity::dropout,
        "DynamicQuantizeLinear" => quantize::dynamic_quantize_linear,
        "Elu" => elementwise::elu,
        "Exp" => elementwise::exp,
        "Expand" => expand::expand,
        "EyeLike" => constant::eye_like,
        "Flatten" => reshape::flatten,
        "Gather" => gather::gather,
        "GatherElements" => gather::gather_elements,
        "GatherND" => gather::gather_nd,
        "Gemm" => gemm::gemm,
        "GlobalAveragePool" => reduce::global_average_pool,
        "GlobalLpPool" => lp::global_lp_pool,
        "GlobalMaxPool" => reduce::global_max_pool,
        "GridSample" => grid_sample::grid_sample,
        "GroupNormalization" => normalization::group_normalization,
        "HardSigmoid" => activation::hard_sigmoid,
        "HardSwish" => activation::hard_swish,
        "Hardmax" => softmax::hardmax,
        "Identity" => identity::identity,
        "InstanceNormalization" => normalization::instance_normalization,
        "LRN" => lrn::lrn,
        "LayerNormalization" => normalization::layer_normalization,
        "LeakyRelu" => elementwise::leaky_relu,
        "LogSoftmax" => softmax::log_softmax,
        "LpNormalization" => lp::lp_normalization,
        "LpPool" => lp::lp_pool,
        "MatMul" => matmul::matmul,
        "MatMulInteger" => qlinear::mat_mul_integer,
        "Max" => elementwise::max,
        "MaxPool" => pool::max_pool,
        "Mean" => elementwise::mean,
        "MeanVarianceNormalization" => normalization::mean_variance_normalization,
        "Min" => elementwise::min,
        "Mul" => elementwise::mul,
        "Neg" => arithmetic::neg,
        "NonMaxSuppression" => refused::data_dependent,
        "NonZero" => constant::non_zero,
        "OneHot" => mask::one_hot,
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
        "Relu" => elementwise::relu,
        "Reshape" => reshape::reshape,
        "Resize" => resize::resize,
        "ReverseSequence" => gather::reverse_sequence,
        "Scatter" => scatter::scatter_elements,
        "ScatterElements" => scatter::scatter_elements,
        "ScatterND" => scatter::scatter_nd,
        "Selu" => activation::selu,
        "Shape" => constant::shape,
        "Sigmoid" => elementwise::sigmoid,
        "Size" => constant::size,
        "Slice" => slice::slice,
        "Softmax" => softmax::softmax,
        "SpaceToDepth" => depth_to_space::space_to_depth,
        "Split" => slice::split,
        "Sqrt" => elementwise::sqrt,
        "Squeeze" => reshape::squeeze,
        "Sub" => elementwise::sub,
        "Sum" => elementwise::sum,
        "Tanh" => elementwise::tanh,
        "Tile" => expand::tile,
        "TopK" => top_k::top_k,
        "Transpose" => transpose::transpose,
        "Trilu" => mask::trilu,
        "Unique" => refused::data_dependent,
        "Unsqueeze" => reshape::unsqueeze,
        "Upsample" => resize::upsample,
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
