//! A browser without scripts: it keeps the cookie, follows no redirect, and sends a form's origin as browsers do.

use std::net::SocketAddr;

use super::{PATIENCE, Peer};

/// See the module.
pub struct Browser {
    address: SocketAddr,
    /// What it takes the console's name for.
    host: String,
    cookie: Option<String>,
}

/// What the console answers.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// What the forms of the page have in them.
    pub fn form(&self) -> &str {
        let (_, rest) = self.body.split_once("name=\"form\" value=\"").unwrap();
        rest.split('"').next().unwrap()
    }
}

impl Browser {
    pub fn new(address: SocketAddr) -> Self {
        Self::for_host(address, &address.to_string())
    }

    /// Which knows the console by a name.
    pub fn for_host(address: SocketAddr, host: &str) -> Self {
        Self {
            address,
            host: host.to_owned(),
            cookie: None,
        }
    }

    /// Who has this cookie.
    pub fn with_cookie(address: SocketAddr, cookie: &str) -> Self {
        Self {
            cookie: Some(cookie.to_owned()),
            ..Self::new(address)
        }
    }

    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "", "").await
    }

    /// Asks again until the page says what it should: what sessions leave behind is written a moment later.
    pub async fn get_until(&mut self, path: &str, text: &str) -> Answer {
        let asked = async {
            loop {
                let answer = self.get(path).await;
                if answer.body.contains(text) {
                    return answer;
                }
            }
        };
        let answer = tokio::time::timeout(PATIENCE, asked).await;
        answer.unwrap_or_else(|_| panic!("{path} does not say {text}"))
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let origin = format!(
            "Origin: http://{}\r\nContent-Type: application/x-www-form-urlencoded\r\n",
            self.host
        );
        self.send("POST", path, &origin, &body.finish()).await
    }

    /// Any request; `more` are header lines.
    pub async fn send(&mut self, method: &str, path: &str, more: &str, body: &str) -> Answer {
        let host = &self.host;
        let cookie = self.cookie.as_ref();
        let cookie = cookie.map(|it| format!("Cookie: other=1; {it}\r\n"));
        let cookie = cookie.unwrap_or_default();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{cookie}{more}\r\n{body}"
        );
        let mut peer = Peer::connect(self.address).await;
        peer.send(request.as_bytes()).await;
        let answer = String::from_utf8(peer.rest().await).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let answer = Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        };
        if let Some(set) = answer.header("Set-Cookie") {
            let pair = set.split(';').next().unwrap();
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        answer
    }
}
