//! What a mark adds to a message.
//!
//! In: a verdict and the settings; out: header fields and the mark before the subject. If this text is stored, the
//! message gets the same octets again even after the settings change.

use std::sync::Arc;

use bytes::Bytes;

use super::spam_headers::{self, Mark};
use crate::config::HeaderMode;
use crate::filter::{VIRUS, Verdict, virus_mark};
use crate::pop3::dot;

/// The rewriting settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkStyle {
    /// Which messages get X-Spam headers.
    pub headers: HeaderMode,
    /// The prefix of a spam's subject; empty = none.
    pub subject_mark: String,
    /// Where the console is reached, without a slash at the end: the report links to the message's page there.
    pub console: Option<Arc<str>>,
}

/// The text of a mark; see the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MarkText {
    /// Fields for the top of the header, with CRLF line ends and dot-stuffed. If there are any, the message's own
    /// fields of these names are removed.
    pub fields: Bytes,
    /// The mark before the subject; empty = none.
    pub subject_mark: Box<str>,
}

impl MarkText {
    /// The text for a mark; `id` is the message's X-Popgate-Id.
    pub fn new(mark: &Mark<'_>, id: &str, style: &MarkStyle) -> Self {
        let has_fields = match (mark, style.headers) {
            (_, HeaderMode::Never) => false,
            (Mark::Ham(verdict), HeaderMode::Spam) => verdict.partial.is_some(),
            (Mark::Spam(_) | Mark::Unscanned(_), HeaderMode::Spam) | (_, HeaderMode::Always) => {
                true
            }
        };
        let fields = match has_fields {
            true => Bytes::from(
                dot::stuff(&spam_headers::block(mark, id, style.console.as_deref())).into_owned(),
            ),
            false => Bytes::new(),
        };
        let subject_mark = match mark {
            Mark::Spam(verdict) => subject_mark(verdict, style),
            Mark::Ham(_) | Mark::Unscanned(_) => Box::default(),
        };
        Self {
            fields,
            subject_mark,
        }
    }

    /// Whether it leaves the message unchanged.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.subject_mark.is_empty()
    }

    /// The octets it takes in memory.
    pub fn octets(&self) -> usize {
        size_of::<Self>() + self.fields.len() + self.subject_mark.len()
    }
}

/// The configured mark, or the name of the virus; none if no mark is configured.
fn subject_mark(verdict: &Verdict, style: &MarkStyle) -> Box<str> {
    let virus = verdict.hits.iter().find(|hit| *hit.rule == *VIRUS);
    match virus.filter(|_| !style.subject_mark.is_empty()) {
        Some(virus) => virus_mark(&virus.text).into(),
        None => style.subject_mark.as_str().into(),
    }
}
