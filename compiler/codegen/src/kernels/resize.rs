//! resize: a row of another width, one channel block, from one or two rows of the image.
//!
//! ```text
//! nearest: y[p] = x[column[p]]
//! linear:  y[p] = blend(line(x0), line(x1), row),  line(x) = blend(x[lower[p]], x[upper[p]], share[p])
//!          blend(a, b, share) = (1 - share) * a + share * b
//! ```
//!
//! Where the columns lie is read from a table, so that the code does not grow with the row. An entry is the i32
//! distance in bytes of a column; for `linear`, of two columns and the f32 shares of both.
//!
//! Arguments: result, row of the input, table of columns; for `linear` also the row behind it, and the shares of both
//! rows.

use crate::vasm::{Addr, Bin, Builder, Kernel, LANES, P, V};

/// The facts a resize kernel is specialised to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resize {
    /// Results along the row.
    pub pixels: usize,
    /// Whether elements are blended.
    pub linear: bool,
}

/// Pixels of one trip.
const UNROLL: usize = 4;

impl Resize {
    /// Bytes of an entry of the table of columns.
    pub fn entry(linear: bool) -> i64 {
        if linear { 16 } else { 4 }
    }

    /// Writes the kernel.
    pub fn generate(&self, name: &str) -> Kernel {
        let mut k = Builder::new(name);
        let (to, table) = (k.arg(0), k.arg(2));
        let rows: Vec<P> = if self.linear { vec![k.arg(1), k.arg(3)] } else { vec![k.arg(1)] };
        let shares = self.linear.then(|| {
            let shares = k.arg(4);
            Shares::load(&mut k, shares.at(0))
        });
        let run = |k: &mut Builder, pixels: usize| {
            for p in 0..pixels as i64 {
                let y = match &shares {
                    None => {
                        let column = k.load_i32(table.at(4 * p));
                        k.load(rows[0].indexed(column, 1, 0))
                    }
                    Some(shares) => linear(k, &rows, table.at(16 * p), shares),
                };
                k.store(y, to.at((4 * LANES) as i64 * p));
            }
            k.advance(table, pixels as i64 * Resize::entry(self.linear));
            k.advance(to, (4 * LANES * pixels) as i64);
        };
        if self.pixels >= UNROLL {
            k.repeat((self.pixels / UNROLL) as u64, |k| run(k, UNROLL));
        }
        run(&mut k, self.pixels % UNROLL);
        k.finish()
    }
}

/// How much of each of two elements a blend takes.
struct Shares {
    lower: V,
    upper: V,
}

impl Shares {
    fn load(k: &mut Builder, at: Addr) -> Shares {
        Shares { lower: k.broadcast(at), upper: k.broadcast(Addr { disp: at.disp + 4, ..at }) }
    }

    fn blend(&self, k: &mut Builder, lower: V, upper: V) -> V {
        let y = k.bin(Bin::Mul, self.lower, lower);
        k.fma(y, self.upper, upper);
        y
    }
}

/// One pixel from four.
fn linear(k: &mut Builder, rows: &[P], entry: Addr, shares: &Shares) -> V {
    let word = |i: i64| Addr { disp: entry.disp + 4 * i, ..entry };
    let (lower, upper) = (k.load_i32(word(0)), k.load_i32(word(1)));
    let columns = Shares::load(k, word(2));
    let lines: Vec<V> = rows
        .iter()
        .map(|row| {
            let (a, b) = (k.load(row.indexed(lower, 1, 0)), k.load(row.indexed(upper, 1, 0)));
            columns.blend(k, a, b)
        })
        .collect();
    shares.blend(k, lines[0], lines[1])
}
