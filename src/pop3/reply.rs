//! Replies: the status line, and the form of a command's response.
//!
//! RFC 1939 section 3 (status indicators), RFC 2449 section 8 (response codes).

/// A status line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// `+OK`
    Ok,
    /// `-ERR`; such an answer is always one line.
    Err,
    /// `+` of an AUTH exchange (RFC 5034 section 4), with or without the space.
    Challenge,
    /// Not a status line at all.
    Other,
}

impl Status {
    /// Reads a line, with or without its end.
    pub fn of(line: &[u8]) -> Self {
        let word = line
            .split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
            .next();
        match word.unwrap_or_default() {
            // Some servers send them in lower case.
            word if word.eq_ignore_ascii_case(b"+OK") => Self::Ok,
            word if word.eq_ignore_ascii_case(b"-ERR") => Self::Err,
            b"+" => Self::Challenge,
            _ => Self::Other,
        }
    }
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

    #[test]
    fn status_lines_are_classified() {
        assert_eq!(Status::of(b"+OK\r\n"), Status::Ok);
        assert_eq!(Status::of(b"+ok 3 messages"), Status::Ok);
        assert_eq!(Status::of(b"-ERR [AUTH] no\r\n"), Status::Err);
        assert_eq!(Status::of(b"+ \r\n"), Status::Challenge);
        assert_eq!(Status::of(b"+\r\n"), Status::Challenge);
        assert_eq!(Status::of(b"+ PDE4OT\r\n"), Status::Challenge);
        assert_eq!(Status::of(b"+OKAY\r\n"), Status::Other);
        assert_eq!(Status::of(b"* BYE\r\n"), Status::Other);
        assert_eq!(Status::of(b""), Status::Other);
    }
}
