//! Who may see the pages about all mailboxes.
//!
//! In: a request; out: the administrator who sent it. Anybody else gets the answer of a page that does not exist.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::Response;
use hyper::http::request::Parts;

use super::answer;
use super::state::Console;
use super::visitor::Visitor;

/// The administrator.
pub(super) struct Administrator(pub(super) Visitor);

impl FromRequestParts<Arc<Console>> for Administrator {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, console).await?;
        match visitor.mailbox() {
            None => Ok(Self(visitor)),
            Some(_) => Err(answer::missing(&visitor)),
        }
    }
}
