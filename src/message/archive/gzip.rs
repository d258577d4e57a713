//! gzip and tar: the names of the files in them.
//!
//! In: gzip data, or a tar file; out: names and files. RFC 1952; POSIX pax (IEEE Std 1003.1).

use super::contents::{Archive, Member, NAME_WORK, NAMES_LIMIT, Packing, name_text};
use crate::message::work::Work;

/// RFC 1952 section 2.3.1.
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const CHECKSUM: u8 = 2;

pub(super) fn read<'d>(data: &'d [u8], archive: &mut Archive) -> Option<Vec<Member<'d>>> {
    let flags = *data.get(3)?;
    let mut rest = data.get(10..)?;
    if flags & EXTRA != 0 {
        let length = usize::from(u16::from_le_bytes(*rest.first_chunk()?));
        rest = rest.get(2 + length..)?;
    }
    let mut name = String::new();
    if flags & NAME != 0 {
        let end = memchr::memchr(0, rest)?;
        name = name_text(&rest[..end], false);
        archive.add(&name);
        rest = &rest[end + 1..];
    }
    if flags & COMMENT != 0 {
        rest = &rest[memchr::memchr(0, rest)? + 1..];
    }
    if flags & CHECKSUM != 0 {
        rest = rest.get(2..)?;
    }
    Some(vec![Member {
        name,
        content: rest.into(),
        packing: Packing::Deflated,
    }])
}

/// The files of a tar file.
pub(super) fn tar<'d>(
    data: &'d [u8],
    archive: &mut Archive,
    work: &Work<'_>,
) -> Option<Vec<Member<'d>>> {
    let mut members = Vec::new();
    let mut at = 0;
    while let Some(header) = data.get(at..).and_then(<[u8]>::first_chunk::<512>) {
        if archive.names.len() >= NAMES_LIMIT || &header[257..262] != b"ustar" {
            break;
        }
        if !work.spend(NAME_WORK) {
            break;
        }
        let name = &header[..100];
        let name = &name[..memchr::memchr(0, name).unwrap_or(name.len())];
        let size = header[124..136].iter().copied();
        let size = size.filter(u8::is_ascii_digit).take(11);
        let size = size.fold(0_usize, |size, digit| size * 8 + usize::from(digit & 7));
        at += 512;
        // Regular files have type 0 or NUL.
        let content = data.get(at..).unwrap_or_default();
        let content = &content[..content.len().min(size)];
        let name = name_text(name, true);
        if matches!(header[156], b'0' | 0) && archive.add(&name) {
            members.push(Member {
                name,
                content: content.into(),
                packing: Packing::Stored,
            });
        }
        at = at.saturating_add(size.div_ceil(512) * 512);
    }
    Some(members)
}
