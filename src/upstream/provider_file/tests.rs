//! Against a web server with TLS on loopback, which has every name.

use std::collections::HashMap;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use super::*;

const FILE: &str = "/.well-known/autoconfig/mail/config-v1.1.xml";

/// What is answered to a request for `HOST TARGET`, without the port.
type Pages = HashMap<&'static str, String>;

fn response(status: &str, more: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\n\r\n{body}")
}

/// A client of a server with these pages, which knows the certificate of `example.org`'s and `example.net`'s hosts. In a page,
/// PORT stands for the port.
async fn files(pages: &[(&'static str, String)]) -> ProviderFiles {
    let pages: Pages = pages.iter().cloned().collect();
    let names = [
        "example.org",
        "autoconfig.example.org",
        "autoconfig.example.net",
    ];
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(names.map(str::to_owned)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let pem = folder.path().join("ca.pem");
    std::fs::write(&pem, cert.pem()).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let server = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            // A client that does not trust the certificate leaves.
            let Ok(tls) = acceptor.accept(tcp).await else {
                continue;
            };
            let mut tls = BufReader::new(tls);
            let (mut head, mut line) = (String::new(), String::new());
            while tls.read_line(&mut line).await.unwrap_or(0) > 2 {
                head.push_str(&line);
                line.clear();
            }
            let target = head.split(' ').nth(1).unwrap_or_default();
            let host = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("host").then_some(value)
            });
            let host = host.unwrap_or_default();
            let host = host.strip_suffix(&format!(":{port}")).unwrap_or(host);
            let page = pages.get(&*format!("{host} {target}"));
            let page = page.cloned();
            let page = page.unwrap_or_else(|| response("404 Not Found", "", ""));
            let page = page.replace("PORT", &port.to_string());
            let _ = tls.write_all(page.as_bytes()).await;
            let _ = tls.shutdown().await;
        }
    });
    let resolver = Resolver::new(|host| match host {
        "nowhere.example" => Err(std::io::Error::other("no such name")),
        _ => Ok(vec![IpAddr::from([127, 0, 0, 1])]),
    });
    ProviderFiles {
        tls: client_config(Some(&pem), &[]).unwrap(),
        resolver: Box::leak(Box::new(resolver)),
        port,
    }
}

async fn answer(pages: &[(&'static str, String)], address: &str) -> Result<String, String> {
    let found = files(pages).await.ask(address).await;
    let found = found.map(|file| String::from_utf8(file.to_vec()).unwrap());
    found.map_err(|error| error.to_string())
}

#[tokio::test]
async fn the_host_autoconfig_is_asked_first_and_told_the_address() {
    let first = "autoconfig.example.org /mail/config-v1.1.xml?emailaddress=ann%2B1%40example.org";
    let known = "example.org /.well-known/autoconfig/mail/config-v1.1.xml";
    let pages = [
        (first, response("200 OK", "", "<first/>")),
        (known, response("200 OK", "", "<known/>")),
    ];
    let found = answer(&pages, "ann+1@example.org").await;
    assert_eq!(found.as_deref(), Ok("<first/>"));
    let found = answer(&pages[1..], "ann+1@example.org").await;
    assert_eq!(found.as_deref(), Ok("<known/>"));
    let none = answer(&[], "ann@example.org").await.unwrap_err();
    assert_eq!(
        none,
        "autoconfig.example.org: 404 Not Found; example.org: 404 Not Found"
    );
}

#[tokio::test]
async fn redirects_are_followed_within_https_and_not_into_a_private_network() {
    let known = "example.org /.well-known/autoconfig/mail/config-v1.1.xml";
    let there = (
        "autoconfig.example.org /there",
        response("200 OK", "", "<there/>"),
    );
    for (location, expected) in [
        ("https://autoconfig.example.org:PORT/there", Ok("<there/>")),
        (
            "http://autoconfig.example.org:PORT/there",
            Err("a redirect away from HTTPS"),
        ),
        (
            "https://autoconfig.example.org:1/there",
            Err("a redirect away from HTTPS"),
        ),
        (
            "https://autoconfig.example.net:PORT/there",
            Err("autoconfig.example.net, in a private network"),
        ),
        (
            "https://127.0.0.1:PORT/there",
            Err("an IP address in place of a host name"),
        ),
        (FILE, Err("more than 3 redirects")),
    ] {
        let location = format!("Location: {location}\r\n");
        let pages = [(known, response("302 Found", &location, "")), there.clone()];
        let found = answer(&pages, "ann@example.org").await;
        match expected {
            Ok(file) => assert_eq!(found.as_deref(), Ok(file), "{location}"),
            Err(why) => {
                let said = found.unwrap_err();
                assert!(said.ends_with(&format!("; example.org: {why}")), "{said}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_too_large_or_not_certified_is_refused() {
    let known = "example.org /.well-known/autoconfig/mail/config-v1.1.xml";
    let largest = "x".repeat(LONGEST);
    let pages = [(known, response("200 OK", "", &largest))];
    let found = answer(&pages, "ann@example.org").await;
    assert_eq!(found.map(|it| it.len()), Ok(LONGEST));
    let pages = [(known, response("200 OK", "", &format!("{largest}x")))];
    assert!(answer(&pages, "ann@example.org").await.is_err());
    // The certificate is not for these.
    let refused = answer(&pages, "ann@example.com").await.unwrap_err();
    assert!(refused.contains("certificate"), "{refused}");
    let refused = answer(&pages, "ann@nowhere.example").await.unwrap_err();
    assert!(refused.contains("no such name"), "{refused}");
}

#[tokio::test]
async fn only_a_domain_is_asked() {
    for address in [
        "ann",
        "ann@",
        "ann@127.0.0.1",
        "ann@[::1]",
        "ann@a.example/b",
        "ann@a b",
    ] {
        let refused = answer(&[], address).await.unwrap_err();
        assert_eq!(
            refused, "the address has no domain that could be asked",
            "{address}"
        );
    }
}

#[test]
fn addresses_of_networks_that_are_not_the_internet_are_not_public() {
    for ip in [
        "192.0.2.1",
        "100.128.0.1",
        "2001:db8::1",
        "::ffff:192.0.2.1",
    ] {
        assert!(is_public(ip.parse().unwrap()), "{ip}");
    }
    for ip in [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.1.2.3",
        "fc00::1",
        "fe80::1",
        "ff02::1",
    ] {
        assert!(!is_public(ip.parse().unwrap()), "{ip}");
    }
}
