//! A login as `NAME+quarantine`: the server verifies the password as NAME's, and the session shows what is held for that
//! mailbox, as RFC 1939 has it.

use std::path::Path;

use popgate::config::{HostPattern, TlsMode, Upstream};
use popgate::store::quarantine;
use tokio::net::TcpListener;

use crate::support::mailbox::{Messages, Session};
use crate::support::{Peer, Proxy, ServerInMemory, Settings, until};

const HELD: [&[u8]; 3] = [
    b"From: c@example.org\r\nSubject: a\r\n\r\n.zzdropzz\r\n..\r\n",
    b"From: c@example.org\r\nSubject: b\r\n\r\nzzdropzz b\r\n",
    b"From: c@example.org\r\nSubject: c\r\n\r\nzzdropzz cc\r\n",
];

fn mailbox() -> Messages {
    let uidls = ["one", "two", "three"].into_iter();
    uidls.zip(HELD.map(<[u8]>::to_vec)).collect()
}

fn server(data: &Path) -> ServerInMemory {
    ServerInMemory::new(|it| {
        it.drop_at = Some(10.0);
        it.data_dir = Some(data.to_owned());
        it.store = true;
    })
}

/// All messages of the mailbox are held; returns their ids.
async fn hold(server: &mut ServerInMemory) -> Vec<String> {
    let mut session = Session::new(server, "a", &mailbox()).await;
    let mut ids = Vec::new();
    for number in 1..=3 {
        let notice = String::from_utf8(session.retr(number).await).unwrap();
        let id = notice.lines().next().unwrap();
        ids.push(id.strip_prefix("X-Popgate-Id: ").unwrap().to_owned());
    }
    session.quit(server).await;
    ids
}

fn kept(data: &Path) -> usize {
    quarantine::kept(data).unwrap().len()
}

#[tokio::test]
async fn what_is_held_is_fetched_and_deleted_as_rfc_1939_has_it() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let mut server = server(data);
    let ids = hold(&mut server).await;
    let mut session = Session::new(&server, "A+Quarantine", &mailbox()).await;
    let uidls = session.rows("UIDL").await;
    let mut wanted: Vec<String> = ids.iter().map(|id| format!("popgate-{id}")).collect();
    let mut sorted = uidls.clone();
    sorted.sort();
    wanted.sort();
    assert_eq!(sorted, wanted);
    let text = |uidl: &str| {
        let place = ids.iter().position(|id| uidl == format!("popgate-{id}"));
        HELD[place.unwrap()]
    };
    let octets: usize = HELD.iter().map(|it| it.len()).sum();
    assert_eq!(session.ask("STAT").await, format!("+OK 3 {octets}"));
    let sizes = session.rows("LIST").await;
    for (place, uidl) in uidls.iter().enumerate() {
        assert_eq!(sizes[place], text(uidl).len().to_string());
        assert_eq!(session.retr(place + 1).await, text(uidl));
        let answer = session.ask(&format!("UIDL {}", place + 1)).await;
        assert_eq!(answer, format!("+OK {} {uidl}", place + 1));
    }
    assert!(session.ask("TOP 1 0").await.starts_with("+OK"));
    let top = session.client.answer().await;
    assert!(top.starts_with(b"From: c@example.org\r\n") && top.ends_with(b"\r\n\r\n.\r\n"));
    for wrong in ["RETR 4", "DELE 0", "LIST x", "LAST", "UTF8", "XTND XLST"] {
        assert!(session.ask(wrong).await.starts_with("-ERR"), "{wrong}");
    }
    assert_eq!(session.ask("NOOP").await, "+OK");
    // Marks and RSET.
    assert!(session.ask("DELE 2").await.starts_with("+OK"));
    for deleted in ["DELE 2", "RETR 2", "TOP 2 1", "LIST 2", "UIDL 2"] {
        assert!(session.ask(deleted).await.starts_with("-ERR"), "{deleted}");
    }
    let left = octets - text(&uidls[1]).len();
    assert_eq!(session.ask("STAT").await, format!("+OK 2 {left}"));
    assert_eq!(session.ask("RSET").await, "+OK");
    assert_eq!(session.ask("STAT").await, format!("+OK 3 {octets}"));
    session.ask("DELE 1").await;
    // The server was left at once, and knows no command but the login.
    let ended = session.cut(&mut server).await;
    assert_eq!(ended.commands, ["USER A", "PASS right"]);
    assert_eq!((ended.left.len(), kept(data)), (3, 3));
    let mut session = Session::new(&server, "a+quarantine", &mailbox()).await;
    // In one piece.
    session
        .client
        .send(b"DELE 1\r\nDELE 3\r\nSTAT\r\nQUIT\r\nNOOP\r\n")
        .await;
    let rest = String::from_utf8(session.client.rest().await).unwrap();
    let middle = text(&uidls[1]).len();
    let wanted = format!(
        "+OK marked to be deleted\r\n+OK marked to be deleted\r\n+OK 1 {middle}\r\n+OK bye\r\n"
    );
    assert_eq!(rest, wanted);
    server.proxy.session_end().await;
    until("they are deleted", || kept(data) == 1);
    let mut session = Session::new(&server, "a+quarantine", &mailbox()).await;
    assert_eq!(session.rows("UIDL").await, uidls[1..2]);
    session.quit(&mut server).await;
    // Another mailbox has another quarantine.
    let mut session = Session::new(&server, "b+quarantine", &mailbox()).await;
    assert_eq!(session.ask("STAT").await, "+OK 0 0");
    assert!(session.rows("LIST").await.is_empty());
    session.quit(&mut server).await;
}

#[tokio::test]
async fn the_servers_password_opens_it_and_no_other() {
    let data = tempfile::tempdir().unwrap();
    let mut server = server(data.path());
    hold(&mut server).await;
    let mut session = Session::unauthenticated(&server, &mailbox()).await;
    session.ask("USER a+quarantine").await;
    assert_eq!(session.ask("PASS wrong").await, "-ERR [AUTH] no");
    // Another name after it is another login.
    session.ask("USER a").await;
    assert_eq!(session.ask("PASS right").await, "+OK");
    assert_eq!(session.rows("UIDL").await, ["one", "two", "three"]);
    let commands = session.quit(&mut server).await.commands;
    assert_eq!(
        commands[..4],
        ["USER a", "PASS wrong", "USER a", "PASS right"]
    );
    let mut session = Session::unauthenticated(&server, &mailbox()).await;
    assert!(session.ask("AUTH SCRAM-SHA-256").await.starts_with("+"));
    // "n,,n=a+quarantine,r=x"
    let answer = session.ask("biwsbj1hK3F1YXJhbnRpbmUscj14").await;
    assert!(
        answer.starts_with("-ERR for the quarantine use USER and PASS"),
        "{answer}"
    );
    // "\0a+quarantine\0right"
    assert_eq!(
        session.ask("AUTH PLAIN AGErcXVhcmFudGluZQByaWdodA==").await,
        "+OK"
    );
    let answer = session.ask("STAT").await;
    assert!(answer.starts_with("+OK 3 "), "{answer}");
    let commands = session.quit(&mut server).await.commands;
    assert_eq!(commands[2..], ["AUTH PLAIN AGEAcmlnaHQ="]);
}

#[tokio::test]
async fn without_a_store_the_name_is_the_servers() {
    let mut server = ServerInMemory::new(|_| {});
    let mut session = Session::new(&server, "a+quarantine", &mailbox()).await;
    assert!(session.ask("STAT").await.starts_with("+OK 3"));
    let commands = session.quit(&mut server).await.commands;
    assert_eq!(commands[0], "USER a+quarantine");
}

/// popgate logs in where the user name selects the server.
#[tokio::test]
async fn the_suffix_is_removed_before_the_server_is_found() {
    let data = tempfile::tempdir().unwrap();
    for user in [
        "ann+quarantine@second.example",
        "ann@second.example+quarantine",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut settings = Settings::new(([127, 0, 0, 1], 9).into());
        let port = listener.local_addr().unwrap().port();
        let upstream = Upstream::new("second", "127.0.0.1", port, TlsMode::Off);
        settings.others = vec![(upstream, None)];
        settings.routes.domains = vec![(HostPattern::parse("second.example").unwrap(), 1)];
        settings.data_dir = Some(data.path().to_owned());
        settings.store = true;
        let proxy = Proxy::start(settings).await;
        let mut client = Peer::connect(proxy.address).await;
        client.expect(b"+OK popgate is ready\r\n").await;
        client.send(format!("USER {user}\r\n").as_bytes()).await;
        client.expect(b"+OK\r\n").await;
        client.send(b"PASS right\r\n").await;
        let mut server = Peer::accept(&listener).await;
        server.send(b"+OK ready\r\n").await;
        server.expect(b"CAPA\r\n").await;
        server.send(b"-ERR what?\r\n").await;
        for line in ["USER ann@second.example\r\n", "PASS right\r\n"] {
            server.expect(line.as_bytes()).await;
            server.send(b"+OK\r\n").await;
        }
        client.expect(b"+OK\r\n").await;
        assert!(server.rest().await.is_empty());
        client.send(b"STAT\r\nQUIT\r\n").await;
        client.expect(b"+OK 0 0\r\n+OK bye\r\n").await;
    }
}

/// A server that remembers USER across a refused AUTH: PASS proves who USER has named, and nobody else.
#[tokio::test]
async fn a_refused_login_as_another_user_opens_nothing() {
    let data = tempfile::tempdir().unwrap();
    let mut server = server(data.path());
    hold(&mut server).await;
    let mut session = Session::unauthenticated(&server, &mailbox()).await;
    session.ask("USER b").await;
    // "\0a+quarantine\0wrong", and the same without the suffix
    for guess in ["AGErcXVhcmFudGluZQB3cm9uZw==", "AGEAd3Jvbmc="] {
        let answer = session.ask(&format!("AUTH PLAIN {guess}")).await;
        assert!(answer.starts_with("-ERR"), "{answer}");
        let answer = session
            .ask("APOP a+quarantine 00000000000000000000000000000000")
            .await;
        assert!(answer.starts_with("-ERR"), "{answer}");
    }
    assert_eq!(session.ask("PASS right").await, "+OK");
    assert_eq!(session.rows("UIDL").await, ["one", "two", "three"]);
    // Nothing is remembered of b's messages.
    assert_eq!(server.proxy.metric("popgate_score_count"), 3.0);
    session.retr(1).await;
    assert_eq!(server.proxy.metric("popgate_score_count"), 4.0);
    let uidls = quarantine::kept(data.path()).unwrap();
    assert_eq!(uidls.len(), 4, "it is held for b, too");
    session.quit(&mut server).await;
    // The other way round.
    let mut session = Session::unauthenticated(&server, &mailbox()).await;
    session.ask("USER b+quarantine").await;
    session.ask("AUTH PLAIN AGEAd3Jvbmc=").await;
    assert_eq!(session.ask("PASS right").await, "+OK");
    assert!(session.ask("STAT").await.starts_with("+OK 1 "));
    session.quit(&mut server).await;
}
