//! Who uses the API: a program with a token of `popgate passwd --api-token` (RFC 6750).
//!
//! In: a request; out: the program with its rights, or what is wrong with its token. Wrong tokens are slowed down, right ones
//! are not.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;

use super::super::state::Console;
use super::super::visitor::Visitor;
use super::answer::ApiError;
use crate::metrics::{ConsoleLogin, ConsoleLoginOutcome};
use crate::store::ApiTokens;

/// A program that has a token: it sees what the administrator sees, or what the user of one mailbox sees.
pub(super) struct Program(pub(super) Visitor);

/// A program whose token has the administrator's rights; for others there is nothing here.
pub(super) struct AdministratorsProgram;

impl Program {
    /// Whether it may name this mailbox; empty: it names none.
    pub(super) fn may_name(&self, mailbox: &str) -> Result<(), ApiError> {
        match self.0.mailbox() {
            Some(own) if !mailbox.is_empty() && own.to_string() != mailbox => {
                Err(ApiError::Missing)
            }
            _ => Ok(()),
        }
    }
}

impl FromRequestParts<Arc<Console>> for AdministratorsProgram {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, ApiError> {
        let Program(visitor) = Program::from_request_parts(parts, console).await?;
        match visitor.mailbox() {
            None => Ok(Self),
            Some(_) => Err(ApiError::Missing),
        }
    }
}

impl FromRequestParts<Arc<Console>> for Program {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, ApiError> {
        let header = parts.headers.get(AUTHORIZATION);
        let token = header.and_then(|it| it.to_str().ok());
        let token = token.and_then(|it| it.split_once(' '));
        let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let token = token.map(|(_, token)| token.trim().to_owned());
        let metrics = Arc::clone(&console.service().metrics);
        let told = |outcome| metrics.console_login(ConsoleLogin::Api, outcome);
        let Some(token) = token else {
            return Err(ApiError::NoToken);
        };
        let data_dir = console.data_dir.clone();
        let found = console.in_thread(move || ApiTokens::find(&data_dir, &token));
        match found.await {
            Ok(Ok(Some(token))) => {
                told(ConsoleLoginOutcome::Ok);
                Ok(Self(Visitor::of_program(token.mailbox)))
            }
            Ok(Ok(None)) => {
                let limits = console.service().limits;
                let begun = limits
                    .login_failures
                    .map(|it| console.api_throttle.begin(it, limits.login_pause));
                match begun {
                    Some(Err(wait)) => {
                        told(ConsoleLoginOutcome::Throttled);
                        Err(ApiError::Throttled(wait.as_secs() + 1))
                    }
                    _ => {
                        told(ConsoleLoginOutcome::Denied);
                        Err(ApiError::NoToken)
                    }
                }
            }
            Ok(Err(error)) => {
                told(ConsoleLoginOutcome::Error);
                Err(ApiError::Failed(error.to_string()))
            }
            Err(why) => {
                told(ConsoleLoginOutcome::Error);
                Err(why.into())
            }
        }
    }
}
