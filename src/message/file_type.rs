//! Detects a file's type from its first bytes.
//!
//! In: the beginning of a decoded attachment, of which 4096 bytes suffice; out: its type, if it has a signature. It
//! never trusts a name or a declared type, reads no further than signatures reach, and does not detect plain text.
//! Signatures come from each format's specification, cited at its line; HTML is detected as in the MIME Sniffing
//! standard (section 7.1).

mod extension;
mod kind;
mod text;

pub use extension::fits;
pub use kind::FileType;

/// Unambiguous signatures at the beginning.
const AT_START: &[(&[u8], FileType)] = &[
    (b"\x7fELF", FileType::Elf),
    (b"\xfe\xed\xfa\xce", FileType::MachO),
    (b"\xfe\xed\xfa\xcf", FileType::MachO),
    (b"\xce\xfa\xed\xfe", FileType::MachO),
    (b"\xcf\xfa\xed\xfe", FileType::MachO),
    (b"\xca\xfe\xba\xbf", FileType::MachO),
    // APPNOTE 4.3.7, 4.3.16 (an empty archive), and 8.5.3 and 8.5.4 (an archive that is, or might have been, split).
    (b"PK\x03\x04", FileType::Zip),
    (b"PK\x05\x06", FileType::Zip),
    (b"PK\x07\x08", FileType::Zip),
    (b"PK00PK\x03\x04", FileType::Zip),
    (b"Rar!\x1a\x07", FileType::Rar),
    (b"7z\xbc\xaf\x27\x1c", FileType::SevenZip),
    // RFC 1952 section 2.3.1; deflate is the only method.
    (b"\x1f\x8b\x08", FileType::Gzip),
    (b"\xfd7zXZ\0", FileType::Xz),
    (b"MSCF\0\0\0\0", FileType::Cab),
    // MS-OXTNEF 2.1.3.1.
    (b"\x78\x9f\x3e\x22", FileType::Tnef),
    // The cookies in Microsoft's virtual disk specifications, and in VMware's.
    (b"conectix", FileType::Disk),
    (b"vhdxfile", FileType::Disk),
    (b"KDMV", FileType::Disk),
    (b"%PDF-", FileType::Pdf),
    // MS-CFB 2.2.
    (OLE_MARK, FileType::Ole),
    // Word requires no more than this.
    (b"{\\rt", FileType::Rtf),
    // MS-SHLLINK 2.1: the header's size and the class ID.
    (
        b"\x4c\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46",
        FileType::Lnk,
    ),
    // MS-ONESTORE 2.3.1: sections, then tables of contents.
    (
        b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3",
        FileType::One,
    ),
    (
        b"\x43\xff\x2f\xa1\xef\xd9\x76\x4c\x9e\xe2\x10\xea\x57\x22\x76\x5f",
        FileType::One,
    ),
    (b"\x89PNG\r\n\x1a\n", FileType::Png),
    (b"\xff\xd8\xff", FileType::Jpeg),
    (b"GIF87a", FileType::Gif),
    (b"GIF89a", FileType::Gif),
    (b"II*\0", FileType::Tiff),
    (b"MM\0*", FileType::Tiff),
    (b"II+\0", FileType::Tiff),
    (b"MM\0+", FileType::Tiff),
];

/// How compound files begin (MS-CFB 2.2).
pub(crate) const OLE_MARK: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Readers search for the PDF header up to here (ISO 32000-1 annex H.3, note 13).
pub(crate) const PDF_MARK_WITHIN: usize = 1024;

/// Detects the type by the first bytes.
pub fn of(head: &[u8]) -> Option<FileType> {
    let at_start = AT_START.iter().find(|(mark, _)| head.starts_with(mark));
    at_start
        .map(|(_, file_type)| *file_type)
        .or_else(|| structured(head))
        .or_else(|| text::of(head))
        .or_else(|| displaced(head))
}

// Types whose signature is too short on its own.
fn structured(head: &[u8]) -> Option<FileType> {
    let at = |from: usize, mark: &[u8]| {
        let rest = head.get(from..).unwrap_or_default();
        rest.starts_with(mark)
    };
    // All of the DOS header may be forged except the offset of the PE header, whose high byte is 0.
    let top = &head[..head.len().min(64)];
    if at(0, b"MZ") && top.contains(&0) {
        return Some(FileType::Pe);
    }
    if at(0, b"\xca\xfe\xba\xbe") {
        // Java class versions begin at 45 (JVMS 4.1), fat binaries have fewer architectures.
        let [_, _, _, _, 0, 0, 0, 0..45, ..] = head else {
            return Some(FileType::Class);
        };
        return Some(FileType::MachO);
    }
    if let [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..] = head
        && (rest.starts_with(b"1AY&SY") || rest.starts_with(b"\x17\x72\x45\x38\x50\x90"))
    {
        return Some(FileType::Bzip2);
    }
    if at(0, b"RIFF") && at(8, b"WEBP") {
        return Some(FileType::Webp);
    }
    // The reserved bytes, and a size that one of the headers has.
    if let [
        b'B',
        b'M',
        _,
        _,
        _,
        _,
        0,
        0,
        0,
        0,
        _,
        _,
        _,
        _,
        size,
        0,
        0,
        0,
        ..,
    ] = head
        && matches!(size, 12 | 40 | 52 | 56 | 64 | 108 | 124)
    {
        return Some(FileType::Bmp);
    }
    if let [b'I', b'D', b'3', 2..=4, ..] = head {
        return Some(FileType::Mp3);
    }
    // ISO 11172-3 2.4.1.3: the sync word, layer III, a bit rate and a sampling rate that exist.
    if let [0xff, second, third, _, ..] = head
        && second & 0xe6 == 0xe2
        && second & 0x18 != 0x08
        && third & 0xf0 != 0xf0
        && third & 0x0c != 0x0c
    {
        return Some(FileType::Mp3);
    }
    // ISO 14496-12 4.3.
    at(4, b"ftyp").then_some(FileType::Mp4)
}

// Types whose signature is not at the beginning.
fn displaced(head: &[u8]) -> Option<FileType> {
    // POSIX ustar, and GNU tar's, which has a blank for the NUL.
    if head.get(257..262) == Some(b"ustar") {
        return Some(FileType::Tar);
    }
    // ECMA-119 8.1.2: the first descriptor is the 16th sector.
    let descriptor = head.get(32769..).unwrap_or_default();
    if descriptor.starts_with(b"CD001") {
        return Some(FileType::Iso);
    }
    let top = &head[..head.len().min(PDF_MARK_WITHIN)];
    memchr::memmem::find(top, b"%PDF-").map(|_| FileType::Pdf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_at_the_start() {
        for (mark, file_type) in AT_START {
            assert_eq!(of(mark), Some(*file_type), "{mark:?}");
            let cut = &mark[..mark.len() - 1];
            assert_ne!(of(cut), Some(*file_type), "{cut:?}");
        }
    }

    #[test]
    fn signatures_that_need_more_evidence() {
        let mut bitmap = b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
        assert_eq!(of(&bitmap), Some(FileType::Bmp));
        bitmap[14] = 41;
        assert_eq!(of(&bitmap), None);
        let mut program = [b"MZ".to_vec(), vec![b'A'; 61], vec![0]].concat();
        assert_eq!(of(&program), Some(FileType::Pe));
        program[63] = b'A';
        assert_eq!(of(&program), None);
        assert_eq!(of(b"\xca\xfe\xba\xbe\0\0\0\x02"), Some(FileType::MachO));
        assert_eq!(of(b"\xca\xfe\xba\xbe\0\0\0\x34"), Some(FileType::Class));
        assert_eq!(of(b"BZh91AY&SY"), Some(FileType::Bzip2));
        assert_eq!(of(b"BZh9 is a name"), None);
        assert_eq!(of(b"RIFF\x10\0\0\0WEBPVP8 "), Some(FileType::Webp));
        assert_eq!(of(b"RIFF\x10\0\0\0WAVEfmt "), None);
        assert_eq!(of(b"ID3\x04\0\0"), Some(FileType::Mp3));
        assert_eq!(of(b"\xff\xfb\x90\x64"), Some(FileType::Mp3));
        assert_eq!(of(b"\xff\xfe<\0x\0"), None);
        assert_eq!(of(b"\0\0\0\x18ftypheic"), Some(FileType::Mp4));
    }

    #[test]
    fn signatures_at_an_offset() {
        let mut image = vec![0; 32769];
        assert_eq!(of(&image), None);
        image.extend(b"CD001\x01");
        assert_eq!(of(&image), Some(FileType::Iso));
        let pdf = |junk: usize| [vec![0xaa; junk], b"%PDF-1.7".to_vec()].concat();
        assert_eq!(of(&pdf(1019)), Some(FileType::Pdf));
        assert_eq!(of(&pdf(1020)), None);
        let tar = [vec![b'a'; 257], b"ustar\x0000".to_vec()].concat();
        assert_eq!(of(&tar), Some(FileType::Tar));
    }

    #[test]
    fn unknown_data_has_no_type() {
        assert_eq!(of(b""), None);
        for byte in 0..=255_u8 {
            for length in [1, 2, 3, 4, 63, 64, 4096] {
                assert_eq!(of(&vec![byte; length]), None, "{byte} {length}");
            }
        }
    }
}
