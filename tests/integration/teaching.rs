//! Teaching as people do it: any copy of a message, one message alone, in any order, and taken back.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use popgate::config::HeaderMode;
use popgate::filter::classifier::counts::Counts;
use popgate::filter::{CORRECTED, Filter, RuleSet, Thresholds};
use popgate::learn::corpus;
use popgate::learn::mail_file::MailFile;
use popgate::learn::trainer::{Taught, Trainer};
use popgate::rewrite::{Mark, MarkStyle, MarkText, Piece, Plan, notice};
use popgate::store::Knowledge;
use serde_json::Value;

use crate::support::hold;
use crate::train::{Workspace, mail};

const THRESHOLDS: Thresholds = Thresholds {
    tag_at: 5.0,
    drop_at: None,
};

fn stock() -> Filter {
    Filter::new(RuleSet::stock().unwrap(), THRESHOLDS).unwrap()
}

/// A message as popgate delivers it if it is spam.
fn tagged(message: &str) -> String {
    let style = MarkStyle {
        headers: HeaderMode::Spam,
        subject_mark: "[SPAM] ".to_owned(),
        console: None,
    };
    let wire = message.as_bytes();
    let verdict = stock().judge(wire);
    let text = MarkText::new(&Mark::Spam(&verdict), "0-1", &style);
    let plan = Plan::new(wire, true, &text);
    let pieces = plan.apply(wire.len()).into_iter();
    let pieces = pieces.flat_map(|piece| match piece {
        Piece::Original(range) => wire[range].to_vec(),
        Piece::Inserted(bytes) => bytes.to_vec(),
    });
    String::from_utf8(pieces.collect()).unwrap()
}

/// Copies of a message, with the names of their files.
fn copies(message: &str) -> Vec<(&'static str, String)> {
    let mozilla = |flags: &str, of: &str| {
        format!(
            "X-Mozilla-Status: {flags}\r\nX-Mozilla-Status2: 00000000\r\nX-Mozilla-Keys:      \r\n{of}"
        )
    };
    let mbox = |of: &str| {
        let quoted = of.replace('\r', "").replace("\nFrom ", "\n>From ");
        format!("From - Mon Nov 23 04:00:00 2026\n{quoted}\n\n")
    };
    let relayed = "Return-Path: <x@example.net>\r\nDelivered-To: ann@example.org\r\nReceived: from a by b;\r\n\tMon";
    vec![
        ("original.eml", message.to_owned()),
        ("tagged.eml", tagged(message)),
        ("lf.eml", message.replace('\r', "")),
        ("tagged-lf.eml", tagged(message).replace('\r', "")),
        ("read.eml", mozilla("0001", message)),
        ("tagged-and-read.eml", mozilla("0001", &tagged(message))),
        ("thunderbird.mbox", mbox(&mozilla("0001", message))),
        (
            "server.mbox",
            mbox(&format!(
                "Status: RO\r\nX-Status: A\r\nX-Keywords: a\r\nX-UID: 7\r\n{message}"
            )),
        ),
        ("tagged.mbox", mbox(&tagged(message))),
        ("maildir/cur/1.a.host:2,RS", message.replace('\r', "")),
        (
            "fetched-again.eml",
            format!("{relayed}\r\n{}", tagged(message)),
        ),
        (
            "labelled.eml",
            format!("X-GM-THRID: 1\r\nX-Gmail-Labels: Spam,Unread\r\n{message}"),
        ),
        ("blank-lines.eml", format!("{message}\r\n\r\n")),
    ]
}

/// A message with lines that mailbox formats and POP3 change.
fn with_odd_lines() -> String {
    mail(true, 5).trim_end().to_owned() + "\r\n.a dot\r\n..two\r\n\r\nFrom here on\r\nthe end\r\n"
}

/// The messages of a file.
fn read(path: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let read = corpus::read(&MailFile::named(path), 1 << 20, &mut |message| {
        found.push(message.raw);
        true
    });
    read.unwrap();
    found
}

#[test]
fn a_message_is_learned_once_and_forgotten_by_any_copy() {
    let message = with_odd_lines();
    let workspace = Workspace::new(0);
    let copies: Vec<(&str, Vec<u8>)> = copies(&message)
        .into_iter()
        .map(|(name, copy)| {
            let mut messages = read(&workspace.write(name, copy.as_bytes()));
            assert_eq!(messages.len(), 1, "{name}");
            (name, messages.remove(0))
        })
        .collect();
    let filter = Filter::new(RuleSet::default(), THRESHOLDS).unwrap();
    let mut trainer = Trainer::open(filter, &workspace.path("data"), None).unwrap();
    for (one, first) in &copies {
        for (other, second) in &copies {
            let names = format!("{one}, {other}");
            assert_eq!(trainer.teach(first, true).unwrap(), Taught::New, "{names}");
            assert_eq!(
                trainer.teach(second, true).unwrap(),
                Taught::Known,
                "{names}"
            );
            assert_eq!(
                trainer.teach(second, false).unwrap(),
                Taught::Relabelled,
                "{names}"
            );
            assert_eq!(
                trainer.teach(first, false).unwrap(),
                Taught::Known,
                "{names}"
            );
            assert!(trainer.forget(first).unwrap(), "{names}");
            assert!(!trainer.forget(second).unwrap(), "{names}");
        }
    }
    drop(trainer);
    let all: Vec<&str> = copies.iter().map(|(name, _)| *name).collect();
    let said = workspace.run(&[&["train", "--spam"], &all[..]].concat(), 0);
    let known = all.len() - 1;
    assert_eq!(
        said,
        format!("learned 0 ham and 1 spam, {known} were known already\n")
    );
    let said = workspace.run(&["train", "--forget", "tagged.mbox", "tagged.eml"], 0);
    assert_eq!(
        said,
        "learned 0 ham and 0 spam, 1 forgotten, 1 to forget were never learned\n"
    );
    assert_eq!(workspace.info(), "learned: 0 ham, 0 spam");
}

#[test]
fn all_copies_are_judged_and_learned_the_same() {
    let filter = stock().decoding_for_classifier();
    let message = with_odd_lines();
    let of = |copy: &str| {
        let original = filter.original(copy.as_bytes()).into_owned();
        let (verdict, features) = filter.judge_with_features(&original);
        (verdict.score, features)
    };
    let (score, features) = of(&message);
    for (name, copy) in copies(&message) {
        // An mbox file is several messages; and what a server added is evidence.
        if name.ends_with(".mbox") || name == "fetched-again.eml" {
            continue;
        }
        let (found, learned) = of(&copy);
        assert_eq!(found, score, "{name}");
        assert_eq!(learned, features, "{name}");
    }
}

#[test]
fn a_delivered_message_is_judged_as_it_was() {
    let message = mail(true, 1).replace("Subject: ", "Subject: Viagra, free money! ");
    let marked = format!("X-Spam-Flag: YES\r\n{message}");
    for message in [message, marked] {
        let before = stock().judge(message.as_bytes());
        let delivered = tagged(&message);
        let filter = stock();
        let after = filter.judge(&filter.original(delivered.as_bytes()));
        assert_eq!(after.score, before.score);
        assert!(
            stock().judge(delivered.as_bytes()).score > before.score
                || message.starts_with("X-Spam")
        );
    }
}

#[test]
fn notices_and_deleted_messages_are_skipped_and_counted() {
    let workspace = Workspace::new(0);
    let held = mail(true, 3);
    let notice = notice(
        held.as_bytes(),
        &stock().judge(held.as_bytes()),
        "0-2",
        None,
    );
    workspace.write("ham/notice.eml", &notice);
    let of = |flags: &str, number: u64| {
        let message = mail(false, number).replace('\r', "");
        format!("From - Mon Nov 23 04:00:00 2026\nX-Mozilla-Status: {flags}\n{message}\n")
    };
    let inbox = of("0001", 1) + &of("0009", 2) + &of("0008", 3);
    workspace.write("ham/Inbox", inbox.as_bytes());
    workspace.write("ham/box/new/1", mail(false, 4).as_bytes());
    workspace.write("ham/box/cur/2:2,ST", mail(false, 5).as_bytes());
    let said = workspace.run(&["train", "--ham", "ham"], 0);
    assert_eq!(
        said,
        "learned 2 ham and 0 spam, 3 were deleted or moved, and passed over, \
         1 are popgate's own notices, and passed over\n"
    );
}

fn scanned(workspace: &Workspace, name: &str) -> Value {
    let output = workspace
        .command(&["scan", "--json", name])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_single_message_takes_permanent_effect() {
    for is_spam in [false, true] {
        let workspace = Workspace::new(0);
        let hard = match is_spam {
            false => format!(
                "X-Spam-Flag: YES\r\n{}",
                mail(true, 1).replace("Subject: ", "Subject: Viagra! free money ")
            ),
            true => mail(false, 1),
        };
        workspace.write("one.eml", hard.as_bytes());
        // Its like: other words, the same sender and shape.
        let like = hard
            .replace("<1.", "<2.")
            .replace("the ", "a ")
            .replace("today", "soon");
        workspace.write("like.eml", like.as_bytes());
        let unlike = "Received: from x by y; Mon\r\nFrom: \"B\" <b@other.example>\r\nSubject: Rechnung\r\n\
                      Date: Mon, 23 Nov 2026 10:00:00 +0100\r\nContent-Type: text/html\r\n\r\n<p>Guten Tag, anbei \
                      die Rechnung über 12,00 Euro.</p>\r\n";
        workspace.write("unlike.eml", unlike.as_bytes());
        let score = |name: &str| scanned(&workspace, name)["score"].as_f64().unwrap();
        let before = (score("one.eml"), score("like.eml"), score("unlike.eml"));
        let kind = if is_spam { "--spam" } else { "--ham" };
        workspace.run(&["train", kind, "one.eml"], 0);
        let judged = scanned(&workspace, "one.eml");
        let verdict = if is_spam { "spam" } else { "ham" };
        assert_eq!(judged["verdict"], verdict, "{before:?} {judged}");
        assert!(judged.to_string().contains(CORRECTED), "{judged}");
        let after = (score("one.eml"), score("like.eml"), score("unlike.eml"));
        assert!(
            (after.1 > before.1) == is_spam && after.1 != before.1,
            "{before:?} {after:?}"
        );
        assert!((after.2 - before.2).abs() < 0.11, "{before:?} {after:?}");
        // Whatever else is learned.
        let others: Vec<String> = (0..30)
            .map(|number| {
                let name = format!("others/{number}.eml");
                workspace.write(&name, mail(!is_spam, 100 + number).as_bytes());
                name
            })
            .collect();
        assert_eq!(others.len(), 30);
        workspace.run(
            &["train", if is_spam { "--ham" } else { "--spam" }, "others"],
            0,
        );
        assert_eq!(scanned(&workspace, "one.eml")["verdict"], verdict);
    }
}

#[test]
fn a_released_message_is_not_held_again() {
    let workspace = Workspace::new(0);
    let quarantine = popgate::store::Quarantine::new(&workspace.path("data"));
    let message = format!(
        "X-Spam-Flag: YES\r\n{}",
        mail(true, 1).replace("Subject: ", "Subject: Viagra! free money ")
    );
    hold(&quarantine, "id-1", &message);
    let drops = |filter: Filter| filter.judge(message.as_bytes()).is_spam();
    assert!(drops(stock()));
    workspace.run(&["quarantine", "release", "id-1", "--to", "."], 0);
    let (_, memory) = Knowledge::read(&workspace.path("data")).unwrap();
    assert!(!drops(stock().with_learned(Arc::new(memory))));
}

#[test]
fn the_version_of_a_filter_changes_with_what_was_learned() {
    let workspace = Workspace::new(0);
    let version = || {
        let (_, memory) = Knowledge::read(&workspace.path("data")).unwrap();
        stock().with_learned(Arc::new(memory)).version()
    };
    let first = version();
    assert_eq!(first, stock().version());
    workspace.write("one.eml", mail(true, 1).as_bytes());
    workspace.run(&["train", "--spam", "one.eml"], 0);
    let second = version();
    assert_ne!(first, second);
    assert_eq!(second, version());
    workspace.run(&["train", "--ham", "one.eml"], 0);
    assert!(version() != second && version() != first);
}

/// What was learned does not depend on the order, nor on how many commands it took, nor on mistakes in between.
#[test]
fn the_order_of_teaching_does_not_affect_the_result() {
    let of = |teach: &dyn Fn(&Workspace)| {
        let workspace = Workspace::new(45);
        for number in 0..10_u64 {
            let unseen = mail(number.is_multiple_of(2), 7000 + number);
            workspace.write(&format!("unseen/{number}.eml"), unseen.as_bytes());
        }
        teach(&workspace);
        workspace.probabilities(Path::new("unseen"), &[])
    };
    let at_once = of(&|workspace| drop(workspace.train()));
    for (number, teach) in [
        &(|it: &Workspace| {
            it.run(&["train", "--ham", "ham"], 0);
            it.run(&["train", "--spam", "spam"], 0);
        }) as &dyn Fn(&Workspace),
        &|it| {
            it.run(&["train", "--spam", "spam"], 0);
            it.run(&["train", "--ham", "ham"], 0);
        },
        &|it| {
            for kind in ["ham", "spam"] {
                for number in 0..45 {
                    let path = |number| it.path(kind).join(format!("{number:05}.eml"));
                    fs::rename(
                        path(number),
                        it.path(kind).join(format!("{:03}", 100 - number)),
                    )
                    .unwrap();
                }
            }
            it.train();
        },
        &|it| {
            it.run(
                &["train", "--spam", "ham/00001.eml", "spam", "unseen/1.eml"],
                0,
            );
            it.run(&["train", "--forget", "unseen/1.eml"], 0);
            it.run(&["train", "--ham", "ham"], 0);
        },
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(of(teach), at_once, "{number}");
    }
}

/// The messages that made tests/learned_state.
fn early(is_spam: bool, number: u32) -> String {
    let (subject, text, kind) = match is_spam {
        false => (
            "meeting agenda minutes",
            "The minutes of the meeting, and the agenda for lunch.",
            "False",
        ),
        true => (
            "casino jackpot",
            "You are the winner of the casino jackpot, cheap pills today.",
            "True",
        ),
    };
    format!(
        "From: someone@example.net\r\nTo: ann@example.org\r\nMessage-ID: <{number}.{kind}@example.net>\r\n\
         Subject: {subject} {number}\r\nContent-Type: text/plain\r\n\r\n{text} Number {number}.\r\n"
    )
}

#[test]
fn state_learned_by_the_first_release_is_read_and_stays_in_effect() {
    let workspace = Workspace::new(0);
    for name in ["weights", "journal"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/learned_state/0.1")
            .join(name);
        workspace.write(&format!("data/learnt/{name}"), &fs::read(from).unwrap());
    }
    for (name, is_spam) in [("ham", false), ("spam", true)] {
        for number in 0..3 {
            workspace.write(
                &format!("{name}/{number}.eml"),
                early(is_spam, number).as_bytes(),
            );
        }
    }
    workspace.write("released.eml", early(true, 9).as_bytes());
    workspace.write("new.eml", early(true, 20).as_bytes());
    assert_eq!(workspace.info(), "learned: 4 ham, 3 spam");
    let before = workspace.probabilities(Path::new("new.eml"), &[])[0];
    let said = workspace.run(
        &["train", "--ham", "ham", "released.eml", "--spam", "spam"],
        0,
    );
    assert_eq!(said, "learned 0 ham and 0 spam, 7 were known already\n");
    assert_eq!(workspace.info(), "learned: 4 ham, 3 spam");
    let after = workspace.probabilities(Path::new("new.eml"), &[])[0];
    assert!((after - before).abs() < 0.15, "{before} {after}");
    // The mistake is corrected by another copy than the one that was learned.
    let said = workspace.run(&["train", "--spam", "released.eml"], 0);
    assert!(said.contains("1 of them were the other before"), "{said}");
    assert_eq!(workspace.info(), "learned: 3 ham, 4 spam");
    assert!(
        workspace
            .run(&["model", "info"], 0)
            .contains("account ann@example.org: 0 ham, 1 spam")
    );
    assert!(workspace.probabilities(Path::new("new.eml"), &[])[0] > before);
}

#[test]
fn lessons_of_a_release_that_counted_no_servers_are_completed_by_training_again() {
    let workspace = Workspace::new(0);
    for name in ["weights", "samples"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/learned_state/format-2")
            .join(name);
        workspace.write(&format!("data/learnt/{name}"), &fs::read(from).unwrap());
    }
    let came = |number: u32| {
        format!(
            "Received: from relay{number}.example.org ([192.0.2.{number}]) by mx.example.net with ESMTP; Mon, 23 Nov 2026 \
             04:00:00 +0000\r\n"
        )
    };
    for (name, is_spam) in [("ham", false), ("spam", true)] {
        for number in 0..6 {
            let mail = came(number) + &early(is_spam, number);
            workspace.write(&format!("{name}/{number}.eml"), mail.as_bytes());
        }
    }
    let servers = || {
        let (_, memory) = Knowledge::read(&workspace.path("data")).unwrap();
        let shared = memory.shared();
        let all: Vec<Counts> = shared.hops.iter().map(|(_, counts)| counts).collect();
        let account = shared.accounts.values().next().unwrap().hops();
        (all, account.len())
    };
    let six = Counts { ham: 6, spam: 6 };
    assert_eq!(workspace.info(), "learned: 6 ham, 6 spam");
    assert_eq!(servers(), (vec![], 0));
    // What was learned before is taken back without a trace in the counts.
    let said = workspace.run(&["train", "--spam", "ham/0.eml"], 0);
    assert!(said.contains("1 of them were the other before"), "{said}");
    assert_eq!(servers(), (vec![Counts { ham: 0, spam: 1 }], 0));
    workspace.run(&["train", "--ham", "ham/0.eml"], 0);
    for _ in 0..2 {
        let said = workspace.run(&["train", "--ham", "ham", "--spam", "spam"], 0);
        assert_eq!(said, "learned 0 ham and 0 spam, 12 were known already\n");
        assert_eq!(servers(), (vec![six], 0));
    }
    let account = [
        "train",
        "--account",
        "ann@example.org",
        "--spam",
        "spam/0.eml",
    ];
    workspace.run(&account, 0);
    assert_eq!(servers(), (vec![six], 1));
    assert_eq!(workspace.info(), "learned: 6 ham, 6 spam");
    workspace.run(&["train", "--forget", "ham", "spam"], 0);
    assert_eq!(servers(), (vec![], 1));
}
