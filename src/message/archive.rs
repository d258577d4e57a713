//! Archives: the names of the files in a ZIP, and whether it is encrypted.
//!
//! In: a decoded attachment, possibly truncated; out: the names it contains. It unpacks
//! nothing, trusts no declared length, and passes over the bytes once for the directory and once for
//! the files. Sections are those of PKWARE's APPNOTE.TXT 6.3.10.

use crate::message::visible_text::cut;
use crate::message::work::Work;
use memchr::memmem;

/// Limit of names of an archive.
pub const NAMES_LIMIT: usize = 200;

/// Limit of a name in bytes: its end is kept, because that is where the extension is.
pub const NAME_LIMIT: usize = 255;

// 4.3.7, 4.3.12, 4.3.16.
const FILE: &[u8] = b"PK\x03\x04";
const ENTRY: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";

/// Length of an end record without its comment, and of the longest comment (4.3.16).
const END_LENGTH: usize = 22;
const COMMENT_LIMIT: usize = 0xffff;

/// End records tried; a second one is in a comment, or in a nested archive.
const ENDS_LIMIT: usize = 16;

/// Units of work for an archive, of which the comparison of names is the most, and for an octet of it.
const ARCHIVE_WORK: u64 = 50_000;
const SEARCH_WORK: u64 = 2;

/// What an archive reveals without unpacking.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The file names with folders, at most [`NAMES_LIMIT`] of [`NAME_LIMIT`] bytes.
    pub names: Vec<String>,
    /// Whether any of the files requires a password.
    pub encrypted: bool,
}

impl Archive {
    fn add(&mut self, header: &Header<'_>) {
        // 4.4.4, bit 0.
        self.encrypted |= header.flags & 1 != 0;
        let folder = header.name.ends_with(b"/") && header.size == 0;
        if folder || self.names.len() >= NAMES_LIMIT {
            return;
        }
        let name = text(header.name, header.flags);
        if !self.names.contains(&name) {
            self.names.push(name);
        }
    }
}

/// Reads the names of a ZIP; `None` if it is not one, or if the budget of work does not suffice.
pub fn zip(data: &[u8], work: &Work<'_>) -> Option<Archive> {
    if !work.spend(ARCHIVE_WORK + SEARCH_WORK * data.len() as u64) {
        return None;
    }
    let mut archive = Archive::default();
    let directory = directory(data);
    let starts_with_file = data.starts_with(FILE) || data.starts_with(b"PK00PK");
    if directory.is_none() && !starts_with_file {
        return None;
    }
    // There is data before the directory's archive. If that is another archive, programs
    // disagree on which of the two they show.
    if starts_with_file && directory.as_ref().is_none_or(|it| it.displaced) {
        walk(data, &mut archive);
    }
    if let Some(directory) = directory {
        let mut at = directory.start;
        while let Some(header) = entry(&data[at..directory.end]) {
            archive.add(&header);
            at = (at + header.length).min(directory.end);
        }
    }
    Some(archive)
}

struct Directory {
    start: usize,
    end: usize,
    displaced: bool,
}

// The directory ends where the last end record begins (4.3.6), whatever precedes it.
fn directory(data: &[u8]) -> Option<Directory> {
    let tail = data.len().saturating_sub(END_LENGTH + COMMENT_LIMIT);
    let found = memmem::rfind_iter(&data[tail..], END).take(ENDS_LIMIT);
    for end in found.map(|found| tail + found) {
        let (Some(size), Some(told)) = (u32_at(data, end + 12), u32_at(data, end + 16)) else {
            continue;
        };
        // If sizes are in ZIP64 records (4.3.14), the files are walked instead.
        let Some(start) = end.checked_sub(size) else {
            continue;
        };
        let empty = size == 0 && u16_at(data, end + 10) == Some(0);
        if empty || data[start..].starts_with(ENTRY) {
            let displaced = start != told;
            return Some(Directory {
                start,
                end,
                displaced,
            });
        }
    }
    None
}

/// What the two kinds of header have in common.
struct Header<'a> {
    flags: usize,
    name: &'a [u8],
    packed: usize,
    size: usize,
    length: usize,
}

// 4.3.12.
fn entry(data: &[u8]) -> Option<Header<'_>> {
    if !data.starts_with(ENTRY) {
        return None;
    }
    let name_end = 46 + u16_at(data, 28)?;
    Some(Header {
        flags: u16_at(data, 8)?,
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
        name: data.get(30..name_end)?,
        packed: u32_at(data, 18)?,
        size: u32_at(data, 22)?,
        length: name_end + u16_at(data, 28)?,
    })
}

// From file to file, by declared length or to the next signature. Each step moves forward.
fn walk(data: &[u8], archive: &mut Archive) {
    let mark = memmem::Finder::new(FILE);
    let mut at = 0;
    while let Some(found) = data.get(at..).and_then(|rest| mark.find(rest)) {
        at += found;
        // A truncated name lacks its extension.
        let Some(header) = file(&data[at..]) else {
            return;
        };
        archive.add(&header);
        at += header.length;
        // 4.4.4, bit 3: the lengths follow the file; 4.4.8: or they are in ZIP64 records.
        let told = header.flags & 8 == 0 && header.packed != 0xffff_ffff;
        if told {
            at = at.saturating_add(header.packed);
        }
    }
}

fn text(name: &[u8], flags: usize) -> String {
    let name = match std::str::from_utf8(name) {
        Ok(name) => name.to_owned(),
        // Appendix D: bit 11 declares UTF-8.
        Err(_) if flags & 0x800 != 0 => String::from_utf8_lossy(name).into_owned(),
        // Otherwise it is code page 437, or the sender's own. Any will do: rules look at ASCII.
        Err(_) => name.iter().map(|byte| char::from(*byte)).collect(),
    };
    let above = name.len().saturating_sub(NAME_LIMIT);
    let mut start = cut(&name, above).len();
    if start < above {
        start += name[start..].chars().next().map_or(0, char::len_utf8);
    }
    name[start..].to_owned()
}

fn u16_at(data: &[u8], at: usize) -> Option<usize> {
    let bytes = data.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_le_bytes(*bytes).into())
}

fn u32_at(data: &[u8], at: usize) -> Option<usize> {
    let bytes = data.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

#[cfg(test)]
mod tests;
