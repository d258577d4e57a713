//! Facts about the claimed sender, and whether the fields agree.

use crate::filter::brands::Brand;
use crate::filter::facts::fact::Fact;
use crate::filter::message_view::{MessageView, domain_in, domain_of};
use crate::message::url::registrable;

pub(super) const FACTS: &[Fact] = &[
    Fact::holds(
        "name-holds-other-address",
        "The sender's display name is an address, but not the one the message comes from.",
        name_holds_other_address,
    )
    .of_header(),
    Fact::holds(
        "from-free-mail",
        "The sender uses a free mailbox.",
        from_free_mail,
    )
    .of_header(),
    Fact::holds(
        "from-abused-tld",
        "The sender's domain is under a top-level domain that is mostly abused.",
        from_abused_tld,
    )
    .of_header(),
    Fact::holds(
        "from-dynamic-dns",
        "The sender's domain is a dynamic DNS name or a free host's.",
        from_dynamic_dns,
    )
    .of_header(),
    Fact::holds(
        "from-is-recipient",
        "The message claims to come from its own recipient.",
        from_is_recipient,
    )
    .of_header(),
    Fact::holds(
        "reply-to-free-mail",
        "Replies go to a free mailbox in another domain than the sender's.",
        reply_to_free_mail,
    )
    .of_header(),
    Fact::holds(
        "reply-to-other-domain",
        "Replies go to another domain than the sender's.",
        reply_to_other_domain,
    )
    .of_header(),
    Fact::holds(
        "reply-to-other-free-mail",
        "Sender and replies are two different free mailboxes.",
        reply_to_other_free_mail,
    )
    .of_header(),
    Fact::holds(
        "reply-to-imitates",
        "Replies go to a domain that looks like the sender's but is another.",
        reply_to_imitates,
    )
    .of_header(),
    Fact::holds(
        "reply-to-is-recipient",
        "Replies go back to the recipient.",
        reply_to_is_recipient,
    )
    .of_header(),
    Fact::holds(
        "return-path-other-domain",
        "Bounces go to another domain than the sender's.",
        return_path_other_domain,
    )
    .of_header(),
    Fact::holds(
        "brand-in-name",
        "The sender's display name is a known brand's, but the sender's domain is not.",
        brand_in_name,
    )
    .of_header(),
    Fact::holds(
        "brand-in-subject",
        "The subject names a known brand, but the sender's domain is not that brand's.",
        brand_in_subject,
    )
    .of_header(),
    Fact::holds(
        "brand-disguised",
        "A known brand's name is written with look-alike letters.",
        brand_disguised,
    ),
    Fact::holds(
        "subject-disguised",
        "Words of the subject or of the sender's name use letters of another alphabet, or are broken up with marks.",
        subject_disguised,
    )
    .of_header(),
    Fact::holds(
        "brand-in-address",
        "The sender's address contains a known brand's name, but its domain is not that brand's.",
        brand_in_address,
    )
    .of_header(),
    Fact::holds(
        "brand-is-sender",
        "The sender's domain belongs to the brand that the display name or the subject names.",
        brand_is_sender,
    )
    .of_header(),
    Fact::holds(
        "recipient-domain-in-name",
        "The sender's display name contains the recipient's domain or address, but the sender's domain is another.",
        recipient_domain_in_name,
    )
    .of_header(),
];

/// Whether two hosts have the same owner, judging by their names.
pub(super) fn same_domain(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    // A registrable domain has two labels or more, and most domains differ in these.
    let are_plain = !a.ends_with('.') && !b.ends_with('.');
    if are_plain && last_two_labels(a) != last_two_labels(b) {
        return false;
    }
    registrable(a).unwrap_or(a) == registrable(b).unwrap_or(b)
}

fn last_two_labels(host: &str) -> &str {
    let mut dots = memchr::memrchr_iter(b'.', host.as_bytes());
    dots.nth(1).map_or(host, |dot| &host[dot + 1..])
}

/// The sender's domain.
pub(super) fn from_domain<'m>(mail: &'m MessageView<'_>) -> Option<&'m str> {
    mail.from_domain()
}

fn name_holds_other_address(mail: &MessageView<'_>) -> Option<String> {
    let own = from_domain(mail)?;
    let parts = |letter: char| letter.is_whitespace() || "<>()[]\"',;:".contains(letter);
    let mut words = mail.from_name().split(parts);
    let other = words.find(|word| {
        let domain = domain_of(word);
        domain.is_some_and(|domain| domain.contains('.') && !same_domain(&domain, own))
    })?;
    Some(other.to_owned())
}

fn from_free_mail(mail: &MessageView<'_>) -> Option<String> {
    let domain = from_domain(mail)?;
    mail.lists
        .has("free-mail", domain)
        .then(|| domain.to_owned())
}

fn from_abused_tld(mail: &MessageView<'_>) -> Option<String> {
    let domain = from_domain(mail)?;
    mail.lists
        .has("abused-tlds", domain)
        .then(|| domain.to_owned())
}

fn from_dynamic_dns(mail: &MessageView<'_>) -> Option<String> {
    let domain = from_domain(mail)?;
    let free = mail.lists.has("dynamic-dns", domain) || mail.lists.has("free-hosting", domain);
    free.then(|| domain.to_owned())
}

fn from_is_recipient(mail: &MessageView<'_>) -> Option<String> {
    let from = mail.from_address()?;
    let mut to = mail.to().iter().filter_map(|to| to.addr.as_deref());
    // Mail to oneself and others is a copy.
    let alone = mail.to().len() == 1;
    (alone && to.any(|to| to.eq_ignore_ascii_case(from))).then(|| from.to_owned())
}

/// Reply-To and its domain, if it is not the sender's.
fn other_reply<'m>(mail: &'m MessageView<'_>) -> Option<(&'m str, String)> {
    let from = from_domain(mail)?;
    let reply = mail.reply_to().first()?.addr.as_deref()?;
    let domain = domain_of(reply)?;
    (!same_domain(from, &domain)).then_some((reply, domain))
}

fn reply_to_free_mail(mail: &MessageView<'_>) -> Option<String> {
    let (reply, domain) = other_reply(mail)?;
    let from = from_domain(mail)?;
    let free = mail.lists.has("free-mail", &domain) && !mail.lists.has("free-mail", from);
    free.then(|| reply.to_owned())
}

fn reply_to_other_domain(mail: &MessageView<'_>) -> Option<String> {
    other_reply(mail).map(|(reply, _)| reply.to_owned())
}

fn reply_to_other_free_mail(mail: &MessageView<'_>) -> Option<String> {
    let from = mail.from_address()?;
    let reply = mail.reply_to().first()?.addr.as_deref()?;
    let free = |address: &str| {
        mail.lists
            .has("free-mail", &domain_in(address).unwrap_or_default())
    };
    (!from.eq_ignore_ascii_case(reply) && free(from) && free(reply)).then(|| reply.to_owned())
}

fn reply_to_imitates(mail: &MessageView<'_>) -> Option<String> {
    let (reply, domain) = other_reply(mail)?;
    let from = from_domain(mail)?;
    let own = registrable(from)?;
    let other = registrable(&domain)?;
    let label = |domain: &str| domain.split('.').next().unwrap_or_default().to_owned();
    let (own, other) = (label(own), label(other));
    let alike = own.len() >= 5
        && own != other
        && (one_edit_apart(&own, &other) || other.contains(&own) && other.contains('-'));
    alike.then(|| reply.to_owned())
}

/// Whether one inserted, removed or changed letter turns one into the other.
pub(super) fn one_edit_apart(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > 1 || a == b {
        return false;
    }
    let start = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (rest_a, rest_b) = (&a[start..], &b[start..]);
    let end = rest_a
        .iter()
        .rev()
        .zip(rest_b.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    rest_a.len().max(rest_b.len()) - end <= 1
}

fn reply_to_is_recipient(mail: &MessageView<'_>) -> Option<String> {
    let reply = mail.reply_to().first()?.addr.as_deref()?;
    let from = mail.from_address()?;
    let mut to = mail.to().iter().filter_map(|to| to.addr.as_deref());
    let is_recipient = to.any(|to| to.eq_ignore_ascii_case(reply));
    // Lists ask for replies to the list.
    let list = mail.headers.has("list-id") || mail.headers.has("list-post");
    (is_recipient && !list && !from.eq_ignore_ascii_case(reply)).then(|| reply.to_owned())
}

fn return_path_other_domain(mail: &MessageView<'_>) -> Option<String> {
    let from = from_domain(mail)?;
    let path = mail.headers.text("return-path");
    let domain = domain_of(path.trim_matches(['<', '>', ' ']))?;
    (!same_domain(from, &domain)).then_some(domain)
}

/// The brand that a text names, if the sender's domain does not belong to it.
pub(super) fn foreign<'m>(mail: &'m MessageView<'_>, brands: Vec<&'m Brand>) -> Option<&'m Brand> {
    let from = from_domain(mail)?;
    // One brand may write about another, but from the domain of one of those it names.
    if brands.iter().any(|brand| brand.owns(from)) {
        return None;
    }
    brands.into_iter().next()
}

fn brand_in_name(mail: &MessageView<'_>) -> Option<String> {
    foreign(mail, mail.brands_in_name().to_vec())?;
    Some(mail.from_name().to_owned())
}

fn brand_in_subject(mail: &MessageView<'_>) -> Option<String> {
    foreign(mail, mail.brands_in_subject().to_vec()).map(|brand| brand.name.clone())
}

fn brand_is_sender(mail: &MessageView<'_>) -> Option<String> {
    let from = from_domain(mail)?;
    let mut brands = mail.brands_in_name().to_vec();
    brands.extend(mail.brands_in_subject());
    let own = brands.into_iter().find(|brand| brand.owns(from))?;
    Some(own.name.clone())
}

fn brand_disguised(mail: &MessageView<'_>) -> Option<String> {
    let from = from_domain(mail).unwrap_or_default();
    let mut words = mail.disguised().iter();
    words.find_map(|words| {
        let brand = mail.brands.named_in(words, true).into_iter().next()?;
        // Some write their own name in full-width or mathematical letters.
        (!brand.owns(from)).then(|| brand.name.clone())
    })
}

fn subject_disguised(mail: &MessageView<'_>) -> Option<String> {
    let texts = [mail.headers.text("subject"), mail.from_name()];
    let mut letters = texts.into_iter().zip(mail.shown_letters());
    let (found, _) = letters.find(|(_, letters)| letters.mixed_words > 0)?;
    Some(found.to_owned())
}

fn brand_in_address(mail: &MessageView<'_>) -> Option<String> {
    let from = mail.from_address()?;
    let domain = domain_of(from)?;
    let words: String = from
        .chars()
        .map(|letter| {
            if letter.is_alphanumeric() {
                letter
            } else {
                ' '
            }
        })
        .collect();
    let brands = mail.brands.named_in(&words, false);
    if brands.is_empty() || brands.iter().any(|brand| brand.owns(&domain)) {
        return None;
    }
    // People write about their bank, and the display name of a free mailbox is its owner's.
    Some(from.to_owned())
}

fn recipient_domain_in_name(mail: &MessageView<'_>) -> Option<String> {
    let from = from_domain(mail)?;
    // Only a domain with a dot counts, and most names have none.
    if !mail.from_name().contains('.') {
        return None;
    }
    let name = mail.from_name().to_lowercase();
    let mut domains = mail.recipients().filter_map(domain_in);
    let found = domains.find(|domain| {
        let is_there = memchr::memmem::find(name.as_bytes(), domain.as_bytes()).is_some();
        is_there && domain.contains('.') && !same_domain(domain, from)
    })?;
    Some(format!("{} ({found})", mail.from_name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_host_is_that_of_its_registrable_domain() {
        let hosts = [
            "",
            ".",
            "a",
            "a.",
            "example",
            "example.com",
            "a.example.com",
            "b.example.com.",
            "com",
            "co.uk",
            "a.co.uk",
            "b.co.uk",
            "c.b.co.uk",
            "uk",
            "github.io",
            "a.github.io",
            "b.a.github.io",
            "192.0.2.1",
            "10.0.2.1",
            "[::1]",
            ".example.com",
            "a..com",
            "..com",
            "Example.com",
            "bücher.example",
            "a.bücher.example",
        ];
        for a in hosts {
            for b in hosts {
                let same = registrable(a).unwrap_or(a) == registrable(b).unwrap_or(b);
                assert_eq!(same_domain(a, b), same, "{a} {b}");
            }
        }
    }

    #[test]
    fn names_that_differ_by_one_letter_are_similar() {
        for (a, b) in [
            ("example", "exampel1"),
            ("example", "example"),
            ("abc", "xyz"),
        ] {
            assert!(!one_edit_apart(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("example", "examp1e"),
            ("example", "exmple"),
            ("example", "examplee"),
        ] {
            assert!(one_edit_apart(a, b), "{a} {b}");
        }
    }
}
