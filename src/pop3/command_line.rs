//! The line of a command as the upstream gets it.
//!
//! In: a parsed command, and the client's line; out: the line for the upstream. Known commands are written anew, so
//! that nothing goes up but what was parsed: the verb in capitals, the arguments behind one space each. What follows
//! USER, PASS and APOP is one argument, spaces included (RFC 1939 section 7). Unknown commands are relayed.
//!
//! No control octet goes up except within PASS, whose argument is relayed octet for octet.

use std::io::Write as _;

use bytes::{BufMut, BytesMut};

use super::client_line::{split, words};
use super::line::trim_end;
use super::{Command, Lines, UpstreamNumber};

impl Command<UpstreamNumber> {
    /// Appends the line, its end included. `line` is the client's.
    pub fn write(&self, line: &[u8], out: &mut BytesMut) {
        let (verb, tail) = split(line);
        match self {
            Self::List(Some(UpstreamNumber(number)))
            | Self::Uidl(Some(UpstreamNumber(number)))
            | Self::Retr(UpstreamNumber(number))
            | Self::Dele(UpstreamNumber(number)) => {
                put_verb(verb, out);
                put(out, format_args!(" {number}"));
            }
            Self::Top(UpstreamNumber(number), Lines(lines)) => {
                put(out, format_args!("TOP {number} {lines}"));
            }
            Self::Pass | Self::User | Self::Apop => {
                put_verb(verb, out);
                if verb.len() < trim_end(line).len() {
                    out.put_u8(b' ');
                    match self {
                        Self::Pass => out.extend_from_slice(tail),
                        _ => put_spaced(tail, out),
                    }
                }
            }
            Self::Unknown => {
                put_spaced(trim_end(line), out);
            }
            _ => {
                put_verb(verb, out);
                for word in words(tail) {
                    out.put_u8(b' ');
                    out.extend_from_slice(word);
                }
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn put(out: &mut BytesMut, text: std::fmt::Arguments<'_>) {
    // Writing to a buffer in memory does not fail.
    let _ = out.writer().write_fmt(text);
}

fn put_verb(verb: &[u8], out: &mut BytesMut) {
    out.extend(verb.iter().map(u8::to_ascii_uppercase));
}

/// With a space for each tab.
fn put_spaced(text: &[u8], out: &mut BytesMut) {
    let spaced = text.iter().map(|&octet| match octet {
        b'\t' => b' ',
        octet => octet,
    });
    out.extend(spaced);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_commands_are_written_anew() {
        let table: &[(&[u8], &[u8])] = &[
            (b"noop\n", b"NOOP\r\n"),
            (b"noop   x  y \r\n", b"NOOP x y\r\n"),
            (b"Retr  007\r\n", b"RETR 7\r\n"),
            (b"list\r\n", b"LIST\r\n"),
            (b"uidl 3 \r\n", b"UIDL 3\r\n"),
            (b"dele\t3\r\n", b"DELE 3\r\n"),
            (b"top 1  5\r\n", b"TOP 1 5\r\n"),
            (b"top   1\r\n", b"TOP 1\r\n"),
            (b"retr one  two\r\n", b"RETR one two\r\n"),
            (b"user j\xfcrgen  m\r\n", b"USER j\xfcrgen  m\r\n"),
            (b"user a\tb\r\n", b"USER a b\r\n"),
            (b"user\r\n", b"USER\r\n"),
            (b"user \r\n", b"USER \r\n"),
            (b"pass  a \t b \r\n", b"PASS  a \t b \r\n"),
            (b"pass\r\n", b"PASS\r\n"),
            (b"apop ann 0123\r\n", b"APOP ann 0123\r\n"),
            (b"auth  plain AGEAYg==\r\n", b"AUTH plain AGEAYg==\r\n"),
            (b"auth\r\n", b"AUTH\r\n"),
            (b"xfoo  Bar\tbaz\r\n", b"xfoo  Bar baz\r\n"),
            (b"xfoo\n", b"xfoo\r\n"),
            (b"quit now\r\n", b"QUIT now\r\n"),
        ];
        for (line, expected) in table {
            let command = Command::parse(line).map_number(|it| Some(UpstreamNumber(it.0)));
            let mut out = BytesMut::new();
            command.unwrap().write(line, &mut out);
            let shown = String::from_utf8_lossy(&out);
            assert_eq!(out, *expected, "{shown:?}");
        }
    }
}
