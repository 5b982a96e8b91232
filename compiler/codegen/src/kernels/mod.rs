//! Kernels: what they compute, and how they are written in the vector assembler.
//!
//! A [`Spec`] says all there is to know about a kernel; equal specs share one function. Each variant has its file: a
//! struct of the facts it is specialised to, the arguments it takes, and the generator; `row`, `pointwise`, `fold` and
//! `winograd` are what several share. Nothing here knows a graph, a buffer or a thread: a kernel computes one unit of
//! work.

pub mod fold;
pub mod grouped;
pub mod lrn;
pub mod map;
pub mod order;
pub mod pointwise;
pub mod pool;
pub mod product;
pub mod reduce;
pub mod reorder;
pub mod resize;
pub mod row;
pub mod scalar;
pub mod softmax;
pub mod strided;
pub mod winograd;
pub mod winograd_input;
pub mod winograd_output;
mod winograd_sums;

use crate::vasm::Kernel;

/// How the code of a kernel is come by.
pub enum Code<'a> {
    /// In the vector assembler, for an emitter.
    Vector(Kernel),
    /// In CLIF, as it is.
    Scalar(&'a scalar::Scalar),
    /// In CLIF too.
    Order(&'a order::Order),
}

/// The kernels that are written in the vector assembler; behind a comma, whether one has a twin with wide vectors.
macro_rules! specs {
    (@wide $spec:ident $name:ident) => { None };
    (@wide $spec:ident $name:ident wide) => { $spec.generate_wide($name) };
    ($($file:ident $spec:ident $(, $wide:ident)?;)*) => {
        /// What a kernel computes.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Spec {
            $(
                #[doc = concat!("See [`", stringify!($file), "::", stringify!($spec), "`].")]
                $spec($file::$spec),
            )*
            /// See [`scalar::Scalar`].
            Scalar(scalar::Scalar),
            /// See [`order::Order`].
            Order(order::Order),
        }

        impl Spec {
            /// The kind of kernel, the stem of its symbol.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Spec::$spec(_) => stringify!($file),)*
                    Spec::Scalar(_) => "scalar",
                    Spec::Order(_) => "order",
                }
            }

            /// Its cost among kernels of the same kind.
            pub fn work(&self) -> u64 {
                match self {
                    Spec::Product(product) => product.work(),
                    _ => 1,
                }
            }

            /// Writes the kernel.
            pub fn generate(&self, name: &str) -> Code<'_> {
                match self {
                    $(Spec::$spec(spec) => Code::Vector(spec.generate(name)),)*
                    Spec::Scalar(spec) => Code::Scalar(spec),
                    Spec::Order(spec) => Code::Order(spec),
                }
            }

            /// Writes its twin with wide vectors, where that is quicker: it computes the same bits.
            pub fn generate_wide(&self, name: &str) -> Option<Kernel> {
                let name = &format!("{name}_wide");
                match self {
                    $(Spec::$spec(_spec) => specs!(@wide _spec name $($wide)?),)*
                    Spec::Scalar(_) | Spec::Order(_) => None,
                }
            }
        }

        $(impl From<$file::$spec> for Spec {
            fn from(spec: $file::$spec) -> Spec {
                Spec::$spec(spec)
            }
        })*
    };
}

specs! {
    product Product, wide;
    pool Pool;
    grouped Grouped, wide;
    lrn Lrn;
    softmax Softmax;
    reduce Reduce;
    resize Resize;
    map Map;
    reorder Reorder;
    strided Strided;
    winograd_input WinogradInput, wide;
    winograd_output WinogradOutput, wide;
}

impl From<scalar::Scalar> for Spec {
    fn from(spec: scalar::Scalar) -> Spec {
        Spec::Scalar(spec)
    }
}

impl From<order::Order> for Spec {
    fn from(spec: order::Order) -> Spec {
        Spec::Order(spec)
    }
}
