//! Which file name extensions fit which file type.
//!
//! In: a file type and an extension; out: whether they fit. It accepts unknown extensions and common mistakes: an image
//! named as another image type, an Excel table that is HTML. No RFC; the lists are what each format's vendor registers
//! or uses.

use super::kind::FileType;

const PICTURES: &[&str] = &[
    "png", "apng", "jpg", "jpeg", "jpe", "jfif", "gif", "webp", "bmp", "dib", "tif", "tiff",
    "heic", "heif", "avif",
];

/// Extensions of plain text.
const TEXTS: &[&str] = &["txt", "text", "log", "csv", "tsv", "md", "asc"];

/// Well-known extensions that belong to no type detected here.
const OTHERS: &[&str] = &[
    "wav", "avi", "mkv", "wmv", "wma", "ogg", "flac", "aac", "mid", "ico", "psd", "ttf", "otf",
    "json", "yaml", "ini", "css", "reg",
];

const ALL: &[FileType] = &[
    FileType::Pe,
    FileType::Elf,
    FileType::MachO,
    FileType::Zip,
    FileType::Rar,
    FileType::SevenZip,
    FileType::Gzip,
    FileType::Bzip2,
    FileType::Xz,
    FileType::Cab,
    FileType::Iso,
    FileType::Pdf,
    FileType::Ole,
    FileType::Rtf,
    FileType::Lnk,
    FileType::One,
    FileType::Html,
    FileType::Svg,
    FileType::Xml,
    FileType::Script,
    FileType::Png,
    FileType::Mp3,
    FileType::Mp4,
    FileType::Eml,
    FileType::Ics,
    FileType::Vcard,
    FileType::Class,
    FileType::Tar,
    FileType::Tnef,
    FileType::Disk,
    FileType::Link,
];

/// Whether a file of this type may have this extension (without dot).
pub fn fits(file_type: FileType, extension: &str) -> bool {
    let among = |list: &[&str]| list.iter().any(|it| it.eq_ignore_ascii_case(extension));
    // Viewers detect an image type by its bytes, whatever the extension.
    let pictures = is_picture(file_type) && among(PICTURES);
    let texts = is_text(file_type) && among(TEXTS);
    if pictures || texts || among(own(file_type)) {
        return true;
    }
    let known = among(PICTURES) || among(TEXTS) || among(OTHERS);
    !known && !ALL.iter().any(|other| among(own(*other)))
}

fn is_picture(file_type: FileType) -> bool {
    use FileType::{Bmp, Gif, Jpeg, Mp4, Png, Tiff, Webp};
    matches!(file_type, Png | Jpeg | Gif | Webp | Bmp | Tiff | Mp4)
}

fn is_text(file_type: FileType) -> bool {
    use FileType::{Eml, Html, Ics, Link, Script, Svg, Vcard, Xml};
    matches!(
        file_type,
        Eml | Html | Ics | Link | Script | Svg | Vcard | Xml
    )
}

fn own(file_type: FileType) -> &'static [&'static str] {
    match file_type {
        FileType::Pe => &[
            "exe", "dll", "scr", "com", "pif", "sys", "cpl", "ocx", "drv", "efi", "mui", "xll",
            "ax", "wll",
        ],
        FileType::Elf => &["elf", "so", "o", "ko", "run", "appimage"],
        FileType::MachO => &["dylib", "bundle", "o", "so", "macho"],
        // Old extensions on new Office files: people rename them, and Office opens them after asking.
        FileType::Zip => &[
            "zip", "zipx", "docx", "docm", "dotx", "dotm", "xlsx", "xlsm", "xlsb", "xltx", "xltm",
            "xlam", "pptx", "pptm", "potx", "potm", "ppsx", "ppsm", "ppam", "doc", "xls", "ppt",
            "vsdx", "thmx", "odt", "ods", "odp", "odg", "odf", "ott", "ots", "otp", "sxw", "jar",
            "war", "ear", "apk", "aab", "ipa", "epub", "xpi", "crx", "nupkg", "whl", "kmz", "3mf",
            "xps", "oxps", "cbz", "pages", "numbers", "key", "msix", "appx", "vsix", "usdz",
            "sketch", "pkpass", "idml",
        ],
        FileType::Rar => &["rar", "cbr", "r00", "rev"],
        FileType::SevenZip => &["7z", "cb7"],
        FileType::Gzip => &["gz", "gzip", "tgz", "svgz", "emz", "wmz", "dia", "adz"],
        FileType::Bzip2 => &["bz2", "tbz", "tbz2", "bz"],
        FileType::Xz => &["xz", "txz"],
        FileType::Cab => &["cab", "msu", "wsp", "xsn"],
        FileType::Iso => &["iso", "img", "cdr", "toast", "udf"],
        FileType::Pdf => &["pdf", "ai", "fdf", "pdfa"],
        // MS-OFFCRYPTO 1.3.3: OOXML with a password is a compound file.
        FileType::Ole => &[
            "doc", "dot", "xls", "xlt", "xla", "ppt", "pps", "pot", "ppa", "msi", "msp", "mst",
            "msg", "oft", "vsd", "vss", "pub", "mpp", "wps", "db", "hwp", "docx", "docm", "dotx",
            "dotm", "xlsx", "xlsm", "xlsb", "xltx", "xltm", "pptx", "pptm", "potx", "ppsx",
        ],
        FileType::Rtf => &["rtf", "doc", "dot"],
        FileType::Lnk => &["lnk"],
        FileType::One => &["one", "onetoc2"],
        // Web applications export HTML tables under this extension.
        FileType::Html => &[
            "html", "htm", "xhtml", "xht", "shtml", "hta", "php", "asp", "aspx", "jsp", "xml",
            "doc", "xls", "mht",
        ],
        FileType::Svg => &["svg", "xml", "html", "htm", "xhtml"],
        FileType::Xml => &[
            "xml", "xsl", "xslt", "xsd", "rss", "atom", "svg", "xhtml", "kml", "gpx", "plist",
            "doc", "xls", "wsf", "fdf", "xdp", "rdp",
        ],
        FileType::Script => &[
            "sh", "bash", "zsh", "command", "run", "py", "pyw", "pl", "rb", "lua", "php", "js",
            "jse", "mjs", "vbs", "vbe", "wsf", "wsh", "hta", "sct", "bat", "cmd", "ps1", "psm1",
            "asp", "html", "htm", "bas", "cls",
        ],
        FileType::Png
        | FileType::Jpeg
        | FileType::Gif
        | FileType::Webp
        | FileType::Bmp
        | FileType::Tiff => PICTURES,
        FileType::Mp3 => &["mp3", "mp2", "mpga", "aac"],
        FileType::Mp4 => &[
            "mp4", "m4a", "m4v", "m4b", "m4r", "mov", "qt", "3gp", "3g2", "f4v", "aac",
        ],
        // Word and Excel save web pages as mail (MHTML), too.
        FileType::Eml => &[
            "eml", "mht", "mhtml", "mbox", "mbx", "msg", "nws", "doc", "xls",
        ],
        FileType::Ics => &["ics", "ical", "ifb", "vcs"],
        FileType::Vcard => &["vcf", "vcard"],
        FileType::Class => &["class"],
        FileType::Tar => &["tar", "gem", "ova"],
        FileType::Tnef => &["dat", "tnef"],
        FileType::Disk => &["vhd", "vhdx", "vmdk", "img"],
        FileType::Link => &[
            "url",
            "website",
            "rdp",
            "desktop",
            "library-ms",
            "search-ms",
            "searchconnector-ms",
            "webloc",
            "xml",
            "ini",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matching_extensions_are_accepted() {
        for (file_type, extension) in [
            (FileType::Zip, "DOCX"),
            (FileType::Zip, "apk"),
            (FileType::Ole, "docx"),
            (FileType::Rtf, "doc"),
            (FileType::Html, "xls"),
            (FileType::Jpeg, "png"),
            (FileType::Mp4, "heic"),
            (FileType::Script, "txt"),
            (FileType::Pe, "never-heard-of"),
            (FileType::Pe, ""),
            (FileType::Pe, "exe"),
        ] {
            assert!(fits(file_type, extension), "{file_type:?} {extension}");
        }
    }

    #[test]
    fn mismatched_extensions_are_detected() {
        for (file_type, extension) in [
            (FileType::Pe, "pdf"),
            (FileType::Pe, "jpg"),
            (FileType::Pe, "txt"),
            (FileType::Pe, "wav"),
            (FileType::Html, "pdf"),
            (FileType::Rtf, "docx"),
            (FileType::Rar, "zip"),
            (FileType::Iso, "pdf"),
            (FileType::Lnk, "doc"),
            (FileType::Zip, "exe"),
            (FileType::Mp3, "png"),
        ] {
            assert!(!fits(file_type, extension), "{file_type:?} {extension}");
        }
    }

    #[test]
    fn each_kind_accepts_its_own_extensions() {
        for file_type in ALL {
            for extension in own(*file_type) {
                assert!(fits(*file_type, extension), "{file_type:?} {extension}");
            }
        }
    }
}
