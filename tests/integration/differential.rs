//! Random pipelined sessions, direct and through the proxy: without rules the client must get the
//! same bytes. The seeds are fixed, so failures are reproducible.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;

use crate::support::{Peer, Proxy, Settings, shown};
use bytes::Bytes;
use fastrand::Rng;
use popgate::demo::server::SampleServer;
use popgate::filter::{Filter, RuleSet, Thresholds};
use popgate::session::Engine;

const MESSAGES: u32 = 8;

fn messages(rng: &mut Rng) -> Vec<Bytes> {
    let pieces: [&[u8]; 9] = [
        b".",
        b"\r\n",
        b"\r\n.",
        b"\n",
        b"\r",
        b"word ",
        b"\0",
        b"+OK\r\n",
        b"\r\n\r\n",
    ];
    (0..MESSAGES)
        .map(|_| {
            let mut message = b"Subject: a\r\n\r\n".to_vec();
            for _ in 0..rng.usize(..200) {
                message.extend_from_slice(pieces[rng.usize(..pieces.len())]);
            }
            // A server ends each message with CRLF, so that the final dot is a line of its own.
            message.extend_from_slice(b"\r\n");
            Bytes::from(message)
        })
        .collect()
}

fn commands(rng: &mut Rng) -> Vec<u8> {
    let mut all = b"USER a\r\nPASS b c\r\n".to_vec();
    for _ in 0..rng.usize(1..60) {
        let number = rng.u32(1..MESSAGES + 2);
        let command = match rng.u32(..12) {
            0 => "STAT".to_owned(),
            1 => "LIST".to_owned(),
            2 => format!("LIST {number}"),
            3 => "UIDL".to_owned(),
            4 => format!("UIDL {number}"),
            5 | 6 => format!("RETR {number}"),
            7 => format!("TOP {number} {}", [0, 1, 5, 99_999_999][rng.usize(..4)]),
            8 => format!("DELE {number}"),
            9 => "RSET".to_owned(),
            10 => "NOOP".to_owned(),
            _ => "XFOO bar".to_owned(),
        };
        all.extend_from_slice(command.as_bytes());
        all.extend_from_slice(b"\r\n");
    }
    all.extend_from_slice(b"QUIT\r\n");
    all
}

/// Sends the commands in writes of random sizes and returns everything received.
async fn converse(address: SocketAddr, commands: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut client = Peer::connect(address).await;
    let mut rest = commands;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rng.usize(1..=rest.len()));
        client.send(now).await;
        rest = later;
    }
    client.rest().await
}

#[tokio::test]
async fn random_sessions_get_the_same_bytes_through_the_proxy() {
    let thresholds = Thresholds {
        tag_at: 5.0,
        drop_at: None,
    };
    let sample = SampleServer::start([]).await.unwrap();
    let mut rng = Rng::with_seed(0);
    let said = converse(sample.address(), b"CAPA\r\nQUIT\r\n", &mut rng).await;
    // The greeting and the answer to QUIT are one line each.
    let lines: Vec<_> = said.split_inclusive(|octet| *octet == b'\n').collect();
    let capabilities: usize = lines[1..lines.len() - 1].iter().map(|it| it.len()).sum();
    let capabilities = capabilities as f64;
    let no_rules = Arc::new(Filter::new(RuleSet::default(), thresholds).unwrap());
    for seed in 0..150 {
        let mut rng = Rng::with_seed(seed);
        let mail = messages(&mut rng);
        let commands = commands(&mut rng);
        let direct = SampleServer::start(mail.iter().cloned()).await.unwrap();
        let behind = SampleServer::start(mail).await.unwrap();
        let mut settings = Settings::new(behind.address());
        settings.engine = Some(Engine::Rules(Arc::clone(&no_rules)));
        settings.piece = [1, 2, 7, 100, usize::MAX][rng.usize(..5)];
        // Below the size of most messages, so that some are streamed.
        settings.hold_bytes = [16, 200, 1 << 20][rng.usize(..3)];
        let mut proxy = Proxy::start(settings).await;
        let expected = converse(direct.address(), &commands, &mut rng).await;
        let got = converse(proxy.address, &commands, &mut rng).await;
        proxy.session_end().await;
        assert_eq!(shown(&expected), shown(&got), "seed {seed}");
        assert_eq!(
            direct.remaining(),
            behind.remaining(),
            "seed {seed}: deletions"
        );
        let (added, removed) = (
            "popgate_edited_bytes_total{kind=\"added\"}",
            "popgate_edited_bytes_total{kind=\"removed\"}",
        );
        assert_eq!(proxy.metric(added), 0.0, "seed {seed}");
        // popgate may have asked for the capabilities itself.
        let removed = proxy.metric(removed);
        assert!(
            removed == 0.0 || removed == capabilities,
            "seed {seed}: {removed} octets are not relayed"
        );
    }
}
