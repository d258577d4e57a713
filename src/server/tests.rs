//! A server in this process: built on free ports, stopped by a future.

use std::future::{pending, ready};
use std::net::TcpListener;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::oneshot;

use super::*;
use crate::config::{Config, Listen};
use crate::config::{Flags, TlsMode, Upstream};

/// A server whose upstream is this listener.
fn server(upstream: &TcpListener, sessions: SessionRuntime) -> Server {
    let (mut config, _) = Config::load(None, &Flags::default());
    let port = upstream.local_addr().unwrap().port();
    config.upstreams = vec![Upstream::new("test", "127.0.0.1", port, TlsMode::Off)];
    config.admin = None;
    config.data_dir = Default::default();
    config.filter.classifier = false;
    let overrides = Overrides {
        listeners: vec![TcpListener::bind("127.0.0.1:0").unwrap()],
        root: Root::Kept,
        sessions,
        ..Overrides::default()
    };
    build(&config, Vec::new(), overrides).unwrap()
}

fn upstream() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

#[tokio::test]
async fn a_server_without_sessions_stops_at_once() {
    let server = server(&upstream(), SessionRuntime::default());
    run(server, ready(()), pending()).await.unwrap();
}

#[tokio::test]
async fn an_active_session_delays_the_end_until_it_is_closed() {
    let upstream = upstream();
    let (ended_sender, mut ended) = unbounded_channel();
    let server = server(&upstream, SessionRuntime::Current(ended_sender));
    let (address, metrics) = (server.addresses()[0], Arc::clone(server.metrics()));
    let (shut_down, shutdown) = oneshot::channel::<()>();
    let (cut_off, abort) = oneshot::channel::<()>();
    let served = tokio::spawn(run(server, async { drop(shutdown.await) }, async {
        drop(abort.await);
    }));
    let mut client = TcpStream::connect(address).await.unwrap();
    let upstream = tokio::net::TcpListener::from_std(upstream).unwrap();
    let (mut upstream, _) = upstream.accept().await.unwrap();
    upstream.write_all(b"+OK ready\r\n").await.unwrap();
    let mut greeting = [0; 11];
    client.read_exact(&mut greeting).await.unwrap();
    // A command whose response is pending.
    client.write_all(b"NOOP\r\n").await.unwrap();
    let mut command = [0; 6];
    upstream.read_exact(&mut command).await.unwrap();
    let active = || String::from_utf8(metrics.text()).unwrap();
    assert!(active().contains("popgate_sessions_active{listener=\"pop3\"} 1"));
    shut_down.send(()).unwrap();
    tokio::task::yield_now().await;
    assert!(!served.is_finished());
    cut_off.send(()).unwrap();
    served.await.unwrap().unwrap();
    upstream.write_all(b"+OK\r\n").await.unwrap();
    ended.recv().await.unwrap().unwrap();
}

#[test]
fn a_port_in_use_is_a_temporary_failure() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut config, _) = Config::load(None, &Flags::default());
    config.upstreams = vec![Upstream::new("test", "127.0.0.1", 1, TlsMode::Off)];
    config.admin = None;
    config.data_dir = Default::default();
    config.listen = vec![Listen::on(other.local_addr().unwrap())];
    let overrides = || Overrides {
        root: Root::Kept,
        ..Overrides::default()
    };
    let built = build(&config, Vec::new(), overrides());
    assert!(matches!(built, Err(BuildError::PortsInUse(_))), "{built:?}");
    // Together with another problem the configuration must change.
    config.filter.rules = Some("/nowhere".into());
    let built = build(&config, Vec::new(), overrides());
    let Err(BuildError::Invalid(problems)) = built else {
        panic!("{built:?}");
    };
    assert_eq!(problems.len(), 2, "{problems:?}");
}
