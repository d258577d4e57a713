//! The closed sets of label values.

/// An enum whose variants are the values of a label.
macro_rules! label {
    ($(#[$about:meta])* $vis:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident = $value:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $vis enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// Every value that there is.
            $vis const ALL: &[Self] = &[$(Self::$variant),*];

            /// The value of the label.
            $vis fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $value,)*
                }
            }
        }
    };
}

label! {
    /// What happened to a message: the label `action`.
    pub enum MessageAction {
        /// Delivered unchanged.
        Pass = "pass",
        /// Tagged as spam.
        Tag = "tag",
        /// Held back; the client got a notice.
        Drop = "drop",
        /// Delivered without a verdict.
        Unscanned = "unscanned",
    }
}

label! {
    /// Why a message was delivered without a verdict: the label `reason`, and the word in X-Spam-Status.
    pub enum UnscannedReason {
        /// Its header was not complete when the hold limit was reached.
        HoldTimeout = "hold_timeout",
        /// The filter took longer than `timeouts.filter`.
        Timeout = "timeout",
        /// The filter panicked.
        Panic = "panic",
        /// The administrator has paused the filter.
        Paused = "paused",
    }
}

label! {
    /// The state of a session when its client disconnected: the label `state`, and a field of the log.
    pub enum ClientState {
        /// Before the greeting: PROXY header or TLS.
        Handshake = "handshake",
        /// Waiting for the upstream's greeting.
        Greeting = "greeting",
        /// RFC 1939's AUTHORIZATION state.
        Authorization = "authorization",
        /// RFC 1939's TRANSACTION state, between two responses.
        Transaction = "transaction",
        /// Inside a multi-line response.
        Response = "response",
        /// While a message was held for its verdict.
        Held = "held",
    }
}

label! {
    /// How a login ended: the label `outcome`.
    pub enum LoginOutcome {
        /// The server accepted it.
        Ok = "ok",
        /// The server denied it.
        Denied = "denied",
        /// The server failed.
        Error = "error",
    }
}

label! {
    /// The outcome of a client's connection: the label `outcome`.
    pub enum ConnectionOutcome {
        /// It is served.
        Accepted = "accepted",
        /// It is refused.
        Refused = "refused",
        /// Its bytes are passed through to the server without inspection.
        ProxiedAway = "proxied_away",
    }
}

label! {
    /// How a reload ended: the label `outcome`.
    pub(super) enum ReloadOutcome {
        /// It was applied.
        Ok = "ok",
        /// It was refused.
        Refused = "refused",
    }
}

label! {
    /// RETR or TOP: the label `command`.
    pub enum Fetch {
        /// RETR
        Retr = "retr",
        /// TOP
        Top = "top",
    }
}

label! {
    /// The labels `direction`, as popgate sees it.
    pub(super) enum Direction {
        /// Read by popgate.
        In = "in",
        /// Written by popgate.
        Out = "out",
    }
}

label! {
    /// Which of popgate's own messages in a mailbox: the label `kind`.
    pub enum OwnMessageKind {
        /// A message that a person released from quarantine.
        Released = "released",
        /// A message that is held, in a login to the quarantine.
        Held = "held",
        /// A list of what is in quarantine.
        Digest = "digest",
    }
}

label! {
    /// What became of one of popgate's own messages: the label `event`.
    pub enum OwnMessageEvent {
        /// The server lists the message again instead.
        Relisted = "relisted",
        /// A client got it.
        Fetched = "fetched",
        /// It was not shown, or not sent.
        Unreadable = "unreadable",
        /// A client deleted it.
        Deleted = "deleted",
    }
}

label! {
    /// What became of a message without a verdict in a mailbox in hide mode: the label `outcome`.
    pub enum PrefetchOutcome {
        /// It was judged, and is listed.
        Judged = "judged",
        /// It is in quarantine, and not listed.
        Hidden = "hidden",
        /// It was fetched, and not judged in time.
        Unjudged = "unjudged",
        /// There was no time to fetch it.
        NoTime = "no_time",
        /// It was beyond `filter.hide_bytes`.
        OverBytes = "over_bytes",
        /// It is longer than `filter.hold_bytes`: it would not be held back.
        TooLong = "too_long",
        /// The server has refused it.
        Refused = "refused",
    }
}

label! {
    /// What became of a message that was read ahead of its client's command: the label `outcome`.
    pub enum ReadAheadOutcome {
        /// The client asked for it.
        Used = "used",
        /// The client did not, or there was no room for it.
        Unused = "unused",
        /// The server has refused it.
        Refused = "refused",
    }
}

label! {
    /// What the store is asked for: the label `operation`.
    pub enum StoreOperation {
        /// A session's question.
        Lookup = "lookup",
        /// A batch of changes.
        Write = "write",
    }
}

label! {
    /// How a session's question to the store ended: the label `outcome`.
    pub enum LookupOutcome {
        /// It was answered in time.
        Ok = "ok",
        /// The store failed.
        Failed = "failed",
        /// It was not answered in time.
        Late = "late",
        /// It was not asked, because the store failed a moment ago.
        Skipped = "skipped",
    }
}

label! {
    /// Why the features of a message were not recorded: the label `reason`.
    pub enum FeaturesLeftOut {
        /// More messages come than may come with features.
        Rate = "rate",
        /// Too much waits to be written to the store.
        QueueFull = "queue_full",
    }
}

/// One direction of one side of a session.
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

impl Flow {
    /// All of them, in the order of their numbers.
    pub(super) const ALL: [Self; 4] = [
        Self::ClientIn,
        Self::ClientOut,
        Self::UpstreamIn,
        Self::UpstreamOut,
    ];

    /// The values of the labels `leg` and `direction`.
    pub(super) fn labels(self) -> [&'static str; 2] {
        match self {
            Self::ClientIn => ["client", "in"],
            Self::ClientOut => ["client", "out"],
            Self::UpstreamIn => ["upstream", "in"],
            Self::UpstreamOut => ["upstream", "out"],
        }
    }
}

label! {
    /// Who logs in to the console: the label `who`.
    pub enum ConsoleLogin {
        /// A user, by the password of their mailbox.
        User = "user",
        /// The administrator, by the password.
        Administrator = "administrator",
        /// The administrator, by the one-time token.
        Token = "token",
        /// A program, by a token of the API.
        Api = "api",
    }
}

label! {
    /// What came of it: the label `outcome`.
    pub enum ConsoleLoginOutcome {
        /// They are in.
        Ok = "ok",
        /// The password or the token is wrong.
        Denied = "denied",
        /// There were too many failures.
        Throttled = "throttled",
        /// Nobody could be asked.
        Error = "error",
    }
}

label! {
    /// What a person did in the console: the label `action`.
    pub enum ConsoleAction {
        /// A message is spam.
        Spam = "spam",
        /// A message is none.
        Ham = "ham",
        /// That was taken back.
        UndoLabel = "undo_label",
        /// A sender is allowed.
        Allow = "allow",
        /// A sender is blocked.
        Block = "block",
        /// A sender is on a list no more.
        UndoList = "undo_list",
        /// A held message was released.
        Release = "release",
        /// That was taken back.
        UndoRelease = "undo_release",
        /// A held message was deleted.
        Delete = "delete",
        /// The settings of a mailbox were changed.
        Settings = "settings",
        /// A mailbox was forgotten.
        Forget = "forget",
        /// A rule was changed.
        Rule = "rule",
        /// Filtering was paused.
        Pause = "pause",
        /// The pause was ended.
        Resume = "resume",
    }
}
