//! Whose Authentication-Results fields count in a mailbox, as its own messages say it: those of the server that wrote most
//! of them, and those above the Received field of the server that got the message from outside.

use std::sync::Arc;

use popgate::filter::receiving_server::{CheckedBy, Observed, ReceivingServer};
use popgate::filter::{Context, Notes};

use crate::support;

const HOP: &str = "Received: from out.example.org (out.example.org [192.0.2.1]) by mx.example.com (Postfix); \
    Sat, 28 Nov 2026 10:00:00 +0000\r\n";
const INNER: &str = "Received: from mx.example.com (mx.example.com [192.0.2.9]) by store.example.com; \
    Sat, 28 Nov 2026 10:00:01 +0000\r\n";
const PASS: &str = "dkim=pass header.d=example.org; dmarc=pass header.from=example.org\r\n";

fn named(server: &str) -> String {
    format!("Authentication-Results: {server}; {PASS}")
}

fn server(domain: &str) -> CheckedBy {
    CheckedBy::Server(domain.into())
}

/// Whether the sender is authenticated, and what the message says of the mailbox's server.
fn judge(known: Option<ReceivingServer>, fields: &str) -> (bool, Option<Observed>) {
    let filter = support::new_filter(&support::test_rules(), None);
    let context = Context {
        receiving_server: known.map(Arc::new),
        notes: Notes::Full,
        ..Context::default()
    };
    let message = format!("{fields}From: Bob <bob@example.org>\r\nSubject: a\r\n\r\nb\r\n");
    let verdict = filter.judge_in(&context, message.as_bytes());
    let noted = verdict.noted.unwrap();
    (noted.is_authenticated, noted.checked_by.clone())
}

#[test]
fn the_field_of_the_receiving_server_counts() {
    let nobody = || Some(ReceivingServer::new(CheckedBy::Nobody, 10));
    let unnamed = || Some(ReceivingServer::new(CheckedBy::Unnamed, 20));
    let mx = || Some(ReceivingServer::new(server("example.com"), 20));
    let above = |name: &str| format!("{}{HOP}", named(name));
    let below = |name: &str| format!("{HOP}{}", named(name));
    let without_name = format!("{HOP}Authentication-Results: {PASS}");
    // By a host without a name, which claims to be another, and that the message came to it.
    let called = |name: &str| {
        let claims = format!("Received: from {name} ([192.0.2.66]) by mx.example.com; now\r\n");
        format!("{claims}{}", above("mx.example.com"))
    };
    let failed = "Authentication-Results: mx.evil.example; dkim=none; dmarc=fail\r\n";
    for (known, fields, is_authenticated) in [
        // As long as nothing is certain, the topmost one.
        (None, below("mx.evil.example"), true),
        (
            Some(ReceivingServer::new(CheckedBy::Nobody, 9)),
            below("mx.evil.example"),
            true,
        ),
        // A server that checks nobody removes nothing, whatever name it has.
        (nobody(), below("mx.evil.example"), false),
        (nobody(), below("mx.example.com"), false),
        (
            nobody(),
            format!("{INNER}{HOP}{}", named("mx.example.com")),
            false,
        ),
        (nobody(), named("mx.example.com"), false),
        // Nor one that stands above a Received field which the sender wrote, by calling himself one of its hosts.
        (nobody(), called("mx.example.com"), false),
        (nobody(), called("localhost"), false),
        (nobody(), called("mailer"), false),
        (nobody(), called("mx.example.com."), false),
        // Until it does: nothing of the sender's stands above its Received field.
        (nobody(), above("mx.example.com"), true),
        (
            nobody(),
            format!("{INNER}{}", above("mx.example.com")),
            true,
        ),
        // A server with a name, wherever its field stands, and whatever else claims to be one.
        (mx(), below("MX2.example.com (x)"), true),
        (mx(), below("mx.evil.example"), false),
        (
            mx(),
            format!("{HOP}{failed}{}", named("mx.example.com")),
            true,
        ),
        (mx(), without_name.clone(), false),
        (mx(), above("mx.new.example"), true),
        // Microsoft's have none.
        (unnamed(), without_name.clone(), true),
        (unnamed(), below("mx.example.com"), false),
    ] {
        let (found, _) = judge(known.clone(), &fields);
        assert_eq!(found, is_authenticated, "{known:?}\n{fields}");
    }
}

#[test]
fn each_message_says_who_checked_it() {
    for (fields, by, is_above, has_own_name) in [
        (HOP.to_owned(), CheckedBy::Nobody, false, false),
        (String::new(), CheckedBy::Nobody, false, false),
        (
            format!("{}{HOP}", named("a.mx.example.com")),
            server("example.com"),
            true,
            true,
        ),
        (
            format!("{INNER}{}{HOP}", named("filter.example.net")),
            server("example.net"),
            true,
            false,
        ),
        (
            format!("{HOP}{}", named("mx.example.com")),
            server("example.com"),
            false,
            true,
        ),
        (
            format!("{HOP}{}", named("mx.evil.example")),
            server("evil.example"),
            false,
            false,
        ),
        (named("mx.example.com"), server("example.com"), false, false),
        (
            format!("Authentication-Results: {PASS}{HOP}"),
            CheckedBy::Unnamed,
            true,
            false,
        ),
        (
            format!("Authentication-Results: ;\r\n{HOP}"),
            CheckedBy::Unnamed,
            true,
            false,
        ),
        (
            "Authentication-Results: \r\n".to_owned(),
            CheckedBy::Unnamed,
            false,
            false,
        ),
    ] {
        let observed = Observed {
            by,
            is_above,
            has_own_name,
        };
        assert_eq!(judge(None, &fields).1, Some(observed.clone()), "{fields}");
        // What is known already is not noted again.
        let known = |weight| Some(ReceivingServer::new(observed.by.clone(), weight));
        assert_eq!(judge(known(19), &fields).1, Some(observed.clone()));
        assert_eq!(judge(known(20), &fields).1, None);
        let other = ReceivingServer::new(server("other.example"), 20);
        assert_eq!(judge(Some(other), &fields).1, Some(observed));
    }
}
