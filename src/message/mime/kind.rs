//! How a part is treated: as clients do, by its declared type, or by its file name if the type says nothing.
//!
//! In: a media type and a file name; out: the kind of the part, and the form of its text.

use crate::message::parameters::Parameters;

/// How clients treat a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Plain text.
    Plain,
    /// HTML.
    Html,
    /// Anything else, such as an image or a document.
    Data,
    /// A multipart; its parts follow.
    Multipart,
    /// A message; its parts follow.
    Message,
}

/// How plain text is prepared for display.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TextForm {
    /// Nothing.
    #[default]
    AsIs,
    /// Lines that end in a space are joined (RFC 3676).
    Flowed,
    /// The same, without the spaces.
    DelSp,
    /// It is a calendar (RFC 5545).
    Calendar,
    /// It is unfolded as a calendar is, but otherwise shown as it is: a vCard (RFC 6350).
    Card,
}

/// The kind of a part of this declared type, in lower case.
pub(super) fn of(declared: &str, name: Option<&str>) -> Kind {
    match declared.split_once('/') {
        Some(("multipart", _)) => Kind::Multipart,
        Some(("message", "rfc822" | "global" | "news" | "x-rfc822")) => Kind::Message,
        Some(("text", "html" | "enriched" | "richtext")) => Kind::Html,
        Some(("application", "xhtml+xml")) => Kind::Html,
        // SVG opens in a browser, scripts included.
        Some(("image", "svg+xml")) => Kind::Html,
        // Attached HTML opens in a browser, whatever its declared type.
        _ if name.is_some_and(names_a_page) => Kind::Html,
        // Delivery reports (RFC 3464), and message types that clients do not know, are shown as text.
        Some(("text" | "message", _)) => Kind::Plain,
        Some(("application", "ics" | "calendar")) => Kind::Plain,
        // RFC 2045 section 5.2: an invalid type is treated as plain text.
        None => Kind::Plain,
        Some((main, subtype)) if !is_binary(main, subtype) => by_name(name),
        _ => Kind::Data,
    }
}

/// Whether clients ignore the file name for this type.
fn is_binary(main: &str, subtype: &str) -> bool {
    matches!(main, "image" | "audio" | "video" | "font" | "model")
        || matches!(subtype, "pdf" | "zip" | "gzip" | "msword" | "rtf")
        || ["vnd.", "x-zip", "x-gzip", "pgp-", "pkcs7-", "x-pkcs7-"]
            .iter()
            .any(|start| subtype.starts_with(start))
}

/// A part without a meaningful type: clients treat it by its file name.
fn by_name(name: Option<&str>) -> Kind {
    match name.and_then(ending).as_deref() {
        Some("txt" | "text" | "log" | "csv" | "md" | "nfo") => Kind::Plain,
        Some("ics" | "ical" | "vcs" | "vcf") => Kind::Plain,
        Some("eml" | "mht" | "mhtml" | "nws") => Kind::Message,
        _ => Kind::Data,
    }
}

/// The form of a part's text.
pub(super) fn form(declared: Option<&Parameters>, name: Option<&str>) -> TextForm {
    let subtype = declared.and_then(Parameters::subtype).unwrap_or_default();
    match (subtype, name.and_then(ending).as_deref()) {
        ("calendar" | "x-vcalendar" | "ics", _) | (_, Some("ics" | "ical" | "vcs")) => {
            TextForm::Calendar
        }
        ("vcard" | "x-vcard" | "directory", _) | (_, Some("vcf")) => TextForm::Card,
        _ => {
            let is = |name, value: &str| {
                let found = declared.and_then(|of| of.raw(name).next());
                found.is_some_and(|found| found.trim_ascii().eq_ignore_ascii_case(value.as_bytes()))
            };
            match (is("format", "flowed"), is("delsp", "yes")) {
                (true, true) => TextForm::DelSp,
                (true, false) => TextForm::Flowed,
                (false, _) => TextForm::AsIs,
            }
        }
    }
}

fn names_a_page(name: &str) -> bool {
    let pages = ["htm", "html", "shtml", "xhtml", "xht", "svg"];
    ending(name).is_some_and(|ending| pages.contains(&&*ending))
}

/// A file's extension, lower case. Windows strips trailing dots and spaces.
fn ending(name: &str) -> Option<String> {
    let name = name.trim_end_matches(|letter: char| letter == '.' || letter.is_whitespace());
    let (_, ending) = name.rsplit_once('.')?;
    Some(ending.trim().to_ascii_lowercase())
}

/// Whether a body without a valid type is HTML.
pub(super) fn looks_like_a_page(body: &[u8]) -> bool {
    let body = body
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(body)
        .trim_ascii_start();
    ["<html", "<!doctype html"].iter().any(|start| {
        let head = body.get(..start.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
    })
}
