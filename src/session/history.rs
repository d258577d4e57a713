//! What the history keeps of a delivered message: a row, and a message of its sender.
//!
//! In: a verdict with its note, and what `data.history` says; out: changes for the store. With `hashed` sender and subject
//! leave this file as keyed hashes only.

use std::sync::Arc;

use bytes::Bytes;

use crate::config::HistoryMode;
use crate::filter::known_senders::SenderNames;
use crate::filter::{Action, KeptNote, Noted, Verdict};
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;
use crate::store::records::{
    Change, HistoryRow, Label, PopgateId, RuleScore, SenderSeen, Timestamp,
};

/// How the history is kept.
#[derive(Debug, Clone)]
pub struct History {
    mode: HistoryMode,
    names: SenderNames,
}

/// A message that a client has got.
pub(super) struct Delivered<'d> {
    pub(super) mailbox: &'d MailboxId,
    pub(super) uidl: &'d Uidl,
    pub(super) id: &'d PopgateId,
    pub(super) verdict: &'d Verdict,
    pub(super) at: Timestamp,
}

impl History {
    /// `names` are those of the mode `hashed`.
    pub fn new(mode: HistoryMode, names: SenderNames) -> Self {
        Self { mode, names }
    }

    /// Whether there is one.
    pub(super) fn is_kept(&self) -> bool {
        self.mode != HistoryMode::Off
    }

    /// How senders are named, if they are known.
    pub(super) fn names(&self) -> Option<SenderNames> {
        self.is_kept().then(|| self.names.clone())
    }

    /// What the store is told of a message, which has a record.
    pub(super) fn changes(&self, delivered: &Delivered<'_>) -> Vec<Change> {
        match &delivered.verdict.noted {
            Some(noted) if self.is_kept() => {
                let row = self.row(delivered, noted);
                let seen = self.seen(delivered, noted).map(Change::SenderSeen);
                let checked = noted.checked_by.clone();
                let checked = checked.map(|observed| Change::SenderChecked {
                    mailbox: delivered.mailbox.clone(),
                    observed,
                });
                let row = Change::Recorded(Box::new(row));
                seen.into_iter().chain([row]).chain(checked).collect()
            }
            _ => Vec::new(),
        }
    }

    fn seen(&self, delivered: &Delivered<'_>, noted: &Noted) -> Option<SenderSeen> {
        let address = self.names.of(noted.address.as_deref()?);
        Some(SenderSeen {
            mailbox: delivered.mailbox.clone(),
            uidl: delivered.uidl.clone(),
            address: address.into(),
            authenticated: noted.is_authenticated,
            label: Some(match delivered.verdict.action {
                Action::Pass => Label::Ham,
                Action::Tag | Action::Drop => Label::Spam,
            }),
            at: delivered.at,
        })
    }

    fn row(&self, delivered: &Delivered<'_>, noted: &Noted) -> HistoryRow {
        let verdict = delivered.verdict;
        let note = KeptNote {
            sender: noted.address.as_deref().map(|it| self.names.of(it)),
            is_authenticated: noted.is_authenticated,
            lesson: noted.lesson.clone(),
        };
        let hits = verdict.hits.iter().map(|hit| RuleScore {
            rule: Arc::clone(&hit.rule),
            score: hit.score,
        });
        let keeps_subjects = self.mode != HistoryMode::NoSubjects;
        let subject = noted.subject.as_deref().filter(|_| keeps_subjects);
        let from = match (self.mode, &noted.address) {
            // The name beside an address would tell one message of a sender from another.
            (HistoryMode::Hashed, Some(address)) => self.names.of(address),
            _ => self.names.text(&noted.from),
        };
        HistoryRow {
            id: delivered.id.clone(),
            mailbox: delivered.mailbox.clone(),
            uidl: Some(delivered.uidl.clone()),
            time: delivered.at,
            from: Some(from.into()),
            subject: subject.map(|subject| self.names.text(subject).into()),
            score: Some(verdict.score),
            action: verdict.action,
            hits: hits.collect(),
            features: Bytes::from(note.write()),
            correction: None,
        }
    }
}
