//! Extensions: which names a kind of file honestly bears.
//!
//! In: a kind and an extension; out: whether they agree. It never doubts an extension it does not
//! know, nor a mistake that programs and people make every day: a picture named as another picture,
//! a table of Excel that is a page. No RFC; the lists are what the makers of each format register or
//! write.

use super::kind::Magic;

const PICTURES: &[&str] = &[
    "png", "apng", "jpg", "jpeg", "jpe", "jfif", "gif", "webp", "bmp", "dib", "tif", "tiff",
    "heic", "heif", "avif",
];

/// Extensions that show any text as text.
const TEXTS: &[&str] = &["txt", "text", "log", "csv", "tsv", "md", "asc"];

/// Extensions that everybody knows and none of the kinds bears.
const OTHERS: &[&str] = &[
    "wav", "avi", "mkv", "wmv", "wma", "ogg", "flac", "aac", "mid", "ico", "psd", "ttf", "otf",
    "json", "yaml", "ini", "css", "url", "reg",
];

const ALL: &[Magic] = &[
    Magic::Pe,
    Magic::Elf,
    Magic::MachO,
    Magic::Zip,
    Magic::Rar,
    Magic::SevenZip,
    Magic::Gzip,
    Magic::Bzip2,
    Magic::Xz,
    Magic::Cab,
    Magic::Iso,
    Magic::Pdf,
    Magic::Ole,
    Magic::Rtf,
    Magic::Lnk,
    Magic::One,
    Magic::Html,
    Magic::Svg,
    Magic::Xml,
    Magic::Script,
    Magic::Png,
    Magic::Mp3,
    Magic::Mp4,
    Magic::Eml,
    Magic::Ics,
    Magic::Vcard,
    Magic::Class,
];

/// Whether a file of this kind may bear this extension, which comes without its dot.
pub fn fits(magic: Magic, extension: &str) -> bool {
    let among = |list: &[&str]| list.iter().any(|it| it.eq_ignore_ascii_case(extension));
    // Readers take a picture by its bytes, whatever picture its name says.
    let pictures = is_picture(magic) && among(PICTURES);
    let texts = is_text(magic) && among(TEXTS);
    if pictures || texts || among(own(magic)) {
        return true;
    }
    let known = among(PICTURES) || among(TEXTS) || among(OTHERS);
    !known && !ALL.iter().any(|other| among(own(*other)))
}

fn is_picture(magic: Magic) -> bool {
    use Magic::{Bmp, Gif, Jpeg, Mp4, Png, Tiff, Webp};
    matches!(magic, Png | Jpeg | Gif | Webp | Bmp | Tiff | Mp4)
}

fn is_text(magic: Magic) -> bool {
    use Magic::{Eml, Html, Ics, Script, Svg, Vcard, Xml};
    matches!(magic, Eml | Html | Ics | Script | Svg | Vcard | Xml)
}

fn own(magic: Magic) -> &'static [&'static str] {
    match magic {
        Magic::Pe => &[
            "exe", "dll", "scr", "com", "pif", "sys", "cpl", "ocx", "drv", "efi", "mui", "xll",
            "ax", "wll",
        ],
        Magic::Elf => &["elf", "so", "o", "ko", "run", "appimage"],
        Magic::MachO => &["dylib", "bundle", "o", "so", "macho"],
        // Old names on new Office files: people rename them, Office asks and opens.
        Magic::Zip => &[
            "zip", "zipx", "docx", "docm", "dotx", "dotm", "xlsx", "xlsm", "xlsb", "xltx", "xltm",
            "xlam", "pptx", "pptm", "potx", "potm", "ppsx", "ppsm", "ppam", "doc", "xls", "ppt",
            "vsdx", "thmx", "odt", "ods", "odp", "odg", "odf", "ott", "ots", "otp", "sxw", "jar",
            "war", "ear", "apk", "aab", "ipa", "epub", "xpi", "crx", "nupkg", "whl", "kmz", "3mf",
            "xps", "oxps", "cbz", "pages", "numbers", "key", "msix", "appx", "vsix", "usdz",
            "sketch", "pkpass", "idml",
        ],
        Magic::Rar => &["rar", "cbr", "r00", "rev"],
        Magic::SevenZip => &["7z", "cb7"],
        Magic::Gzip => &["gz", "gzip", "tgz", "svgz", "emz", "wmz", "dia", "adz"],
        Magic::Bzip2 => &["bz2", "tbz", "tbz2", "bz"],
        Magic::Xz => &["xz", "txz"],
        Magic::Cab => &["cab", "msu", "wsp", "xsn"],
        Magic::Iso => &["iso", "img", "cdr", "toast", "udf"],
        Magic::Pdf => &["pdf", "ai", "fdf", "pdfa"],
        // MS-OFFCRYPTO 1.3.3: OOXML under a password is a compound file.
        Magic::Ole => &[
            "doc", "dot", "xls", "xlt", "xla", "ppt", "pps", "pot", "ppa", "msi", "msp", "mst",
            "msg", "oft", "vsd", "vss", "pub", "mpp", "wps", "db", "hwp", "docx", "docm", "dotx",
            "dotm", "xlsx", "xlsm", "xlsb", "xltx", "xltm", "pptx", "pptm", "potx", "ppsx",
        ],
        Magic::Rtf => &["rtf", "doc", "dot"],
        Magic::Lnk => &["lnk"],
        Magic::One => &["one", "onetoc2"],
        // Web applications export their tables like this.
        Magic::Html => &[
            "html", "htm", "xhtml", "xht", "shtml", "hta", "php", "asp", "aspx", "jsp", "xml",
            "doc", "xls", "mht",
        ],
        Magic::Svg => &["svg", "xml", "html", "htm", "xhtml"],
        Magic::Xml => &[
            "xml", "xsl", "xslt", "xsd", "rss", "atom", "svg", "xhtml", "kml", "gpx", "plist",
            "doc", "xls", "wsf", "fdf", "xdp", "rdp",
        ],
        Magic::Script => &[
            "sh", "bash", "zsh", "command", "run", "py", "pyw", "pl", "rb", "lua", "php", "js",
            "jse", "mjs", "vbs", "vbe", "wsf", "wsh", "hta", "sct", "bat", "cmd", "ps1", "psm1",
            "asp", "html", "htm", "bas", "cls",
        ],
        Magic::Png | Magic::Jpeg | Magic::Gif | Magic::Webp | Magic::Bmp | Magic::Tiff => PICTURES,
        Magic::Mp3 => &["mp3", "mp2", "mpga", "aac"],
        Magic::Mp4 => &[
            "mp4", "m4a", "m4v", "m4b", "m4r", "mov", "qt", "3gp", "3g2", "f4v", "aac",
        ],
        // Word and Excel save pages as mails, too.
        Magic::Eml => &[
            "eml", "mht", "mhtml", "mbox", "mbx", "msg", "nws", "doc", "xls",
        ],
        Magic::Ics => &["ics", "ical", "ifb", "vcs"],
        Magic::Vcard => &["vcf", "vcard"],
        Magic::Class => &["class"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_names() {
        for (magic, extension) in [
            (Magic::Zip, "DOCX"),
            (Magic::Zip, "apk"),
            (Magic::Ole, "docx"),
            (Magic::Rtf, "doc"),
            (Magic::Html, "xls"),
            (Magic::Jpeg, "png"),
            (Magic::Mp4, "heic"),
            (Magic::Script, "txt"),
            (Magic::Pe, "never-heard-of"),
            (Magic::Pe, ""),
            (Magic::Pe, "exe"),
        ] {
            assert!(fits(magic, extension), "{magic:?} {extension}");
        }
    }

    #[test]
    fn lies() {
        for (magic, extension) in [
            (Magic::Pe, "pdf"),
            (Magic::Pe, "jpg"),
            (Magic::Pe, "txt"),
            (Magic::Pe, "wav"),
            (Magic::Html, "pdf"),
            (Magic::Rtf, "docx"),
            (Magic::Rar, "zip"),
            (Magic::Iso, "pdf"),
            (Magic::Lnk, "doc"),
            (Magic::Zip, "exe"),
            (Magic::Mp3, "png"),
        ] {
            assert!(!fits(magic, extension), "{magic:?} {extension}");
        }
    }

    #[test]
    fn each_kind_bears_its_own() {
        for magic in ALL {
            for extension in own(*magic) {
                assert!(fits(*magic, extension), "{magic:?} {extension}");
            }
        }
    }
}
