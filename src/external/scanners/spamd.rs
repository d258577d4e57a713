//! SpamAssassin's protocol (spamd/PROTOCOL in its source): one question and one answer a connection.
//!
//! `SYMBOLS` is asked: its answer has the score in a header field and the names of the rules that hit as its body, and
//! no text in a language.

use bytes::Bytes;
use tokio::io::{AsyncWriteExt, split};

use super::answer::{MOST_SYMBOLS, ScannerScore, ScannerSymbol, printed};
use super::connection::{connect, converse, read_until};
use super::error::ScannerError;
use crate::config::ScannerAddress;

/// Names of rules.
const LONGEST_ANSWER: usize = 64 << 10;
const EXPECTED: &str = "that of a spamd";

/// The score of a message.
pub(super) async fn scan(
    address: &ScannerAddress,
    message: &Bytes,
) -> Result<ScannerScore, ScannerError> {
    let head = format!(
        "SYMBOLS SPAMC/1.5\r\nContent-length: {}\r\n\r\n",
        message.len()
    );
    score(&ask(address, head.as_bytes(), message).await?)
}

/// The version of its protocol: it tells no other.
pub(super) async fn version(address: &ScannerAddress) -> Result<String, ScannerError> {
    let answer = ask(address, b"PING SPAMC/1.5\r\n\r\n", b"").await?;
    match status(&answer)? {
        ("0", "PONG", version) => Ok(format!("spamd, protocol {}", printed(version, 20))),
        _ => Err(ScannerError::protocol(EXPECTED, &answer)),
    }
}

async fn ask(
    address: &ScannerAddress,
    head: &[u8],
    message: &[u8],
) -> Result<Vec<u8>, ScannerError> {
    let mut connection = connect(address).await?;
    let (mut read, mut write) = split(&mut connection);
    let question = async {
        write.write_all(head).await?;
        write.write_all(message).await?;
        // It reads to the end, whatever the length says.
        write.shutdown().await
    };
    let answered = converse(question, read_until(&mut read, None, LONGEST_ANSWER)).await?;
    Ok(answered.answer)
}

/// The code, its name and the version of an answer's first line: `SPAMD/1.1 0 EX_OK`.
fn status(answer: &[u8]) -> Result<(&str, &str, &str), ScannerError> {
    let protocol = || ScannerError::protocol(EXPECTED, answer);
    let line = answer.split(|byte| *byte == b'\r' || *byte == b'\n').next();
    let line = std::str::from_utf8(line.unwrap_or_default()).map_err(|_| protocol())?;
    let rest = line.strip_prefix("SPAMD/").ok_or_else(protocol)?;
    let (version, rest) = rest.split_once(' ').ok_or_else(protocol)?;
    let (code, name) = rest.split_once(' ').unwrap_or((rest, ""));
    match code.parse::<u16>() {
        Ok(_) => Ok((code, name.trim(), version)),
        Err(_) => Err(protocol()),
    }
}

fn score(answer: &[u8]) -> Result<ScannerScore, ScannerError> {
    let protocol = |part: &[u8]| ScannerError::protocol(EXPECTED, part);
    let (code, name, _) = status(answer)?;
    if code != "0" {
        return Err(ScannerError::failed(name.as_bytes()));
    }
    let end = memchr::memmem::find(answer, b"\r\n\r\n").ok_or(ScannerError::Closed)?;
    let (head, body) = (&answer[..end], &answer[end + 4..]);
    let head = std::str::from_utf8(head).map_err(|_| protocol(answer))?;
    let (mut length, mut spam) = (None, None);
    for line in head.split("\r\n").skip(1) {
        let (field, value) = line
            .split_once(':')
            .ok_or_else(|| protocol(line.as_bytes()))?;
        match field.trim().to_ascii_lowercase().as_str() {
            "content-length" => length = Some((line, value.trim())),
            "spam" => spam = Some((line, value.trim())),
            _ => {}
        }
    }
    if let Some((line, length)) = length {
        let length: usize = length.parse().map_err(|_| protocol(line.as_bytes()))?;
        match body.len() {
            got if got < length => return Err(ScannerError::Closed),
            got if got > length => return Err(protocol(line.as_bytes())),
            _ => {}
        }
    }
    // `True ; 15.0 / 5.0`
    let (line, spam) = spam.ok_or_else(|| protocol(b"no field Spam"))?;
    let read = || {
        let (is_spam, rest) = spam.split_once(';')?;
        let (score, threshold) = rest.split_once('/')?;
        let is_spam = match is_spam.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" => true,
            "false" | "no" => false,
            _ => return None,
        };
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|it| it.is_finite());
        Some((is_spam, number(score)?, number(threshold)?))
    };
    let (is_spam, score, threshold) = read().ok_or_else(|| protocol(line.as_bytes()))?;
    Ok(ScannerScore {
        is_spam,
        score,
        threshold,
        symbols: symbols(body),
    })
}

fn symbols(body: &[u8]) -> Vec<ScannerSymbol> {
    let names = body.split(|byte| matches!(byte, b',' | b'\r' | b'\n'));
    let names = names.filter(|name| !name.is_empty()).take(MOST_SYMBOLS);
    names
        .map(|name| ScannerSymbol {
            name: printed(&String::from_utf8_lossy(name), 60),
            score: None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_strictly() {
        let good = b"SPAMD/1.1 0 EX_OK\r\nContent-length: 15\r\nSpam: True ; 15.5 / 5.0\r\n\r\nGTUBE,NO_DATE\r\n";
        let read = score(good).unwrap();
        assert_eq!(
            (read.is_spam, read.score, read.threshold),
            (true, 15.5, 5.0)
        );
        let names: Vec<_> = read.symbols.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["GTUBE", "NO_DATE"]);
        let ham = b"SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\nSpam: False ; -1.2 / 5.0\r\n\r\n";
        assert_eq!(score(ham).unwrap().score, -1.2);
        // At every cut it is not an answer.
        for cut in 0..good.len() {
            assert!(score(&good[..cut]).is_err(), "{cut}");
        }
        for wrong in [
            "SPAMD/1.0 76 Bad header line: (x)\r\n",
            "UNKNOWN COMMAND\n",
            "HTTP/1.1 400 Bad request\r\n\r\n",
            "SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\n\r\n",
            "SPAMD/1.1 0 EX_OK\r\nContent-length: x\r\nSpam: False ; 1 / 5\r\n\r\n",
            "SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\nSpam: Maybe ; 1 / 5\r\n\r\n",
            "SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\nSpam: False ; inf / 5\r\n\r\n",
            "SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\nSpam: False ; 1\r\n\r\n",
            "SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\nSpam: False ; 1 / 5\r\n\r\nmore",
            "SPAMD/1.1 x EX_OK\r\n\r\n",
        ] {
            let error = score(wrong.as_bytes()).unwrap_err();
            let fits = matches!(
                error,
                ScannerError::Protocol { .. } | ScannerError::Failed(_)
            );
            assert!(fits, "{wrong}: {error}");
        }
    }
}
