//! Who a message says it is from, and whether its own words agree.

use crate::filter::facts::Fact;
use crate::filter::mail::{Mail, domain_of};
use crate::message::url::registrable;

pub(super) const FACTS: &[Fact] = &[
    Fact::holds(
        "name-holds-other-address",
        "The sender's shown name is an address, and not the one the message comes from.",
        name_holds_other_address,
    ),
    Fact::holds(
        "reply-to-free-mail",
        "Replies go to a free mailbox in another domain than the sender's.",
        reply_to_free_mail,
    ),
];

/// What two addresses or hosts have in common: the registered name, or all of it.
fn same_domain(a: &str, b: &str) -> bool {
    registrable(a).unwrap_or(a) == registrable(b).unwrap_or(b)
}

fn name_holds_other_address(mail: &Mail<'_>) -> Option<String> {
    let own = domain_of(mail.from_address()?)?;
    let name = mail.from_name();
    let mut words =
        name.split(|letter: char| letter.is_whitespace() || "<>()[]\"',;:".contains(letter));
    let other = words.find(|word| {
        let domain = domain_of(word);
        domain.is_some_and(|domain| domain.contains('.') && !same_domain(&domain, &own))
    })?;
    Some(other.to_owned())
}

fn reply_to_free_mail(mail: &Mail<'_>) -> Option<String> {
    let from = domain_of(mail.from_address()?)?;
    let reply = mail.reply_to().first()?.addr.as_deref()?;
    let domain = domain_of(reply)?;
    let free = mail.lists.has("free-mail", &domain);
    (free && !same_domain(&from, &domain)).then(|| reply.to_owned())
}
