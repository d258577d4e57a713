//! Archives: the names of the files in ZIP, RAR, 7-Zip, cabinets, gzip and tar, in attached mails and in TNEF, and
//! which of them are programs.
//!
//! In: a decoded attachment, possibly truncated; out: what it contains, also in archives within it. It unpacks no more
//! than a quarter of a megabyte of a file, trusts no declared length, and all its work is counted.

mod cabinet;
mod contents;
mod gzip;
mod mail;
mod rar;
mod seven_zip;
mod tnef;
mod zip;

use std::borrow::Cow;
use std::io::Read;

use crate::message::file_type::{self, FileType};
use crate::message::work::Work;
use contents::{MEMBERS_LIMIT, Member, Packing};

pub use contents::{Archive, NAME_LIMIT, NAMES_LIMIT};

/// Limits of what is unpacked of a file to look at its beginning, and of an archive to look into it.
const HEAD_LIMIT: usize = 1 << 10;
const UNPACKED_LIMIT: usize = 256 << 10;

/// Archives within archives that are looked into.
const DEPTH_LIMIT: usize = 3;

/// Units of work to look at a file, and for an octet that is unpacked.
const MEMBER_WORK: u64 = 3000;
const UNPACK_WORK: u64 = 10;

/// Whether a file of this type has files in it that [`read`] finds.
pub fn holds_files(file_type: FileType) -> bool {
    use FileType::{Cab, Eml, Gzip, Ole, Rar, SevenZip, Tar, Tnef, Zip};
    matches!(
        file_type,
        Zip | Rar | SevenZip | Cab | Gzip | Tar | Eml | Tnef | Ole
    )
}

/// Looks into a file; `None` if it contains no files, or if the budget of work does not suffice.
pub fn read(data: &[u8], work: &Work<'_>) -> Option<Archive> {
    let mut archive = Archive::default();
    look(data, 0, &mut archive, work)?;
    Some(archive)
}

/// Looks into a file that is in so many others.
fn look(data: &[u8], depth: usize, archive: &mut Archive, work: &Work<'_>) -> Option<()> {
    if depth >= DEPTH_LIMIT {
        return None;
    }
    let members = match file_type::of(data) {
        Some(FileType::Rar) => rar::read(data, archive, work)?,
        Some(FileType::SevenZip) => seven_zip::read(data, archive, work)?,
        Some(FileType::Cab) => cabinet::read(data, archive, work)?,
        Some(FileType::Gzip) => gzip::read(data, archive)?,
        Some(FileType::Tar) => gzip::tar(data, archive, work)?,
        Some(FileType::Tnef) => tnef::read(data, archive, work)?,
        Some(FileType::Eml) => mail::read(data, archive, work),
        // Whatever the file begins with, a program for archives looks at its end.
        _ => zip::read(data, archive, work)?,
    };
    for member in members.iter().take(MEMBERS_LIMIT) {
        look_at(member, depth, archive, work);
    }
    Some(())
}

/// Looks at a file in an archive, and into it, if it contains files itself.
fn look_at(member: &Member<'_>, depth: usize, archive: &mut Archive, work: &Work<'_>) {
    if !work.spend(MEMBER_WORK) {
        return;
    }
    let head = unpacked(member, HEAD_LIMIT, work);
    let Some(file_type) = file_type::of(&head) else {
        return;
    };
    if file_type.is_program() && archive.programs.len() < MEMBERS_LIMIT {
        archive.programs.push(member.name.clone());
    }
    if holds_files(file_type) && file_type != FileType::Ole && depth + 1 < DEPTH_LIMIT {
        let content = unpacked(member, UNPACKED_LIMIT, work);
        look(&content, depth + 1, archive, work);
    }
}

/// The beginning of a file.
fn unpacked<'m>(member: &'m Member<'_>, limit: usize, work: &Work<'_>) -> Cow<'m, [u8]> {
    // Deflate makes at most 1032 octets of one (RFC 1951).
    let most = member.content.len().saturating_mul(1032);
    let limit = work.afford(limit.min(most), UNPACK_WORK);
    match member.packing {
        Packing::Stored => Cow::Borrowed(&member.content[..member.content.len().min(limit)]),
        Packing::Deflated => {
            let mut content = Vec::new();
            let stream = flate2::read::DeflateDecoder::new(&member.content[..]);
            // What was unpacked before a fault is what counts.
            let _ = stream.take(limit as u64).read_to_end(&mut content);
            Cow::Owned(content)
        }
    }
}

#[cfg(test)]
mod tests;
