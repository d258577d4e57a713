//! TLS that popgate does not terminate: a transparent listener passes it through to the server that the client
//! connected to.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

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
    let gone = |error| Failure::ClientGone(Some(error));
    let mut tcp = Stream::plain(tcp).map_err(gone)?;
    // Whether the client logs in cannot be seen: it is established once it has a server.
    if place.establish().await? {
        tcp.move_to_this_event_loop().map_err(gone)?;
        upstream.move_to_this_event_loop().map_err(gone)?;
    }
    service
        .metrics
        .connection(&client.listener.name, ConnectionOutcome::ProxiedAway);
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
