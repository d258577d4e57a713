//! The body of a message as it is signed (DKIM, RFC 6376 section 3.4).
//!
//! In: a body as it came; out: the digests of its signed forms, and their lengths. The library is not asked for them: it
//! keeps lines of blanks at the end in relaxed form, leaves out each CR, and counts octets of the body as it came.

use std::ops::Range;

use mail_auth::common::crypto::HashAlgorithm;
use mail_auth::dkim::Canonicalization;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

/// The length of a signature that signs nothing of the body (l=0), which is 0 to the library, as if there were no length.
pub(super) const NOTHING: u64 = u64::MAX;

/// A digest that a signature needs, as the library keeps it: form, algorithm, length (0 = all), octets.
pub(super) type BodyHash = (Canonicalization, HashAlgorithm, u64, Vec<u8>);

/// Fills in the digests. Returns how long each form is.
pub(super) fn hash(body: &[u8], hashes: &mut [BodyHash]) -> Vec<(Canonicalization, u64)> {
    let mut lengths = Vec::new();
    for (form, algorithm, length, octets) in hashes {
        let wanted = match *length {
            0 => u64::MAX,
            NOTHING => 0,
            length => length,
        };
        let mut context = Context::new(match algorithm {
            HashAlgorithm::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
            HashAlgorithm::Sha256 => &SHA256,
        });
        let mut whole: u64 = 0;
        for_each_piece(body, *form, |piece| {
            let left = usize::try_from(wanted.saturating_sub(whole)).unwrap_or(usize::MAX);
            context.update(&piece[..piece.len().min(left)]);
            whole += piece.len() as u64;
        });
        // A signature of more than there is cannot be valid (section 3.5).
        *octets = match *length != 0 && wanted > whole {
            true => Vec::new(),
            false => context.finish().as_ref().to_vec(),
        };
        lengths.push((*form, whole));
    }
    lengths
}

/// Calls with one piece of the signed form after another (sections 3.4.3 and 3.4.4). Lines that have that form already are one
/// piece with those before them.
fn for_each_piece(body: &[u8], form: Canonicalization, mut piece: impl FnMut(&[u8])) {
    let (mut relaxed, mut empty, mut is_empty) = (Vec::new(), 0, true);
    // Lines as they are signed, up to the last one that is not empty.
    let mut run: Option<Range<usize>> = None;
    let mut next = 0;
    for whole in body.split_inclusive(|it| *it == b'\n') {
        let at = next;
        next += whole.len();
        let line = whole.strip_suffix(b"\n").unwrap_or(whole);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let is_formed = form == Canonicalization::Simple || is_relaxed(line);
        if is_formed && whole.len() == line.len() + 2 {
            match &mut run {
                _ if line.is_empty() => empty += 1,
                // Empty lines between are a part of it.
                Some(run) => {
                    run.end = next;
                    empty = 0;
                }
                None => {
                    (0..std::mem::take(&mut empty)).for_each(|_| piece(b"\r\n"));
                    run = Some(at..next);
                    is_empty = false;
                }
            }
            continue;
        }
        if let Some(run) = run.take() {
            piece(&body[run]);
        }
        let line = match is_formed {
            true => line,
            false => {
                relax(line, &mut relaxed);
                &relaxed
            }
        };
        if line.is_empty() {
            empty += 1;
            continue;
        }
        // Empty lines count only before others.
        (0..std::mem::take(&mut empty)).for_each(|_| piece(b"\r\n"));
        piece(line);
        piece(b"\r\n");
        is_empty = false;
    }
    if let Some(run) = run {
        piece(&body[run]);
    }
    if is_empty && form == Canonicalization::Simple {
        piece(b"\r\n");
    }
}

/// Whether a line has the relaxed form.
fn is_relaxed(line: &[u8]) -> bool {
    let mut was_blank = false;
    for octet in line {
        if *octet == b'\t' || (*octet == b' ' && was_blank) {
            return false;
        }
        was_blank = *octet == b' ';
    }
    !was_blank
}

/// One blank for several, and none at the end.
fn relax(line: &[u8], relaxed: &mut Vec<u8>) {
    let is_blank = |it: &u8| matches!(it, b' ' | b'\t');
    relaxed.clear();
    let mut was_blank = false;
    for octet in line {
        match is_blank(octet) {
            true if was_blank => {}
            true => relaxed.push(b' '),
            false => relaxed.push(*octet),
        }
        was_blank = is_blank(octet);
    }
    if was_blank {
        relaxed.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::digest::digest;

    fn form(body: &str, form: Canonicalization) -> String {
        let mut octets = Vec::new();
        for_each_piece(body.as_bytes(), form, |it| octets.extend_from_slice(it));
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn bodies_have_the_signed_form() {
        use Canonicalization::{Relaxed, Simple};
        for (body, simple, relaxed) in [
            ("", "\r\n", ""),
            ("\r\n\r\n", "\r\n", ""),
            (" \t\r\n", " \t\r\n", ""),
            ("a\r\n", "a\r\n", "a\r\n"),
            ("a \t b \r\n\r\n\r\n", "a \t b \r\n", "a b\r\n"),
            (" a\n\nb", " a\r\n\r\nb\r\n", " a\r\n\r\nb\r\n"),
            ("a\r\n \r\n", "a\r\n \r\n", "a\r\n"),
            ("a\rb\r\r\n", "a\rb\r\r\n", "a\rb\r\r\n"),
            ("a\r\n\r\nb", "a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n"),
            (
                "a\r\n\r\n \r\n\r\nb\r\n\r\n",
                "a\r\n\r\n \r\n\r\nb\r\n",
                "a\r\n\r\n\r\n\r\nb\r\n",
            ),
            (
                "\r\n\na\r\n\nb\n",
                "\r\n\r\na\r\n\r\nb\r\n",
                "\r\n\r\na\r\n\r\nb\r\n",
            ),
            (
                "a \r\n\r\nb\t\r\nc\r\n",
                "a \r\n\r\nb\t\r\nc\r\n",
                "a\r\n\r\nb\r\nc\r\n",
            ),
        ] {
            assert_eq!(form(body, Simple), simple, "{body:?}");
            assert_eq!(form(body, Relaxed), relaxed, "{body:?}");
        }
    }

    #[test]
    fn the_beginning_counts_in_octets_of_the_signed_form() {
        let body = b"a  b\r\nc\r\n\r\n";
        for (length, expected) in [
            (0, Some(&b"a b\r\nc\r\n"[..])),
            (8, Some(b"a b\r\nc\r\n")),
            (3, Some(b"a b")),
            (NOTHING, Some(b"")),
            (9, None),
        ] {
            let mut hashes = [(
                Canonicalization::Relaxed,
                HashAlgorithm::Sha256,
                length,
                Vec::new(),
            )];
            let lengths = hash(body, &mut hashes);
            assert_eq!(lengths, [(Canonicalization::Relaxed, 8)]);
            let expected = expected.map_or(Vec::new(), |it| digest(&SHA256, it).as_ref().to_vec());
            assert_eq!(hashes[0].3, expected, "{length}");
        }
    }
}
