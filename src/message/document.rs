//! Documents: the links and active content of a PDF, and whether an Office file has macros.
//!
//! In: a decoded attachment, possibly truncated; out: links, those in QR codes included, and properties. It renders
//! nothing, resolves no references, decrypts nothing, and inflates at most a megabyte, and two pictures. PDF is ISO
//! 32000-1, macros are MS-OVBA.

mod pictures;
mod stream;
mod syntax;

use crate::message::file_type::{OLE_MARK, PDF_MARK_WITHIN};
use crate::message::visible_text::cut;
use crate::message::work::Work;
use memchr::memmem;

/// Limit on links of a document.
pub const LINKS_LIMIT: usize = 50;

/// Limit on a link in bytes.
pub const LINK_LIMIT: usize = 2048;

/// Units of work per PDF, per name, and per octet of a link.
const PDF_WORK: u64 = 15_000;
const NAME_WORK: u64 = 25;
const LINK_WORK: u64 = 15;

/// What a PDF reveals without rendering.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Pdf {
    /// Link targets without duplicates; at most [`LINKS_LIMIT`] of [`LINK_LIMIT`] bytes.
    pub links: Vec<String>,
    /// Links in the QR codes of its pictures.
    pub qr_links: Vec<String>,
    /// Whether it contains scripts.
    pub javascript: bool,
    /// Whether it starts programs.
    pub launch: bool,
    /// Whether it contains a form or submits one.
    pub form: bool,
    /// Pages found, those of earlier revisions in the file included.
    pub pages: usize,
    /// Whether its strings are encrypted: then the links are missing.
    pub encrypted: bool,
}

/// Reads a PDF as far as the budget of work suffices; `None` if it is not one.
pub fn pdf(data: &[u8], work: &Work<'_>) -> Option<Pdf> {
    memmem::find(&data[..data.len().min(PDF_MARK_WITHIN)], b"%PDF-")?;
    let mut pdf = Pdf::default();
    if !work.spend(PDF_WORK) {
        return Some(pdf);
    }
    let data = &data[..work.afford(data.len(), syntax::SEARCH_WORK)];
    pdf.read(data, work);
    stream::each(data, work, &mut |objects| pdf.read(objects, work));
    if !pdf.encrypted && pdf.pages <= pictures::PAGES {
        pdf.qr_links = pictures::links(data, work);
    }
    if pdf.encrypted {
        // Links in encrypted strings are ciphertext: only readable ones are kept.
        pdf.links.retain(|link| link.is_ascii());
    }
    Some(pdf)
}

impl Pdf {
    // Visits names wherever they are: to skip comments and streams as readers do, one would have to parse exactly as
    // each of them does.
    fn read(&mut self, data: &[u8], work: &Work<'_>) {
        let mut at = 0;
        while let Some(found) = data.get(at..).and_then(|rest| memchr::memchr(b'/', rest)) {
            if !work.spend(NAME_WORK) {
                return;
            }
            let name = syntax::name(data, at + found);
            at = name.end;
            match name.as_bytes() {
                // 12.6.4.7. `/S /URI` is the action's type, not a link.
                b"URI" => {
                    at = syntax::skip_space(data, at);
                    if let Some((link, end)) = syntax::string(data, at, LINK_LIMIT) {
                        if !work.spend(LINK_WORK * (end - at) as u64) {
                            return;
                        }
                        self.add_link(&link);
                        at = end;
                    }
                }
                // 12.6.4.16. Two letters occur in any binary data, so a string or a reference must follow.
                b"JS" => {
                    at = syntax::skip_space(data, at);
                    let value = data.get(at);
                    self.javascript |=
                        value.is_some_and(|it| matches!(it, b'(' | b'<' | b'0'..=b'9'));
                }
                b"JavaScript" => self.javascript = true,
                // 12.6.4.5.
                b"Launch" => self.launch = true,
                // 12.7.2, 12.7.5.2.
                b"AcroForm" | b"SubmitForm" => self.form = true,
                // 7.5.5, table 15.
                b"Encrypt" => self.encrypted = true,
                // 7.7.3.3.
                b"Type" => {
                    at = syntax::skip_space(data, at);
                    if data.get(at) == Some(&b'/') {
                        let kind = syntax::name(data, at);
                        at = kind.end;
                        self.pages += usize::from(kind.as_bytes() == b"Page");
                    }
                }
                _ => {}
            }
        }
    }

    fn add_link(&mut self, bytes: &[u8]) {
        if self.links.len() >= LINKS_LIMIT {
            return;
        }
        // 12.6.4.7 requires ASCII; readers accept text strings (7.9.2.2), too.
        let text = match bytes {
            [0xfe, 0xff, wide @ ..] => {
                let units = wide.chunks_exact(2);
                let units = units.map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
                char::decode_utf16(units)
                    .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                    .collect()
            }
            [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
            _ => String::from_utf8_lossy(bytes).into_owned(),
        };
        let seen = text.chars().filter(|c| !c.is_control());
        let text: String = seen.collect();
        let link = cut(text.trim(), LINK_LIMIT);
        if !link.is_empty() && !self.links.iter().any(|known| known == link) {
            self.links.push(link.to_owned());
        }
    }
}

/// Whether an Office file has macros: `data` is the file, `names` are those within if it is a ZIP.
pub fn macros(data: &[u8], names: &[String]) -> bool {
    // VBA modules, and Excel 4.0 macro sheets.
    let tells = |name: &String| {
        let name = name.to_ascii_lowercase();
        name.ends_with("vbaproject.bin") || name.contains("macrosheets/")
    };
    if names.iter().any(tells) {
        return true;
    }
    // MS-OVBA 2.2.1: the storage's name, in UTF-16 in a compound file (MS-CFB 2.6.1). Excel's
    // `_VBA_PROJECT_CUR` begins with it.
    data.starts_with(OLE_MARK)
        && memmem::find(data, b"_\0V\0B\0A\0_\0P\0R\0O\0J\0E\0C\0T\0").is_some()
}

#[cfg(test)]
mod tests;
