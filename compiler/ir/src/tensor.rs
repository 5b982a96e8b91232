//! Tensors of the evaluator and of constants: a shape and its elements in row-major order.

use crate::{DType, Mismatch, Shape, Type, ValueError, error::require};
use half::f16;
use rayon::prelude::*;

/// The elements of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// IEEE 754 binary32.
    F32(Vec<f32>),
    /// IEEE 754 binary64.
    F64(Vec<f64>),
    /// IEEE 754 binary16.
    F16(Vec<f16>),
    /// Signed, 64 bits.
    I64(Vec<i64>),
    /// Signed, 32 bits.
    I32(Vec<i32>),
    /// Signed, 16 bits.
    I16(Vec<i16>),
    /// Unsigned, 16 bits.
    U16(Vec<u16>),
    /// Signed, 8 bits.
    I8(Vec<i8>),
    /// Unsigned, 8 bits.
    U8(Vec<u8>),
    /// True or false.
    Bool(Vec<bool>),
}

/// A Rust type that is an element type.
pub trait Element: Copy + Send + Sync + std::fmt::Debug + 'static {
    /// The element type.
    const DTYPE: DType;
    /// Wraps elements.
    fn wrap(elements: Vec<Self>) -> Data;
    /// The elements, if they are of this type.
    fn slice(data: &Data) -> Option<&[Self]>;
}

macro_rules! elements {
    ($($t:ty => $v:ident),*) => {
        $(impl Element for $t {
            const DTYPE: DType = DType::$v;
            fn wrap(elements: Vec<$t>) -> Data {
                Data::$v(elements)
            }
            fn slice(data: &Data) -> Option<&[$t]> {
                match data {
                    Data::$v(x) => Some(x),
                    _ => None,
                }
            }
        })*

        impl Data {
            /// What the elements are.
            pub fn dtype(&self) -> DType {
                match self { $(Data::$v(_) => DType::$v),* }
            }

            /// How many there are.
            pub fn len(&self) -> usize {
                match self { $(Data::$v(x) => x.len()),* }
            }

            /// Element `i` of the result is element `index(i)` of this, asked for in ascending order of `i`;
            /// `None` gives `fill`, rounded to the type.
            pub fn gather(
                &self,
                count: usize,
                fill: f64,
                mut index: impl FnMut(usize) -> Option<usize>,
            ) -> Data {
                match self {
                    $(Data::$v(x) => {
                        let fill = <$t as FromF64>::from_f64_lossy(fill);
                        Data::$v((0..count).map(|i| index(i).map_or(fill, |k| x[k])).collect())
                    })*
                }
            }

            /// `count` elements of a type, element `i` being `element(i)`, rounded to the type.
            ///
            /// # Errors
            /// When the system has no memory for them: a model of a few bytes may ask for any number.
            pub fn generated(
                dtype: DType,
                count: usize,
                element: impl FnMut(usize) -> f64,
            ) -> Result<Data, ValueError> {
                match dtype {
                    $(DType::$v => {
                        let mut elements = Vec::new();
                        let refused = |_| ValueError::NoMemory(count, dtype.bytes());
                        elements.try_reserve_exact(count).map_err(refused)?;
                        elements.extend((0..count).map(element).map(<$t as FromF64>::from_f64_lossy));
                        Ok(Data::$v(elements))
                    })*
                }
            }

            /// A few elements of a type, all equal to `value`, rounded to the type.
            pub fn splat(dtype: DType, count: usize, value: f64) -> Data {
                match dtype {
                    $(DType::$v => Data::$v(vec![<$t as FromF64>::from_f64_lossy(value); count])),*
                }
            }

            /// The elements as f64, rounded where they need more than 53 bits.
            pub fn to_f64(&self) -> Vec<f64> {
                match self {
                    $(Data::$v(x) => x.iter().map(|&e| <$t as FromF64>::to_f64_lossy(e)).collect()),*
                }
            }

            /// The elements as they lie in memory and in files: little-endian, densely packed.
            pub fn to_le_bytes(&self) -> Vec<u8> {
                match self {
                    $(Data::$v(x) => x.iter().flat_map(|&e| <$t as LeBytes>::to_bytes(e)).collect()),*
                }
            }

            /// Elements from little-endian bytes; a last one that is not whole is left out.
            pub fn from_le_bytes(dtype: DType, bytes: &[u8]) -> Data {
                match dtype {
                    $(DType::$v => Data::$v(<$t as LeBytes>::from_bytes(bytes))),*
                }
            }
        }
    };
}

elements!(f32 => F32, f64 => F64, f16 => F16, i64 => I64, i32 => I32, i16 => I16, u16 => U16, i8 => I8, u8 => U8,
    bool => Bool);

/// Conversion by the rules of Rust's `as`: floats round to nearest, integers saturate, anything but 0 is
/// true.
trait FromF64 {
    fn from_f64_lossy(x: f64) -> Self;
    fn to_f64_lossy(self) -> f64;
}

macro_rules! from_f64 {
    ($($t:ty),*) => { $(impl FromF64 for $t {
        fn from_f64_lossy(x: f64) -> $t {
            x as $t
        }
        fn to_f64_lossy(self) -> f64 {
            self as f64
        }
    })* };
}

from_f64!(f32, f64, i64, i32, i16, u16, i8, u8);

impl FromF64 for f16 {
    /// Through f32, whose last bit is set where it is not exact: so the second rounding sees what the first left.
    fn from_f64_lossy(x: f64) -> f16 {
        let near = x as f32;
        if x.is_nan() || f64::from(near) == x {
            return f16::from_f32(near);
        }
        let below = near.to_bits() - u32::from(f64::from(near).abs() > x.abs());
        f16::from_f32(f32::from_bits(below | 1))
    }
    fn to_f64_lossy(self) -> f64 {
        self.to_f64()
    }
}

impl FromF64 for bool {
    fn from_f64_lossy(x: f64) -> bool {
        x != 0.0
    }
    fn to_f64_lossy(self) -> f64 {
        f64::from(u8::from(self))
    }
}

/// Elements as bytes; any byte but 0 is true.
trait LeBytes: Sized {
    fn to_bytes(self) -> impl Iterator<Item = u8>;
    fn from_bytes(bytes: &[u8]) -> Vec<Self>;
}

macro_rules! le_bytes {
    ($($t:ty),*) => { $(impl LeBytes for $t {
        fn to_bytes(self) -> impl Iterator<Item = u8> {
            self.to_le_bytes().into_iter()
        }
        fn from_bytes(bytes: &[u8]) -> Vec<$t> {
            let elements = bytes.as_chunks().0.par_iter().with_min_len(1 << 18);
            elements.map(|&e| <$t>::from_le_bytes(e)).collect()
        }
    })* };
}

le_bytes!(f32, f64, f16, i64, i32, i16, u16, i8, u8);

impl LeBytes for bool {
    fn to_bytes(self) -> impl Iterator<Item = u8> {
        [u8::from(self)].into_iter()
    }
    fn from_bytes(bytes: &[u8]) -> Vec<bool> {
        bytes.iter().map(|&e| e != 0).collect()
    }
}

impl Data {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements in another type: floats round to nearest, floats to integers truncate and saturate,
    /// integers wrap (as ONNX Cast has it for integers), anything but 0 is true.
    pub fn cast(&self, to: DType) -> Data {
        if to == self.dtype() {
            return self.clone();
        }
        let integers: Option<Vec<i64>> = match self {
            Data::I64(x) => Some(x.clone()),
            Data::I32(x) => Some(x.iter().map(|&e| i64::from(e)).collect()),
            Data::I16(x) => Some(x.iter().map(|&e| i64::from(e)).collect()),
            Data::U16(x) => Some(x.iter().map(|&e| i64::from(e)).collect()),
            Data::I8(x) => Some(x.iter().map(|&e| i64::from(e)).collect()),
            Data::U8(x) => Some(x.iter().map(|&e| i64::from(e)).collect()),
            _ => None,
        };
        if let (Data::F64(x), DType::F32) = (self, to) {
            return Data::F32(x.iter().map(|&e| e as f32).collect());
        }
        match (integers, to) {
            (Some(x), DType::I32) => Data::I32(x.iter().map(|&e| e as i32).collect()),
            (Some(x), DType::I16) => Data::I16(x.iter().map(|&e| e as i16).collect()),
            (Some(x), DType::U16) => Data::U16(x.iter().map(|&e| e as u16).collect()),
            (Some(x), DType::I8) => Data::I8(x.iter().map(|&e| e as i8).collect()),
            (Some(x), DType::U8) => Data::U8(x.iter().map(|&e| e as u8).collect()),
            (Some(x), DType::I64) => Data::I64(x),
            (Some(x), DType::F32) => Data::F32(x.iter().map(|&e| e as f32).collect()),
            _ => {
                let x = self.to_f64();
                match to {
                    DType::F32 => Data::F32(x.iter().map(|&e| e as f32).collect()),
                    DType::F64 => Data::F64(x),
                    DType::F16 => Data::F16(x.iter().map(|&e| FromF64::from_f64_lossy(e)).collect()),
                    DType::I64 => Data::I64(x.iter().map(|&e| e as i64).collect()),
                    DType::I32 => Data::I32(x.iter().map(|&e| e as i32).collect()),
                    DType::I16 => Data::I16(x.iter().map(|&e| e as i16).collect()),
                    DType::U16 => Data::U16(x.iter().map(|&e| e as u16).collect()),
                    DType::I8 => Data::I8(x.iter().map(|&e| e as i8).collect()),
                    DType::U8 => Data::U8(x.iter().map(|&e| e as u8).collect()),
                    DType::Bool => Data::Bool(x.iter().map(|&e| e != 0.0).collect()),
                }
            }
        }
    }
}

/// A tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Shape,
    data: Data,
}

impl Tensor {
    /// A tensor; the elements must be as many as the shape says.
    pub fn new(shape: Shape, data: Data) -> Result<Tensor, Mismatch> {
        require!(
            shape.elements() == data.len(),
            "a tensor of shape {shape} needs {} elements, {} are given",
            shape.elements(),
            data.len()
        );
        Ok(Tensor { shape, data })
    }

    /// A tensor of elements that the caller counted.
    ///
    /// # Panics
    /// When the count is wrong: that is a bug in cnnc, never a property of its input.
    pub fn of<T: Element>(shape: &Shape, elements: Vec<T>) -> Tensor {
        assert_eq!(shape.elements(), elements.len(), "elements of a tensor of shape {shape}");
        Tensor { shape: shape.clone(), data: T::wrap(elements) }
    }

    /// Its extents.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Its elements.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Its elements, owned.
    pub fn into_data(self) -> Data {
        self.data
    }

    /// Its type.
    pub fn ty(&self) -> Type {
        Type { dtype: self.data.dtype(), shape: self.shape.clone() }
    }

    /// Its elements as a slice of `T`.
    ///
    /// # Panics
    /// When they are of another type: shape inference has ruled that out before anything is evaluated.
    pub fn slice<T: Element>(&self) -> &[T] {
        T::slice(&self.data).unwrap_or_else(|| panic!("{} elements read as {}", self.data.dtype(), T::DTYPE))
    }

    /// The same elements in another shape of as many.
    pub fn reshaped(&self, shape: &Shape) -> Tensor {
        assert_eq!(shape.elements(), self.data.len(), "elements of a tensor of shape {shape}");
        Tensor { shape: shape.clone(), data: self.data.clone() }
    }

    /// A tensor of that shape whose element `i` is element `index(i)` of this, asked for in ascending order
    /// of `i`; `None` gives `fill`, rounded to the type.
    pub fn gathered(&self, shape: &Shape, fill: f64, index: impl FnMut(usize) -> Option<usize>) -> Tensor {
        Tensor { shape: shape.clone(), data: self.data.gather(shape.elements(), fill, index) }
    }

    /// The same tensor with elements of another type.
    pub fn cast(&self, dtype: DType) -> Tensor {
        Tensor { shape: self.shape.clone(), data: self.data.cast(dtype) }
    }
}

/// Runs a block with `$T` bound to the tensor's kind of real number, f32 or f64.
macro_rules! with_real {
    ($tensor:expr, $T:ident => $body:expr) => {
        match $tensor.data() {
            $crate::Data::F64(_) => {
                type $T = f64;
                $body
            }
            _ => {
                type $T = f32;
                $body
            }
        }
    };
}
pub(crate) use with_real;

/// Runs a block with `$T` bound to the tensor's element type, whichever it is.
macro_rules! with_element {
    ($tensor:expr, $T:ident => $body:expr) => {
        $crate::tensor::with_element!(@ $tensor, $T => $body,
            F32 f32, F64 f64, F16 half::f16, I64 i64, I32 i32, I16 i16, U16 u16, I8 i8, U8 u8, Bool bool)
    };
    (@ $tensor:expr, $T:ident => $body:expr, $($v:ident $t:ty),*) => {
        match $tensor.data() {
            $($crate::Data::$v(_) => {
                type $T = $t;
                $body
            })*
        }
    };
}
pub(crate) use with_element;
