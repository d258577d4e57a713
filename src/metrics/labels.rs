//! The closed sets of words that stand in labels.

/// What became of a message, as the label `action`.
pub const ACTIONS: &[&str] = &["pass", "tag", "drop", "unscanned"];

/// Why a message passed without a verdict, as the label `reason`.
pub const UNSCANNED: &[&str] = &["hold_timeout", "timeout", "panic"];
/// Where a session was when its client left, as the label `state`.
pub const STATES: &[&str] = &[
    "handshake",
    "greeting",
    "authorization",
    "transaction",
    "response",
    "held",
];
/// How a login ended, as the label `outcome`.
pub const LOGINS: &[&str] = &["ok", "denied", "error"];
/// What became of a client's connection, as the label `outcome`.
pub const CONNECTIONS: &[&str] = &["accepted", "refused", "proxied_away"];

/// Which way a byte went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// From a mail client.
    ClientIn,
    /// To a mail client.
    ClientOut,
    /// From a POP3 server.
    UpstreamIn,
    /// To a POP3 server.
    UpstreamOut,
}

/// RETR, or TOP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    /// RETR
    Retr,
    /// TOP
    Top,
}

impl Fetch {
    /// The value of the label `command`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Retr => "retr",
            Self::Top => "top",
        }
    }
}
