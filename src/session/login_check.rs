//! Whether a user's name and password are right, without a mail program: for those who log in to the console.
//!
//! In: a name and a password; out: the mailbox that they open, or why they do not. It is a session like any other, over
//! a pipe within the process: the same routes, limits, pauses after failures and log lines. Where a login to the
//! quarantine is possible, it is one, because that leaves the server before any command about messages. The password is
//! kept by nobody.
//!
//! RFC 1939 sections 4 and 7 (USER, PASS, QUIT).

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use super::client::Client;
use super::connection::Connection;
use super::place::SessionPlace;
use super::relay::Relay;
use super::serve::relay_to_end;
use super::service::Service;
use crate::config::ListenTls;
use crate::mailbox_id::MailboxId;
use crate::net::places::Places;
use crate::net::proxy_protocol::Addressed;
use crate::net::{Drain, Handover, Stream};
use crate::pop3::line::{printable, trim_end};

/// The longest name or password, in octets.
const LONGEST: usize = 320;

/// The longest answer that is read, in octets (RFC 2449 section 4 has 512).
const LONGEST_ANSWER: u64 = 4096;

/// How long a login may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginDenied {
    /// No server was asked: that is no name or no password, or no listener leads to a server.
    Impossible,
    /// The answer of the server, or popgate's own.
    Refused(String),
    /// Nobody has answered in time.
    Late,
}

impl fmt::Display for LoginDenied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Impossible => f.write_str("no server can be asked about this name and password"),
            Self::Refused(answer) => f.write_str(answer),
            Self::Late => write!(f, "no answer within {PATIENCE:?}"),
        }
    }
}

impl std::error::Error for LoginDenied {}

/// Logs in at the server of a user who is at this address, and out again.
///
/// # Errors
/// Why that is impossible, or the answer to it.
pub async fn mailbox_of_login(
    service: Arc<Service>,
    from: SocketAddr,
    drain: Drain,
    user: &str,
    password: &str,
) -> Result<MailboxId, LoginDenied> {
    let service = &*service;
    let is_sendable = |text: &str| {
        !text.is_empty() && text.len() <= LONGEST && !text.bytes().any(|it| it.is_ascii_control())
    };
    let mut listeners = service.listeners.iter();
    let listener = listeners
        .find(|it| !it.transparent && !it.needs_sni() && it.protection != ListenTls::Passthrough);
    let (Some(listener), true) = (listener, is_sendable(user) && is_sendable(password)) else {
        return Err(LoginDenied::Impossible);
    };
    let quotas = &service.quotas;
    let slot = quotas.admit_address(&service.limits, from.ip());
    let slot = slot.map_err(|refusal| LoginDenied::Refused(refusal.to_string()))?;
    // The pipe is as private as a connection that stays on this machine.
    let here = SocketAddr::new(from.ip(), 0);
    let client = Client {
        listener,
        addressed: Addressed {
            client: from,
            original_dst: here,
        },
        conntrack_dst: here,
        sni: None,
        _slot: slot,
    };
    let refused = |refusal: super::refusal::Refusal| LoginDenied::Refused(refusal.to_string());
    let route = service.server_of(&client).map_err(refused)?;
    let place = Arc::<Places>::default().enter(from.ip(), service.places());
    let place = place.map_err(|_| LoginDenied::Impossible)?;
    let mut place = SessionPlace {
        place,
        pending: None,
        drain: drain.clone(),
        handover: Handover::none(),
    };
    let (near, far) = tokio::io::duplex(1024);
    let connection = Connection::new(Stream::memory(far));
    let deadline = Instant::now() + service.timeouts.login;
    let mut relay = Box::new(Relay::new(
        service, client, connection, route, deadline, drain,
    ));
    let suffix = &service.quarantine_suffix;
    let dialogue = async {
        tokio::join!(
            relay_to_end(&mut relay, &mut place),
            log_in(near, user, suffix, password)
        )
    };
    let ((), said) = timeout(PATIENCE, dialogue)
        .await
        .map_err(|_| LoginDenied::Late)?;
    said?;
    relay.mailbox().ok_or(LoginDenied::Impossible)
}

/// The client's side.
async fn log_in(
    pipe: DuplexStream,
    user: &str,
    suffix: &str,
    password: &str,
) -> Result<(), LoginDenied> {
    let mut pipe = BufReader::new(pipe);
    answer(&mut pipe).await?;
    let commands = [
        Zeroizing::new(format!("USER {user}{suffix}\r\n")),
        Zeroizing::new(format!("PASS {password}\r\n")),
    ];
    for command in commands {
        pipe.write_all(command.as_bytes()).await.map_err(closed)?;
        answer(&mut pipe).await?;
    }
    // The login is done, whatever the server says to this.
    let _ = pipe.write_all(b"QUIT\r\n").await;
    let _ = answer(&mut pipe).await;
    Ok(())
}

/// Reads a status line.
async fn answer(pipe: &mut BufReader<DuplexStream>) -> Result<(), LoginDenied> {
    let mut line = Vec::new();
    let mut limited = pipe.take(LONGEST_ANSWER);
    let read = limited.read_until(b'\n', &mut line).await;
    read.map_err(closed)?;
    match line.starts_with(b"+OK") {
        true => Ok(()),
        false => Err(LoginDenied::Refused(printable(trim_end(&line), 300))),
    }
}

fn closed(error: io::Error) -> LoginDenied {
    LoginDenied::Refused(error.to_string())
}
