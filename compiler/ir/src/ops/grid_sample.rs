//! `grid_sample`: elements of x around places that are computed.
//!
//!     y[n,c,o..] = sum over taps k.. of w(k) * x[n,c,k..]
//!
//! Operands: x `[N, C, D..]`, grid `[N, O.., d]` for d dimensions D. Result `[N, C, O..]`. A place in the grid,
//! innermost dimension first, runs from -1 to 1, between the middles of the corner elements with `corners`,
//! else between their outer edges; along a dimension of n elements it means
//!
//!     t = (g + 1) / 2 * (n - 1)     with corners, borders 0 and n - 1
//!     t = ((g + 1) * n - 1) / 2     else, borders -0.5 and n - 0.5
//!
//! The taps along it are those of [`resize`](super::resize): `nearest` rounds t, of two to the even one;
//! `linear` has two, `cubic` four, with its coefficient -0.75. A tap beyond the borders is the element at the
//! border with `beyond=border`, mirrored at it with `beyond=mirror`, and 0 with `beyond=zero`. Before, t itself
//! is mirrored, or clamped to 0 and n - 1 with `beyond=border`, but for a cubic, whose shares that would change.
//! (ONNX says nothing of this: its own evaluator clamps, PyTorch and onnxruntime do not.)
//!
//! (C1) x and grid are real, of one type. (C2) x has one to three dimensions behind the first two, grid as
//! many behind its first, then d places, and both have N. (C3) x has elements where the result has.

use super::resize::ResizeMode;
use super::{Cost, Operator};
use crate::attrs::{Attrs, Keyword, keyword};
use crate::error::require;
use crate::tensor::with_real;
use crate::{Mismatch, Real, Tensor, Type};

/// What lies beyond the borders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Beyond {
    /// Zeros.
    #[default]
    Zero,
    /// The elements at the border.
    Border,
    /// The elements on the other side of the border.
    Mirror,
}

impl Keyword for Beyond {
    const WORDS: &'static [(&'static str, Beyond)] =
        &[("zero", Beyond::Zero), ("border", Beyond::Border), ("mirror", Beyond::Mirror)];
}

/// Elements around places that are computed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GridSample {
    /// How an element is made.
    pub mode: ResizeMode,
    /// What lies beyond the borders.
    pub beyond: Beyond,
    /// Whether -1 and 1 are the middles of the corner elements.
    pub corners: bool,
}

/// An element along a dimension, none where it counts as zero, and its share.
type Tap<T> = (Option<usize>, T);

impl Operator for GridSample {
    const NAME: &'static str = "grid_sample";
    const ARITY: (usize, usize) = (2, 2);

    fn attrs(&mut self, a: &mut dyn Attrs) {
        keyword(a, "mode", &mut self.mode, ResizeMode::Nearest);
        keyword(a, "beyond", &mut self.beyond, Beyond::Zero);
        a.flag("corners", &mut self.corners, false);
    }

    fn infer(&self, operands: &[&Type]) -> Result<Type, Mismatch> {
        let (x, grid) = (operands[0], operands[1]);
        let real = x.dtype.is_float() && grid.dtype == x.dtype;
        require!(real, "(C1): x {x} and grid {grid} must be real, of one type");
        let d = x.rank().saturating_sub(2);
        require!(
            (1..=3).contains(&d)
                && grid.rank() == x.rank()
                && grid.dims()[0] == x.dims()[0]
                && grid.dims()[d + 1] == d,
            "(C2): grid {grid} does not give places in the dimensions of x {x} behind the first two"
        );
        let y = x.with_dims([&x.dims()[..2], &grid.dims()[1..=d]].concat())?;
        require!(!x.shape.is_empty() || y.shape.is_empty(), "(C3): x {x} has no elements to make {y} from");
        Ok(y)
    }

    fn eval(&self, operands: &[&Tensor], result: &Type) -> Tensor {
        with_real!(operands[0], T => {
            let (xs, grid) = (operands[0].slice::<T>(), operands[1].slice::<T>());
            let extents = &operands[0].shape().dims()[2..];
            let (d, whole) = (extents.len(), extents.iter().product::<usize>());
            let places: usize = result.dims()[2..].iter().product();
            let channels = result.dims()[1];
            let element = |at: usize| {
                let (plane, place) = (at / places, at % places);
                let g = &grid[(plane / channels * places + place) * d..][..d];
                let taps: Vec<_> = extents.iter().zip(g.iter().rev()).map(|(&n, &g)| self.taps(g, n)).collect();
                sum(&xs[plane * whole..][..whole], extents, &taps)
            };
            Tensor::of(&result.shape, (0..result.elements()).map(element).collect())
        })
    }

    fn cost(&self, _: &[&Type], result: &Type) -> Cost {
        let along: u64 = match self.mode {
            ResizeMode::Nearest => 1,
            ResizeMode::Linear => 2,
            ResizeMode::Cubic => 4,
        };
        let taps = along.pow(result.rank().saturating_sub(2) as u32);
        Cost { macs: 0, flops: (result.elements() as u64).saturating_mul(taps) }
    }
}

impl GridSample {
    /// The taps of a place along a dimension of `n` elements.
    fn taps<T: Real>(&self, g: T, n: usize) -> Vec<Tap<T>> {
        let number = |x: f64| T::from_f64(x);
        let (extent, one, two) = (number(n as f64), number(1.0), number(2.0));
        let mut t = match self.corners {
            true => (g + one) / two * (extent - one),
            false => ((g + one) * extent - one) / two,
        };
        if self.mode == ResizeMode::Nearest {
            t = t.round_ties_even();
        }
        let (least, most) = self.borders(n);
        if t < number(least) || t > number(most) {
            t = match self.beyond {
                Beyond::Border if self.mode != ResizeMode::Cubic => clamp(t, 0.0, n as f64 - 1.0),
                // Far outside all taps are alike: nothing changes where the count of elements stays small.
                Beyond::Zero | Beyond::Border => clamp(t, -4.0, n as f64 + 3.0),
                Beyond::Mirror => mirrored(t, least, most),
            };
        }
        let first = t.floor();
        let f = t - first;
        let tap = |k: i64, share: T| (self.element(first.to_f64() as i64 + k, n), share);
        match self.mode {
            ResizeMode::Nearest => vec![tap(0, one)],
            ResizeMode::Linear => vec![tap(0, one - f), tap(1, f)],
            ResizeMode::Cubic => (-1..3)
                .map(|k| tap(k, cubic(if k > 0 { number(k as f64) - f } else { f - number(k as f64) })))
                .collect(),
        }
    }

    /// Where the elements along a dimension begin and end.
    pub fn borders(&self, n: usize) -> (f64, f64) {
        if self.corners { (0.0, n as f64 - 1.0) } else { (-0.5, n as f64 - 0.5) }
    }

    /// The element that an index means; none for zeros.
    fn element(&self, k: i64, n: usize) -> Option<usize> {
        let last = n as i64 - 1;
        match self.beyond {
            Beyond::Zero => usize::try_from(k).ok().filter(|&k| k < n),
            Beyond::Border => Some(k.clamp(0, last) as usize),
            Beyond::Mirror => {
                let (least, most) = self.borders(n);
                let inside = (0..n as i64).contains(&k);
                let k = if inside { k } else { mirrored(k as f64, least, most) as i64 };
                Some(k.clamp(0, last) as usize)
            }
        }
    }
}

fn clamp<T: Real>(t: T, least: f64, most: f64) -> T {
    let (least, most) = (T::from_f64(least), T::from_f64(most));
    if t < least {
        least
    } else if t > most {
        most
    } else {
        t
    }
}

/// A place reflected at the borders, again and again, until it lies between them.
fn mirrored<T: Real>(t: T, least: f64, most: f64) -> T {
    let (least, most) = (T::from_f64(least), T::from_f64(most));
    let length = most - least;
    if length <= T::default() {
        return least;
    }
    let distance = if t < least { least - t } else { t - least };
    let turns = (distance / length).floor();
    let rest = distance - turns * length;
    let two = T::from_f64(2.0);
    let even = turns - (turns / two).floor() * two == T::default();
    if even { least + rest } else { most - rest }
}

/// The share of an element at that distance, of a cubic with the coefficient -0.75.
fn cubic<T: Real>(x: T) -> T {
    let number = |x: f64| T::from_f64(x);
    let c = number(-0.75);
    match x <= number(1.0) {
        true => ((c + number(2.0)) * x - (c + number(3.0))) * x * x + number(1.0),
        false => ((c * x - number(5.0) * c) * x + number(8.0) * c) * x - number(4.0) * c,
    }
}

/// The sum of the taps along all dimensions, the innermost first.
fn sum<T: Real>(x: &[T], extents: &[usize], taps: &[Vec<Tap<T>>]) -> T {
    let (Some((along, inner)), Some((_, extents))) = (taps.split_first(), extents.split_first()) else {
        return x[0];
    };
    let size: usize = extents.iter().product();
    let term = |&(element, share): &Tap<T>| {
        share * element.map_or(T::default(), |k| sum(&x[k * size..][..size], extents, inner))
    };
    along.iter().map(term).reduce(|sum, term| sum + term).unwrap_or_default()
}
