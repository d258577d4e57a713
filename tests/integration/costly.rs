//! Messages made to be expensive: each kind, in 32 KB and in 500 KB, is judged within the budget of work, and by what a
//! person sees of it. Work is counted, so no clock decides.

use std::fmt::Write;
use std::io::Write as _;
use std::sync::OnceLock;

use base64::Engine;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use popgate::filter::{Action, Filter, RuleSet, Thresholds, Verdict};
use popgate::message::Partial;

const SIZES: [usize; 2] = [32 << 10, 500 << 10];

/// The header and the text of a spam; the rest of the message follows.
const HEADER: &str = "From: \"A\" <a@spam.example>\r\nTo: b@c.example\r\nSubject: Winner lottery viagra free money\r\n";
const TEXT: &str = "Winner of the lottery, viagra and free money at http://192.0.2.4/win\r\n";

/// Rules that this header hits, and that the text hits.
const OF_HEADER: [&str; 2] = ["SUBJ_PRIZE", "SUBJ_GOODS"];
const OF_TEXT: [&str; 1] = ["URL_IP"];

fn filter() -> &'static Filter {
    static FILTER: OnceLock<Filter> = OnceLock::new();
    FILTER.get_or_init(|| {
        let thresholds = Thresholds {
            tag_at: 5.0,
            drop_at: None,
        };
        Filter::new(RuleSet::stock().unwrap(), thresholds).unwrap()
    })
}

fn has(verdict: &Verdict, rule: &str) -> bool {
    verdict.hits.iter().any(|hit| &*hit.rule == rule)
}

fn within_budget(verdict: &Verdict) -> bool {
    verdict.work <= filter().budget()
}

fn fill(unit: &str, size: usize) -> String {
    unit.repeat(size / unit.len() + 1)
}

fn base64(bytes: &[u8]) -> String {
    let coded = base64::engine::general_purpose::STANDARD.encode(bytes);
    let mut lines = String::new();
    for line in coded.as_bytes().chunks(76) {
        lines.push_str(std::str::from_utf8(line).unwrap());
        lines.push_str("\r\n");
    }
    lines
}

/// A PDF with so many object streams, each of which inflates to this.
fn pdf(streams: usize, unit: &str) -> Vec<u8> {
    let mut coder = ZlibEncoder::new(Vec::new(), Compression::best());
    coder.write_all(fill(unit, 256 << 10).as_bytes()).unwrap();
    let deflated = coder.finish().unwrap();
    let mut pdf = b"%PDF-1.5\n".to_vec();
    for _ in 0..streams {
        pdf.extend(b"1 0 obj<</Type/ObjStm/First 4/Filter/FlateDecode>>stream\n");
        pdf.extend(&deflated);
        pdf.extend(b"\nendstream endobj\n");
    }
    pdf
}

const PDF: &str = "Content-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment\r\n\
    Content-Transfer-Encoding: base64";

/// The spam in the first part, and then parts of this declaration and body until the message is this large.
fn multipart(declaration: &str, body: &str, size: usize) -> String {
    let part = format!("--b\r\n{declaration}\r\n\r\n{body}\r\n");
    let parts = fill(&part, size.saturating_sub(part.len()));
    format!(
        "{HEADER}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{TEXT}\r\n{parts}--b--\r\n"
    )
}

/// The same with the text of the spam last.
fn text_last(declaration: &str, body: &str, size: usize) -> String {
    let first = multipart(declaration, body, size);
    let shown = format!("--b\r\n\r\n{TEXT}\r\n");
    let without = first.replacen(&shown, "", 1);
    without.replace("--b--", &format!("{shown}--b--"))
}

/// The spam's text, and then more of the same part.
fn page(more: &str) -> String {
    format!(
        "{HEADER}Content-Type: text/html; charset=utf-8\r\n\r\n{TEXT}<a href=\"http://192.0.2.4/win\">x</a><br>{more}\r\n"
    )
}

fn plain(charset: &str, more: &str) -> Vec<u8> {
    let head = format!("{HEADER}Content-Type: text/plain; charset={charset}\r\n\r\n{TEXT}\r\n");
    [head.as_bytes(), more.as_bytes()].concat()
}

/// Bytes without a pattern.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..size).map(|_| next()).collect()
}

/// Attachments that are expensive to look into.
fn with_files(size: usize) -> Vec<(&'static str, Vec<u8>)> {
    let links = base64(&pdf(1, "/Type /Page /URI (http://x.example/)\n"));
    let names = base64(&pdf(1, "/"));
    let many = base64(&pdf(60, "/Launch "));
    let raw = base64(&[&b"%PDF-1.4\n"[..], &noise(size / 2)].concat());
    let hexadecimal = base64(format!("%PDF-1.4\n{}", fill("/URI<1 ", size / 2)).as_bytes());
    let zip = base64(
        &b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0a.".repeat(size / 64),
    );
    let zip_type = PDF.replace("pdf", "zip");
    [
        ("PDFs with links", multipart(PDF, &links, size)),
        ("PDFs with links, text last", text_last(PDF, &links, size)),
        ("PDFs with names", multipart(PDF, &names, size)),
        ("PDFs with streams", multipart(PDF, &many, size)),
        ("a PDF of noise", multipart(PDF, &raw, 0)),
        ("a PDF of open strings", multipart(PDF, &hexadecimal, 0)),
        ("a ZIP of names", multipart(&zip_type, &zip, 0)),
        (
            "named parts",
            multipart(
                "Content-Type: application/octet-stream; name=\"a.pdf.exe\"",
                "MZ",
                size,
            ),
        ),
    ]
    .map(|(kind, message)| (kind, message.into_bytes()))
    .into()
}

/// Structures that are expensive to walk.
fn structures(size: usize) -> Vec<(&'static str, Vec<u8>)> {
    let parameters = |name: &str| {
        let all: String = (0..900).map(|at| format!("; {name}{at}=b")).collect();
        format!("Content-Type: text/plain\r\nContent-Disposition: attachment{all}")
    };
    [
        ("empty parts", multipart("X: y", "", size)),
        ("small parts, text last", text_last("X: y", "x", size)),
        ("parameters", multipart(&parameters("a"), "x", size)),
        (
            "continued parameters",
            multipart(&parameters("filename*"), "x", size),
        ),
        (
            "attached pages",
            multipart(
                "Content-Type: text/html; name=a.html\r\nContent-Disposition: attachment",
                &fill("<b>x", 4000),
                size,
            ),
        ),
        (
            "nested messages",
            multipart(
                "X: y",
                &fill("Content-Type: message/rfc822\r\n\r\n", size),
                0,
            ),
        ),
        (
            "nested multiparts",
            multipart(
                &fill(
                    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
                    size,
                ),
                "",
                0,
            ),
        ),
    ]
    .map(|(kind, message)| (kind, message.into_bytes()))
    .into()
}

/// Pages that are expensive to read.
fn pages(size: usize) -> Vec<(&'static str, Vec<u8>)> {
    let linked = |host: &dyn Fn(usize) -> String| {
        let mut all = String::new();
        let mut number = 0;
        while all.len() < size {
            let _ = write!(all, "<a href=\"http://{}/\">x</a>", host(number));
            number += 1;
        }
        all
    };
    let idn: String = (0..90)
        .filter_map(|at| char::from_u32(0x4e00 + at))
        .collect();
    [
        ("elements", page(&fill("<b>", size))),
        ("paragraphs", page(&fill("<p>x", size))),
        (
            "open elements",
            page(&format!("{}{}", "<i>".repeat(100), fill("</q>", size))),
        ),
        ("tables", page(&fill("<table><tr><td>", size))),
        ("attributes", page(&format!("<a {}>", fill("a=b ", size)))),
        (
            "a giant attribute",
            page(&format!("<a title=\"{}\">", fill("x", size))),
        ),
        (
            "a giant style",
            page(&format!("<a style=\"{}\">", fill("color:red;", size))),
        ),
        (
            "a style sheet",
            page(&format!("<style>{}</style>", fill(".a{color:red}", size))),
        ),
        ("entities", page(&fill("&amp;", size))),
        (
            "unknown entities",
            page(&fill("&CounterClockwiseContourIntegra", size)),
        ),
        ("ampersands", page(&fill("&", size))),
        ("open tags", page(&fill("<", size))),
        ("comments", page(&fill("a<!---->", size))),
        ("scripts", page(&fill("<script></script>", size))),
        (
            "forms",
            page(&fill("<form action=http://a.example/>", size)),
        ),
        ("links", page(&linked(&|at| format!("a{at}.example")))),
        (
            "hosts of many labels",
            page(&linked(&|at| format!("{at}.{}com", "a.".repeat(140)))),
        ),
        (
            "hosts of too many labels",
            page(&linked(&|at| format!("{at}.{}com", "a.".repeat(900)))),
        ),
        (
            "hosts in Punycode",
            page(&linked(&|at| format!("{at}.xn--{}.com", "abcd".repeat(60)))),
        ),
        (
            "hosts in Chinese",
            page(&linked(&|at| format!("{at}{idn}.com"))),
        ),
        (
            "links in links",
            page(&linked(&|at| {
                format!("{at}.com/?{}", "http%3a".repeat(280))
            })),
        ),
    ]
    .map(|(kind, message)| (kind, message.into_bytes()))
    .into()
}

/// Texts that are expensive to decode or to search.
fn texts(size: usize) -> Vec<(String, Vec<u8>)> {
    let words = "the quick brown fox jumps over the lazy dog and then it goes home ";
    let plain_texts = [
        ("one line", fill(words, size)),
        ("paragraphs", fill("a\r\n\r\n", size)),
        ("dollars", fill("$1!!", size)),
        ("mailto", fill("mailto:", size)),
        ("www", fill("www.", size)),
        ("text links", fill("http://a.b.example/ ", size)),
        ("look-alikes", fill("P\u{430}yp\u{430}l ", size)),
        (
            "full width",
            fill("\u{ff41}\u{ff42}\u{1d18} e\u{301}\u{301} ", size),
        ),
        ("zero width", fill("a\u{200b}", size)),
        (
            "Cyrillic",
            fill(
                "\u{431}\u{435}\u{441}\u{43f}\u{43b}\u{430}\u{442}\u{43d}\u{43e} ",
                size,
            ),
        ),
        ("every word of the rules", stuffing(size)),
    ];
    let mut all: Vec<_> = plain_texts
        .into_iter()
        .map(|(kind, text)| (kind.to_owned(), plain("utf-8", &text)))
        .collect();
    for charset in [
        "iso-2022-jp",
        "utf-7",
        "gb18030",
        "shift_jis",
        "big5",
        "euc-kr",
        "utf-16le",
        "koi8-r",
        "windows-1258",
        "tis-620",
        "no-such",
    ] {
        let head = plain(charset, "");
        all.push((charset.to_owned(), [head, noise(size)].concat()));
    }
    for (encoding, body) in [
        ("quoted-printable", fill("=\r\n", size)),
        ("quoted-printable", fill("=zz", size)),
        ("quoted-printable", fill("=D0=90", size)),
        ("base64", base64(fill(words, size / 2).as_bytes())),
        ("base64", fill("!SGVsbG8", size)),
    ] {
        let message = multipart(&format!("Content-Transfer-Encoding: {encoding}"), &body, 0);
        all.push((encoding.to_owned(), message.into_bytes()));
    }
    all
}

/// Text that has the literals of every rule.
fn stuffing(size: usize) -> String {
    let rules = RuleSet::stock().unwrap();
    let mut words = String::new();
    for example in rules.iter().flat_map(|rule| &rule.examples.hit) {
        let text = format!("{:?}", example.text);
        words.extend(text.chars().filter(|letter| !"<>\\\"".contains(*letter)));
        words.push(' ');
    }
    fill(&words, size)
}

/// Headers that are expensive to read.
fn headers(size: usize) -> Vec<(&'static str, String)> {
    let received =
        "Received: from a.example (b [192.0.2.1]) by c.example; Tue, 1 Jul 2025 10:00:00 +0000\r\n";
    let recipients: String = (0..size / 32)
        .map(|at| format!("u{at}@e{at}.example,\r\n "))
        .collect();
    let body = "\r\nhello\r\n";
    [
        ("fields", format!("{HEADER}{}{body}", fill("X:\r\n", size))),
        (
            "Received",
            format!("{HEADER}{}{body}", fill(received, size)),
        ),
        (
            "To",
            format!("{HEADER}{}{body}", fill("To: d@e.example\r\n", size)),
        ),
        (
            "recipients",
            format!("{HEADER}To: {recipients}f@g.example\r\n{body}"),
        ),
        (
            "subjects",
            format!(
                "{HEADER}{}{body}",
                fill(
                    &format!("Subject: {}\r\n", fill("free money ", 15_000)),
                    size
                )
            ),
        ),
        (
            "encoded words",
            format!(
                "{HEADER}Subject: {}\r\n{body}",
                fill("=?utf-8?q?a?= ", size)
            ),
        ),
        (
            "broken encoded words",
            format!("{HEADER}Sender: {}\r\n{body}", fill("=?ab?q?", size)),
        ),
        (
            "one field",
            format!(
                "{HEADER}X: {}\r\n{body}",
                stuffing(size).replace(['\r', '\n'], "")
            ),
        ),
    ]
    .into()
}

#[test]
fn costly_messages_are_judged_by_what_a_person_sees() {
    for size in SIZES {
        let all = with_files(size)
            .into_iter()
            .chain(structures(size))
            .chain(pages(size))
            .map(|(kind, message)| (kind.to_owned(), message))
            .chain(texts(size));
        for (kind, message) in all {
            let verdict = filter().judge(&message);
            let (work, partial) = (verdict.work, verdict.partial);
            assert!(within_budget(&verdict), "{kind}, {size}: {work}");
            for rule in OF_HEADER.iter().chain(&OF_TEXT) {
                // UTF-16 is no text in ASCII.
                let is_text = kind != "utf-16le" || OF_HEADER.contains(rule);
                assert!(
                    has(&verdict, rule) || !is_text,
                    "{kind}, {size}: {rule} {partial:?}"
                );
            }
            assert_eq!(
                has(&verdict, "COSTLY_MESSAGE"),
                partial.is_some(),
                "{kind}, {size}"
            );
            // Of small messages only: judging the large ones again would take a third of all tests' time.
            if size == SIZES[0] {
                assert_eq!(filter().judge(&message).work, work, "{kind}, {size}");
            }
        }
        for (kind, message) in headers(size) {
            let verdict = filter().judge(message.as_bytes());
            assert!(within_budget(&verdict), "{kind}, {size}: {}", verdict.work);
            assert!(has(&verdict, OF_HEADER[0]), "{kind}, {size}");
        }
    }
}

/// Fields of many names that are costly to decode leave the places with more rules their part of the budget.
#[test]
fn a_header_padded_with_costly_fields_is_judged_by_its_subject() {
    let names = [
        "Received",
        "DKIM-Signature",
        "In-Reply-To",
        "References",
        "X-Mailer",
        "Message-ID",
    ];
    let mut mail = HEADER.as_bytes().to_vec();
    for name in names {
        mail.extend(
            format!("{name}: x")
                .bytes()
                .chain(*b"\xff\xfe y\r\n")
                .collect::<Vec<_>>()
                .repeat(200),
        );
    }
    mail.extend(format!("\r\n{TEXT}").bytes());
    let verdict = filter().judge(&mail);
    assert!(within_budget(&verdict));
    for rule in OF_HEADER {
        assert!(has(&verdict, rule), "{rule}: {:?}", verdict.hits);
    }
    assert!(!has(&verdict, "FROM_MISSING"), "{:?}", verdict.hits);
    assert_eq!(verdict.action, Action::Tag);
}

/// What is only large or full of links reaches no part of the budget.
#[test]
fn large_ordinary_messages_are_judged_whole() {
    let words = "Please find below the minutes of our meeting on Tuesday. ";
    let news = "<tr><td><a href=\"https://news.example/a?id=1\">More about gr\u{fc}ne trees</a></td></tr>\r\n";
    for message in [
        plain("utf-8", &fill(words, 500 << 10)),
        plain("koi8-r", &fill(words, 500 << 10)),
        page(&fill(news, 500 << 10)).into_bytes(),
        page(&fill(
            "<p>\u{431}\u{435}\u{441} \u{43f}\u{43b}\u{430}\u{442}</p>",
            500 << 10,
        ))
        .into_bytes(),
        multipart(PDF, &base64(&pdf(1, "/Type /Page 5 0 R (text) Tj\n")), 0).into_bytes(),
        multipart(
            "Content-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64",
            &base64(&noise(350 << 10)),
            0,
        )
        .into_bytes(),
    ] {
        let verdict = filter().judge(&message);
        assert_eq!(
            verdict.partial,
            None,
            "{}",
            String::from_utf8_lossy(&message[..300])
        );
        assert!(verdict.work < filter().budget() / 2, "{}", verdict.work);
    }
}

#[test]
fn a_spam_with_516_costly_files_is_tagged() {
    let file = base64(&pdf(4, "/URI (http://a.example/)"));
    let parts = format!("--b\r\n{PDF}\r\n\r\n{file}\r\n").repeat(516);
    for text_first in [true, false] {
        let text = format!("--b\r\n\r\n{TEXT}\r\n");
        let (first, last) = if text_first {
            (&*text, "")
        } else {
            ("", &*text)
        };
        let message = format!(
            "{HEADER}Content-Type: multipart/mixed; boundary=b\r\n\r\n{first}{parts}{last}--b--\r\n"
        );
        let verdict = filter().judge(message.as_bytes());
        assert_eq!(verdict.action, Action::Tag, "{:?}", verdict.hits);
        assert_eq!(verdict.partial, Some(Partial::Files));
        assert!(has(&verdict, OF_TEXT[0]) && has(&verdict, "COSTLY_MESSAGE"));
        assert!(within_budget(&verdict));
    }
}
