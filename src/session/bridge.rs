//! The OAuth bridge: the client logs in with a password, popgate with a token that it opens.

use super::Refusal;
use crate::pop3::Secret;

/// One upstream's.
#[derive(Debug)]
pub struct Bridge {}

impl Bridge {
    /// The response of XOAUTH2 for a user.
    pub(super) async fn response(&self, _user: &str, _password: Secret) -> Result<Secret, Refusal> {
        Err(Refusal::Token("no token".to_owned()))
    }
}
