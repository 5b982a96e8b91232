//! Filters: weights of products as strided views, and the panels that the product kernel reads.
//!
//! ```text
//! w[a.., o, i, u, v] = elements[first + a * outer + .. + o * output + i * input + u * row + v * column]
//! panels             = [outer..][panel][block][row][column][input in block][output in panel]
//! ```
//!
//! Outputs and inputs that fill a vector or a block up are zeros. Constants are packed now; what is computed at run
//! time is packed by strided copies.

use super::panel::Panels;
use super::strided::{self, Dim};
use crate::kernels::winograd::{Axis, Transform};
use crate::plan::weights::Word;
use crate::plan::{Layout, Place, Planner, Space, at};
use cnnc_ir::{DType, Data, NodeId, Type};
use rayon::prelude::*;
use std::ops::Range;

/// A filter, or several that lie and are packed alike.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    /// Where the elements come from.
    pub weights: NodeId,
    /// What is done to constant weights first: the loop over filters is then one over the elements of its tiles, and
    /// the taps of a filter lie side by side.
    pub transform: Option<Transform>,
    /// The extents and strides of the loops over filters: groups of channels, or phases.
    pub outer: Vec<(usize, i64)>,
    /// Output channels.
    pub outputs: usize,
    /// Input channels.
    pub inputs: usize,
    /// Rows and columns of the window.
    pub taps: (usize, usize),
    /// Input channels side by side.
    pub block: usize,
    /// The element of the first output, input, row and column.
    pub first: i64,
    /// Elements from output to output, input to input, row to row, column to column.
    pub strides: [i64; 4],
}

impl Filter {
    /// Terms of one output: inputs, filled up to whole blocks, times taps.
    pub(super) fn depth(&self) -> usize {
        self.inputs.next_multiple_of(self.block) * self.taps.0 * self.taps.1
    }

    /// Where the panels lie: packed now, or by steps that are appended.
    pub(super) fn place(&self, p: &mut Planner, panels: &Panels) -> Result<Place, String> {
        let lanes = p.target.lanes;
        if !p.module.graph[self.weights].is_const() {
            return self.copied(p, panels);
        }
        // Whatever is different makes other panels.
        let form = format!("panels of {} vectors, {self:?}", panels.vectors);
        let list = panels.list(lanes);
        let width: usize = list.iter().map(|(_, vectors)| vectors * lanes).sum();
        let filters: usize = self.outer.iter().map(|(extent, _)| extent).product();
        let filter = self.clone();
        p.pack(self.weights, &form, filters * width * self.depth(), move |t, out| {
            filter.pack(t.slice(), &list, lanes, out);
        })
    }

    /// Writes the panels of constant weights, several at a time; `panels` holds the first output and the vectors of
    /// each.
    fn pack(&self, w: &[f32], panels: &[(usize, usize)], lanes: usize, out: &mut [Word]) {
        let mut starts = vec![self.first];
        for &(extent, stride) in &self.outer {
            let along = |start: i64| (0..extent as i64).map(move |i| start + i * stride);
            starts = starts.into_iter().flat_map(along).collect();
        }
        let mut rest = out;
        let mut places: Vec<Vec<&mut [Word]>> = panels.iter().map(|_| Vec::new()).collect();
        for _ in &starts {
            for (places, (_, vectors)) in places.iter_mut().zip(panels) {
                let (place, behind) = rest.split_at_mut(vectors * lanes * self.depth());
                places.push(place);
                rest = behind;
            }
        }
        panels.par_iter().zip(places).for_each(|(&(first, vectors), mut places)| {
            let outputs = first..first + vectors * lanes;
            match self.transform {
                Some(transform) => self.transformed(transform, w, outputs, &mut places),
                None => {
                    for (&start, place) in starts.iter().zip(places) {
                        self.panel(w, start, outputs.clone(), place);
                    }
                }
            }
        });
    }

    /// Writes the panel of these outputs of the filter that begins at element `start`; output by output, whose elements
    /// tend to lie side by side.
    fn panel(&self, w: &[f32], start: i64, outputs: Range<usize>, out: &mut [Word]) {
        let [output, input, row, column] = self.strides;
        let (rows, columns) = self.taps;
        let width = outputs.len();
        let firsts = (0..self.inputs).step_by(self.block);
        for (first, block) in firsts.zip(out.chunks_exact_mut(rows * columns * self.block * width)) {
            for (lane, o) in (outputs.start..outputs.end.min(self.outputs)).enumerate() {
                for i in 0..self.block.min(self.inputs - first) {
                    let element = start + o as i64 * output + (first + i) as i64 * input;
                    for tap in 0..rows * columns {
                        let tap_element = (tap / columns) as i64 * row + (tap % columns) as i64 * column;
                        let word = &mut block[(tap * self.block + i) * width + lane];
                        *word = w[(element + tap_element) as usize].to_le_bytes();
                    }
                }
            }
        }
    }

    /// Writes the panels of these outputs for every element of transformed tiles.
    fn transformed(&self, transform: Transform, w: &[f32], outputs: Range<usize>, out: &mut [&mut [Word]]) {
        /// Filters that are transformed at once, in vectors.
        const LANES: usize = 8;
        let [output, input, ..] = self.strides;
        let matrices = [transform.rows, transform.columns].map(Axis::filter);
        let taps = transform.rows.taps * transform.columns.taps;
        let mut filters = vec![[0.0; LANES]; taps];
        for i in 0..self.inputs {
            for first in outputs.clone().step_by(LANES) {
                for (lane, o) in (first..self.outputs.min(outputs.end)).take(LANES).enumerate() {
                    let start = (self.first + o as i64 * output + i as i64 * input) as usize;
                    for (filter, &w) in filters.iter_mut().zip(&w[start..start + taps]) {
                        filter[lane] = f64::from(w);
                    }
                }
                let (at, lanes) = (i * outputs.len() + first - outputs.start, LANES.min(outputs.end - first));
                let mut element = out.iter_mut();
                Transform::filters(&matrices, &filters, |x| {
                    if let Some(element) = element.next() {
                        for (word, x) in element[at..at + lanes].iter_mut().zip(x) {
                            *word = (x as f32).to_le_bytes();
                        }
                    }
                });
                filters.fill([0.0; LANES]);
            }
        }
    }

    /// The panels of weights that are computed at run time.
    fn copied(&self, p: &mut Planner, panels: &Panels) -> Result<Place, String> {
        let lanes = p.target.lanes;
        let from = p.plain(self.weights)?;
        let name = format!("{}.panels", p.name(self.weights));
        let whole = self.outputs.div_ceil(lanes) * lanes * self.depth();
        let filters: usize = self.outer.iter().map(|(extent, _)| extent).product();
        let ty = Type::new(DType::F32, [filters * whole]).map_err(|m| m.0)?;
        let to = at(p.buffer(&name, &ty, Layout::Plain, Space::Arena));
        if !(self.outputs.is_multiple_of(lanes) && self.inputs.is_multiple_of(self.block)) {
            let zero = p.weights(&format!("{name}.zero"), Data::F32(vec![0.0]));
            let filled = [Dim { extent: filters * whole, from: 0, to: 1 }];
            let calls = strided::calls(p, DType::F32, zero, to, &filled);
            p.step(&name, "fill", "zeros".into(), calls, 0);
        }
        let mut outer = Vec::new();
        let mut behind = (filters * whole) as i64;
        for &(extent, from) in &self.outer {
            behind /= extent.max(1) as i64;
            outer.push(Dim { extent, from, to: behind });
        }
        let [output, input, row, column] = self.strides;
        let (rows, columns) = self.taps;
        let full = self.inputs / self.block;
        let mut calls = Vec::new();
        for panel in panels.kinds(self.outputs, lanes) {
            let width = panel.vectors * lanes;
            let outputs = width - lanes + panel.lanes;
            for (first, blocks, inputs) in [(0, full, self.block), (full, 1, self.inputs % self.block)] {
                let dim = |extent: usize, from: i64, to: usize| Dim { extent, from, to: to as i64 };
                let inner = [
                    dim(panel.count, output * width as i64, width * self.depth()),
                    dim(blocks, input * self.block as i64, rows * columns * self.block * width),
                    dim(rows, row, columns * self.block * width),
                    dim(columns, column, self.block * width),
                    dim(inputs, input, width),
                    dim(outputs, output, 1),
                ];
                if inner.iter().any(|d| d.extent == 0) {
                    continue;
                }
                let (o, i) = ((panel.first * lanes) as i64, (first * self.block) as i64);
                let from = from.moved(4 * (self.first + o * output + i * input));
                let before = panel.first * lanes * self.depth() + first * rows * columns * self.block * width;
                let to = to.moved(4 * before as i64);
                calls.extend(strided::calls(p, DType::F32, from, to, &[&outer[..], &inner].concat()));
            }
        }
        p.step(&name, "pack", "strided copy".into(), calls, 0);
        Ok(to)
    }
}
