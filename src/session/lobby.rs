//! The lobby: a session whose server is not known yet, because the name that the user will log in
//! with tells, or whose login popgate makes itself.
//!
//! popgate greets, answers CAPA, STLS and QUIT, and takes the login; then it dials, logs in, and
//! passes the server's own answer on. A login that is denied may be tried again, with another name,
//! too. RFC 1939 section 4, RFC 2595, RFC 5034.
//!
//! It keeps the password for as long as the login takes, and offers no APOP: a stamp can only come
//! from a server that is known already.

mod login;

use std::sync::Arc;

use bytes::BytesMut;
use tokio::time::{Instant, timeout_at};

use super::caller::Caller;
use super::dialling::Server;
use super::guards::Taken;
use super::leg::Leg;
use super::relay::LAST_WORDS;
use super::{End, Failure, Refusal, Service, stls};
use crate::net::Drain;
use crate::pop3::line::take_line;
use crate::pop3::sasl::{self, Login};
use crate::pop3::{Command, Secret, capa};
use crate::upstream::Route;

/// Without `<`, so that no client takes it for APOP's stamp (RFC 1939 section 7).
const GREETING: &[u8] = b"+OK popgate is ready\r\n";
/// Refused commands until the client is sent away.
const MOST_REFUSED: u32 = 20;

/// Who is in.
pub(super) struct Entered {
    pub(super) upstream: Leg,
    pub(super) server: Server,
    pub(super) user: String,
    /// Counts the session of the account.
    pub(super) slot: Taken<Arc<str>>,
    /// The server's answer to the login, for the client.
    pub(super) answer: BytesMut,
}

/// How somebody proves who he is.
enum Proof {
    Password(Secret),
    /// A response of this mechanism, as it came.
    Bearer(&'static str, Secret),
}

/// See the module.
pub(super) struct Lobby<'a, 's> {
    pub(super) service: &'s Service,
    pub(super) caller: &'a mut Caller<'s>,
    pub(super) client: &'a mut Leg,
    /// By when the login must be done.
    pub(super) by: Instant,
    pub(super) drain: Drain,
    /// How it ends if no line comes.
    pub(super) end: End,
}

/// What a command led to.
enum Next {
    Stay,
    Enter(Box<Entered>),
    Leave(End),
}

impl Lobby<'_, '_> {
    /// Serves until the login, or the end.
    pub(super) async fn run(mut self) -> Result<Result<Box<Entered>, End>, Failure> {
        self.client.say(self.service, GREETING).await?;
        let mut refused = 0;
        let mut user = None;
        while let Some(mut line) = self.line().await? {
            let command = Command::parse(&line);
            self.service.metrics.command(command.label());
            if matches!(command, Command::Refused(_) | Command::Unknown) {
                refused += 1;
            }
            let next = self.obey(command, &line, &mut user).await;
            // It may hold a password.
            line.fill(0);
            match next? {
                Next::Stay if refused >= MOST_REFUSED => return Ok(Err(End::SentAway)),
                Next::Stay => {}
                Next::Enter(entered) => return Ok(Ok(entered)),
                Next::Leave(end) => return Ok(Err(end)),
            }
        }
        Ok(Err(self.end))
    }

    async fn obey(
        &mut self,
        command: Command,
        line: &[u8],
        user: &mut Option<String>,
    ) -> Result<Next, Failure> {
        let overheard = self.caller.is_overheard(self.client.stream.is_tls());
        let stls = stls::is_offered(self.caller, self.client);
        match command {
            Command::Capa => {
                let list = capa::own(!overheard, stls);
                self.say(&format!("+OK\r\n{list}.\r\n")).await?;
            }
            Command::Stls if stls => {
                *user = None;
                stls::begin(self.service, self.caller, self.client, self.by).await?;
            }
            Command::Stls => self.say("-ERR STLS is not offered here\r\n").await?,
            Command::AuthList if !overheard => {
                self.say("+OK\r\nPLAIN\r\nLOGIN\r\nXOAUTH2\r\nOAUTHBEARER\r\n.\r\n")
                    .await?;
            }
            Command::Quit => {
                self.say("+OK bye\r\n").await?;
                return Ok(Next::Leave(End::Quit));
            }
            Command::Foreign => {
                self.say("-ERR this is a POP3 server\r\n").await?;
                return Ok(Next::Leave(End::SentAway));
            }
            Command::Apop => self.refuse(&Refusal::Apop).await?,
            Command::User | Command::Pass | Command::Auth { .. } | Command::AuthList
                if overheard =>
            {
                self.refuse(&Refusal::Plaintext).await?;
            }
            Command::User => {
                let name = line.trim_ascii().get(b"USER".len()..);
                *user = name.and_then(sasl::name);
                match user {
                    Some(name) if name.len() > self.service.limits.user_name => {
                        *user = None;
                        self.refuse(&Refusal::NameTooLong).await?;
                    }
                    Some(_) => self.say("+OK\r\n").await?,
                    None => self.say("-ERR USER needs a name\r\n").await?,
                }
            }
            Command::Pass => {
                let Some(user) = user.take() else {
                    self.say("-ERR USER comes first\r\n").await?;
                    return Ok(Next::Stay);
                };
                // All of the rest, spaces included (RFC 1939 section 7).
                let line = crate::pop3::line::trim_end(line);
                let password = line.get(b"PASS ".len()..).unwrap_or_default();
                let proof = Proof::Password(Secret::new(password));
                return self.enter("userpass", user, proof).await;
            }
            Command::Auth { mechanism, .. } => return self.auth(&mechanism, line).await,
            Command::Refused(why) => self.say(&format!("-ERR {why}\r\n")).await?,
            _ => self.say("-ERR log in first\r\n").await?,
        }
        Ok(Next::Stay)
    }

    /// RFC 5034 section 4.
    async fn auth(&mut self, mechanism: &str, line: &[u8]) -> Result<Next, Failure> {
        let words = line.split(u8::is_ascii_whitespace);
        let initial = words.filter(|word| !word.is_empty()).nth(2);
        let initial = initial.map(Secret::new);
        let unreadable = "-ERR that is no response of this mechanism\r\n";
        match mechanism {
            "PLAIN" => {
                let Some(response) = self.response(initial, "+ \r\n").await? else {
                    return Ok(Next::Stay);
                };
                match sasl::plain(response.reveal()) {
                    Some(Login { user, password }) => {
                        return self.enter("plain", user, Proof::Password(password)).await;
                    }
                    None => self.say(unreadable).await?,
                }
            }
            "LOGIN" => {
                // "Username:" and "Password:".
                let Some(user) = self.response(initial, "+ VXNlcm5hbWU6\r\n").await? else {
                    return Ok(Next::Stay);
                };
                let Some(password) = self.response(None, "+ UGFzc3dvcmQ6\r\n").await? else {
                    return Ok(Next::Stay);
                };
                let user = sasl::decoded(user.reveal()).and_then(|it| sasl::name(&it));
                let password = sasl::decoded(password.reveal());
                match (user, password.and_then(|it| sasl::password(&it))) {
                    (Some(user), Some(password)) => {
                        return self.enter("login", user, Proof::Password(password)).await;
                    }
                    _ => self.say(unreadable).await?,
                }
            }
            "XOAUTH2" | "OAUTHBEARER" => {
                let Some(response) = self.response(initial, "+ \r\n").await? else {
                    return Ok(Next::Stay);
                };
                let (name, label) = match mechanism {
                    "XOAUTH2" => ("XOAUTH2", "xoauth2"),
                    _ => ("OAUTHBEARER", "oauthbearer"),
                };
                match sasl::bearer_name(response.reveal()) {
                    Some(user) => {
                        return self.enter(label, user, Proof::Bearer(name, response)).await;
                    }
                    None => self.say(unreadable).await?,
                }
            }
            _ => self.say("-ERR this mechanism is not offered\r\n").await?,
        }
        Ok(Next::Stay)
    }

    /// The client's response, asked for unless it came along; `None` if the exchange is over.
    async fn response(
        &mut self,
        initial: Option<Secret>,
        challenge: &str,
    ) -> Result<Option<Secret>, Failure> {
        if let Some(initial) = initial {
            return Ok(Some(initial));
        }
        self.say(challenge).await?;
        let most = self.service.limits.auth_line;
        let Some(mut line) = self.line_of(most).await? else {
            return Err(Failure::ClientGone(None));
        };
        let response = Secret::new(line.trim_ascii());
        line.fill(0);
        if response.reveal() == b"*" {
            self.say("-ERR cancelled\r\n").await?;
            return Ok(None);
        }
        Ok(Some(response))
    }

    /// Where a user goes, and under which name.
    fn way(&self, user: String) -> Result<Route, Refusal> {
        let router = &self.service.router;
        let port = self.caller.port;
        let asked_for = self.caller.asked_for.as_deref();
        if port.transparent {
            let is_tls = self.client.stream.is_tls();
            // Protected on one side is not protected: TLS goes on to the name that was asked for.
            let name = match (is_tls, asked_for) {
                (true, None) => return Err(Refusal::NoName),
                (true, name) => name,
                (false, _) => None,
            };
            let dialler = router.original(self.caller.addressed.original_dst, name);
            return Ok(Route { dialler, user });
        }
        if let Some(place) = port.upstream_for(asked_for) {
            let dialler = router.upstream(place).ok_or(Refusal::NoUpstream)?;
            let dialler = Arc::clone(dialler);
            return Ok(Route { dialler, user });
        }
        let way = router.for_user(&user).map_err(Refusal::UserName)?;
        way.ok_or(Refusal::NoUpstream)
    }

    /// The client's next line; `None` if there will be none, and [`Self::end`] says why.
    async fn line(&mut self) -> Result<Option<BytesMut>, Failure> {
        let limits = &self.service.limits;
        self.line_of(limits.command_line).await
    }

    /// A line of at most so many octets; one of AUTH may carry a response.
    async fn line_of(&mut self, most: usize) -> Result<Option<BytesMut>, Failure> {
        let mut begun = None;
        loop {
            let buffer = &mut self.client.buffer;
            let is_auth = buffer
                .get(..4)
                .is_some_and(|verb| verb.eq_ignore_ascii_case(b"AUTH"));
            let most = match is_auth {
                true => self.service.limits.auth_line,
                false => most,
            };
            let line = take_line(buffer);
            if line.as_ref().map_or(buffer.len(), BytesMut::len) > most {
                self.refuse(&Refusal::LineTooLong).await?;
                self.end = End::SentAway;
                return Ok(None);
            }
            if line.is_some() {
                return Ok(line);
            }
            let mut by = self.by;
            if !buffer.is_empty() {
                let begun = *begun.get_or_insert_with(Instant::now);
                by = by.min(begun + self.service.timeouts.command_line);
            }
            let filled = tokio::select! {
                filled = timeout_at(by, self.client.fill(self.service)) => filled,
                () = last_words(self.drain.clone()) => {
                    self.end = End::Drained;
                    return Ok(None);
                }
            };
            self.end = match filled {
                Ok(filled) => match filled? {
                    0 => End::ClientLeft,
                    _ => continue,
                },
                Err(_) => End::Idle,
            };
            return Ok(None);
        }
    }

    async fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.client.say(self.service, text.as_bytes()).await
    }

    /// Refuses a login; the client may try another way.
    async fn refuse(&mut self, refusal: &Refusal) -> Result<(), Failure> {
        super::report_refusal(self.service, self.caller.address(), refusal);
        match refusal.wire() {
            Some(text) => {
                let text = crate::pop3::line::printable(text.as_bytes(), 400);
                self.say(&format!("-ERR {text}\r\n")).await
            }
            None => Ok(()),
        }
    }
}

/// Ready when popgate stops and a client that could still go on has said nothing for a while.
async fn last_words(drain: Drain) {
    drain.stopping().await;
    tokio::time::sleep(LAST_WORDS).await;
}
