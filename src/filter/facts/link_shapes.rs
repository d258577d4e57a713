//! Facts about the shapes of links: how mass-mailing kits on domains of their own write them.
//!
//! In: a message's links; out: whether they have such a shape. Mailing services and shops count clicks on a host for it,
//! at a path or a query of theirs, and encrypt; kits that are moved to a new domain every few days answer to every path
//! right below the domain, and often lack a certificate.

use std::collections::BTreeSet;

use crate::filter::facts::fact::Fact;
use crate::filter::message_view::MessageView;
use crate::message::url::{Link, registrable};

pub(super) const FACTS: &[Fact] = &[
    Fact::holds(
        "link-token-at-root",
        "Links are random tokens right below a domain, with neither a path nor a query, and so are images or all links.",
        link_token_at_root,
    )
    .of_links(),
    Fact::holds(
        "links-plain-http",
        "The clickable links of the HTML are four at the most, and none is encrypted (https).",
        links_plain_http,
    )
    .of_links(),
    Fact::holds(
        "links-few-one-domain",
        "The clickable links of the HTML are three at the most, and lead to one domain.",
        links_few_one_domain,
    )
    .of_links(),
    Fact::holds(
        "link-holds-recipient-in-script",
        "A link leads to a script with the recipient's address as its parameter.",
        link_holds_recipient_in_script,
    )
    .of_links(),
];

/// A shorter piece of a path may be a word or a number.
const TOKEN: usize = 20;

/// So many links are compared.
const LINKS: usize = 50;

/// Whether a piece of a path is random: digits, small and capital letters change all the time, more often than in names
/// `LikeThis` and in titles of words.
fn is_token(piece: &str) -> bool {
    #[derive(PartialEq)]
    enum Class {
        Digit,
        Small,
        Capital,
    }
    let class = |byte: u8| match byte {
        b'0'..=b'9' => Some(Class::Digit),
        b'a'..=b'z' => Some(Class::Small),
        b'A'..=b'Z' => Some(Class::Capital),
        _ => None,
    };
    let is_word =
        |word: &&str| word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_lowercase());
    if piece.len() < TOKEN || piece.split(['-', '_', '.']).filter(is_word).count() > 2 {
        return false;
    }
    let classes: Vec<Class> = piece.bytes().filter_map(class).collect();
    let changes = || classes.windows(2).filter(|pair| pair[0] != pair[1]);
    let of_digits = changes().filter(|pair| pair.contains(&Class::Digit));
    of_digits.count() > 3 || changes().count() * 5 >= piece.len() * 2
}

/// The first piece of the path of a link to a domain itself, or to its `www`.
fn piece_at_root<'l>(link: &'l Link<'_>) -> Option<&'l str> {
    let host = link.host()?;
    let domain = registrable(host)?;
    let is_root = host == domain || host.strip_prefix("www.") == Some(domain);
    let piece = link.path().strip_prefix('/')?.split('/').next()?;
    (is_root && link.query().is_none() && !piece.is_empty()).then_some(piece)
}

/// An image named by nothing but hexadecimal or decimal digits, or by a token.
fn is_random_image(piece: &str) -> bool {
    let (stem, extension) = piece.rsplit_once('.').unwrap_or((piece, ""));
    let is_hexadecimal = stem.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number =
        is_hexadecimal && stem.len() >= 9 && stem.contains(|letter: char| letter.is_ascii_digit());
    is_token(stem) || is_number && ["png", "jpg", "jpeg", "gif"].contains(&extension)
}

fn link_token_at_root(mail: &MessageView<'_>) -> Option<String> {
    // A plain text has no images beside its links.
    mail.content.page_traits().next()?;
    let links = mail.clicked();
    let links = &links[..links.len().min(LINKS)];
    let is_service = |host: &str| {
        ["bulk-senders", "shorteners", "redirectors"]
            .iter()
            .any(|list| mail.lists.has(list, host))
    };
    let is_kit = |link: &Link<'_>| {
        piece_at_root(link).is_some_and(is_token) && !is_service(link.host().unwrap_or_default())
    };
    let found = links.iter().find(|link| is_kit(link))?;
    let clicked: BTreeSet<&str> = links.iter().map(|link| link.text).collect();
    let mut images = mail.web_links().take(LINKS);
    let has_image = images.any(|link| {
        let is_image = !clicked.contains(link.text);
        is_image && piece_at_root(link).is_some_and(is_random_image)
    });
    let is_everything = || links.len() > 1 && links.iter().all(is_kit);
    (has_image || is_everything()).then(|| found.text.to_owned())
}

/// The clickable links of an HTML part, if there are no more than so many.
fn few_of_page<'m>(mail: &'m MessageView<'_>, most: usize) -> Option<&'m [Link<'m>]> {
    mail.content.page_traits().next()?;
    let links = mail.clicked();
    (!links.is_empty() && links.len() <= most).then_some(links)
}

fn links_plain_http(mail: &MessageView<'_>) -> Option<String> {
    let links = few_of_page(mail, 4)?;
    let is_plain = |link: &Link<'_>| link.scheme() == "http" && link.text.contains("://");
    links.iter().all(is_plain).then(|| links[0].text.to_owned())
}

fn links_few_one_domain(mail: &MessageView<'_>) -> Option<String> {
    let links = few_of_page(mail, 3)?;
    let domain = links[0].domain()?;
    let is_one = links.iter().all(|link| link.domain() == Some(domain));
    is_one.then(|| domain.to_owned())
}

fn link_holds_recipient_in_script(mail: &MessageView<'_>) -> Option<String> {
    let recipients = || {
        let first = mail.recipients().take(5);
        first.filter(|to| to.contains('@')).map(str::to_lowercase)
    };
    let links = mail.clicked();
    let found = links.iter().take(LINKS).find(|link| {
        let path = link.path().as_bytes();
        let is_script = path.last_chunk::<4>();
        if !is_script.is_some_and(|end| end.eq_ignore_ascii_case(b".php")) {
            return false;
        }
        let query = link.query().unwrap_or_default().to_lowercase();
        let query = query.replace("%40", "@");
        recipients().any(|to| query.contains(&*to))
    })?;
    Some(found.text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_pieces_of_paths_differ_from_names() {
        for piece in [
            "x7QpLm2RtVw9ZkB4nHs8",
            "aB3dE5gH7jK9mN1pQ3sT5",
            "q_7Rt-Zk2pLw9XvB4mNs8Y",
            "xkQvLbTzRwPmNdFgHsJcYa",
        ] {
            assert!(is_token(piece), "{piece}");
        }
        for piece in [
            "x7QpLm2RtVw9ZkB4n",
            "how-to-write-a-good-letter-in-2026",
            "the-7-best-of-2026-in-10-days-for-5-pounds",
            "TheGreatMushroomsAndTrees",
            "12345678901234567890123",
        ] {
            assert!(!is_token(piece), "{piece}");
        }
        assert!(is_random_image("3f9a0c77d1e2b4.png") && is_random_image("1234567890.jpg"));
        assert!(!is_random_image("logo.png") && !is_random_image("facade.png"));
    }

    #[test]
    fn only_a_domain_itself_is_a_root() {
        let piece = |text| piece_at_root(&Link::new(text)).map(str::to_owned);
        assert_eq!(piece("http://a.example/b/c"), Some("b".into()));
        assert_eq!(piece("http://www.a.example/b"), Some("b".into()));
        for text in [
            "http://click.a.example/b",
            "http://a.example/",
            "http://a.example/b?c",
        ] {
            assert_eq!(piece(text), None, "{text}");
        }
    }
}
