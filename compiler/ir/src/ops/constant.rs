//! `const`: a value known at compile time.
//!
//! Without an initialiser its elements stand in the module's weights under the node's name. `splat(x)` stays
//! one number until it is packed; `rand(seed)` and `[..]` serve tests.

use super::Operator;
use crate::{DType, Data, Mismatch, Shape, Tensor, Type, ValueError, error::require};

/// Where the elements of a constant come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Init {
    /// The weights of the module, under the name of the node.
    Weights,
    /// Every element is this number.
    Splat(f64),
    /// Pseudo-random numbers, uniform in `min..max`.
    Rand {
        /// The same seed gives the same numbers.
        seed: u64,
        /// The least.
        min: f64,
        /// The bound above.
        max: f64,
    },
    /// The elements themselves.
    List(Vec<f64>),
}

impl Init {
    /// The elements, which [`Init::Weights`] does not hold itself.
    ///
    /// # Errors
    /// A list of another length; memory that the system refuses.
    pub fn tensor(&self, ty: &Type) -> Result<Tensor, ValueError> {
        let n = ty.elements();
        let data = match self {
            Init::Weights => return Err(Mismatch("the elements stand in the weights".into()).into()),
            Init::Splat(x) => Data::generated(ty.dtype, n, |_| *x)?,
            Init::Rand { seed, min, max } => {
                Data::generated(ty.dtype, n, |i| min + (max - min) * unit(*seed, i as u64))?
            }
            Init::List(x) => Data::F64(x.clone()).cast(ty.dtype),
        };
        Ok(Tensor::new(ty.shape.clone(), data)?)
    }
}

/// Number `i` of the stream `seed`, in 0..1 with 24 random bits, so that it is exact in f32 too (SplitMix64,
/// Steele et al. 2014).
fn unit(seed: u64, i: u64) -> f64 {
    let mut z =
        seed.wrapping_mul(0xA076_1D64_78BD_642F).wrapping_add((i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 40) as f64 / (1u64 << 24) as f64
}

/// A value known at compile time.
#[derive(Clone, Debug, PartialEq)]
pub struct Const {
    /// Its type.
    pub ty: Type,
    /// Its elements.
    pub init: Init,
}

impl Default for Const {
    fn default() -> Const {
        Const { ty: Type { dtype: DType::F32, shape: Shape::scalar() }, init: Init::Weights }
    }
}

impl Operator for Const {
    const NAME: &'static str = "const";
    const ARITY: (usize, usize) = (0, 0);

    fn infer(&self, _: &[&Type]) -> Result<Type, Mismatch> {
        if let Init::List(x) = &self.init {
            let n = self.ty.elements();
            require!(x.len() == n, "{} elements are listed, the type {} has {n}", x.len(), self.ty);
        }
        Ok(self.ty.clone())
    }

    fn eval(&self, _: &[&Tensor], _: &Type) -> Tensor {
        unreachable!("the evaluator reads constants from the module")
    }

    fn cost(&self, _: &[&Type], _: &Type) -> super::Cost {
        super::Cost::default()
    }
}
