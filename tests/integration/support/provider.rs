//! A provider's token service, as far as a test needs one: HTTPS, one answer a question.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use popgate::config::OAuth;
use popgate::session::Bridge;
use popgate::store::Tokens;
use popgate::upstream::TokenService;
use tokio::net::TcpListener;

use super::Peer;
use super::authority::Authority;

/// Where questions are answered.
pub struct Provider {
    listener: TcpListener,
    certified: Arc<Authority>,
}

/// A question.
pub struct Question {
    peer: Peer,
    /// The fields of its form.
    pub form: HashMap<String, String>,
    /// The first line and the header.
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

    /// The settings that lead here.
    pub fn oauth(&self) -> OAuth {
        let port = self.listener.local_addr().unwrap().port();
        OAuth {
            token_url: format!("https://localhost:{port}/token?v=2"),
            device_url: Some(format!("https://localhost:{port}/device")),
            client_id: "popgate&co".to_owned(),
            client_secret: Some("hush hush".to_owned()),
            scope: "mail.pop".to_owned(),
            ca_file: Some(self.certified.pem()),
        }
    }

    pub fn service(&self, limit: Duration) -> TokenService {
        TokenService::new(self.oauth(), limit).unwrap()
    }

    /// A bridge of the upstream `test` that asks here.
    pub fn bridge(&self, tokens: &Tokens, limit: Duration) -> (String, Bridge) {
        let bridge = Bridge::new("test", self.service(limit), tokens.clone(), Arc::default());
        ("test".to_owned(), bridge)
    }

    /// The next question.
    pub async fn asked(&self) -> Question {
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
        Question { peer, form, head }
    }

    /// A client that does not get through TLS.
    pub async fn refused(&self) -> bool {
        let peer = Peer::accept(&self.listener).await;
        peer.accepted(&self.certified.web()).await.is_err()
    }
}

impl Question {
    /// Answers with JSON.
    pub async fn answer(self, status: &str, json: &str) {
        let length = json.len();
        let text = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{json}"
        );
        self.raw(text.as_bytes()).await;
    }

    /// Answers with these bytes, and closes.
    pub async fn raw(mut self, bytes: &[u8]) {
        // Whoever has heard enough may be gone.
        let _ = self.peer.try_send(bytes).await;
    }
}
