//! Whether a library is all there.
//!
//! The dynamic linker maps what the program headers say and does not look at the size of the file. Behind the end of a
//! file that was cut, as by a copy onto a full disk, the rest of a page is zeros, so weights would be zeros; further
//! pages raise SIGBUS.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    ops::Range,
    path::Path,
};

/// Offsets in the header of a 64-bit ELF file: of the program headers, of the section headers, and their counts.
const PROGRAM_HEADERS: Range<usize> = 32..40;
const SECTION_HEADERS: Range<usize> = 40..48;
const PROGRAM_HEADER_COUNT: Range<usize> = 56..58;
const SECTION_HEADER_COUNT: Range<usize> = 60..62;

/// Bytes of the header, of a program header and of a section header.
const HEADER: u64 = 64;
const PROGRAM_HEADER: u64 = 56;
const SECTION_HEADER: u64 = 64;

/// Offsets in a program header: of what it maps, and how many bytes of the file that is.
const OFFSET: Range<usize> = 8..16;
const FILE_BYTES: Range<usize> = 32..40;

/// The size of a 64-bit little-endian ELF file, and the larger one that its headers say; `None` for files that are as
/// long as that, and for other files, of which the linker says what is wrong.
pub(crate) fn missing(path: &Path) -> Option<(u64, u64)> {
    // Opening what is no regular file may wait forever.
    let bytes = path.metadata().ok().filter(|found| found.is_file())?.len();
    let mut file = File::open(path).ok()?;
    let header = read(&mut file, 0, HEADER)?;
    if !header.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    if header.len() < HEADER as usize {
        return Some((bytes, HEADER));
    }
    let (from, count) = (number(&header, PROGRAM_HEADERS), number(&header, PROGRAM_HEADER_COUNT));
    let programs = read(&mut file, from, count * PROGRAM_HEADER)?;
    let segments = programs.chunks_exact(PROGRAM_HEADER as usize);
    let ends = segments.map(|s| number(s, OFFSET).saturating_add(number(s, FILE_BYTES)));
    let sections = number(&header, SECTION_HEADER_COUNT) * SECTION_HEADER;
    let headers = [
        from.saturating_add(count * PROGRAM_HEADER),
        number(&header, SECTION_HEADERS).saturating_add(sections),
    ];
    let wanted = ends.chain(headers).max().unwrap_or(0);
    (wanted > bytes).then_some((bytes, wanted))
}

/// So many bytes of a file, or those that there are.
fn read(file: &mut File, from: u64, bytes: u64) -> Option<Vec<u8>> {
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut there = Vec::new();
    file.take(bytes).read_to_end(&mut there).ok()?;
    Some(there)
}

/// A little-endian number of a header.
fn number(header: &[u8], at: Range<usize>) -> u64 {
    header[at].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}
