//! What a client makes of the octets that it got, given the lines that it sent: RFC 1939, and nothing of popgate's
//! own code.

/// The answer to one command.
#[derive(Debug)]
pub struct Answer<'b> {
    /// The command's verb, in capitals.
    pub verb: String,
    pub status: &'b [u8],
    /// The lines after it, with the final dot if that was sent; `None` if there are none.
    pub body: Option<&'b [u8]>,
    /// Whether the answer has ended.
    pub complete: bool,
}

impl Answer<'_> {
    pub fn is_ok(&self) -> bool {
        self.status.starts_with(b"+OK")
    }

    /// Whether a message was asked for.
    pub fn is_retrieval(&self) -> bool {
        matches!(&*self.verb, "RETR" | "TOP")
    }
}

/// What a client got.
pub struct Got<'b> {
    pub answers: Vec<Answer<'b>>,
    /// Beyond those.
    pub rest: &'b [u8],
    /// Whether the client has sent a command of its own invention: nobody knows how long an answer to that is.
    pub is_unclear: bool,
}

const END: &[u8] = b"\r\n.\r\n";

/// Splits what the client got into answers to its commands; and what it got beyond those.
pub fn read<'b>(sent: &[u8], got: &'b [u8]) -> Got<'b> {
    let mut rest = got;
    let mut answers = Vec::new();
    let mut is_unclear = false;
    if take_line(&mut rest).is_none() {
        // The greeting.
        return Got {
            answers,
            rest,
            is_unclear,
        };
    }
    let ended = sent
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let mut lines = sent[..ended].split_inclusive(|byte| *byte == b'\n');
    while let Some(line) = lines.next() {
        let text = String::from_utf8_lossy(line).to_ascii_uppercase();
        let (verb, arguments) = text.trim_ascii_end().split_once(' ').unwrap_or((&text, ""));
        let verb = verb.trim_ascii_end();
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        if is_invented(verb, &text) || is_odd_listing(verb, &arguments) {
            is_unclear = true;
            break;
        }
        let mut status = take_line(&mut rest);
        // RFC 5034 section 4: the client's next line is its response.
        while verb == "AUTH" && status.is_some_and(|it| it.starts_with(b"+ ") || it == b"+\r\n") {
            if lines.next().is_none() {
                break;
            }
            status = take_line(&mut rest);
        }
        let Some(status) = status else {
            break;
        };
        let mut answer = Answer {
            verb: verb.to_owned(),
            status,
            body: None,
            complete: true,
        };
        if answer.is_ok() && has_lines(verb, &arguments) {
            // The status line's end counts.
            let begin = got.len() - rest.len() - 2;
            let end = memchr::memmem::find(&got[begin..], END).map(|at| begin + at + END.len());
            answer.complete = end.is_some();
            let end = end.unwrap_or(got.len());
            answer.body = Some(&got[begin + 2..end]);
            rest = &got[end..];
        }
        let complete = answer.complete;
        answers.push(answer);
        if !complete {
            break;
        }
    }
    Got {
        answers,
        rest,
        is_unclear,
    }
}

const KNOWN: &[&str] = &[
    "USER", "PASS", "APOP", "AUTH", "CAPA", "STLS", "STAT", "LIST", "UIDL", "RETR", "TOP", "DELE",
    "RSET", "NOOP", "QUIT", "LANG", "UTF8", "LAST", "GET", "POST", "HEAD", "PUT", "OPTIONS",
    "CONNECT", "DELETE", "PATCH", "HELO", "EHLO",
];

/// Whether a line is a command that is passed on without being understood.
fn is_invented(verb: &str, line: &str) -> bool {
    // Those with control characters are refused.
    let is_control = |it: u8| it < b' ' && it != b'\t' || it == 0x7f;
    let is_passed_on = !line.trim_ascii_end().bytes().any(is_control);
    let is_xtnd = verb == "XTND" && (line.contains("XLST") || line.contains("XMIT"));
    !verb.is_empty() && is_passed_on && !KNOWN.contains(&verb) && !is_xtnd
}

/// Whether a listing is asked for with an argument that RFC 1939 does not know: a server may answer with all of it.
fn is_odd_listing(verb: &str, arguments: &[&str]) -> bool {
    let is_number = |it: &&str| it.bytes().all(|octet| octet.is_ascii_digit());
    matches!(verb, "LIST" | "UIDL")
        && !arguments.is_empty()
        && !matches!(arguments, [it] if is_number(it))
}

/// Whether lines follow `+OK`.
fn has_lines(verb: &str, arguments: &[&str]) -> bool {
    match verb {
        "RETR" | "TOP" | "CAPA" => true,
        "LIST" | "UIDL" | "AUTH" | "LANG" => arguments.is_empty(),
        "XTND" => arguments.first() == Some(&"XLST"),
        _ => false,
    }
}

fn take_line<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let end = memchr::memchr(b'\n', rest)? + 1;
    let (line, after) = rest.split_at(end);
    *rest = after;
    Some(line)
}
