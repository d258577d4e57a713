//! The file types that are detected.

/// A file type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileType {
    /// A Windows or DOS program or library.
    Pe,
    /// A program or library of Linux or other Unix systems.
    Elf,
    /// A macOS program or library.
    MachO,
    /// ZIP and formats based on it: OOXML, OpenDocument, JAR, EPUB.
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
    /// A Windows cabinet.
    Cab,
    /// A disc image.
    Iso,
    /// PDF.
    Pdf,
    /// A compound file: old Office, MSI, MSG; also OOXML with a password.
    Ole,
    /// Rich text.
    Rtf,
    /// A Windows shortcut.
    Lnk,
    /// A OneNote section or folder.
    One,
    /// HTML.
    Html,
    /// An SVG drawing, which may contain scripts.
    Svg,
    /// Any other XML.
    Xml,
    /// A script, by its first line or by typical calls.
    Script,
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// WebP.
    Webp,
    /// A Windows bitmap.
    Bmp,
    /// TIFF.
    Tiff,
    /// MP3.
    Mp3,
    /// MP4 and related formats, such as HEIC and AVIF.
    Mp4,
    /// An email message, or a web page saved as one.
    Eml,
    /// A calendar.
    Ics,
    /// A vCard.
    Vcard,
    /// A Java class.
    Class,
    /// A tar file.
    Tar,
    /// TNEF, in which Outlook packs attachments.
    Tnef,
    /// A virtual disk image, which Windows mounts when it is opened.
    Disk,
    /// A file that opens a link, a search or a remote computer.
    Link,
}

impl FileType {
    /// Whether it runs when it is opened.
    pub fn is_program(self) -> bool {
        matches!(
            self,
            Self::Pe | Self::Elf | Self::MachO | Self::Lnk | Self::Class
        )
    }

    /// The name in rules and reports.
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
            Self::Tar => "tar",
            Self::Tnef => "tnef",
            Self::Disk => "disk",
            Self::Link => "link",
        }
    }
}
