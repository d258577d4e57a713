//! What keeps other web sites out: headers of every response, and the origin of every POST.
//!
//! In: requests and responses of the console; out: the same, or a refusal. A page of the console runs no script but
//! the console's own, loads nothing from elsewhere, is shown in no frame and stays in no cache; a form that another site sends is refused.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{HeaderMap, Method, StatusCode};

const OPENER_POLICY: &str = "cross-origin-opener-policy";

/// Of every response. Browsers send `Origin: null` with a form of a page whose referrer policy is `no-referrer`, hence
/// `same-origin`.
static HEADERS: [(HeaderName, &str); 7] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "same-origin"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static(OPENER_POLICY), "same-origin"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Of a response that shows what a sender has written as it is: it may be in a frame of the console, has an origin of its
/// own, and neither runs, sends, loads nor leads anywhere.
static OF_SANDBOXED: [(HeaderName, &str); 2] = [
    (
        CONTENT_SECURITY_POLICY,
        "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; \
         frame-ancestors 'self'",
    ),
    (X_FRAME_OPTIONS, "SAMEORIGIN"),
];

/// Of a page with a script of the console, without which it works as well; it may ask the console.
static OF_SCRIPTED: [(HeaderName, &str); 1] = [(
    CONTENT_SECURITY_POLICY,
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
)];

/// Marks such a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scripted;

/// Marks a response that shows what a sender has written as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sandboxed;

/// Adds the headers.
pub(super) async fn with_headers(mut response: Response) -> Response {
    let is_sandboxed = response.extensions().get::<Sandboxed>().is_some();
    let is_scripted = response.extensions().get::<Scripted>().is_some();
    let sandbox = OF_SANDBOXED.iter().filter(|_| is_sandboxed);
    let more = OF_SCRIPTED.iter().filter(|_| is_scripted).chain(sandbox);
    for (name, value) in HEADERS.iter().chain(more) {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name.clone(), value);
    }
    if is_sandboxed {
        // A sandboxed page cannot have it: browsers would show none.
        response.headers_mut().remove(OPENER_POLICY);
    }
    response
}

/// Refuses what changes something unless it comes from a page of the console.
pub(super) async fn same_origin(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads || is_same_origin(request.headers()) {
        return next.run(request).await;
    }
    let text = "this form was not sent by a page of the console: open the console, and use its own buttons\n";
    (StatusCode::FORBIDDEN, text).into_response()
}

/// Whether the origin is the host that the request is for (RFC 6454 section 7). Browsers name the origin of every POST.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let one = |name| {
        let mut all = headers.get_all(name).iter();
        match (all.next(), all.next()) {
            (Some(only), None) => only.to_str().ok(),
            _ => None,
        }
    };
    let origin = one(ORIGIN).and_then(|origin| origin.split_once("://"));
    match (origin, one(HOST)) {
        (Some((scheme, authority)), Some(host)) => {
            matches!(scheme, "http" | "https") && authority.eq_ignore_ascii_case(host)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_another_site_is_refused() {
        let from = |origin: &[&'static str]| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("localhost:9110"));
            for origin in origin {
                headers.append(ORIGIN, HeaderValue::from_static(origin));
            }
            is_same_origin(&headers)
        };
        assert!(from(&["http://localhost:9110"]));
        assert!(from(&["https://LOCALHOST:9110"]));
        for wrong in [
            &[][..],
            &["null"],
            &["http://localhost"],
            &["http://localhost:9111"],
            &["http://evil.example"],
            &["file://localhost:9110"],
            &["http://localhost:9110", "http://localhost:9110"],
        ] {
            assert!(!from(wrong), "{wrong:?}");
        }
        assert!(!is_same_origin(&HeaderMap::new()));
    }
}
