//! One HTTP/1.1 request on its own connection.
//!
//! In: a stream and a request; out: the response, its body of bounded length. hyper's connection is used as it
//! is: a pooled client (reqwest, hyper-util's legacy client) would bring a second TLS and DNS set-up.

use std::error::Error;
use std::fmt;

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// Why there is no response.
#[derive(Debug)]
pub struct HttpError(Box<dyn Error + Send + Sync>);

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for HttpError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Sends a request and reads a response of at most `limit` octets.
///
/// # Errors
/// What the connection, the protocol or the limit says.
pub async fn send<B>(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<B>,
    limit: usize,
) -> Result<Response<Bytes>, HttpError>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let failed = |error: hyper::Error| HttpError(error.into());
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(failed)?;
    // It ends with the sender, or with the server.
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(failed)?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, limit).collect().await;
    driver.abort();
    let body = body.map_err(HttpError)?.to_bytes();
    Ok(Response::from_parts(head, body))
}
