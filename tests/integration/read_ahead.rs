//! Reading ahead: random sessions with and without it, and scripted servers.

use std::time::Duration;

use fastrand::Rng;
use popgate::metrics::ReadAheadOutcome;
use popgate::session::exchange::{Event, LoginBy};

use crate::fuzz::exchange_driver::{Driven, PLAIN, Setup};
use crate::fuzz::test_setup::ham_only;

/// Number of random sessions, each with its own seed.
const CASES: u64 = 2_000;

#[test]
fn random_sessions_are_the_same_with_and_without_it() {
    let mut ahead = 0;
    for seed in 0..CASES {
        let mut rng = Rng::with_seed(seed);
        let data: Vec<u8> = (0..rng.usize(..400)).map(|_| rng.u8(..)).collect();
        // A panic does not say which session it was.
        let ran = std::panic::catch_unwind(|| crate::fuzz::read_ahead::compare(&data));
        match ran {
            Ok(messages) => ahead += messages,
            Err(_) => panic!("seed {seed}: {data:?}"),
        }
    }
    // Sessions in which nothing is read ahead prove nothing.
    assert!(ahead > 1_500, "{ahead} messages were read ahead");
}

/// What one read returns.
const READ: usize = 64 << 10;
/// What a session may keep: the bound, and what is read at once.
const MOST: usize = (1 << 20) + 2 * READ;

/// A session that has fetched two messages of a hundred, and the octets that its server owes.
struct Fetching {
    driven: Driven,
    owed: Vec<u8>,
    /// What the server has sent so far.
    sent: usize,
    average: usize,
}

impl Fetching {
    /// Messages from the third on have so many octets. With `is_listed`, the client has asked for their sizes.
    fn new(octets: usize, is_listed: bool) -> Self {
        let mut fetching = Self::logged_in(octets, 1000);
        if is_listed {
            fetching.client("LIST", octets);
        }
        fetching.client("RETR 1", octets);
        fetching.client("RETR 2", octets);
        fetching
    }

    /// STAT says that messages have so many octets on average.
    fn logged_in(octets: usize, average: usize) -> Self {
        let setup = Setup {
            read_ahead: 8,
            ..ham_only().clone()
        };
        let mut fetching = Self {
            driven: Driven::new(&setup, LoginBy::Client, PLAIN),
            owed: b"+OK ready\r\n".to_vec(),
            sent: 0,
            average,
        };
        // Before PIPELINING is announced, LIST is not asked for together with STAT.
        for line in ["USER a", "PASS b", "STAT", "CAPA"] {
            fetching.client(line, octets);
        }
        fetching
    }

    fn client(&mut self, line: &str, octets: usize) {
        self.deliver(octets, usize::MAX);
        self.driven.client_sends(format!("{line}\r\n").as_bytes());
        self.deliver(octets, usize::MAX);
    }

    /// The server answers, and its octets are read as long as anybody wants them, up to so many.
    fn deliver(&mut self, octets: usize, most: usize) {
        let until = self.sent.saturating_add(most);
        loop {
            while let Some(line) = self.driven.upstream_line() {
                let line = String::from_utf8(line.to_vec()).unwrap();
                let answer = answer(line.trim_end(), octets, self.average);
                self.owed.extend(answer);
            }
            let is_read = self.driven.reads_upstream() || self.driven.is_connecting();
            if self.owed.is_empty() || !is_read || self.sent >= until {
                return;
            }
            let piece: Vec<u8> = self.owed.drain(..self.owed.len().min(READ)).collect();
            self.sent += piece.len();
            self.driven.upstream_sends(&piece);
        }
    }

    fn count(&self, wanted: ReadAheadOutcome) -> usize {
        let counts = self.driven.events.iter().map(|event| match event {
            Event::ReadAhead(outcome, messages) if *outcome == wanted => *messages,
            _ => 0,
        });
        counts.sum()
    }
}

fn answer(line: &str, octets: usize, average: usize) -> Vec<u8> {
    match line.split(' ').collect::<Vec<_>>().as_slice() {
        ["CAPA"] => b"+OK\r\nPIPELINING\r\n.\r\n".to_vec(),
        ["STAT"] => format!("+OK 100 {}\r\n", 100 * average).into_bytes(),
        ["LIST"] => {
            let rows: String = (3..=100).map(|it| format!("{it} {octets}\r\n")).collect();
            format!("+OK\r\n1 20\r\n2 20\r\n{rows}.\r\n").into_bytes()
        }
        ["RETR", "1" | "2"] => b"+OK\r\nSubject: a\r\n\r\nb\r\n.\r\n".to_vec(),
        ["RETR", _] => message(octets),
        _ => b"+OK\r\n".to_vec(),
    }
}

fn message(octets: usize) -> Vec<u8> {
    let mut text = b"+OK\r\nSubject: a\r\n\r\n".to_vec();
    while text.len() < octets {
        text.extend_from_slice(
            b"0123456789012345678901234567890123456789012345678901234567890123456789\r\n",
        );
    }
    text.extend_from_slice(b".\r\n");
    text
}

#[test]
fn a_message_of_ten_megabytes_is_not_read_until_the_client_asks_for_it() {
    let octets = 10 << 20;
    let mut fetching = Fetching::new(octets, false);
    assert!(!fetching.owed.is_empty());
    let in_memory = fetching.driven.octets_in_memory();
    assert!((512 << 10..MOST).contains(&in_memory), "{in_memory}");
    // For minutes nothing changes: it is the client that takes its time.
    fetching.driven.pass_time_unread(Duration::from_secs(400));
    fetching.deliver(octets, usize::MAX);
    assert_eq!(fetching.driven.octets_in_memory(), in_memory);
    fetching.driven.to_client.clear();
    fetching.client("RETR 3", octets);
    assert!(fetching.driven.to_client == message(octets), "it streams");
    assert_eq!(fetching.count(ReadAheadOutcome::Unused), 0);
}

#[test]
fn messages_that_fit_are_kept_up_to_the_bound() {
    let octets = 300 << 10;
    let mut fetching = Fetching::new(octets, false);
    let in_memory = fetching.driven.octets_in_memory();
    assert!((900 << 10..MOST).contains(&in_memory), "{in_memory}");
    for number in 3..=40 {
        fetching.driven.to_client.clear();
        fetching.client(&format!("RETR {number}"), octets);
        assert!(fetching.driven.to_client == message(octets), "{number}");
        let in_memory = fetching.driven.octets_in_memory();
        assert!(in_memory < MOST, "{number}: {in_memory}");
    }
    assert_eq!(fetching.count(ReadAheadOutcome::Used), 38);
}

/// Of messages whose sizes are known no more are asked for than fit.
#[test]
fn what_does_not_fit_is_not_asked_for_if_the_client_has_listed_it() {
    let sent = |octets| Fetching::new(octets, true).sent;
    let before = sent(513 << 10);
    assert!(before < 10_000, "{before} octets were sent");
    let three = sent(300 << 10) / (300 << 10);
    assert_eq!(three, 3);
    let eight = sent(10_000) / 10_000;
    assert_eq!(eight, 8);
}

/// Where they are not, what STAT says of them on average counts.
#[test]
fn few_long_messages_are_asked_for_if_the_client_has_not_listed_them() {
    let sent = |octets| {
        let mut fetching = Fetching::logged_in(octets, octets);
        fetching.client("RETR 1", octets);
        fetching.client("RETR 2", octets);
        (fetching.sent + fetching.owed.len()) / octets
    };
    assert_eq!([513, 300, 100, 10].map(|it| sent(it << 10)), [0, 3, 8, 8]);
}

#[test]
fn nothing_more_is_asked_for_while_memory_is_short() {
    let octets = 10_000;
    let mut fetching = Fetching::new(octets, true);
    fetching.driven.set_memory_is_plentiful(false);
    let before = fetching.sent;
    for number in 3..=10 {
        fetching.client(&format!("RETR {number}"), octets);
    }
    assert_eq!(fetching.sent, before);
    assert_eq!(fetching.count(ReadAheadOutcome::Used), 8);
    fetching.client("RETR 11", octets);
    assert!(fetching.sent > before);
}

#[test]
fn quit_waits_for_little_unless_deletions_depend_on_it() {
    let octets = 10 << 20;
    let mut fetching = Fetching::new(octets, false);
    let before = fetching.sent;
    fetching.driven.to_client.clear();
    fetching.client("QUIT", octets);
    assert_eq!(fetching.driven.to_client, b"+OK\r\n");
    assert_eq!(fetching.driven.ended, Some(Ok("quit")));
    let drained = fetching.sent - before;
    assert!(drained <= (256 << 10) + READ, "{drained}");
    assert_eq!(fetching.count(ReadAheadOutcome::Unused), 8);

    // What is short is read to its end, and the server answers.
    let mut fetching = Fetching::new(10_000, true);
    fetching.client("QUIT", 10_000);
    assert!(fetching.owed.is_empty());
    assert_eq!(fetching.driven.ended, Some(Ok("quit")));
    fetching.driven.assert_octets_add_up();

    // DELE is the server's, and takes effect with its QUIT alone.
    let mut fetching = Fetching::logged_in(octets, 1000);
    for line in ["RETR 1", "DELE 1", "RETR 2"] {
        fetching.client(line, octets);
    }
    assert!(!fetching.owed.is_empty());
    fetching.driven.to_client.clear();
    fetching.client("QUIT", octets);
    assert!(fetching.owed.is_empty(), "the server has got QUIT");
    assert_eq!(fetching.driven.to_client, b"+OK\r\n");
    fetching.driven.assert_octets_add_up();
}

/// Neither what is not read for lack of room, nor half of a message whose server hangs, is a failure of the server.
#[test]
fn a_silent_client_ends_the_session_within_a_message_that_was_read_ahead() {
    for octets in [10 << 20, 300 << 10] {
        let mut fetching = Fetching::logged_in(octets, 1000);
        fetching.client("RETR 1", octets);
        fetching.driven.client_sends(b"RETR 2\r\n");
        fetching.deliver(octets, 200 << 10);
        assert!(!fetching.owed.is_empty());
        fetching.driven.pass_time_unread(Duration::from_secs(3600));
        assert_eq!(fetching.driven.ended, Some(Ok("idle_timeout")), "{octets}");
        assert!(fetching.count(ReadAheadOutcome::Unused) > 0);
    }
}
