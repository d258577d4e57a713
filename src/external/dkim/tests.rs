//! Messages of tests/dkim: signed by another program, and the examples of the standards.

use std::path::Path;

use super::*;
use crate::filter::findings::FailureKind;

/// When the messages of tests/dkim were signed, about.
const THEN: u64 = 1_800_000_000;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dkim")
}

fn message(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(format!("{name}.eml"))).unwrap()
}

/// Keys of that folder, for the signatures of this message.
fn keys(message: &[u8]) -> Keys {
    let read = |name| std::fs::read_to_string(folder().join(name)).unwrap();
    let known = read("keys.txt") + &read("rfc-keys.txt");
    let known: HashMap<_, _> = known.lines().filter_map(|it| it.split_once(' ')).collect();
    let names = key_names(&choose(message, Some("example.net")));
    let found = names.into_iter().map(|name| {
        let record = known
            .get(&*name)
            .map(|text| Record::Txt((*text).to_owned()));
        (name, Ok(record.into_iter().collect()))
    });
    found.collect()
}

/// As it is done where nothing was chosen before.
fn verify(message: &[u8], from: Option<&str>, keys: &Keys, now: u64) -> Verified {
    super::verify(message, &choose(message, from), from, keys, when(now))
}

/// The message is verified as it arrives.
fn when(now: u64) -> When {
    When {
        arrived: Some(now),
        now,
    }
}

fn verified(message: &[u8]) -> Vec<SignatureFinding> {
    verify(message, Some("example.net"), &keys(message), THEN).signatures
}

fn results(message: &[u8]) -> Vec<SignatureResult> {
    verified(message).iter().map(|it| it.result).collect()
}

#[test]
fn results_are_those_of_another_program() {
    let expected = std::fs::read_to_string(folder().join("expected.txt")).unwrap();
    let mut count = 0;
    for (name, result) in expected.lines().filter_map(|it| it.split_once(' ')) {
        let found = results(&message(name));
        let has_passed = found == [SignatureResult::Passed];
        assert_eq!(has_passed, result == "pass", "{name}: {found:?}");
        count += 1;
    }
    assert!(count >= 28, "{count}");
}

/// RFC 6376 appendix A.2, and RFC 8463 appendix A.3 with a signature of each algorithm.
#[test]
fn the_examples_of_the_standards_are_valid() {
    use SignatureResult::{Failed, Passed};
    for (name, count, changed) in [("rfc6376", 1, "dinner"), ("rfc8463", 2, "hungry")] {
        let raw = message(name);
        assert_eq!(results(&raw), vec![Passed; count], "{name}");
        let other = String::from_utf8(raw).unwrap().replace(changed, "other");
        assert_eq!(results(other.as_bytes()), vec![Failed; count], "{name}");
    }
}

#[test]
fn what_is_wrong_with_a_signature_is_said() {
    use SignatureResult as R;
    for (name, result) in [
        ("body-changed", R::Failed),
        ("header-changed", R::Failed),
        ("revoked", R::Revoked),
        ("no-key", R::NoKey),
    ] {
        assert_eq!(results(&message(name)), [result], "{name}");
    }
    let appended = verified(&message("length-appended")).remove(0);
    assert!(appended.covers.is_some() && !appended.proves());
    let whole = verified(&message("length-whole")).remove(0);
    assert!(whole.covers.is_none() && whole.proves(), "{whole:?}");
    let test = verified(&message("test-mode")).remove(0);
    assert!(test.is_test && test.result == R::Passed && !test.proves());
    let raw = message("rsa2048-rr");
    let silent = keys(&raw).into_keys().map(|name| {
        let failure = Failure::new(FailureKind::Timeout, "no answer");
        (name, Err(failure))
    });
    let found = verify(&raw, None, &silent.collect(), THEN);
    assert_eq!(found.signatures[0].result, R::NotChecked);
    assert_eq!(results(b"From: ann@example.net\r\n\r\nx\r\n"), []);
    for field in ["v=1; a=x", "hello", "v=1; a=rsa-sha256; d=a; s=b; h=from"] {
        let raw = format!("DKIM-Signature: {field}\r\n\r\nx\r\n");
        assert_eq!(results(raw.as_bytes()), [R::Unreadable], "{field}");
    }
}

#[test]
fn the_time_of_a_signature_is_compared_with_the_time_that_is_given() {
    // It ends with 1900000000.
    let raw = message("expires");
    let at = |now| {
        verify(&raw, Some("example.net"), &keys(&raw), now)
            .signatures
            .remove(0)
    };
    assert!(at(1_899_999_999).proves());
    let late = at(1_900_000_000);
    assert!(late.result == SignatureResult::Expired && !late.proves());
    // That it has expired is no news if it was never valid.
    let changed = [&*raw, b"more\r\n"].concat();
    let changed = verify(&changed, None, &keys(&raw), 1_900_000_000);
    assert_eq!(changed.signatures[0].result, SignatureResult::Failed);
}

#[test]
fn a_signature_expires_by_when_the_message_arrived() {
    let raw = message("expires");
    let at = |arrived, now| {
        let when = When { arrived, now };
        let chosen = choose(&raw, None);
        super::verify(&raw, &chosen, None, &keys(&raw), when).signatures[0].result
    };
    let (before, late) = (1_899_999_999, 1_900_000_000);
    assert_eq!(at(Some(before), late + 999), SignatureResult::Passed);
    assert_eq!(at(Some(late), late + 999), SignatureResult::Expired);
    // The clock of the server that wrote the date was ahead.
    assert_eq!(at(Some(late + 999), before), SignatureResult::Passed);
    // It may have arrived while it was valid.
    assert_eq!(at(None, before), SignatureResult::Passed);
    assert_eq!(at(None, late), SignatureResult::NotChecked);
}

#[test]
fn a_length_of_zero_signs_no_body_and_a_sender_above_is_not_signed() {
    let raw = message("length-zero");
    let found = verified(&raw).remove(0);
    assert_eq!(found.result, SignatureResult::Passed);
    assert!(found.covers == Some(0) && !found.proves());
    // That signature names From once.
    let forged = [b"From: eve@example.net\r\n", &*raw].concat();
    assert_eq!(results(&forged), [SignatureResult::Failed]);
}

#[test]
fn what_would_be_costly_is_left_out() {
    let raw = message("rsa2048-rr");
    let end = raw.windows(10).position(|it| it == b"Received: ").unwrap();
    let (signature, rest) = raw.split_at(end);
    // A signature among many is found if it is the sender's.
    let other =
        b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=a; h=from; bh=YQ==; b=YQ==\r\n";
    let many = [other.repeat(1000), signature.to_vec(), rest.to_vec()].concat();
    let found = verified(&many);
    assert_eq!(found.len(), SIGNATURES + 1);
    assert_eq!(
        found.iter().filter(|it| it.proves()).count(),
        1,
        "{found:?}"
    );
    assert_eq!(key_names(&choose(&many, Some("example.net"))).len(), 2);
    let long = format!(
        "DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=a; h=from; bh=YQ==; b={}\r\n",
        "YWFh".repeat(400)
    );
    let many_names = format!(
        "DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=a; h={}; bh=YQ==; b=YQ==\r\n",
        "a:".repeat(300)
    );
    for field in [long, many_names] {
        let raw = [field.as_bytes(), rest].concat();
        assert_eq!(results(&raw), [SignatureResult::TooLong], "{field}");
    }
}

#[test]
fn signatures_that_are_cut_are_not_checked() {
    let field = |domain: &str| {
        format!("DKIM-Signature: v=1; a=rsa-sha256; d={domain}; s=a; h=from; bh=YQ==; b=YQ==\r\n")
    };
    let not_checked = |fields: &str| {
        let raw = format!("{fields}From: ann@example.net\r\n\r\nx\r\n");
        let found = verified(raw.as_bytes()).into_iter();
        let cut = found.filter(|it| it.result == SignatureResult::NotChecked);
        cut.map(|it| it.domain).collect::<Vec<_>>()
    };
    let (own, below) = (field("example.net"), field("sub.example.net"));
    let other = field("example.org");
    assert_eq!(not_checked(&own.repeat(SIGNATURES)), [""; 0]);
    assert_eq!(not_checked(&own.repeat(SIGNATURES + 1)), ["example.net"]);
    // The sender's own come before those of his owner, and those before others.
    let many = [other, below, own.repeat(SIGNATURES)].concat();
    assert_eq!(not_checked(&many), ["sub.example.net"]);
}

fn refused(message: &[u8]) -> (Vec<SignatureResult>, Option<FailureKind>) {
    let verified = verify(message, Some("example.net"), &keys(message), THEN);
    let results = verified.signatures.iter().map(|it| it.result);
    (results.collect(), verified.refused.map(|it| it.kind))
}

#[test]
fn a_header_that_is_costly_or_ambiguous_is_refused() {
    use SignatureResult::{NotChecked, Passed};
    let raw = message("rsa2048-rr");
    let before = |text: &str| refused(&[text.as_bytes(), &raw].concat());
    assert_eq!(before("X: y\r\n"), (vec![Passed], None));
    // What is refused counts neither for nor against the sender.
    let too_large = (vec![NotChecked], Some(FailureKind::TooLarge));
    assert_eq!(before(&"X: y\r\n".repeat(2000)), too_large);
    assert_eq!(
        before(&format!("X: {}\r\n", "y".repeat(132_000))),
        too_large
    );
    // Lines in which the library would see signatures that were not chosen, or the end of the header.
    let unreadable = (vec![NotChecked], Some(FailureKind::Nonsense));
    for line in [
        "DKIM-Signature\n : v=1; d=example.net\r\n",
        "DKIM-Signature\r\n : v=1; d=example.net\r\n",
        " DKIM-Signature: v=1; d=example.net\r\n",
        "DKIM- Signature: v=1; d=example.net\r\n",
        "DKIM-\rSignature: v=1; d=example.net\r\n",
        "Message -Instance: m=1\r\n",
        "no field\r\n",
        "\r\r\n",
        "From : eve@example.net\r\n",
    ] {
        assert_eq!(before(line), unreadable, "{line:?}");
    }
    assert_eq!(before("X Y: z\r\n"), (vec![Passed], None));
    let folded =
        "DKIM-Signature\n : v=1; a=rsa-sha256; d=a.example; s=a; h=from; bh=YQ==; b=YQ==\r\n";
    let alone = [
        folded.repeat(1000).as_bytes(),
        b"From: ann@example.net\r\n\r\n",
    ]
    .concat();
    assert_eq!(refused(&alone), (vec![], None));
}

#[test]
fn fields_that_no_signature_names_make_no_difference() {
    use SignatureResult::{Failed, Passed};
    let raw = message("rsa2048-rr");
    let other = b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=example.org; s=a; b=YQ==\r\nX-More: \r\n folded\r\n";
    let with = [other, &*raw].concat();
    let chosen = choose(&with, None);
    assert!(chosen.parts(&with).0.len() < raw.len());
    assert_eq!(results(&with), [Passed]);
    // One that is named counts, however its name is written.
    let from = [b"fROM: eve@example.net\r\n", &*raw].concat();
    assert_eq!(results(&from), [Failed]);
    let late = super::verify(&with, &choose(&raw, None), None, &keys(&raw), when(THEN));
    assert_eq!(late.signatures[0].result, Passed);
}

/// The library reads them, in a time that grows with the square of their length.
#[test]
fn fields_of_another_kind_of_signature_are_kept_from_the_library() {
    use SignatureResult::{NotChecked, Passed};
    let raw = message("rsa2048-rr");
    let long = format!("DKIM2-Signature: {}\r\n", "a=b;".repeat(20_000));
    assert_eq!(
        refused(&[long.as_bytes(), &raw].concat()),
        (vec![Passed], None)
    );
    let naming = "DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=a; h=from:DKIM2-Signature; bh=YQ==; b=YQ==\r\n";
    let named = [naming.as_bytes(), long.as_bytes(), b"\r\nx\r\n"].concat();
    assert_eq!(
        refused(&named),
        (vec![NotChecked], Some(FailureKind::TooLarge))
    );
}

#[test]
fn tags_that_could_be_read_in_two_ways_are_not_read() {
    for tags in [
        "v=1; a=rsa-sha256; d=example.net; s=a; h=from; bh=YQ==; b=YQ==; h=to",
        "v=1; a=rsa-sha256; d=example.net; s=a; h=from; bh=YQ==; b=YQ==; B=YQ==",
        "v=1; a=rsa-sha256; d=example.net; s=a; h=from; bh=YQ==; b=YQ==; b h=YQ==",
        "v=1; a=rsa-sha256; d=example.net; s=a; h=from; bh=YQ==; b=YQ==; nonsense",
    ] {
        let raw = format!("DKIM-Signature: {tags}\r\nFrom: ann@example.net\r\n\r\nx\r\n");
        let found = verified(raw.as_bytes()).remove(0);
        assert_eq!(found.result, SignatureResult::Unreadable, "{tags}");
        assert_eq!(found.domain, "example.net");
        assert!(key_names(&choose(raw.as_bytes(), None)).is_empty());
    }
    // What the library reads counts: it takes the rest of a wrong number for another tag.
    let many = "a:".repeat(300);
    let tags = "v=1; a=rsa-sha256; d=example.net; s=a; h=from; bh=YQ==; b=YQ==";
    let raw = format!("DKIM-Signature: {tags}; t=1zh={many}\r\nFrom: a@b\r\n\r\nx\r\n");
    let found = verified(raw.as_bytes()).remove(0);
    assert_eq!(found.result, SignatureResult::TooLong);
    assert_eq!(found.domain, "example.net");
}
