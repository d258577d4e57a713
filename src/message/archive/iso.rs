//! ISO 9660: the names of the files in a disc image, and where they are.
//!
//! In: data that may be a disc image, possibly truncated; out: the files. Operating systems mount such an image when it
//! is opened, which makes its files available. Sections are those of ECMA-119; longer names come from Joliet. It trusts
//! no declared length, and reads each directory once.

use std::collections::HashSet;

use super::contents::{
    Archive, Member, NAME_WORK, NAMES_LIMIT, Packing, name_text, u16_at, u32_at,
};
use crate::message::work::Work;

/// 6.1.2, 6.2.1: descriptors begin with the 16th sector.
const SECTOR: usize = 2048;
const FIRST: usize = 16;

/// 8.1.2: follows the descriptor's type.
const MARK: &[u8] = b"CD001";

/// Limits on the descriptors and directories read.
const DESCRIPTORS: usize = 16;
const DIRECTORIES: usize = 64;

/// 8.4.18: the root's record within a descriptor.
const ROOT: usize = 156;

/// 9.1.6: the directory bit.
const IS_DIRECTORY: u8 = 2;

/// Whether data is a disc image, whatever it begins with: the first sectors are unused (6.2.1).
pub(crate) fn is_image(data: &[u8]) -> bool {
    let mark = data.get(FIRST * SECTOR + 1..).unwrap_or_default();
    mark.starts_with(MARK)
}

/// Whether operating systems mount a file of this name.
pub(crate) fn is_named(name: &str) -> bool {
    let name = name.trim_end_matches([' ', '.']).as_bytes();
    [".iso", ".img", ".udf", ".cdr"].iter().any(|end| {
        let at = name.len().checked_sub(end.len());
        at.is_some_and(|at| name[at..].eq_ignore_ascii_case(end.as_bytes()))
    })
}

pub(super) fn read<'d>(
    data: &'d [u8],
    archive: &mut Archive,
    work: &Work<'_>,
) -> Option<Vec<Member<'d>>> {
    let volume = volume(data)?;
    let mut members = Vec::new();
    let mut waiting = vec![volume.root];
    let mut seen = HashSet::new();
    while let Some(directory) = waiting.pop() {
        if seen.len() >= DIRECTORIES || !seen.insert(directory.start) {
            continue;
        }
        for record in records(content(data, &directory, volume.block)) {
            if archive.names.len() >= NAMES_LIMIT || !work.spend(NAME_WORK) {
                return Some(members);
            }
            if record.is_directory {
                waiting.push(record);
                continue;
            }
            let name = name_of(record.name, volume.is_joliet);
            if archive.add(&name) {
                members.push(Member {
                    name,
                    content: content(data, &record, volume.block).into(),
                    packing: Packing::Stored,
                });
            }
        }
    }
    Some(members)
}

struct Volume<'d> {
    root: Record<'d>,
    block: usize,
    is_joliet: bool,
}

/// The volume that operating systems show: Joliet's, if there is one.
fn volume(data: &[u8]) -> Option<Volume<'_>> {
    let mut found = None;
    for number in FIRST..FIRST + DESCRIPTORS {
        let descriptor = data.get(number * SECTOR..(number + 1) * SECTOR)?;
        if !descriptor[1..].starts_with(MARK) {
            break;
        }
        // 8.5.6: the escape sequences for UCS-2.
        let is_joliet = matches!(&descriptor[88..91], [b'%', b'/', b'@' | b'C' | b'E']);
        let volume = || {
            Some(Volume {
                root: record(&descriptor[ROOT..])?,
                block: u16_at(descriptor, 128).filter(|size| *size >= 512)?,
                is_joliet,
            })
        };
        match descriptor[0] {
            1 if found.is_none() => found = volume(),
            2 if is_joliet => return volume().or(found),
            // 8.3.1: no more descriptors.
            255 => break,
            _ => {}
        }
    }
    found
}

/// A file or a directory.
struct Record<'d> {
    start: usize,
    length: usize,
    is_directory: bool,
    name: &'d [u8],
}

// 9.1.
fn record(data: &[u8]) -> Option<Record<'_>> {
    let end = usize::from(*data.first()?);
    let name_end = 33 + usize::from(*data.get(32)?);
    Some(Record {
        start: u32_at(data, 2)?,
        length: u32_at(data, 10)?,
        is_directory: data.get(25)? & IS_DIRECTORY != 0,
        name: data.get(33..name_end.min(end.max(33)))?,
    })
}

fn content<'d>(data: &'d [u8], record: &Record<'_>, block: usize) -> &'d [u8] {
    let rest = data.get(record.start.saturating_mul(block)..);
    let rest = rest.unwrap_or_default();
    &rest[..rest.len().min(record.length)]
}

/// The records of a directory, except those for itself and its parent (6.8.2.2).
fn records(directory: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let length = usize::from(*directory.get(at)?);
            if length == 0 {
                // 6.8.1.1: a record does not cross a sector.
                at = (at / SECTOR + 1) * SECTOR;
                continue;
            }
            let found = record(&directory[at..]);
            at += length;
            match found {
                Some(found) if matches!(found.name, [] | [0 | 1]) => {}
                found => return found,
            }
        }
    })
}

/// The name without the file's version number (7.5.1).
fn name_of(name: &[u8], is_joliet: bool) -> String {
    let text = match is_joliet {
        true => {
            let units = name.chunks_exact(2);
            let units = units.map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
            let letters = char::decode_utf16(units).map(|it| it.unwrap_or('\u{fffd}'));
            name_text(letters.collect::<String>().as_bytes(), true)
        }
        false => name_text(name, false),
    };
    let text = match text.rsplit_once(';') {
        Some((text, version)) if version.bytes().all(|byte| byte.is_ascii_digit()) => text,
        _ => &text,
    };
    text.trim_end_matches('.').to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn entry(start: usize, length: usize, flags: u8, name: &[u8]) -> Vec<u8> {
        let size = 33 + name.len() + (33 + name.len()) % 2;
        let mut entry = vec![0; size];
        entry[0] = size as u8;
        entry[2..6].copy_from_slice(&(start as u32).to_le_bytes());
        entry[10..14].copy_from_slice(&(length as u32).to_le_bytes());
        entry[25] = flags;
        entry[32] = name.len() as u8;
        entry[33..33 + name.len()].copy_from_slice(name);
        entry
    }

    fn put(image: &mut [u8], at: usize, octets: &[u8]) {
        image[at..at + octets.len()].copy_from_slice(octets);
    }

    fn descriptor(image: &mut [u8], number: usize, kind: u8, root: usize) {
        let at = (FIRST + number) * SECTOR;
        image[at] = kind;
        put(image, at + 1, b"CD001\x01");
        put(image, at + 128, &[0, 8]);
        put(image, at + ROOT, &entry(root, SECTOR, IS_DIRECTORY, &[0]));
    }

    /// An image with a shortcut in a folder, and a longer Joliet name for it.
    pub(in super::super) fn image() -> Vec<u8> {
        let mut image = vec![0; 26 * SECTOR];
        descriptor(&mut image, 0, 1, 20);
        descriptor(&mut image, 1, 2, 21);
        put(&mut image, (FIRST + 1) * SECTOR + 88, b"%/E");
        descriptor(&mut image, 2, 255, 0);
        let unit =
            |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_be_bytes).collect() };
        let own = entry(20, SECTOR, IS_DIRECTORY, &[0]);
        for (sector, file, folder) in [
            (20, b"INVOICE.LNK;1".to_vec(), b"DOCS".to_vec()),
            (21, unit("Invoice 7.pdf.lnk;1"), unit("docs")),
        ] {
            let inner = sector + 2;
            let root = [own.clone(), entry(inner, SECTOR, IS_DIRECTORY, &folder)].concat();
            put(&mut image, sector * SECTOR, &root);
            // The directory leads back to the root.
            let inside = [
                entry(24, 20, 0, &file),
                entry(sector, SECTOR, IS_DIRECTORY, b"UP"),
            ];
            put(&mut image, inner * SECTOR, &inside.concat());
        }
        let shortcut = b"\x4c\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";
        put(&mut image, 24 * SECTOR, shortcut);
        image
    }

    fn names(data: &[u8]) -> Vec<String> {
        let mut archive = Archive::default();
        read(data, &mut archive, &Work::new(1 << 30));
        archive.names
    }

    #[test]
    fn files_in_folders_are_found_by_their_long_names() {
        let mut image = image();
        assert!(is_image(&image));
        assert_eq!(names(&image), ["Invoice 7.pdf.lnk"]);
        image[(FIRST + 1) * SECTOR] = 3;
        assert_eq!(names(&image), ["INVOICE.LNK"]);
    }

    #[test]
    fn an_image_may_end_anywhere() {
        let image = image();
        for end in (0..image.len()).step_by(97) {
            names(&image[..end]);
        }
    }

    #[test]
    fn images_to_mount_are_recognized_by_name() {
        for (name, expected) in [
            ("a.ISO ", true),
            ("b.img", true),
            ("iso", false),
            ("a.iso.txt", false),
        ] {
            assert_eq!(is_named(name), expected, "{name}");
        }
    }
}
