//! How a message's pages are made, and how much they show.

use crate::filter::facts::Fact;
use crate::filter::mail::Mail;
use crate::message::html::{Make, Unseen};

pub(super) const FACTS: &[Fact] = &[
    Fact::number(
        "hidden-text",
        "How many bytes of text no mail client shows.",
        |mail| unseen(mail, |make| &make.hidden),
    ),
    Fact::number(
        "faint-text",
        "How many bytes of text have the colour of their ground.",
        |mail| unseen(mail, |make| &make.faint),
    ),
    Fact::number(
        "tiny-text",
        "How many bytes of text are too small to read or outside of the window.",
        |mail| unseen(mail, |make| &make.tiny),
    ),
    Fact::number(
        "visible-text",
        "How many bytes of text people see.",
        |mail| visible(mail) as f64,
    ),
    Fact::number("image-count", "How many images the pages show.", |mail| {
        mail.content.makes().map(|make| make.images).sum::<usize>() as f64
    }),
    Fact::holds(
        "image-for-text",
        "An image that one clicks on, and hardly any text beside it.",
        image_for_text,
    ),
    Fact::holds(
        "page-refreshes",
        "The page leads elsewhere by itself.",
        |mail| mail.content.makes().find_map(|make| make.refresh.clone()),
    ),
    Fact::holds(
        "form-asks-password",
        "A form asks for a password.",
        |mail| {
            let mut makes = mail.content.makes();
            let make = makes.find(|make| make.passwords > 0)?;
            Some(make.forms.first().cloned().unwrap_or_default())
        },
    ),
    Fact::holds(
        "form-in-mail",
        "A form that is sent from within the message.",
        |mail| {
            mail.content
                .makes()
                .find_map(|make| make.forms.first().cloned())
        },
    ),
    Fact::holds("page-has-script", "A page with a script.", |mail| {
        let mut makes = mail.content.makes();
        makes
            .any(|make| make.scripts > 0)
            .then(|| "script".to_owned())
    }),
    Fact::number("unknown-tags", "How many elements nobody knows.", |mail| {
        mail.content.makes().map(|make| make.unknown).sum::<usize>() as f64
    }),
    Fact::number(
        "entities-for-letters",
        "How many plain letters and digits are written as numbers.",
        |mail| mail.content.pages().map(letters_as_numbers).sum::<usize>() as f64,
    ),
    Fact::number(
        "split-words",
        "How many words of the text have invisible characters within.",
        |mail| {
            let texts = mail.content.texts.iter();
            texts.map(|text| text.text.split_words).sum::<usize>() as f64
        },
    ),
    Fact::number(
        "disguised-words",
        "How many words of the subject, the sender's name and the text are disguised by letters of other alphabets.",
        |mail| {
            let words = mail.disguised().iter();
            words.map(|words| words.split(' ').count()).sum::<usize>() as f64
        },
    ),
    Fact::holds(
        "text-only-links",
        "A link and hardly any other text.",
        text_only_links,
    ),
    Fact::holds(
        "empty-message",
        "Neither subject nor text nor files.",
        empty_message,
    ),
];

fn unseen(mail: &Mail<'_>, of: fn(&Make) -> &Unseen) -> f64 {
    mail.content
        .makes()
        .map(|make| of(make).bytes)
        .sum::<usize>() as f64
}

fn visible(mail: &Mail<'_>) -> usize {
    // Of alternatives people see one.
    mail.visible().map(str::len).max().unwrap_or(0)
}

fn image_for_text(mail: &Mail<'_>) -> Option<String> {
    // A sentence or two: what bulk mailers are bound to add about leaving the list.
    const LITTLE: usize = 200;
    let page = mail.content.texts.iter().find(|text| text.make.is_some())?;
    if page.text.text.len() > LITTLE {
        return None;
    }
    let anchor = mail.content.anchors.iter().find(|anchor| anchor.image)?;
    Some(anchor.target.clone())
}

fn text_only_links(mail: &Mail<'_>) -> Option<String> {
    const LITTLE: usize = 60;
    let links: usize = mail.web_links().map(|link| link.text.len()).max()?;
    let plain = mail.content.makes().next().is_none();
    let shown = visible(mail);
    let rest = if plain {
        shown.saturating_sub(links)
    } else {
        shown
    };
    let images = mail.content.makes().any(|make| make.images > 0);
    let first = mail.web_links().next()?;
    (rest < LITTLE && !images).then(|| first.text.to_owned())
}

fn empty_message(mail: &Mail<'_>) -> Option<String> {
    let files = mail
        .content
        .parts
        .iter()
        .any(|part| part.name.is_some() || part.attached);
    let images = mail.content.makes().any(|make| make.images > 0);
    let empty = visible(mail) == 0 && !files && !images && mail.subject().is_empty();
    empty.then(String::new)
}

/// How many of `&#65;` or `&#x41;` stand for what needs no number.
fn letters_as_numbers(source: &str) -> usize {
    let mut count = 0;
    for at in memchr::memmem::find_iter(source.as_bytes(), b"&#") {
        let rest = &source.as_bytes()[at + 2..source.len().min(at + 9)];
        let (digits, radix) = match rest {
            [b'x' | b'X', rest @ ..] => (rest, 16),
            rest => (rest, 10),
        };
        let end = digits.iter().position(|byte| !byte.is_ascii_hexdigit());
        let digits = &digits[..end.unwrap_or(digits.len())];
        let code = str::from_utf8(digits)
            .ok()
            .and_then(|text| u32::from_str_radix(text, radix).ok());
        let letter = code.and_then(char::from_u32);
        count += usize::from(letter.is_some_and(|letter| letter.is_ascii_alphanumeric()));
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_letters_are_counted() {
        assert_eq!(letters_as_numbers("&#65;&#x42;&#233;&#39;&#;&#"), 2);
    }
}
