//! What is taught of one kind of mail leaves other kinds as they were.
//!
//! Lists are taught as ham, and the offers and swindles of one relay as spam. Neither that mail comes from the relay, nor
//! that it does not come from a list, may condemn it: private letters come from the relay, too, and the list brings
//! swindles. Where one server hands over both kinds, the relay says something of mail whose words say nothing, but makes
//! no verdict alone.

use std::fs;

use serde_json::Value;

use crate::train::Workspace;

const COMMON: &[&str] = &[
    "the", "and", "we", "you", "with", "for", "have", "this", "that", "will", "from", "about",
    "when", "there",
];
const GARDEN: &[&str] = &[
    "garden",
    "tomato",
    "seedling",
    "compost",
    "trellis",
    "pruning",
    "orchard",
    "apple",
    "frost",
    "mulch",
    "watering",
    "greenhouse",
];
const FAMILY: &[&str] = &[
    "train",
    "supper",
    "cousin",
    "piano",
    "concert",
    "harbour",
    "holiday",
    "weekend",
    "museum",
    "bicycle",
    "grandmother",
    "kitchen",
];
const OFFER: &[&str] = &[
    "discount",
    "pharmacy",
    "tablets",
    "prescription",
    "delivery",
    "express",
    "cheapest",
    "generic",
    "pills",
    "dosage",
    "order",
    "online",
];

const SWINDLE: &str = "You have won the lottery prize of $ 4,500,000. I am the attorney of the deceased, your next of \
                       kin. Contact the claims agent, send your bank account number and a copy of your passport. Reply \
                       urgently, 100% risk free.";

const RELAY: &str = "Received: from mx3.relay.example ([198.51.100.7]) by mailhost.example with ESMTP; Mon, 23 Nov 2026 \
                     04:00:00 +0000\r\nX-Mailer: Postbird 3.1 (Build 2077)\r\nX-Relay-Trace: mx3.relay.example checked \
                     queue-7 eu-west\r\n";
const LIST: &str = "Received: from lists.example.org ([192.0.2.9]) by mail.example.org with ESMTP; Mon, 23 Nov 2026 \
                    04:00:00 +0000\r\nList-Id: Growers <growers.lists.example.org>\r\nList-Post: \
                    <mailto:growers@lists.example.org>\r\nPrecedence: list\r\n";

/// A kind of mail.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    route: &'static str,
    /// The server that handed it over; that of its route, if there is none.
    server: Option<&'static str>,
    /// Nine domains end in it.
    sender: &'static str,
    words: &'static [&'static str],
    swindle: bool,
}

const KINDS: [Kind; 5] = [
    kind("lists", LIST, "garden", GARDEN, false),
    kind("swindles", RELAY, "claims", OFFER, true),
    kind("offers", RELAY, "pills", OFFER, false),
    kind("letters", RELAY, "home", FAMILY, false),
    kind("listed-swindles", LIST, "fund", GARDEN, true),
];

const fn kind(
    name: &'static str,
    route: &'static str,
    sender: &'static str,
    words: &'static [&'static str],
    swindle: bool,
) -> Kind {
    Kind {
        name,
        route,
        server: None,
        sender,
        words,
        swindle,
    }
}

impl Kind {
    fn message(&self, number: u64) -> String {
        let mut random = fastrand::Rng::with_seed(number ^ (self.name.len() as u64) << 32);
        let mut words = |count: usize| {
            let word = |random: &mut fastrand::Rng| match random.u8(0..5) {
                0 | 1 => self.words[random.usize(..self.words.len())],
                _ => COMMON[random.usize(..COMMON.len())],
            };
            let words: Vec<&str> = (0..count).map(|_| word(&mut random)).collect();
            words.join(" ")
        };
        let (subject, body) = match self.swindle {
            true => (
                "You have won the lottery".to_owned(),
                format!("{SWINDLE} {}", words(20)),
            ),
            false => (words(4), words(60)),
        };
        // Others than those that are taught, where the number is large.
        let domain = format!("{}{}.example", self.sender, number % 9 + number / 100 * 9);
        let route = match self.server {
            Some(server) => self
                .route
                .replace("mailhost.example ", &format!("{server} "))
                .replace("mail.example.org ", &format!("{server} ")),
            None => self.route.to_owned(),
        };
        format!(
            "{route}From: someone{number}@{domain}\r\nTo: ann@example.net\r\nDate: Mon, 23 Nov 2026 04:00:00 +0000\r\n\
             Message-ID: <{number}@{domain}>\r\nSubject: {subject}\r\nContent-Type: text/plain\r\n\r\n{body}\r\n"
        )
    }

    fn write(&self, workspace: &Workspace, folder: &str, numbers: std::ops::Range<u64>) {
        for number in numbers {
            let path = format!("{folder}/{}-{number:03}.eml", self.name);
            workspace.write(&path, self.message(number).as_bytes());
        }
    }
}

/// The verdicts on a folder's messages.
fn verdicts(workspace: &Workspace, folder: &str) -> Vec<Value> {
    let scan = workspace.command(&["scan", "--json", folder]).output();
    let lines = String::from_utf8(scan.unwrap().stdout).unwrap();
    let verdicts = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let verdicts: Vec<Value> = verdicts.collect();
    let files = fs::read_dir(workspace.path(folder)).unwrap();
    assert_eq!(verdicts.len(), files.count());
    verdicts
}

/// How many of a folder's messages are called spam.
fn called_spam(workspace: &Workspace, folder: &str) -> usize {
    let verdicts = verdicts(workspace, folder);
    let spam = verdicts.iter().filter(|it| it["verdict"] == "spam");
    spam.count()
}

/// The mean score of a folder's messages.
fn mean_score(workspace: &Workspace, folder: &str) -> f64 {
    let verdicts = verdicts(workspace, folder);
    let scores = verdicts.iter().map(|it| it["score"].as_f64().unwrap());
    scores.sum::<f64>() / verdicts.len() as f64
}

#[test]
fn what_was_not_taught_is_judged_as_before() {
    let workspace = Workspace::new(0);
    let [lists, swindles, offers, letters, listed_swindles] = &KINDS;
    lists.write(&workspace, "taught-ham", 0..60);
    swindles.write(&workspace, "taught-spam", 0..45);
    offers.write(&workspace, "taught-spam", 0..15);
    for kind in [lists, offers, letters, listed_swindles] {
        kind.write(&workspace, kind.name, 100..120);
    }
    let figures =
        || [lists, letters, listed_swindles, offers].map(|kind| called_spam(&workspace, kind.name));
    assert_eq!(figures(), [0, 0, 20, 0]);
    workspace.run(
        &["train", "--ham", "taught-ham", "--spam", "taught-spam"],
        0,
    );
    let [lists, letters, listed_swindles, offers] = figures();
    assert_eq!((lists, letters, listed_swindles), (0, 0, 20));
    assert!(offers >= 18, "{offers}: what was taught is not learned");
}

#[test]
fn where_both_kinds_come_by_one_server_the_relay_counts_but_makes_no_verdict() {
    let [lists, _, offers, _, listed_swindles] = KINDS;
    let vague = kind("vague", RELAY, "office", COMMON, false);
    let scores = [None, Some("mx.example.net")].map(|server| {
        let by = |server, kind: Kind| Kind { server, ..kind };
        let workspace = Workspace::new(0);
        by(server, lists).write(&workspace, "taught-ham", 0..60);
        by(server, offers).write(&workspace, "taught-spam", 0..60);
        by(server, vague).write(&workspace, "vague", 100..120);
        by(Some("mx.example.com"), vague).write(&workspace, "by-another", 100..120);
        by(server, listed_swindles).write(&workspace, "swindles", 100..120);
        workspace.run(
            &["train", "--ham", "taught-ham", "--spam", "taught-spam"],
            0,
        );
        let spam = ["vague", "by-another", "swindles"].map(|it| called_spam(&workspace, it));
        assert_eq!(spam, [0, 0, 20], "{server:?}");
        ["vague", "by-another"].map(|folder| mean_score(&workspace, folder))
    });
    let [[one_way, _], [both_ways, by_another]] = scores;
    assert!(both_ways > one_way + 1.5, "{scores:?}");
    assert!(by_another < one_way + 0.5, "{scores:?}");
}
