//! No password stays in memory after a login: the memory of this process is searched for it.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use popgate::pop3::secret;
use popgate::rewrite::MarkStyle;
use popgate::session::exchange::{
    Action, Exchange, ExchangeConfig, HoldLimits, LoginBy, MessageId, UpstreamLogin,
};
use zeroize::{Zeroize, Zeroizing};

use crate::support::Settings;
use crate::support::exchange::PLAIN;

/// What a secret is kept as, so that the test itself is not found.
const MASK: u8 = 0x5a;

struct Masked(Vec<u8>);

impl Masked {
    /// Random letters, whose base64 is searched for as well.
    fn random() -> Self {
        let letters = (0..36).map(|_| fastrand::alphanumeric() as u8 ^ MASK);
        Self(letters.collect())
    }

    fn reveal(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.iter().map(|octet| octet ^ MASK).collect())
    }

    /// The middle of this text, masked: ends may depend on what is around it.
    fn middle(text: &[u8]) -> Self {
        Self(
            text[8..text.len() - 8]
                .iter()
                .map(|octet| octet ^ MASK)
                .collect(),
        )
    }

    /// How often it is in this process's memory.
    fn count(&self) -> usize {
        let mut maps = String::new();
        File::open("/proc/self/maps")
            .unwrap()
            .read_to_string(&mut maps)
            .unwrap();
        let memory = File::open("/proc/self/mem").unwrap();
        let mut piece = vec![0; 1 << 20];
        let mut found = 0;
        for line in maps.lines().filter(|line| line.contains(" rw")) {
            let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
            let number = |hex| u64::from_str_radix(hex, 16).unwrap();
            let (mut at, end) = (number(from), number(to));
            while at < end {
                let most = piece.len().min(usize::try_from(end - at).unwrap());
                // A mapping may be gone by now.
                let read = memory.read_at(&mut piece[..most], at).unwrap_or(0);
                found += self.count_in(&piece[..read]);
                if read < piece.len() {
                    break;
                }
                at += (read - self.0.len()) as u64;
            }
        }
        piece.zeroize();
        found
    }

    fn count_in(&self, piece: &[u8]) -> usize {
        let first = self.0[0] ^ MASK;
        memchr::memchr_iter(first, piece)
            .filter(|&at| {
                piece.get(at..at + self.0.len()).is_some_and(|found| {
                    found
                        .iter()
                        .zip(&self.0)
                        .all(|(octet, masked)| *octet ^ MASK == *masked)
                })
            })
            .count()
    }
}

/// A login of these lines through an exchange; the server answers each line in turn.
fn log_in(
    login_by: LoginBy,
    lines: &Zeroizing<Vec<u8>>,
    piece: usize,
    answers: &[&[u8]],
) -> Exchange<'static> {
    let settings = Settings::new(([127, 0, 0, 1], 110).into());
    let style = MarkStyle {
        headers: settings.headers,
        subject_mark: String::new(),
        console: None,
    };
    let config = ExchangeConfig {
        limits: Box::leak(Box::new(settings.limits)),
        timeouts: Box::leak(Box::new(settings.timeouts)),
        hold: HoldLimits {
            bytes: settings.hold_bytes,
            time: settings.hold_time,
        },
        prefetch: &crate::fuzz::test_setup::PREFETCH,
        style: Box::leak(Box::new(style)),
        quarantine_suffix: Box::leak(Box::new("+quarantine".to_owned())),
        judges: true,
        new_id: || MessageId {
            seconds: 0,
            random: 0,
        },
    };
    let now = Instant::now();
    let mut exchange = Exchange::new(config, login_by, PLAIN, now + settings.timeouts.login, now);
    let mut lines = lines.chunks(piece);
    let mut answers = answers.iter();
    let greeting = || BytesMut::from(&b"+OK hi\r\n"[..]);
    loop {
        match exchange.advance(now).unwrap() {
            Action::Wait(_) if exchange.is_logged_in() => return exchange,
            Action::Wait(_) => match lines.next() {
                Some(piece) => {
                    secret::append(exchange.client_buffer(), piece);
                    exchange.client_received(piece.len(), now);
                }
                None => {
                    let answer = answers.next().expect("one more answer");
                    exchange
                        .upstream_buffer()
                        .unwrap()
                        .extend_from_slice(answer);
                    exchange.upstream_received(answer.len(), now);
                }
            },
            Action::Connect => exchange.connected(greeting(), BytesMut::new(), None, now),
            Action::LogIn(request) => {
                let login = UpstreamLogin {
                    mechanism: request.mechanism,
                    user: request.user,
                    proof: request.proof,
                };
                exchange.connected(greeting(), BytesMut::new(), Some(login), now);
            }
            Action::Admit => exchange.admitted(Ok(())),
            Action::WriteUpstream => secret::wipe(&mut exchange.take_upstream_output()),
            Action::WriteClient => {
                let octets = exchange.client_output().len();
                exchange.client_output().advance(octets);
                exchange.client_written(None, now);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn no_password_stays_in_memory_after_a_login() {
    let password = Masked::random();
    // The test finds what is there.
    {
        let copy = password.reveal();
        assert!(password.count() > 0, "{} octets", copy.len());
    }
    assert_eq!(password.count(), 0);
    let in_base64 = {
        let text = Zeroizing::new([b"\0ann\0".as_slice(), &password.reveal()].concat());
        Zeroizing::new(STANDARD.encode(&*text).into_bytes())
    };
    let encoded = Masked::middle(&in_base64);
    let auth = Zeroizing::new([b"AUTH PLAIN ".as_slice(), &in_base64, b"\r\n"].concat());
    drop(in_base64);
    let user = {
        let password = password.reveal();
        Zeroizing::new([b"USER ann\r\nPASS ".as_slice(), &password, b"\r\n"].concat())
    };
    let mut kept = Vec::new();
    for piece in [1, 7, 1000] {
        let ok: &[u8] = b"+OK\r\n";
        kept.push(log_in(LoginBy::Client, &user, piece, &[ok, ok]));
        kept.push(log_in(LoginBy::Client, &auth, piece, &[ok]));
        kept.push(log_in(
            LoginBy::Popgate,
            &user,
            piece,
            &[b"-ERR\r\n", ok, ok],
        ));
        let plain: &[u8] = b"+OK\r\nSASL PLAIN\r\n.\r\n";
        kept.push(log_in(
            LoginBy::Popgate,
            &auth,
            piece,
            &[plain, b"+ \r\n", ok],
        ));
    }
    drop((user, auth));
    assert_eq!(password.count(), 0, "copies of the password");
    assert_eq!(encoded.count(), 0, "copies of the password in base64");
    drop(kept);
}
