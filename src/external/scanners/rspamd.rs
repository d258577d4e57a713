//! rspamd's HTTP: a message is posted to `/checkv2`, and JSON comes back; the connection stays for the next one.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderValue, SERVER};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::answer::{Envelope, MOST_SYMBOLS, ScannerScore, ScannerSymbol, printed};
use super::connection::{Connection, Kept, connect};
use super::error::ScannerError;
use crate::config::{ClientSecret, ScannerAddress};

/// Symbols with their descriptions and options.
const LONGEST_ANSWER: usize = 512 << 10;
const EXPECTED: &str = "that of an rspamd";
/// What is remembered of what a connection says first: it tells what is there if it is no HTTP.
const FIRST: usize = 80;

/// A connection with its next request.
#[derive(Debug)]
pub(super) struct Requests {
    sender: SendRequest<Full<Bytes>>,
    first: Arc<Mutex<Vec<u8>>>,
}

/// What rspamd says; what is not here is not read.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    is_skipped: bool,
    score: f64,
    required_score: f64,
    action: String,
    /// Points from which each action is taken; older versions do not say it.
    #[serde(default)]
    thresholds: BTreeMap<String, Option<f64>>,
    #[serde(default)]
    symbols: BTreeMap<String, Symbol>,
}

#[derive(Debug, Deserialize)]
struct Symbol {
    #[serde(default)]
    score: f64,
}

/// The score of a message.
pub(super) async fn scan(
    address: &ScannerAddress,
    kept: &Kept<Requests>,
    password: Option<&ClientSecret>,
    envelope: &Envelope,
    message: &Bytes,
) -> Result<ScannerScore, ScannerError> {
    let request = || {
        let mut request = Request::post("/checkv2");
        let fields = [
            ("IP", envelope.client.map(|it| it.to_string())),
            ("Helo", envelope.helo.clone()),
            ("From", envelope.sender.clone()),
            ("Password", password.map(|it| it.reveal().to_owned())),
        ];
        for (name, value) in fields {
            // What no field can carry is left out.
            if let Some(value) = value.and_then(|it| HeaderValue::from_str(&it).ok()) {
                request = request.header(name, value);
            }
        }
        request
            .header(HOST, "rspamd")
            .body(Full::new(message.clone()))
            .map_err(|error| ScannerError::failed(error.to_string().as_bytes()))
    };
    if let Some(mut requests) = kept.take() {
        match send(&mut requests, request()?).await {
            // It has closed the connection while it was not in use.
            Err(ScannerError::Closed) => {}
            answer => return keep(kept, requests, answer).and_then(|it| score(&it)),
        }
    }
    let mut requests = open(address).await?;
    let answer = send(&mut requests, request()?).await;
    keep(kept, requests, answer).and_then(|it| score(&it))
}

fn keep<T>(
    kept: &Kept<Requests>,
    requests: Requests,
    answer: Result<T, ScannerError>,
) -> Result<T, ScannerError> {
    if answer.is_ok() && !requests.sender.is_closed() {
        kept.keep(requests);
    }
    answer
}

/// `rspamd/3.4`
pub(super) async fn version(address: &ScannerAddress) -> Result<String, ScannerError> {
    let mut requests = open(address).await?;
    let request = Request::get("/ping").header(HOST, "rspamd");
    let request = request
        .body(Full::new(Bytes::new()))
        .map_err(|error| ScannerError::failed(error.to_string().as_bytes()))?;
    let answer = send(&mut requests, request).await?;
    let is_pong = answer.status() == StatusCode::OK && answer.body().starts_with(b"pong");
    match answer.headers().get(SERVER).map(HeaderValue::to_str) {
        Some(Ok(server)) if is_pong && server.starts_with("rspamd") => Ok(printed(server, 60)),
        _ if is_pong => Ok("rspamd".to_owned()),
        _ => Err(not_rspamd(&answer)),
    }
}

async fn open(address: &ScannerAddress) -> Result<Requests, ScannerError> {
    let first = Arc::<Mutex<Vec<u8>>>::default();
    let stream = First {
        connection: connect(address).await?,
        first: Arc::clone(&first),
    };
    let (sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failure(&error, &first))?;
    // It ends with the sender, or with the scanner.
    tokio::spawn(connection);
    Ok(Requests { sender, first })
}

async fn send(
    requests: &mut Requests,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, ScannerError> {
    let failed = |error: hyper::Error| failure(&error, &requests.first);
    requests.sender.ready().await.map_err(failed)?;
    let response = requests
        .sender
        .send_request(request)
        .await
        .map_err(failed)?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, LONGEST_ANSWER).collect().await;
    let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
        Ok(error) => failure(&error, &requests.first),
        Err(error) if error.is::<LengthLimitError>() => ScannerError::AnswerTooLong(LONGEST_ANSWER),
        Err(error) => ScannerError::Unreachable(error.to_string()),
    })?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

fn failure(error: &hyper::Error, first: &Mutex<Vec<u8>>) -> ScannerError {
    let first = first.lock().unwrap_or_else(PoisonError::into_inner);
    // Whatever went wrong with it, it is no HTTP.
    let is_http = first.is_empty() || first.starts_with(b"HTTP/1.");
    if !is_http || error.is_parse() || error.is_parse_too_large() {
        return ScannerError::protocol(EXPECTED, &first);
    }
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<std::io::Error>() {
            return ScannerError::of_io(error);
        }
        cause = inner.source();
    }
    // Including an answer that is not complete.
    ScannerError::Closed
}

fn not_rspamd(answer: &Response<Bytes>) -> ScannerError {
    let body = &answer.body()[..answer.body().len().min(FIRST)];
    let line = [b"HTTP ", answer.status().as_str().as_bytes(), b", ", body].concat();
    ScannerError::protocol(EXPECTED, &line)
}

fn score(answer: &Response<Bytes>) -> Result<ScannerScore, ScannerError> {
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return Err(ScannerError::failed(
                b"it wants another password (password_file)",
            ));
        }
        // A web server of another kind.
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => return Err(not_rspamd(answer)),
        status => {
            let said = serde_json::from_slice::<serde_json::Value>(answer.body()).ok();
            let said = said.as_ref().and_then(|it| it["error"].as_str());
            let words = format!("HTTP {}: {}", status.as_u16(), said.unwrap_or_default());
            return Err(ScannerError::failed(words.as_bytes()));
        }
    }
    let said: Answer = serde_json::from_slice(answer.body()).map_err(|_| not_rspamd(answer))?;
    let spam = said.thresholds.get("add header").copied().flatten();
    let threshold = spam.unwrap_or(said.required_score);
    let is_spam = matches!(
        &*said.action,
        "reject" | "add header" | "rewrite subject" | "quarantine"
    );
    let mut symbols: Vec<_> = said
        .symbols
        .into_iter()
        .map(|(name, symbol)| ScannerSymbol {
            name: printed(&name, 60),
            score: Some(symbol.score),
        })
        .collect();
    let weight = |symbol: &ScannerSymbol| symbol.score.unwrap_or_default().abs();
    symbols.sort_by(|one, other| weight(other).total_cmp(&weight(one)));
    symbols.truncate(MOST_SYMBOLS);
    Ok(ScannerScore {
        is_spam: is_spam && !said.is_skipped,
        score: if said.is_skipped { 0.0 } else { said.score },
        threshold,
        symbols,
    })
}

/// A connection of which the first octets that come are remembered.
#[derive(Debug)]
struct First {
    connection: Connection,
    first: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for First {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let done = Pin::new(&mut self.connection).poll_read(context, buffer);
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let new = &buffer.filled()[before..];
        let room = FIRST.saturating_sub(first.len());
        first.extend_from_slice(&new[..new.len().min(room)]);
        drop(first);
        done
    }
}

impl AsyncWrite for First {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(context, octets)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Result<ScannerScore, ScannerError> {
        let response = Response::builder().status(status);
        score(
            &response
                .body(Bytes::copy_from_slice(body.as_bytes()))
                .unwrap(),
        )
    }

    #[test]
    fn answers_are_read_strictly() {
        let good = r#"{"is_skipped":false,"score":7.5,"required_score":15,"action":"add header",
            "thresholds":{"reject":15,"add header":6,"greylist":4},
            "symbols":{"SMALL":{"name":"SMALL","score":-0.1},"BIG":{"score":7.6,"options":["a"]},"NONE":{}}}"#;
        let found = read(200, good).unwrap();
        assert_eq!(
            (found.is_spam, found.score, found.threshold),
            (true, 7.5, 6.0)
        );
        let names: Vec<_> = found.symbols.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["BIG", "SMALL", "NONE"]);
        let without = r#"{"score":1,"required_score":15,"action":"no action"}"#;
        let found = read(200, without).unwrap();
        assert_eq!((found.is_spam, found.threshold), (false, 15.0));
        let skipped = r#"{"is_skipped":true,"score":99,"required_score":15,"action":"reject"}"#;
        let found = read(200, skipped).unwrap();
        assert_eq!((found.is_spam, found.score), (false, 0.0));
        for cut in 0..good.len() {
            assert!(read(200, &good[..cut]).is_err(), "{cut}");
        }
        for wrong in [
            "",
            "{}",
            "[]",
            "<html>",
            r#"{"score":"1","required_score":1,"action":"reject"}"#,
        ] {
            let error = read(200, wrong).unwrap_err();
            assert!(
                matches!(error, ScannerError::Protocol { .. }),
                "{wrong}: {error}"
            );
        }
        let page = read(404, "<html>nothing here</html>")
            .unwrap_err()
            .to_string();
        assert!(page.contains("HTTP 404, <html>"), "{page}");
        for (status, body, says) in [
            (403, "", "password_file"),
            (500, r#"{"error":"cannot parse"}"#, "HTTP 500: cannot parse"),
            (503, "x", "HTTP 503"),
        ] {
            let error = read(status, body).unwrap_err();
            assert!(matches!(error, ScannerError::Failed(_)), "{error}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
