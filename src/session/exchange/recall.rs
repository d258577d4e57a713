//! What earlier sessions have left: the unique-ids of the mailbox, and what is remembered of its messages.
//!
//! In: the upstream's answer to UIDL, which popgate asks for itself before the client's first command about messages,
//! and what the driver has looked up; out: a mailbox view with hidden messages and entries of popgate's own, and
//! decisions that need no second judgement.
//!
//! A server without UIDL, or with ids that cannot be read, has no memory beyond the session (RFC 1939 section 7: UIDL is
//! optional). Without a store nothing is asked for.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::action::{Action, RecallRequest};
use super::mailbox_view::Listing;
use super::pending::{Pending, Response};
use super::phase::Phase;
use super::recall_state::{Recall, Recalled};
use super::state::Exchange;
use super::verdicts::Stored;
use crate::pop3::{Command, MessageNumber, Uidl, UidlListing, UpstreamNumber};

impl Exchange<'_> {
    /// Asks for the unique-ids if the client's next command is the first about messages.
    pub(super) fn ask_unique_ids(&mut self) {
        let has_line = self.client.buffer.contains(&b'\n');
        if !self.pending.is_empty() || self.ending.is_some() || !has_line {
            return;
        }
        if self.must_recall_before(&Command::parse(self.client.first_line())) {
            self.set_recall(Recall::Asked);
            self.push_up(b"UIDL");
            self.push_pending(Pending::UniqueIds(UidlListing::default()));
        }
    }

    /// Whether the command waits until it is known what is remembered.
    pub(super) fn must_recall_before(&self, command: &Command) -> bool {
        match self.phase.transaction().map(|it| &it.recall) {
            Some(Recall::Unasked) => command.is_about_messages(),
            Some(Recall::Asked | Recall::Sizes(_)) => true,
            _ => false,
        }
    }

    /// A row of the answer to UIDL.
    pub(super) fn note_unique_id(&mut self, row: &[u8]) {
        if let Some(Pending::UniqueIds(ids)) = self.pending.front_mut() {
            ids.add(row);
        }
    }

    /// The answer to UIDL is complete.
    pub(super) fn unique_ids_complete(&mut self) {
        let ids = match self.pending.front_mut() {
            Some(Pending::UniqueIds(ids)) => std::mem::take(ids).finish(),
            _ => None,
        };
        match ids {
            Some(ids) => self.response = Response::Recalling(Some(Arc::new(ids))),
            None => self.no_unique_ids(),
        }
    }

    /// The upstream has no UIDL, or none that can be read.
    pub(super) fn no_unique_ids(&mut self) {
        self.set_recall(Recall::Off);
        self.answered();
    }

    /// What the driver is asked to read, once.
    pub(super) fn store_request(&mut self) -> Option<Action> {
        match &mut self.response {
            Response::Recalling(ids) => {
                let ids = ids.take()?;
                Some(Action::Recall(RecallRequest { ids }))
            }
            Response::Loading(loading) => loading.request.take().map(Action::Load),
            Response::OwnMessage(fetched) => fetched.request.take().map(Action::ReadOwn),
            _ => None,
        }
    }

    /// What is remembered of the messages with these ids; `None` if that cannot be known now.
    pub fn recalled(&mut self, ids: Arc<UidlListing>, recalled: Option<Recalled>, now: Instant) {
        self.now = now;
        if let Some(upstream) = &mut self.upstream {
            upstream.owes_since(now);
        }
        if !matches!(self.response, Response::Recalling(_)) {
            return;
        }
        let recalled = recalled.unwrap_or_default();
        let ids = Arc::unwrap_or_clone(ids);
        match &mut self.phase {
            Phase::Transaction(it) => {
                it.recall = Recall::apply(ids, recalled, &mut it.view, &mut it.verdicts);
            }
            Phase::Authorization { .. } => {}
        }
        self.answered();
        let recall = self.phase.transaction().map(|it| &it.recall);
        if matches!(recall, Some(Recall::Sizes(_))) {
            self.push_up(b"LIST");
            self.push_pending(Pending::HiddenSizes);
        }
    }

    /// A row of the answer to LIST that popgate has asked for.
    pub(super) fn note_size(&mut self, row: &[u8]) {
        let mut words = row
            .split(|octet| *octet == b' ')
            .filter(|word| !word.is_empty());
        let number = words.next().and_then(MessageNumber::parse);
        let octets = words.next().and_then(|word| std::str::from_utf8(word).ok());
        let (Some(number), Some(octets)) = (number, octets.and_then(|text| text.parse().ok()))
        else {
            return;
        };
        if let Phase::Transaction(transaction) = &mut self.phase
            && let Recall::Sizes(hidden) = &transaction.recall
            && hidden
                .messages
                .binary_search(&UpstreamNumber(number))
                .is_ok()
        {
            transaction.view.hide(UpstreamNumber(number), octets);
        }
    }

    /// The sizes are known, or the upstream does not tell them.
    pub(super) fn sizes_complete(&mut self) {
        if let Phase::Transaction(transaction) = &mut self.phase
            && let Recall::Sizes(hidden) = std::mem::take(&mut transaction.recall)
        {
            transaction.recall = Recall::Done(Box::new(hidden.ids));
        }
        self.answered();
    }

    /// The decision on a message that earlier sessions have made; `None` if it cannot be read now.
    pub fn loaded(&mut self, stored: Option<Stored>, now: Instant) {
        self.now = now;
        if let Some(upstream) = &mut self.upstream {
            upstream.owes_since(now);
        }
        let Response::Loading(loading) = std::mem::replace(&mut self.response, Response::Status)
        else {
            return;
        };
        if let Phase::Transaction(transaction) = &mut self.phase {
            transaction.verdicts.load(loading.message, stored);
        }
        self.begin_retrieval(&loading.command, loading.status);
    }

    /// The unique-id of a message, if the store may have to be told of it.
    pub(super) fn uidl(&self, message: Option<UpstreamNumber>) -> Option<Uidl> {
        match &self.phase.transaction()?.recall {
            Recall::Done(ids) => ids.uidl(message?),
            _ => None,
        }
    }

    /// Nothing is recalled in this session.
    pub(super) fn forget_mailbox(&mut self) {
        self.set_recall(Recall::Off);
    }

    fn set_recall(&mut self, recall: Recall) {
        if let Phase::Transaction(transaction) = &mut self.phase {
            transaction.recall = recall;
        }
    }

    /// Adds the rows of popgate's own entries at the end of a listing.
    pub(super) fn add_own_rows(&mut self, listing: Listing) {
        let Some(transaction) = self.phase.transaction() else {
            return;
        };
        let view = &transaction.view;
        let Some(own) = view.own() else { return };
        let rows = own
            .places()
            .filter_map(|place| view.own_line(place, listing));
        let rows: String = rows.map(|row| row + "\r\n").collect();
        self.output.add(Bytes::from(rows));
    }
}
