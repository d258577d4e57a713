//! OAuth logins: the client sends a password, the upstream requires a token, a token service issues it.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use crate::support::authority::authority;
use crate::support::provider::Provider;
use crate::support::{PATIENCE, Peer, Proxy, Settings, shown};
use popgate::pop3::Secret;
use popgate::store::{Grant, GrantKind, Tokens};
use popgate::upstream::{TokenError, TokenService};
use tokio::net::TcpListener;

/// "user=ann\1auth=Bearer TOKEN\1\1"
fn response(token: &str) -> Vec<u8> {
    use base64::Engine as _;
    let text = format!("user=ann\x01auth=Bearer {token}\x01\x01");
    let blob = base64::engine::general_purpose::STANDARD.encode(text);
    format!("{blob}\r\n").into_bytes()
}

fn refresh_token(tokens: &Tokens, upstream: &str, account: &str, password: &Secret) -> String {
    let (grant, _) = tokens.unseal(upstream, account, password).unwrap();
    match grant.kind {
        GrantKind::RefreshToken(token) => String::from_utf8(token.reveal().to_vec()).unwrap(),
        GrantKind::ClientCredentials => panic!("no refresh token"),
    }
}

impl Setup {
    /// The logins that ended like this.
    fn logins(&self, outcome: &str) -> f64 {
        self.proxy.metric(&format!(
            "popgate_logins_total{{mechanism=\"oauth\",outcome=\"{outcome}\",upstream=\"test\"}}"
        ))
    }
}

struct Setup {
    proxy: Proxy,
    server: TcpListener,
    provider: Provider,
    tokens: Tokens,
    _folder: tempfile::TempDir,
}

async fn setup() -> Setup {
    setup_with(|_| {}).await
}

async fn setup_with(change: fn(&mut Settings)) -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::open(folder.path()).unwrap();
    let grant = Grant::of_user(Secret::new(b"refresh-1"));
    let password = Secret::new(b"open sesame");
    tokens.put("test", "ann", &password, &grant).unwrap();
    let provider = Provider::start(Arc::new(authority("localhost"))).await;
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(server.local_addr().unwrap());
    settings.oauth = vec![provider.oauth_login(&tokens, PATIENCE)];
    change(&mut settings);
    Setup {
        proxy: Proxy::start(settings).await,
        server,
        provider,
        tokens,
        _folder: folder,
    }
}

async fn log_in_with_password(setup: &Setup, password: &str) -> Peer {
    let mut client = Peer::connect(setup.proxy.address).await;
    client.expect(b"+OK popgate is ready\r\n").await;
    client.send(b"USER ann\r\n").await;
    client.expect(b"+OK\r\n").await;
    client.send(format!("PASS {password}\r\n").as_bytes()).await;
    client
}

/// Accepts popgate's connection, expects this token and sends this response.
async fn server_accepts_token(setup: &Setup, token: &str, answer: &[u8]) -> Peer {
    let mut server = Peer::accept(&setup.server).await;
    server.send(b"+OK\r\n").await;
    server.expect(b"CAPA\r\n").await;
    server.send(b"+OK\r\nSASL PLAIN XOAUTH2\r\n.\r\n").await;
    server.expect(b"AUTH XOAUTH2\r\n").await;
    server.send(b"+ \r\n").await;
    server.expect(&response(token)).await;
    server.send(answer).await;
    server
}

#[tokio::test]
async fn a_password_is_exchanged_for_an_access_token() {
    let setup = setup().await;
    let mut client = log_in_with_password(&setup, "open sesame").await;
    let request = setup.provider.next_request().await;
    assert!(
        request.head.starts_with("POST /token?v=2 HTTP/1.1\r\n"),
        "{}",
        request.head
    );
    for (key, value) in [
        ("grant_type", "refresh_token"),
        ("refresh_token", "refresh-1"),
        ("client_id", "popgate&co"),
        ("client_secret", "hush hush"),
        ("scope", "mail.pop"),
    ] {
        assert_eq!(request.form[key], value);
    }
    request
        .respond(
            "200 OK",
            r#"{"access_token":"access-1","expires_in":3600,"refresh_token":"refresh-2","token_type":"Bearer"}"#,
        )
        .await;
    let mut server = server_accepts_token(&setup, "access-1", b"+OK welcome\r\n").await;
    client.expect(b"+OK welcome\r\n").await;
    client.send(b"STAT\r\n").await;
    server.expect(b"STAT\r\n").await;
    assert_eq!(setup.logins("ok"), 1.0);
    // The next session makes no token request: the access token is still valid.
    let mut client = log_in_with_password(&setup, "open sesame").await;
    let _server = server_accepts_token(&setup, "access-1", b"+OK again\r\n").await;
    client.expect(b"+OK again\r\n").await;
    // The new refresh token replaces the stored one.
    let password = Secret::new(b"open sesame");
    assert_eq!(
        refresh_token(&setup.tokens, "test", "ann", &password),
        "refresh-2"
    );
}

#[tokio::test]
async fn an_access_token_that_the_server_refuses_is_not_reused() {
    let setup = setup().await;
    for (round, answer) in [(1, &b"-ERR [AUTH] no\r\n"[..]), (2, b"+OK\r\n")] {
        let mut client = log_in_with_password(&setup, "open sesame").await;
        // An empty refresh token is ignored: the stored one is kept.
        let json = format!(
            r#"{{"access_token":"access-{round}","expires_in":"3600","refresh_token":""}}"#
        );
        let request = setup.provider.next_request().await;
        assert_eq!(request.form["refresh_token"], "refresh-1");
        request.respond("200 OK", &json).await;
        let token = format!("access-{round}");
        let _server = server_accepts_token(&setup, &token, answer).await;
        client.expect(answer).await;
    }
}

/// The client sent a password and expects no challenge.
#[tokio::test]
async fn an_error_challenge_to_the_token_is_acknowledged_by_popgate() {
    let setup = setup().await;
    let mut client = log_in_with_password(&setup, "open sesame").await;
    let json = r#"{"access_token":"access-1"}"#;
    let request = setup.provider.next_request().await;
    request.respond("200 OK", json).await;
    let challenge = b"+ eyJzdGF0dXMiOiI0MDEifQ==\r\n";
    let mut server = server_accepts_token(&setup, "access-1", challenge).await;
    server.expect(b"\r\n").await;
    server.send(b"-ERR [AUTH] expired\r\n").await;
    client.expect(b"-ERR [AUTH] expired\r\n").await;
    client.send(b"QUIT\r\n").await;
    client.expect(b"+OK bye\r\n").await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_without_asking_the_token_service() {
    let setup = setup().await;
    let mut client = log_in_with_password(&setup, "guess").await;
    let received = shown(&client.line().await);
    assert!(
        received.starts_with("-ERR [AUTH] wrong user name or password"),
        "{received}"
    );
    assert_eq!((setup.logins("denied"), setup.logins("error")), (1.0, 0.0));
    // The session continues, and the right password is accepted.
    client.send(b"USER ann\r\nPASS open sesame\r\n").await;
    client.expect(b"+OK\r\n").await;
    let json = r#"{"access_token":"access-1"}"#;
    setup
        .provider
        .next_request()
        .await
        .respond("200 OK", json)
        .await;
    let _server = server_accepts_token(&setup, "access-1", b"+OK\r\n").await;
    client.expect(b"+OK\r\n").await;
    assert_eq!((setup.logins("denied"), setup.logins("ok")), (1.0, 1.0));
}

/// Strangers must not find out who has an account: not by the text, and not by a limit that is reached.
#[tokio::test]
async fn a_stranger_cannot_tell_which_accounts_exist() {
    let setup = setup_with(|settings| settings.limits.sessions_per_mailbox = Some(1)).await;
    let mut received = Vec::new();
    let guess = async |name: &str, password: &str| {
        let mut client = Peer::connect(setup.proxy.address).await;
        client.line().await;
        let login = format!("USER {name}\r\nPASS {password}\r\n");
        client.send(login.as_bytes()).await;
        client.expect(b"+OK\r\n").await;
        shown(&client.line().await)
    };
    received.push(guess("nobody", "guess").await);
    received.push(guess("ann", "guess").await);
    // While ann is logged in.
    let mut client = log_in_with_password(&setup, "open sesame").await;
    let json = r#"{"access_token":"access-1","expires_in":3600}"#;
    let request = setup.provider.next_request().await;
    request.respond("200 OK", json).await;
    let _server = server_accepts_token(&setup, "access-1", b"+OK\r\n").await;
    client.expect(b"+OK\r\n").await;
    received.push(guess("ann", "guess").await);
    let hers = guess("ann", "open sesame").await;
    assert!(hers.starts_with("-ERR [IN-USE] "), "{hers}");
    // A file that is damaged, and one that cannot be read.
    let folder = setup._folder.path().join("tokens");
    let file = folder.read_dir().unwrap().next().unwrap().unwrap().path();
    std::fs::write(&file, "damaged").unwrap();
    received.push(guess("ann", "open sesame").await);
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    received.push(guess("ann", "open sesame").await);
    assert!(received[0].starts_with("-ERR [AUTH] "), "{received:?}");
    assert!(received.iter().all(|it| *it == received[0]), "{received:?}");
    let damaged = "popgate_refused_total{reason=\"token_damaged\"}";
    assert_eq!(setup.proxy.metric(damaged), 2.0);
    assert_eq!((setup.logins("denied"), setup.logins("ok")), (5.0, 1.0));
}

#[tokio::test]
async fn a_revoked_consent_is_reported_to_the_client() {
    let setup = setup().await;
    let mut client = log_in_with_password(&setup, "open sesame").await;
    let json =
        r#"{"error":"invalid_grant","error_description":"Token refresh-1 has been revoked."}"#;
    setup
        .provider
        .next_request()
        .await
        .respond("400 Bad Request", json)
        .await;
    let received = shown(&client.line().await);
    assert!(
        received.starts_with("-ERR [AUTH] the token service refuses: invalid_grant;"),
        "{received}"
    );
    assert!(!received.contains("refresh-1"), "{received}");
    assert_eq!((setup.logins("denied"), setup.logins("error")), (1.0, 0.0));
}

/// If popgate's client secret has expired, users must not be told that their password is wrong.
#[tokio::test]
async fn an_invalid_client_secret_is_not_reported_as_a_wrong_password() {
    let setup = setup().await;
    let mut client = log_in_with_password(&setup, "open sesame").await;
    let json = r#"{"error":"invalid_client"}"#;
    let asked = setup.provider.next_request().await;
    asked.respond("401 Unauthorized", json).await;
    let received = shown(&client.line().await);
    assert!(received.starts_with("-ERR [SYS/TEMP]"), "{received}");
    let refused = |reason| {
        let line = format!("popgate_refused_total{{reason=\"{reason}\"}}");
        setup.proxy.metric(&line)
    };
    assert_eq!((refused("token_service"), refused("token")), (1.0, 0.0));
    assert_eq!((setup.logins("denied"), setup.logins("error")), (0.0, 1.0));
}

#[tokio::test]
async fn a_client_token_is_relayed_without_the_token_service() {
    let setup = setup().await;
    let mut client = Peer::connect(setup.proxy.address).await;
    client.line().await;
    client.send(b"AUTH XOAUTH2\r\n").await;
    client.expect(b"+ \r\n").await;
    client.send(&response("its-own")).await;
    let _server = server_accepts_token(&setup, "its-own", b"+OK\r\n").await;
    client.expect(b"+OK\r\n").await;
}

/// The result of a token refresh to which the service responds like this.
async fn refresh_with(
    limit: Duration,
    respond: impl AsyncFnOnce(&Provider),
) -> Result<Secret, TokenError> {
    let provider = Provider::start(Arc::new(authority("localhost"))).await;
    let service = provider.service(limit);
    let refresh = Secret::new(b"refresh-me");
    let (fresh, ()) = tokio::join!(service.refresh(&refresh), respond(&provider));
    fresh.map(|fresh| fresh.access)
}

#[tokio::test]
async fn malformed_token_service_responses_are_classified() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        14\r\n{\"access_token\":\"abc\r\n2\r\n\"}\r\n0\r\n\r\n";
    let access = refresh_with(PATIENCE, async |it| {
        it.next_request().await.respond_raw(chunked).await;
    })
    .await;
    assert_eq!(access.unwrap().reveal(), b"abc");
    let page = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>";
    let odd = refresh_with(PATIENCE, async |it| {
        it.next_request().await.respond_raw(page).await;
    })
    .await;
    assert!(matches!(odd, Err(TokenError::Malformed(_))), "{odd:?}");
    let down = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>";
    let odd = refresh_with(PATIENCE, async |it| {
        it.next_request().await.respond_raw(down).await;
    })
    .await;
    assert!(matches!(odd, Err(TokenError::Unreachable(_))), "{odd:?}");
    let empty = refresh_with(PATIENCE, async |it| {
        it.next_request().await.respond("200 OK", "{}").await;
    })
    .await;
    assert!(matches!(empty, Err(TokenError::Malformed(_))), "{empty:?}");
    // A token that would end its field and start another one.
    let smuggled = r#"{"access_token":"a\u0001user=bob"}"#;
    let odd = refresh_with(PATIENCE, async |it| {
        it.next_request().await.respond("200 OK", smuggled).await;
    })
    .await;
    assert!(matches!(odd, Err(TokenError::Malformed(_))), "{odd:?}");
    let elsewhere =
        b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 2\r\n\r\n{}";
    let odd = refresh_with(PATIENCE, async |it| {
        it.next_request().await.respond_raw(elsewhere).await;
    })
    .await;
    assert!(matches!(odd, Err(TokenError::Malformed(_))), "{odd:?}");
    let busy = refresh_with(PATIENCE, async |it| {
        it.next_request()
            .await
            .respond("429 Too Many Requests", "{}")
            .await;
    })
    .await;
    assert!(matches!(busy, Err(TokenError::Unreachable(_))), "{busy:?}");
    let endless = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n".as_slice(),
        &[b' '; 200_000],
    ]
    .concat();
    let odd = refresh_with(PATIENCE, async |it| {
        it.next_request().await.respond_raw(&endless).await;
    })
    .await;
    assert!(matches!(odd, Err(TokenError::Unreachable(_))), "{odd:?}");
    let silent = refresh_with(Duration::from_millis(200), async |it| {
        let request = it.next_request().await;
        std::mem::forget(request);
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
async fn a_token_service_with_an_untrusted_certificate_gets_no_token() {
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
async fn the_device_flow_polls_until_consent_is_given_or_denied() {
    let provider = Provider::start(Arc::new(authority("localhost"))).await;
    let service = provider.service(PATIENCE);
    let json = r#"{"device_code":"d-1","user_code":"ABCD-EFGH","verification_uri":"https://login.example/device","interval":1}"#;
    let request = async {
        let request = provider.next_request().await;
        assert!(
            request.head.starts_with("POST /device "),
            "{}",
            request.head
        );
        assert_eq!(request.form["scope"], "mail.pop");
        request.respond("200 OK", json).await;
    };
    let (consent, ()) = tokio::join!(service.device_consent(), request);
    let mut consent = consent.unwrap();
    assert_eq!(consent.code, "ABCD-EFGH");
    for (json, interval) in [
        (r#"{"error":"authorization_pending"}"#, 1),
        (r#"{"error":"slow_down"}"#, 6),
    ] {
        let request = async {
            let request = provider.next_request().await;
            assert_eq!(request.form["device_code"], "d-1");
            request.respond("400 Bad Request", json).await;
        };
        let (fresh, ()) = tokio::join!(service.device_consented(&mut consent), request);
        assert!(fresh.unwrap().is_none());
        assert_eq!(consent.interval, Duration::from_secs(interval));
    }
    let json = r#"{"access_token":"a","refresh_token":"r","expires_in":3600}"#;
    let request = async { provider.next_request().await.respond("200 OK", json).await };
    let (fresh, ()) = tokio::join!(service.device_consented(&mut consent), request);
    let fresh = fresh.unwrap().unwrap();
    assert_eq!(fresh.refresh.unwrap().reveal(), b"r");
    let request = async {
        let request = provider.next_request().await;
        request
            .respond("400 Bad Request", r#"{"error":"access_denied"}"#)
            .await;
    };
    let (fresh, ()) = tokio::join!(service.device_consented(&mut consent), request);
    assert!(matches!(fresh, Err(TokenError::Denied(_))));
}

#[test]
fn the_oauth_command_adds_lists_and_removes_tokens() {
    use std::io::Write;
    use std::process::Stdio;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("popgate.toml");
    let text = "[[upstream]]\nname = \"office\"\nhost = \"pop.example.net\"\n[upstream.oauth]\n\
        token_url = \"https://login.example.net/token\"\nclient_id = \"x\"\nscope = \"y\"\n\
        [data]\ndir = \"data\"\n";
    std::fs::write(&config, text).unwrap();
    let run = |args: &[&str], input: &str| {
        let mut child = crate::support::program::popgate()
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
        let received = [done.stdout, done.stderr].concat();
        (done.status.code(), String::from_utf8(received).unwrap())
    };
    let mailbox = ["--upstream", "office", "--account", "Ann@example.net"];
    let add = [&["add"][..], &mailbox, &["--refresh-token-file", "-"]].concat();
    let (code, received) = run(&add, "refresh-me\nopen sesame\n");
    assert_eq!(code, Some(0), "{received}");
    let tokens = Tokens::open(&folder.path().join("data")).unwrap();
    let password = Secret::new(b"open sesame");
    let stored = refresh_token(&tokens, "office", "ann@example.net", &password);
    assert_eq!(stored, "refresh-me");
    assert!(run(&["list"], "").1.contains("1  office"));
    let remove = [&["remove"][..], &mailbox].concat();
    assert_eq!(run(&remove, "").0, Some(0));
    assert_eq!(run(&remove, "").0, Some(1));
    let (code, received) = run(&add, "\n\n");
    assert_eq!(code, Some(2), "{received}");
    assert!(received.contains("no refresh token in it"), "{received}");
    let unknown = ["add", "--upstream", "home", "--account", "ann"];
    let (code, received) = run(&unknown, "");
    assert_eq!(code, Some(64), "{received}");
    assert!(
        received.contains("no [[upstream]] with the name home"),
        "{received}"
    );
}
