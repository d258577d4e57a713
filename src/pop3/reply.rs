//! Replies: what a line of a server is while an answer is owed, and the form of a command's response.
//!
//! In: one line; out: its [`Status`], and for an error what the client gets before it.
//!
//! While an answer is owed, the next line is that answer, however odd it is: a client that is connected directly
//! takes it for one, too, and waits for no other. A line that begins with `+OK` means success, a `+` within AUTH is
//! a challenge, and everything else is an error: `+ERR no`, `-ERR: no`, `OK`, a warning, an empty line. The same
//! holds for greetings.
//!
//! An error that does not begin with `-ERR` is given to the client as `-ERR ` and the server's line. As it came,
//! clients would disagree about it: Python's poplib takes every `+` for success and would wait for the lines of a
//! message, others drop the session or wait on without showing the text. Behind `-ERR ` all of them see an error,
//! and show the user what the server said.
//!
//! RFC 1939 section 3 (status indicators), RFC 2449 section 8 (response codes).

use super::line::trim_end;

/// What a line of the server means while an answer is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It begins with `+OK`.
    Ok,
    /// It begins with `-ERR`; such an answer is always one line.
    Err,
    /// `+` of an AUTH exchange (RFC 5034 section 4), with or without the space; elsewhere an error.
    Challenge,
    /// Anything else: an error, too, and also one line.
    Other,
}

impl Status {
    /// Reads a line, with or without its end. Some servers send the indicators in lower case.
    pub fn of(line: &[u8]) -> Self {
        let begins = |word: &[u8]| {
            let start = line.get(..word.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        match trim_end(line) {
            _ if begins(b"+OK") => Self::Ok,
            _ if begins(b"-ERR") => Self::Err,
            [b'+'] | [b'+', b' ' | b'\t', ..] => Self::Challenge,
            _ => Self::Other,
        }
    }
}

/// What the client gets before a line that is an error: nothing if the line begins with `-ERR` itself.
pub fn error_prefix(line: &[u8]) -> &'static [u8] {
    match Status::of(line) {
        Status::Err => b"",
        _ if trim_end(line).trim_ascii().is_empty() => {
            b"-ERR the mail server answered with an empty line"
        }
        _ => b"-ERR ",
    }
}

/// The octets that a status line states: `+OK 120 octets`.
pub fn stated_octets(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(trim_end(line)).ok()?;
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The status line (without its end) for a message that is sent with `change` octets more than the server states.
///
/// Some clients read the message by that number. It is corrected in the plain form `+OK 120 octets`; any other line
/// with a number is replaced by one without. `None` if the line has no number, and may stay.
pub fn restated(line: &[u8], change: Option<i64>) -> Option<String> {
    let line = trim_end(line);
    if !line.iter().any(u8::is_ascii_digit) {
        return None;
    }
    let words: Vec<_> = line.split(|octet| *octet == b' ').collect();
    let is_plain = matches!(*words, [_, _, last] if last.eq_ignore_ascii_case(b"octets"));
    let octets = stated_octets(line).filter(|_| is_plain).zip(change);
    Some(
        match octets.and_then(|(octets, change)| octets.checked_add_signed(change)) {
            Some(octets) => format!("+OK {octets} octets"),
            None => "+OK message follows".to_owned(),
        },
    )
}

/// The form of a command's response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One line.
    Line,
    /// Lines up to the final dot if the status is `+OK`, else one line.
    LinesIfOk,
    /// Challenges, each answered by the client with one line, until a status line.
    Challenges,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status lines of odd servers, and the line that the client gets for an error, without its end.
    const ODD: &[(&[u8], Status, &[u8])] = &[
        (b"+OK\r\n", Status::Ok, b""),
        (b"+ok 3 messages", Status::Ok, b""),
        (b"+OK\n", Status::Ok, b""),
        (b"+OKAY\r\n", Status::Ok, b""),
        (b"+OK, then\r\n", Status::Ok, b""),
        (b"-ERR\r\n", Status::Err, b"-ERR"),
        (b"-ERR [AUTH] no\r\n", Status::Err, b"-ERR [AUTH] no"),
        (b"-ERR: no\r\n", Status::Err, b"-ERR: no"),
        (b"-ERROR 7\n", Status::Err, b"-ERROR 7"),
        (b"-err no", Status::Err, b"-err no"),
        (b"+ERR locked\r\n", Status::Other, b"-ERR +ERR locked"),
        (b"-OK\r\n", Status::Other, b"-ERR -OK"),
        (b"OK\r\n", Status::Other, b"-ERR OK"),
        (b"ERR x\r\n", Status::Other, b"-ERR ERR x"),
        (b" +OK\r\n", Status::Other, b"-ERR  +OK"),
        (b"\0+OK\r\n", Status::Other, b"-ERR \0+OK"),
        // A server of another protocol, or a firewall.
        (b"* BYE\r\n", Status::Other, b"-ERR * BYE"),
        (b"550 go\r\n", Status::Other, b"-ERR 550 go"),
        (b".\r\n", Status::Other, b"-ERR ."),
        (
            b"Warning: disk full in /srv\r\n",
            Status::Other,
            b"-ERR Warning: disk full in /srv",
        ),
        // Office 365 answers some DELE with it (MailKit issue 1636).
        (
            b"\r\n",
            Status::Other,
            b"-ERR the mail server answered with an empty line",
        ),
        (
            b" \n",
            Status::Other,
            b"-ERR the mail server answered with an empty line ",
        ),
        (b"+ \r\n", Status::Challenge, b"-ERR + "),
        (b"+\r\n", Status::Challenge, b"-ERR +"),
        (b"+ PDE4OT\r\n", Status::Challenge, b"-ERR + PDE4OT"),
        (b"+PDE4OT\r\n", Status::Other, b"-ERR +PDE4OT"),
    ];

    #[test]
    fn a_stated_size_is_corrected_or_left_out() {
        let table: &[(&str, Option<i64>, Option<&str>)] = &[
            ("+OK 120 octets\r\n", Some(30), Some("+OK 150 octets")),
            ("+OK 120 OCTETS", Some(-20), Some("+OK 100 octets")),
            ("+OK 120 octets", None, Some("+OK message follows")),
            ("+OK 10 octets", Some(-20), Some("+OK message follows")),
            ("+OK 120", Some(30), Some("+OK message follows")),
            ("+OK 120 bytes", Some(30), Some("+OK message follows")),
            (
                "+OK message 1 (120 octets)",
                Some(30),
                Some("+OK message follows"),
            ),
            ("+OK message follows", Some(30), None),
            ("+OK", Some(30), None),
        ];
        for (line, change, expected) in table {
            let is = restated(line.as_bytes(), *change);
            assert_eq!(is.as_deref(), *expected, "{line:?}");
        }
        assert_eq!(stated_octets(b"+OK 120 octets\r\n"), Some(120));
        assert_eq!(stated_octets(b"+OK\r\n"), None);
    }

    #[test]
    fn odd_status_lines_are_errors_with_the_servers_text() {
        for (line, status, shown) in ODD {
            let text = String::from_utf8_lossy(line);
            assert_eq!(Status::of(line), *status, "{text:?}");
            if *status != Status::Ok {
                let line = [error_prefix(line), trim_end(line)].concat();
                assert_eq!(line, *shown, "{text:?}");
            }
        }
    }
}
