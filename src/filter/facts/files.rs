//! Facts about attached files: what they are, whatever their names and types say.

use crate::filter::facts::fact::Fact;
use crate::filter::message_view::{MessageView, extension};
use crate::message::archive::Archive;
use crate::message::attached_file::File;
use crate::message::content::PartInfo;
use crate::message::document::Pdf;
use crate::message::file_type::{self, FileType};
use crate::message::url::Link;

pub(super) const FACTS: &[Fact] = &[
    Fact::holds(
        "file-is-program",
        "A file's content is a program, whatever its name.",
        file_is_program,
    )
    .of_files(),
    Fact::holds(
        "file-is-link",
        "A file's content leads to another computer when it is opened, whatever its name: an Internet shortcut, a remote desktop, a search.",
        file_is_link,
    )
    .of_files(),
    Fact::holds(
        "file-kind-lies",
        "A file's content is of another type than its name says.",
        file_kind_lies,
    )
    .of_files(),
    Fact::holds(
        "archive-holds-program",
        "An archive, or an attached mail, contains a program or a file that runs when opened.",
        archive_holds_program,
    )
    .of_files(),
    Fact::holds(
        "archive-program-by-content",
        "A file in an archive, or in an attached mail, is a program by its content.",
        archive_program_by_content,
    )
    .of_files(),
    Fact::holds(
        "archive-holds-page",
        "An archive contains a web page and hardly anything else.",
        archive_holds_page,
    )
    .of_files(),
    Fact::holds(
        "archive-hides-names",
        "An archive is encrypted together with the names of its files.",
        archive_hides_names,
    )
    .of_files(),
    Fact::holds(
        "archive-holds-archive",
        "An archive contains another archive.",
        |mail| name_inside(mail, "archive-extensions"),
    )
    .of_files(),
    Fact::holds(
        "archive-is-encrypted",
        "An archive is encrypted, so that nothing can look into it on the way.",
        archive_is_encrypted,
    )
    .of_files(),
    Fact::holds(
        "file-with-password",
        "A file is encrypted, and the text contains the password.",
        file_with_password,
    )
    .of_files(),
    Fact::holds(
        "file-runs-macros",
        "An office document contains macros.",
        |mail| first(mail, |part, file| file.macros.then(|| name(part))),
    )
    .of_files(),
    Fact::holds(
        "pdf-has-script",
        "A PDF has a script or starts a program.",
        |mail| {
            first(mail, |part, file| {
                let pdf = file.pdf.as_ref()?;
                (pdf.javascript || pdf.launch).then(|| name(part))
            })
        },
    )
    .of_files(),
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
    )
    .of_files(),
    Fact::holds(
        "pdf-link-suspect",
        "A PDF's link goes through a URL shortener, a redirector or a free page host.",
        pdf_link_suspect,
    )
    .of_files(),
    Fact::holds("pdf-is-encrypted", "A PDF is encrypted.", |mail| {
        first(mail, |part, file| {
            let pdf = file.pdf.as_ref()?;
            pdf.encrypted.then(|| name(part))
        })
    }).of_files(),
    Fact::holds(
        "pdf-has-form",
        "A PDF contains a form that it submits.",
        |mail| {
            first(mail, |part, file| {
                let pdf = file.pdf.as_ref()?;
                pdf.form.then(|| name(part))
            })
        },
    )
    .of_files(),
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
        let is_program = file.file_type.is_some_and(FileType::is_program);
        is_program.then(|| name(part))
    })
}

fn file_is_link(mail: &MessageView<'_>) -> Option<String> {
    first(mail, |part, file| {
        (file.file_type == Some(FileType::Link)).then(|| name(part))
    })
}

fn file_kind_lies(mail: &MessageView<'_>) -> Option<String> {
    first(mail, |part, file| {
        let name = part.name.as_deref()?;
        let honest = file_type::fits(file.file_type?, &extension(name)?);
        (!honest).then(|| format!("{name} ({})", file.file_type.map_or("", FileType::name)))
    })
}

/// The archives among the files. Documents and Java programs are archives, too; what they contain is not run.
fn in_archives<T>(
    mail: &MessageView<'_>,
    tell: impl Fn(&PartInfo, &File, &Archive) -> Option<T>,
) -> Option<T> {
    first(mail, |part, file| {
        let archive = file.archive.as_ref().filter(|it| !it.is_package())?;
        tell(part, file, archive)
    })
}

/// Scripts that are sent with other files as source code. Spam has one or two files.
const SCRIPTS: [&str; 13] = [
    "js", "py", "pyc", "pl", "csh", "ksh", "bat", "cmd", "ps1", "psm1", "vb", "desktop", "inf",
];
const FEW: usize = 3;

fn name_inside(mail: &MessageView<'_>, list: &str) -> Option<String> {
    let list = mail.lists.named(list)?;
    in_archives(mail, |part, file, archive| {
        let is_few = archive.names.len() <= FEW;
        // Source code is also sent in tar files, which few people open on a desktop.
        let is_tar = matches!(file.file_type, Some(FileType::Gzip | FileType::Tar));
        let mut names = archive.names.iter().filter(|_| is_few || !is_tar);
        let found = names.find(|name| {
            let extension = extension(name);
            let extension = extension.filter(|of| is_few || !SCRIPTS.contains(&&**of));
            extension.is_some_and(|of| list.has(&of))
        })?;
        Some(format!("{} in {}", found, name(part)))
    })
}

fn archive_program_by_content(mail: &MessageView<'_>) -> Option<String> {
    in_archives(mail, |part, _, archive| {
        let found = archive.programs.first()?;
        Some(format!("{} in {}", found, name(part)))
    })
}

fn archive_holds_program(mail: &MessageView<'_>) -> Option<String> {
    let by_content = archive_program_by_content(mail);
    by_content.or_else(|| name_inside(mail, "dangerous-extensions"))
}

fn archive_hides_names(mail: &MessageView<'_>) -> Option<String> {
    in_archives(mail, |part, _, archive| {
        (archive.encrypted && archive.has_unknown_names).then(|| name(part))
    })
}

/// One or two files, of which one opens in a browser: few people pack a page alone.
fn archive_holds_page(mail: &MessageView<'_>) -> Option<String> {
    const PAGES: [&str; 5] = ["html", "htm", "shtml", "xhtml", "svg"];
    in_archives(mail, |part, file, archive| {
        let is_few = archive.names.len() <= 2 && file.file_type != Some(FileType::Eml);
        let mut names = archive.names.iter().filter(|_| is_few);
        let found = names.find(|name| extension(name).is_some_and(|of| PAGES.contains(&&*of)))?;
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
        (archive || pdf).then(|| name(part))
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
