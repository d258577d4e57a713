//! Facts about the header.

use crate::filter::facts::fact::Fact;
use crate::filter::facts::gateway;
use crate::filter::facts::sender::{from_domain, same_domain};
use crate::filter::message_view::{MessageView, domain_of};

pub(super) const FACTS: &[Fact] = &[
    Fact::holds(
        "header-duplicated",
        "A field that may occur only once occurs twice.",
        duplicated,
    )
    .of_header(),
    Fact::holds(
        "header-contradicts",
        "From, Subject or Date occurs twice, with different values.",
        contradicts,
    )
    .of_header(),
    Fact::number(
        "date-skew-hours",
        "By how many hours Date differs from the time of receipt; negative means in the past.",
        date_skew_hours,
    )
    .of_header(),
    Fact::holds(
        "reply-without-thread",
        "The subject says it is a reply, but no field references another message.",
        reply_without_thread,
    )
    .of_header(),
    Fact::holds(
        "message-id-holds-recipient",
        "The Message-ID contains the recipient's address.",
        message_id_holds_recipient,
    )
    .of_header(),
    Fact::holds(
        "message-id-is-sender",
        "The Message-ID has the local part of the sender's address after the @.",
        message_id_is_sender,
    )
    .of_header(),
    Fact::holds(
        "message-id-other-domain",
        "The Message-ID's domain is neither the sender's nor that of bounces.",
        message_id_other_domain,
    )
    .of_header(),
    Fact::holds(
        "recipient-in-subject",
        "The subject contains the recipient's address.",
        recipient_in_subject,
    )
    .of_header(),
    Fact::holds(
        "recipient-name-in-subject",
        "The subject contains the local part of the recipient's address as a word.",
        recipient_name_in_subject,
    )
    .of_header(),
    Fact::holds(
        "no-recipient",
        "Neither To nor Cc names an address.",
        no_recipient,
    )
    .of_header(),
    Fact::number(
        "recipient-count",
        "How many addresses To and Cc name.",
        |mail| mail.to().iter().filter(|to| to.addr.is_some()).count() as f64,
    )
    .of_header(),
    Fact::holds(
        "recipients-sorted",
        "Five or more recipients are in alphabetical order.",
        recipients_sorted,
    )
    .of_header(),
    Fact::holds(
        "needless-encoding",
        "The subject or the sender's name is encoded in base64 though it is plain ASCII.",
        needless_encoding,
    )
    .of_header(),
    Fact::holds(
        "list-coherent",
        "A mailing list's fields match each other or the sender.",
        list_coherent,
    )
    .of_header(),
    Fact::holds(
        "list-addressed",
        "The message names a mailing list, and is addressed to it.",
        list_addressed,
    )
    .of_header(),
    Fact::holds(
        "bulk-fields",
        "The message declares itself as bulk: List-Unsubscribe, Precedence, Feedback-ID.",
        bulk_fields,
    )
    .of_header(),
];

// RFC 5322 section 3.6: these occur at most once.
fn duplicated(mail: &MessageView<'_>) -> Option<String> {
    let unique = [
        "From",
        "Sender",
        "Reply-To",
        "To",
        "Cc",
        "Subject",
        "Date",
        "Message-ID",
    ];
    let twice = unique
        .iter()
        .find(|name| mail.headers.all(name).count() > 1)?;
    Some((*twice).to_owned())
}

fn contradicts(mail: &MessageView<'_>) -> Option<String> {
    let twice = ["From", "Subject", "Date"].into_iter().find(|name| {
        let mut values = mail.headers.all(name).map(<[u8]>::trim_ascii);
        let first = values.next();
        values.any(|value| Some(value) != first)
    })?;
    Some(twice.to_owned())
}

fn date_skew_hours(mail: &MessageView<'_>) -> f64 {
    let (Some(date), Some(received)) = (mail.headers.date(), mail.headers.received()) else {
        return 0.0;
    };
    ((date - received) as f64 / 3600.0).round()
}

fn reply_without_thread(mail: &MessageView<'_>) -> Option<String> {
    let subject = mail.subject();
    let head = subject.get(..4).unwrap_or(subject).to_ascii_lowercase();
    let says_reply = ["re:", "re :", "aw:", "sv:"]
        .iter()
        .any(|mark| head.starts_with(mark));
    let thread = ["in-reply-to", "references", "thread-index", "thread-topic"];
    (says_reply && !thread.iter().any(|name| mail.headers.has(name))).then(|| subject.to_owned())
}

fn message_id<'m>(mail: &'m MessageView<'_>) -> Option<&'m str> {
    let id = mail.headers.text("message-id");
    (!id.is_empty()).then_some(id)
}

fn message_id_holds_recipient(mail: &MessageView<'_>) -> Option<String> {
    let id = message_id(mail)?;
    memchr::memchr(b'@', id.as_bytes())?;
    let id = id.to_lowercase();
    let mut to = mail.recipients();
    let found = to.any(|to| to.contains('@') && id.contains(&to.to_lowercase()));
    found.then_some(id)
}

fn message_id_is_sender(mail: &MessageView<'_>) -> Option<String> {
    let id = message_id(mail)?;
    let right = domain_of(id.trim_matches(['<', '>']))?;
    let (local, _) = mail.from_address()?.rsplit_once('@')?;
    (!local.is_empty() && local.eq_ignore_ascii_case(&right)).then(|| id.to_owned())
}

fn message_id_other_domain(mail: &MessageView<'_>) -> Option<String> {
    let id = message_id(mail)?;
    let right = domain_of(id.trim_matches(['<', '>']))?;
    let from = from_domain(mail)?;
    let path = mail.headers.text("return-path");
    let path = domain_of(path.trim_matches(['<', '>', ' ']));
    let own = same_domain(&right, from) || path.is_some_and(|path| same_domain(&right, &path));
    (!own).then_some(right)
}

fn recipient_in_subject(mail: &MessageView<'_>) -> Option<String> {
    // An address has the sign, and most subjects have none.
    let subject = mail.subject();
    memchr::memchr(b'@', subject.as_bytes())?;
    let subject = subject.to_lowercase();
    let mut to = mail.recipients();
    let found = to.find(|to| to.contains('@') && subject.contains(&to.to_lowercase()))?;
    Some(found.to_owned())
}

fn recipient_name_in_subject(mail: &MessageView<'_>) -> Option<String> {
    let subject = mail.subject().to_lowercase();
    let mut words = subject
        .split(|letter: char| !letter.is_alphanumeric() && !matches!(letter, '.' | '_' | '-'));
    words.find_map(|word| {
        let is_local = mail.recipients().any(|to| {
            let local = to.split('@').next().unwrap_or_default();
            local.len() >= 4 && local.eq_ignore_ascii_case(word)
        });
        is_local.then(|| word.to_owned())
    })
}

fn no_recipient(mail: &MessageView<'_>) -> Option<String> {
    let named = mail.to().iter().any(|to| {
        let address = to.addr.as_deref().unwrap_or_default();
        address.contains('@')
    });
    if named {
        return None;
    }
    let to = mail.headers.text("to");
    // An archive has put a mark in the place of an address: there was one.
    let is_removed = to.starts_with('[') && to.ends_with(']');
    (!is_removed).then(|| to.to_owned())
}

fn recipients_sorted(mail: &MessageView<'_>) -> Option<String> {
    if mail.to().len() < 5 {
        return None;
    }
    let all = || {
        let addresses = mail.to().iter().filter_map(|to| to.addr.as_deref());
        addresses.map(str::to_lowercase)
    };
    // Most are not from the beginning.
    (all().is_sorted() && all().count() >= 5).then(|| all().take(2).collect::<Vec<_>>().join(", "))
}

fn needless_encoding(mail: &MessageView<'_>) -> Option<String> {
    let mut names = ["subject", "from"].iter();
    let found = names.find_map(|name| {
        let value = mail.headers.values(name).next()?;
        // Encoded words have the sign.
        memchr::memchr(b'?', value.raw)?;
        let lower = value.raw.to_ascii_lowercase();
        let base64 = memchr::memmem::find(&lower, b"?b?").is_some();
        let text = value.text();
        (base64 && text.len() >= 8 && text.is_ascii()).then(|| text.to_owned())
    })?;
    // Gateways encode what they mark.
    (!gateway::is_behind(mail)).then_some(found)
}

/// The identifier of a mailing list (RFC 2919).
fn list_id(mail: &MessageView<'_>) -> Option<String> {
    let id = mail.headers.text("list-id");
    let id = id.rsplit('<').next()?.trim_end_matches('>');
    Some(id.trim().to_lowercase()).filter(|id| id.contains('.'))
}

/// What anybody sends to a recipient says this as easily as a list does, but it is not addressed to a list.
fn list_addressed(mail: &MessageView<'_>) -> Option<String> {
    let id = list_id(mail)?;
    let found = mail.recipients().find(|to| {
        let Some((local, domain)) = to.rsplit_once('@') else {
            return false;
        };
        let is_named = id.split('.').next() == Some(&local.to_lowercase());
        is_named && same_domain(domain, &id)
    })?;
    Some(found.to_owned())
}

fn list_coherent(mail: &MessageView<'_>) -> Option<String> {
    let id = list_id(mail)?;
    let from = from_domain(mail);
    let names = [
        "list-post",
        "list-unsubscribe",
        "list-help",
        "sender",
        "return-path",
        "to",
        "cc",
    ];
    let registered = crate::message::url::registrable(&id)?;
    let agrees = names.iter().any(|name| {
        let text = mail.headers.text(name).to_lowercase();
        text.contains(registered)
    });
    let own = from.is_some_and(|from| same_domain(from, registered));
    (agrees || own).then_some(id)
}

fn bulk_fields(mail: &MessageView<'_>) -> Option<String> {
    let names = [
        "List-Unsubscribe",
        "List-Id",
        "Feedback-ID",
        "X-CSA-Complaints",
    ];
    if let Some(name) = names.iter().find(|name| mail.headers.has(name)) {
        return Some((*name).to_owned());
    }
    let precedence = mail.headers.text("precedence").to_lowercase();
    matches!(&*precedence, "bulk" | "list" | "junk").then_some(precedence)
}
