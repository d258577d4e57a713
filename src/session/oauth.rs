//! OAuth logins: the client logs in with a password, popgate with an OAuth token that the password decrypts.
//!
//! An access token is kept, encrypted, until it expires; then the token service is asked for a new one. Two
//! sessions of one account do not ask at the same time: each response may contain a new refresh token, and only
//! the last one is valid. Without the password nobody waits for that, or can tell which accounts exist: an
//! unknown account, a wrong password and a damaged file get the same answer after the same work.
//!
//! With client credentials (RFC 6749 section 4.4) one access token serves all accounts of the upstream; each
//! account has a password of popgate's own.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::oauth_shared::{OAuthShared, Whose};
use super::refusal::Refusal;
use crate::pop3::{Secret, sasl};
use crate::store::{Grant, GrantKind, SealKey, Tokens, TokensError};
use crate::upstream::{Fresh, TokenError, TokenService};

/// A token must be valid for at least this long: the server checks it a moment later.
const SPARE: Duration = Duration::from_secs(60);

/// The errors for a consent that is no longer valid (RFC 6749 section 5.2, RFC 8628 section 3.5, OpenID
/// Connect's); all other errors are about popgate's registration as a client.
const GRANT: &[&str] = &[
    "invalid_grant",
    "access_denied",
    "expired_token",
    "interaction_required",
    "consent_required",
    "login_required",
];

/// The logins to one upstream.
#[derive(Debug)]
pub struct OAuthLogin {
    upstream: String,
    service: TokenService,
    tokens: Tokens,
    shared: Arc<OAuthShared>,
    /// The access token of client credentials; the holder of the lock asks for it.
    application: tokio::sync::Mutex<Option<(Secret, SystemTime)>>,
}

impl OAuthLogin {
    /// The logins to an upstream.
    pub fn new(
        upstream: &str,
        service: TokenService,
        tokens: Tokens,
        shared: Arc<OAuthShared>,
    ) -> Self {
        Self {
            upstream: upstream.to_owned(),
            service,
            tokens,
            shared,
            application: tokio::sync::Mutex::default(),
        }
    }

    /// The response of XOAUTH2 for a user with this password, who comes from this address.
    pub(super) async fn response(
        &self,
        user: &str,
        password: Secret,
        address: IpAddr,
    ) -> Result<Secret, Refusal> {
        let whose = self.whose(user);
        // Before the file is read: another session may renew the token and forget the refusal meanwhile.
        let was_refused = self.shared.is_refused(&whose);
        let (grant, key) = self.unsealed(user, password, address).await?;
        let was_refused = was_refused || self.shared.is_refused(&whose);
        let access = match (&grant.kind, usable(&grant)) {
            (GrantKind::ClientCredentials, _) => self.application(&whose).await?,
            (GrantKind::RefreshToken(_), Some(access)) if !was_refused => access,
            _ => self.renewed(user, &whose, grant, key).await?,
        };
        let token = String::from_utf8_lossy(access.reveal()).into_owned();
        Ok(sasl::xoauth2(user, &token))
    }

    /// The server refused the token: the next login requests a new one.
    pub(super) fn was_refused(&self, user: &str) {
        self.shared.set_refused(self.whose(user), true);
    }

    fn whose(&self, user: &str) -> Whose {
        (self.upstream.clone(), user.to_lowercase())
    }

    async fn unsealed(
        &self,
        user: &str,
        password: Secret,
        address: IpAddr,
    ) -> Result<(Grant, SealKey), Refusal> {
        let (tokens, upstream, user) = self.place(user);
        let check = move || tokens.unseal(&upstream, &user, &password);
        let opened = self.shared.check(address, check).await?;
        opened.map_err(|error| match error {
            error @ TokensError::Io(..) => {
                // The path is for the administrator, not for the client.
                tracing::error!("{error}");
                Refusal::TokenService("popgate cannot read its tokens".to_owned())
            }
            TokensError::None | TokensError::WrongPassword => Refusal::Token(error.to_string()),
            error => Refusal::TokenDamaged(error.to_string()),
        })
    }

    /// A new access token of a user's consent, unless another session has asked for one meanwhile.
    async fn renewed(
        &self,
        user: &str,
        whose: &Whose,
        opened: Grant,
        key: SealKey,
    ) -> Result<Secret, Refusal> {
        let lock = self.shared.refresh_lock(whose);
        let _turn = lock.lock().await;
        let grant = self.reread(user, &key).await.unwrap_or(opened);
        if let Some(access) = usable(&grant).filter(|_| !self.shared.is_refused(whose)) {
            return Ok(access);
        }
        let GrantKind::RefreshToken(refresh) = &grant.kind else {
            return self.application(whose).await;
        };
        self.check_pause(whose)?;
        let asked = self.service.refresh(refresh).await;
        let Fresh {
            access,
            until,
            refresh: next,
        } = asked.map_err(|error| self.refusal(whose, error))?;
        let renewed = Grant {
            kind: next.map_or_else(|| grant.kind.clone(), GrantKind::RefreshToken),
            access: Some((access.clone(), until)),
        };
        self.keep(user, key, renewed).await;
        self.shared.set_refused(whose.clone(), false);
        Ok(access)
    }

    /// The access token of client credentials.
    async fn application(&self, whose: &Whose) -> Result<Secret, Refusal> {
        let mut kept = self.application.lock().await;
        let was_refused = self.shared.is_refused(whose);
        if let Some((access, _)) = kept
            .as_ref()
            .filter(|(_, until)| !was_refused && lasts(until))
        {
            return Ok(access.clone());
        }
        let all = (self.upstream.clone(), String::new());
        self.check_pause(&all)?;
        let asked = self.service.client_credentials().await;
        let fresh = asked.map_err(|error| self.refusal(&all, error))?;
        *kept = Some((fresh.access.clone(), fresh.until));
        self.shared.set_refused(whose.clone(), false);
        Ok(fresh.access)
    }

    fn check_pause(&self, whose: &Whose) -> Result<(), Refusal> {
        match self.shared.paused(whose) {
            Some(left) => Err(Refusal::TokenService(TokenError::Busy(left).to_string())),
            None => Ok(()),
        }
    }

    fn refusal(&self, whose: &Whose, error: TokenError) -> Refusal {
        match error {
            TokenError::Denied(ref why) if GRANT.contains(&why.code.as_str()) => {
                Refusal::Consent(error.to_string())
            }
            TokenError::Denied(_) => {
                // A problem for the administrator: the user's password is not wrong.
                let upstream = &self.upstream;
                tracing::error!(upstream, "{error}; look at [upstream.oauth]");
                Refusal::TokenService(error.to_string())
            }
            TokenError::Busy(pause) => {
                self.shared.pause(whose.clone(), pause);
                Refusal::TokenService(error.to_string())
            }
            _ => Refusal::TokenService(error.to_string()),
        }
    }

    /// What is stored now for a user whose password was right.
    async fn reread(&self, user: &str, key: &SealKey) -> Option<Grant> {
        let (tokens, upstream, user) = self.place(user);
        let key = key.clone();
        let read = move || tokens.reread(&upstream, &user, &key);
        match self.shared.writes.run(0, read).await {
            Ok(Ok(grant)) => grant,
            _ => None,
        }
    }

    async fn keep(&self, user: &str, key: SealKey, grant: Grant) {
        let (tokens, upstream, user) = self.place(user);
        let write = move || tokens.update(&upstream, &user, &key, &grant);
        let error = match self.shared.writes.run(0, write).await {
            Ok(Ok(())) | Ok(Err(TokensError::None)) => return,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        // It is valid for this session anyway.
        tracing::error!("{error}; a new token could not be kept");
    }

    fn place(&self, user: &str) -> (Tokens, String, String) {
        (self.tokens.clone(), self.upstream.clone(), user.to_owned())
    }
}

/// The access token, if it is valid for a while.
fn usable(grant: &Grant) -> Option<Secret> {
    let (access, until) = grant.access.as_ref()?;
    lasts(until).then(|| access.clone())
}

fn lasts(until: &SystemTime) -> bool {
    *until > SystemTime::now() + SPARE
}
