//! Garbage from both sides at once: the session ends when its peers have closed, and nothing panics.
//! The seeds are fixed, so failures are reproducible.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{Peer, Proxy, Settings, filter};
use fastrand::Rng;
use popgate::filter::Filter;
use popgate::session::Engine;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const CLIENT: &[&[u8]] = &[
    b"RETR 1\r\n",
    b"TOP 1 0\r\n",
    b"LIST\r\n",
    b"LIST 1\r\n",
    b"STAT\r\n",
    b"UIDL\r\n",
    b"CAPA\r\n",
    b"AUTH\r\n",
    b"AUTH PLAIN\r\n",
    b"AUTH LOGIN x\r\n",
    b"*\r\n",
    b"DELE 1\r\n",
    b"RSET\r\n",
    b"QUIT\r\n",
    b"NOOP\n",
    b"XFOO\r\n",
    b"STLS\r\n",
    b"PASS a b\r\n",
    b"\r\n",
    b"\0\xff\r\n",
    b"RETR",
    b" 99999999999\r\n",
    b"USER a\r\n",
    b"LANG\r\n",
];
const SERVER: &[&[u8]] = &[
    b"+OK\r\n",
    b"+OK 1 2\r\n",
    b"-ERR no\r\n",
    b"+ \r\n",
    b"+\r\n",
    b".\r\n",
    b"\r\n",
    b"..\r\n",
    b"Subject: zzsubjectzz\r\n",
    b"X-Spam-Flag: NO\r\n folded\r\n",
    b"zzspamzz\r\n",
    b"zzdropzz\r\n",
    b"1 2\r\n",
    b"SASL X-PLUS\r\n",
    b"\n",
    b"\r",
    b".",
    b"\0\xff\xfe",
    b"* chatter\r\n",
    b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n",
    b"4294967296 9\r\n",
];

fn garbage(rng: &mut Rng, pieces: &[&[u8]], most: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..rng.usize(..most) {
        match rng.u32(..20) {
            0 => bytes.extend(std::iter::repeat_with(|| rng.u8(..)).take(50)),
            _ => bytes.extend_from_slice(pieces[rng.usize(..pieces.len())]),
        }
    }
    bytes
}

#[tokio::test]
async fn garbage_from_both_peers_causes_no_panic_and_no_leaked_session() {
    // Most of the time is spent in timeouts, so several sessions run concurrently.
    let mut running = JoinSet::new();
    let filter = filter(Some(10.0));
    let data = tempfile::tempdir().unwrap();
    for seed in 0..200 {
        if running.len() == 25 {
            running.join_next().await.unwrap().unwrap();
        }
        running.spawn(garbage_from_both(
            seed,
            Arc::clone(&filter),
            data.path().to_owned(),
        ));
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

async fn garbage_from_both(seed: u64, filter: Arc<Filter>, data: PathBuf) {
    let mut rng = Rng::with_seed(seed);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(listener.local_addr().unwrap());
    // A client that has half-closed still gets its pending responses, so the session waits for them.
    settings.timeouts.upstream_read = Duration::from_millis(50);
    // It also waits for the response to QUIT after the client has closed.
    settings.timeouts.connect = Duration::from_secs(2);
    settings.timeouts.greeting = Duration::from_millis(200);
    settings.engine = Some(Engine::Rules(filter));
    settings.data_dir = Some(data);
    settings.piece = [1, 3, 64, usize::MAX][rng.usize(..4)];
    settings.hold_bytes = [8, 100, 1 << 20][rng.usize(..3)];
    let mut proxy = Proxy::start(settings).await;
    let mut client = Peer::connect(proxy.address).await;
    let mut upstream = Peer::accept(&listener).await;
    upstream
        .send([&b"+OK\r\n"[..], b"+OK\n"][rng.usize(..2)])
        .await;
    for _ in 0..rng.usize(1..6) {
        // Either may have been disconnected by now.
        let _ = client.try_send(&garbage(&mut rng, CLIENT, 12)).await;
        let _ = upstream.try_send(&garbage(&mut rng, SERVER, 40)).await;
        tokio::task::yield_now().await;
    }
    if rng.bool() {
        drop(upstream);
        client.rest().await;
    } else {
        drop(client);
        upstream.rest().await;
    }
    proxy.session_end().await;
}
