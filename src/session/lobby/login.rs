//! The login that popgate makes for the client: the server is dialled, told who it is, and its answer
//! goes to the client word for word.

use bytes::BytesMut;

use super::{Entered, Lobby, Next, Proof};
use crate::metrics::{ClientState, Flow, LoginOutcome};
use crate::pop3::account::normal;
use crate::pop3::line::take_line;
use crate::pop3::{Secret, Status};
use crate::session::dialling::{self, Opened};
use crate::session::leg::{Filled, Leg};
use crate::session::{Failure, Refusal, report, tally};
use crate::upstream::Route;

/// The label `mechanism` of a login by a token that a password opened.
const BRIDGE: &str = "oauth";

impl Lobby<'_, '_> {
    /// Logs a user in.
    pub(super) async fn enter(
        &mut self,
        mechanism: &'static str,
        user: String,
        proof: Proof,
    ) -> Result<Next, Failure> {
        let address = self.caller.address().ip();
        let guards = &self.service.guards;
        if user.len() > self.service.limits.user_name {
            self.refuse(&Refusal::NameTooLong).await?;
            return Ok(Next::Stay);
        }
        let way = match self.way(user) {
            Ok(way) => way,
            Err(refusal) => return Err(refusal.into()),
        };
        // The mailbox counts, however it was spelt: a server may stand in a name in many ways.
        let upstream = way.dialler.upstream();
        let account = normal(&format!("{} {}:{}", way.user, upstream.host, upstream.port));
        let slot = match guards.may_log_in(self.service, address, account.as_ref()) {
            Ok(slot) => slot,
            Err(refusal) => return Err(refusal.into()),
        };
        let (proof, mechanism) = match self.proof(&way, proof, mechanism).await {
            Ok(proof) => proof,
            Err(refusal) => {
                if matches!(refusal, Refusal::Token(_)) {
                    guards.logged_in(self.service, address, account.as_ref(), false);
                }
                self.refuse(&refusal).await?;
                return Ok(Next::Stay);
            }
        };
        let opened = dialling::open(self.service, self.caller, self.client, &way.dialler).await?;
        let Opened {
            mut leg,
            greeting,
            server,
        } = opened;
        // The client has had one.
        self.service.metrics.edited(0, greeting.len());
        let answer = match self.prove(&mut leg, &way.user, &proof).await {
            Ok(answer) => answer,
            // The server is at fault, by name; the client hears of it and may try again later.
            Err(failure) => {
                report(
                    self.service,
                    self.caller.address(),
                    Some(server.name()),
                    &failure,
                    ClientState::Authorization,
                );
                self.service
                    .metrics
                    .login(server.name(), mechanism, LoginOutcome::Error);
                if let Some(text) = failure.wire(false) {
                    self.client.say(self.service, text.as_bytes()).await?;
                }
                return match failure {
                    Failure::ClientGone(_) => Err(failure),
                    _ => Ok(Next::Stay),
                };
            }
        };
        let well = Status::of(&answer) == Status::Ok;
        guards.logged_in(self.service, address, account.as_ref(), well);
        let outcome = match well {
            true => LoginOutcome::Ok,
            false => LoginOutcome::Denied,
        };
        self.service
            .metrics
            .login(server.name(), mechanism, outcome);
        if !well {
            let client = self.caller.address();
            let user = normal(&way.user);
            tally::denied(
                self.service,
                client,
                server.name(),
                user.as_ref(),
                mechanism,
            );
            if mechanism == BRIDGE
                && let Some(bridge) = self.service.bridge(&way.dialler)
            {
                bridge.was_refused(&way.user);
            }
            // What the server says is for the user: trap 34.
            self.client.pass(self.service, &answer).await?;
            return Ok(Next::Stay);
        }
        Ok(Next::Enter(Box::new(Entered {
            upstream: leg,
            server,
            user: way.user,
            slot,
            answer,
        })))
    }

    /// What the server will be shown: the client's own proof, or a token that it opens.
    async fn proof(
        &self,
        way: &Route,
        proof: Proof,
        mechanism: &'static str,
    ) -> Result<(Proof, &'static str), Refusal> {
        let Some(bridge) = self.service.bridge(&way.dialler) else {
            return Ok((proof, mechanism));
        };
        match proof {
            Proof::Password(password) => {
                let response = bridge.response(&way.user, password).await?;
                Ok((Proof::Bearer("XOAUTH2", response), BRIDGE))
            }
            // A client that has a token of its own needs no bridge.
            bearer @ Proof::Bearer(..) => Ok((bearer, mechanism)),
        }
    }

    /// The exchange; its last line.
    async fn prove(
        &mut self,
        leg: &mut Leg,
        user: &str,
        proof: &Proof,
    ) -> Result<BytesMut, Failure> {
        match proof {
            Proof::Password(password) => {
                self.tell(leg, &[b"USER ", user.as_bytes()]).await?;
                let answer = self.hear(leg).await?;
                if Status::of(&answer) != Status::Ok {
                    return Ok(answer);
                }
                self.swallow(&answer);
                self.tell(leg, &[b"PASS ", password.reveal()]).await?;
                self.hear(leg).await
            }
            Proof::Bearer(mechanism, response) => {
                // In two steps: Office 365 takes no other way, and a token is longer than a command
                // may be (RFC 5034 section 4).
                self.tell(leg, &[b"AUTH ", mechanism.as_bytes()]).await?;
                let mut answer = self.hear(leg).await?;
                let mut response = Some(response.clone());
                loop {
                    match Status::of(&answer) {
                        Status::Challenge => {}
                        // Some servers write `+OK` for `+`; nobody is in before he has said who he is.
                        Status::Ok if response.is_some() => {}
                        _ => return Ok(answer),
                    }
                    match response.take() {
                        Some(response) => {
                            self.swallow(&answer);
                            self.tell(leg, &[response.reveal()]).await?;
                        }
                        // RFC 7628 section 3.2.3: what is wrong, which the client acknowledges.
                        None => {
                            let said = self.answer_of_client(&answer).await?;
                            self.tell(leg, &[said.reveal()]).await?;
                        }
                    }
                    answer = self.hear(leg).await?;
                }
            }
        }
    }

    /// Passes a challenge on; what the client says to it.
    async fn answer_of_client(&mut self, challenge: &[u8]) -> Result<Secret, Failure> {
        self.client.pass(self.service, challenge).await?;
        let most = self.service.limits.auth_line;
        let Some(mut line) = self.line_of(most).await? else {
            return Err(Failure::ClientGone(None));
        };
        let said = Secret::new(line.trim_ascii());
        line.fill(0);
        Ok(said)
    }

    async fn tell(&mut self, leg: &mut Leg, words: &[&[u8]]) -> Result<(), Failure> {
        let mut line = zeroize::Zeroizing::new(words.concat());
        line.extend_from_slice(b"\r\n");
        let limit = self.service.timeouts.upstream_read;
        let sent = tokio::time::timeout(limit, leg.send(&line)).await;
        self.service.metrics.bytes(Flow::UpstreamOut, line.len());
        match sent {
            // A server that closes says why first: that is read.
            Ok(_) => Ok(()),
            Err(_) => Err(Failure::UpstreamStalled(limit)),
        }
    }

    /// A line of the server.
    async fn hear(&mut self, leg: &mut Leg) -> Result<BytesMut, Failure> {
        let limit = self.service.timeouts.upstream_read;
        let heard = async {
            loop {
                if let Some(line) = take_line(&mut leg.buffer) {
                    return Ok(line);
                }
                if leg.buffer.len() > self.service.limits.response_line {
                    return Err(Failure::UpstreamFlood(leg.buffer.len()));
                }
                let filled = std::future::poll_fn(|cx| leg.poll_fill(cx)).await;
                let Filled { read, added } = filled.map_err(Failure::UpstreamBroke)?;
                self.service.metrics.bytes(Flow::UpstreamIn, read);
                self.service.metrics.edited(added, 0);
                if read == 0 {
                    return Err(Failure::UpstreamClosed);
                }
            }
        };
        tokio::time::timeout(limit, heard)
            .await
            .unwrap_or(Err(Failure::UpstreamStalled(limit)))
    }

    fn swallow(&self, line: &[u8]) {
        self.service.metrics.edited(0, line.len());
    }
}
