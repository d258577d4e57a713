//! ZIP: the names of the files in it, where they are, and whether it is encrypted.
//!
//! In: data that may be a ZIP, possibly truncated, or preceded by other data; out: the files. It trusts no declared
//! length, and reads the bytes once for the directory and once for the files. Sections are those of PKWARE's
//! APPNOTE.TXT 6.3.10.

use memchr::memmem;

use super::contents::{Archive, Member, NAMES_LIMIT, Packing, name_text, u16_at, u32_at};
use crate::message::work::Work;

// 4.3.7, 4.3.12, 4.3.16.
const FILE: &[u8] = b"PK\x03\x04";
const ENTRY: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";

/// Length of an end record without its comment, and of the longest comment (4.3.16).
const END_LENGTH: usize = 22;
const COMMENT_LIMIT: usize = 0xffff;

/// End records tried; a second one may be in a comment or in a nested archive.
const ENDS_LIMIT: usize = 16;

/// Units of work per archive, most of it for comparing names, and per octet.
const ARCHIVE_WORK: u64 = 50_000;
const SEARCH_WORK: u64 = 2;

/// Reads a ZIP; `None` if it is not one, or if the budget of work does not suffice. Adds the names, and returns the
/// files.
pub(super) fn read<'d>(
    data: &'d [u8],
    archive: &mut Archive,
    work: &Work<'_>,
) -> Option<Vec<Member<'d>>> {
    if !work.spend(ARCHIVE_WORK + SEARCH_WORK * data.len() as u64) {
        return None;
    }
    let directory = directory(data);
    let starts_with_file = data.starts_with(FILE) || data.starts_with(b"PK00PK");
    if directory.is_none() && !starts_with_file {
        return None;
    }
    let mut members = Vec::new();
    // There is data before the archive that the directory belongs to. If that is another archive, programs disagree on
    // which of the two they show.
    if starts_with_file && directory.as_ref().is_none_or(|it| it.displaced != 0) {
        walk(data, archive, &mut members);
    }
    if let Some(directory) = directory {
        let mut at = directory.start;
        while let Some(header) = entry(&data[at..directory.end]) {
            let start = header.start.checked_add_signed(directory.displaced);
            let start = start.filter(|start| *start < data.len());
            let local = start.and_then(|start| Some((start, file(&data[start..])?)));
            let content = local.map(|(start, local)| start + local.length);
            add(data, &header, content, archive, &mut members);
            at = (at + header.length).min(directory.end);
        }
    }
    Some(members)
}

fn add<'d>(
    data: &'d [u8],
    header: &Header<'_>,
    content: Option<usize>,
    archive: &mut Archive,
    members: &mut Vec<Member<'d>>,
) {
    // 4.4.4, bit 0.
    let is_encrypted = header.flags & 1 != 0;
    archive.encrypted |= is_encrypted;
    let is_folder = header.name.ends_with(b"/") && header.size == 0;
    if is_folder || archive.names.len() >= NAMES_LIMIT {
        return;
    }
    // Appendix D: bit 11 declares UTF-8.
    let name = name_text(header.name, header.flags & 0x800 != 0);
    if !archive.add(&name) || is_encrypted {
        return;
    }
    let packing = match header.method {
        0 => Packing::Stored,
        8 => Packing::Deflated,
        _ => return,
    };
    // 4.4.8: the length may be missing; a deflate stream marks its own end.
    let content = content.and_then(|start| data.get(start..));
    let packed = match header.packed {
        0 | 0xffff_ffff => usize::MAX,
        packed => packed,
    };
    if let Some(content) = content.map(|content| &content[..content.len().min(packed)]) {
        members.push(Member {
            name,
            content: content.into(),
            packing,
        });
    }
}

struct Directory {
    start: usize,
    end: usize,
    /// How much further in the files are than the directory says, because of data before the archive.
    displaced: isize,
}

// The directory ends where the last end record begins (4.3.6), whatever precedes it.
fn directory(data: &[u8]) -> Option<Directory> {
    let tail = data.len().saturating_sub(END_LENGTH + COMMENT_LIMIT);
    let found = memmem::rfind_iter(&data[tail..], END).take(ENDS_LIMIT);
    for end in found.map(|found| tail + found) {
        let (Some(size), Some(told)) = (u32_at(data, end + 12), u32_at(data, end + 16)) else {
            continue;
        };
        // If the sizes are in ZIP64 records (4.3.14), the local headers are walked instead.
        let Some(start) = end.checked_sub(size) else {
            continue;
        };
        let empty = size == 0 && u16_at(data, end + 10) == Some(0);
        if empty || data[start..].starts_with(ENTRY) {
            let displaced = start.cast_signed().saturating_sub(told.cast_signed());
            return Some(Directory {
                start,
                end,
                displaced,
            });
        }
    }
    None
}

/// The fields that both kinds of header share.
struct Header<'a> {
    flags: usize,
    method: usize,
    name: &'a [u8],
    packed: usize,
    size: usize,
    length: usize,
    /// Where its file begins, according to the directory.
    start: usize,
}

// 4.3.12.
fn entry(data: &[u8]) -> Option<Header<'_>> {
    if !data.starts_with(ENTRY) {
        return None;
    }
    let name_end = 46 + u16_at(data, 28)?;
    Some(Header {
        flags: u16_at(data, 8)?,
        method: u16_at(data, 10)?,
        start: u32_at(data, 42)?,
        name: data.get(46..name_end)?,
        packed: u32_at(data, 20)?,
        size: u32_at(data, 24)?,
        length: name_end + u16_at(data, 30)? + u16_at(data, 32)?,
    })
}

// 4.3.7.
fn file(data: &[u8]) -> Option<Header<'_>> {
    let name_end = 30 + u16_at(data, 26)?;
    Some(Header {
        flags: u16_at(data, 6)?,
        method: u16_at(data, 8)?,
        start: 0,
        name: data.get(30..name_end)?,
        packed: u32_at(data, 18)?,
        size: u32_at(data, 22)?,
        length: name_end + u16_at(data, 28)?,
    })
}

// Walks from local header to local header, by the declared length or to the next signature. Each step moves forward.
fn walk<'d>(data: &'d [u8], archive: &mut Archive, members: &mut Vec<Member<'d>>) {
    let mark = memmem::Finder::new(FILE);
    let mut at = 0;
    while let Some(found) = data.get(at..).and_then(|rest| mark.find(rest)) {
        at += found;
        // A truncated name has lost its extension.
        let Some(header) = file(&data[at..]) else {
            return;
        };
        at += header.length;
        add(data, &header, Some(at), archive, members);
        // 4.4.4, bit 3: the lengths follow the data; 4.4.8: or they are in ZIP64 records.
        let told = header.flags & 8 == 0 && header.packed != 0xffff_ffff;
        if told {
            at = at.saturating_add(header.packed);
        }
    }
}

#[cfg(test)]
mod tests;
