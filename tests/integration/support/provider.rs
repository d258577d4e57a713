//! A minimal OAuth token service: HTTPS, one response per connection.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use popgate::config::{ClientSecret, OAuth, OAuthFlow, RedirectUrl};
use popgate::session::OAuthLogin;
use popgate::store::Tokens;
use popgate::upstream::TokenService;
use tokio::net::TcpListener;

use super::Peer;
use super::authority::Authority;

/// The token service.
pub struct Provider {
    listener: TcpListener,
    certified: Arc<Authority>,
}

/// A request to it.
pub struct TokenRequest {
    peer: Peer,
    /// The form fields of its body.
    pub form: HashMap<String, String>,
    /// The request line and the header fields.
    pub head: String,
}

impl Provider {
    pub async fn start(certified: Arc<Authority>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            listener,
            certified,
        }
    }

    /// The settings of an upstream that uses this service.
    pub fn oauth(&self) -> OAuth {
        let port = self.listener.local_addr().unwrap().port();
        OAuth {
            flow: Some(OAuthFlow::Device),
            authorization_url: None,
            token_url: format!("https://localhost:{port}/token?v=2"),
            device_url: Some(format!("https://localhost:{port}/device")),
            redirect_url: RedirectUrl::default(),
            client_id: "popgate&co".to_owned(),
            client_secret: Some(ClientSecret::new("hush hush").unwrap()),
            scope: "mail.pop".to_owned(),
            ca_file: Some(self.certified.pem()),
        }
    }

    pub fn service(&self, limit: Duration) -> TokenService {
        TokenService::new(self.oauth(), limit).unwrap()
    }

    /// The OAuth login of the upstream `test`, using this service.
    pub fn oauth_login(&self, tokens: &Tokens, limit: Duration) -> (String, OAuthLogin) {
        let oauth = OAuthLogin::new("test", self.service(limit), tokens.clone(), Arc::default());
        ("test".to_owned(), oauth)
    }

    /// Accepts a connection and reads its request.
    pub async fn next_request(&self) -> TokenRequest {
        let peer = Peer::accept(&self.listener).await;
        let mut peer = peer.accepted(&self.certified.web()).await.unwrap();
        let mut head = String::new();
        let mut length = 0;
        loop {
            let line = String::from_utf8(peer.line().await).unwrap();
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let body = peer.take(length).await;
        let form = url::form_urlencoded::parse(&body).into_owned().collect();
        TokenRequest { peer, form, head }
    }

    /// Whether the next client fails the TLS handshake.
    pub async fn refused(&self) -> bool {
        let peer = Peer::accept(&self.listener).await;
        peer.accepted(&self.certified.web()).await.is_err()
    }
}

impl TokenRequest {
    /// Responds with JSON.
    pub async fn respond(self, status: &str, json: &str) {
        let length = json.len();
        let text = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{json}"
        );
        self.respond_raw(text.as_bytes()).await;
    }

    /// Responds with these bytes and closes.
    pub async fn respond_raw(mut self, bytes: &[u8]) {
        // The client may have closed early.
        let _ = self.peer.try_send(bytes).await;
    }
}
