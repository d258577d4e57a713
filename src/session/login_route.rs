//! Finding and connecting the server of a user who logs in through popgate.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::time::Instant;

use super::dialling;
use super::exchange::{LoginRequest, Mechanism, Proof, UpstreamLogin};
use super::failure::Failure;
use super::refusal::Refusal;
use super::relay::Relay;
use super::service::Service;
use crate::mailbox_id::MailboxId;
use crate::pop3::UserName;
use crate::upstream::Dialler;

impl Relay<'_> {
    /// Answers [`Action::LogIn`](super::exchange::Action::LogIn).
    pub(super) async fn log_in(&mut self, request: LoginRequest) -> Result<(), Failure> {
        let LoginRequest {
            mechanism,
            user,
            proof,
        } = request;
        let (dialler, user) = self.route_of(&user)?;
        let upstream = self.service.router.mailboxes_of(&dialler);
        let mailbox = MailboxId::new(upstream, &user.text());
        self.admitted = self.admission(mailbox.as_ref()).await??;
        // With OAuth popgate itself checks the password: before that nobody takes a session of the mailbox, or is
        // told that all are taken.
        let checks_password = self.service.oauth(&dialler).is_some();
        if !checks_password {
            self.take_slot(mailbox.as_ref())?;
        }
        let address = self.client.address().ip();
        let proof = self
            .service
            .proof(&dialler, &user, proof, mechanism, address);
        let (proof, mechanism) = match proof.await {
            Ok(proof) => proof,
            Err(refusal) => {
                let name = &dialler.upstream().name;
                let mechanism = Mechanism::Oauth.label();
                let outcome = refusal.login_outcome();
                self.service.metrics.login(name, mechanism, outcome);
                let admitted = std::mem::take(&mut self.admitted);
                if matches!(refusal, Refusal::Token(_) | Refusal::TokenDamaged(_))
                    && let Some(attempt) = admitted.attempt
                {
                    attempt.failed();
                }
                self.exchange.login_refused(refusal);
                return Ok(());
            }
        };
        if checks_password {
            self.take_slot(mailbox.as_ref())?;
        }
        let began = Instant::now();
        let greeted = dialling::open(
            self.service,
            &self.client,
            &mut self.connection,
            &mut self.exchange,
            &dialler,
        )
        .await?;
        let login = UpstreamLogin {
            mechanism,
            user,
            proof,
        };
        self.connected(greeted, Some(login), began);
        Ok(())
    }

    /// Answers [`Action::Reconnect`](super::exchange::Action::Reconnect).
    pub(super) async fn reconnect(&mut self) -> Result<(), Failure> {
        let Some(upstream) = self.upstream.take() else {
            return Err(Refusal::NoUpstream.into());
        };
        tracing::info!(
            upstream = upstream.name(),
            "the server ended the connection before the login; it is connected again and not asked for CAPA"
        );
        let route = Arc::clone(upstream.route());
        drop(upstream);
        let began = Instant::now();
        let (connection, exchange) = (&mut self.connection, &mut self.exchange);
        let greeted =
            dialling::open(self.service, &self.client, connection, exchange, &route).await?;
        self.connected(greeted, None, began);
        Ok(())
    }

    /// The upstream of a user, and the user name there.
    fn route_of(&self, user: &UserName) -> Result<(Arc<Dialler>, UserName), Refusal> {
        let router = &self.service.router;
        let listener = self.client.listener;
        let sni = self.client.sni.as_deref();
        if listener.transparent {
            let is_tls = self.connection.stream.is_tls();
            // TLS with the client requires TLS to the server, to the name of the client's SNI.
            let name = match (is_tls, sni) {
                (true, None) => return Err(Refusal::NoSni),
                (true, name) => name,
                (false, _) => None,
            };
            let dialler = router.original(self.client.addressed.original_dst, name);
            return Ok((dialler, user.clone()));
        }
        if let Some(place) = listener.upstream_for(sni) {
            let dialler = router.upstream(place).ok_or(Refusal::NoUpstream)?;
            return Ok((Arc::clone(dialler), user.clone()));
        }
        let route = router.for_user(&user.text()).map_err(Refusal::UserName)?;
        let route = route.ok_or(Refusal::NoUpstream)?;
        Ok((route.dialler, user.on_server(&route.user)))
    }
}

impl Service {
    /// The credential for the server: the client's own, or a token that the client's password decrypts.
    async fn proof(
        &self,
        dialler: &Dialler,
        user: &UserName,
        proof: Proof,
        mechanism: Mechanism,
        address: IpAddr,
    ) -> Result<(Proof, Mechanism), Refusal> {
        let Some(oauth) = self.oauth(dialler) else {
            return Ok((proof, mechanism));
        };
        match proof {
            Proof::Password(password) => {
                let response = oauth.response(&user.text(), password, address).await?;
                Ok((Proof::Bearer("XOAUTH2", response), Mechanism::Oauth))
            }
            // A client with its own token needs no stored one.
            bearer @ Proof::Bearer(..) => Ok((bearer, mechanism)),
        }
    }
}
