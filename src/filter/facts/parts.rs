//! Facts about the parts of a message and their names.

use std::cell::LazyCell;
use std::hash::Hasher;

use crate::filter::facts::fact::Fact;
use crate::filter::message_view::MessageView;
use crate::message::Partial;
use crate::message::content::{PartInfo, TextPart};
use crate::message::decode::Encoding;
use crate::message::header;
use crate::message::mime::Kind;
use crate::message::prehashed::{HashesSet, hasher};

pub(super) const FACTS: &[Fact] = &[
    Fact::holds(
        "alternatives-differ",
        "The plain text part and the HTML part have hardly a word in common.",
        alternatives_differ,
    )
    .of_pages(),
    Fact::holds(
        "alternative-lacks-text",
        "A multipart/alternative without a plain text part.",
        alternative_lacks_text,
    ),
    Fact::holds("page-alone", "HTML without a plain text part.", page_alone).of_pages(),
    Fact::holds(
        "text-needlessly-base64",
        "Plain ASCII text in base64, which only hides it.",
        text_needlessly_base64,
    ),
    Fact::holds(
        "eight-bit-as-seven",
        "The body is declared as 7bit but is not.",
        eight_bit_as_seven,
    ),
    Fact::holds(
        "encrypted-with-text",
        "An encrypted message that contains readable text.",
        encrypted_with_text,
    ),
    Fact::holds(
        "file-name-turned",
        "A file name with characters that reverse the writing direction or are invisible.",
        |mail| {
            let mut turned = mail.content.parts.iter().filter(|part| part.name_turned);
            turned.next()?.name.clone()
        },
    )
    .of_files(),
    Fact::holds(
        "calendar-with-link",
        "A calendar entry with a link.",
        calendar_with_link,
    ),
    Fact::holds(
        "name-in-file-name",
        "A file's name contains the recipient's address or its local part.",
        name_in_file_name,
    )
    .of_files(),
    Fact::number("file-count", "How many files there are.", |mail| {
        let parts = mail.content.parts.iter();
        parts
            .filter(|part| part.name.is_some() || part.attached)
            .count() as f64
    })
    .of_files(),
    Fact::holds(
        "costly-message",
        "To look into all of the message would cost far more than it does for ordinary mail.",
        costly_message,
    ),
    Fact::holds(
        "limit-reached",
        "There are more parts, levels, elements or header fields than are looked into.",
        limit_reached,
    ),
    Fact::holds(
        "part-contradicts",
        "A part declares two types, or two transfer encodings.",
        |mail| {
            let mut contradicts = mail.content.parts.iter().filter(|part| part.contradicts);
            let declared = contradicts.next()?.declared.clone();
            Some(declared.unwrap_or_default())
        },
    ),
    Fact::number("part-count", "How many parts there are.", |mail| {
        mail.content.parts.len() as f64
    }),
];

fn costly_message(mail: &MessageView<'_>) -> Option<String> {
    // A time limit that passed says something of this machine, not of the message.
    let partial = mail.work.partial().filter(|why| *why != Partial::Time)?;
    Some(partial.label().to_owned())
}

fn limit_reached(mail: &MessageView<'_>) -> Option<String> {
    let (parts, fields) = (mail.work.left_out(), mail.headers.left_out());
    match (parts, fields) {
        (0, 0) => None,
        (parts, 0) => Some(format!("parts left out: {parts}")),
        (_, fields) => Some(format!("header fields left out: {fields}")),
    }
}

fn part_of<'m>(mail: &'m MessageView<'_>, text: &TextPart) -> Option<&'m PartInfo> {
    mail.content.parts.get(text.part)
}

/// The texts of each multipart/alternative: plain text, HTML.
fn alternatives<'m>(mail: &'m MessageView<'_>) -> Option<(&'m TextPart, &'m TextPart)> {
    let content = mail.content;
    let page = content.texts.iter().find(|text| text.traits.is_some())?;
    let holder = part_of(mail, page)?.parent?;
    // HTML with its images (multipart/related) is one of the alternatives.
    let related = content.parts.get(holder)?.declared.as_deref() == Some("multipart/related");
    let holder = if related {
        content.parts.get(holder)?.parent?
    } else {
        holder
    };
    if content.parts.get(holder)?.declared.as_deref() != Some("multipart/alternative") {
        return None;
    }
    let plain = content.texts.iter().find(|text| {
        text.traits.is_none() && part_of(mail, text).is_some_and(|part| part.parent == Some(holder))
    })?;
    Some((plain, page))
}

/// The beginning of a text is enough; a set of all words of a megabyte is too expensive.
const WORDS_LIMIT: usize = 8 << 10;

/// Calls for the hash of each of a text's words in lower case, as long as it returns true.
fn each_word(text: &str, mut call: impl FnMut(u64) -> bool) {
    const SHORTEST: usize = 3;
    const LONGEST: usize = 20;
    let text = crate::message::visible_text::cut(text, WORDS_LIMIT);
    for word in text.split(|letter: char| !letter.is_alphanumeric()) {
        // Links appear in one and not in the other.
        if !(SHORTEST..=LONGEST).contains(&word.len()) {
            continue;
        }
        let mut hasher = hasher();
        if word.is_ascii() {
            let mut lower = [0; LONGEST];
            let lower = &mut lower[..word.len()];
            lower.copy_from_slice(word.as_bytes());
            lower.make_ascii_lowercase();
            hasher.write(lower);
        } else {
            hasher.write(word.to_lowercase().as_bytes());
        }
        if !call(hasher.finish()) {
            return;
        }
    }
}

fn alternatives_differ(mail: &MessageView<'_>) -> Option<String> {
    let (plain, page) = alternatives(mail)?;
    are_different(&plain.text.text, &page.text.text)
        .then(|| plain.text.text.chars().take(60).collect())
}

/// Whether two texts have hardly a word in common.
fn are_different(plain: &str, page: &str) -> bool {
    // "Your client cannot show this": too little to compare.
    const LEAST: usize = 10;
    const SHARE: usize = 5;
    let mut plain_words = HashesSet::default();
    plain_words.reserve(plain.len().min(WORDS_LIMIT) / 16);
    each_word(plain, |word| {
        plain_words.insert(word);
        true
    });
    let all = plain_words.len();
    if all < LEAST {
        return false;
    }
    // A word that both have is moved, so that it counts once.
    let (mut left, mut common) = (plain_words, HashesSet::default());
    let mut others = HashesSet::default();
    each_word(page, |word| {
        if left.remove(&word) {
            common.insert(word);
        } else if !common.contains(&word) {
            others.insert(word);
        }
        // That is enough, however many follow: nearly all texts end here, at their beginning.
        common.len() * SHARE < all
    });
    let fewer = all.min(common.len() + others.len());
    fewer >= LEAST && common.len() * SHARE < fewer
}

fn alternative_lacks_text(mail: &MessageView<'_>) -> Option<String> {
    let parts = &mail.content.parts;
    let at = parts
        .iter()
        .position(|part| part.declared.as_deref() == Some("multipart/alternative"))?;
    let plain = parts
        .iter()
        .any(|part| part.parent == Some(at) && part.kind == Kind::Plain);
    (!plain).then(|| "multipart/alternative".to_owned())
}

fn page_alone(mail: &MessageView<'_>) -> Option<String> {
    let plain = mail.content.texts.iter().any(|text| text.traits.is_none());
    let page = mail.content.page_traits().next().is_some();
    (page && !plain).then(|| "text/html".to_owned())
}

fn text_needlessly_base64(mail: &MessageView<'_>) -> Option<String> {
    let found = mail.content.texts.iter().find(|text| {
        let part = part_of(mail, text);
        let coded =
            part.is_some_and(|part| part.encoding == Encoding::Base64 && part.name.is_none());
        coded && text.source.len() > 40 && text.source.is_ascii()
    })?;
    Some(found.text.text.chars().take(60).collect())
}

fn eight_bit_as_seven(mail: &MessageView<'_>) -> Option<String> {
    let declared = mail.headers.text("content-transfer-encoding");
    if !declared.eq_ignore_ascii_case("7bit") || mail.raw.is_ascii() {
        return None;
    }
    let body = header::header_end(mail.raw)?;
    let lies = !mail.raw[body..].is_ascii();
    lies.then(|| declared.to_owned())
}

fn encrypted_with_text(mail: &MessageView<'_>) -> Option<String> {
    let parts = &mail.content.parts;
    let at = parts
        .iter()
        .position(|part| part.declared.as_deref() == Some("multipart/encrypted"))?;
    let found = mail.content.texts.iter().find(|text| {
        let inside = part_of(mail, text).is_some_and(|part| part.parent == Some(at));
        inside && text.text.text.len() > 40
    })?;
    Some(found.text.text.chars().take(60).collect())
}

fn calendar_with_link(mail: &MessageView<'_>) -> Option<String> {
    let text = mail.content.texts.iter().find(|text| {
        let declared = part_of(mail, text).and_then(|part| part.declared.as_deref());
        declared == Some("text/calendar")
    })?;
    let at = text.text.text.find("http")?;
    let link = text.text.text[at..].split([' ', '\\', '"', '>']).next()?;
    link.contains("://").then(|| link.to_owned())
}

fn name_in_file_name(mail: &MessageView<'_>) -> Option<String> {
    let names = mail
        .content
        .parts
        .iter()
        .filter_map(|part| part.name.as_deref());
    // Once for all names: both may be thousands of octets long.
    let recipients = LazyCell::new(|| mail.recipients().map(str::to_lowercase).collect::<Vec<_>>());
    let mut names = names.filter(|name| {
        let name = name.to_lowercase();
        recipients.iter().any(|to| {
            let local = to.split('@').next().unwrap_or_default();
            name.contains(&**to) && to.contains('@') || local.len() >= 6 && name.contains(local)
        })
    });
    names.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn texts_are_different_if_they_have_few_words_in_common() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut different = 0;
        for _ in 0..5_000 {
            let mut text = |from: u32| -> String {
                let (count, to) = (random.usize(..80), from + 1 + random.u32(..60));
                let words = std::iter::repeat_with(|| match random.u32(from..to) {
                    word if word % 7 == 0 => format!("\u{c4}{word:x}x, "),
                    word => format!("W{word:x}x "),
                });
                words.take(count).collect()
            };
            let (plain, page) = (text(100), text(130));
            let set = |text: &str| -> HashSet<String> {
                let words = text.split(|letter: char| !letter.is_alphanumeric());
                let words = words.filter(|word| (3..=20).contains(&word.len()));
                words.map(str::to_lowercase).collect()
            };
            let (one, other) = (set(&plain), set(&page));
            let fewer = one.len().min(other.len());
            let expected = fewer >= 10 && one.intersection(&other).count() * 5 < fewer;
            assert_eq!(are_different(&plain, &page), expected, "{plain} / {page}");
            different += u32::from(expected);
        }
        assert!(different > 100, "{different}");
    }
}
