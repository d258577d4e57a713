//! RAR 4 and 5: the names of the files in them.
//!
//! In: a RAR file; out: names, and the files that are stored uncompressed. RARLAB's "RAR 5.0 archive format" and the
//! technical note on version 4 that its programs include.

use super::contents::{
    Archive, Member, NAME_WORK, NAMES_LIMIT, Packing, name_text, u16_at, u32_at,
};
use crate::message::work::Work;

const FIVE: &[u8] = b"Rar!\x1a\x07\x01\0";

pub(super) fn read<'d>(
    data: &'d [u8],
    archive: &mut Archive,
    work: &Work<'_>,
) -> Option<Vec<Member<'d>>> {
    let mut members = Vec::new();
    let is_five = data.starts_with(FIVE);
    let mut at = if is_five { FIVE.len() } else { 7 };
    while archive.names.len() < NAMES_LIMIT && work.spend(NAME_WORK) {
        let Some(block) = data.get(at..).filter(|block| !block.is_empty()) else {
            break;
        };
        let read = match is_five {
            true => five(block),
            false => four(block),
        };
        let Some(block) = read else {
            break;
        };
        archive.encrypted |= block.is_encrypted;
        archive.has_unknown_names |= block.hides_names;
        let start = at.saturating_add(block.header);
        if let Some(name) = block.name {
            let name = name_text(name, is_five);
            let content = data.get(start..).unwrap_or_default();
            let content = &content[..content.len().min(block.packed)];
            if archive.add(&name) && block.is_stored && !block.is_encrypted {
                members.push(Member {
                    name,
                    content: content.into(),
                    packing: Packing::Stored,
                });
            }
        }
        if block.hides_names {
            break;
        }
        at = start.saturating_add(block.packed);
    }
    Some(members)
}

#[derive(Default)]
struct Block<'d> {
    name: Option<&'d [u8]>,
    /// Lengths of the block's header and of the data after it.
    header: usize,
    packed: usize,
    is_stored: bool,
    is_encrypted: bool,
    hides_names: bool,
}

fn four(data: &[u8]) -> Option<Block<'_>> {
    const MAIN: u8 = 0x73;
    const FILE: u8 = 0x74;
    let kind = *data.get(2)?;
    let flags = u16_at(data, 3)?;
    let mut block = Block {
        // A block of length zero would loop forever.
        header: u16_at(data, 5)?.max(7),
        ..Block::default()
    };
    if kind == FILE || flags & 0x8000 != 0 {
        block.packed = u32_at(data, 7)?;
    }
    match kind {
        MAIN if flags & 0x80 != 0 => {
            block.is_encrypted = true;
            block.hides_names = true;
        }
        // In a folder's entry, all three dictionary-size bits are set.
        FILE if flags & 0xe0 != 0xe0 => {
            block.is_encrypted = flags & 4 != 0;
            block.is_stored = *data.get(25)? == b'0';
            let start = if flags & 0x100 != 0 { 40 } else { 32 };
            let name = data.get(start..start + u16_at(data, 26)?)?;
            // After a NUL, the same name follows in a compressed form of UTF-16.
            let end = memchr::memchr(0, name).unwrap_or(name.len());
            block.name = Some(&name[..end]);
        }
        _ => {}
    }
    Some(block)
}

fn five(data: &[u8]) -> Option<Block<'_>> {
    const FILE: u64 = 2;
    const ENCRYPTION: u64 = 4;
    let mut rest = data.get(4..)?;
    let size = usize::try_from(number(&mut rest)?).ok()?;
    let begin = data.len() - rest.len();
    let mut block = Block {
        header: begin.checked_add(size)?,
        ..Block::default()
    };
    let kind = number(&mut rest)?;
    let flags = number(&mut rest)?;
    let extra = match flags & 1 {
        1 => usize::try_from(number(&mut rest)?).ok()?,
        _ => 0,
    };
    if flags & 2 != 0 {
        block.packed = usize::try_from(number(&mut rest)?).unwrap_or(usize::MAX);
    }
    match kind {
        ENCRYPTION => {
            block.is_encrypted = true;
            block.hides_names = true;
        }
        FILE => {
            let of_file = number(&mut rest)?;
            let (_size, _attributes) = (number(&mut rest)?, number(&mut rest)?);
            // The time, and the checksum.
            for flag in [2, 4] {
                if of_file & flag != 0 {
                    rest = rest.get(4..)?;
                }
            }
            // The method is in bits 7 to 9; 0 means stored.
            block.is_stored = number(&mut rest)? >> 7 & 7 == 0;
            let _system = number(&mut rest)?;
            let length = usize::try_from(number(&mut rest)?).ok()?;
            let name = rest.get(..length)?;
            // A folder has no file name.
            block.name = (of_file & 1 == 0).then_some(name);
            let end = block.header.min(data.len());
            let extra = data.get(end.checked_sub(extra)?..end)?;
            block.is_encrypted = has_encryption(extra);
        }
        _ => {}
    }
    Some(block)
}

/// Whether one of the records in the extra area is an encryption record.
fn has_encryption(mut extra: &[u8]) -> bool {
    const ENCRYPTION: u64 = 1;
    while let Some(size) = number(&mut extra) {
        let Some(record) = usize::try_from(size)
            .ok()
            .and_then(|size| extra.get(..size))
        else {
            return false;
        };
        if number(&mut &record[..]) == Some(ENCRYPTION) {
            return true;
        }
        extra = &extra[record.len()..];
    }
    false
}

/// A variable-length integer: seven bits per octet, least significant first.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (first, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
