//! Certificates of old appliances: a pin trusts those whose key is good, and doctor offers a pin only if it works.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use crate::support::authority::{acceptor, authority, certificate, old};
use crate::support::{Peer, Proxy, Settings};
use popgate::config::{Config, Flags, TlsMode};
use popgate::server::diagnosis::{Finding, diagnose};
use popgate::upstream::{client_config, key_digest, pin_of};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::version::{TLS12, TLS13};

#[tokio::test]
async fn a_pin_trusts_an_old_form_through_a_whole_handshake() {
    for version in [&TLS12, &TLS13] {
        let shown = certificate(&old("x509-v1.pem"));
        let pin = key_digest(&shown).unwrap();
        let acceptor = acceptor(version, shown, &old("x509-v1.key"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut settings = Settings::new(listener.local_addr().unwrap());
        settings.host = "localhost".to_owned();
        settings.tls = TlsMode::Implicit;
        settings.client_config = Some(client_config(None, &[pin]).unwrap());
        let proxy = Proxy::start(settings).await;
        let mut client = Peer::connect(proxy.address).await;
        let server = Peer::accept(&listener).await;
        let mut server = server.accepted(&acceptor).await.unwrap();
        server.send(b"+OK old\r\n").await;
        client.expect(b"+OK old\r\n").await;
    }
}

#[tokio::test]
async fn a_pin_does_not_trust_a_server_without_the_key_of_its_certificate() {
    for version in [&TLS12, &TLS13] {
        let certified = authority("localhost");
        let shown = certificate(&old("x509-v1.pem"));
        let pin = key_digest(&shown).unwrap();
        let acceptor = acceptor(version, shown, &certified.pair("localhost").key);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut settings = Settings::new(listener.local_addr().unwrap());
        settings.host = "localhost".to_owned();
        settings.tls = TlsMode::Implicit;
        settings.client_config = Some(client_config(None, &[pin]).unwrap());
        let proxy = Proxy::start(settings).await;
        let mut client = Peer::connect(proxy.address).await;
        let server = Peer::accept(&listener).await;
        let (accepted, received) = tokio::join!(server.accepted(&acceptor), client.rest());
        // In TLS 1.3 the server is done before the client has verified.
        drop(accepted);
        let received = String::from_utf8(received).unwrap();
        assert!(
            received.starts_with("-ERR [SYS/TEMP] ")
                && received.contains("has a signature that does not fit"),
            "{received}"
        );
    }
}

/// What doctor says of an upstream with this server, whose certificate nobody knows.
async fn diagnosed(acceptor: TlsAcceptor) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = async {
        loop {
            let peer = Peer::accept(&listener).await;
            if let Ok(mut peer) = peer.accepted(&acceptor).await {
                let _ = peer.try_send(b"+OK old\r\n").await;
            }
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let known = authority("localhost");
    let text = format!(
        "[[upstream]]\nhost = \"localhost\"\nport = {port}\ntls = \"implicit\"\nca_file = \"{}\"\n[data]\ndir = \"data\"\n",
        known.pem().display()
    );
    let file = folder.path().join("popgate.toml");
    std::fs::write(&file, text).unwrap();
    let (config, problems) = Config::load(Some(&file), &Flags::default());
    assert_eq!(problems, []);
    let mut found = Vec::new();
    let mut report = |finding| {
        let (what, text) = match finding {
            Finding::Fine { what, found } | Finding::Note { what, found } => (what, found),
            Finding::Wrong { what, found, to_do } => (what, format!("{found} | {to_do}")),
            _ => return,
        };
        if what.starts_with("upstream") && !text.starts_with("localhost is") {
            found.push(text);
        }
    };
    tokio::select! {
        () = serve => {}
        () = diagnose(&config, &mut report) => {}
    }
    found
}

#[tokio::test]
async fn doctor_offers_a_pin_that_works() {
    let shown = certificate(&old("x509-v1.pem"));
    let pin = pin_of(&shown).unwrap();
    let found = diagnosed(acceptor(&TLS13, shown, &old("x509-v1.key"))).await;
    assert_eq!(
        found,
        [
            "TLS failed: its certificate has an old form (X.509 v1) that no authority may issue; if it is the right server, trust its key with pin (popgate doctor shows it) | see below for its key; pin it only if you have it from those who run the server".to_owned(),
            format!("pin = [\"{pin}\"]"),
        ]
    );
}

#[tokio::test]
async fn doctor_offers_no_pin_that_cannot_work() {
    // The certificate is refused before the signature, so that any key does.
    let shown = certificate(&old("rsa-1024.pem"));
    let found = diagnosed(acceptor(&TLS13, shown, &old("x509-v1.key"))).await;
    assert_eq!(
        found,
        [
            "TLS failed: its key is RSA of 1024 bits, which is too short to be trusted; the server needs one of at least 2048 bits | ",
            "a pin does not help, for the same reason",
        ]
    );
    // Whose key does not fit is not trusted with a pin either.
    let certified = authority("elsewhere.example");
    let pair = certified.pair("elsewhere.example");
    let shown = certificate(&pair.certificate);
    let found = diagnosed(acceptor(&TLS13, shown, &old("x509-v1.key"))).await;
    assert_eq!(
        found,
        [
            "TLS failed: its certificate is from no authority that is trusted here; set ca_file to its authority, or trust its key with pin (popgate doctor shows it) | ",
            "a pin does not help: TLS failed: its certificate, or the handshake, has a signature that does not fit",
        ]
    );
}
