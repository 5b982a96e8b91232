//! `resize`: channel block by channel block, a unit is one row of one block.
//!
//! All modes come down to tables made now: for each row and each column of the result, which ones of the image it is
//! made from and in which shares.

use super::conv::dims4;
use super::pipe::{read, write};
use crate::kernels::resize::Resize;
use crate::plan::{Call, Layout, Place, Planner, Term};
use cnnc_ir::ops::{self, Coordinate, ResizeMode, Taps};
use cnnc_ir::{Data, NodeId, Type};

/// Lowers a resize and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, resize: &ops::Resize) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let x = expr.operands[0];
    if !is_blend(resize, p.ty(x)) {
        return Err(format!("a value of type {} is not resized so yet", p.ty(x)));
    }
    let [n, channels, height, width] = dims4(p, x);
    let [.., oh, ow] = dims4(p, id);
    let linear = resize.mode == ResizeMode::Linear;
    let from = p.operand(x, Layout::Blocked)?;
    let to = p.result(id, Layout::Blocked);
    if p.ty(id).elements() > 0 {
        let lanes = p.target.lanes;
        let blocks = channels.div_ceil(lanes);
        let vector = 4 * lanes as i64;
        let (row, out_row) = (vector * width as i64, vector * ow as i64);
        let (plane, out_plane) = (row * height as i64, out_row * oh as i64);
        let (rows, columns) = (resize.taps(2, height), resize.taps(3, width));

        let name = p.name(id);
        let entries = each(&columns).map(|taps| entry(taps, vector)).collect::<Result<Vec<_>, _>>()?;
        let table = p.weights(&format!("{name}.columns"), &Data::F32(entries.concat()));
        let index = |dim, stride| Term::Index { dim, stride };
        let looked_up = |p: &mut Planner, suffix: &str, tap: usize| {
            let words: Vec<i64> = each(&rows).map(|taps| taps[tap].0 as i64 * row).collect();
            let most = words.iter().max().copied().unwrap_or(0);
            let table: Place = p.weights(&format!("{name}.{suffix}"), &Data::I64(words));
            let line = Term::Lookup { dim: 2, table, least: 0, most };
            read(from, vec![index(0, plane * blocks as i64), index(1, plane), line], 0..row)
        };
        let lower = looked_up(p, "rows", 0);
        let out = vec![index(0, out_plane * blocks as i64), index(1, out_plane), index(2, out_row)];
        let columns = read(table, Vec::new(), 0..ow as i64 * Resize::entry(linear));
        let mut args = vec![write(to, out, 0..out_row), lower, columns];
        if linear {
            args.push(looked_up(p, "rows_behind", 1));
            let words: Vec<f32> = rows.entries.iter().map(|&(_, share)| share).collect();
            let table = p.weights(&format!("{name}.shares"), &Data::F32(words));
            args.push(read(table, vec![index(2, 8)], 0..8));
        }
        let kernel = Resize { pixels: ow, linear };
        let call = Call {
            kernel: kernel.into(),
            extents: vec![n as u64, blocks as u64, oh as u64],
            window: None,
            args,
        };
        p.step(&name, "resize", if linear { "linear" } else { "nearest" }.into(), vec![call], 0);
    }
    super::finish(p, id, to, Layout::Blocked, expr.stages)
}

/// Whether each result is made of one row and column of a plane, or of two.
fn is_blend(resize: &ops::Resize, x: &Type) -> bool {
    let order = resize.order(x.dims());
    x.rank() == 4
        && order.iter().all(|&d| d >= 2)
        && order.iter().all(|&d| resize.taps(d, x.dims()[d]).count <= 2)
        && resize.mode != ResizeMode::Cubic
        && resize.coordinate != Coordinate::Crop
}

/// The taps of each result.
fn each(taps: &Taps) -> impl Iterator<Item = &[(usize, f32)]> {
    taps.entries.chunks_exact(taps.count)
}

/// The entry of a column in the table of the kernel, as the bits of f32: the distances of its taps, then the shares if
/// there are two.
fn entry(taps: &[(usize, f32)], vector: i64) -> Result<Vec<f32>, String> {
    let bytes = |&(column, _): &(usize, f32)| {
        let distance = i32::try_from(column as i64 * vector);
        distance.map(|d| f32::from_bits(d as u32)).map_err(|_| "rows are too wide".to_string())
    };
    let mut words = taps.iter().map(bytes).collect::<Result<Vec<f32>, _>>()?;
    if taps.len() > 1 {
        words.extend(taps.iter().map(|&(_, share)| share));
    }
    Ok(words)
}
