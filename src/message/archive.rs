//! Archives: the names of the files in ZIP, RAR, 7-Zip, cabinet, gzip and tar files, in disc images, in attached
//! messages and in TNEF, which of the files are programs, and the web pages among them.
//!
//! In: a decoded attachment, possibly truncated; out: what it contains, archives within archives included. It unpacks
//! at most a quarter of a megabyte of each file, trusts no declared length, and counts all its work.

mod cabinet;
mod contents;
mod gzip;
pub(crate) mod iso;
mod mail;
mod rar;
mod seven_zip;
mod tnef;
mod zip;

use std::borrow::Cow;
use std::io::Read;

use crate::message::file_type::{self, FileType};
use crate::message::work::Work;
use contents::{MEMBERS_LIMIT, Member, PAGES_AMONG, PAGES_LIMIT, Packing};

pub use contents::{Archive, NAME_LIMIT, NAMES_LIMIT};

/// Limits on what is unpacked of a file to detect its type, and of a nested archive to read its contents.
const HEAD_LIMIT: usize = 1 << 10;
const UNPACKED_LIMIT: usize = 256 << 10;

/// Limit on a web page in an archive.
const PAGE_LIMIT: usize = 64 << 10;

/// Levels of nested archives that are read.
const DEPTH_LIMIT: usize = 3;

/// Units of work per file inspected, and per octet unpacked.
const MEMBER_WORK: u64 = 3000;
const UNPACK_WORK: u64 = 10;

/// Whether a file of this type contains files that [`read`] finds.
pub fn holds_files(file_type: FileType) -> bool {
    use FileType::{Cab, Eml, Gzip, Iso, Ole, Rar, SevenZip, Tar, Tnef, Zip};
    matches!(
        file_type,
        Zip | Rar | SevenZip | Cab | Gzip | Tar | Iso | Eml | Tnef | Ole
    )
}

/// Reads the contents of a file; `None` if it contains no files, or if the budget of work does not suffice.
pub fn read(data: &[u8], work: &Work<'_>) -> Option<Archive> {
    let mut archive = Archive::default();
    look(data, 0, &mut archive, work)?;
    if archive.is_package() || archive.names.len() > PAGES_AMONG {
        archive.pages.clear();
    }
    Some(archive)
}

/// Reads the contents of a file at this depth of nesting.
fn look(data: &[u8], depth: usize, archive: &mut Archive, work: &Work<'_>) -> Option<()> {
    if depth >= DEPTH_LIMIT {
        return None;
    }
    let file_type = file_type::of(data);
    let members = match file_type {
        _ if iso::is_image(data) => iso::read(data, archive, work)?,
        Some(FileType::Rar) => rar::read(data, archive, work)?,
        Some(FileType::SevenZip) => seven_zip::read(data, archive, work)?,
        Some(FileType::Cab) => cabinet::read(data, archive, work)?,
        Some(FileType::Gzip) => gzip::read(data, archive)?,
        Some(FileType::Tar) => gzip::tar(data, archive, work)?,
        Some(FileType::Tnef) => tnef::read(data, archive, work)?,
        Some(FileType::Eml) => mail::read(data, archive, work),
        // Archive programs look for a ZIP's directory at the end, whatever the file begins with.
        _ => zip::read(data, archive, work)?,
    };
    // Pages of an attached message are not kept: clients show the message, so the MIME walk reads them.
    let keeps_pages = file_type != Some(FileType::Eml);
    for member in members.iter().take(MEMBERS_LIMIT) {
        look_at(member, depth, keeps_pages, archive, work);
    }
    Some(())
}

/// Inspects a file in an archive, and reads its contents if it is an archive itself.
fn look_at(
    member: &Member<'_>,
    depth: usize,
    keeps_pages: bool,
    archive: &mut Archive,
    work: &Work<'_>,
) {
    if !work.spend(MEMBER_WORK) {
        return;
    }
    let head = unpacked(member, HEAD_LIMIT, work);
    let is_deep = depth + 1 >= DEPTH_LIMIT;
    let Some(file_type) = file_type::of(&head) else {
        if !is_deep && iso::is_named(&member.name) {
            let content = unpacked(member, UNPACKED_LIMIT, work);
            look(&content, depth + 1, archive, work);
        }
        return;
    };
    if file_type.is_program() && archive.programs.len() < MEMBERS_LIMIT {
        archive.programs.push(member.name.clone());
    }
    if keeps_pages
        && matches!(file_type, FileType::Html | FileType::Svg)
        && archive.pages.len() < PAGES_LIMIT
    {
        let page = unpacked(member, PAGE_LIMIT, work).into_owned();
        archive.pages.push(page);
    }
    if holds_files(file_type) && file_type != FileType::Ole && !is_deep {
        let content = unpacked(member, UNPACKED_LIMIT, work);
        look(&content, depth + 1, archive, work);
    }
}

/// The beginning of a file.
fn unpacked<'m>(member: &'m Member<'_>, limit: usize, work: &Work<'_>) -> Cow<'m, [u8]> {
    // Deflate expands one octet to at most 1032 (RFC 1951).
    let most = member.content.len().saturating_mul(1032);
    let limit = work.afford(limit.min(most), UNPACK_WORK);
    match member.packing {
        Packing::Stored => Cow::Borrowed(&member.content[..member.content.len().min(limit)]),
        Packing::Deflated => {
            let mut content = Vec::new();
            let stream = flate2::read::DeflateDecoder::new(&member.content[..]);
            // What was unpacked before an error is still used.
            let _ = stream.take(limit as u64).read_to_end(&mut content);
            Cow::Owned(content)
        }
    }
}

#[cfg(test)]
mod tests;
