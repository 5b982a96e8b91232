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
pub mod terms;
pub mod winograd;
pub mod winograd_input;
pub mod winograd_output;
mod winograd_sums;

use crate::scalar::Interval;
use crate::vasm::Kernel;
use cranelift_frontend::FunctionBuilder;
use std::fmt::Debug;

/// How the code of a kernel is come by.
pub enum Code<'a> {
    /// In the vector assembler, for an emitter.
    Vector(Kernel),
    /// In CLIF, as it is.
    Clif(&'a dyn Clif),
}

/// A kernel that is written in CLIF.
pub trait Clif: Debug {
    /// Writes the body of a function of the kernel signature.
    fn build(&self, b: &mut FunctionBuilder);
}

/// The kernels that are written in the vector assembler; behind a comma, whether one has a twin with wide vectors.
/// Behind the arrow those that are written in CLIF.
macro_rules! specs {
    (@wide $spec:ident $name:ident) => { None };
    (@wide $spec:ident $name:ident wide) => { $spec.generate_wide($name) };
    ($($file:ident $spec:ident $(, $wide:ident)?;)* => $($clif_file:ident $clif:ident;)*) => {
        /// What a kernel computes.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum Spec {
            $(
                #[doc = concat!("See [`", stringify!($file), "::", stringify!($spec), "`].")]
                $spec($file::$spec),
            )*
            $(
                #[doc = concat!("See [`", stringify!($clif_file), "::", stringify!($clif), "`].")]
                $clif($clif_file::$clif),
            )*
        }

        impl Spec {
            /// The kind of kernel, the stem of its symbol.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Spec::$spec(_) => stringify!($file),)*
                    $(Spec::$clif(_) => stringify!($clif_file),)*
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
                    $(Spec::$clif(spec) => Code::Clif(spec),)*
                }
            }

            /// Writes its twin with wide vectors, where that is quicker: it computes the same bits.
            pub fn generate_wide(&self, name: &str) -> Option<Kernel> {
                let name = &format!("{name}_wide");
                match self {
                    $(Spec::$spec(_spec) => specs!(@wide _spec name $($wide)?),)*
                    $(Spec::$clif(_) => None,)*
                }
            }
        }

        specs!(@from $($file $spec)* $($clif_file $clif)*);
    };
    (@from $($file:ident $spec:ident)*) => {
        $(impl From<$file::$spec> for Spec {
            fn from(spec: $file::$spec) -> Spec {
                Spec::$spec(spec)
            }
        })*
    };
}

impl Spec {
    /// The bounds of the words at some bytes behind an argument, where they are a list's; see
    /// [`Words::table`](crate::vasm::footprint::Words::table).
    pub fn listed(
        &self,
        arg: u32,
        at: Interval,
        number: &dyn Fn(u32) -> Option<Interval>,
    ) -> Option<Interval> {
        match self {
            Spec::Product(product) if product.list == Some(arg) => product.listed_terms(at, number),
            _ => None,
        }
    }
}

specs! {
    product Product, wide;
    pool Pool;
    grouped Grouped, wide;
    lrn Lrn;
    softmax Softmax;
    reduce Reduce;
    resize Resize;
    map Map, wide;
    reorder Reorder;
    strided Strided;
    winograd_input WinogradInput, wide;
    winograd_output WinogradOutput, wide;
    =>
    scalar Scalar;
    order Order;
    terms Terms;
}
