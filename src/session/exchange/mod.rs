//! The POP3 exchange of one session, without I/O.
//!
//! In: bytes of the client and of the upstream (read directly into the exchange's buffers), the time, and the
//! results of its actions. Out: bytes for each side, [`Action`]s for the driver, [`Event`]s for metrics and the
//! log, and the next deadline.
//!
//! The driver calls [`Exchange::advance`], does what the [`Action`] says, and calls it again. Commands and
//! responses are relayed in order, with a queue of pending commands between them.
//!
//! It never invents a final dot (`silent_end` has the rule for servers that send none in CRLF), never sends QUIT on its own,
//! and DELE only for messages that the client does not see and that a person or a setting wants to be gone (`discards`),
//! keeps no password longer than a login takes, and reads no clock. RFC 1939 (POP3), RFC 2449 (CAPA, PIPELINING), RFC 2595 (STLS), RFC 5034
//! (AUTH).

mod action;
mod ahead;
mod ahead_end;
mod ahead_notes;
mod ahead_state;
mod buffers;
mod commands;
mod deadline;
mod discards;
mod early;
mod early_copy;
mod event;
mod hold;
mod input;
mod io_results;
mod lines;
mod listing;
mod listing_answers;
mod listings_ahead;
mod login_checks;
mod login_method;
mod login_state;
mod mailbox_view;
mod mechanism;
mod outgoing;
mod output;
mod own_answers;
mod pending;
mod phase;
mod pipelining;
mod preauth;
mod prefetch;
mod prefetch_state;
mod quarantine_login;
mod recall;
mod recall_state;
mod replies;
mod retrieval_state;
mod retrieve;
mod silent_end;
mod spooled;
mod spooled_state;
mod state;
mod status_line;
mod unsolicited;
mod upstream_login;
mod verdicts;

pub use action::{
    Action, AsksOthers, End, HeldBack, JudgeRequest, Judgement, LoginRequest, MemoryNeed,
    MessageId, Proof, QuarantineRequest, RecallRequest, SpoolRequest, TakenFor, UpstreamLogin,
    Wait,
};
pub use buffers::UNCOUNTED;
pub(super) use deadline::DRAIN_SILENCE;
pub use event::{DecidedMessage, Event, UidlTrouble};
pub use hold::HoldLimits;
pub use input::ClientSecurity;
pub use mailbox_view::{Listing, MailboxView, OwnEntry};
pub use mechanism::Mechanism;
pub use output::ClientOutput;
pub use prefetch_state::{PrefetchLimits, PrefetchReport};
pub use recall_state::{Asks, DiscardReason, Recalled, RecalledMessage};
pub use state::{Exchange, ExchangeConfig, LoginBy};
pub use verdicts::{Loaded, Stored};
