//! Questions to a token service go through the proxy of the upstream, which alone knows the service's name.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::process::Stdio;
use std::sync::Arc;

use popgate::config::{Config, Flags};
use popgate::server::upstreams;
use popgate::upstream::LoopDetection;
use tokio::net::TcpListener;

use crate::support::PATIENCE;
use crate::support::authority::authority;
use crate::support::played_proxy::{Answer, http, socks5};
use crate::support::provider::Provider;

/// No name server knows it.
const HOST: &str = "login.office.invalid";
const TOKEN: &str = r#"{"access_token":"access-1","expires_in":3600}"#;

/// A token service, and a configuration with it behind a proxy.
struct Setup {
    folder: tempfile::TempDir,
    provider: Provider,
    port: u16,
    proxy: TcpListener,
}

impl Setup {
    async fn new(scheme: &str) -> Self {
        let provider = Provider::start(Arc::new(authority(HOST))).await;
        let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let oauth = provider.oauth();
        let port = url::Url::parse(&oauth.token_url).unwrap().port().unwrap();
        let text = format!(
            "[[upstream]]\nname = \"office\"\nhost = \"pop.office.invalid\"\nproxy = \"{scheme}://{address}\"\n\
             [upstream.oauth]\nflow = \"client_credentials\"\ntoken_url = \"https://{HOST}:{port}/token\"\n\
             client_id = \"x\"\nclient_secret_file = \"secret\"\nscope = \"mail.pop\"\nca_file = \"{ca}\"\n\
             [data]\ndir = \"data\"\n",
            address = proxy.local_addr().unwrap(),
            ca = oauth.ca_file.unwrap().display(),
        );
        crate::support::authority::write_key(&folder.path().join("secret"), "hush\n");
        std::fs::write(folder.path().join("popgate.toml"), text).unwrap();
        Self {
            folder,
            provider,
            port,
            proxy,
        }
    }

    /// What `serve` asks for access tokens.
    async fn asks(&self) -> Result<Vec<u8>, String> {
        let file = self.folder.path().join("popgate.toml");
        let (config, problems) = Config::load(Some(&file), &Flags::default());
        assert_eq!(problems, []);
        let nobody = LoopDetection::new(Vec::new());
        let service = upstreams::token_service(&config, 0, PATIENCE, &nobody);
        let service = service.unwrap().unwrap();
        let fresh = service.client_credentials().await;
        fresh
            .map(|fresh| fresh.access.reveal().to_vec())
            .map_err(|error| error.to_string())
    }
}

#[tokio::test]
async fn access_tokens_are_asked_for_through_an_http_proxy() {
    let setup = Setup::new("http").await;
    let answers = async {
        setup
            .provider
            .next_request()
            .await
            .respond("200 OK", TOKEN)
            .await;
    };
    let proxied = http(&setup.proxy, Answer::Connects, setup.port);
    let (access, (), asked) = tokio::join!(setup.asks(), answers, proxied);
    assert_eq!(access.unwrap(), b"access-1");
    let expected = format!("CONNECT {HOST}:{} HTTP/1.1\r\n", setup.port);
    assert!(asked.starts_with(&expected), "{asked}");
}

#[tokio::test]
async fn a_proxy_that_does_not_reach_the_token_service_is_named() {
    let setup = Setup::new("socks5").await;
    let proxied = socks5(&setup.proxy, None, Answer::Refuses(4), setup.port);
    let (access, _) = tokio::join!(setup.asks(), proxied);
    let expected = format!(
        "the token service cannot be reached: the proxy 127.0.0.1, port {}: it cannot reach {HOST}, port {}: \
         the host is unreachable from there, or its name is not known; is host right?",
        setup.proxy.local_addr().unwrap().port(),
        setup.port
    );
    assert_eq!(access.unwrap_err(), expected);
}

#[tokio::test]
async fn oauth_add_goes_through_a_socks5_proxy() {
    let setup = Setup::new("socks5").await;
    let child = crate::support::program::popgate()
        .args(["oauth", "add", "--account", "ann@example.net", "--config"])
        .arg(setup.folder.path().join("popgate.toml"))
        .env("POPGATE_PASSWORD", "open sesame")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let answers = async {
        setup
            .provider
            .next_request()
            .await
            .respond("200 OK", TOKEN)
            .await;
    };
    let proxied = socks5(&setup.proxy, None, Answer::Connects, setup.port);
    let done = tokio::task::spawn_blocking(|| child.wait_with_output());
    let (done, (), asked) = tokio::join!(done, answers, proxied);
    let done = done.unwrap().unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert_eq!(asked, format!("{HOST}:{}", setup.port));
}
