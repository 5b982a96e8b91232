//! Windows of convolutions and pools: attributes of ONNX, one entry for each spatial dimension, as those of
//! the IR, which has two.
//!
//!     auto_pad SAME   windows = ceil(extent / stride), padding split in halves, the odd element
//!                     behind (SAME_UPPER) or in front (SAME_LOWER)
//!     auto_pad VALID  no padding
//!
//! One spatial dimension is computed as a plane of one row.
//!
//! Refused: three spatial dimensions, negative padding, and `pads` that contradict `auto_pad`.

use crate::onnx::diagnostic::{Fault, ensure, fail, fault};
use crate::onnx::node::{Node, Outcome, reshape};
use cnnc_ir::attrs::{Hw, Pad};
use cnnc_ir::ops::Op;
use cnnc_ir::{NodeId, Type};

/// A window that slides over the spatial dimensions of a value.
pub(super) struct Window {
    pub(super) kernel: Hw,
    pub(super) stride: Hw,
    pub(super) dilation: Hw,
    pub(super) pad: Pad,
    /// Whether the number of windows was asked for directly.
    pub(super) same: bool,
}

impl Window {
    /// The window that the attributes of a node say, over a value of type `x`; `weight` is the kernel where
    /// there is one to compare with.
    pub(super) fn new(node: &mut Node, x: &Type, weight: Option<&[usize]>) -> Result<Window, Fault> {
        let spatial = x.dims().get(2..).unwrap_or_default();
        let n = spatial.len();
        ensure!(
            (1..=2).contains(&n),
            E_UNSUPPORTED,
            "x {x} has {n} spatial dimensions, supported are 1 and 2"
        );
        let given = list(node, "kernel_shape", n)?;
        let kernel = match (given, weight) {
            (Some(given), Some(weight)) if given != weight => {
                fail!(E_MODEL, "kernel_shape={given:?}, the weight has {weight:?}")
            }
            (Some(kernel), _) => kernel,
            (None, Some(weight)) => weight.to_vec(),
            (None, None) => fail!(E_MODEL, "kernel_shape is missing"),
        };
        let stride = list(node, "strides", n)?.unwrap_or_else(|| vec![1; n]);
        let dilation = list(node, "dilations", n)?.unwrap_or_else(|| vec![1; n]);
        let zeros = kernel.iter().chain(&stride).chain(&dilation).any(|&e| e == 0);
        ensure!(!zeros, E_MODEL, "kernel_shape, strides and dilations must be positive");
        let pads = list(node, "pads", 2 * n)?;
        let auto = node.attributes.string("auto_pad")?.unwrap_or_else(|| "NOTSET".to_string());
        let along = |d: usize| (spatial[d], kernel[d], stride[d], dilation[d]);
        let wanted: Option<Vec<usize>> = match auto.as_str() {
            "NOTSET" | "" => None,
            "VALID" => Some(vec![0; 2 * n]),
            "SAME_UPPER" | "SAME_LOWER" => {
                let totals: Option<Vec<usize>> = (0..n).map(|d| same_padding(along(d))).collect();
                let totals = totals.ok_or_else(|| fault!(E_LIMIT, "the padding overflows"))?;
                let small = totals.iter().map(|t| t / 2);
                let large = totals.iter().map(|t| t - t / 2);
                match auto == "SAME_UPPER" {
                    true => Some(small.chain(large).collect()),
                    false => Some(large.chain(small).collect()),
                }
            }
            _ => fail!(E_MODEL, "auto_pad={auto:?} is none of ONNX's"),
        };
        let pads = match (wanted, pads) {
            (Some(wanted), Some(pads)) if pads.iter().any(|&p| p > 0) && pads != wanted => {
                fail!(E_MODEL, "pads={pads:?} contradict auto_pad={auto}, which is {wanted:?}")
            }
            (Some(wanted), _) => wanted,
            (None, pads) => pads.unwrap_or_else(|| vec![0; 2 * n]),
        };
        let hw = |list: &[usize], row: usize| match *list {
            [h, w] => Hw(h, w),
            _ => Hw(row, list[0]),
        };
        let (Hw(top, left), Hw(bottom, right)) = (hw(&pads[..n], 0), hw(&pads[n..], 0));
        Ok(Window {
            kernel: hw(&kernel, 1),
            stride: hw(&stride, 1),
            dilation: hw(&dilation, 1),
            pad: Pad { top, left, bottom, right },
            same: auto.starts_with("SAME"),
        })
    }

    /// Adds the node that slides the window over x; further operands stand in `rest`.
    pub(super) fn slide(&self, node: &mut Node, op: impl Into<Op>, x: NodeId, rest: &[NodeId]) -> Outcome {
        let dims = node.ty(x).dims().to_vec();
        let [n, c, width] = dims[..] else {
            return node.result(op, &[&[x], rest].concat());
        };
        let plane = node.reshaped("plane", x, &[n, c, 1, width])?;
        let slid = node.step("slid", op, &[&[plane], rest].concat())?;
        let slid_dims = node.ty(slid).dims().to_vec();
        node.result(reshape(&[slid_dims[0], slid_dims[1], slid_dims[3]]), &[slid])
    }
}

/// How many elements of padding give `ceil(extent / stride)` windows.
fn same_padding((extent, kernel, stride, dilation): (usize, usize, usize, usize)) -> Option<usize> {
    let last = extent.div_ceil(stride).saturating_sub(1).checked_mul(stride)?;
    let end = (kernel - 1).checked_mul(dilation)?.checked_add(last)?.checked_add(1)?;
    Some(end.saturating_sub(extent))
}

/// A list of counts, as many as there should be.
fn list(node: &mut Node, name: &str, length: usize) -> Result<Option<Vec<usize>>, Fault> {
    let Some(given) = node.attributes.ints(name)? else { return Ok(None) };
    let counts: Result<Vec<usize>, _> = given.iter().map(|&e| usize::try_from(e)).collect();
    match counts {
        Ok(counts) if counts.len() == length => Ok(Some(counts)),
        Ok(_) => fail!(E_MODEL, "{name}={given:?}: there must be {length} entries"),
        Err(_) if name == "pads" => fail!(E_UNSUPPORTED, "pads={given:?}: negative padding is not supported"),
        Err(_) => fail!(E_MODEL, "{name}={given:?}: no entry may be negative"),
    }
}
