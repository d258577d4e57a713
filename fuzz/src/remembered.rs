//! What a driven exchange remembers beyond its session, in place of a store.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use popgate::message::MessageDigest;
use popgate::pop3::{Uidl, UidlListing, UpstreamNumber};
use popgate::session::exchange::{
    DecidedMessage, DiscardReason, Loaded, OwnEntry, Recalled, RecalledMessage, Stored,
};

/// The mailbox's memory; its sessions may be driven one after another.
#[derive(Default, Debug, Clone)]
pub struct Remembered {
    /// By unique-id.
    pub messages: BTreeMap<Vec<u8>, RememberedMessage>,
    /// Entries of popgate's own, in their order.
    pub own: Vec<(OwnEntry, Bytes)>,
    /// What is in quarantine, in its order.
    pub held: Vec<(OwnEntry, Bytes)>,
    /// Whether a person may have corrected anything, and originals that are judged anew.
    pub may_be_corrected: bool,
    pub corrected: Vec<Vec<u8>>,
    /// Whether nothing can be looked up.
    pub fails: bool,
    /// Whether it is in hide mode.
    pub hides: bool,
    /// Messages that were judged, and that no client has got.
    pub undelivered: BTreeSet<Vec<u8>>,
    /// Whether unique-ids are asked for only when the client does.
    pub with_client: bool,
}

/// What is remembered of one message.
#[derive(Debug, Clone)]
pub struct RememberedMessage {
    pub decision: Stored,
    pub grown: i64,
    /// Of the message that it is about, and its size.
    pub digest: MessageDigest,
    pub octets: u64,
    pub is_hidden: bool,
    /// Whether it is hidden, and to be deleted.
    pub is_discarded: bool,
    /// Whether it is a notice whose original is in quarantine no longer.
    pub is_gone: bool,
}

impl Remembered {
    pub fn recall(&self, ids: &UidlListing) -> Option<Recalled> {
        let known = |id: &[u8]| match self.messages.get(id) {
            None => RecalledMessage::Unknown,
            Some(message) if message.is_discarded => {
                RecalledMessage::Discarded(message.octets, DiscardReason::Person)
            }
            Some(message) if message.is_hidden => RecalledMessage::Hidden(message.octets),
            Some(message) => match message.decision {
                Stored::Unchanged => RecalledMessage::Unchanged(message.digest),
                _ => RecalledMessage::Changed(message.grown, message.digest),
            },
        };
        (!self.fails).then(|| Recalled {
            messages: ids.ids().map(known).collect(),
            may_be_corrected: self.may_be_corrected,
            own: self.own.iter().map(|(entry, _)| entry.clone()).collect(),
            hides: self.hides,
            undelivered: ids
                .ids()
                .enumerate()
                .filter(|(_, id)| self.undelivered.contains(*id))
                .filter_map(|(place, _)| UpstreamNumber::at(place))
                .collect(),
        })
    }

    pub fn load(&self, uidl: &Uidl) -> Loaded {
        let message = self.messages.get(uidl.octets()).filter(|_| !self.fails);
        message.map_or(Loaded::Unreadable, |it| match it.is_gone {
            true => Loaded::Outdated,
            false => Loaded::Decision(it.decision.clone()),
        })
    }

    /// What a login to the quarantine shows.
    pub fn held(&self) -> Option<Vec<OwnEntry>> {
        let held = self.held.iter().map(|(entry, _)| entry.clone());
        (!self.fails).then(|| held.collect())
    }

    pub fn read_own(&self, uidl: &Uidl) -> Option<Bytes> {
        let mut all = self.own.iter().chain(&self.held);
        let (_, text) = all.find(|(entry, _)| entry.uidl == *uidl)?;
        (!self.fails).then(|| text.clone())
    }

    pub fn decided(&mut self, message: &DecidedMessage) {
        let remembered = RememberedMessage {
            decision: message.decision.clone(),
            grown: message.grown,
            digest: message.digest,
            octets: message.octets_upstream.unwrap_or(0),
            is_hidden: false,
            is_discarded: false,
            is_gone: false,
        };
        let id = message.uidl.octets().to_vec();
        // What was delivered keeps its decision, even if it could not be looked up.
        match self.messages.get(&id) {
            Some(before) if before.digest == message.digest && !message.replaces => {}
            _ => {
                self.messages.insert(id, remembered);
            }
        }
    }

    /// A message was judged before the client asked for it.
    pub fn judged_ahead(&mut self, message: &DecidedMessage) {
        self.decided(message);
        self.undelivered.insert(message.uidl.octets().to_vec());
    }

    /// A message is in quarantine, and not listed.
    pub fn hidden(&mut self, message: &DecidedMessage) {
        self.decided(message);
        let id = message.uidl.octets();
        let hidden = self
            .messages
            .get_mut(id)
            .filter(|it| it.digest == message.digest);
        hidden.unwrap().is_hidden = true;
    }

    /// A client is the first one that has got such a message.
    pub fn delivered_first(&mut self, uidl: &Uidl) {
        assert!(self.undelivered.remove(uidl.octets()), "{uidl} is not new");
    }

    pub fn own_deleted(&mut self, deleted: &[Uidl]) {
        self.own.retain(|(entry, _)| !deleted.contains(&entry.uidl));
        self.held
            .retain(|(entry, _)| !deleted.contains(&entry.uidl));
    }
}
