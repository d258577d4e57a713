//! What the exchange asks of its driver, and what the driver answers.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::mechanism::Mechanism;
use crate::filter::{HeaderStage, Verdict};
use crate::metrics::UnscannedReason;
use crate::pop3::{Secret, Uidl, UidlListing, UpstreamNumber, UserName};

/// What the driver does before it calls [`advance`](super::Exchange::advance) again.
#[derive(Debug)]
pub enum Action {
    /// Connect to the upstream; answered by `connected`.
    Connect,
    /// Find the user's server, connect to it; answered by `connected`, or `login_refused`.
    LogIn(Box<LoginRequest>),
    /// Connect to the same upstream once more, in place of the connection that failed; answered by `connected`.
    Reconnect,
    /// The login was denied or has failed: close the upstream's connection.
    Disconnect,
    /// Ask the quotas whether the login of this user may be sent upstream; answered by `admitted`.
    Admit,
    /// Write the [upstream output](super::Exchange::take_upstream_output) to the upstream.
    WriteUpstream,
    /// Write all of the [client output](super::Exchange::client_output) to the client; answered by
    /// `client_written`.
    WriteClient,
    /// All output is written: begin TLS with the client; answered by `tls_started`.
    StartTls,
    /// Judge the header of the message being received; answered by `header_judged`.
    JudgeHeader,
    /// Judge a message; answered by `judged`.
    Judge(Box<JudgeRequest>),
    /// Put the original into quarantine; answered by `quarantined`.
    Quarantine(Box<QuarantineRequest>),
    /// Look up what is remembered of a mailbox; answered by `recalled`.
    Recall(RecallRequest),
    /// Read an earlier decision on the message with this unique-id; answered by `loaded`.
    Load(Uidl),
    /// Read an entry of popgate's own by its unique-id; answered by `own_message`.
    ReadOwn(Uidl),
    /// Keep a message until the client asks for it; answered by `spooled`.
    Spool(Box<SpoolRequest>),
    /// Read a message that is kept; answered by `reread`.
    Reread {
        /// Its number at the upstream.
        message: UpstreamNumber,
        /// Whether it is not asked for again.
        is_last: bool,
    },
    /// The user is logged in to the quarantine of the mailbox: list what is held; answered by `quarantine_opened`.
    OpenQuarantine,
    /// Wait until one side has sent something, or the deadline has passed.
    Wait(Wait),
    /// End the session.
    Close(End),
}

/// A login that popgate makes for the client.
#[derive(Debug)]
pub struct LoginRequest {
    /// As the metrics name it.
    pub mechanism: Mechanism,
    /// The user name as the client sent it; it may name a server, too.
    pub user: UserName,
    /// What proves that it is the user.
    pub proof: Proof,
}

/// What popgate logs in with.
#[derive(Debug)]
pub struct UpstreamLogin {
    /// As the metrics name it.
    pub mechanism: Mechanism,
    /// The user's name on this server.
    pub user: UserName,
    /// What proves that it is the user.
    pub proof: Proof,
}

/// What proves a user's identity.
#[derive(Debug)]
pub enum Proof {
    /// A password, for a method that the server offers.
    Password(Secret),
    /// The response of this SASL mechanism, in base64 as the client sent it.
    Bearer(&'static str, Secret),
}

/// What a decision takes a message for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenFor {
    /// Wanted mail, or mail without a verdict.
    Ham,
    /// Spam.
    Spam,
}

/// A message, or the part of it that was held.
#[derive(Debug)]
pub struct JudgeRequest {
    /// What the header rules have found already.
    pub header: Option<HeaderStage>,
    /// What the message was taken for, if the decision is known: it is judged only if a person says otherwise.
    pub known: Option<TakenFor>,
    /// The message, dot-stuffed as it came, without its final dot line.
    pub text: Bytes,
    /// Octets that were held.
    pub held: usize,
    /// Whether others may be asked about it.
    pub asks: AsksOthers,
    /// The deadline for the verdict: the client is waiting for the first octet.
    pub deadline: Instant,
}

/// Whether others may be asked about a message before it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsksOthers {
    /// No: the client has it already, since its header decides.
    No,
    /// About what is there of it.
    OfPart,
    /// About all of it.
    OfWhole,
}

/// The result of a request to judge.
#[derive(Debug)]
pub enum Judgement {
    /// The filter's verdict.
    Judged(Verdict),
    /// The message is known, and nobody has corrected what was decided.
    NotCorrected,
    /// There is no verdict, for this reason.
    Unscanned(UnscannedReason),
}

/// The unique-ids of the mailbox.
#[derive(Debug)]
pub struct RecallRequest {
    /// As they came: they must be [finished](UidlListing::finish), which takes time where there are many.
    pub ids: UidlListing,
}

/// A message that is in quarantine.
#[derive(Debug)]
pub struct HeldBack {
    /// Its id there, which may be that of an earlier session.
    pub id: Arc<str>,
    /// What is sent in its place, dot-stuffed.
    pub notice: Bytes,
}

/// A message that was fetched before the client has asked for it.
#[derive(Debug)]
pub struct SpoolRequest {
    /// Its number at the upstream.
    pub message: UpstreamNumber,
    /// As it came, dot-stuffed, with its final dot line.
    pub wire: Bytes,
    /// The deadline for storing it: the client waits.
    pub deadline: Instant,
}

/// A message that is held back.
#[derive(Debug)]
pub struct QuarantineRequest {
    /// Its id there, and in the notice.
    pub id: MessageId,
    /// Its unique-id at the upstream, if the mailbox is remembered.
    pub uidl: Option<Uidl>,
    /// The message, dot-stuffed as it came, without its final dot line.
    pub text: Bytes,
    /// Why it is held back.
    pub verdict: Verdict,
    /// Whether the client does not see it; else a notice takes its place.
    pub hidden: bool,
    /// The deadline for storing it.
    pub deadline: Instant,
}

/// A message's key in quarantine, and its X-Popgate-Id: the time and 48 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageId {
    /// Seconds since 1970.
    pub seconds: u64,
    /// Below 2^48.
    pub random: u64,
}

impl std::fmt::Display for MessageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}-{:012x}", self.seconds, self.random)
    }
}

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Call `advance` again then, at the latest.
    pub deadline: Instant,
    /// Whether to read from the client.
    pub read_client: bool,
    /// Whether to read from the upstream.
    pub read_upstream: bool,
    /// What reading from the upstream needs.
    pub memory: MemoryNeed,
}

/// The memory that the next reads from the upstream need: the driver reserves it from what all sessions share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryNeed {
    /// Octets of the upstream that are buffered.
    pub buffered: usize,
    /// Octets that the buffer may take; 0 if it takes short reads.
    pub wanted: usize,
    /// Whether the buffered octets are held, and stay. Others are consumed by the next [`Action`]s.
    pub is_held: bool,
    /// Octets that the session keeps of its mailbox.
    pub kept: usize,
}

/// How a session ended normally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// QUIT was answered.
    Quit,
    /// The client closed without QUIT.
    ClientClosed,
    /// The client was idle for too long.
    IdleTimeout,
    /// The upstream closed while no response was pending.
    UpstreamClosed,
    /// popgate is stopping.
    Drained,
    /// The client does not speak POP3, or sent too many invalid commands.
    Rejected,
}

impl End {
    /// Its name in the log.
    pub fn label(self) -> &'static str {
        match self {
            Self::Quit => "quit",
            Self::ClientClosed => "client_closed",
            Self::IdleTimeout => "idle_timeout",
            Self::UpstreamClosed => "upstream_closed",
            Self::Drained => "drained",
            Self::Rejected => "rejected",
        }
    }
}
