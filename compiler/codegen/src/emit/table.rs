//! The table of steps: constants of the program, behind each other, all offsets in bytes.
//!
//! ```text
//! record of step 0 | record of step 1 | ..    tasks at most, number of the function, where its offsets start
//! offsets of step 0 | offsets of step 1 | ..  of each buffer, in its space
//! ```
//!
//! So code grows with the shapes of steps, and not with their number.

use super::{Emitter, refused};
use crate::vasm::EmitError;
use cranelift_module::{DataDescription, DataId, Linkage};

/// Tasks that the step may be shared out over at most, 32 bits.
pub(super) const MOST: i32 = 0;
/// The number of its function, 32 bits.
pub(super) const FUNCTION: i32 = 4;
/// From the start of the table to the offsets of its buffers, 64 bits.
pub(super) const OFFSETS: i32 = 8;
/// Bytes of a record.
pub(super) const RECORD: i64 = 16;

/// What the table says of a step.
pub(super) struct Record {
    pub most: u32,
    pub function: u32,
    pub offsets: Vec<u64>,
}

impl Emitter<'_> {
    /// Defines the table.
    pub(super) fn table(&mut self, records: &[Record]) -> Result<DataId, EmitError> {
        let name = "steps";
        let mut bytes = Vec::new();
        let mut at = records.len() as u64 * RECORD as u64;
        for record in records {
            bytes.extend(record.most.to_le_bytes());
            bytes.extend(record.function.to_le_bytes());
            bytes.extend(at.to_le_bytes());
            at += 8 * record.offsets.len() as u64;
        }
        bytes.extend(records.iter().flat_map(|r| &r.offsets).flat_map(|offset| offset.to_le_bytes()));
        self.grow(bytes.len())?;
        let mut data = DataDescription::new();
        data.define(bytes.into_boxed_slice());
        data.set_align(8);
        let id = self.module.declare_data(name, Linkage::Local, false, false);
        let id = id.map_err(|e| refused(name, &e))?;
        self.module.define_data(id, &data).map_err(|e| refused(name, &e))?;
        Ok(id)
    }
}
