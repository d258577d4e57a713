//! Facts about attached files by their names, and about attached web pages.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::filter::facts::fact::Fact;
use crate::filter::message_view::{MessageView, extension, opened_name};
use crate::message::content::{PartInfo, TextPart};
use crate::message::file_type::FileType;

pub(super) const FACTS: &[Fact] = &[
    Fact::holds(
        "file-dangerous",
        "A file that runs, mounts or leads elsewhere when opened, attached or uuencoded in the text.",
        |mail| name_in(mail, "dangerous-extensions").or_else(|| uuencoded(mail)),
    ),
    Fact::holds(
        "file-has-macros",
        "An office document of a type that can contain macros.",
        |mail| name_in(mail, "macro-extensions"),
    )
    .of_files(),
    Fact::holds("file-is-archive", "An archive.", |mail| {
        name_in(mail, "archive-extensions")
    })
    .of_files(),
    Fact::holds(
        "file-double-extension",
        "A file name with a harmless extension before a dangerous one.",
        file_double_extension,
    )
    .of_files(),
    Fact::holds("file-is-page", "An attached web page.", |mail| {
        let (part, _) = attached_pages(mail).next()?;
        Some(name(part).to_owned())
    })
    .of_files(),
    Fact::holds(
        "file-is-page-with-script",
        "An attached web page with a script in it, or a drawing with a script or an event.",
        file_is_page_with_script,
    )
    .of_files(),
    Fact::holds(
        "file-is-page-unpacking",
        "An attached web page whose script unpacks what it shows or saves.",
        file_is_page_unpacking,
    )
    .of_files(),
];

fn name(part: &PartInfo) -> &str {
    part.name.as_deref().unwrap_or_default()
}

fn names<'m>(mail: &'m MessageView<'_>) -> impl Iterator<Item = &'m str> {
    let parts = mail.content.parts.iter();
    parts.filter_map(|part| part.name.as_deref())
}

fn name_in(mail: &MessageView<'_>, list: &str) -> Option<String> {
    let list = mail.lists.named(list)?;
    let mut names =
        names(mail).filter(|name| extension(name).is_some_and(|extension| list.has(&extension)));
    names.next().map(str::to_owned)
}

// Made once: a message may have many texts.
static BEGIN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("begin "));

/// A file of this kind in a text, uuencoded: `begin 644 name` on a line, and a line of sixty letters or less.
fn uuencoded(mail: &MessageView<'_>) -> Option<String> {
    const FILES: usize = 20;
    let list = mail.lists.named("dangerous-extensions")?;
    let mut texts = mail.content.texts.iter();
    texts.find_map(|text| {
        let source = text.source.as_bytes();
        let begins = BEGIN.find_iter(source).take(FILES);
        let mut names = begins.filter_map(|at| {
            let line = text.source[at..].lines().next()?;
            let (mode, name) = line.strip_prefix("begin ")?.split_once(' ')?;
            let is_mode = matches!(mode.len(), 3 | 4) && mode.bytes().all(|it| it.is_ascii_digit());
            let is_line = at == 0 || source[at - 1] == b'\n';
            (is_mode && is_line && line.len() < 300).then_some(name)
        });
        let found = names.find(|name| extension(name).is_some_and(|of| list.has(&of)))?;
        Some(found.to_owned())
    })
}

fn file_double_extension(mail: &MessageView<'_>) -> Option<String> {
    const DOCUMENTS: [&str; 9] = [
        "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "rtf", "odt",
    ];
    const OTHERS: [&str; 9] = [
        "txt", "csv", "jpg", "jpeg", "png", "gif", "mp3", "mp4", "zip",
    ];
    let mut names = names(mail).filter(|name| {
        let Some((stem, last)) = opened_name(name).rsplit_once('.') else {
            return false;
        };
        // Most names have one extension.
        let Some(inner) = extension(stem) else {
            return false;
        };
        let last = last.trim().to_lowercase();
        let is_document = DOCUMENTS.contains(&&*inner);
        let is_page = matches!(&*last, "html" | "htm" | "shtml" | "svg");
        let runs = is_page || mail.lists.has("dangerous-extensions", &last);
        // `report.pdf.zip` is how some people name archives, and `data.csv.gz` is usual.
        let is_archive = matches!(&*last, "7z" | "rar" | "gz" | "ace");
        runs && (is_document || OTHERS.contains(&&*inner)) || is_archive && is_document
    });
    names.next().map(str::to_owned)
}

/// Attached HTML files, with their texts.
fn attached_pages<'m>(
    mail: &'m MessageView<'_>,
) -> impl Iterator<Item = (&'m PartInfo, &'m TextPart)> {
    mail.content.texts.iter().filter_map(|text| {
        text.traits.as_ref()?;
        let part = mail.content.parts.get(text.part)?;
        let is_file = part.attached || part.name.is_some();
        is_file.then_some((part, text))
    })
}

fn file_is_page_with_script(mail: &MessageView<'_>) -> Option<String> {
    let mut pages = attached_pages(mail).chain(drawings(mail));
    let (part, _) = pages.find(|(_, text)| {
        let traits = text.traits.as_ref();
        traits.is_some_and(|traits| traits.scripts > 0) || is_active_drawing(&text.source)
    })?;
    Some(name(part).to_owned())
}

/// A drawing that is declared as another kind of text is one all the same.
fn drawings<'m>(mail: &'m MessageView<'_>) -> impl Iterator<Item = (&'m PartInfo, &'m TextPart)> {
    let texts = mail
        .content
        .texts
        .iter()
        .filter(|text| text.traits.is_none());
    texts.filter_map(|text| {
        let part = mail.content.parts.get(text.part)?;
        let is_drawing = part.file.as_ref()?.file_type == Some(FileType::Svg);
        is_drawing.then_some((part, text))
    })
}

/// Whether a page is an SVG drawing of which an element handles an event or leads to a script (SVG 2 section 15).
fn is_active_drawing(source: &str) -> bool {
    let source = source.as_bytes();
    let mut elements = memchr::memchr_iter(b'<', source);
    let is_drawing = elements.any(|at| {
        let name = source.get(at + 1..at + 4).unwrap_or_default();
        name.eq_ignore_ascii_case(b"svg")
    });
    let has = |text: &[u8]| memchr::memmem::find(source, text).is_some();
    is_drawing
        && (has(b"javascript:")
            || has(b"<script")
            || memchr::memchr_iter(b'=', source).any(|at| handles_event(&source[..at])))
}

/// Whether a text ends with the name of an attribute such as `onload`.
fn handles_event(before: &[u8]) -> bool {
    const NAME_LIMIT: usize = 24;
    let before = before.trim_ascii_end();
    let name = before[before.len().saturating_sub(NAME_LIMIT)..].iter();
    let length = name.rev().take_while(|it| it.is_ascii_alphabetic()).count();
    let (before, name) = before.split_at(before.len() - length);
    let is_apart = before
        .last()
        .is_some_and(|it| it.is_ascii_whitespace() || matches!(it, b'/' | b'"' | b'\''));
    is_apart && name.len() > 4 && name[..2].eq_ignore_ascii_case(b"on")
}

fn file_is_page_unpacking(mail: &MessageView<'_>) -> Option<String> {
    const WAYS: [&str; 11] = [
        "atob(",
        "unescape(",
        "fromCharCode",
        "document.write(",
        "new Blob",
        "createObjectURL",
        "msSaveBlob",
        "msSaveOrOpenBlob",
        "eval(",
        "decodeURIComponent(",
        "location.href",
    ];
    attached_pages(mail).find_map(|(part, text)| {
        let way = WAYS.iter().find(|way| text.source.contains(**way))?;
        Some(format!("{}: {way}", name(part)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawings_with_events_are_active() {
        for (drawing, is_active) in [
            ("<svg xmlns='x' onload=\"x()\"></svg>", true),
            ("<?xml version='1.0'?><SVG\nONLOAD = 'x()'/>", true),
            ("<svg><a xlink:href='javascript:x()'>", true),
            ("<svg><g/onclick='x'>", true),
            (
                "<svg width='1' version='1'><path d='M 1 on = 2'/></svg>",
                false,
            ),
            ("<p onload='x'>", false),
            ("<svg font='one=1'>", false),
        ] {
            assert_eq!(is_active_drawing(drawing), is_active, "{drawing}");
        }
    }
}
