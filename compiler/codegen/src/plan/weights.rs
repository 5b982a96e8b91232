//! The weights of a program: constants in the order in which kernels read them.
//!
//! ```text
//! piece 0 | zeros up to 64 bytes | piece 1 | ..      a piece: elements as they are, or packed from a tensor
//! ```
//!
//! Lowering only says what lies where; the pieces are made when the weights are wanted, several at a time, each in its
//! place. INVARIANT: the bytes do not depend on the number of threads.

use super::ALIGN;
use cnnc_ir::{Data, Tensor};
use rayon::prelude::*;
use std::fmt;
use std::sync::Arc;

/// Four bytes of an f32, little-endian.
pub(super) type Word = [u8; 4];

/// How the words of a piece are made; they are zero before.
type Pack = Arc<dyn Fn(&Tensor, &mut [Word]) + Send + Sync>;

#[derive(Clone)]
enum Content {
    Data(Data),
    Tensor(Arc<Tensor>),
    Packed(Arc<Tensor>, Pack),
}

#[derive(Clone)]
struct Piece {
    offset: usize,
    bytes: usize,
    content: Content,
}

/// The weights of a program.
#[derive(Clone, Default)]
pub struct Weights {
    pieces: Vec<Piece>,
    end: usize,
}

impl Weights {
    /// How many bytes they take.
    pub fn len(&self) -> usize {
        self.end
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.end == 0
    }

    /// Makes them in memory that is zero, as long as they are.
    pub fn write(&self, bytes: &mut [u8]) {
        let mut places = Vec::with_capacity(self.pieces.len());
        let (mut rest, mut at) = (bytes, 0);
        for piece in &self.pieces {
            let (place, behind) = rest.split_at_mut(piece.offset - at + piece.bytes);
            places.push(&mut place[piece.offset - at..]);
            (rest, at) = (behind, piece.offset + piece.bytes);
        }
        self.pieces.par_iter().zip(places).for_each(|(piece, place)| piece.content.write(place));
    }

    /// Appends elements as they are; answers where.
    pub(super) fn add(&mut self, data: Data) -> usize {
        let bytes = data.dtype().bytes() * data.len();
        self.piece(bytes, Content::Data(data))
    }

    /// Appends the elements of a tensor as they are; answers where.
    pub(super) fn add_tensor(&mut self, tensor: Arc<Tensor>) -> usize {
        self.piece(tensor.ty().bytes(), Content::Tensor(tensor))
    }

    /// Appends so many words, packed from a tensor; answers where.
    pub(super) fn add_packed(&mut self, tensor: Arc<Tensor>, words: usize, pack: Pack) -> usize {
        self.piece(4 * words, Content::Packed(tensor, pack))
    }

    fn piece(&mut self, bytes: usize, content: Content) -> usize {
        let offset = self.end.next_multiple_of(ALIGN as usize);
        self.pieces.push(Piece { offset, bytes, content });
        self.end = offset + bytes;
        offset
    }
}

impl Content {
    fn write(&self, place: &mut [u8]) {
        match self {
            Content::Data(data) => elements(data, place),
            Content::Tensor(tensor) => elements(tensor.data(), place),
            Content::Packed(tensor, pack) => pack(tensor, place.as_chunks_mut().0),
        }
    }
}

impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes in {} pieces", self.end, self.pieces.len())
    }
}

/// Elements as they are.
fn elements(data: &Data, place: &mut [u8]) {
    match data {
        // By far the most: no second copy of them.
        Data::F32(x) => copy(x, place.as_chunks_mut().0),
        _ => place.copy_from_slice(&data.to_le_bytes()),
    }
}

/// Elements side by side; words behind them stay as they are.
pub(super) fn copy(x: &[f32], words: &mut [Word]) {
    for (word, x) in words.iter_mut().zip(x) {
        *word = x.to_le_bytes();
    }
}

/// A tensor `[N, C, ..]` in the blocked layout, lanes of channels that do not exist zero.
pub(super) fn blocked(t: &Tensor, lanes: usize, words: &mut [Word]) {
    let x = t.slice::<f32>();
    let channels = t.shape()[1];
    let plane: usize = t.shape().dims()[2..].iter().product();
    let blocks = channels.div_ceil(lanes);
    for (i, image) in x.chunks_exact((channels * plane).max(1)).enumerate() {
        for (c, channel) in image.chunks_exact(plane.max(1)).enumerate() {
            let base = (i * blocks + c / lanes) * plane * lanes + c % lanes;
            for (p, &v) in channel.iter().enumerate() {
                words[base + p * lanes] = v.to_le_bytes();
            }
        }
    }
}
