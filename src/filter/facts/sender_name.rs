//! Whether the sender's display name fits the sender's domain.
//!
//! In: From; out: a name that has nothing in common with the domain. People's names do not either: rules combine this
//! with what only mass mail has.

use crate::filter::facts::fact::Fact;
use crate::filter::facts::sender::from_domain;
use crate::filter::message_view::MessageView;
use crate::message::url::registrable;

pub(super) const FACTS: &[Fact] = &[
    Fact::holds(
        "name-unlike-domain",
        "The sender's display name has no word or initials in common with the sender's domain, which is no free mail provider's.",
        |mail| compared(mail, Likeness::None),
    )
    .of_header(),
    Fact::holds(
        "name-like-domain",
        "The sender's display name has a word or initials in common with the sender's domain, which is no free mail provider's.",
        |mail| compared(mail, Likeness::Some),
    )
    .of_header(),
];

/// Shorter words occur in others by chance.
const WORD: usize = 4;

/// What a name and a domain have in common.
#[derive(Debug, PartialEq)]
enum Likeness {
    None,
    Some,
    /// There is nothing to compare, such as a name in another alphabet.
    Unknown,
}

fn compared(mail: &MessageView<'_>, wanted: Likeness) -> Option<String> {
    let from = from_domain(mail)?;
    if mail.lists.has("free-mail", from) {
        return None;
    }
    let name = mail.from_name();
    let domain = registrable(from)?;
    (likeness(name, from, domain) == wanted).then(|| name.to_owned())
}

fn likeness(name: &str, host: &str, domain: &str) -> Likeness {
    let host = letters(host);
    let label = letters(domain.split('.').next().unwrap_or_default());
    let words: Vec<String> = name
        .split(is_between_words)
        .map(letters)
        .filter(|word| !word.is_empty())
        .collect();
    let joined = words.concat();
    if joined.is_empty() || label.is_empty() {
        return Likeness::Unknown;
    }
    let initials: String = words
        .iter()
        .filter_map(|word| word.chars().next())
        .collect();
    let is_shortened = initials.len() > 1 && label.starts_with(&initials);
    let is_common = |word: &String| word.len() >= WORD && host.contains(&word[..WORD]);
    let is_like = joined.contains(&label)
        || label.contains(&joined)
        || is_shortened
        || words.iter().any(is_common);
    match is_like {
        true => Likeness::Some,
        false => Likeness::None,
    }
}

/// An apostrophe is part of a word.
fn is_between_words(letter: char) -> bool {
    !letter.is_alphanumeric() && !matches!(letter, '\'' | '\u{2019}')
}

/// ASCII letters and digits in lower case: domains have no others.
fn letters(text: &str) -> String {
    let letters = text.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_with_domains_by_words_and_initials() {
        let compare = |name, host| likeness(name, host, registrable(host).unwrap_or(host));
        for (name, host) in [
            ("Garden Tools Reward", "lakesidemotel.example"),
            ("Card Services", "mail.qzrtb.example"),
            ("Bob's Tools", "mushroom.example"),
        ] {
            assert_eq!(compare(name, host), Likeness::None, "{name} {host}");
        }
        for (name, host) in [
            ("Green Valley Garden", "mail.greenvalley.example"),
            ("Bob's Tools", "bobstools.example"),
            ("Anna of Northern Sails", "nsails.northern.example"),
            ("General Garden Goods", "ggg.example"),
            ("Acme", "acme-mail.example"),
        ] {
            assert_eq!(compare(name, host), Likeness::Some, "{name} {host}");
        }
        assert_eq!(
            compare("\u{6771}\u{4eac}", "tokyo.example"),
            Likeness::Unknown
        );
        assert_eq!(compare("", "a.example"), Likeness::Unknown);
    }
}
