//! The metrics of a real session, scraped over HTTP: their sums must agree.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;

use crate::support::{Peer, session};
use popgate::config::HeaderMode;
use popgate::net::DrainSignal;

/// Sends a GET; returns status line and body.
async fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut peer = Peer::connect(address).await;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    peer.send(request.as_bytes()).await;
    let answer = String::from_utf8(peer.rest().await).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

fn value(text: &str, line: &str) -> f64 {
    let found = text
        .lines()
        .find_map(|it| it.strip_prefix(line)?.strip_prefix(' '));
    found
        .unwrap_or_else(|| panic!("no `{line}` in:\n{text}"))
        .parse()
        .unwrap()
}

/// Commands and their responses, exchanged one by one.
const SESSION: &[(&str, &str)] = &[
    ("CAPA", "+OK\r\nTOP\r\nSTLS\r\nX-OTHER\r\n.\r\n"),
    ("AUTH", "+OK\r\nPLAIN\r\nEXTERNAL\r\n.\r\n"),
    ("STAT", "+OK 3 1000\r\n"),
    ("LIST", "+OK\r\n1 100\r\n2 200\r\n3 300\r\n.\r\n"),
    ("RETR 1", "+OK\r\nSubject: ham\r\n\r\n..body\r\n.\r\n"),
    (
        "RETR 2",
        "+OK 200 octets\r\nX-Spam-Flag: NO\r\nSubject: spam\r\n\r\nzzspamzz\r\n.\r\n",
    ),
    (
        "RETR 3",
        "+OK 300 octets\r\nSubject: worse\r\n\r\nzzdropzz\r\n.\r\n",
    ),
    (
        "RETR 3",
        "+OK 300 octets\r\nSubject: worse\r\n\r\nzzdropzz\r\n.\r\n",
    ),
    (
        "TOP 2 0",
        "+OK\r\nX-Spam-Flag: NO\r\nSubject: spam\r\n\r\n.\r\n",
    ),
    ("LIST", "+OK\r\n1 100\r\n2 200\r\n3 300\r\n.\r\n"),
    ("STAT", "+OK 3 600\r\n"),
    ("NOOP", "+OK\r\n"),
    ("QUIT", "+OK bye\r\n"),
];

#[tokio::test]
async fn bytes_in_plus_edits_equal_bytes_out() {
    let data = tempfile::tempdir().unwrap();
    let (mut proxy, mut client, mut upstream) = session(|it| {
        it.drop_at = Some(10.0);
        it.data_dir = Some(data.path().to_owned());
        it.headers = HeaderMode::Spam;
    })
    .await;
    let mut got = "+OK ready\r\n+OK\r\n+OK in\r\n".len();
    let mut sent = got;
    for (command, answer) in SESSION {
        let line = format!("{command}\r\n");
        client.send(line.as_bytes()).await;
        upstream.expect(line.as_bytes()).await;
        upstream.send(answer.as_bytes()).await;
        sent += answer.len();
        got += client.line().await.len();
        if answer.ends_with("\r\n.\r\n") {
            got += client.answer().await.len();
        }
    }
    // No command here is refused by popgate itself: that would be bytes out without bytes in.
    proxy.session_end().await;

    let signal = Arc::new(DrainSignal::new());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let admin = listener.local_addr().unwrap();
    let serving = popgate::admin::serve(
        listener,
        Arc::clone(&proxy.metrics),
        Arc::clone(&signal),
        Arc::default(),
        None,
    );
    tokio::spawn(serving);
    let (status, text) = get(admin, "/metrics").await;
    assert_eq!(status, "HTTP/1.1 200 OK");

    let bytes = |leg: &str, direction: &str| {
        value(
            &text,
            &format!("popgate_bytes_total{{direction=\"{direction}\",leg=\"{leg}\"}}"),
        )
    };
    assert_eq!(bytes("upstream", "in"), sent as f64);
    assert_eq!(bytes("client", "out"), got as f64);
    let added = value(&text, "popgate_edited_bytes_total{kind=\"added\"}");
    let removed = value(&text, "popgate_edited_bytes_total{kind=\"removed\"}");
    assert_eq!(
        bytes("upstream", "in") + added - removed,
        bytes("client", "out")
    );
    assert_eq!(
        bytes("client", "in"),
        bytes("upstream", "out"),
        "every command is relayed unchanged"
    );

    for (line, expected) in [
        ("popgate_commands_total{verb=\"retr\"}", 4.0),
        ("popgate_commands_total{verb=\"top\"}", 1.0),
        (
            "popgate_logins_total{mechanism=\"userpass\",outcome=\"ok\",upstream=\"test\"}",
            1.0,
        ),
        (
            "popgate_messages_total{action=\"pass\",command=\"retr\"}",
            1.0,
        ),
        (
            "popgate_messages_total{action=\"tag\",command=\"retr\"}",
            1.0,
        ),
        (
            "popgate_messages_total{action=\"tag\",command=\"top\"}",
            1.0,
        ),
        (
            "popgate_messages_total{action=\"drop\",command=\"retr\"}",
            2.0,
        ),
        ("popgate_filter_seconds_count{stage=\"total\"}", 3.0),
        ("popgate_first_byte_seconds_count{command=\"retr\"}", 4.0),
        ("popgate_retr_seconds_count", 4.0),
        ("popgate_held_bytes_count", 3.0),
        ("popgate_score_count", 3.0),
        ("popgate_rule_hits_total{rule=\"TEST_SPAM\"}", 1.0),
        ("popgate_rule_hits_total{rule=\"TEST_WORSE\"}", 1.0),
    ] {
        assert_eq!(value(&text, line), expected, "{line}");
    }

    assert_eq!(get(admin, "/healthz").await.0, "HTTP/1.1 200 OK");
    assert_eq!(get(admin, "/readyz").await.0, "HTTP/1.1 200 OK");
    signal.stop();
    assert_eq!(
        get(admin, "/readyz").await.0,
        "HTTP/1.1 503 Service Unavailable"
    );
    assert_eq!(get(admin, "/healthz").await.0, "HTTP/1.1 200 OK");
    assert_eq!(get(admin, "/nothing").await.0, "HTTP/1.1 404 Not Found");
}

/// A browser on this machine must not read the page for a remote web site (DNS rebinding).
#[tokio::test]
async fn requests_for_other_hosts_are_refused() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let admin = listener.local_addr().unwrap();
    let (metrics, signal, loops) = (Arc::default(), Arc::default(), Arc::default());
    let serving = popgate::admin::serve(listener, metrics, signal, loops, None);
    tokio::spawn(serving);
    for (request, status) in [
        ("GET /metrics HTTP/1.0\r\n\r\n", 200),
        ("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:9110\r\n", 200),
        ("GET /metrics HTTP/1.1\r\nHost: [::1]:9110\r\n", 200),
        ("GET /metrics HTTP/1.1\r\nHost: LocalHost\r\n", 200),
        ("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n", 421),
        (
            "GET /metrics HTTP/1.1\r\nHost: localhost.evil.example\r\n",
            421,
        ),
        (
            "GET /metrics HTTP/1.1\r\nHost: evil.example@localhost\r\n",
            421,
        ),
        (
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
            421,
        ),
        (
            "GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\n",
            421,
        ),
        ("GET /metrics HTTP/1.1\r\nHost: \r\n", 421),
        ("GET /metrics HTTP/1.1\r\nHost: a b\r\n", 421),
        ("GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n", 404),
        (
            "GET /metrics/../quarantine HTTP/1.1\r\nHost: localhost\r\n",
            404,
        ),
        ("GET //metrics HTTP/1.1\r\nHost: localhost\r\n", 404),
        ("GET /%6detrics HTTP/1.1\r\nHost: localhost\r\n", 404),
        (
            "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n",
            405,
        ),
        ("GET /metrics HTTP/9.9\r\nHost: localhost\r\n", 400),
        ("\u{1}\u{2}garbage\r\n", 400),
    ] {
        let mut peer = Peer::connect(admin).await;
        peer.send(format!("{request}Connection: close\r\n\r\n").as_bytes())
            .await;
        let answer = String::from_utf8(peer.rest().await).unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} "))
                || answer.starts_with(&format!("HTTP/1.0 {status} ")),
            "{request}: {answer}"
        );
    }
}
