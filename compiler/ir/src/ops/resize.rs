//! `resize`: a tensor of other extents, by nearest elements, linear or cubic interpolation.
//!
//! The dimensions that change are resized one after the other: first those that shrink, then those that
//! grow, each the innermost first. Index i of the result lies at coordinate t of x along its dimension, of
//! scale `s = scales[d]`, of extents n in x and `m = sizes[d]` in the result, and `l = n * s`, which need not
//! be m:
//!
//!     half_pixel            t = (i + 0.5) / s - 0.5
//!     half_pixel_symmetric  t = n / 2 * (1 - m / l) + (i + 0.5) / s - 0.5
//!     pytorch_half_pixel    t = m > 1 ? (i + 0.5) / s - 0.5 : 0
//!     half_pixel_for_nn     t = (i + 0.5) / s
//!     asymmetric            t = i / s
//!     align_corners         t = l = 1 ? 0 : i * (n - 1) / (l - 1)
//!     crop                  t = (a + (l = 1 ? (b - a) / 2 : i * (b - a) / (l - 1))) * (n - 1)
//!
//! with `a = crop[d]` and `b = crop[rank + d]`; what lies outside of x is `value`. The result is a sum of
//! some elements of x with shares:
//!
//!     nearest   the one at t, rounded as nearest= says
//!     linear    those at k = floor(t) and the next, f(k - t) with f(x) = max(1 - |x|, 0)
//!     cubic     those at k = floor(t) - 1 to the fourth, f(k - t) with c = cubic, of x = |k - t|
//!               x <= 1: f(x) = (c + 2) x^3 - (c + 3) x^2 + 1     x < 2: f(x) = c x^3 - 5c x^2 + 8c x - 4c
//!
//! An index beyond an edge means the edge; with `exclude_outside` it has no share, and the others make up
//! for it. With `antialias` and s < 1 the shares are f((k - t) * s), over their sum, of 1 / s times as many.
//! Coordinates are computed in f32, those of `half_pixel_symmetric` in f64 and rounded, as ONNX Runtime does,
//! so that both precisions of the evaluator and every code pick the same elements. A fraction of t within 1e-6
//! of a half counts as one: what is meant to be a half is often rounded beside it.
//!
//! (C1) scales and sizes have one entry for each dimension of x, crop two, or none without
//! `coordinate=crop`; all are finite, scales positive, sizes not negative. (C2) x has elements where the
//! result has. (C3) Shares are of reals: `linear` and `cubic` take no other. (C4) With `antialias`, sizes are
//! extents times scales, rounded.

use super::Operator;
use crate::attrs::{Attrs, Keyword, keyword};
use crate::error::require;
use crate::tensor::with_real;
use crate::{Mismatch, Real, Shape, Tensor, Type};

/// How far from a half the fraction of a coordinate may be that counts as one, that of ONNX Runtime.
const TIE: f32 = 1e-6;

/// How an element of the result is made from those around its coordinate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResizeMode {
    /// The nearest one.
    #[default]
    Nearest,
    /// Two, by their distance.
    Linear,
    /// Four, by a cubic of their distance.
    Cubic,
}

impl Keyword for ResizeMode {
    const WORDS: &'static [(&'static str, ResizeMode)] =
        &[("nearest", ResizeMode::Nearest), ("linear", ResizeMode::Linear), ("cubic", ResizeMode::Cubic)];
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
    /// Like half_pixel, with the centre of the result on that of x.
    HalfPixelSymmetric,
    /// Like half_pixel, with elements half a pixel further.
    HalfPixelForNn,
    /// A part of x, from corner to corner.
    Crop,
}

impl Keyword for Coordinate {
    const WORDS: &'static [(&'static str, Coordinate)] = &[
        ("half_pixel", Coordinate::HalfPixel),
        ("asymmetric", Coordinate::Asymmetric),
        ("align_corners", Coordinate::AlignCorners),
        ("pytorch_half_pixel", Coordinate::PytorchHalfPixel),
        ("half_pixel_symmetric", Coordinate::HalfPixelSymmetric),
        ("half_pixel_for_nn", Coordinate::HalfPixelForNn),
        ("crop", Coordinate::Crop),
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

/// A tensor of other extents.
#[derive(Clone, Debug, PartialEq)]
pub struct Resize {
    /// How an element is made.
    pub mode: ResizeMode,
    /// How an index becomes a coordinate.
    pub coordinate: Coordinate,
    /// How `nearest` rounds.
    pub nearest: NearestMode,
    /// The coefficient of `cubic`.
    pub cubic: f32,
    /// Whether a smaller result is made of all elements that it stands for.
    pub antialias: bool,
    /// Whether elements beyond an edge have no share.
    pub exclude_outside: bool,
    /// Where the part of x begins along each dimension, then where it ends, as shares of its extent.
    pub crop: Vec<f32>,
    /// What lies outside of x.
    pub value: f32,
    /// How many times larger the result is along each dimension.
    pub scales: Vec<f32>,
    /// The extents of the result.
    pub sizes: Vec<i64>,
}

impl Default for Resize {
    fn default() -> Resize {
        Resize {
            mode: ResizeMode::Nearest,
            coordinate: Coordinate::HalfPixel,
            nearest: NearestMode::RoundPreferFloor,
            cubic: -0.75,
            antialias: false,
            exclude_outside: false,
            crop: Vec::new(),
            value: 0.0,
            scales: Vec::new(),
            sizes: Vec::new(),
        }
    }
}

/// What the elements of the result along one dimension are made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Taps {
    /// Elements of x for each.
    pub count: usize,
    /// The elements and their shares, `count` for each in turn; an element as large as the extent of x stands
    /// for what lies outside.
    pub entries: Vec<(usize, f32)>,
}

impl Taps {
    /// Bytes of an entry in the tables that code has of them.
    pub const ENTRY: usize = size_of::<i64>() + size_of::<f32>();
}

impl Operator for Resize {
    const NAME: &'static str = "resize";
    const ARITY: (usize, usize) = (1, 1);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        keyword(a, "mode", &mut self.mode, ResizeMode::Nearest);
        keyword(a, "coordinate", &mut self.coordinate, Coordinate::HalfPixel);
        keyword(a, "nearest", &mut self.nearest, NearestMode::RoundPreferFloor);
        a.float("cubic", &mut self.cubic, -0.75);
        a.flag("antialias", &mut self.antialias, false);
        a.flag("exclude_outside", &mut self.exclude_outside, false);
        a.floats("crop", &mut self.crop);
        a.float("value", &mut self.value, 0.0);
        a.floats("scales", &mut self.scales);
        a.ints("sizes", &mut self.sizes);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let x = operands[0];
        let Resize { scales, sizes, crop, .. } = self;
        require!(
            scales.len() == x.rank() && sizes.len() == x.rank(),
            "(C1): {} scales and {} sizes for the {} dimensions of x {x}",
            scales.len(),
            sizes.len(),
            x.rank()
        );
        let corners = if self.coordinate == Coordinate::Crop { 2 * x.rank() } else { 0 };
        let finite = crop.iter().chain([&self.cubic]).all(|c| c.is_finite());
        require!(
            crop.len() == corners && finite,
            "(C1): crop={crop:?}, cubic={}: there must be {corners} corners, all finite",
            self.cubic
        );
        require!(
            scales.iter().all(|s| s.is_finite() && *s > 0.0),
            "(C1): scales={scales:?}: all must be finite and positive"
        );
        let shape = Shape::from_signed(sizes)
            .map_err(|Mismatch(m)| Mismatch(format!("(C1): sizes={sizes:?}: {m}")))?;
        require!(!x.shape.is_empty() || shape.is_empty(), "(C2): x {x} has no elements to make {shape} from");
        require!(
            x.dtype.is_float() || self.mode == ResizeMode::Nearest,
            "(C3): x {x} is not real, mode={} takes reals",
            self.mode.word()
        );
        let whole = |d: usize| {
            let length = x.dims()[d] as f32 * scales[d];
            [length.floor(), length.round()].contains(&(sizes[d] as f32))
        };
        require!(
            !self.antialias || (0..x.rank()).all(whole),
            "(C4): sizes={sizes:?} are not x {x} times scales={scales:?}"
        );
        Ok(Type { dtype: x.dtype, shape })
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        let mut y = operands[0].clone();
        if result.shape.is_empty() {
            return y.gathered(&result.shape, 0.0, |_| None);
        }
        for d in self.order(operands[0].shape().dims()) {
            y = self.along(d, &y, result.dims()[d]);
        }
        y
    }
}

impl Resize {
    /// The dimensions of x, of these extents, that are resized, in order: so nothing in between is larger than
    /// both x and the result.
    pub fn order(&self, extents: &[usize]) -> Vec<usize> {
        let changes = |&d: &usize| {
            let cut = self.coordinate == Coordinate::Crop
                && (self.crop[d], self.crop[extents.len() + d]) != (0.0, 1.0);
            cut || self.scales[d] != 1.0 || self.sizes[d] != extents[d] as i64
        };
        let mut order: Vec<usize> = (0..extents.len()).rev().filter(changes).collect();
        order.sort_by_key(|&d| self.sizes[d] > extents[d] as i64);
        order
    }

    /// x resized along one dimension, to `size` elements.
    fn along(&self, d: usize, x: &Tensor, size: usize) -> Tensor {
        let dims = x.shape().dims();
        let (extent, inner) = (dims[d], dims[d + 1..].iter().product::<usize>());
        let taps = self.taps(d, extent);
        let shape = Shape::new([&dims[..d], &[size], &dims[d + 1..]].concat());
        let shape = shape.expect("a shape that is no larger than x or the result");
        // The taps of element `at` of the result, each with its place in x.
        let sources = |at: usize| {
            let (block, q) = (at / inner, at % inner);
            let first = block / size * extent;
            taps.entries[block % size * taps.count..][..taps.count].iter().map(move |&(element, share)| {
                ((element < extent).then_some((first + element) * inner + q), share)
            })
        };
        if self.mode == ResizeMode::Nearest {
            return x.gathered(&shape, self.value.into(), |at| sources(at).next().and_then(|(at, _)| at));
        }
        with_real!(x, T => {
            let xs = x.slice::<T>();
            let value = T::from_f64(self.value.into());
            let term = |(at, share): (Option<usize>, f32)| {
                T::from_f64(share.into()) * at.map_or(value, |at| xs[at])
            };
            let sum = |at: usize| sources(at).map(term).reduce(|sum, term| sum + term).unwrap_or(value);
            Tensor::of(&shape, (0..shape.elements()).map(sum).collect())
        })
    }

    /// How a kernel is scaled along dimension d, and how many elements it then reaches on either side.
    fn reach(&self, d: usize) -> (f32, usize) {
        let scale = if self.antialias { self.scales[d].min(1.0) } else { 1.0 };
        let radius = match self.mode {
            ResizeMode::Nearest => 0.5,
            ResizeMode::Linear => 1.0,
            ResizeMode::Cubic => 2.0,
        };
        (scale, (radius / scale).ceil() as usize)
    }

    /// From how many elements of x a result is made along dimension d.
    pub fn count(&self, d: usize) -> usize {
        if self.mode == ResizeMode::Nearest { 1 } else { self.reach(d).1.saturating_mul(2) }
    }

    /// How many entries [taps](Resize::taps) have along all dimensions that are resized, of x with these extents.
    pub fn entries(&self, extents: &[usize]) -> usize {
        let along = |d: usize| usize::try_from(self.sizes[d]).unwrap_or(0).saturating_mul(self.count(d));
        self.order(extents).into_iter().map(along).fold(0, usize::saturating_add)
    }

    /// What the results along dimension d are made of; x has `extent` elements there, one at least.
    pub fn taps(&self, d: usize, extent: usize) -> Taps {
        let ((scale, reach), count) = (self.reach(d), self.count(d));
        let mut entries = Vec::with_capacity(self.sizes[d] as usize * count);
        for i in 0..self.sizes[d] as usize {
            let t = self.coordinate_of(i, d, extent);
            let last = (extent - 1) as f32;
            if self.coordinate == Coordinate::Crop && !(0.0..=last).contains(&t) {
                entries.extend((0..count).map(|k| (extent, if k == 0 { 1.0 } else { 0.0 })));
                continue;
            }
            match self.mode {
                ResizeMode::Nearest => entries.push((self.nearest(t, extent), 1.0)),
                // Beyond an edge both neighbours are the edge: there the clamped coordinate means the same.
                ResizeMode::Linear if count == 2 => {
                    let t = t.clamp(0.0, last);
                    let lower = (t as usize).min(extent - 1);
                    let share = t - t.floor();
                    entries.extend([(lower, 1.0 - share), ((lower + 1).min(extent - 1), share)]);
                }
                _ => {
                    let t = f64::from(t).clamp(-(reach as f64), (extent - 1 + reach) as f64);
                    entries.extend(self.shares(t, extent, reach as i64, scale.into()));
                }
            }
        }
        Taps { count, entries }
    }

    /// The element nearest to a coordinate.
    fn nearest(&self, t: f32, extent: usize) -> usize {
        // A half added to the coordinate itself would be rounded.
        let rounded = match self.nearest {
            NearestMode::RoundPreferFloor => t.floor() + f32::from(t - t.floor() > 0.5 + TIE),
            NearestMode::RoundPreferCeil => t.floor() + f32::from(t - t.floor() >= 0.5 - TIE),
            NearestMode::Floor => t.floor(),
            NearestMode::Ceil => t.ceil(),
        };
        (rounded as usize).min(extent - 1)
    }

    /// The elements around a coordinate, `reach` on either side, and their shares.
    fn shares(&self, t: f64, extent: usize, reach: i64, scale: f64) -> Vec<(usize, f32)> {
        let first = t.floor() as i64 + 1 - reach;
        let last = extent as i64 - 1;
        let share = |k: i64| match (self.exclude_outside, (0..=last).contains(&k)) {
            (true, false) => 0.0,
            _ => self.kernel((k as f64 - t) * scale),
        };
        let places = first..first + 2 * reach;
        let normal = self.antialias || self.exclude_outside;
        let sum = if normal { places.clone().map(share).sum() } else { 1.0 };
        let entry = |k: i64| (k.clamp(0, last) as usize, (share(k) / sum) as f32);
        places.map(entry).collect()
    }

    /// The share of an element at that distance.
    fn kernel(&self, distance: f64) -> f64 {
        let (x, c) = (distance.abs(), f64::from(self.cubic));
        match self.mode {
            ResizeMode::Cubic if x <= 1.0 => ((c + 2.0) * x - (c + 3.0)) * x * x + 1.0,
            ResizeMode::Cubic if x < 2.0 => ((c * x - 5.0 * c) * x + 8.0 * c) * x - 4.0 * c,
            ResizeMode::Cubic => 0.0,
            _ => (1.0 - x).max(0.0),
        }
    }

    fn coordinate_of(&self, i: usize, d: usize, extent: usize) -> f32 {
        let (scale, size) = (self.scales[d], self.sizes[d]);
        let (i, n, last) = (i as f32, extent as f32, extent as f32 - 1.0);
        // A scale is rounded: where the length is meant to be whole, it is.
        let length = n * scale;
        let length = if (length - length.round()).abs() < 1e-4 { length.round() } else { length };
        match self.coordinate {
            Coordinate::HalfPixel => (i + 0.5) / scale - 0.5,
            Coordinate::HalfPixelSymmetric => {
                // Not the rounded length: it would move elements that lie on a coordinate of ONNX Runtime.
                let offset = n / 2.0 * (1.0 - size as f32 / (n * scale));
                (f64::from(offset) + (f64::from(i) + 0.5) / f64::from(scale) - 0.5) as f32
            }
            Coordinate::PytorchHalfPixel if size == 1 => 0.0,
            Coordinate::PytorchHalfPixel => (i + 0.5) / scale - 0.5,
            Coordinate::HalfPixelForNn => (i + 0.5) / scale,
            Coordinate::Asymmetric => i / scale,
            Coordinate::AlignCorners if length == 1.0 => 0.0,
            Coordinate::AlignCorners => i * last / (length - 1.0),
            Coordinate::Crop => {
                let (from, to) = (self.crop[d], self.crop[self.sizes.len() + d]);
                match length == 1.0 {
                    true => (from + to) * last / 2.0,
                    false => from * last + i * (to - from) * last / (length - 1.0),
                }
            }
        }
    }
}
