//! Cuts of an extent: as many equal pieces as fit, and what is left.
//!
//! ```text
//! pieces(19, 8) = (0, 2, 8), (2, 1, 3)       first piece, how many, elements of each
//! ```
//!
//! Channels are cut into blocks, runs into what a kernel takes at once. The calls of a step differ in little but that.

/// Pieces that are alike: the first of them, how many there are, and the elements of each.
pub(super) type Pieces = (usize, usize, usize);

/// The pieces of `most` elements that `all` has, and the rest, if there are such.
pub(super) fn pieces(all: usize, most: usize) -> impl Iterator<Item = Pieces> {
    let full = all / most;
    [(0, full, most), (full, 1, all % most)].into_iter().filter(|&(_, count, each)| count > 0 && each > 0)
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn cover_each_element_once() {
        for (all, most) in (0..40).flat_map(|all| (1..20).map(move |most| (all, most))) {
            let covered: Vec<usize> = pieces(all, most)
                .flat_map(|(first, count, each)| (first..first + count).map(move |piece| (piece, each)))
                .flat_map(|(piece, each)| piece * most..piece * most + each)
                .collect();
            assert_eq!(covered, (0..all).collect::<Vec<_>>(), "{all} by {most}");
        }
    }
}
