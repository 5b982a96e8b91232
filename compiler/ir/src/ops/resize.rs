//! `resize`: planes of other extents, by nearest elements or linear interpolation.
//!
//! Index i of the result lies at coordinate t of x along its dimension, of scale s = `scales[d]` and of
//! extents n in x and m = `sizes[d]` in the result:
//!
//!     half_pixel          t = (i + 0.5) / s - 0.5
//!     pytorch_half_pixel  t = m > 1 ? (i + 0.5) / s - 0.5 : 0
//!     asymmetric          t = i / s
//!     align_corners       t = m > 1 ? i * (n - 1) / (m - 1) : 0
//!
//! `nearest` rounds t as `nearest=` says and clamps it to the extent. `linear` weighs the elements at
//! floor(t) and floor(t) + 1, clamped to the extent, with 1 - f and f, f = t - floor(t): first along a row,
//! then between rows. Coordinates are computed in f32, as ONNX Runtime does, so that both precisions of the
//! evaluator and every code pick the same elements. The scales are those given; they need not equal m / n.
//!
//! (C1) scales and sizes have one entry for each dimension of x, of rank 2 at least; scales are finite and
//! positive, sizes not negative. (C2) Only the two innermost dimensions change. (C3) x has elements where the
//! result has. (C4) `linear` takes reals.

use super::Operator;
use crate::attrs::{Attrs, Keyword, keyword};
use crate::error::require;
use crate::tensor::with_real;
use crate::{Mismatch, Real, Shape, Tensor, Type};

/// How an element of the result is made from those around its coordinate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResizeMode {
    /// The nearest one.
    #[default]
    Nearest,
    /// Their weighted mean.
    Linear,
}

impl Keyword for ResizeMode {
    const WORDS: &'static [(&'static str, ResizeMode)] =
        &[("nearest", ResizeMode::Nearest), ("linear", ResizeMode::Linear)];
}

/// How an index becomes a coordinate; the formulas stand above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coordinate {
    /// Elements are areas, their coordinates the centres.
    #[default]
    HalfPixel,
    /// The first elements coincide.
    Asymmetric,
    /// The first and the last elements coincide.
    AlignCorners,
    /// Like half_pixel, but a single element comes from the first.
    PytorchHalfPixel,
}

impl Keyword for Coordinate {
    const WORDS: &'static [(&'static str, Coordinate)] = &[
        ("half_pixel", Coordinate::HalfPixel),
        ("asymmetric", Coordinate::Asymmetric),
        ("align_corners", Coordinate::AlignCorners),
        ("pytorch_half_pixel", Coordinate::PytorchHalfPixel),
    ];
}

/// How `nearest` rounds a coordinate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NearestMode {
    /// To nearest, halves down.
    #[default]
    RoundPreferFloor,
    /// To nearest, halves up.
    RoundPreferCeil,
    /// Down.
    Floor,
    /// Up.
    Ceil,
}

impl Keyword for NearestMode {
    const WORDS: &'static [(&'static str, NearestMode)] = &[
        ("round_prefer_floor", NearestMode::RoundPreferFloor),
        ("round_prefer_ceil", NearestMode::RoundPreferCeil),
        ("floor", NearestMode::Floor),
        ("ceil", NearestMode::Ceil),
    ];
}

/// Planes of other extents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resize {
    /// How an element is made.
    pub mode: ResizeMode,
    /// How an index becomes a coordinate.
    pub coordinate: Coordinate,
    /// How `nearest` rounds.
    pub nearest: NearestMode,
    /// How many times larger the result is along each dimension.
    pub scales: Vec<f32>,
    /// The extents of the result.
    pub sizes: Vec<i64>,
}

/// The elements that one index of the result is made from: `(1 - weight) * x[lower] + weight * x[upper]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Source {
    /// Index of the element before the coordinate, or of the nearest one.
    pub lower: usize,
    /// Index of the element behind it, or of the nearest one.
    pub upper: usize,
    /// The share of the element behind it, in 0..1.
    pub weight: f32,
}

impl Operator for Resize {
    const NAME: &'static str = "resize";
    const ARITY: (usize, usize) = (1, 1);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        keyword(a, "mode", &mut self.mode, ResizeMode::Nearest);
        keyword(a, "coordinate", &mut self.coordinate, Coordinate::HalfPixel);
        keyword(a, "nearest", &mut self.nearest, NearestMode::RoundPreferFloor);
        a.floats("scales", &mut self.scales);
        a.ints("sizes", &mut self.sizes);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let x = operands[0];
        let (scales, sizes) = (&self.scales, &self.sizes);
        require!(
            x.rank() >= 2 && scales.len() == x.rank() && sizes.len() == x.rank(),
            "(C1): {} scales and {} sizes for the {} dimensions of x {x}, which must be two or more",
            scales.len(),
            sizes.len(),
            x.rank()
        );
        require!(
            scales.iter().all(|s| s.is_finite() && *s > 0.0),
            "(C1): scales={scales:?}: all must be finite and positive"
        );
        let shape = Shape::from_signed(sizes)
            .map_err(|Mismatch(m)| Mismatch(format!("(C1): sizes={sizes:?}: {m}")))?;
        let planes = x.rank() - 2;
        require!(
            shape.dims()[..planes] == x.dims()[..planes] && scales[..planes].iter().all(|&s| s == 1.0),
            "(C2): x {x} to {shape} by {scales:?}: only the two innermost dimensions may change"
        );
        require!(!x.shape.is_empty() || shape.is_empty(), "(C3): x {x} has no elements to make {shape} from");
        require!(
            x.dtype.is_float() || self.mode == ResizeMode::Nearest,
            "(C4): x {x} is not real, mode=linear takes reals"
        );
        Ok(Type { dtype: x.dtype, shape })
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let x = operands[0];
        if result.shape.is_empty() {
            return x.gathered(&result.shape, 0.0, |_| None);
        }
        let planes = x.shape().rank() - 2;
        let [rows, columns] = [planes, planes + 1].map(|d| self.sources(d, x.shape()[d]));
        let width = x.shape()[planes + 1];
        let area = x.shape()[planes] * width;
        // Element i of the result: its row and column there, and the first element of its plane in x.
        let place = |i: usize| {
            let (row, column) = (i / columns.len() % rows.len(), i % columns.len());
            (rows[row], columns[column], i / (rows.len() * columns.len()) * area)
        };
        match self.mode {
            ResizeMode::Nearest => x.gathered(&result.shape, 0.0, |i| {
                let (row, column, plane) = place(i);
                Some(plane + row.lower * width + column.lower)
            }),
            ResizeMode::Linear => with_real!(x, T => {
                let xs = x.slice::<T>();
                let blend = |a: T, b: T, weight: f32| {
                    let weight = T::from_f64(weight.into());
                    (T::from_f64(1.0) - weight) * a + weight * b
                };
                let element = |i: usize| {
                    let (row, column, plane) = place(i);
                    let line = |row: usize| {
                        let line = &xs[plane + row * width..][..width];
                        blend(line[column.lower], line[column.upper], column.weight)
                    };
                    blend(line(row.lower), line(row.upper), row.weight)
                };
                Tensor::of(&result.shape, (0..result.elements()).map(element).collect())
            }),
        }
    }
}

impl Resize {
    /// What each index of the result along dimension d is made from; x has `extent` elements there, one at
    /// least.
    pub fn sources(&self, d: usize, extent: usize) -> Vec<Source> {
        let last = extent - 1;
        let source = |i: usize| {
            let t = self.coordinate_of(i, d, extent);
            if self.mode == ResizeMode::Linear {
                // Beyond an edge both neighbours are the edge: there the clamped coordinate means the same.
                let t = t.clamp(0.0, last as f32);
                let lower = (t as usize).min(last);
                return Source { lower, upper: (lower + 1).min(last), weight: t - t.floor() };
            }
            let rounded = match self.nearest {
                NearestMode::RoundPreferFloor => (t - 0.5).ceil(),
                NearestMode::RoundPreferCeil => (t + 0.5).floor(),
                NearestMode::Floor => t.floor(),
                NearestMode::Ceil => t.ceil(),
            };
            let nearest = (rounded as usize).min(last);
            Source { lower: nearest, upper: nearest, weight: 0.0 }
        };
        (0..self.sizes[d] as usize).map(source).collect()
    }

    fn coordinate_of(&self, i: usize, d: usize, extent: usize) -> f32 {
        let (scale, size) = (self.scales[d], self.sizes[d]);
        match self.coordinate {
            Coordinate::PytorchHalfPixel | Coordinate::AlignCorners if size == 1 => 0.0,
            Coordinate::HalfPixel | Coordinate::PytorchHalfPixel => (i as f32 + 0.5) / scale - 0.5,
            Coordinate::Asymmetric => i as f32 / scale,
            Coordinate::AlignCorners => i as f32 * (extent - 1) as f32 / (size - 1) as f32,
        }
    }
}
