//! `gemm` and `matmul`: matrix products by the product kernel; a row of the left matrix is a pixel.
//!
//! A constant right matrix is packed into panels; any other is read as it lies, a row a term.

use super::filter::Filter;
use super::panel;
use super::pipe::{self, CHANNELS, Role};
use super::product::{self, Job, Outer, Part, Rings, Weights};
use super::scalar::{self, Element};
use super::zeros;
use crate::kernels::product::{Destination, Product};
use crate::plan::{Layout, Place, Planner};
use crate::scalar::Value;
use cnnc_ir::ops::{Add, Gemm};
use cnnc_ir::{NodeId, Op, Stage};

/// Lowers a product of two matrices, the tensor added to it and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, gemm: &Gemm) -> Result<(), String> {
    let mut expr = p.module.graph.expr(id);
    let (a, b) = (expr.operands[0], expr.operands[1]);
    let left = p.plain(a)?;
    let left = if gemm.trans_a { super::transpose::matrix(p, a, left)? } else { left };
    let mut bias = None;
    if let Some(&c) = expr.operands.get(2) {
        if matches!(pipe::role(p, c, id, CHANNELS), Role::Channel) {
            bias = Some(pipe::channels(p, c)?);
        } else {
            expr.stages.insert(0, Stage { op: Op::Add(Add), operands: vec![c] });
        }
    }
    let [m, n] = [p.ty(id).dims()[0], p.ty(id).dims()[1]];
    let k = p.ty(b).dims()[usize::from(gemm.trans_b)];
    let product =
        Matrices { id, op: "gemm", batch: Vec::new(), m, k, n, left, right: b, trans_b: gemm.trans_b };
    product.lower(p, bias, expr.stages)
}

/// Lowers a product of stacks of matrices.
pub(super) fn lower_matmul(p: &mut Planner, id: NodeId) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let (a, b) = (expr.operands[0], expr.operands[1]);
    let left = p.plain(a)?;
    let (da, db, dy) = (p.ty(a).dims(), p.ty(b).dims(), p.ty(id).dims());
    let rank = dy.len();
    let (k, n) = (db[db.len() - 2], db[db.len() - 1]);
    let mut product = Matrices {
        id,
        op: "matmul",
        batch: Vec::new(),
        m: dy[rank - 2],
        k,
        n,
        left,
        right: b,
        trans_b: false,
    };
    if db.len() == 2 && da.len() == rank {
        // One right matrix for the whole stack: its left matrices are one long one.
        product.m = dy[..rank - 1].iter().product();
    } else {
        let strides = |dims: &[usize]| -> Vec<i64> {
            let missing = rank - dims.len();
            (0..rank - 2)
                .map(|d| match d.checked_sub(missing) {
                    Some(i) if dims[i] != 1 => 4 * dims[i + 1..].iter().product::<usize>() as i64,
                    _ => 0,
                })
                .collect()
        };
        let (sa, sb, sy) = (strides(da), strides(db), strides(dy));
        product.batch = (0..rank - 2)
            .map(|d| Outer { extent: dy[d], input: sa[d], weights: sb[d], output: sy[d], ..Outer::default() })
            .collect();
    }
    product.lower(p, None, expr.stages)
}

/// A product of two matrices of any element type, element by element.
pub(super) fn lower_each(p: &mut Planner, id: NodeId, gemm: &Gemm) -> Result<(), String> {
    let has_c = p.module.graph.expr(id).operands.len() > 2;
    scalar::lower(p, id, |e| {
        let (a, b) = (e.operand(0), e.operand(1));
        let [i, j] = e.at()?;
        let turned = |first, second, is_turned| if is_turned { [second, first] } else { [first, second] };
        let depth = a.dims()[usize::from(!gemm.trans_a)];
        let sum = e.sum(depth, e.number(a.dtype(), 0), |k| {
            a.at(&turned(i, k, gemm.trans_a)) * b.at(&turned(k, j, gemm.trans_b))
        });
        Ok(if has_c { sum + e.operand(2).here() } else { sum })
    })
}

/// A product of stacks of matrices of any element type, element by element.
pub(super) fn lower_matmul_each(p: &mut Planner, id: NodeId) -> Result<(), String> {
    scalar::lower(p, id, |e| {
        let (a, b) = (e.operand(0), e.operand(1));
        multiply(e, e.number(a.dtype(), 0), |sum, a_at, b_at| {
            a.stretched(a_at).mul_add(b.stretched(b_at), sum)
        })
    })
}

/// The sum along a row of the first operand and a column of the second, the matrices of which broadcast: `term` adds
/// what an element of each, given by coordinates, make.
pub(super) fn multiply<'e>(
    e: &'e Element<'e>,
    start: Value<'e>,
    term: impl Fn(Value<'e>, &[Value<'e>], &[Value<'e>]) -> Value<'e>,
) -> Result<Value<'e>, String> {
    let at = e.coordinates();
    let ([stack @ .., i, j], [.., depth]) = (&at[..], e.operand(0).dims()) else {
        return Err("the result is no matrix".into());
    };
    let [sum] = e.fold(*depth, [start], |k, [sum]| {
        [term(sum, &[stack, &[*i, k]].concat(), &[stack, &[k, *j]].concat())]
    });
    Ok(sum)
}

/// A product `[m, k] x [k, n]`, or a stack of them.
struct Matrices<'a> {
    id: NodeId,
    op: &'a str,
    batch: Vec<Outer>,
    m: usize,
    k: usize,
    n: usize,
    left: Place,
    right: NodeId,
    trans_b: bool,
}

impl Matrices<'_> {
    fn lower(self, p: &mut Planner, bias: Option<Place>, stages: Vec<Stage>) -> Result<(), String> {
        let Matrices { id, op, batch, m, k, n, left, right, trans_b } = self;
        let lanes = p.target.lanes;
        let is_packed = p.ty(right).rank() == 2 && p.module.graph[right].is_const();
        let weights = match is_packed {
            true => Weights::Packed(Filter {
                weights: right,
                transform: None,
                outer: Vec::new(),
                outputs: n,
                inputs: k,
                taps: (1, 1),
                block: lanes,
                first: 0,
                strides: if trans_b { [k as i64, 1, 0, 0] } else { [1, n as i64, 0, 0] },
            }),
            false => {
                let place = p.plain(right)?;
                Weights::Rows(if trans_b { super::transpose::matrix(p, right, place)? } else { place })
            }
        };
        let listed = match is_packed && m == 1 && batch.is_empty() {
            true => zeros::list(p, id, [p.module.graph.operands(id)[0], right], left, k)?,
            false => None,
        };
        let images: usize = batch.iter().map(|o| o.extent).product();
        let row = 4 * k as i64;
        let kernel = Product {
            pixels: 0,
            vectors: 0,
            tile: 0,
            block: lanes,
            blocks: None,
            rest: 0,
            taps: 1,
            stride: 1,
            pad: 0,
            dilation: 1,
            width: m,
            column: row,
            row: None,
            block_bytes: 4 * lanes as i64,
            term: 4 * n as i64,
            weights_cut: false,
            prefetch: 0,
            bias: false,
            to: Destination {
                pixel: 4 * n as i64,
                vector: 4 * lanes as i64,
                lanes,
                padded: false,
                stored: true,
            },
            pipe: Vec::new(),
            sums: None,
            list: None,
        };
        let macs = (images * m * n * k) as u64;
        let job = Job {
            id,
            op,
            outputs: n,
            axis: p.ty(id).rank() - 1,
            parts: vec![Part {
                outer: batch,
                rows: panel::rows(p.target, m, 4 * n as i64, row),
                channels: k,
                kernel,
                window: None,
                input: left,
                weights,
                start: 0,
                listed,
            }],
            rings: Rings::default(),
            bias,
            to: None,
            layout: Layout::Plain,
            stages,
            summed: None,
            macs,
        };
        product::lower(p, job)
    }
}
