//! Archives of several formats, nested in each other, and cut anywhere.

use std::io::Write;

use super::*;

const PROGRAM: &[u8] = b"MZ\x90\0\x03\0\0\0 a program";

fn found(data: &[u8]) -> Archive {
    read(data, &Work::new(1 << 30)).unwrap_or_default()
}

/// Also reads every truncation of the file: none may panic.
fn names(data: &[u8]) -> Vec<String> {
    for end in 0..data.len() {
        found(&data[..end]);
    }
    found(data).names
}

fn hexadecimal(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks_exact(2);
    pairs
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// A ZIP of one file, deflated.
fn zip_of(name: &str, content: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(content).unwrap();
    let packed = packer.finish().unwrap();
    let size = u32::try_from(packed.len()).unwrap().to_le_bytes();
    let length = u16::try_from(name.len()).unwrap().to_le_bytes();
    let fields = |data: &mut Vec<u8>| {
        data.extend([20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        data.extend(size);
        data.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
        data.extend(length);
        data.extend([0, 0]);
    };
    let mut data = b"PK\x03\x04".to_vec();
    fields(&mut data);
    data.extend(name.as_bytes());
    data.extend(&packed);
    let start = u32::try_from(data.len()).unwrap();
    data.extend(b"PK\x01\x02\x14\0");
    fields(&mut data);
    data.extend([0; 14]);
    data[usize::try_from(start).unwrap() + 42..].fill(0);
    data.extend(name.as_bytes());
    let directory = u32::try_from(data.len()).unwrap() - start;
    data.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    data.extend(directory.to_le_bytes());
    data.extend(start.to_le_bytes());
    data.extend([0, 0]);
    data
}

#[test]
fn programs_are_found_by_content_and_in_archives_within_archives() {
    let inner = zip_of("scan.pdf", PROGRAM);
    let outer = zip_of("inner.zip", &inner);
    let all = found(&outer);
    assert_eq!(all.names, ["inner.zip", "scan.pdf"]);
    assert_eq!(all.programs, ["scan.pdf"]);
    let deep = zip_of("a.zip", &zip_of("b.zip", &zip_of("c.zip", &outer)));
    assert_eq!(found(&deep).names, ["a.zip", "b.zip", "c.zip"]);
    // Data before an archive is skipped.
    for before in [&b"MZ\0 unpacks itself"[..], b"GIF89a", b"<html>"] {
        let all = found(&[before, &inner].concat());
        assert_eq!((all.names.len(), all.programs.len()), (1, 1), "{before:?}");
    }
    assert_eq!(names(&outer).len(), 2);
    assert!(!all.is_package() && found(&zip_of("META-INF/a", b"x")).is_package());
}

#[test]
fn rar_of_version_4() {
    let file = |flags: u16, name: &[u8], content: &[u8]| {
        let mut block = vec![0, 0, 0x74];
        block.extend((flags | 0x8000).to_le_bytes());
        block.extend(u16::try_from(32 + name.len()).unwrap().to_le_bytes());
        let size = u32::try_from(content.len()).unwrap().to_le_bytes();
        block.extend(size);
        block.extend(size);
        block.extend([2, 0, 0, 0, 0, 0, 0, 0, 0, 20, b'0']);
        block.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        block.extend([0; 4]);
        block.extend(name);
        block.extend(content);
        block
    };
    let main = |flags: u8| [0, 0, 0x73, flags, 0, 13, 0, 0, 0, 0, 0, 0, 0];
    let begin = |flags| [&b"Rar!\x1a\x07\0"[..], &main(flags)].concat();
    let data = [
        begin(0),
        file(0, b"a.txt", b"x"),
        file(4, b"secret.exe\0packed", b"MZ"),
        file(0, b"b.pdf", PROGRAM),
    ]
    .concat();
    assert_eq!(names(&data), ["a.txt", "secret.exe", "b.pdf"]);
    let all = found(&data);
    assert!(all.encrypted && !all.has_unknown_names);
    assert_eq!(all.programs, ["b.pdf"]);
    let hidden = found(&[begin(0x80), file(0, b"a", b"")].concat());
    assert!(hidden.encrypted && hidden.has_unknown_names && hidden.names.is_empty());
}

#[test]
fn rar_of_version_5() {
    let block = |kind: u8, flags: u8, fields: &[u8], content: &[u8]| {
        let mut header = vec![kind, flags];
        if flags & 2 != 0 {
            header.push(u8::try_from(content.len()).unwrap());
        }
        header.extend(fields);
        let size = u8::try_from(header.len()).unwrap();
        [&[0, 0, 0, 0, size], &header[..], content].concat()
    };
    let file = |of: u8, name: &str, content: &[u8]| {
        let mut fields = vec![of, 0, 0];
        fields.extend([0; 8].iter().take(if of & 4 != 0 { 4 } else { 0 }));
        fields.extend([0, 1, u8::try_from(name.len()).unwrap()]);
        fields.extend(name.as_bytes());
        block(2, 2, &fields, content)
    };
    let begin = b"Rar!\x1a\x07\x01\0".to_vec();
    let data = [
        begin.clone(),
        block(1, 0, &[0], b""),
        file(1, "folder", b""),
        file(4, "größe.txt", b"x"),
        file(0, "b.pdf", PROGRAM),
        block(5, 0, &[0], b""),
    ]
    .concat();
    assert_eq!(names(&data), ["größe.txt", "b.pdf"]);
    assert_eq!(found(&data).programs, ["b.pdf"]);
    let hidden = found(&[begin, block(4, 0, &[0, 0], b"")].concat());
    assert!(hidden.encrypted && hidden.has_unknown_names);
}

/// Made with 7-Zip 26.02: as usual; with an uncompressed header; and with an encrypted one.
#[test]
fn seven_zip() {
    let usual = hexadecimal(USUAL);
    assert_eq!(names(&usual), ["notes.txt", "run.exe"]);
    assert!(!found(&usual).has_unknown_names && !found(&usual).encrypted);
    assert_eq!(names(&hexadecimal(UNPACKED)), ["run.exe"]);
    let encrypted = found(&hexadecimal(ENCRYPTED));
    assert!(encrypted.encrypted && encrypted.has_unknown_names);
    let cut = found(&usual[..usual.len() - 1]);
    assert!(cut.has_unknown_names && cut.names.is_empty());
}

#[test]
fn cabinets() {
    let mut data = b"MSCF\0\0\0\0".to_vec();
    data.extend([0; 8]);
    data.extend(44_u32.to_le_bytes());
    data.extend([0; 8]);
    data.extend([2, 0]);
    data.extend([0; 14]);
    for name in ["a.txt", "setup.exe"] {
        data.extend([0; 16]);
        data.extend(name.as_bytes());
        data.push(0);
    }
    assert_eq!(names(&data), ["a.txt", "setup.exe"]);
}

#[test]
fn gzip_and_tar() {
    let mut header = [0; 512];
    header[..9].copy_from_slice(b"dir/a.exe");
    header[124..135].copy_from_slice(b"00000000014");
    header[156] = b'0';
    header[257..262].copy_from_slice(b"ustar");
    let tar = [&header[..], &PROGRAM[..12], &[0; 500]].concat();
    assert_eq!(names(&tar), ["dir/a.exe"]);
    let mut packer = flate2::GzBuilder::new()
        .filename("a.tar")
        .write(Vec::new(), flate2::Compression::fast());
    packer.write_all(&tar).unwrap();
    let data = packer.finish().unwrap();
    assert_eq!(names(&data), ["a.tar", "dir/a.exe"]);
    assert_eq!(found(&data).programs, ["dir/a.exe"]);
}

#[test]
fn attached_messages_and_tnef() {
    let mail = b"From: a@a.example\nSubject: x\nContent-Type: application/octet-stream; \
        name=\"scan.pdf\"\nContent-Transfer-Encoding: base64\n\nTVqQAAMAAAAEAAAA//8AALgAAAA=\n";
    let all = found(mail);
    assert_eq!(
        (&*all.names[0], &*all.programs[0]),
        ("scan.pdf", "scan.pdf")
    );
    names(mail);
    let mut tnef = b"\x78\x9f\x3e\x22\0\0".to_vec();
    for (id, value) in [
        (0x0001_8010_u32, &b"a.pdf\0"[..]),
        (0x0006_800f, PROGRAM),
        (0x0001_8010, b"b.txt\0"),
        (0x0006_800f, b"text"),
    ] {
        tnef.push(2);
        tnef.extend(id.to_le_bytes());
        tnef.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        tnef.extend(value);
        tnef.extend([0, 0]);
    }
    assert_eq!(names(&tnef), ["a.pdf", "b.txt"]);
    assert_eq!(found(&tnef).programs, ["a.pdf"]);
}

/// Files that repeat one kind of block throughout stay within the budget, and reading them ends.
#[test]
fn a_megabyte_of_junk_is_cheap() {
    let units: [&[u8]; 6] = [
        b"Rar!\x1a\x07\0",
        b"Rar!\x1a\x07\x01\0\0\0\0\0\x03\x02\0\0",
        b"7z\xbc\xaf\x27\x1c\0\x04\0\0\0\0\0\0\0\0",
        b"\x78\x9f\x3e\x22\0\0\0\0",
        b"MSCF\0\0\0\0\x01\0\0\0",
        b"\x1f\x8b\x08\x08\x41\0",
    ];
    for unit in units {
        let junk = unit.repeat((1 << 20) / unit.len());
        assert!(found(&junk).names.len() <= NAMES_LIMIT);
    }
    let little = Work::new(10_000);
    assert!(read(&zip_of("a.exe", b"x"), &little).is_none());
}

const USUAL: &str = "\
    377abcaf271c0004889633ed6e0000000000000020000000000000008cdcc95701000568690a68690a000000813307ae \
    0fce6f565efa0dfa2483dc177762f217a09d26412819a03479d431016030b6be9fa0d8c994f173ecce8fdfd469a9af59 \
    43702cbf46d4da7f944e1eb5d9e1e2e8ee24db64ce425a5cc7564144460977d41715742ae27ff6cf8c0f164000001706 \
    0a01096400070b01000123030101055d001000000c760a01047ac3900000";

const UNPACKED: &str = "\
    377abcaf271c0004264af9b307000000000000005a000000000000002a6aefa801000268690a00010406000109070007 \
    0b010001212101000c0300080a017a7a6fed00000501190c000000000000000000000000111100720075006e002e0065 \
    0078006500000019020000140a0100a1afea93307fdd01150601002080a4810000";

const ENCRYPTED: &str = "\
    377abcaf271c00048c98fc4980000000000000002e00000000000000788b5eb566c0bfbb87216e262262b295e7c52bab \
    56530e1c4c479b6a8bf0bf392241add38d311fd6f1747fa164bf8884c26558fbced1d290dd16276c4440ebe6cbc5daf5 \
    d97ad13dec406602666c65e994ec144ac2591c8d02d871f1bccc0eb6373f96e044e680aa09f1e542fe0b7a6d1afc2f96 \
    b1606af7822df7cdb024f09f9f5390aa17061001097000070b0100012406f1070112530f49128ee23a823dba7b5e0fd7 \
    94b8f9770c6a0a01c63543f90000";
