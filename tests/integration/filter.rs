//! The filter's public API: each place and condition, both stages, and hostile and random input.

#![allow(clippy::expect_used)]

use std::sync::{Arc, LazyLock};

use popgate::filter::{Action, Filter, RuleSet, Thresholds, Verdict, examples};
use popgate::message::header;
use proptest::prelude::*;

const THRESHOLDS: Thresholds = Thresholds {
    tag_at: 5.0,
    drop_at: Some(10.0),
};

/// One rule for each place and each condition, with examples.
const RULES: &str = r#"
[[rule]]
id = "SUBJECT_WORDS"
description = "d"
score = 1
where = "subject"
words = ["viagra", "бесплатно", "$$$"]
at_least = 2
examples.hit = ["Viagra for $$$", "БЕСПЛАТНО: viagra", "=?utf-8?b?0JHQtdGB0L/Qu9Cw0YLQvdC+?= viagra"]
examples.miss = ["Viagra viagra", "viagras for $$$", "$$$"]

[[rule]]
id = "FROM_NAME"
description = "d"
score = 1
where = "from:name"
regex = '(?i)\bbank\b'
examples.hit = ["Your Bank, Inc.", { message = "From: =?iso-8859-1?q?B=61nk?= <a@b>\n\nx" }]
examples.miss = ["Banker", { message = "From: a <bank@example.org>\n\nx" }]

[[rule]]
id = "FROM_ADDR"
description = "d"
score = 1
where = "from:addr"
regex = '^[0-9]{6}'
examples.hit = ["123456@example.org"]
examples.miss = ["12345@example.org"]

[[rule]]
id = "MAILER"
description = "d"
score = 1
where = "header:X-Mailer"
phrases = ["bulk mailer"]
examples.hit = ["The Bulk\nMailer 3"]
examples.miss = ["Bulk mailers"]

[[rule]]
id = "RECEIVED"
description = "d"
score = 1
where = "raw-header:received"
exists = true
at_least = 2
examples.hit = [{ message = "Received: a\nReceived:\n\nx" }]
examples.miss = ["one", { message = "Received: a\n\nReceived: b" }]

[[rule]]
id = "NO_DATE"
description = "d"
score = 1
where = "header:date"
missing = true
examples.hit = [{ message = "Subject: x\n\nDate: x" }]
examples.miss = ["today"]

[[rule]]
id = "BLOCK"
description = "d"
score = 1
where = "header"
regex = '(?m)^X-Evil:'
examples.hit = ["Subject: a\nX-Evil: b"]
examples.miss = ["Subject: X-Evil: b"]

[[rule]]
id = "BODY"
description = "d"
score = 1
where = "body"
phrases = ["act now"]
examples.hit = ["please act\nnow!", { message = "Content-Type: text/html\n\n<p>A<b></b>ct <i>n</i>&#111;w</p>" }]
examples.miss = ["react now", { message = "Content-Type: text/html\n\n<p hidden>act now</p>" }]

[[rule]]
id = "HTML"
description = "d"
score = 1
where = "html"
regex = '<form[^>]+action'
examples.hit = ["<FORM x>", "<form action=x>"]
examples.miss = ["form action"]

[[rule]]
id = "URI"
description = "d"
score = 1
where = "uri"
regex = '^https?://[0-9.]+/'
examples.hit = ["http://203.0.113.9/x", { message = "From: a\n\nsee https://203.0.113.9/." }]
examples.miss = ["http://example.org/203.0.113.9/"]

[[rule]]
id = "ANCHOR"
description = "d"
score = 1
where = "anchor"
regex = '^https://bank\.example\b.* -> http://'
examples.hit = ["https://bank.example/ -> http://evil.example/?a=1&b=2"]
examples.miss = ["https://bank.example/ -> https://bank.example/"]

[[rule]]
id = "ATTACHMENT"
description = "d"
score = 1
where = "attachment"
regex = '(?i)\.(?:exe|scr|js)$'
examples.hit = ["in \"voice.pdf.EXE"]
examples.miss = ["exe.pdf"]

[[rule]]
id = "MIME"
description = "d"
score = 1
where = "mime"
regex = '^application/x-ms'
examples.hit = ["Application/X-MSDownload; name=a"]
examples.miss = ["text/plain"]

[[rule]]
id = "RAW"
description = "d"
score = 1
where = "raw"
phrases = ["=?utf-7?"]
examples.hit = ["=?UTF-7?"]
examples.miss = ["utf-7"]

[[rule]]
id = "OFF"
description = "d"
score = 50
where = "raw"
regex = 'x'
enabled = false
"#;

fn rules(text: &str) -> RuleSet {
    RuleSet::parse([("rules.toml".to_owned(), text.to_owned())]).expect("sound rules")
}

fn filter() -> Filter {
    Filter::new(rules(RULES), THRESHOLDS).expect("a filter")
}

/// A verdict without its timings, for comparison.
fn summary(verdict: &Verdict) -> (String, Vec<(String, String)>) {
    let hits = verdict.hits.iter();
    let hits = hits.map(|hit| (hit.rule.to_string(), hit.text.clone()));
    (
        format!(
            "{:?} {} {}",
            verdict.action, verdict.score, verdict.bytes_judged
        ),
        hits.collect(),
    )
}

fn in_two_stages(filter: &Filter, raw: &[u8]) -> Verdict {
    let end = header::header_end(raw).unwrap_or(raw.len());
    filter.judge_after(None, filter.judge_header(&raw[..end]), raw)
}

#[test]
fn examples_are_checked_and_wrong_ones_are_reported() {
    let wrong = examples::check(&rules(RULES));
    let lines: Vec<_> = wrong.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "rules.toml:82: rule HTML.examples.hit: this example does not hit; correct the rule or the example"
        ]
    );
}

#[test]
fn a_verdict_lists_its_rules_and_what_they_matched() {
    let raw =
        b"From: Bank <1234567@example.org>\r\nSubject: =?utf-8?q?VIAGRA=20$$$?=\r\n\r\nact  now";
    let verdict = filter().judge(raw);
    assert_eq!((verdict.score, verdict.action), (5.0, Action::Tag));
    let hit = |rule: &str, text: &str| (rule.to_owned(), text.to_owned());
    let expected = [
        hit("BODY", "act now"),
        hit("FROM_ADDR", "123456"),
        hit("FROM_NAME", "Bank"),
        hit("NO_DATE", ""),
        hit("SUBJECT_WORDS", "VIAGRA, $$$"),
    ];
    assert_eq!(summary(&verdict).1, expected);
}

#[test]
fn the_version_depends_on_rules_and_thresholds() {
    let one = filter();
    let again = Arc::new(filter());
    assert_eq!(one.version(), again.version());
    assert_eq!(one.version().len(), 12);
    assert_eq!(one.rule_count(), 14);
    let other = Thresholds {
        tag_at: 6.0,
        ..THRESHOLDS
    };
    let other = Filter::new(rules(RULES), other).expect("a filter");
    assert_ne!(one.version(), other.version());
    let empty = Filter::new(RuleSet::default(), THRESHOLDS).expect("a filter");
    assert_eq!(empty.judge(b"Subject: viagra\n\n").hits, []);
    // The stage of a filter with other rules is ignored.
    let stage = one.judge_header(b"Subject: viagra $$$\n\n");
    assert_eq!(
        summary(&empty.judge_after(None, stage.clone(), b"x")),
        summary(&empty.judge(b"x"))
    );
    let raw = b"Subject: viagra $$$\n\n";
    assert_eq!(
        summary(&other.judge_after(None, stage, raw)),
        summary(&other.judge(raw))
    );
}

const MULTIPART: &str = "From: Bank <a@example.org>\r\nReceived: a\r\nReceived: b\r\n\
    Subject: =?koi8-r?B?4sXT0MzB1M7P?= viagra\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n--=_b\r\n\
    Content-Type: text/html; charset=windows-1251\r\nContent-Transfer-Encoding: base64\r\n\r\n\
    PGEgaHJlZj0iaHR0cDovLzIwMy4wLjExMy45LyI+YWN0IG5vdzwvYT4=\r\n--=_b\r\n\
    Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Transfer-Encoding: quoted-printable\r\n\r\nact=20=\r\nnow caf=C3=A9\r\n--=_b\r\n\
    Content-Type: application/x-msdownload; name=\"a.exe\"\r\n\r\nMZ\r\n--=_b--\r\n";

#[test]
fn every_prefix_of_a_message_gets_the_same_verdict_in_one_stage_and_in_two() {
    let filter = filter();
    let whole = filter.judge(MULTIPART.as_bytes());
    let ids: Vec<_> = whole.hits.iter().map(|hit| &*hit.rule).collect();
    let expected = [
        "ATTACHMENT",
        "BODY",
        "FROM_NAME",
        "MIME",
        "NO_DATE",
        "RECEIVED",
        "SUBJECT_WORDS",
        "URI",
    ];
    assert_eq!(ids, expected);
    for message in [MULTIPART.to_owned(), MULTIPART.replace('\r', "")] {
        for end in 0..=message.len() {
            let raw = &message.as_bytes()[..end];
            assert_eq!(
                summary(&filter.judge(raw)),
                summary(&in_two_stages(&filter, raw)),
                "at {end}"
            );
        }
    }
}

#[test]
fn hostile_messages_are_judged_in_bounded_time() {
    let filter = filter();
    let deep = "Content-Type: multipart/mixed; boundary=";
    let nested: String = (0..10_000)
        .map(|level| format!("{deep}{level}\n\n--{level}\n"))
        .collect();
    let unclosed = format!("{deep}b\n\n{}", format!("--b\n{deep}zz\n\n").repeat(8000));
    let messages = [
        "a".repeat(1 << 20),
        format!("\n{}", "a".repeat(1 << 20)),
        format!("Subject: {}\n\nx", "=?utf-8?q?a".repeat(50_000)),
        format!("Subject: {}\n\nx", "=?utf-8?b?QUFB=".repeat(50_000)),
        format!("From: {}\n\nx", "(".repeat(500_000)),
        format!("From: {}\n\nx", "a@b: ".repeat(100_000)),
        format!("From: {}\n\nx", "\"a\" <b@c>, ".repeat(50_000)),
        format!("{}\nx", "From: \"bank\" <a@b>\n".repeat(30_000)),
        format!("Content-Type: a/b; {}\n\nx", "a*1=b; ".repeat(70_000)),
        format!(
            "Content-Type: text/html\n\n{}",
            "<div hidden>".repeat(100_000)
        ),
        format!(
            "Content-Type: text/html\n\n{}",
            "<a href=http://203.0.113.9/>".repeat(100_000)
        ),
        format!("Content-Type: text/html\n\n{}", "</b>".repeat(200_000)),
        format!("Content-Type: text/html\n\n<a {}", "a=b ".repeat(200_000)),
        format!("Content-Type: text/html\n\n{}", "<!--".repeat(200_000)),
        format!("Content-Type: text/html\n\n{}", "<b><i>".repeat(100_000)),
        format!("\n{}", "http://".repeat(100_000)),
        format!("\n{}", "act now ".repeat(100_000)),
        "Content-Type: message/rfc822\n\n".repeat(20_000),
        nested,
        unclosed,
    ];
    for message in messages {
        let begun = std::time::Instant::now();
        filter.judge(message.as_bytes());
        let spent = begun.elapsed();
        // The limit allows for a debug build on a busy machine; quadratic time would take minutes.
        assert!(spent.as_secs() < 5, "{spent:?} for {:?}…", &message[..60]);
    }
}

/// Shared by all cases: it has no state between messages.
static FILTER: LazyLock<Filter> = LazyLock::new(filter);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn random_bytes_get_the_same_verdict_in_one_stage_and_in_two(raw in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert_eq!(summary(&FILTER.judge(&raw)), summary(&in_two_stages(&FILTER, &raw)));
    }

    #[test]
    fn random_mail_fragments_get_the_same_verdict_in_one_stage_and_in_two(pieces in proptest::collection::vec(piece(), 0..60)) {
        let raw = pieces.concat();
        prop_assert_eq!(summary(&FILTER.judge(&raw)), summary(&in_two_stages(&FILTER, &raw)));
    }
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known: &[&str] = &[
        "\r\n",
        "\n",
        " ",
        "Subject: ",
        "From: ",
        "Content-Type: ",
        "multipart/mixed; boundary=b",
        "text/html",
        "; charset=",
        "utf-7",
        "iso-2022-jp",
        "gb18030",
        "utf-16",
        "--b",
        "--",
        "=?",
        "?q?",
        "?b?",
        "?=",
        "=E9",
        "QUFB",
        "<a href=",
        "<div style='display:none'>",
        "</div>",
        ">",
        "Content-Transfer-Encoding: base64\n",
        "Content-Transfer-Encoding: quoted-printable\n",
        "message/rfc822",
        "http://",
        "&#x",
        "\"",
        "(",
        ")",
        "<",
        "@",
        ",",
        ";",
        ":",
        "name*0*=",
        "\\",
        "Content-Disposition: attachment; filename=",
        "*1*=utf-8''%",
        "viagra",
        "act now",
        "\u{e9}",
    ];
    let known = proptest::sample::select(known).prop_map(|text| text.as_bytes().to_vec());
    prop_oneof![8 => known, 1 => proptest::collection::vec(any::<u8>(), 0..4)]
}
