//! Facts about what the mailbox has got of the sender before. Where that is not known, they do not hold.

use crate::filter::aspects::Aspects;
use crate::filter::facts::authentication::{is_sender_authenticated, is_sender_checked};
use crate::filter::facts::fact::Fact;
use crate::filter::known_senders::{KnownSender, KnownSenders};
use crate::filter::message_view::MessageView;

/// Messages that make a history, and over how many days they must have come.
const MESSAGES: u32 = 3;
const DAYS: u32 = 7;

/// Messages of one kind alone.
const UNWANTED: u32 = 2;

/// So many others must be known before somebody is new.
const OTHERS: usize = 10;

pub(super) const FACTS: &[Fact] = &[
    Fact::holds(
        "sender-known",
        "The sender is authenticated, and so were three or more messages of the same address to this mailbox over at least a week, none of them spam.",
        sender_known,
    )
    .needing(Aspects::SENDERS)
    .of_context()
    .of_header(),
    Fact::holds(
        "sender-forged",
        "All messages of this address to this mailbox, three or more, were authenticated, and this one is not.",
        sender_forged,
    )
    .needing(Aspects::SENDERS)
    .of_context()
    .of_header(),
    Fact::holds(
        "sender-unwanted",
        "The sender is authenticated, and all messages of the same address to this mailbox, two or more, were spam.",
        sender_unwanted,
    )
    .needing(Aspects::SENDERS)
    .of_context()
    .of_header(),
    Fact::holds(
        "sender-first-time",
        "This mailbox, which knows others, has no message of this address, and none of its domain.",
        sender_first_time,
    )
    .needing(Aspects::SENDERS)
    .of_context()
    .of_header(),
    Fact::number(
        "sender-ham",
        "How many messages of this address to this mailbox were not spam.",
        |mail| about(mail).map_or(0.0, |it| f64::from(it.ham)),
    )
    .needing(Aspects::SENDERS)
    .of_context()
    .of_header(),
    Fact::number(
        "sender-spam",
        "How many messages of this address to this mailbox were spam.",
        |mail| about(mail).map_or(0.0, |it| f64::from(it.spam)),
    )
    .needing(Aspects::SENDERS)
    .of_context()
    .of_header(),
];

/// The only address in From, and who is known.
fn sender<'m>(mail: &'m MessageView<'_>) -> Option<(&'m str, &'m KnownSenders)> {
    let senders = mail.context.senders.as_deref()?;
    let mut addresses = mail.from().iter().filter_map(|from| from.addr.as_deref());
    let only = addresses.find(|address| address.contains('@'))?;
    let is_only = !addresses.any(|address| address.contains('@'));
    is_only.then_some((only, senders))
}

fn about(mail: &MessageView<'_>) -> Option<KnownSender> {
    let (address, senders) = sender(mail)?;
    senders.about(address)
}

/// Whether the sender is known for wanted mail.
pub(in crate::filter) fn is_sender_known(mail: &MessageView<'_>) -> bool {
    sender_known(mail).is_some()
}

fn sender_known(mail: &MessageView<'_>) -> Option<String> {
    let KnownSender {
        days,
        authenticated,
        ham,
        spam,
    } = about(mail)?;
    let is_known = ham >= MESSAGES && authenticated >= MESSAGES && days >= DAYS && spam == 0;
    (is_known && is_sender_authenticated(mail))
        .then(|| format!("{ham} wanted messages in {days} days"))
}

fn sender_forged(mail: &MessageView<'_>) -> Option<String> {
    let it = about(mail)?;
    let all = it.ham + it.spam;
    let is_always = it.authenticated >= MESSAGES && it.authenticated >= all;
    // A server that has checked nothing says nothing.
    (is_always && is_sender_checked(mail) && !is_sender_authenticated(mail))
        .then(|| format!("{} authenticated messages before", it.authenticated))
}

fn sender_unwanted(mail: &MessageView<'_>) -> Option<String> {
    let it = about(mail)?;
    (it.ham == 0 && it.spam >= UNWANTED && is_sender_authenticated(mail))
        .then(|| format!("{} messages, all spam", it.spam))
}

fn sender_first_time(mail: &MessageView<'_>) -> Option<String> {
    let (address, senders) = sender(mail)?;
    let is_new = senders.is_complete()
        && senders.len() >= OTHERS
        && senders.about(address).is_none()
        && senders.about_domain(address).is_none();
    is_new.then(|| address.to_owned())
}
