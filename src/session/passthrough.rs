//! TLS that popgate does not terminate: a transparent listener passes it through to the server that the client
//! connected to.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::client::Client;
use super::exchange::DRAIN_SILENCE;
use super::failure::Failure;
use super::place::SessionPlace;
use super::refusal::Refusal;
use super::service::Service;
use crate::metrics::ConnectionOutcome;
use crate::net::Stream;
use crate::upstream::Connected;

/// Passes bytes between the client and the server that it connected to, without inspecting them.
pub(super) async fn pass_through(
    service: &Service,
    client: &Client<'_>,
    tcp: TcpStream,
    place: &mut SessionPlace,
) -> Result<(), Failure> {
    let dialler = service.router.original(client.addressed.original_dst, None);
    let connected = async {
        let connected = dialler.connect(client.on_behalf()).await;
        connected.map_err(|error| Failure::Dial(dialler.upstream().name.clone(), error))
    };
    let Connected {
        stream: mut upstream,
        own: _own,
        ..
    } = place.unless_evicted(connected).await?;
    if client.is_self(service.router.loop_detection()) {
        return Err(Refusal::Loop.into());
    }
    service
        .metrics
        .connection(&client.listener.name, ConnectionOutcome::ProxiedAway);
    let gone = |error| Failure::ClientGone(Some(error));
    let mut tcp = Stream::plain(tcp).map_err(gone)?;
    let limit = service.timeouts.login;
    let stopping = place.drain.clone().stopping();
    let begun = async {
        tokio::select! {
            begun = timeout(limit, pass_handshake(&mut tcp, &mut upstream)) => begun.map(|_| ()),
            () = stopping => Ok(()),
        }
    };
    let begun = async { Ok(begun.await) };
    if place.unless_evicted(begun).await?.is_err() {
        return Ok(());
    }
    if place.establish().await? {
        tcp.move_to_this_event_loop().map_err(gone)?;
        upstream.move_to_this_event_loop().map_err(gone)?;
    }
    // Both connections are closed in the same way.
    let transfer = Transfer {
        began: Instant::now(),
        moved: AtomicU64::new(0),
    };
    let (from_client, to_client) = tokio::io::split(tcp);
    let (from_upstream, to_upstream) = tokio::io::split(upstream);
    let both = async {
        tokio::try_join!(
            transfer.one_way(from_client, to_upstream),
            transfer.one_way(from_upstream, to_client)
        )
    };
    tokio::select! {
        _ = both => {}
        () = transfer.idle(service.timeouts.idle) => {}
        () = async {
            place.drain.clone().stopping().await;
            tokio::time::sleep(DRAIN_SILENCE).await;
            transfer.idle(DRAIN_SILENCE).await;
        } => {}
    }
    Ok(())
}

/// Passes octets until the client answers what the server has sent, or one of them closes: a client that does not
/// even finish its handshake is a stranger. Whether others log in cannot be seen.
async fn pass_handshake(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    upstream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> io::Result<()> {
    let (mut from_client, mut from_upstream) = (vec![0; 4 << 10], vec![0; 16 << 10]);
    let mut has_answered = false;
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let read = read?;
                upstream.write_all(&from_client[..read]).await?;
                upstream.flush().await?;
                // The transfer afterwards sees an end again.
                if has_answered || read == 0 {
                    return Ok(());
                }
            }
            read = upstream.read(&mut from_upstream) => {
                let read = read?;
                client.write_all(&from_upstream[..read]).await?;
                client.flush().await?;
                if read == 0 {
                    return Ok(());
                }
                has_answered = true;
            }
        }
    }
}

/// When octets last moved between the two sides.
struct Transfer {
    began: Instant,
    /// In milliseconds from then.
    moved: AtomicU64,
}

impl Transfer {
    async fn one_way(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut piece = vec![0; 16 << 10];
        loop {
            let read = from.read(&mut piece).await?;
            if read == 0 {
                return to.shutdown().await;
            }
            to.write_all(&piece[..read]).await?;
            to.flush().await?;
            let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.moved.store(now, Ordering::Relaxed);
        }
    }

    /// Ready when nothing has moved for this long.
    async fn idle(&self, limit: Duration) {
        loop {
            let moved = Duration::from_millis(self.moved.load(Ordering::Relaxed));
            let due = self.began + moved + limit;
            if Instant::now() >= due {
                return;
            }
            tokio::time::sleep_until(due).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_is_a_stranger_until_it_answers_the_server() {
        let (mut client, mut near_client) = tokio::io::duplex(64);
        let (mut upstream, mut near_upstream) = tokio::io::duplex(64);
        let mut passing = std::pin::pin!(pass_handshake(&mut near_client, &mut near_upstream));
        let minute = Duration::from_secs(60);
        client.write_all(b"hello").await.unwrap();
        assert!(timeout(minute, &mut passing).await.is_err());
        let mut got = [0; 5];
        upstream.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"hello");
        client.write_all(b", too").await.unwrap();
        assert!(timeout(minute, &mut passing).await.is_err());
        upstream.write_all(b"server").await.unwrap();
        upstream.write_all(b" hello").await.unwrap();
        assert!(timeout(minute, &mut passing).await.is_err());
        let mut got = [0; 12];
        client.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"server hello");
        client.write_all(b"finished").await.unwrap();
        passing.await.unwrap();
        let mut got = [0; 13];
        upstream.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b", toofinished");
    }

    #[tokio::test(start_paused = true)]
    async fn a_transfer_continues_while_octets_move_and_ends_when_idle() {
        let transfer = Transfer {
            began: Instant::now(),
            moved: AtomicU64::new(0),
        };
        let (mut near, from) = tokio::io::duplex(64);
        let (to, mut far) = tokio::io::duplex(64);
        let limit = Duration::from_millis(400);
        let talk = async {
            for number in 0..8u8 {
                tokio::time::sleep(limit / 4).await;
                near.write_all(&[number]).await.unwrap();
                assert_eq!(far.read_u8().await.unwrap(), number);
            }
            transfer.began.elapsed()
        };
        let idle = async {
            transfer.idle(limit).await;
            transfer.began.elapsed()
        };
        tokio::select! {
            ended = transfer.one_way(from, to) => panic!("{ended:?}"),
            (talked, rested) = async { tokio::join!(talk, idle) } => assert!(talked < rested),
        }
    }
}
