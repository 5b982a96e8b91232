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
/// long as that, and for other files, of which the linker says what is wrong. Allocates nothing but the path.
pub(crate) fn missing(path: &Path) -> Option<(u64, u64)> {
    // Opening what is no regular file may wait forever.
    let bytes = path.metadata().ok().filter(|found| found.is_file())?.len();
    let mut file = File::open(path).ok()?;
    let mut header = [0; HEADER as usize];
    let there = read(&mut file, 0, &mut header)?;
    if !header.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    if there < header.len() {
        return Some((bytes, HEADER));
    }
    let (from, count) = (number(&header, PROGRAM_HEADERS), number(&header, PROGRAM_HEADER_COUNT));
    let sections = number(&header, SECTION_HEADER_COUNT) * SECTION_HEADER;
    let mut wanted = from.saturating_add(count * PROGRAM_HEADER);
    wanted = wanted.max(number(&header, SECTION_HEADERS).saturating_add(sections));
    for segment in 0..count {
        let mut header = [0; PROGRAM_HEADER as usize];
        read(&mut file, from.saturating_add(segment * PROGRAM_HEADER), &mut header)?;
        wanted = wanted.max(number(&header, OFFSET).saturating_add(number(&header, FILE_BYTES)));
    }
    (wanted > bytes).then_some((bytes, wanted))
}

/// Fills a part of a buffer with what there is of a file; how many bytes that are.
fn read(file: &mut File, from: u64, buffer: &mut [u8]) -> Option<usize> {
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut there = 0;
    loop {
        match file.read(&mut buffer[there..]).ok()? {
            0 => return Some(there),
            more => there += more,
        }
    }
}

/// A little-endian number of a header.
fn number(header: &[u8], at: Range<usize>) -> u64 {
    header[at].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}
