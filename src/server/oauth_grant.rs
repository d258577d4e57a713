//! What is stored of a consent: from the tokens that a provider has issued to a grant.
//!
//! In: tokens; out: the grant, or that the consent would end with the access token.

use std::fmt;
use std::time::SystemTime;

use crate::config::OAuthFlow;
use crate::store::{Grant, GrantKind};
use crate::upstream::Fresh;

/// The provider gave no refresh token (RFC 6749 section 5.1 leaves that to it).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRefreshToken;

impl fmt::Display for NoRefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the provider gave no refresh token, so the consent would end within hours; scope may lack offline_access (Microsoft), \
             or authorization_url access_type=offline and prompt=consent (Google)",
        )
    }
}

impl std::error::Error for NoRefreshToken {}

/// What is kept of the tokens that a flow ended with.
///
/// # Errors
/// If a person was asked, and the provider did not say how to get the next access token.
pub fn grant_of(flow: OAuthFlow, fresh: Fresh) -> Result<Grant, NoRefreshToken> {
    let kind = match (flow, fresh.refresh) {
        // It serves all accounts: the server keeps its own.
        (OAuthFlow::ClientCredentials, _) => {
            return Ok(Grant {
                kind: GrantKind::ClientCredentials,
                access: None,
            });
        }
        (_, Some(refresh)) => GrantKind::RefreshToken(refresh),
        (_, None) => return Err(NoRefreshToken),
    };
    let access = (fresh.until > SystemTime::now()).then_some((fresh.access, fresh.until));
    Ok(Grant { kind, access })
}
