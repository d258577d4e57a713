//! The sample mail, all of it made up, with the expected verdict.

use bytes::Bytes;

/// The expected verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It is delivered unchanged.
    Ham,
    /// It is tagged.
    Spam,
}

/// A message of the sample mailbox.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What it is, in a few words.
    pub name: &'static str,
    /// CRLF line ends, not stuffed.
    pub bytes: Bytes,
    /// Its expected verdict.
    pub expected: Expected,
}

macro_rules! files {
    ($($file:literal $expected:ident $name:literal)*) => {
        /// Name, text with LF line ends, expectation.
        const FILES: &[(&str, &[u8], Expected)] =
            &[$(($name, include_bytes!(concat!("mail/", $file, ".eml")), Expected::$expected)),*];
    };
}

files! {
    "01-personal" Ham "personal mail, 8-bit"
    "02-newsletter" Ham "newsletter"
    "03-invoice" Ham "invoice with a PDF"
    "04-list-patch" Ham "mailing list, a patch"
    "05-japanese" Ham "Japanese, base64"
    "06-order" Ham "order, HTML only"
    "07-meeting" Ham "invitation"
    "08-advance-fee" Spam "advance fee (419)"
    "09-bank-phish" Spam "phishing, look-alike link"
    "10-storage-full" Spam "phishing, storage full"
    "11-pills" Spam "pills, hidden text"
    "12-sextortion" Spam "sextortion"
    "13-prize" Spam "a prize"
}

/// All samples, the one of 5 MB last.
pub fn samples() -> Vec<Sample> {
    let files = FILES.iter().map(|&(name, text, expected)| Sample {
        name,
        bytes: with_crlf(text),
        expected,
    });
    files.chain([large()]).collect()
}

fn with_crlf(text: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(text.len() + text.len() / 32);
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) => {
                bytes.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
                bytes.extend_from_slice(b"\r\n");
            }
            None => bytes.extend_from_slice(line),
        }
    }
    Bytes::from(bytes)
}

/// Ten times what is held: it streams through while it arrives.
fn large() -> Sample {
    const OCTETS: usize = 5 << 20;
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = b"Return-Path: <anna@example.org>\r\nFrom: Anna Berg <anna@example.org>\r\nTo: you@example.org\r\n\
        Subject: The recording of Saturday\r\nDate: Sun, 15 Nov 2026 18:12:44 +0100\r\n\
        Message-ID: <20261115171244.GA2210@example.org>\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=\"part-of-5MB\"\r\n\r\n--part-of-5MB\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\r\nHere is the recording, as promised.\r\nAnna\r\n\r\n\
        --part-of-5MB\r\nContent-Type: audio/ogg; name=\"saturday.ogg\"\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment; filename=\"saturday.ogg\"\r\n\r\n"
        .to_vec();
    // A linear congruential generator (Knuth's MMIX constants): the same bytes everywhere.
    let mut state = 1_u64;
    while text.len() < OCTETS {
        for _ in 0..76 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            text.push(DIGITS[(state >> 58) as usize]);
        }
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"--part-of-5MB--\r\n");
    Sample {
        name: "an attachment of 5 MB",
        bytes: Bytes::from(text),
        expected: Expected::Ham,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_sample() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/mail");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), FILES.len());
        assert!(samples().iter().all(|sample| !sample.bytes.is_empty()));
    }
}
