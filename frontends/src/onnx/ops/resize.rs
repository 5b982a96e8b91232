//! `Resize`, opset 10, 11, 13, 18, 19, and `Upsample`, opset 1, 7, 9: tensors of other extents.
//!
//!     Upsample(X, height_scale=, width_scale=, mode=nearest)    opset 1
//!     Upsample(X, scales=, mode=nearest)           opset 7; scales are an input from opset 9 on
//!     Resize(X, scales, mode=nearest)              opset 10
//!     Resize(X, roi?, scales?, sizes?, mode=nearest, coordinate_transformation_mode=half_pixel,
//!            nearest_mode=round_prefer_floor, cubic_coeff_a=-0.75, exclude_outside=0, extrapolation_value=0,
//!            antialias=0, axes=all, keep_aspect_ratio_policy=stretch)
//!
//! Up to opset 10 coordinates are asymmetric, and the nearest element is that below; that above along a dimension
//! that `Resize` shrinks, as in ONNX Runtime. Either scales or sizes
//! are given: `sizes = floor(extent * scale)`, `scale = size / extent`, in f32 as ONNX Runtime computes them.
//! Integers are interpolated as f32, and cut off, as in ONNX Runtime; rounded where the mode is cubic or with
//! `antialias`.

use crate::onnx::attributes::required;
use crate::onnx::diagnostic::{Fault, ensure, fail};
use crate::onnx::node::{Node, Outcome, axes};
use cnnc_ir::ops::{Cast, Coordinate, NearestMode, Resize, ResizeMode, Round, Taps};
use cnnc_ir::{DType, Data, NodeId, Type};

pub(super) fn upsample(node: &mut Node) -> Outcome {
    let ([x], [scales]) = node.inputs(["X"], ["scales"])?;
    let scales = match node.opset {
        ..7 => {
            let [height, width] = ["height_scale", "width_scale"]
                .map(|name| node.attributes.float(name).and_then(|scale| required(name, scale)));
            Some(vec![1.0, 1.0, height?, width?])
        }
        7..9 => node.attributes.floats("scales")?,
        _ => scales.map(|scales| reals(node, "scales", scales)).transpose()?,
    };
    let mode = mode(node)?;
    old_form(node, x, mode, NearestMode::Floor, &required("scales", scales)?)
}

pub(super) fn resize(node: &mut Node) -> Outcome {
    if node.opset < 11 {
        let ([x, scales], []) = node.inputs(["X", "scales"], [])?;
        let scales = reals(node, "scales", scales)?;
        let mode = mode(node)?;
        let shrinks = scales.iter().any(|&scale| scale < 1.0);
        if mode != ResizeMode::Nearest || !shrinks {
            return old_form(node, x, mode, NearestMode::Floor, &scales);
        }
        let below: Vec<f32> = scales.iter().map(|&s| if s < 1.0 { s } else { 1.0 }).collect();
        let above: Vec<f32> = scales.iter().map(|&s| if s < 1.0 { 1.0 } else { s }).collect();
        let shrunk = old_form(node, x, mode, NearestMode::Ceil, &below)?;
        return match above.iter().all(|&scale| scale == 1.0) {
            true => Ok(shrunk),
            false => old_form(node, shrunk[0], mode, NearestMode::Floor, &above),
        };
    }
    let ([x], [roi, scales, sizes]) = node.inputs(["X"], ["roi", "scales", "sizes"])?;
    let mode = mode(node)?;
    let coordinate = node.attributes.word(
        "coordinate_transformation_mode",
        &[
            ("half_pixel", Coordinate::HalfPixel),
            ("half_pixel_symmetric", Coordinate::HalfPixelSymmetric),
            ("asymmetric", Coordinate::Asymmetric),
            ("align_corners", Coordinate::AlignCorners),
            ("pytorch_half_pixel", Coordinate::PytorchHalfPixel),
            ("tf_half_pixel_for_nn", Coordinate::HalfPixelForNn),
            ("tf_crop_and_resize", Coordinate::Crop),
        ],
    )?;
    let nearest = node.attributes.word(
        "nearest_mode",
        &[
            ("round_prefer_floor", NearestMode::RoundPreferFloor),
            ("round_prefer_ceil", NearestMode::RoundPreferCeil),
            ("floor", NearestMode::Floor),
            ("ceil", NearestMode::Ceil),
        ],
    )?;
    let policy = node.attributes.word(
        "keep_aspect_ratio_policy",
        &[
            ("stretch", Policy::Stretch),
            ("not_larger", Policy::Common(f32::min)),
            ("not_smaller", Policy::Common(f32::max)),
        ],
    )?;
    let cubic = node.attributes.float("cubic_coeff_a")?.unwrap_or(-0.75);
    let value = node.attributes.float("extrapolation_value")?.unwrap_or(0.0);
    let exclude_outside = node.attributes.flag("exclude_outside")?.unwrap_or(false);
    let antialias = node.attributes.flag("antialias")?.unwrap_or(false) && mode != ResizeMode::Nearest;
    let ty = node.ty(x);
    let along = match node.attributes.ints("axes")? {
        Some(given) => axes("axes", &given, ty.rank())?,
        None => (0..ty.rank()).collect(),
    };
    let crop = match coordinate {
        Coordinate::Crop => {
            // ONNX: roi is of any type of reals, scales are f32.
            let roi = node.cast("roi", required("input roi", roi)?, DType::F32)?;
            let roi = reals(node, "roi", roi)?;
            ensure!(roi.len() == 2 * along.len(), E_MODEL, "roi={roi:?} for {} dimensions", along.len());
            let mut crop = [vec![0.0; ty.rank()], vec![1.0; ty.rank()]].concat();
            for (k, &d) in along.iter().enumerate() {
                (crop[d], crop[ty.rank() + d]) = (roi[k], roi[along.len() + k]);
            }
            crop
        }
        _ => Vec::new(),
    };
    let scales = scales.map(|scales| reals(node, "scales", scales)).transpose()?;
    let sizes = sizes.map(|sizes| node.ints("sizes", sizes)).transpose()?;
    // ONNX: until opset 13 an input that is left out is an empty one.
    let (scales, sizes) = match (scales.filter(|s| !s.is_empty()), sizes.filter(|s| !s.is_empty())) {
        (Some(scales), None) => by_scales(&ty, &along, &scales)?,
        (None, Some(sizes)) => by_sizes(&ty, &along, &sizes, policy)?,
        _ => fail!(E_MODEL, "either scales or sizes must be given"),
    };
    resized(
        node,
        x,
        Resize { mode, coordinate, nearest, cubic, antialias, exclude_outside, crop, value, scales, sizes },
    )
}

/// Adds the resize, and casts around it where elements that are not real are interpolated.
fn resized(node: &mut Node, x: NodeId, op: Resize) -> Outcome {
    let ty = node.ty(x);
    // Code has tables of the elements that each result is made from, and of their shares.
    node.builder.generate(op.entries(ty.dims()).saturating_mul(Taps::ENTRY))?;
    if ty.dtype.is_float() || op.mode == ResizeMode::Nearest {
        return node.result(op, &[x]);
    }
    let real = node.step("real", Cast { to: DType::F32 }, &[x])?;
    let is_rounded = op.antialias || op.mode == ResizeMode::Cubic;
    let mut y = node.step("resized", op, &[real])?;
    if is_rounded {
        y = node.step("rounded", Round, &[y])?;
    }
    node.result(Cast { to: ty.dtype }, &[y])
}

/// What `sizes` mean.
#[derive(Clone, Copy)]
enum Policy {
    /// The extents themselves.
    Stretch,
    /// One scale for all, picked from those of the dimensions.
    Common(fn(f32, f32) -> f32),
}

fn old_form(node: &mut Node, x: NodeId, mode: ResizeMode, nearest: NearestMode, scales: &[f32]) -> Outcome {
    let ty = node.ty(x);
    let along: Vec<usize> = (0..ty.rank()).collect();
    let (scales, sizes) = by_scales(&ty, &along, scales)?;
    let coordinate = Coordinate::Asymmetric;
    resized(node, x, Resize { mode, coordinate, nearest, scales, sizes, ..Resize::default() })
}

fn mode(node: &mut Node) -> Result<ResizeMode, Fault> {
    let (nearest, linear, cubic) = (ResizeMode::Nearest, ResizeMode::Linear, ResizeMode::Cubic);
    // ONNX: the first operator sets call linear interpolation of planes bilinear.
    let words = [("nearest", nearest), ("linear", linear), ("bilinear", linear), ("cubic", cubic)];
    node.attributes.word("mode", &words)
}

/// Scales and sizes of all dimensions, from scales of some.
fn by_scales(x: &Type, along: &[usize], given: &[f32]) -> Result<(Vec<f32>, Vec<i64>), Fault> {
    ensure!(given.len() == along.len(), E_MODEL, "{} scales for {} dimensions", given.len(), along.len());
    let legal = given.iter().all(|s| s.is_finite() && *s > 0.0);
    ensure!(legal, E_MODEL, "scales={given:?}: all must be finite and positive");
    let (mut scales, mut sizes) = unchanged(x);
    for (&d, &scale) in along.iter().zip(given) {
        scales[d] = scale;
        sizes[d] = (x.dims()[d] as f32 * scale).floor() as i64;
    }
    Ok((scales, sizes))
}

/// Scales and sizes of all dimensions, from sizes of some.
fn by_sizes(x: &Type, along: &[usize], given: &[i64], policy: Policy) -> Result<(Vec<f32>, Vec<i64>), Fault> {
    ensure!(given.len() == along.len(), E_MODEL, "{} sizes for {} dimensions", given.len(), along.len());
    let legal = along.iter().zip(given).all(|(&d, &n)| if x.dims()[d] == 0 { n == 0 } else { n > 0 });
    ensure!(legal, E_MODEL, "sizes={given:?} of {x}: all must be positive, and 0 where nothing is resized");
    // Nothing stays nothing, by any scale.
    let ratio = |(&d, &size): (&usize, &i64)| if size == 0 { 1.0 } else { size as f32 / x.dims()[d] as f32 };
    let ratios = along.iter().zip(given).map(ratio);
    let (mut scales, mut sizes) = unchanged(x);
    let common = match policy {
        Policy::Stretch => None,
        Policy::Common(pick) => ratios.clone().reduce(pick),
    };
    for ((&d, &size), ratio) in along.iter().zip(given).zip(ratios) {
        scales[d] = common.unwrap_or(ratio);
        sizes[d] = common.map_or(size, |scale| (x.dims()[d] as f32 * scale).round() as i64);
    }
    Ok((scales, sizes))
}

fn unchanged(x: &Type) -> (Vec<f32>, Vec<i64>) {
    (vec![1.0; x.rank()], x.dims().iter().map(|&n| n as i64).collect())
}

fn reals(node: &mut Node, name: &str, id: NodeId) -> Result<Vec<f32>, Fault> {
    let tensor = node.constant(name, id)?;
    match tensor.data() {
        Data::F32(x) if tensor.shape().rank() == 1 => Ok(x.clone()),
        _ => fail!(E_MODEL, "input {name} is {}, it must be a list of f32", tensor.ty()),
    }
}
