//! The kinds of files that are told apart.

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileType {
    /// A program or library of Windows or DOS.
    Pe,
    /// A program or library of Linux and other Unix systems.
    Elf,
    /// A program or library of macOS.
    MachO,
    /// ZIP, and all that is built on it: OOXML, OpenDocument, JAR, EPUB.
    Zip,
    /// RAR.
    Rar,
    /// 7-Zip.
    SevenZip,
    /// gzip.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// A cabinet of Windows.
    Cab,
    /// A disc image.
    Iso,
    /// PDF.
    Pdf,
    /// A compound file: the old Office, MSI, MSG; also OOXML under a password.
    Ole,
    /// Rich text.
    Rtf,
    /// A shortcut of Windows.
    Lnk,
    /// A section or folder of OneNote.
    One,
    /// A page.
    Html,
    /// A drawing that may hold scripts.
    Svg,
    /// Any other XML.
    Xml,
    /// A script that says so, or that calls what only scripts call.
    Script,
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// WebP.
    Webp,
    /// A bitmap of Windows.
    Bmp,
    /// TIFF.
    Tiff,
    /// MP3.
    Mp3,
    /// MP4 and its relatives, HEIC and AVIF among them.
    Mp4,
    /// A mail, or a page saved as one.
    Eml,
    /// A calendar.
    Ics,
    /// A visiting card.
    Vcard,
    /// A class of Java.
    Class,
}

impl FileType {
    /// The kind's name in rules and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pe => "exe",
            Self::Elf => "elf",
            Self::MachO => "macho",
            Self::Zip => "zip",
            Self::Rar => "rar",
            Self::SevenZip => "7z",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Cab => "cab",
            Self::Iso => "iso",
            Self::Pdf => "pdf",
            Self::Ole => "ole",
            Self::Rtf => "rtf",
            Self::Lnk => "lnk",
            Self::One => "one",
            Self::Html => "html",
            Self::Svg => "svg",
            Self::Xml => "xml",
            Self::Script => "script",
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Gif => "gif",
            Self::Webp => "webp",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
            Self::Mp3 => "mp3",
            Self::Mp4 => "mp4",
            Self::Eml => "eml",
            Self::Ics => "ics",
            Self::Vcard => "vcard",
            Self::Class => "class",
        }
    }
}
