//! The result of a sample that was fetched through the proxy.
//!
//! In: a sample and the message fetched; out: whether it was tagged, why, and whether it is the original after
//! the declared edits are taken out.

use super::client::Fetched;
use super::mail::{Expected, Sample};

/// The result for one message.
#[derive(Debug)]
pub struct Delivery {
    /// The sample.
    pub sample: Sample,
    /// The message fetched.
    pub fetched: Fetched,
    /// The report that popgate wrote into it, line by line; empty for ham.
    pub report: Vec<String>,
    /// The score that popgate wrote into it.
    pub score: Option<String>,
    /// Whether it is the original after the declared edits are taken out.
    pub intact: bool,
}

impl Delivery {
    /// Compares the fetched message with the sample.
    pub fn of(sample: Sample, fetched: Fetched) -> Self {
        let (inserted, rest) = split_inserted(&fetched.message);
        let inserted = String::from_utf8_lossy(inserted).into_owned();
        let report = inserted
            .lines()
            .filter_map(|line| line.strip_prefix("\t*"))
            .map(|line| line.trim_end().to_owned());
        let report = report.collect();
        let score = inserted
            .split_once("score=")
            .and_then(|(_, rest)| rest.split_once(' '));
        let score = score.map(|(score, _)| score.to_owned());
        let intact = match inserted.is_empty() {
            true => rest == sample.bytes,
            false => without_mark(rest) == sample.bytes,
        };
        Self {
            sample,
            fetched,
            report,
            score,
            intact,
        }
    }

    /// Whether it was tagged.
    pub fn is_tagged(&self) -> bool {
        self.score.is_some()
    }

    /// Whether the result is as expected.
    pub fn is_as_expected(&self) -> bool {
        self.intact && self.is_tagged() == (self.sample.expected == Expected::Spam)
    }
}

/// The block of popgate's own fields at the top, and what follows.
fn split_inserted(message: &[u8]) -> (&[u8], &[u8]) {
    const OURS: [&[u8]; 2] = [b"X-Popgate-", b"X-Spam-"];
    let mut end = 0;
    for line in message.split_inclusive(|&byte| byte == b'\n') {
        let ours = OURS.iter().any(|name| line.starts_with(name));
        let folded = end > 0 && line.starts_with(b"\t");
        if !ours && !folded {
            break;
        }
        end += line.len();
    }
    message.split_at(end)
}

/// Takes the mark in front of the first subject out.
fn without_mark(message: &[u8]) -> Vec<u8> {
    const MARK: &[u8] = b"[SPAM] ";
    match memchr::memmem::find(message, MARK) {
        Some(at) => [&message[..at], &message[at + MARK.len()..]].concat(),
        None => message.to_vec(),
    }
}
