//! Message structures, complete and broken, and limits.

use super::*;

fn shown(raw: &str) -> Vec<String> {
    let mut shown = Vec::new();
    walk(raw.as_bytes(), &Work::new(1 << 30), &mut |part| {
        let body = match part.kind {
            Kind::Multipart | Kind::Message => "…".into(),
            _ => String::from_utf8_lossy(part.body),
        };
        shown.push(format!("{:?} {body:?}", part.kind));
    });
    shown
}

#[test]
fn nested_parts_are_found_in_order() {
    let raw = "Content-Type: multipart/mixed; boundary=a\n\npreamble\n--a\n\nplain\n--a \n\
        Content-Type: multipart/alternative; boundary=\"ab\"\n\n--ab\n\
        Content-Type: text/html\n\n<b>\n--ab--\nno\n--a\nContent-Type: message/rfc822\n\n\
        Subject: x\n\ninner\n--a--\nepilogue\n";
    let expected = [
        "Multipart \"…\"",
        "Plain \"plain\"",
        "Multipart \"…\"",
        "Html \"<b>\"",
        "Message \"…\"",
        "Plain \"inner\"",
    ];
    assert_eq!(shown(raw), expected);
    assert_eq!(shown(&raw.replace('\n', "\r\n")), expected);
}

#[test]
fn a_multipart_without_a_boundary_is_text() {
    let raw = "Content-Type: multipart/mixed; boundary=a\n\nhello --a\n";
    assert_eq!(shown(raw), ["Plain \"hello --a\\n\""]);
    let cut = "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nhalf a pa";
    assert_eq!(shown(cut), ["Multipart \"…\"", "Plain \"half a pa\""]);
}

#[test]
fn a_wrong_boundary_is_guessed() {
    let parts = "--b\nContent-Type: text/html\n\nx\n--b--\n";
    let expected = ["Multipart \"…\"", "Html \"x\""];
    let types = [
        "multipart/mixed",
        "multipart/mixed; boundary=c",
        "multipart/mixed; boundary=c; boundary=b",
        "multipart/mixed; boundary=\"b  \"",
        "multipart/mixed boundary=b",
        "multipart/no-such; x=\"boundary=c\"; BOUNDARY = b (x)",
        "text/plain\nContent-Type: multipart/mixed; boundary=b",
        "multipart/mixed; boundary=b\nContent-Type: text/plain",
    ];
    for of in types {
        let raw = format!("Content-Type: {of}\n\n--b--\n{parts}");
        assert_eq!(shown(&raw), expected, "{of}");
    }
}

#[test]
fn parts_are_read_as_clients_show_them() {
    let table = [
        ("Content-Type: message/news", "Message"),
        ("Content-Type: message/delivery-status", "Plain"),
        (
            "Content-Type: application/octet-stream; name=a.txt",
            "Plain",
        ),
        (
            "Content-Type: application/x-no-such; name=\"a.HTM \"",
            "Html",
        ),
        (
            "Content-Type: application/octet-stream\nContent-Disposition: x; filename=a.ics.",
            "Plain",
        ),
        (
            "Content-Type: application/octet-stream; name=a.eml",
            "Message",
        ),
        ("Content-Type: application/octet-stream; name=a.exe", "Data"),
        ("Content-Type: application/pdf; name=a.txt", "Data"),
        ("Content-Type: text/no-such", "Plain"),
        ("Content-Type: text/enriched", "Html"),
        ("Content-Type: html", "Plain"),
        ("Content-Type: charset=utf-8", "Plain"),
        ("Content-Type:", "Plain"),
        ("X: y", "Plain"),
    ];
    for (header, expected) in table {
        let shown = shown(&format!("{header}\n\nx"));
        assert_eq!(shown[0].split(' ').next(), Some(expected), "{header}");
    }
    assert_eq!(
        shown("X: y\n\n <!DOCTYPE HTML>x")[0],
        "Html \" <!DOCTYPE HTML>x\""
    );
}

#[test]
fn uuencoded_files_in_text_are_parts() {
    let raw = "X: y\n\nHi\nbegin 644 a.txt\n#0V%T\n`\nend\nbye\n";
    let file = "begin 644 a.txt\\n#0V%T\\n`\\nend\\n";
    let expected = [
        "Plain \"Hi\\n\"",
        &format!("Plain \"{file}\""),
        "Plain \"bye\\n\"",
    ];
    assert_eq!(shown(raw), expected);
}

#[test]
fn any_number_of_fields_and_blank_parts_may_come_first() {
    let fields = "X: y\n".repeat(10_000);
    let blank = "--b\n\n".repeat(30_000);
    let raw = format!(
        "{fields}Content-Type: multipart/mixed; x={}; boundary=b\n\n{blank}--b\n\nx\n--b--\n",
        "y".repeat(50_000)
    );
    assert_eq!(shown(&raw), ["Multipart \"…\"", "Plain \"x\""]);
}

#[test]
fn depth_and_number_of_parts_are_limited() {
    let deep = "Content-Type: message/rfc822\n\n".repeat(20_000);
    assert_eq!(shown(&deep).len(), DEPTH_LIMIT + 1);
    let wide = "--a\n\nx\n".repeat(20_000);
    let wide = format!("Content-Type: multipart/mixed; boundary=a\n\n{wide}--a\n\nlast\n");
    assert_eq!(shown(&wide).len(), PART_LIMIT + 1);
    let work = Work::new(1 << 30);
    walk(wide.as_bytes(), &work, &mut |_| ());
    assert_eq!(work.left_out(), 20_002 - PART_LIMIT);
}

#[test]
fn small_parts_beyond_the_limit_are_text_and_others_are_parts() {
    let many = "--a\n\nx\n".repeat(PART_LIMIT - 1);
    let rest = "--a\nContent-Type: text/html\n\n<p>y\n--a\n\nz";
    let parts = shown(&format!(
        "Content-Type: multipart/mixed; boundary=a\n\n{many}{rest}"
    ));
    let last = "Html \"Content-Type: text/html\\n\\n<p>y\\n--a\\n\\nz\"";
    assert_eq!(parts.last().map(String::as_str), Some(last));
    let long = "z".repeat(SMALL);
    let parts = shown(&format!(
        "Content-Type: multipart/mixed; boundary=a\n\n{many}--a\n\ny\n--a\n\n{long}\n--a\n\nx\n"
    ));
    let (_, last) = parts.split_at(parts.len() - 3);
    assert_eq!(last[0], "Html \"\\ny\\n--a\\n\"");
    assert!(last[1].starts_with("Plain \"zzz"), "{last:?}");
    assert!(last[2].starts_with("Html \"\\nx"), "{last:?}");
    let files = "begin 644 a\n#0V%T\nend\n".repeat(PART_LIMIT);
    let parts = shown(&format!("\n{files}words"));
    let last = "Plain \"begin 644 a\\n#0V%T\\nend\\nwords\"";
    assert_eq!(parts.last().map(String::as_str), Some(last));
}
