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
        is_ok(self.status)
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
    /// Whether a command of the client's own invention was accepted: nobody knows how long the answer is.
    pub is_unclear: bool,
    /// The client's responses to challenges.
    pub responses: Vec<Vec<u8>>,
}

const END: &[u8] = b"\r\n.\r\n";

/// Splits what the client got into answers to its commands; and what it got beyond those. What was sent before the octet
/// `tls_from` and behind an accepted STLS is discarded (RFC 2595 section 4).
pub fn read<'b>(sent: &[u8], tls_from: usize, got: &'b [u8]) -> Got<'b> {
    let mut rest = got;
    let mut answers = Vec::new();
    let mut is_unclear = false;
    let mut responses = Vec::new();
    let mut login = Login::No;
    if take_line(&mut rest).is_none() {
        // The greeting.
        return Got {
            answers,
            rest,
            is_unclear,
            responses,
        };
    }
    let ended = sent
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let is_lf: fn(&u8) -> bool = |byte| *byte == b'\n';
    let mut lines = sent[..ended].split_inclusive(is_lf);
    while let Some(line) = lines.next() {
        let text = String::from_utf8_lossy(line).to_ascii_uppercase();
        let (verb, arguments) = text
            .trim_ascii_end()
            .split_once([' ', '\t'])
            .unwrap_or((&text, ""));
        let verb = verb.trim_ascii_end();
        let arguments: Vec<&str> = arguments.split_ascii_whitespace().collect();
        let mut status = take_line(&mut rest);
        if verb == "AUTH" && arguments.len() == 1 && status.is_some_and(is_ok) {
            match login {
                // Some servers send `+OK` instead of `+`: before any credential it cannot mean success.
                Login::No => {
                    let Some(response) = lines.next() else {
                        break;
                    };
                    responses.push(response.to_vec());
                    status = take_line(&mut rest);
                }
                Login::Perhaps => is_unclear = true,
                Login::Yes => {}
            }
        }
        // RFC 5034 section 4: the client's next line is its response.
        while verb == "AUTH" && status.is_some_and(is_challenge) {
            let Some(response) = lines.next() else {
                break;
            };
            responses.push(response.to_vec());
            status = take_line(&mut rest);
        }
        let Some(status) = status else {
            break;
        };
        is_unclear |= is_ok(status)
            && (is_invented(verb, &arguments, &text) || is_odd_listing(verb, &arguments));
        if is_unclear {
            break;
        }
        if verb == "STLS" && is_ok(status) {
            let under_tls = sent.get(tls_from..ended).unwrap_or_default();
            lines = under_tls.split_inclusive(is_lf);
        }
        login = match verb {
            "PASS" | "APOP" if is_ok(status) => Login::Yes,
            "AUTH" if is_ok(status) && !arguments.is_empty() => Login::Yes,
            "STAT" | "LIST" | "UIDL" | "RETR" | "TOP" | "DELE"
                if is_ok(status) && login == Login::No =>
            {
                Login::Perhaps
            }
            _ => login,
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
        responses,
    }
}

/// Whether the client is logged in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Login {
    No,
    /// The server accepts commands of the TRANSACTION state.
    Perhaps,
    Yes,
}

/// Some servers send it in lower case, and clients get it as it is.
fn is_ok(status: &[u8]) -> bool {
    status
        .get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"+OK"))
}

fn is_challenge(status: &[u8]) -> bool {
    status.starts_with(b"+ ") || status.starts_with(b"+\t") || status == b"+\r\n"
}

const KNOWN: &[&str] = &[
    "USER", "PASS", "APOP", "AUTH", "CAPA", "STLS", "STAT", "LIST", "UIDL", "RETR", "TOP", "DELE",
    "RSET", "NOOP", "QUIT", "LANG", "UTF8", "LAST", "GET", "POST", "HEAD", "PUT", "OPTIONS",
    "CONNECT", "DELETE", "PATCH", "HELO", "EHLO",
];

/// Whether a line is a command that is passed on without being understood.
fn is_invented(verb: &str, arguments: &[&str], line: &str) -> bool {
    // Those with control characters are refused.
    let is_control = |it: u8| it < b' ' && it != b'\t' || it == 0x7f;
    let is_passed_on = !line.trim_ascii_end().bytes().any(is_control);
    let is_xtnd = verb == "XTND" && matches!(arguments.first(), Some(&"XLST" | &"XMIT"));
    !verb.is_empty() && is_passed_on && !KNOWN.contains(&verb) && !is_xtnd
}

/// Whether a listing is asked for with an argument that RFC 1939 does not know: a server may answer with all of it.
fn is_odd_listing(verb: &str, arguments: &[&str]) -> bool {
    let is_number = |it: &&str| {
        it.bytes().all(|octet| octet.is_ascii_digit())
            && it.parse::<u32>().is_ok_and(|number| number > 0)
    };
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
