//! The OAuth bridge: the client has a password, the server wants a token, a provider gives it.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use crate::support::authority::authority;
use crate::support::provider::Provider;
use crate::support::{PATIENCE, Peer, Proxy, Settings, shown};
use popgate::pop3::Secret;
use popgate::store::{Grant, Tokens};
use popgate::upstream::{TokenError, TokenService};
use tokio::net::TcpListener;

/// "user=ann\1auth=Bearer TOKEN\1\1"
fn response(token: &str) -> Vec<u8> {
    use base64::Engine as _;
    let text = format!("user=ann\x01auth=Bearer {token}\x01\x01");
    let blob = base64::engine::general_purpose::STANDARD.encode(text);
    format!("{blob}\r\n").into_bytes()
}

struct Scene {
    proxy: Proxy,
    server: TcpListener,
    provider: Provider,
    tokens: Tokens,
    _folder: tempfile::TempDir,
}

async fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::open(folder.path()).unwrap();
    let grant = Grant {
        refresh: Secret::new(b"refresh-1"),
        access: None,
    };
    let password = Secret::new(b"open sesame");
    tokens.put("test", "ann", &password, &grant).unwrap();
    let provider = Provider::start(Arc::new(authority("localhost"))).await;
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(server.local_addr().unwrap());
    settings.bridges = vec![provider.bridge(&tokens, PATIENCE)];
    Scene {
        proxy: Proxy::start(settings).await,
        server,
        provider,
        tokens,
        _folder: folder,
    }
}

async fn logging_in(scene: &Scene, password: &str) -> Peer {
    let mut client = Peer::connect(scene.proxy.address).await;
    client.expect(b"+OK popgate is ready\r\n").await;
    client.send(b"USER ann\r\n").await;
    client.expect(b"+OK\r\n").await;
    client.send(format!("PASS {password}\r\n").as_bytes()).await;
    client
}

/// The server is shown this token, and says this.
async fn shown_to_the_server(scene: &Scene, token: &str, answer: &[u8]) -> Peer {
    let mut server = Peer::accept(&scene.server).await;
    server.send(b"+OK\r\n").await;
    server.expect(b"AUTH XOAUTH2\r\n").await;
    server.send(b"+ \r\n").await;
    server.expect(&response(token)).await;
    server.send(answer).await;
    server
}

#[tokio::test]
async fn a_password_becomes_a_token() {
    let scene = scene().await;
    let mut client = logging_in(&scene, "open sesame").await;
    let question = scene.provider.asked().await;
    assert!(
        question.head.starts_with("POST /token?v=2 HTTP/1.1\r\n"),
        "{}",
        question.head
    );
    for (key, value) in [
        ("grant_type", "refresh_token"),
        ("refresh_token", "refresh-1"),
        ("client_id", "popgate&co"),
        ("client_secret", "hush hush"),
        ("scope", "mail.pop"),
    ] {
        assert_eq!(question.form[key], value);
    }
    question
        .answer(
            "200 OK",
            r#"{"access_token":"access-1","expires_in":3600,"refresh_token":"refresh-2","token_type":"Bearer"}"#,
        )
        .await;
    let mut server = shown_to_the_server(&scene, "access-1", b"+OK welcome\r\n").await;
    client.expect(b"+OK welcome\r\n").await;
    client.send(b"STAT\r\n").await;
    server.expect(b"STAT\r\n").await;
    let counted = "popgate_logins_total{mechanism=\"oauth\",outcome=\"ok\",upstream=\"test\"}";
    assert_eq!(scene.proxy.metric(counted), 1.0);
    // The next session needs no provider: the token is still good.
    let mut client = logging_in(&scene, "open sesame").await;
    let _server = shown_to_the_server(&scene, "access-1", b"+OK again\r\n").await;
    client.expect(b"+OK again\r\n").await;
    // What the provider gave in place of the first refresh token is kept.
    let password = Secret::new(b"open sesame");
    let grant = scene.tokens.read("test", "ann", &password).unwrap();
    assert_eq!(grant.refresh.reveal(), b"refresh-2");
}

#[tokio::test]
async fn a_token_that_the_server_refuses_is_not_shown_twice() {
    let scene = scene().await;
    for (round, answer) in [(1, &b"-ERR [AUTH] no\r\n"[..]), (2, b"+OK\r\n")] {
        let mut client = logging_in(&scene, "open sesame").await;
        // An empty refresh token is none: the one that is stored stays.
        let json = format!(
            r#"{{"access_token":"access-{round}","expires_in":"3600","refresh_token":""}}"#
        );
        let question = scene.provider.asked().await;
        assert_eq!(question.form["refresh_token"], "refresh-1");
        question.answer("200 OK", &json).await;
        let token = format!("access-{round}");
        let _server = shown_to_the_server(&scene, &token, answer).await;
        client.expect(answer).await;
    }
}

#[tokio::test]
async fn another_password_opens_nothing_and_asks_nobody() {
    let scene = scene().await;
    let mut client = logging_in(&scene, "guess").await;
    let said = shown(&client.line().await);
    assert!(
        said.starts_with("-ERR [AUTH] the password is not the one"),
        "{said}"
    );
    // The session goes on; the right one is still taken.
    client.send(b"USER ann\r\nPASS open sesame\r\n").await;
    client.expect(b"+OK\r\n").await;
    let json = r#"{"access_token":"access-1"}"#;
    scene.provider.asked().await.answer("200 OK", json).await;
    let _server = shown_to_the_server(&scene, "access-1", b"+OK\r\n").await;
    client.expect(b"+OK\r\n").await;
}

#[tokio::test]
async fn a_consent_that_is_gone_is_told() {
    let scene = scene().await;
    let mut client = logging_in(&scene, "open sesame").await;
    let json =
        r#"{"error":"invalid_grant","error_description":"Token refresh-1 has been revoked."}"#;
    scene
        .provider
        .asked()
        .await
        .answer("400 Bad Request", json)
        .await;
    let said = shown(&client.line().await);
    assert!(
        said.starts_with("-ERR [AUTH] the token service refuses: invalid_grant;"),
        "{said}"
    );
    assert!(!said.contains("refresh-1"), "{said}");
}

/// When popgate's own secret has run out, no user's password is wrong.
#[tokio::test]
async fn what_the_service_holds_against_popgate_is_nobodys_password() {
    let scene = scene().await;
    let mut client = logging_in(&scene, "open sesame").await;
    let json = r#"{"error":"invalid_client"}"#;
    let asked = scene.provider.asked().await;
    asked.answer("401 Unauthorized", json).await;
    let said = shown(&client.line().await);
    assert!(said.starts_with("-ERR [SYS/TEMP]"), "{said}");
    let refused = |reason| {
        let line = format!("popgate_refused_total{{reason=\"{reason}\"}}");
        scene.proxy.metric(&line)
    };
    assert_eq!((refused("token_service"), refused("token")), (1.0, 0.0));
}

#[tokio::test]
async fn a_client_with_a_token_of_its_own_needs_no_bridge() {
    let scene = scene().await;
    let mut client = Peer::connect(scene.proxy.address).await;
    client.line().await;
    client.send(b"AUTH XOAUTH2\r\n").await;
    client.expect(b"+ \r\n").await;
    client.send(&response("its-own")).await;
    let _server = shown_to_the_server(&scene, "its-own", b"+OK\r\n").await;
    client.expect(b"+OK\r\n").await;
}

/// What a service answers, and what is made of it.
async fn asked(limit: Duration, answer: impl AsyncFnOnce(&Provider)) -> Result<Secret, TokenError> {
    let provider = Provider::start(Arc::new(authority("localhost"))).await;
    let service = provider.service(limit);
    let refresh = Secret::new(b"refresh-me");
    let (fresh, ()) = tokio::join!(service.refresh(&refresh), answer(&provider));
    fresh.map(|fresh| fresh.access)
}

#[tokio::test]
async fn odd_answers_of_a_service_are_named() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        14\r\n{\"access_token\":\"abc\r\n2\r\n\"}\r\n0\r\n\r\n";
    let access = asked(PATIENCE, async |it| it.asked().await.raw(chunked).await).await;
    assert_eq!(access.unwrap().reveal(), b"abc");
    let page = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>";
    let odd = asked(PATIENCE, async |it| it.asked().await.raw(page).await).await;
    assert!(matches!(odd, Err(TokenError::Malformed(_))), "{odd:?}");
    let down = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>";
    let odd = asked(PATIENCE, async |it| it.asked().await.raw(down).await).await;
    assert!(matches!(odd, Err(TokenError::Unreachable(_))), "{odd:?}");
    let empty = asked(PATIENCE, async |it| {
        it.asked().await.answer("200 OK", "{}").await;
    })
    .await;
    assert!(matches!(empty, Err(TokenError::Malformed(_))), "{empty:?}");
    // A token that would end the response and begin another one.
    let smuggled = r#"{"access_token":"a\u0001user=bob"}"#;
    let odd = asked(PATIENCE, async |it| {
        it.asked().await.answer("200 OK", smuggled).await;
    })
    .await;
    assert!(matches!(odd, Err(TokenError::Malformed(_))), "{odd:?}");
    let elsewhere =
        b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 2\r\n\r\n{}";
    let odd = asked(PATIENCE, async |it| it.asked().await.raw(elsewhere).await).await;
    assert!(matches!(odd, Err(TokenError::Malformed(_))), "{odd:?}");
    let busy = asked(PATIENCE, async |it| {
        it.asked().await.answer("429 Too Many Requests", "{}").await;
    })
    .await;
    assert!(matches!(busy, Err(TokenError::Unreachable(_))), "{busy:?}");
    let endless = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n".as_slice(),
        &[b' '; 200_000],
    ]
    .concat();
    let odd = asked(PATIENCE, async |it| it.asked().await.raw(&endless).await).await;
    assert!(matches!(odd, Err(TokenError::Unreachable(_))), "{odd:?}");
    let silent = asked(Duration::from_millis(200), async |it| {
        let question = it.asked().await;
        std::mem::forget(question);
    });
    let silent = silent.await;
    assert!(
        silent
            .unwrap_err()
            .to_string()
            .contains("no answer within 200ms")
    );
}

#[tokio::test]
async fn a_service_that_cannot_prove_its_name_gets_no_token() {
    let provider = Provider::start(Arc::new(authority("localhost"))).await;
    let mut oauth = provider.oauth();
    let other = authority("localhost");
    oauth.ca_file = Some(other.pem());
    let service = TokenService::new(oauth, PATIENCE).unwrap();
    let refresh = Secret::new(b"refresh-me");
    let (fresh, refused) = tokio::join!(service.refresh(&refresh), provider.refused());
    assert!(
        matches!(fresh, Err(TokenError::Unreachable(_))),
        "{fresh:?}"
    );
    assert!(refused);
}

#[tokio::test]
async fn consent_is_asked_for_until_it_is_given() {
    let provider = Provider::start(Arc::new(authority("localhost"))).await;
    let service = provider.service(PATIENCE);
    let json = r#"{"device_code":"d-1","user_code":"ABCD-EFGH","verification_uri":"https://login.example/device","interval":1}"#;
    let question = async {
        let question = provider.asked().await;
        assert!(
            question.head.starts_with("POST /device "),
            "{}",
            question.head
        );
        assert_eq!(question.form["scope"], "mail.pop");
        question.answer("200 OK", json).await;
    };
    let (consent, ()) = tokio::join!(service.consent(), question);
    let mut consent = consent.unwrap();
    assert_eq!(consent.code, "ABCD-EFGH");
    for (json, interval) in [
        (r#"{"error":"authorization_pending"}"#, 1),
        (r#"{"error":"slow_down"}"#, 6),
    ] {
        let question = async {
            let question = provider.asked().await;
            assert_eq!(question.form["device_code"], "d-1");
            question.answer("400 Bad Request", json).await;
        };
        let (fresh, ()) = tokio::join!(service.consented(&mut consent), question);
        assert!(fresh.unwrap().is_none());
        assert_eq!(consent.interval, Duration::from_secs(interval));
    }
    let json = r#"{"access_token":"a","refresh_token":"r","expires_in":3600}"#;
    let question = async { provider.asked().await.answer("200 OK", json).await };
    let (fresh, ()) = tokio::join!(service.consented(&mut consent), question);
    let fresh = fresh.unwrap().unwrap();
    assert_eq!(fresh.refresh.unwrap().reveal(), b"r");
    let question = async {
        let question = provider.asked().await;
        question
            .answer("400 Bad Request", r#"{"error":"access_denied"}"#)
            .await;
    };
    let (fresh, ()) = tokio::join!(service.consented(&mut consent), question);
    assert!(matches!(fresh, Err(TokenError::Denied(_))));
}

#[test]
fn the_command_stores_lists_and_forgets() {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("popgate.toml");
    let text = "[[upstream]]\nname = \"office\"\nhost = \"pop.example.net\"\n[upstream.oauth]\n\
        token_url = \"https://login.example.net/token\"\nclient_id = \"x\"\nscope = \"y\"\n\
        [data]\ndir = \"data\"\n";
    std::fs::write(&config, text).unwrap();
    let run = |args: &[&str], input: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_popgate"))
            .arg("oauth")
            .args(args)
            .args(["--config", config.to_str().unwrap()])
            .env_remove("POPGATE_PASSWORD")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        let done = child.wait_with_output().unwrap();
        let said = [done.stdout, done.stderr].concat();
        (done.status.code(), String::from_utf8(said).unwrap())
    };
    let whose = ["--upstream", "office", "--account", "Ann@example.net"];
    let add = [&["add"][..], &whose, &["--refresh-token-file", "-"]].concat();
    let (code, said) = run(&add, "refresh-me\nopen sesame\n");
    assert_eq!(code, Some(0), "{said}");
    let tokens = Tokens::open(&folder.path().join("data")).unwrap();
    let grant = tokens.read("office", "ann@example.net", &Secret::new(b"open sesame"));
    assert_eq!(grant.unwrap().refresh.reveal(), b"refresh-me");
    assert!(run(&["list"], "").1.contains("1  office"));
    let remove = [&["remove"][..], &whose].concat();
    assert_eq!(run(&remove, "").0, Some(0));
    assert_eq!(run(&remove, "").0, Some(1));
    let (code, said) = run(&add, "\n\n");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("no refresh token in it"), "{said}");
    let unknown = ["add", "--upstream", "home", "--account", "ann"];
    let (code, said) = run(&unknown, "");
    assert_eq!(code, Some(64), "{said}");
    assert!(
        said.contains("no [[upstream]] with the name home"),
        "{said}"
    );
}
