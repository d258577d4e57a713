//! Finding and connecting the server of a user who logs in through popgate.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::time::Instant;

use super::dialling::{self, mailbox_on};
use super::exchange::{LoginRequest, Mechanism, Proof, UpstreamLogin};
use super::failure::Failure;
use super::refusal::Refusal;
use super::relay::Relay;
use super::service::Service;
use crate::upstream::Route;

impl Relay<'_> {
    /// Answers [`Action::LogIn`](super::exchange::Action::LogIn).
    pub(super) async fn log_in(&mut self, request: LoginRequest) -> Result<(), Failure> {
        let LoginRequest {
            mechanism,
            user,
            proof,
        } = request;
        let route = self.route_of(user)?;
        let mailbox = mailbox_on(&route.dialler, &route.user);
        let address = self.client.address().ip();
        let (quotas, limits) = (&self.service.quotas, &self.service.limits);
        // Another name means another mailbox: the previous slot is released first.
        self.slot = None;
        self.slot = quotas.admit_login(limits, address, mailbox.as_ref())?;
        let (proof, mechanism) = match self.service.proof(&route, proof, mechanism, address).await {
            Ok(proof) => proof,
            Err(refusal) => {
                if matches!(refusal, Refusal::Token(_) | Refusal::TokenDamaged(_)) {
                    quotas.login_ended(limits, address, mailbox.as_ref(), false);
                }
                self.slot = None;
                self.exchange.login_refused(refusal);
                return Ok(());
            }
        };
        let began = Instant::now();
        let greeted = dialling::open(
            self.service,
            &self.client,
            &mut self.connection,
            &mut self.exchange,
            &route.dialler,
        )
        .await?;
        let login = UpstreamLogin {
            mechanism,
            user: route.user,
            proof,
        };
        self.connected(greeted, Some(login), began);
        Ok(())
    }

    /// The upstream of a user, and the user name there.
    fn route_of(&self, user: String) -> Result<Route, Refusal> {
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
            return Ok(Route { dialler, user });
        }
        if let Some(place) = listener.upstream_for(sni) {
            let dialler = router.upstream(place).ok_or(Refusal::NoUpstream)?;
            let dialler = Arc::clone(dialler);
            return Ok(Route { dialler, user });
        }
        let route = router.for_user(&user).map_err(Refusal::UserName)?;
        route.ok_or(Refusal::NoUpstream)
    }
}

impl Service {
    /// The credential for the server: the client's own, or a token that the client's password decrypts.
    async fn proof(
        &self,
        route: &Route,
        proof: Proof,
        mechanism: Mechanism,
        address: IpAddr,
    ) -> Result<(Proof, Mechanism), Refusal> {
        let Some(oauth) = self.oauth(&route.dialler) else {
            return Ok((proof, mechanism));
        };
        match proof {
            Proof::Password(password) => {
                let response = oauth.response(&route.user, password, address).await?;
                Ok((Proof::Bearer("XOAUTH2", response), Mechanism::Oauth))
            }
            // A client with its own token needs no stored one.
            bearer @ Proof::Bearer(..) => Ok((bearer, mechanism)),
        }
    }
}
