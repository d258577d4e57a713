//! What earlier sessions have left: the unique-ids of the mailbox, and what is remembered of its messages.
//!
//! In: the upstream's answer to UIDL, which popgate asks for itself before the client's first command about messages,
//! and what the driver has looked up; out: a mailbox view with hidden messages and entries of popgate's own, and
//! decisions that need no second judgement.
//!
//! A server without UIDL, or with ids that cannot be read, has no memory beyond the session (RFC 1939 section 7: UIDL is
//! optional). Without a store nothing is asked for.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::action::{Action, RecallRequest};
use super::event::{Event, UidlTrouble};
use super::mailbox_view::Listing;
use super::pending::{Expected, Loading, Pending, Response};
use super::phase::Phase;
use super::recall_state::{Asked, Asks, Discards, Recall, Recalled};
use super::state::Exchange;
use super::verdicts::{Known, Loaded};
use crate::message::header::fields;
use crate::pop3::{Command, MessageNumber, Uidl, UidlListing, UpstreamNumber};

/// A server that takes so long for UIDL is not asked again.
const SLOW: Duration = Duration::from_secs(5);

impl Exchange<'_> {
    /// Asks for the unique-ids if the client's next command is the first about messages.
    pub(super) fn ask_unique_ids(&mut self) {
        let has_line = self.client.buffer.contains(&b'\n');
        let recall = self.phase.transaction().map(|it| &it.recall);
        let is_asked = !matches!(recall, Some(Recall::Unasked(_)));
        if is_asked || !self.pending.is_empty() || self.ending.is_some() || !has_line {
            return;
        }
        if self.must_recall_before(&Command::parse(self.client.first_line())) {
            let has_told = match self.phase.transaction().map(|it| &it.recall) {
                Some(Recall::Unasked(Asks::WithClient { has_told })) => *has_told,
                _ => false,
            };
            let at = self.now;
            self.set_recall(Recall::Asked(Asked { at, has_told }));
            self.push_up(b"UIDL");
            self.push_pending(Pending::UniqueIds(UidlListing::default()));
        }
    }

    /// Whether the command waits until it is known what is remembered.
    pub(super) fn must_recall_before(&self, command: &Command) -> bool {
        match self.phase.transaction().map(|it| &it.recall) {
            Some(Recall::Unasked(Asks::First)) => command.is_about_messages(),
            Some(Recall::Unasked(Asks::WithClient { .. })) => matches!(command, Command::Uidl(_)),
            Some(Recall::Asked(_) | Recall::Sizes(_) | Recall::Prefetching(_)) => true,
            _ => false,
        }
    }

    /// A command goes up that tells the client numbers.
    pub(super) fn note_numbers_told<N>(&mut self, command: &Command<N>) {
        if command.is_about_messages()
            && let Phase::Transaction(transaction) = &mut self.phase
            && let Recall::Unasked(Asks::WithClient { has_told }) = &mut transaction.recall
        {
            *has_told = true;
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
        let took = self.now.saturating_duration_since(self.turn);
        if took >= SLOW {
            self.event(Event::UidlUnwanted(UidlTrouble::Slow));
        }
        match self.pending.front_mut() {
            Some(Pending::UniqueIds(ids)) if ids.is_usable() => {
                self.response = Response::Recalling(Some(Box::new(std::mem::take(ids))));
            }
            _ => self.no_unique_ids(),
        }
    }

    /// The upstream has no UIDL.
    pub(super) fn unique_ids_refused(&mut self) {
        self.event(Event::UidlUnwanted(UidlTrouble::Refused));
        self.no_unique_ids();
    }

    /// There are no unique-ids that can be read.
    fn no_unique_ids(&mut self) {
        self.set_recall(Recall::Off);
        self.answered();
    }

    /// What the driver is asked to read, once.
    pub(super) fn store_request(&mut self) -> Option<Action> {
        match &mut self.response {
            Response::Recalling(ids) => {
                let ids = *ids.take()?;
                Some(Action::Recall(RecallRequest { ids }))
            }
            Response::Loading(loading) => loading.request.take().map(Action::Load),
            Response::OwnMessage(fetched) => fetched.request.take().map(Action::ReadOwn),
            _ => None,
        }
    }

    /// What is remembered of the messages with these ids, which are [finished](UidlListing::finish); `None` if that cannot
    /// be known now.
    pub fn recalled(&mut self, recalled: Option<(UidlListing, Recalled)>, now: Instant) {
        self.resume(now);
        if !matches!(self.response, Response::Recalling(_)) {
            return;
        }
        if let Phase::Transaction(it) = &mut self.phase {
            it.recall = match (recalled, &it.recall) {
                (Some((ids, recalled)), Recall::Asked(asked)) => {
                    Recall::apply(ids, recalled, *asked, &mut it.view, &mut it.verdicts)
                }
                _ => Recall::Off,
            };
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
            && let Recall::Sizes(sizes) = &mut transaction.recall
        {
            sizes.note(UpstreamNumber(number), octets);
        }
    }

    /// The sizes are known, or the upstream does not tell them.
    pub(super) fn sizes_complete(&mut self) {
        if let Phase::Transaction(transaction) = &mut self.phase
            && let Recall::Sizes(sizes) = std::mem::take(&mut transaction.recall)
        {
            let mut listed = sizes.finish(&mut transaction.view, &mut transaction.verdicts);
            transaction.discards = Discards::new(std::mem::take(&mut listed.discarded));
            self.begin_prefetch(listed);
        }
        self.answered();
    }

    /// The decision on a message that earlier sessions have made.
    pub fn loaded(&mut self, loaded: Loaded, now: Instant) {
        self.resume(now);
        let Response::Loading(loading) = std::mem::replace(&mut self.response, Response::Status)
        else {
            return;
        };
        let Loading {
            retrieval,
            message,
            digest,
            status,
            ..
        } = *loading;
        let expected = match loaded {
            Loaded::Decision(decision) => Some(Box::new(Expected { digest, decision })),
            Loaded::Outdated => {
                self.forget_recalled(message, Known::Outdated);
                None
            }
            Loaded::Unreadable => {
                self.forget_recalled(message, Known::No);
                None
            }
        };
        self.response = self.hold(retrieval, status, expected);
    }

    /// While a decision is loaded: the last message before it that has one, and the next ones.
    pub fn stored_beside(&self, most: usize) -> (Option<Uidl>, Vec<Uidl>) {
        let (Response::Loading(loading), Some(transaction)) =
            (&self.response, self.phase.transaction())
        else {
            return (None, Vec::new());
        };
        let (last, next) = transaction.verdicts.stored_beside(loading.message, most);
        let next = next.into_iter().filter_map(|it| self.uidl(Some(it)));
        (last.and_then(|it| self.uidl(Some(it))), next.collect())
    }

    /// What was remembered of a message is not true of it.
    pub(super) fn forget_recalled(&mut self, message: UpstreamNumber, known: Known) {
        if let Phase::Transaction(transaction) = &mut self.phase {
            transaction.verdicts.set_recalled(message, known);
            transaction.view.grow(message, 0);
        }
    }

    /// Some servers write the unique-ids into the messages once they are asked for: those are not asked again unless the
    /// client asks.
    pub(super) fn note_written_id(&mut self, message: Option<UpstreamNumber>, wire: &[u8]) {
        let Some(uidl) = self.uidl(message) else {
            return;
        };
        let is_written = fields(wire)
            .any(|it| it.is(wire, "X-UIDL") && wire[it.value].trim_ascii() == uidl.octets());
        if let Phase::Transaction(transaction) = &mut self.phase
            && is_written
            && !std::mem::replace(&mut transaction.writes_uidl, true)
        {
            self.event(Event::UidlUnwanted(UidlTrouble::Written));
        }
    }

    /// Octets in memory of what is remembered.
    pub(super) fn recalled_octets(&self) -> usize {
        let listing = match self.pending.front() {
            Some(Pending::UniqueIds(ids)) => ids.octets(),
            _ => 0,
        };
        let transaction = self.phase.transaction();
        let known = transaction.map(|it| {
            it.recall.octets()
                + it.verdicts.recalled_octets()
                + it.spooled.octets_in_memory()
                + it.ahead.octets_in_memory()
                + it.listing_answers.octets()
        });
        listing + known.unwrap_or(0)
    }

    /// The unique-id of a message, if the store may have to be told of it.
    pub(super) fn uidl(&self, message: Option<UpstreamNumber>) -> Option<Uidl> {
        match &self.phase.transaction()?.recall {
            Recall::Done(ids) => ids.uidl(message?),
            Recall::Prefetching(prefetch) => prefetch.ids.uidl(message?),
            _ => None,
        }
    }

    pub(super) fn set_recall(&mut self, recall: Recall) {
        if let Phase::Transaction(transaction) = &mut self.phase {
            transaction.recall = recall;
        }
    }

    /// Adds the rows of popgate's own entries at the end of a listing.
    pub(super) fn add_own_rows(&mut self, listing: Listing) {
        let rows: String = self.own_rows(listing).collect();
        self.output.add(Bytes::from(rows));
    }

    /// The rows of popgate's own entries in a listing, with their line ends.
    pub(super) fn own_rows(&self, listing: Listing) -> impl Iterator<Item = String> {
        let view = self.phase.transaction().map(|it| &it.view);
        let own = view.and_then(|view| Some((view, view.own()?)));
        own.into_iter().flat_map(move |(view, own)| {
            let lines = own
                .places()
                .filter_map(move |place| view.own_line(place, listing));
            lines.map(|line| line + "\r\n")
        })
    }
}
