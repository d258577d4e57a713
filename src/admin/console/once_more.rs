//! A page that asks for an address once more, at once and by itself.
//!
//! In: an address of the console; out: a response that leads there as from a page of the console. It knows nobody.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};

use super::texts::Texts;

#[derive(Template)]
#[template(path = "once_more.html")]
struct OnceMorePage<'p> {
    texts: &'static Texts,
    address: &'p str,
}

/// See the module.
pub(super) fn page(texts: &'static Texts, address: &str) -> Response {
    let shown = match (OnceMorePage { texts, address }).render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page of the console cannot be rendered");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    match HeaderValue::from_str(&format!("0; url={address}")) {
        Ok(refresh) => ([(HeaderName::from_static("refresh"), refresh)], shown).into_response(),
        Err(_) => shown,
    }
}
