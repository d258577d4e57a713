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
mod tests {
    use super::*;

    fn zip(data: &[u8]) -> Option<Archive> {
        super::zip(data, &Work::new(1 << 30))
    }

    /// An archive of stored files.
    #[derive(Default)]
    struct Writer {
        before: usize,
        files: Vec<u8>,
        directory: Vec<u8>,
        count: u16,
    }

    impl Writer {
        fn file(mut self, name: &[u8], flags: u16, content: &[u8]) -> Self {
            let size = u32::try_from(content.len()).unwrap();
            let told = if flags & 8 == 0 { size } else { 0 };
            let start = u32::try_from(self.before + self.files.len()).unwrap();
            let length = u16::try_from(name.len()).unwrap().to_le_bytes();
            let both = |told: u32| {
                let mut fields = vec![20, 0];
                fields.extend(flags.to_le_bytes());
                // Method, time, date, checksum: ignored.
                fields.extend([0; 10]);
                fields.extend(told.to_le_bytes());
                fields.extend(told.to_le_bytes());
                fields.extend(length);
                fields
            };
            self.files.extend(FILE);
            self.files.extend(both(told));
            self.files.extend([0, 0]);
            self.files.extend(name);
            self.files.extend(content);
            self.directory.extend(ENTRY);
            self.directory.extend([20, 0]);
            self.directory.extend(both(size));
            self.directory.extend([0; 12]);
            self.directory.extend(start.to_le_bytes());
            self.directory.extend(name);
            self.count += 1;
            self
        }

        fn finish(self, comment: &[u8]) -> Vec<u8> {
            let size = u32::try_from(self.directory.len()).unwrap();
            let start = u32::try_from(self.before + self.files.len()).unwrap();
            let mut data = self.files;
            data.extend(self.directory);
            data.extend(END);
            data.extend([0; 4]);
            data.extend(self.count.to_le_bytes());
            data.extend(self.count.to_le_bytes());
            data.extend(size.to_le_bytes());
            data.extend(start.to_le_bytes());
            data.extend(u16::try_from(comment.len()).unwrap().to_le_bytes());
            data.extend(comment);
            data
        }
    }

    fn names(data: &[u8]) -> Vec<String> {
        zip(data).unwrap().names
    }

    #[test]
    fn complete_archives_are_read() {
        let data = Writer::default()
            .file(b"folder/", 0, b"")
            .file(b"folder/a.exe", 0, b"MZ")
            .file("né.txt".as_bytes(), 0x800, b"x")
            .file(b"n\x82.txt", 0, b"x")
            .file(b"trick.js/", 0, b"x")
            .finish(b"a comment with PK\x05\x06 in it, long enough to be one");
        let expected = ["folder/a.exe", "né.txt", "n\u{82}.txt", "trick.js/"];
        assert_eq!(names(&data), expected);
        assert!(!zip(&data).unwrap().encrypted);
        assert_eq!(
            zip(&Writer::default().finish(b"")),
            Some(Archive::default())
        );
    }

    #[test]
    fn encrypted_archives_are_recognized() {
        let one = |flags| {
            Writer::default()
                .file(b"a", 0, b"x")
                .file(b"b", flags, b"x")
        };
        for flags in [1, 9] {
            let data = one(flags).finish(b"");
            assert!(zip(&data).unwrap().encrypted);
            assert!(zip(&data[..data.len() - 9]).unwrap().encrypted);
        }
        assert!(!zip(&one(8).finish(b"")).unwrap().encrypted);
    }

    #[test]
    fn truncated_anywhere() {
        let inner = Writer::default().file(b"deep.js", 0, b"x").finish(b"");
        for flags in [0, 8] {
            let data = Writer::default()
                .file(b"first.exe", flags, b"some bytes")
                .file(b"inner.zip", 0, &inner)
                .file(b"last.exe", flags, b"more")
                .finish(b"");
            let all = ["first.exe", "inner.zip", "last.exe"];
            assert_eq!(names(&data), all);
            let mut seen = 0;
            for length in 4..data.len() {
                let mut found = names(&data[..length]);
                // The nested archive is the last complete one.
                found.retain(|name| name != "deep.js");
                assert_eq!(found, all[..found.len()], "{length}");
                assert!(found.len() >= seen, "{length}");
                seen = found.len();
            }
            assert_eq!(seen, 3);
            assert_eq!(zip(&data[..3]), None);
        }
    }

    #[test]
    fn archives_after_other_data() {
        let program = b"MZ this program unpacks itself".repeat(9);
        let inner = Writer::default().file(b"a.js", 0, b"x").finish(b"");
        assert_eq!(names(&[program, inner.clone()].concat()), ["a.js"]);
        // Two archives in a row: some programs open the first, others the last.
        let decoy = Writer::default().file(b"b.txt", 0, b"x").finish(b"");
        assert_eq!(
            names(&[decoy.clone(), inner.clone()].concat()),
            ["b.txt", "a.js"]
        );
        assert_eq!(names(&[inner, decoy].concat()), ["a.js", "b.txt"]);
    }

    #[test]
    fn long_names_keep_their_extension() {
        for letter in ["a", "é", "€", "𝄞"] {
            let name = letter.repeat(300) + ".exe";
            let data = Writer::default().file(name.as_bytes(), 0, b"").finish(b"");
            let name = &names(&data)[0];
            assert!(name.len() <= NAME_LIMIT && name.len() > NAME_LIMIT - 4);
            assert!(name.ends_with(".exe"));
        }
        let name = [b"\xff".repeat(70), b"\xff".repeat(300)].concat();
        let data = Writer::default().file(&name, 0, b"").finish(b"");
        assert!(names(&data)[0].len() <= NAME_LIMIT);
    }

    #[test]
    fn many_files() {
        let mut writer = Writer::default();
        for number in 0..1000 {
            let flags = u16::from(number == 999);
            writer = writer.file(format!("{number}.txt").as_bytes(), flags, b"x");
        }
        let data = writer.finish(b"");
        for end in [data.len(), data.len() - END_LENGTH] {
            let archive = zip(&data[..end]).unwrap();
            assert_eq!(archive.names.len(), NAMES_LIMIT);
            assert!(archive.encrypted);
        }
    }

    #[test]
    fn a_megabyte_of_junk_is_cheap() {
        let head = |flags: u8, name: [u8; 2]| {
            let mut head = FILE.to_vec();
            head.extend([20, 0, flags, 0]);
            head.extend([0; 18]);
            head.extend(name);
            head.extend([0, 0]);
            head
        };
        let units = [
            FILE.to_vec(),
            ENTRY.to_vec(),
            END.to_vec(),
            b"P".to_vec(),
            head(8, [0, 0]),
            head(0, [0, 0]),
            head(1, [0xff, 0xff]),
            [head(8, [9, 0]), b"PK\x03\x04file".to_vec()].concat(),
            [FILE, END].concat(),
            [ENTRY, &[0; 42]].concat(),
        ];
        for unit in units {
            let junk = unit.repeat((1 << 20) / unit.len());
            zip(&junk);
            let mut ended = [FILE, &junk].concat();
            let size = u32::try_from(junk.len()).unwrap().to_le_bytes();
            ended.extend(END);
            ended.extend([0, 0, 0, 0, 1, 0, 1, 0]);
            ended.extend(size);
            ended.extend([9, 0, 0, 0, 0, 0]);
            assert!(zip(&ended).unwrap().names.len() <= NAMES_LIMIT);
        }
    }

    #[test]
    fn other_data_is_not_an_archive() {
        for data in [&b""[..], b"PK", b"hello PK\x03\x04", &[b'P'; 99]] {
            assert_eq!(zip(data), None);
        }
    }
}
