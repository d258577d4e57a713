//! clamd's protocol: commands and answers that end with NUL (clamd(8), "z" commands), and a message in pieces (INSTREAM).
//!
//! A connection is a session (IDSESSION): each answer has the number of its question, so that none can be taken for
//! that of another message.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt, split};

use super::answer::printed;
use super::connection::{Connection, Kept, connect, converse, read_until};
use super::error::ScannerError;
use crate::config::ScannerAddress;

/// An answer is one line.
const LONGEST_ANSWER: usize = 4 << 10;
/// Octets of a message that are sent at a time.
const PIECE: usize = 64 << 10;
/// The longest name of a virus that is kept.
const LONGEST_NAME: usize = 100;

/// A session with clamd.
#[derive(Debug)]
pub(super) struct Session {
    connection: Connection,
    /// How many questions it was asked.
    asked: u64,
    /// Whether the last of them was sent whole: else the next one would be taken for its rest.
    is_sent: bool,
}

/// The name of the virus in a message, if there is one.
pub(super) async fn scan(
    address: &ScannerAddress,
    kept: &Kept<Session>,
    message: &Bytes,
) -> Result<Option<String>, ScannerError> {
    if let Some(mut session) = kept.take() {
        match ask(&mut session, message).await {
            // It has closed the connection while it was not in use.
            Err(ScannerError::Closed) => {}
            answer => return keep(kept, session, answer),
        }
    }
    let mut session = Session {
        connection: connect(address).await?,
        asked: 0,
        is_sent: true,
    };
    let answer = ask(&mut session, message).await;
    keep(kept, session, answer)
}

fn keep<T>(
    kept: &Kept<Session>,
    session: Session,
    answer: Result<T, ScannerError>,
) -> Result<T, ScannerError> {
    // After a failure nobody knows what the next answer belongs to.
    if answer.is_ok() && session.is_sent {
        kept.keep(session);
    }
    answer
}

async fn ask(session: &mut Session, message: &Bytes) -> Result<Option<String>, ScannerError> {
    session.asked += 1;
    let number = session.asked;
    let (mut read, mut write) = split(&mut session.connection);
    let question = send(&mut write, number == 1, message);
    let answer = read_until(&mut read, Some(0), LONGEST_ANSWER);
    let answered = converse(question, answer).await?;
    session.is_sent = answered.is_sent;
    verdict(&answered.answer, number)
}

async fn send(
    write: &mut (impl AsyncWrite + Unpin),
    is_first: bool,
    message: &[u8],
) -> io::Result<()> {
    let command: &[u8] = match is_first {
        true => b"zIDSESSION\0zINSTREAM\0",
        false => b"zINSTREAM\0",
    };
    write.write_all(command).await?;
    for piece in message.chunks(PIECE) {
        // It fits: PIECE does.
        let length = u32::try_from(piece.len()).unwrap_or(0);
        write.write_all(&length.to_be_bytes()).await?;
        write.write_all(piece).await?;
    }
    write.write_all(&[0; 4]).await?;
    write.flush().await
}

/// `1: stream: OK`, `1: stream: NAME FOUND`, or `… ERROR`.
fn verdict(answer: &[u8], number: u64) -> Result<Option<String>, ScannerError> {
    const EXPECTED: &str = "that of a clamd";
    let protocol = || ScannerError::protocol(EXPECTED, answer);
    let text = std::str::from_utf8(answer).map_err(|_| protocol())?;
    // What concerns the session as a whole has no number.
    let numbered = text.split_once(": ").and_then(|(before, rest)| {
        let number = before.parse::<u64>().ok()?;
        Some((number, rest))
    });
    let said = numbered.map_or(text, |(_, rest)| rest);
    if let Some(why) = said.trim_end().strip_suffix("ERROR") {
        return Err(match why.contains("size limit exceeded") {
            true => ScannerError::RefusedSize(printed(why.trim(), 80)),
            false => ScannerError::failed(why.trim().as_bytes()),
        });
    }
    match numbered {
        Some((answered, said)) if answered == number => {
            match said.strip_prefix("stream: ").ok_or_else(protocol)? {
                "OK" => Ok(None),
                said => match said.strip_suffix(" FOUND") {
                    Some(name) if !name.is_empty() => Ok(Some(printed(name, LONGEST_NAME))),
                    _ => Err(protocol()),
                },
            }
        }
        _ => Err(protocol()),
    }
}

/// `ClamAV 1.4.6/27800/…`, the version of program and signatures.
pub(super) async fn version(address: &ScannerAddress) -> Result<String, ScannerError> {
    let mut connection = connect(address).await?;
    let (mut read, mut write) = split(&mut connection);
    let question = write.write_all(b"zVERSION\0");
    let answer = read_until(&mut read, Some(0), LONGEST_ANSWER);
    let answer = converse(question, answer).await?.answer;
    match std::str::from_utf8(&answer) {
        Ok(text) if text.starts_with("ClamAV ") => Ok(printed(text, LONGEST_NAME)),
        _ => Err(ScannerError::protocol("the version of a clamd", &answer)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;
    use tokio::net::UnixStream;

    /// The rest of a message that was not sent is never sent: what follows would be taken for it.
    #[tokio::test]
    async fn a_session_without_the_whole_question_is_not_kept() {
        for (octets, is_kept) in [(1 << 20, false), (100, true)] {
            let (near, mut far) = UnixStream::pair().unwrap();
            let mut session = Session {
                connection: Box::new(near),
                asked: 0,
                is_sent: true,
            };
            let message = Bytes::from(vec![b'x'; octets]);
            let play = async {
                far.read_exact(&mut [0; 100]).await.unwrap();
                far.write_all(b"1: stream: OK\0").await.unwrap();
            };
            let (answer, ()) = tokio::join!(ask(&mut session, &message), play);
            let kept = Kept::new(1);
            assert_eq!(keep(&kept, session, answer), Ok(None));
            assert_eq!(kept.take().is_some(), is_kept, "{octets} octets");
        }
    }

    #[test]
    fn answers_are_read_strictly() {
        let verdict = |text: &str| verdict(text.as_bytes(), 3);
        assert_eq!(verdict("3: stream: OK"), Ok(None));
        let eicar = Some("Eicar-Signature".to_owned());
        assert_eq!(verdict("3: stream: Eicar-Signature FOUND"), Ok(eicar));
        let long = format!("3: stream: {} FOUND", "a".repeat(500));
        assert_eq!(verdict(&long).unwrap().unwrap().len(), LONGEST_NAME);
        for wrong in [
            // The answer to another question.
            "2: stream: OK",
            "stream: OK",
            "3: stream: ",
            "3: stream:  FOUND",
            "3: stream: x",
            "3: OK",
            "UNKNOWN COMMAND",
            "HTTP/1.1 400 Bad request",
            "",
        ] {
            let error = verdict(wrong).unwrap_err();
            assert!(
                matches!(error, ScannerError::Protocol { .. }),
                "{wrong}: {error}"
            );
        }
        for limit in [
            "INSTREAM size limit exceeded. ERROR",
            "3: INSTREAM size limit exceeded. ERROR",
        ] {
            let error = verdict(limit).unwrap_err();
            assert!(matches!(error, ScannerError::RefusedSize(_)), "{error}");
        }
        let failed = ScannerError::Failed("stream: Can't allocate memory".to_owned());
        assert_eq!(
            verdict("3: stream: Can't allocate memory ERROR"),
            Err(failed)
        );
    }
}
