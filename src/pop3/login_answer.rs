//! What a server's answer to a login says about the password.
//!
//! In: a status line; out: a [`LoginAnswer`]. A mailbox that is locked or a server in trouble says nothing
//! about the password: such an answer is neither a failed login nor a guess. Whatever is not known to be one of
//! these is a denial.
//!
//! RFC 2449 section 8.1 (IN-USE, LOGIN-DELAY), RFC 3206 (SYS/TEMP, SYS/PERM, AUTH). Servers without response codes
//! are read by their words: RFC 1939 section 7 gives two of them as examples.

/// The result of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginAnswer {
    /// The user is logged in.
    Accepted,
    /// Name or password are wrong.
    Denied,
    /// The server cannot serve this login, whatever the password is.
    Unavailable(Reason),
}

/// Why a server cannot serve a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Another session has the mailbox.
    InUse,
    /// The user logs in too often.
    LoginDelay,
    /// The server is in trouble that passes.
    Temporary,
    /// The server is in trouble that somebody has to end.
    Permanent,
}

impl Reason {
    /// Its response code, for the log.
    pub fn label(self) -> &'static str {
        match self {
            Self::InUse => "IN-USE",
            Self::LoginDelay => "LOGIN-DELAY",
            Self::Temporary => "SYS/TEMP",
            Self::Permanent => "SYS/PERM",
        }
    }
}

/// Words about name, password or account: with one of these it is a denial, whatever else the line says.
const DENIALS: &[&str] = &[
    "password",
    "passwd",
    "credential",
    "invalid login",
    "invalid user",
    "unknown user",
    "no such user",
    "logon failure",
    "login fail",
    "failed login",
    "authentication fail",
    "authorization fail",
    "not authenticated",
    "not authorized",
    "account locked",
    "account is locked",
    "account has been locked",
    "user is locked",
    "locked out",
    "account disabled",
    "account is disabled",
    "too many fail",
    "too many invalid",
];

/// Words of servers without response codes. The first that matches decides.
const REASONS: &[(&str, Reason)] = &[
    ("lock", Reason::InUse),
    ("in use", Reason::InUse),
    ("already logged", Reason::InUse),
    ("already open", Reason::InUse),
    ("another session", Reason::InUse),
    ("another client", Reason::InUse),
    ("another pop", Reason::InUse),
    ("mailbox busy", Reason::InUse),
    ("maildrop busy", Reason::InUse),
    ("mailbox is busy", Reason::InUse),
    ("maildrop is busy", Reason::InUse),
    ("login delay", Reason::LoginDelay),
    ("too frequent", Reason::LoginDelay),
    ("too often", Reason::LoginDelay),
    ("minutes between", Reason::LoginDelay),
    ("seconds between", Reason::LoginDelay),
    ("temporar", Reason::Temporary),
    ("unavailable", Reason::Temporary),
    ("not available", Reason::Temporary),
    ("try again later", Reason::Temporary),
    ("try later", Reason::Temporary),
    ("internal error", Reason::Temporary),
    ("internal server error", Reason::Temporary),
    ("server error", Reason::Temporary),
    ("system error", Reason::Temporary),
    ("too busy", Reason::Temporary),
    ("server busy", Reason::Temporary),
    ("server is busy", Reason::Temporary),
    ("overload", Reason::Temporary),
    ("too many connections", Reason::Temporary),
    ("too many sessions", Reason::Temporary),
    ("too many users", Reason::Temporary),
    ("maintenance", Reason::Temporary),
    ("shutting down", Reason::Temporary),
    ("timed out", Reason::Temporary),
    ("timeout", Reason::Temporary),
    ("out of memory", Reason::Temporary),
    ("disk full", Reason::Temporary),
    ("no space left", Reason::Temporary),
    ("cannot open mail", Reason::Permanent),
    ("can't open mail", Reason::Permanent),
    ("could not open mail", Reason::Permanent),
    ("unable to open mail", Reason::Permanent),
    ("failed to open mail", Reason::Permanent),
];

/// Words of a server that does not know a command, or does not take it in this state.
const UNKNOWN_COMMANDS: &[&str] = &[
    "unknown command",
    "command unknown",
    "unrecognized",
    "unrecognised",
    "not recognized",
    "invalid command",
    "bad command",
    "illegal command",
    "no such command",
    "not implemented",
    "unimplemented",
    "not supported",
    "unsupported",
    "not understood",
    "syntax error",
    "use auth",
];

impl LoginAnswer {
    /// Reads the final answer to PASS, APOP or AUTH, of which the status is known.
    pub fn of(accepted: bool, line: &[u8]) -> Self {
        match accepted {
            true => Self::Accepted,
            false => unavailable(line).map_or(Self::Denied, Self::Unavailable),
        }
    }

    /// Whether the user is logged in.
    pub fn is_accepted(self) -> bool {
        self == Self::Accepted
    }
}

/// Whether an error says that the server does not know the command, and not that its argument is wrong.
pub fn is_unknown_command(line: &[u8]) -> bool {
    let text = lower(line);
    response_code(&text).is_none() && has_any(&text, UNKNOWN_COMMANDS)
}

fn unavailable(line: &[u8]) -> Option<Reason> {
    let text = lower(line);
    if let Some(code) = response_code(&text) {
        return code;
    }
    // The reply codes of SMTP and FTP: 4yz is temporary.
    if text.starts_with("421") || text.starts_with("450") || text.starts_with("451") {
        return Some(Reason::Temporary);
    }
    if has_any(&text, DENIALS) {
        return None;
    }
    let found = REASONS.iter().find(|(words, _)| text.contains(words));
    found.map(|(_, reason)| *reason)
}

/// The reason of a response code; `None` if there is no known one, `Some(None)` if it is about the password.
/// Codes are compared without case (RFC 2449 section 8), and some servers put spaces around them.
fn response_code(text: &str) -> Option<Option<Reason>> {
    let groups = text.split('[').skip(1).filter_map(|it| it.split_once(']'));
    groups.into_iter().find_map(|(code, _)| {
        let code: String = code.split_whitespace().collect();
        // Levels below these, as in SYS/TEMP/DISK, refine them (RFC 2449 section 8).
        let is = |name: &str| {
            let rest = code.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        Some(match () {
            () if is("in-use") => Some(Reason::InUse),
            () if is("login-delay") => Some(Reason::LoginDelay),
            () if is("sys/temp") => Some(Reason::Temporary),
            () if is("sys/perm") => Some(Reason::Permanent),
            () if is("auth") => None,
            () => return None,
        })
    })
}

fn lower(line: &[u8]) -> String {
    String::from_utf8_lossy(line).to_ascii_lowercase()
}

fn has_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> LoginAnswer {
        LoginAnswer::of(line.starts_with("+OK"), line.as_bytes())
    }

    #[test]
    fn answers_that_say_nothing_about_the_password_are_no_denials() {
        for (line, reason) in [
            (
                "-ERR [IN-USE] mailbox already in use by pid 12345\r\n",
                Reason::InUse,
            ),
            ("-ERR [in-use] locked\r\n", Reason::InUse),
            ("-ERR  [ In-Use ]password mailbox is locked", Reason::InUse),
            ("-ERR[IN-USE] x", Reason::InUse),
            ("-ERR ann: [IN-USE] x", Reason::InUse),
            (
                "-ERR [LOGIN-DELAY] minimum time between mail checks violation",
                Reason::LoginDelay,
            ),
            (
                "-ERR [SYS/TEMP] Temporary authentication failure.",
                Reason::Temporary,
            ),
            ("-err [sys/temp/disk] wrong disk", Reason::Temporary),
            (
                "-ERR [SYS/PERM] Your account is not enabled for POP access",
                Reason::Permanent,
            ),
            ("-ERR [X-1] [SYS/TEMP] x", Reason::Temporary),
            // RFC 1939 section 7.
            ("-ERR maildrop already locked", Reason::InUse),
            ("-ERR unable to lock maildrop", Reason::InUse),
            ("-ERR Mailbox locked by POP server", Reason::InUse),
            (
                "-ERR can't get lock.  Mailbox in use by another POP3 process",
                Reason::InUse,
            ),
            ("-ERR You are already logged in", Reason::InUse),
            ("-ERR Mailbox is busy", Reason::InUse),
            ("-ERR You check your mail too often", Reason::LoginDelay),
            ("-ERR Service temporarily unavailable", Reason::Temporary),
            ("-ERR Temporary problem, try again", Reason::Temporary),
            (
                "-ERR authentication server not available",
                Reason::Temporary,
            ),
            ("-ERR internal server error", Reason::Temporary),
            ("-ERR Too many connections", Reason::Temporary),
            ("421 too busy", Reason::Temporary),
            ("-ERR unable to open mailbox", Reason::Permanent),
        ] {
            assert_eq!(of(line), LoginAnswer::Unavailable(reason), "{line:?}");
        }
    }

    #[test]
    fn everything_else_is_a_denial() {
        for line in [
            "-ERR\r\n",
            "-ERR no\r\n",
            "-ERR [AUTH] wrong password\r\n",
            "-ERR [auth] maildrop locked after 3 failures, try again later",
            "-ERR [AUTH] temporarily unavailable",
            "-ERR invalid password",
            "-ERR Logon failure: unknown user name or bad password.",
            "-ERR Authentication failed; try again later",
            "-ERR account is locked",
            "-ERR locked out for 10 minutes",
            "-ERR too many failed attempts, server busy",
            "-ERR [X-CODE] sorry",
            "-ERR [IN-USER] sorry",
            "-ERR Permission denied",
            "* BYE",
            "",
        ] {
            assert_eq!(of(line), LoginAnswer::Denied, "{line:?}");
        }
        assert_eq!(of("+OK [IN-USE] come in"), LoginAnswer::Accepted);
    }

    #[test]
    fn a_command_that_the_server_does_not_know_is_told_from_a_refused_argument() {
        for line in [
            "-ERR invalid command\r\n",
            "-ERR Unknown command: USER",
            "-ERR Command not implemented",
            "-ERR USER not supported, use AUTH",
        ] {
            assert!(is_unknown_command(line.as_bytes()), "{line}");
        }
        for line in [
            "-ERR unknown user",
            "-ERR [AUTH] unknown command",
            "-ERR no",
            "-ERR [SYS/TEMP] not supported at the moment",
        ] {
            assert!(!is_unknown_command(line.as_bytes()), "{line}");
        }
    }
}
