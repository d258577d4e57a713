//! A provider's authorization server, over HTTPS on a thread of its own: it checks what it gets, as Google's and
//! Microsoft's do, and answers as they do.
//!
//! What it refuses for a mistake of popgate's is a complaint, too; a test asserts that there is none.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use url::Url;

use super::Peer;
use super::authority::{Authority, authority};

/// Whose manners it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manners {
    /// A refresh token for access_type=offline and prompt=consent only; it stays the same.
    Google,
    /// A refresh token for offline_access only; each use replaces it.
    Microsoft,
}

/// What the person at the consent page does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person {
    Consents,
    Denies,
}

/// popgate's registration.
pub const CLIENT: &str = "popgate&co";
pub const SECRET: &str = "hush hush";

#[derive(Default)]
struct State {
    person: Option<Person>,
    /// Challenge and redirect of each code that was not used yet.
    codes: HashMap<String, (String, String, bool)>,
    refresh_tokens: HashSet<String>,
    access_tokens: HashSet<String>,
    count: usize,
    complaints: Vec<String>,
    /// Responses that are given instead of the next ones.
    scripted: VecDeque<String>,
    grants: Vec<String>,
}

/// See the module.
pub struct IdentityProvider {
    pub certified: Authority,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    _stop: oneshot::Sender<()>,
}

type Fields = HashMap<String, String>;

impl IdentityProvider {
    pub fn start(manners: Manners) -> Self {
        let certified = authority("localhost");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let (stop, stopped) = oneshot::channel();
        let (acceptor, shared) = (certified.web(), Arc::clone(&state));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                listener.set_nonblocking(true).unwrap();
                let listener = TcpListener::from_std(listener).unwrap();
                let serve = async {
                    loop {
                        let (tcp, _) = listener.accept().await.unwrap();
                        let (acceptor, state) = (acceptor.clone(), Arc::clone(&shared));
                        tokio::spawn(async move {
                            let peer = Peer::new("a client of the provider", tcp);
                            if let Ok(peer) = peer.accepted(&acceptor).await {
                                answer(peer, manners, &state).await;
                            }
                        });
                    }
                };
                tokio::select! {
                    () = serve => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            certified,
            address,
            state,
            _stop: stop,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    pub fn ca_file(&self) -> PathBuf {
        self.certified.pem()
    }

    /// What the person at the consent page does.
    pub fn person(&self, does: Person) {
        self.state.lock().unwrap().person = Some(does);
    }

    /// The next request to the token endpoint gets this.
    pub fn script(&self, response: &str) {
        let response = response.to_owned();
        self.state.lock().unwrap().scripted.push_back(response);
    }

    /// A refresh token that it knows.
    pub fn adopt(&self, refresh_token: &str) {
        let mut state = self.state.lock().unwrap();
        state.refresh_tokens.insert(refresh_token.to_owned());
    }

    /// No mistake was made so far.
    pub fn assert_satisfied(&self) {
        let state = self.state.lock().unwrap();
        assert!(state.complaints.is_empty(), "{:?}", state.complaints);
    }

    /// The grants that tokens were asked for with so far.
    pub fn grants(&self) -> Vec<String> {
        self.state.lock().unwrap().grants.clone()
    }

    /// Whether it has issued this access token.
    pub fn has_issued(&self, token: &str) -> bool {
        self.state.lock().unwrap().access_tokens.contains(token)
    }

    /// The mail server's side of one login with a token that the provider has issued, which gets this answer; the connection.
    pub async fn mail_login(&self, mail: &TcpListener, user: &str, answer: &[u8]) -> Peer {
        let peer = Peer::accept(mail).await;
        let mut server = peer.accepted(&self.certified.acceptor).await.unwrap();
        server.send(b"+OK ready\r\n").await;
        server.expect(b"CAPA\r\n").await;
        server.send(b"+OK\r\nSASL XOAUTH2\r\n.\r\n").await;
        server.expect(b"AUTH XOAUTH2\r\n").await;
        server.send(b"+ \r\n").await;
        let line = server.line().await;
        let text = STANDARD.decode(line.trim_ascii()).unwrap();
        let text = String::from_utf8(text).unwrap();
        let token = text
            .strip_prefix(&format!("user={user}\x01auth=Bearer "))
            .and_then(|rest| rest.strip_suffix("\x01\x01"))
            .unwrap_or_else(|| panic!("{text:?}"));
        assert!(self.has_issued(token), "{token}");
        server.send(answer).await;
        server
    }

    /// The same for a login that is the whole session.
    pub async fn mail_login_alone(&self, mail: &TcpListener, user: &str) {
        let mut server = self.mail_login(mail, user, b"+OK welcome\r\n").await;
        server.expect(b"QUIT\r\n").await;
        server.send(b"+OK bye\r\n").await;
    }

    /// What a browser does at the consent page: the address that it is sent to.
    pub async fn browse(&self, page: &str) -> Result<String, String> {
        let url = Url::parse(page).unwrap();
        assert_eq!(url.port(), Some(self.address.port()), "{page}");
        let peer = Peer::connect(self.address).await;
        let mut peer = peer
            .encrypted("localhost", self.certified.trusted())
            .await
            .unwrap();
        let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        let response = get(&mut peer, &target).await;
        let location = response
            .lines()
            .find_map(|line| line.strip_prefix("Location: "));
        location.map(str::to_owned).ok_or(response)
    }
}

/// A GET and its whole response.
pub async fn get(peer: &mut Peer, target: &str) -> String {
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    peer.send(request.as_bytes()).await;
    String::from_utf8(peer.rest().await).unwrap()
}

/// Reads a request, and sends its response.
async fn answer(mut peer: Peer, manners: Manners, state: &Mutex<State>) {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let line = String::from_utf8(peer.line().await).unwrap();
        if line.is_empty() {
            return;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    let body = peer.take(length).await;
    let words: Vec<_> = head.split(' ').collect();
    let target = Url::parse("https://localhost")
        .unwrap()
        .join(words[1])
        .unwrap();
    let response = match (words[0], target.path()) {
        ("GET", "/authorize") => authorize(manners, &mut state.lock().unwrap(), &target),
        ("POST", "/token") => {
            let scripted = state.lock().unwrap().scripted.pop_front();
            match scripted {
                Some(response) => response,
                None => token(manners, &mut state.lock().unwrap(), &head, &body),
            }
        }
        _ => complain(&mut state.lock().unwrap(), "invalid_request", words[1]),
    };
    // The client may have left.
    let _ = peer.try_send(response.as_bytes()).await;
}

pub fn response(status: &str, json: &str) -> String {
    let length = json.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{json}"
    )
}

fn complain(state: &mut State, code: &str, why: &str) -> String {
    state.complaints.push(format!("{code}: {why}"));
    let json = format!(
        r#"{{"error":"{code}","error_description":"AADSTS90014: {why}","error_codes":[90014]}}"#
    );
    response("400 Bad Request", &json)
}

/// The parameters, of which each may be there once (RFC 6749 section 3).
fn once(pairs: impl Iterator<Item = (String, String)>) -> Result<Fields, String> {
    let mut fields = Fields::new();
    for (key, value) in pairs {
        if fields.insert(key.clone(), value).is_some() {
            return Err(format!("{key} is there twice"));
        }
    }
    Ok(fields)
}

fn expect(fields: &Fields, wanted: &[(&str, &str)]) -> Result<(), String> {
    for (key, value) in wanted {
        let sent = fields.get(*key).map_or("", String::as_str);
        if sent != *value {
            return Err(format!("{key} is {sent:?}, not {value:?}"));
        }
    }
    Ok(())
}

fn scope(manners: Manners) -> &'static str {
    match manners {
        Manners::Google => "https://mail.google.com/",
        Manners::Microsoft => "https://outlook.office.com/POP.AccessAsUser.All offline_access",
    }
}

/// RFC 6749 section 4.1.1, RFC 7636 section 4.3, RFC 8252 section 7.3.
fn authorize(manners: Manners, state: &mut State, target: &Url) -> String {
    let check = || {
        let fields = once(target.query_pairs().into_owned())?;
        expect(
            &fields,
            &[
                ("response_type", "code"),
                ("client_id", CLIENT),
                ("scope", scope(manners)),
                ("code_challenge_method", "S256"),
                ("login_hint", "ann@example.net"),
            ],
        )?;
        if manners == Manners::Google {
            expect(
                &fields,
                &[("access_type", "offline"), ("prompt", "consent")],
            )?;
        }
        let redirect = fields.get("redirect_uri").cloned().unwrap_or_default();
        let port = redirect.strip_prefix("http://127.0.0.1:");
        if port.is_none_or(|port| port.parse::<u16>().is_err()) {
            return Err(format!("redirect_uri {redirect:?} is not registered"));
        }
        let challenge = fields.get("code_challenge").cloned().unwrap_or_default();
        if URL_SAFE_NO_PAD
            .decode(&challenge)
            .map_or(0, |hash| hash.len())
            != 32
        {
            return Err(format!("code_challenge {challenge:?} is no SHA-256"));
        }
        match fields.get("state") {
            Some(text) if text.len() >= 22 => Ok((redirect, challenge, text.clone())),
            state => Err(format!("state {state:?} can be guessed")),
        }
    };
    let (redirect, challenge, sent) = match check() {
        Ok(fields) => fields,
        Err(why) => return complain(state, "invalid_request", &why),
    };
    let mut location = Url::parse(&redirect).unwrap();
    let mut pairs = location.query_pairs_mut();
    match state.person.unwrap_or(Person::Consents) {
        Person::Denies => pairs.extend_pairs([
            ("error", "access_denied"),
            (
                "error_description",
                "<script>alert(1)</script> the person said no",
            ),
            ("state", &sent),
        ]),
        Person::Consents => {
            state.count += 1;
            let code = format!("4/0A&b c{}", state.count);
            state
                .codes
                .insert(code.clone(), (challenge, redirect, false));
            // Each has some of its own in the address.
            pairs.extend_pairs([("state", &*sent), ("code", &code), ("session_state", "x")])
        }
    };
    drop(pairs);
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

/// RFC 6749 sections 4.1.3, 4.4.2 and 6.
fn token(manners: Manners, state: &mut State, head: &str, body: &[u8]) -> String {
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    if !head.to_ascii_lowercase().contains(form) {
        return complain(state, "invalid_request", "not a form");
    }
    let fields = match once(url::form_urlencoded::parse(body).into_owned()) {
        Ok(fields) => fields,
        Err(why) => return complain(state, "invalid_request", &why),
    };
    if let Err(why) = expect(&fields, &[("client_id", CLIENT), ("client_secret", SECRET)]) {
        return complain(state, "invalid_client", &why);
    }
    let field = |key: &str| fields.get(key).cloned().unwrap_or_default();
    let grant = field("grant_type");
    state.grants.push(grant.clone());
    let mut refresh = None;
    match grant.as_str() {
        "authorization_code" => {
            let Some((challenge, redirect, is_used)) = state.codes.get_mut(&field("code")) else {
                return complain(state, "invalid_grant", "no such code");
            };
            let hash =
                ring::digest::digest(&ring::digest::SHA256, field("code_verifier").as_bytes());
            let fits = [
                (URL_SAFE_NO_PAD.encode(hash) == *challenge, "code_verifier"),
                (field("redirect_uri") == *redirect, "redirect_uri"),
                (!std::mem::replace(is_used, true), "a code is used twice"),
                (!fields.contains_key("scope"), "a scope is not expected"),
            ];
            if let Some((_, why)) = fits.iter().find(|(fits, _)| !fits) {
                return complain(state, "invalid_grant", why);
            }
            refresh = Some(());
        }
        "refresh_token" => {
            let token = field("refresh_token");
            if !state.refresh_tokens.contains(&token) {
                return complain(state, "invalid_grant", "an old or unknown refresh token");
            }
            if field("scope") != scope(manners) {
                return complain(state, "invalid_scope", &field("scope"));
            }
            if manners == Manners::Microsoft {
                state.refresh_tokens.remove(&token);
                refresh = Some(());
            }
        }
        "client_credentials" => {
            if field("scope") != "https://outlook.office365.com/.default" {
                return complain(state, "invalid_scope", &field("scope"));
            }
        }
        other => return complain(state, "unsupported_grant_type", other),
    }
    state.count += 1;
    let access = format!("ya29.{}", state.count);
    state.access_tokens.insert(access.clone());
    let mut json = serde_json::json!({
        "token_type": "Bearer",
        "scope": field("scope"),
        "expires_in": 3599,
        "access_token": access,
    });
    if refresh.is_some() {
        let token = format!("1//{}", state.count);
        json["refresh_token"] = token.clone().into();
        state.refresh_tokens.insert(token);
    }
    response("200 OK", &json.to_string())
}
