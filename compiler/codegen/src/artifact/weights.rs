//! Weights in memory: zeroed pages to pack into, then read-only pages to run from.
//!
//! INVARIANT: page aligned, and once shared never writable again.

use memmap2::{Mmap, MmapMut};

use super::Error;

/// Packed weights while they are written.
pub struct WeightsMut {
    pages: Option<MmapMut>,
}

/// Packed weights, read-only and page aligned.
#[derive(Debug)]
pub struct Weights {
    pages: Option<Mmap>,
}

impl WeightsMut {
    /// Zeros, `bytes` of them; the pages come from the system as they are written.
    ///
    /// # Errors
    /// [`Error::Memory`] when there is not so much address space.
    pub fn zeroed(bytes: usize) -> Result<WeightsMut, Error> {
        if bytes == 0 {
            return Ok(WeightsMut { pages: None });
        }
        let pages = MmapMut::map_anon(bytes)
            .map_err(|error| Error::Memory(format!("no memory for {bytes} bytes of weights: {error}")))?;
        // Fewer faults and TLB misses; only a wish, so a refusal does not matter.
        #[cfg(target_os = "linux")]
        let _ = pages.advise(memmap2::Advice::HugePage);
        Ok(WeightsMut { pages: Some(pages) })
    }

    /// The bytes.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.pages.as_deref_mut().unwrap_or_default()
    }

    /// Takes the right to write away.
    ///
    /// # Errors
    /// [`Error::Memory`] when the system refuses.
    pub fn share(self) -> Result<Weights, Error> {
        let pages = self
            .pages
            .map(MmapMut::make_read_only)
            .transpose()
            .map_err(|error| Error::Memory(format!("weights cannot be made read-only: {error}")))?;
        Ok(Weights { pages })
    }
}

impl Weights {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.pages.as_deref().unwrap_or_default()
    }
}
