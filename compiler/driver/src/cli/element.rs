//! Elements of tensors as they are printed: each by its type, integers to the last digit.

use std::cmp::Ordering;
use std::fmt::{Display, Formatter};

use cnnc_ir::Data;
use serde_json::{Value, json};

/// An element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Element {
    /// A real.
    Real(f64),
    /// An integer.
    Whole(i64),
    /// A truth value.
    Truth(bool),
}

/// What six digits behind the point show of.
const SHOWN: std::ops::Range<f64> = 1e-4..1e9;

impl Element {
    /// That in this place.
    pub(crate) fn of(data: &Data, at: usize) -> Element {
        match data {
            Data::F32(x) => Element::Real(x[at].into()),
            Data::F64(x) => Element::Real(x[at]),
            Data::F16(x) => Element::Real(x[at].into()),
            Data::I64(x) => Element::Whole(x[at]),
            Data::I32(x) => Element::Whole(x[at].into()),
            Data::I16(x) => Element::Whole(x[at].into()),
            Data::U16(x) => Element::Whole(x[at].into()),
            Data::I8(x) => Element::Whole(x[at].into()),
            Data::U8(x) => Element::Whole(x[at].into()),
            Data::Bool(x) => Element::Truth(x[at]),
        }
    }

    /// As JSON, which has no infinities and no NaN.
    pub(crate) fn json(self) -> Value {
        match self {
            Element::Real(x) => json!(x),
            Element::Whole(x) => json!(x),
            Element::Truth(x) => json!(x),
        }
    }

    /// Their order; those of one tensor are of one type.
    pub(crate) fn order(self, other: Element) -> Ordering {
        match (self, other) {
            (Element::Real(a), Element::Real(b)) => a.total_cmp(&b),
            (Element::Whole(a), Element::Whole(b)) => a.cmp(&b),
            (Element::Truth(a), Element::Truth(b)) => a.cmp(&b),
            _ => Ordering::Equal,
        }
    }
}

impl Display for Element {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.pad(&match self {
            Element::Real(x) if *x == 0.0 || SHOWN.contains(&x.abs()) || !x.is_finite() => format!("{x:.6}"),
            Element::Real(x) => format!("{x:.6e}"),
            Element::Whole(x) => x.to_string(),
            Element::Truth(x) => x.to_string(),
        })
    }
}
