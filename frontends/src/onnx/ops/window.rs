//! Windows of convolutions and pools: attributes of ONNX, one entry for each spatial dimension, as those of
//! the IR, which has two.
//!
//!     auto_pad SAME   windows = ceil(extent / stride), padding split in halves, the odd element
//!                     behind (SAME_UPPER) or in front (SAME_LOWER)
//!     auto_pad VALID  no padding
//!
//! One spatial dimension is computed as a plane of one row. Pools of more than two take the last two as a
//! plane, and then each other one as a plane whose columns do not move: what they take of a window they can
//! take of what they took along some of its dimensions.
//!
//! Refused: negative padding, and `pads` that contradict `auto_pad`.

use crate::onnx::diagnostic::{Fault, ensure, fail, fault};
use crate::onnx::node::Node;
use cnnc_ir::attrs::{Hw, Pad};
use cnnc_ir::ops::Sliding;
use cnnc_ir::{NodeId, Type};

/// A window that slides over the spatial dimensions of a value; lists have an entry for each.
pub(super) struct Window {
    pub(super) kernel: Vec<usize>,
    pub(super) stride: Vec<usize>,
    pub(super) dilation: Vec<usize>,
    /// Padding in front.
    pub(super) before: Vec<usize>,
    /// Padding behind.
    pub(super) after: Vec<usize>,
    /// Whether the number of windows was asked for directly.
    pub(super) same: bool,
}

/// A window over a plane.
#[derive(Clone, Copy)]
pub(super) struct Plane {
    pub(super) kernel: Hw,
    pub(super) stride: Hw,
    pub(super) dilation: Hw,
    pub(super) pad: Pad,
}

impl Window {
    /// The window that the attributes of a node say, over a value of type `x`; `weight` is the kernel where
    /// there is one to compare with.
    pub(super) fn new(node: &mut Node, x: &Type, weight: Option<&[usize]>) -> Result<Window, Fault> {
        let spatial = x.dims().get(2..).unwrap_or_default();
        let n = spatial.len();
        ensure!(n > 0, E_MODEL, "x {x} has no spatial dimensions");
        let kernel = kernel(node, n, weight)?;
        let (mut stride, mut dilation) = steps(node, n)?;
        let pads = list(node, "pads", 2 * n)?;
        let auto = AutoPad::new(node)?;
        let along = |d: usize| (spatial[d], kernel[d], stride[d], dilation[d]);
        let wanted: Option<Vec<usize>> = match auto {
            AutoPad::None => None,
            AutoPad::Valid => Some(vec![0; 2 * n]),
            AutoPad::Same { odd_behind } => {
                let totals: Option<Vec<usize>> = (0..n).map(|d| same_padding(along(d))).collect();
                let totals = totals.ok_or_else(|| fault!(E_LIMIT, "the padding overflows"))?;
                Some(halves(&totals, odd_behind))
            }
        };
        let mut pads = match (wanted, pads) {
            (Some(wanted), Some(pads)) if pads.iter().any(|&p| p > 0) && pads != wanted => {
                fail!(E_MODEL, "pads={pads:?} contradict auto_pad={}, which is {wanted:?}", auto.word())
            }
            (Some(wanted), _) => wanted,
            (None, pads) => pads.unwrap_or_else(|| vec![0; 2 * n]),
        };
        let after = pads.split_off(n);
        for d in 0..n {
            // ONNX: the largest integer is a legal stride. One window is there for it as for any stride over all
            // elements, and one tap for any dilation.
            let all = spatial[d].saturating_add(pads[d]).saturating_add(after[d]);
            stride[d] = stride[d].min(all.max(1));
            if kernel[d] == 1 {
                dilation[d] = 1;
            }
        }
        let same = matches!(auto, AutoPad::Same { .. });
        Ok(Window { kernel, stride, dilation, before: pads, after, same })
    }

    /// The window over the last two spatial dimensions, or over a plane of one row.
    pub(super) fn plane(&self) -> Plane {
        let hw = |list: &[usize], row: usize| match *list {
            [.., h, w] => Hw(h, w),
            _ => Hw(row, list[0]),
        };
        let (Hw(top, left), Hw(bottom, right)) = (hw(&self.before, 0), hw(&self.after, 0));
        Plane {
            kernel: hw(&self.kernel, 1),
            stride: hw(&self.stride, 1),
            dilation: hw(&self.dilation, 1),
            pad: Pad { top, left, bottom, right },
        }
    }

    /// The window over one spatial dimension, over the rows of a plane.
    fn line(&self, d: usize) -> Plane {
        Plane {
            kernel: Hw(self.kernel[d], 1),
            stride: Hw(self.stride[d], 1),
            dilation: Hw(self.dilation[d], 1),
            pad: Pad { top: self.before[d], bottom: self.after[d], ..Pad::ZERO },
        }
    }

    /// The windows along one spatial dimension of so many elements.
    pub(super) fn along(&self, d: usize, extent: usize) -> Sliding {
        Sliding {
            extent,
            before: self.before[d],
            after: self.after[d],
            kernel: self.kernel[d],
            dilation: self.dilation[d],
            stride: self.stride[d],
            ceil: false,
        }
    }

    /// Slides a pool, which adds a node for a window over planes, over all spatial dimensions of x.
    pub(super) fn pool(
        &self,
        node: &mut Node,
        x: NodeId,
        pool: impl Fn(&mut Node, NodeId, Plane) -> Result<NodeId, Fault>,
    ) -> Result<NodeId, Fault> {
        let dims = node.ty(x).dims().to_vec();
        let (outer, mut extents) = (&dims[..2], dims[2..].to_vec());
        let n = extents.len();
        if n == 2 {
            return pool(node, x, self.plane());
        }
        let planes = |front: &[usize]| outer[1] * front.iter().product::<usize>();
        let (front, plane) = extents.split_at(n.saturating_sub(2));
        let [rows, columns] = if let [h, w] = *plane { [h, w] } else { [1, plane[0]] };
        let value = node.reshaped("plane", x, &[outer[0], planes(front), rows, columns])?;
        let mut value = pool(node, value, self.plane())?;
        let inner = plane.len();
        extents.splice(n - inner.., node.ty(value).dims()[4 - inner..].to_vec());
        for d in (0..n - inner).rev() {
            let (front, behind) = (planes(&extents[..d]), extents[d + 1..].iter().product());
            value = node.reshaped("line", value, &[outer[0], front, extents[d], behind])?;
            value = pool(node, value, self.line(d))?;
            extents[d] = node.ty(value).dims()[2];
        }
        node.reshaped("pooled", value, &[outer, &extents].concat())
    }
}

/// What `auto_pad` says.
#[derive(Clone, Copy)]
pub(super) enum AutoPad {
    /// Nothing: `pads` say it.
    None,
    /// No padding.
    Valid,
    /// As much as makes the result of a size that depends on the stride alone.
    Same {
        /// Whether an odd element goes behind.
        odd_behind: bool,
    },
}

impl AutoPad {
    /// That of a node.
    pub(super) fn new(node: &mut Node) -> Result<AutoPad, Fault> {
        match node.attributes.string("auto_pad")?.as_deref() {
            None | Some("NOTSET" | "") => Ok(AutoPad::None),
            Some("VALID") => Ok(AutoPad::Valid),
            Some("SAME_UPPER") => Ok(AutoPad::Same { odd_behind: true }),
            Some("SAME_LOWER") => Ok(AutoPad::Same { odd_behind: false }),
            Some(other) => fail!(E_MODEL, "auto_pad={other:?} is none of ONNX's"),
        }
    }

    /// Its word.
    fn word(self) -> &'static str {
        match self {
            AutoPad::None => "NOTSET",
            AutoPad::Valid => "VALID",
            AutoPad::Same { odd_behind: true } => "SAME_UPPER",
            AutoPad::Same { odd_behind: false } => "SAME_LOWER",
        }
    }
}

/// Totals split in halves: the parts in front, then those behind.
pub(super) fn halves(totals: &[usize], odd_behind: bool) -> Vec<usize> {
    let small = totals.iter().map(|t| t / 2);
    let large = totals.iter().map(|t| t - t / 2);
    if odd_behind { small.chain(large).collect() } else { large.chain(small).collect() }
}

/// How many elements of padding give `ceil(extent / stride)` windows.
fn same_padding((extent, kernel, stride, dilation): (usize, usize, usize, usize)) -> Option<usize> {
    let last = extent.div_ceil(stride).saturating_sub(1).checked_mul(stride)?;
    let end = (kernel - 1).checked_mul(dilation)?.checked_add(last)?.checked_add(1)?;
    Some(end.saturating_sub(extent))
}

/// The kernel over `n` dimensions, which is that of the weight where there is one.
pub(super) fn kernel(node: &mut Node, n: usize, weight: Option<&[usize]>) -> Result<Vec<usize>, Fault> {
    let kernel = match (list(node, "kernel_shape", n)?, weight) {
        (Some(given), Some(weight)) if given != weight => {
            fail!(E_MODEL, "kernel_shape={given:?}, the weight has {weight:?}")
        }
        (Some(kernel), _) => kernel,
        (None, Some(weight)) => weight.to_vec(),
        (None, None) => fail!(E_MODEL, "kernel_shape is missing"),
    };
    ensure!(!kernel.contains(&0), E_MODEL, "kernel_shape={kernel:?} must be positive");
    Ok(kernel)
}

/// The strides and dilations over `n` dimensions.
pub(super) fn steps(node: &mut Node, n: usize) -> Result<(Vec<usize>, Vec<usize>), Fault> {
    let stride = list(node, "strides", n)?.unwrap_or_else(|| vec![1; n]);
    let dilation = list(node, "dilations", n)?.unwrap_or_else(|| vec![1; n]);
    let zeros = stride.iter().chain(&dilation).any(|&e| e == 0);
    ensure!(!zeros, E_MODEL, "strides={stride:?} and dilations={dilation:?} must be positive");
    Ok((stride, dilation))
}

/// A list of counts, as many as there should be.
pub(super) fn list(node: &mut Node, name: &str, length: usize) -> Result<Option<Vec<usize>>, Fault> {
    let Some(given) = node.attributes.ints(name)? else { return Ok(None) };
    let counts: Result<Vec<usize>, _> = given.iter().map(|&e| usize::try_from(e)).collect();
    match counts {
        Ok(counts) if counts.len() == length => Ok(Some(counts)),
        Ok(_) => fail!(E_MODEL, "{name}={given:?}: there must be {length} entries"),
        Err(_) if name == "pads" => fail!(E_UNSUPPORTED, "pads={given:?}: negative padding is not supported"),
        Err(_) => fail!(E_MODEL, "{name}={given:?}: no entry may be negative"),
    }
}
