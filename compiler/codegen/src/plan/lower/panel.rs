//! How a product is cut: output channels into panels of vectors, results into rows of pixels.

use super::pieces::pieces;
use crate::kernels::product::Product;
use crate::target::Target;

/// Pixels of a row that may be cut anywhere: at least, so that starting it costs nothing beside it; at most, so that
/// threads have something to share.
const LEAST_PIXELS: usize = 48;
const MOST_PIXELS: usize = 128;

/// Rows of a map whose rows are summed, at most, and what their pixels are a multiple of: whole tiles.
const SUMMED_ROWS: usize = 8;
const SUMMED_PIXELS: usize = 12;

/// How results are cut into rows, the innermost loop.
pub(super) struct Rows {
    /// Results of one row.
    pub pixels: usize,
    /// How many rows.
    pub count: usize,
    /// Bytes from row to row of the result.
    pub output: i64,
    /// Bytes from row to row of the input; 0 where the window says it.
    pub input: i64,
}

/// How output channels are cut: `full` panels of `vectors`, then one of `rest` vectors.
#[derive(Clone, Copy)]
pub(super) struct Panels {
    pub vectors: usize,
    pub full: usize,
    pub rest: usize,
}

/// A kind of panel: `count` of them, the first starting at vector `first`.
pub(super) struct Panel {
    pub first: usize,
    pub count: usize,
    pub vectors: usize,
    /// Lanes of the last vector that are output channels.
    pub lanes: usize,
}

impl Panels {
    /// The kinds of panel; the one whose last vector is not full stands apart.
    pub(super) fn kinds(&self, outputs: usize, lanes: usize) -> Vec<Panel> {
        let mut kinds = vec![
            Panel { first: 0, count: self.full, vectors: self.vectors, lanes },
            Panel { first: self.full * self.vectors, count: 1, vectors: self.rest, lanes },
        ];
        kinds.retain(|k| k.count * k.vectors > 0);
        if !outputs.is_multiple_of(lanes)
            && let Some(last) = kinds.last_mut()
        {
            let first = last.first + (last.count - 1) * last.vectors;
            let cut = Panel { first, count: 1, vectors: last.vectors, lanes: outputs % lanes };
            last.count -= 1;
            kinds.push(cut);
            kinds.retain(|k| k.count > 0);
        }
        kinds
    }

    /// The first output channel and the vectors of each panel, in order.
    pub(super) fn list(&self, lanes: usize) -> Vec<(usize, usize)> {
        let full = (0..self.full).map(|i| (i * self.vectors * lanes, self.vectors));
        full.chain((self.rest > 0).then_some((self.full * self.vectors * lanes, self.rest))).collect()
    }
}

/// The cut that takes the fewest cycles; with wide vectors they count twice, as they are half as many. Panels of four
/// vectors, which read the input least often, win a tie (PERF: ResNet-50 on Zen 4, least of three interleaved runs:
/// 74.2 ms, against 74.7 where two vectors win).
pub(super) fn cut(target: &Target, outputs: usize, rows: &[Rows]) -> Panels {
    let vectors = outputs.div_ceil(target.lanes);
    // A single row of one pixel streams its weights: as many sums as hide the latency of a multiply-add.
    if rows.iter().all(|r| r.pixels == 1) {
        let widest = vectors.min(target.accumulators.min(8));
        return Panels { vectors: widest, full: vectors / widest, rest: vectors % widest };
    }
    let cycles_of = |row: &Rows, n: usize| {
        let narrow = Product::row_cycles(row.pixels, n, tile(target, n));
        let registers = n.div_ceil(2);
        let wide = || Product::row_cycles(row.pixels, registers, Target::WIDE_ACCUMULATORS / registers);
        row.count as f64 * if target.wide { narrow + 2.0 * wide() } else { narrow }
    };
    let cycles = |n: usize| rows.iter().map(|row| cycles_of(row, n)).sum::<f64>();
    let cost = |n: usize| {
        let rest = vectors % n;
        (vectors / n) as f64 * cycles(n) + if rest > 0 { cycles(rest) } else { 0.0 }
    };
    // Only what is clearly cheaper displaces the widest panel: the table is no more exact than that.
    let narrower = (1..=vectors.min(3)).rev();
    let best = narrower.fold(vectors.min(4), |best, n| if cost(n) < 0.99 * cost(best) { n } else { best });
    Panels { vectors: best, full: vectors / best, rest: vectors % best }
}

/// Pixels of the widest tile beside so many vectors.
pub(super) fn tile(target: &Target, vectors: usize) -> usize {
    (target.accumulators / vectors).max(1)
}

/// Cuts `pixels` that may be cut anywhere into rows that fill register tiles and can be shared out.
pub(super) fn rows(target: &Target, pixels: usize, output: i64, input: i64) -> Vec<Rows> {
    let cycles = |n: usize| Product::row_cycles(n, 2, tile(target, 2));
    let cost = |n: usize| {
        let whole = (pixels / n) as f64 * cycles(n);
        whole + if pixels.is_multiple_of(n) { 0.0 } else { cycles(pixels % n) }
    };
    let most = pixels.min(MOST_PIXELS);
    let piece =
        (pixels.min(LEAST_PIXELS)..=most).min_by(|&a, &b| cost(a).total_cmp(&cost(b)).then(b.cmp(&a)));
    cut_rows(pixels, piece.unwrap_or(pixels), output, input)
}

/// Cuts `pixels` that are summed by rows: alike for all machines, whose tiles differ, and into few rows, whose sums
/// take memory.
pub(super) fn summed_rows(pixels: usize, output: i64, input: i64) -> Vec<Rows> {
    let count = (pixels / LEAST_PIXELS).clamp(1, SUMMED_ROWS);
    let piece = pixels.div_ceil(count).next_multiple_of(SUMMED_PIXELS).min(pixels);
    cut_rows(pixels, piece, output, input)
}

fn cut_rows(pixels: usize, piece: usize, output: i64, input: i64) -> Vec<Rows> {
    let (output, input) = (output * piece as i64, input * piece as i64);
    pieces(pixels, piece).map(|(_, count, pixels)| Rows { pixels, count, output, input }).collect()
}
