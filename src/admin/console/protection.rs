//! What keeps other web sites out: headers of every response, and the origin of every POST.
//!
//! In: requests and responses of the console; out: the same, or a refusal. A page of the console runs no script, loads
//! nothing from elsewhere, is shown in no frame and stays in no cache; a form that another site sends is refused.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{HeaderMap, Method, StatusCode};

/// Of every response. Browsers send `Origin: null` with a form of a page whose referrer policy is `no-referrer`, hence
/// `same-origin`.
static HEADERS: [(HeaderName, &str); 7] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "same-origin"),
    (CACHE_CONTROL, "no-store"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Adds the headers.
pub(super) async fn with_headers(mut response: Response) -> Response {
    for (name, value) in &HEADERS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name.clone(), value);
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
