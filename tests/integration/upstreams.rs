//! Dialling of upstreams: what one server does, or does not do, must not concern the others.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::time::Duration;

use crate::support::{Peer, Proxy, Settings};
use popgate::config::{AllowedHost, TlsMode};
use tokio::net::TcpListener;

const GREETING: &[u8] = b"+OK popgate is ready\r\n";
const HOUR: Duration = Duration::from_secs(3600);

/// A client that names its server in the user name, and sends its password.
async fn log_in_at(proxy: &Proxy, server: &TcpListener) -> Peer {
    let port = server.local_addr().unwrap().port();
    let mut client = Peer::connect(proxy.address).await;
    client.expect(GREETING).await;
    let login = format!("USER ann@127.0.0.1:{port}\r\nPASS x\r\n");
    client.send(login.as_bytes()).await;
    client.expect(b"+OK\r\n").await;
    client
}

#[tokio::test]
async fn logins_at_a_silent_server_delay_no_other_server() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let second = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(([127, 0, 0, 1], 1).into());
    settings.limits.upstream_connects = 2;
    settings.timeouts.connect = HOUR;
    settings.timeouts.greeting = HOUR;
    let allowed = |server: &TcpListener| {
        let address = server.local_addr().unwrap().to_string();
        AllowedHost::parse(&address).unwrap()
    };
    settings.routes.user_names.hosts = vec![allowed(&silent), allowed(&second)];
    settings.routes.user_names.tls = TlsMode::Off;
    let proxy = Proxy::start(settings).await;
    let mut waiting = Vec::new();
    for number in 0..8 {
        let client = log_in_at(&proxy, &silent).await;
        // The others wait until one of these two has greeted.
        let server = match number {
            0 | 1 => Some(Peer::accept(&silent).await),
            _ => None,
        };
        waiting.push((client, server));
    }
    let mut client = log_in_at(&proxy, &second).await;
    let mut server = Peer::accept(&second).await;
    server.send(b"+OK\r\n").await;
    server.expect(b"USER ann\r\n").await;
    server.send(b"+OK\r\n").await;
    server.expect(b"PASS x\r\n").await;
    server.send(b"+OK in\r\n").await;
    client.expect(b"+OK in\r\n").await;
    // One that greets makes room for the next.
    let (_, first) = &mut waiting[0];
    first.as_mut().unwrap().send(b"+OK\r\n").await;
    Peer::accept(&silent).await;
}
