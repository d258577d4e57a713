//! The digest: a message that lists what was held back, why, and how to get it back.
//!
//! In: what is held, the time, an id; out: a message of popgate's own (RFC 5322), which carries the marks by which it is
//! never judged or learned. It is plain text: every mail program shows it alike, nothing in it can be shown as something
//! else than it is, and there is no second part to differ from.
//!
//! Senders and subjects are a spammer's words: they are cut, and what a mail program would make a link of is broken up.

use std::fmt::Write as _;

use bytes::Bytes;
use time::OffsetDateTime;

use super::notice::harmless;

/// Longer subjects and names are truncated to this many characters.
const SHOWN: usize = 120;

/// A message that is held.
#[derive(Debug, Clone, Copy)]
pub struct HeldMessage<'a> {
    /// Its id in quarantine.
    pub id: &'a str,
    /// The sender, as its header has it.
    pub from: &'a str,
    /// The subject.
    pub subject: &'a str,
    /// The score, if it is known.
    pub score: Option<f64>,
    /// The description of the rule with the most points.
    pub reason: Option<&'a str>,
    /// How many rules hit besides.
    pub more_reasons: usize,
    /// Since when, in seconds since 1970.
    pub held_at: i64,
}

/// What a digest says.
#[derive(Debug, Clone, Copy)]
pub struct Digest<'a> {
    /// Its X-Popgate-Id, and a part of its Message-ID: letters, digits and hyphens.
    pub id: &'a str,
    /// The user's name on the server.
    pub user: &'a str,
    /// What is listed, the oldest first.
    pub held: &'a [HeldMessage<'a>],
    /// How many more there are.
    pub more: usize,
    /// The time, in seconds since 1970.
    pub now: i64,
    /// What is behind the user's name in a login to the quarantine; empty = there are none.
    pub login_suffix: &'a str,
    /// Where the console is reached, without a slash at the end.
    pub console: Option<&'a str>,
}

/// The message, not dot-stuffed.
pub fn digest(digest: &Digest<'_>) -> Bytes {
    let mut text = header(digest);
    let total = digest.held.len() + digest.more;
    let _ = write!(
        text,
        "popgate held back {} for {}, because {} spam.\r\n",
        counted(total),
        harmless(digest.user),
        if total == 1 {
            "it looks like"
        } else {
            "they look like"
        },
    );
    for held in digest.held {
        describe(&mut text, held, digest.console);
    }
    if digest.more > 0 {
        let _ = write!(text, "\r\n... and {} more.\r\n", digest.more);
    }
    if digest.console.is_some() {
        text.push_str(
            "\r\nTo see a message, or to get it back, open the address below it. Its page asks for the name and the \
             password\r\nof this mailbox.\r\n",
        );
    }
    text.push_str("\r\nTo put a message back into this mailbox, the administrator enters\r\n\r\n");
    text.push_str("    popgate quarantine release ID\r\n");
    if !digest.login_suffix.is_empty() {
        let _ = write!(
            text,
            "\r\nTo read them yourself, add an account to your mail program with the user name\r\n\r\n\
             \x20   {}{}\r\n\r\nand the same server and password. Deleting a message there deletes it from the quarantine.\r\n",
            harmless(digest.user),
            digest.login_suffix
        );
    }
    Bytes::from(text)
}

fn header(digest: &Digest<'_>) -> String {
    let id = digest.id;
    let to = match is_address(digest.user) {
        true => digest.user,
        false => "undisclosed-recipients:;",
    };
    format!(
        "X-Popgate-Id: {id}\r\nMessage-ID: <{id}@popgate.invalid>\r\nDate: {}\r\n\
         From: popgate <popgate@localhost>\r\nTo: {to}\r\nSubject: popgate held back {}\r\n\
         Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\n",
        date_time(digest.now),
        counted(digest.held.len() + digest.more),
    )
}

fn describe(text: &mut String, held: &HeldMessage<'_>, console: Option<&str>) {
    let _ = write!(
        text,
        "\r\n    From:    {}\r\n    Subject: {}\r\n    Held:    {}\r\n    ID:      {}\r\n",
        sender(held.from),
        match held.subject.trim().is_empty() {
            true => "(none)".to_owned(),
            false => without_links(held.subject),
        },
        date_time(held.held_at),
        held.id
    );
    let points = held.score.map(|score| format!("{score:.1} points"));
    let reason = held.reason.map(|reason| {
        let reason = harmless(reason);
        match held.more_reasons {
            0 => reason,
            1 => format!("{reason}, and one reason more"),
            more => format!("{reason}, and {more} reasons more"),
        }
    });
    let why: Vec<String> = points.into_iter().chain(reason).collect();
    if !why.is_empty() {
        let _ = write!(text, "    Why:     {}\r\n", why.join(": "));
    }
    if let Some(console) = console {
        let _ = write!(text, "    {console}/m/{}\r\n", held.id);
    }
}

fn counted(messages: usize) -> String {
    match messages {
        1 => "1 message".to_owned(),
        messages => format!("{messages} messages"),
    }
}

/// A name, and an address in angle brackets, which is shown as it is if it is a plain one.
fn sender(from: &str) -> String {
    let from = from.trim();
    if from.is_empty() {
        return "unknown".to_owned();
    }
    if let Some((name, address)) = from.strip_suffix('>').and_then(|it| it.rsplit_once('<'))
        && is_address(address)
    {
        return format!("{} <{address}>", without_links(name.trim()))
            .trim_start()
            .to_owned();
    }
    match is_address(from) {
        true => from.to_owned(),
        false => without_links(from),
    }
}

/// An address without anything that has a meaning in a header or makes a link of it.
fn is_address(text: &str) -> bool {
    let is_atom = |text: &str, others: &str| {
        let is_atom = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
        !text.is_empty() && text.chars().all(is_atom)
    };
    let parts = text.split_once('@').filter(|_| text.len() <= SHOWN);
    parts.is_some_and(|(user, domain)| is_atom(user, "._+-=") && is_atom(domain, ".-"))
}

/// A text of limited length in which mail programs find no link: no scheme, no host name.
fn without_links(text: &str) -> String {
    let text: String = harmless(text).chars().take(SHOWN).collect();
    let mut shown = String::with_capacity(text.len() + 16);
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let is_inside =
            before.is_alphanumeric() && rest.peek().is_some_and(|it| !it.is_whitespace());
        match c {
            // Also those that IDNA reads as dots.
            '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}'
                if is_inside && !is_number(before, rest.peek()) =>
            {
                shown.push_str("[.]");
            }
            ':' | '\u{ff1a}' if is_inside && !is_number(before, rest.peek()) => {
                shown.push_str("[:]");
            }
            c => shown.push(c),
        }
        before = c;
    }
    shown
}

/// Digits on both sides: a price or a time.
fn is_number(before: char, after: Option<&char>) -> bool {
    before.is_ascii_digit() && after.is_some_and(char::is_ascii_digit)
}

/// RFC 5322 section 3.3, in UTC.
fn date_time(seconds: i64) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    // A time that no calendar has is the first of all.
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let day = DAYS[usize::from(time.weekday().number_days_from_monday())];
    let month = MONTHS[usize::from(u8::from(time.month())) - 1];
    format!(
        "{day}, {:02} {month} {:04} {:02}:{:02}:{:02} +0000",
        time.day(),
        time.year(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;

    use super::*;
    use crate::filter::classifier::is_popgates_own;

    fn held<'a>(from: &'a str, subject: &'a str) -> HeldMessage<'a> {
        HeldMessage {
            id: "65a1-0b",
            from,
            subject,
            score: Some(12.34),
            reason: Some("Links to an IP address"),
            more_reasons: 3,
            held_at: 1_700_000_000,
        }
    }

    fn made(user: &str, held: &[HeldMessage<'_>], more: usize) -> String {
        let bytes = digest(&Digest {
            id: "digest-1-2",
            user,
            held,
            more,
            now: 1_700_090_000,
            login_suffix: "+quarantine",
            console: None,
        });
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn it_is_a_message_of_popgates_own() {
        let text = made(
            "ann@example.net",
            &[held("Bob <bob@example.org>", "für Sie")],
            0,
        );
        assert!(is_popgates_own(text.as_bytes()));
        let parsed = MessageParser::new().parse(text.as_bytes()).unwrap();
        assert_eq!(parsed.subject(), Some("popgate held back 1 message"));
        assert_eq!(parsed.date().unwrap().to_timestamp(), 1_700_090_000);
        assert_eq!(parsed.message_id(), Some("digest-1-2@popgate.invalid"));
        let to = parsed.to().unwrap().first().unwrap();
        assert_eq!(to.address(), Some("ann@example.net"));
        let body = parsed.body_text(0).unwrap();
        for line in [
            "popgate held back 1 message for ann@example.net, because it looks like spam.",
            "    From:    Bob <bob@example.org>",
            "    Subject: für Sie",
            "    Held:    Tue, 14 Nov 2023 22:13:20 +0000",
            "    Why:     12.3 points: Links to an IP address, and 3 reasons more",
            "    popgate quarantine release ID",
            "    ann@example.net+quarantine",
        ] {
            assert!(body.lines().any(|it| it == line), "{line}\n{body}");
        }
        for line in text.split_inclusive('\n') {
            assert!(line.ends_with("\r\n") && line.len() <= 998, "{line:?}");
        }
    }

    #[test]
    fn a_spammers_words_are_neither_lines_nor_links() {
        let long = "x".repeat(5000);
        let hostile = [
            held(
                "\"Bank\" <https://evil.example/>",
                "Click https://evil.example/a now",
            ),
            held("evil.example", "www.evil.example"),
            held(
                "a@b.example\r\nBcc: eve@example.org",
                "x\r\n\r\n<script>alert(1)</script>",
            ),
            held(
                "=?utf-8?q?x?=",
                "\u{202e}elpmaxe.live \u{200b} mailto:eve@evil.example",
            ),
            held("evil\u{3002}example", "javascript:alert(1) 12:30 9.99"),
            held(&long, &long),
            held("", " "),
        ];
        let text = made("ann\r\nBcc: x", &hostile, 12);
        let (header, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            header.contains("\r\nTo: undisclosed-recipients:;\r\n"),
            "{header}"
        );
        assert!(header.contains("Subject: popgate held back 19 messages"));
        for never in [
            "://",
            "evil.example",
            "www.",
            "mailto:",
            "javascript:",
            "\u{202e}",
            "Bcc: eve@example.org\r\n",
            "\u{3002}",
        ] {
            assert!(!body.contains(never), "{never:?}\n{body}");
        }
        assert!(
            body.contains("12:30 9.99") && body.contains("... and 12 more."),
            "{body}"
        );
        assert!(
            !body
                .lines()
                .any(|line| line.starts_with("Bcc") || line.starts_with('<')),
            "{body}"
        );
        assert!(text.lines().all(|line| line.len() < 998));
        assert!(
            body.contains("From:    unknown\r\n    Subject: (none)"),
            "{body}"
        );
    }

    #[test]
    fn the_console_is_linked_where_there_is_one() {
        let bytes = digest(&Digest {
            id: "digest-1-2",
            user: "ann",
            held: &[held("bob@example.org", "x")],
            more: 0,
            now: 0,
            login_suffix: "",
            console: Some("https://mail.example.net:9110"),
        });
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(
            text.contains("\r\n    https://mail.example.net:9110/m/65a1-0b\r\n"),
            "{text}"
        );
        assert!(!text.contains("user name"), "{text}");
    }
}
