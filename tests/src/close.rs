//! When a result is the wanted one: the rule of the onnx package, and stricter where numbers are exact.
//!
//! ```text
//! |got - wanted| <= 1e-7 + 1e-3 |wanted|      floats; NaN meets NaN, an infinity itself
//! got == wanted                               everything else
//! ```
//!
//! Types are equal, element type and extents.

use cnnc_ir::{Data, Tensor};

/// What part of the wanted magnitude a result may be off.
const RELATIVE: f64 = 1e-3;
/// What it may be off besides.
const ABSOLUTE: f64 = 1e-7;

/// Whether results are the wanted ones, of which there is at least one; or what differs first.
pub fn close(wanted: &[Tensor], got: &[Tensor]) -> Result<(), String> {
    if wanted.is_empty() || wanted.len() != got.len() {
        return Err(format!("{} outputs, {} wanted", got.len(), wanted.len()));
    }
    wanted.iter().zip(got).enumerate().try_for_each(|(k, (wanted, got))| {
        if wanted.ty() != got.ty() {
            return Err(format!("output {k} is {}, wanted {}", got.ty(), wanted.ty()));
        }
        let differs = match (wanted.data(), got.data()) {
            (Data::I64(w), Data::I64(g)) => (0..w.len()).find(|&i| w[i] != g[i]),
            (w, g) => {
                let (w, g) = (w.to_f64(), g.to_f64());
                let float = wanted.data().dtype().is_float();
                (0..w.len()).find(|&i| !if float { near(w[i], g[i]) } else { w[i] == g[i] })
            }
        };
        let Some(i) = differs else { return Ok(()) };
        let (w, g) = (wanted.data().to_f64()[i], got.data().to_f64()[i]);
        Err(format!("output {k}, element {i} of {} is {g:?}, wanted {w:?}", wanted.ty()))
    })
}

fn near(wanted: f64, got: f64) -> bool {
    let same = wanted == got || wanted.is_nan() && got.is_nan();
    same || wanted.is_finite() && (got - wanted).abs() <= ABSOLUTE + RELATIVE * wanted.abs()
}
