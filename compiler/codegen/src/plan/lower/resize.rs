//! `resize`: channel block by channel block, a unit is one row of one block.
//!
//! All modes come down to tables made now: for each row and each column of the result, which ones of the image it is
//! made from and in which shares.

use super::conv::dims4;
use super::pipe::{read, write};
use crate::kernels::resize::Resize;
use crate::plan::{Call, Layout, Place, Planner, Term};
use cnnc_ir::ops::{self, ResizeMode, Source};
use cnnc_ir::{Data, NodeId};

/// Lowers a resize and the pipe behind it.
pub(super) fn lower(p: &mut Planner, id: NodeId, resize: &ops::Resize) -> Result<(), String> {
    let expr = p.module.graph.expr(id);
    let x = expr.operands[0];
    if p.ty(x).rank() != 4 {
        return Err(format!("a value of type {} is not resized yet, only those of rank 4", p.ty(x)));
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
        let (rows, columns) = (resize.sources(2, height), resize.sources(3, width));

        let name = p.name(id);
        let entries = columns.iter().map(|s| entry(s, vector, linear)).collect::<Result<Vec<_>, _>>()?;
        let table = p.weights(&format!("{name}.columns"), &Data::F32(entries.concat()));
        let index = |dim, stride| Term::Index { dim, stride };
        let looked_up = |p: &mut Planner, suffix: &str, pick: fn(&Source) -> usize| {
            let words: Vec<i64> = rows.iter().map(|s| pick(s) as i64 * row).collect();
            let most = words.iter().max().copied().unwrap_or(0);
            let table: Place = p.weights(&format!("{name}.{suffix}"), &Data::I64(words));
            let line = Term::Lookup { dim: 2, table, least: 0, most };
            read(from, vec![index(0, plane * blocks as i64), index(1, plane), line], 0..row)
        };
        let lower = looked_up(p, "rows", |s| s.lower);
        let out = vec![index(0, out_plane * blocks as i64), index(1, out_plane), index(2, out_row)];
        let columns = read(table, Vec::new(), 0..ow as i64 * Resize::entry(linear));
        let mut args = vec![write(to, out, 0..out_row), lower, columns];
        if linear {
            args.push(looked_up(p, "rows_behind", |s| s.upper));
            let words: Vec<f32> = rows.iter().flat_map(|s| [1.0 - s.weight, s.weight]).collect();
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

/// The entry of a column in the table of the kernel, as the bits of f32.
fn entry(source: &Source, vector: i64, linear: bool) -> Result<Vec<f32>, String> {
    let bytes = |column: usize| {
        let distance = i32::try_from(column as i64 * vector);
        distance.map(|d| f32::from_bits(d as u32)).map_err(|_| "rows are too wide".to_string())
    };
    Ok(match linear {
        true => vec![bytes(source.lower)?, bytes(source.upper)?, 1.0 - source.weight, source.weight],
        false => vec![bytes(source.lower)?],
    })
}
