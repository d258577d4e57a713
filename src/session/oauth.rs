//! OAuth logins: the client logs in with a password, popgate with an OAuth token that the password decrypts.
//!
//! An access token is kept, encrypted, until it expires; then the token service is asked for a new one. Two
//! sessions of one account do not ask at the same time: each response may contain a new refresh token, and only
//! the last one is valid.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;

use super::refusal::Refusal;
use crate::pop3::{Secret, sasl};
use crate::store::{Grant, Tokens, TokensError};
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
    /// Keys derived at a time: each needs memory, by design.
    keys: Semaphore,
    refresh_locks: Arc<RefreshLocks>,
}

/// One lock for each user whose token is being refreshed. They are kept across reloads: earlier sessions may
/// still hold one.
#[derive(Debug, Default)]
pub struct RefreshLocks {
    /// The locks, by upstream and user.
    asking: Mutex<HashMap<Whose, Arc<tokio::sync::Mutex<()>>>>,
    /// The users whose access token the server refused.
    refused: Mutex<HashSet<Whose>>,
}

/// An upstream and a user.
type Whose = (String, String);

impl OAuthLogin {
    /// The logins to an upstream.
    pub fn new(
        upstream: &str,
        service: TokenService,
        tokens: Tokens,
        refresh_locks: Arc<RefreshLocks>,
    ) -> Self {
        Self {
            upstream: upstream.to_owned(),
            service,
            tokens,
            keys: Semaphore::new(2),
            refresh_locks,
        }
    }

    /// The response of XOAUTH2 for a user with this password.
    pub(super) async fn response(&self, user: &str, password: Secret) -> Result<Secret, Refusal> {
        let turn = {
            let asking = self.refresh_locks.asking.lock();
            let mut asking = asking.unwrap_or_else(PoisonError::into_inner);
            // Locks that are no longer in use.
            asking.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(asking.entry(self.whose(user)).or_default())
        };
        let _turn = turn.lock().await;
        let mut grant = self.stored(user, &password).await?;
        let was_refused = {
            let refused = self.refresh_locks.refused.lock();
            let mut refused = refused.unwrap_or_else(PoisonError::into_inner);
            refused.remove(&self.whose(user))
        };
        let good = |until: &SystemTime| *until > SystemTime::now() + SPARE;
        let kept = grant.access.take().filter(|(_, until)| good(until));
        let access = match kept {
            Some((access, _)) if !was_refused => access,
            _ => self.fresh(user, password, grant).await?,
        };
        let token = String::from_utf8_lossy(access.reveal()).into_owned();
        Ok(sasl::xoauth2(user, &token))
    }

    /// The server refused the token: the next login requests a new one.
    pub(super) fn was_refused(&self, user: &str) {
        let refused = self.refresh_locks.refused.lock();
        let mut refused = refused.unwrap_or_else(PoisonError::into_inner);
        refused.insert(self.whose(user));
    }

    fn whose(&self, user: &str) -> Whose {
        (self.upstream.clone(), user.to_lowercase())
    }

    async fn stored(&self, user: &str, password: &Secret) -> Result<Grant, Refusal> {
        let (tokens, upstream) = (self.tokens.clone(), self.upstream.clone());
        let (user, password) = (user.to_owned(), password.clone());
        self.key(move || tokens.read(&upstream, &user, &password))
            .await
            .map_err(|error| match error {
                TokensError::None | TokensError::WrongPassword => Refusal::Token(error.to_string()),
                error => {
                    // The path is for the administrator, not for the client.
                    tracing::error!("{error}");
                    Refusal::TokenService("popgate cannot read its tokens".to_owned())
                }
            })
    }

    async fn fresh(&self, user: &str, password: Secret, grant: Grant) -> Result<Secret, Refusal> {
        let fresh = self.service.refresh(&grant.refresh).await;
        let Fresh {
            access,
            until,
            refresh,
        } = fresh.map_err(|error| match error {
            TokenError::Denied(ref why) if GRANT.contains(&why.as_str()) => {
                Refusal::Token(error.to_string())
            }
            TokenError::Denied(_) => {
                // A problem for the administrator: the user's password is not wrong.
                let upstream = &self.upstream;
                tracing::error!(upstream, "{error}; look at [upstream.oauth]");
                Refusal::TokenService(error.to_string())
            }
            _ => Refusal::TokenService(error.to_string()),
        })?;
        let renewed = Grant {
            refresh: refresh.unwrap_or(grant.refresh),
            access: Some((access.clone(), until)),
        };
        let (tokens, upstream, user) =
            (self.tokens.clone(), self.upstream.clone(), user.to_owned());
        let kept = self
            .key(move || tokens.put(&upstream, &user, &password, &renewed))
            .await;
        if let Err(error) = kept {
            // It is valid for this session anyway.
            tracing::error!("{error}; a new token could not be kept");
        }
        Ok(access)
    }

    /// Runs work that derives a key on a thread where it delays no session.
    async fn key<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, TokensError> + Send + 'static,
    ) -> Result<T, TokensError> {
        let _turn = self.keys.acquire().await;
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|error| {
            Err(TokensError::Io(
                std::path::PathBuf::from("tokens"),
                std::io::Error::other(error),
            ))
        })
    }
}
