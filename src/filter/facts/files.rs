//! Facts about attached files: what they are, whatever their names and types say.

use crate::filter::facts::fact::Fact;
use crate::filter::message_view::{MessageView, extension};
use crate::message::content::{File, PartInfo};
use crate::message::document::Pdf;
use crate::message::file_type::{self, FileType};
use crate::message::url::Link;

pub(super) const FACTS: &[Fact] = &[
    Fact::holds(
        "file-is-program",
        "A file's content is a program, whatever its name.",
        file_is_program,
    ),
    Fact::holds(
        "file-kind-lies",
        "A file's content is of another type than its name says.",
        file_kind_lies,
    ),
    Fact::holds(
        "archive-holds-program",
        "An archive contains a file that runs when opened.",
        |mail| name_inside(mail, "dangerous-extensions"),
    ),
    Fact::holds(
        "archive-holds-archive",
        "An archive contains another archive.",
        |mail| name_inside(mail, "archive-extensions"),
    ),
    Fact::holds(
        "archive-is-encrypted",
        "An archive is encrypted, so that nothing can look into it on the way.",
        archive_is_encrypted,
    ),
    Fact::holds(
        "file-with-password",
        "A file is encrypted, and the text contains the password.",
        file_with_password,
    ),
    Fact::holds(
        "file-runs-macros",
        "An office document contains macros.",
        |mail| first(mail, |part, file| file.macros.then(|| name(part))),
    ),
    Fact::holds(
        "pdf-has-script",
        "A PDF has a script or starts a program.",
        |mail| {
            first(mail, |part, file| {
                let pdf = file.pdf.as_ref()?;
                (pdf.javascript || pdf.launch).then(|| name(part))
            })
        },
    ),
    Fact::holds(
        "pdf-is-a-link",
        "A PDF of one or two pages with one or two links: a clickable poster.",
        |mail| {
            first(mail, |_, file| {
                let pdf = file.pdf.as_ref().filter(|pdf| pdf.pages <= 2)?;
                let links = web_links(pdf);
                (1..=3).contains(&links.len()).then(|| links[0].clone())
            })
        },
    ),
    Fact::holds(
        "pdf-link-suspect",
        "A PDF's link goes through a URL shortener, a redirector or a free page host.",
        pdf_link_suspect,
    ),
    Fact::holds("pdf-is-encrypted", "A PDF is encrypted.", |mail| {
        first(mail, |part, file| {
            let pdf = file.pdf.as_ref()?;
            pdf.encrypted.then(|| name(part))
        })
    }),
    Fact::holds(
        "pdf-has-form",
        "A PDF contains a form that it submits.",
        |mail| {
            first(mail, |part, file| {
                let pdf = file.pdf.as_ref()?;
                pdf.form.then(|| name(part))
            })
        },
    ),
];

fn name(part: &PartInfo) -> String {
    part.name.clone().unwrap_or_default()
}

/// The first file for which the test gives a text.
fn first<T>(mail: &MessageView<'_>, tell: impl Fn(&PartInfo, &File) -> Option<T>) -> Option<T> {
    let mut parts = mail.content.parts.iter();
    parts.find_map(|part| tell(part, part.file.as_ref()?))
}

fn file_is_program(mail: &MessageView<'_>) -> Option<String> {
    first(mail, |part, file| {
        let programs = [
            FileType::Pe,
            FileType::Elf,
            FileType::MachO,
            FileType::Lnk,
            FileType::Class,
        ];
        let is_program = file
            .file_type
            .is_some_and(|file_type| programs.contains(&file_type));
        is_program.then(|| name(part))
    })
}

fn file_kind_lies(mail: &MessageView<'_>) -> Option<String> {
    first(mail, |part, file| {
        let name = part.name.as_deref()?;
        let honest = file_type::fits(file.file_type?, &extension(name)?);
        (!honest).then(|| format!("{name} ({})", file.file_type.map_or("", FileType::name)))
    })
}

fn name_inside(mail: &MessageView<'_>, list: &str) -> Option<String> {
    let list = mail.lists.named(list)?;
    first(mail, |part, file| {
        // Office documents and Java programs are archives, too; what they contain is not run.
        let outer = extension(&name(part)).unwrap_or_default();
        if !matches!(&*outer, "zip" | "zipx" | "") {
            return None;
        }
        let mut names = file.archive.as_ref()?.names.iter();
        let found = names.find(|name| extension(name).is_some_and(|of| list.has(&of)))?;
        Some(format!("{} in {}", found, name(part)))
    })
}

fn archive_is_encrypted(mail: &MessageView<'_>) -> Option<String> {
    first(mail, |part, file| {
        let archive = file.archive.as_ref()?;
        archive.encrypted.then(|| name(part))
    })
}

fn file_with_password(mail: &MessageView<'_>) -> Option<String> {
    const WORDS: [&str; 14] = [
        "password",
        "passcode",
        "pass code",
        "senha",
        "contrase\u{f1}a",
        "passwort",
        "kennwort",
        "mot de passe",
        "wachtwoord",
        "parola",
        "\u{43f}\u{430}\u{440}\u{43e}\u{43b}\u{44c}",
        "has\u{142}o",
        "pin:",
        "pwd",
    ];
    let encrypted = first(mail, |part, file| {
        let archive = file
            .archive
            .as_ref()
            .is_some_and(|archive| archive.encrypted);
        let pdf = file.pdf.as_ref().is_some_and(|pdf| pdf.encrypted);
        // The content of other archive formats is unknown, but few are sent with a password.
        let other = matches!(file.file_type, Some(FileType::Rar | FileType::SevenZip));
        (archive || pdf || other).then(|| name(part))
    })?;
    let text = mail.visible().next()?.to_lowercase();
    let word = WORDS.iter().find(|word| text.contains(**word))?;
    Some(format!("{encrypted}: {word}"))
}

fn web_links(pdf: &Pdf) -> Vec<String> {
    let links = pdf.links.iter().filter(|link| Link::new(link).is_web());
    let mut links: Vec<_> = links.cloned().collect();
    links.sort();
    links.dedup();
    links
}

fn pdf_link_suspect(mail: &MessageView<'_>) -> Option<String> {
    const LISTS: [&str; 6] = [
        "shorteners",
        "free-hosting",
        "ipfs-gateways",
        "dynamic-dns",
        "redirectors",
        "abused-tlds",
    ];
    first(mail, |_, file| {
        let mut links = file.pdf.as_ref()?.links.iter();
        let found = links.find(|link| {
            let read = Link::new(link);
            let suspect = LISTS.iter().any(|list| mail.lists.has(list, link));
            read.is_numeric() || read.is_web() && suspect
        })?;
        Some(found.clone())
    })
}
