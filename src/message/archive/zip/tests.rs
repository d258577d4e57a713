//! ZIP files that are whole, truncated, encrypted, and crafted to mislead.

use super::super::contents::NAME_LIMIT;
use super::*;

fn zip(data: &[u8]) -> Option<Archive> {
    let mut archive = Archive::default();
    read(data, &mut archive, &Work::new(1 << 30))?;
    Some(archive)
}

/// Writes an archive of stored files.
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
    // Two concatenated archives: some programs open the first, others the last.
    let decoy = Writer::default().file(b"b.txt", 0, b"x").finish(b"");
    assert_eq!(
        names(&[decoy.clone(), inner.clone()].concat()),
        ["b.txt", "a.js"]
    );
    assert_eq!(names(&[inner, decoy].concat()), ["a.js", "b.txt"]);
}

#[test]
fn the_content_of_files_is_found() {
    let inner = Writer::default()
        .file(b"a.txt", 0, b"hello")
        .file(b"b.txt", 0, b"MZ")
        .finish(b"");
    for prefix in ["", "GIF89a and so on"] {
        let data = [prefix.as_bytes(), &inner].concat();
        let members = read(&data, &mut Archive::default(), &Work::new(1 << 30)).unwrap();
        let content: Vec<_> = members.iter().map(|member| &*member.content).collect();
        assert_eq!(content, [&b"hello"[..], b"MZ"], "{prefix}");
    }
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
