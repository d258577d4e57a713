//! `[timeouts]` and `[limits]`.

use std::time::Duration;

use super::bounds::{count, duration, octets};
use crate::schema::Section;

/// How long popgate waits, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the upstream's name and connection.
    pub connect: Duration,
    /// For the upstream's TLS, and for its greeting.
    pub greeting: Duration,
    /// For the client's PROXY header, and for its TLS.
    pub handshake: Duration,
    /// For the client to log in, from its connection on; the time that the upstream takes does not count.
    pub login: Duration,
    /// For the rest of a command line that has begun.
    pub command_line: Duration,
    /// For the next byte of an outstanding response from the upstream.
    pub upstream_read: Duration,
    /// For the client to accept the next byte of what it is sent.
    pub client_write: Duration,
    /// For the client's next command.
    pub idle: Duration,
    /// For the filter's verdict on one message.
    pub filter: Duration,
    /// For running sessions after the signal to stop.
    pub drain: Duration,
}

/// Bounds on sessions, logins and sizes. Sizes are in octets; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at a time.
    pub sessions: usize,
    /// Those of them whose clients have not logged in.
    pub pending_sessions: usize,
    /// Sessions from one address (IPv6: from one /64), except loopback.
    pub sessions_per_address: Option<usize>,
    /// Sessions logged in to one mailbox.
    pub sessions_per_mailbox: Option<usize>,
    /// TLS handshakes with clients that are computed at a time.
    pub handshakes: usize,
    /// Connections to one upstream that are being made at a time.
    pub upstream_connects: usize,
    /// Failed logins to one account from one address before a pause; also how many of them may be under way.
    pub login_failures: Option<u32>,
    /// The length of that pause.
    pub login_pause: Duration,
    /// A client's command line.
    pub command_line: usize,
    /// A client's line during AUTH.
    pub auth_line: usize,
    /// A user name.
    pub user_name: usize,
    /// An upstream's line that popgate must see in full.
    pub response_line: usize,
    /// A whole response of the upstream.
    pub response: Option<u64>,
    /// All messages that are held at a time.
    pub held_bytes: usize,
    /// All messages that were fetched in hide mode before their clients asked for them, and that wait in a file.
    pub spool_bytes: usize,
}

const MS: Duration = Duration::from_millis(10);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// fetchmail waits for 300 s, Thunderbird for 100 s: popgate must not give up before they do.
const PATIENT: u64 = 300;
/// Of those, the ones that an upstream may have of its own.
const CONNECT: (u64, Duration) = (60, Duration::from_secs(300));
/// While there is a fallback, a user need not wait for a server that is down.
const WITH_FALLBACK: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(20)];

/// An upstream's own patience; `None` is that of `[timeouts]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UpstreamTimeouts {
    /// For the name and the connection.
    pub connect: Option<Duration>,
    /// For TLS and the greeting.
    pub greeting: Option<Duration>,
    /// For the next byte of an outstanding response.
    pub upstream_read: Option<Duration>,
}

impl UpstreamTimeouts {
    /// The timeouts of a session with this upstream.
    pub fn over(&self, general: &Timeouts) -> Timeouts {
        Timeouts {
            connect: self.connect.unwrap_or(general.connect),
            greeting: self.greeting.unwrap_or(general.greeting),
            upstream_read: self.upstream_read.unwrap_or(general.upstream_read),
            ..*general
        }
    }

    /// For an upstream with a fallback: shorter than the defaults, unless the file says otherwise.
    pub(super) fn with_fallback(&mut self, given: Given) {
        let [connect, greeting] = WITH_FALLBACK;
        if !given.connect {
            self.connect.get_or_insert(connect);
        }
        if !given.greeting {
            self.greeting.get_or_insert(greeting);
        }
    }
}

/// `[upstream.timeouts]`.
pub(super) fn read_upstream_timeouts(mut section: Section<'_, '_>) -> UpstreamTimeouts {
    let mut read = |key, most| {
        let is_given = section.has(key);
        let value = duration(&mut section, key, most, MS..=most);
        is_given.then_some(value)
    };
    let timeouts = UpstreamTimeouts {
        connect: read("connect", CONNECT.1),
        greeting: read("greeting", HOUR),
        upstream_read: read("upstream_read", HOUR),
    };
    section.finish();
    timeouts
}

/// Which of the timeouts are in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    connect: bool,
    greeting: bool,
}

pub(super) fn read_timeouts(mut section: Section<'_, '_>) -> (Timeouts, Given) {
    let given = Given {
        connect: section.has("connect"),
        greeting: section.has("greeting"),
    };
    let mut read = |key, default: u64, most| {
        duration(&mut section, key, Duration::from_secs(default), MS..=most)
    };
    let timeouts = Timeouts {
        connect: read("connect", CONNECT.0, CONNECT.1),
        greeting: read("greeting", PATIENT, HOUR),
        handshake: read("handshake", 20, MINUTE),
        login: read("login", 180, HOUR),
        command_line: read("command_line", 60, HOUR),
        upstream_read: read("upstream_read", PATIENT, HOUR),
        client_write: read("client_write", 120, HOUR),
        // RFC 1939 section 3: an autologout timer must be of at least 10 minutes.
        idle: read("idle", 600, 24 * HOUR),
        filter: read("filter", 5, Duration::from_secs(15)),
        drain: read("drain", 30, HOUR),
    };
    section.finish();
    (timeouts, given)
}

pub(super) fn read_limits(mut section: Section<'_, '_>, hold_bytes: usize) -> Limits {
    let sessions = count(&mut section, "sessions", 5000, 1..=1_000_000);
    let pending_sessions = pending_sessions(&mut section, sessions);
    let per_address = count(&mut section, "sessions_per_address", 100, 0..=1_000_000);
    let per_mailbox = count(&mut section, "sessions_per_mailbox", 0, 0..=1_000_000);
    let handshakes = match count(&mut section, "handshakes", 0, 0..=1024) {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        handshakes => handshakes,
    };
    let upstream_connects = count(&mut section, "upstream_connects", 256, 1..=1_000_000);
    let failures = count(&mut section, "login_failures", 10, 0..=1_000_000);
    let pause = Duration::from_millis(10)..=Duration::from_secs(24 * 3600);
    let login_pause = duration(&mut section, "login_pause", Duration::from_secs(60), pause);
    let mut read = |key, default, least, most| octets(&mut section, key, default, least..=most);
    let limits = Limits {
        sessions,
        pending_sessions,
        sessions_per_address: Some(per_address).filter(|most| *most > 0),
        sessions_per_mailbox: Some(per_mailbox).filter(|most| *most > 0),
        handshakes,
        upstream_connects,
        login_failures: u32::try_from(failures).ok().filter(|most| *most > 0),
        login_pause,
        // RFC 2449 section 4: 255 octets and CRLF are the least that must be taken.
        command_line: read("command_line", 1 << 10, 257, 1 << 20),
        auth_line: read("auth_line", 128 << 10, 257, 16 << 20),
        user_name: read("user_name", 512, 40, 1 << 20),
        // RFC 2449 section 4: 512 octets.
        response_line: read("response_line", 64 << 10, 512, 16 << 20),
        response: u64::try_from(read("response", 0, 0, 1 << 40))
            .ok()
            .filter(|most| *most > 0),
        held_bytes: read("held_bytes", 256 << 20, 1 << 20, 1 << 40),
        spool_bytes: read("spool_bytes", 1 << 30, 0, 1 << 50),
    };
    if limits.held_bytes < 2 * hold_bytes {
        let message = "must be at least twice filter.hold_bytes, or no large message could be held";
        section.problem("held_bytes", message);
    }
    section.finish();
    limits
}

/// A quarter of the sessions is reserved for clients that have logged in, unless another number is set.
fn pending_sessions(section: &mut Section<'_, '_>, sessions: usize) -> usize {
    match count(section, "pending_sessions", 0, 0..=1_000_000) {
        0 => sessions - sessions / 4,
        most if most <= sessions => most,
        most => {
            let message = format!("{most} is more than limits.sessions, which is {sessions}");
            section.problem("pending_sessions", message);
            sessions
        }
    }
}
