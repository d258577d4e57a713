//! What a line of the server is, given what it owes.
//!
//! In: the form of the response that is owed, if one is, and the line; out: a [`Meaning`]. While a response is owed,
//! the line is its first line, however odd it is; [`Status`] says what it tells. A line that comes while nothing is
//! owed answers nothing: it is logged, and never given to the next command.
//!
//! Waiting for a better line instead has cost sessions: servers that answer in an odd way do not answer a second
//! time, and a client that is connected directly would have seen the line, too.
//!
//! RFC 1939 section 3, RFC 2449 section 8, RFC 5034 section 4.

use crate::pop3::{Shape, Status};

/// What the server owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owed {
    /// Nothing.
    Nothing,
    /// A response of this form.
    Response(Shape),
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// All of the response: success.
    Accepted,
    /// All of the response: an error, whose text is the line's.
    Refused,
    /// The first line of a response of many lines.
    LinesFollow,
    /// A challenge of AUTH.
    Challenge,
    /// It answers nothing.
    Unsolicited,
}

impl Meaning {
    /// Reads a line, with or without its end.
    pub(super) fn of(line: &[u8], owed: Owed) -> Self {
        let shape = match owed {
            Owed::Nothing => return Self::Unsolicited,
            Owed::Response(shape) => shape,
        };
        match (Status::of(line), shape) {
            (Status::Ok, Shape::LinesIfOk) => Self::LinesFollow,
            (Status::Ok, Shape::Line | Shape::Challenges) => Self::Accepted,
            (Status::Challenge, Shape::Challenges) => Self::Challenge,
            // An error is one line, whatever was asked for.
            (Status::Err | Status::Challenge | Status::Other, _) => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of an odd server, and what it is to a command with one line, with many lines, and to AUTH.
    const ODD: &[(&str, Meaning, Meaning, Meaning)] = {
        use Meaning::{Accepted as A, Challenge as C, LinesFollow as L, Refused as R};
        &[
            ("+OK\r\n", A, L, A),
            ("+OK\n", A, L, A),
            ("+ok 2 messages", A, L, A),
            ("+OKAY", A, L, A),
            ("+OK.\r\n", A, L, A),
            ("-ERR\r\n", R, R, R),
            ("-ERR: no such message", R, R, R),
            ("-err", R, R, R),
            ("+ERR mailbox locked", R, R, R),
            ("OK", R, R, R),
            // Office 365 to DELE: MailKit issue 1636.
            ("\r\n", R, R, R),
            // A warning, then the connection is closed: MailKit issue 29.
            ("Warning: unable to open the index\r\n", R, R, R),
            ("debug: opening the mailbox", R, R, R),
            (".\r\n", R, R, R),
            ("1 120", R, R, R),
            ("* BYE", R, R, R),
            ("+ \r\n", R, R, C),
            ("+\r\n", R, R, C),
            ("+ VXNlcm5hbWU6", R, R, C),
        ]
    };

    #[test]
    fn while_a_response_is_owed_every_line_is_that_response() {
        for (line, single, many, auth) in ODD {
            for (shape, meaning) in [
                (Shape::Line, single),
                (Shape::LinesIfOk, many),
                (Shape::Challenges, auth),
            ] {
                let is = Meaning::of(line.as_bytes(), Owed::Response(shape));
                assert_eq!(is, *meaning, "{line:?} to {shape:?}");
            }
        }
    }

    #[test]
    fn while_nothing_is_owed_no_line_is_a_response() {
        for (line, ..) in ODD {
            let is = Meaning::of(line.as_bytes(), Owed::Nothing);
            assert_eq!(is, Meaning::Unsolicited, "{line:?}");
        }
    }
}
