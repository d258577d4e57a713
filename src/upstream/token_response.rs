//! Responses of a token service: JSON in; tokens, or the reason why there are none, out. RFC 6749 section 5.

use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use hyper::header::{HeaderMap, RETRY_AFTER};
use mail_parser::DateTime;
use serde_json::Value;
use zeroize::Zeroizing;

use super::token_error::{Denial, TokenError};
use crate::pop3::Secret;

/// Optional in RFC 6749 section 5.1; an hour is usual.
const USUAL: u64 = 3600;
/// The longest pause that a service may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What a service has issued.
#[derive(Debug)]
pub struct Fresh {
    /// The access token.
    pub access: Secret,
    /// When it expires.
    pub until: SystemTime,
    /// A new refresh token in place of the old one, if there is one.
    pub refresh: Option<Secret>,
}

/// A response, read.
pub(super) struct TokenResponse {
    pub(super) status: StatusCode,
    pub(super) said: Value,
    /// What it says about the next request.
    pub(super) pause: Option<Duration>,
}

impl TokenResponse {
    /// Reads a response.
    pub(super) fn read(
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Self, TokenError> {
        let pause = pause(status, headers, SystemTime::now());
        match serde_json::from_slice(body) {
            Ok(said) => Ok(Self {
                status,
                said,
                pause,
            }),
            // A provider's front end does not answer in JSON when the service behind it is down.
            Err(_) if is_temporary(status) => Err(later(status, pause)),
            Err(_) => Err(TokenError::Malformed(format!("{status}, and not JSON"))),
        }
    }

    /// Tokens (RFC 6749 section 5.1), or why there are none.
    pub(super) fn tokens(&self) -> Result<Fresh, TokenError> {
        match self.status.is_success() && self.said["error"].is_null() {
            true => fresh(&self.said),
            false => Err(self.denied()),
        }
    }

    /// RFC 6749 section 5.2.
    pub(super) fn denied(&self) -> TokenError {
        let Self {
            status,
            said,
            pause,
        } = self;
        // A temporary failure must not make a user consent again.
        if is_temporary(*status) || said["error"] == "temporarily_unavailable" {
            return later(*status, *pause);
        }
        // Some answer 200 with an error in it.
        match status.is_client_error() || said["error"].is_string() {
            true => TokenError::Denied(Denial::of(said)),
            false => TokenError::Malformed(status.to_string()),
        }
    }

    /// A text of the response.
    pub(super) fn text(&self, key: &str) -> Result<String, TokenError> {
        text(&self.said, key)
    }
}

fn is_temporary(status: StatusCode) -> bool {
    let asks_again = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    status.is_server_error() || asks_again.contains(&status)
}

fn later(status: StatusCode, pause: Option<Duration>) -> TokenError {
    match pause {
        Some(pause) => TokenError::Busy(pause),
        None => TokenError::Unreachable(status.to_string()),
    }
}

/// RFC 9110 section 10.2.3: seconds, or a date.
fn pause(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    if !is_temporary(status) {
        return None;
    }
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let seconds = DateTime::parse_rfc822(text)?.to_timestamp();
            let until = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.try_into().ok()?);
            until.duration_since(now).unwrap_or_default()
        }
    };
    Some(pause.min(LONGEST_PAUSE))
}

fn text(said: &Value, key: &str) -> Result<String, TokenError> {
    match said[key].as_str() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(TokenError::Malformed(format!("no {key} in it"))),
    }
}

/// A token without control characters: one could end a SASL response.
fn token(said: &Value, key: &str) -> Result<Secret, TokenError> {
    let token = Zeroizing::new(text(said, key)?);
    match token.contains(char::is_control) {
        true => Err(TokenError::Malformed(format!("an odd {key}"))),
        false => Ok(Secret::new(token.as_bytes())),
    }
}

fn fresh(said: &Value) -> Result<Fresh, TokenError> {
    let access = token(said, "access_token")?;
    // RFC 6749 section 7.1: a token of a type that is not understood must not be used.
    let kind = said["token_type"].as_str().unwrap_or("Bearer");
    if !kind.eq_ignore_ascii_case("Bearer") {
        return Err(TokenError::Malformed("not a bearer token".to_owned()));
    }
    // Replacing the old token with an empty one would lose the grant.
    let refresh = match said["refresh_token"].as_str() {
        None | Some("") => None,
        Some(_) => Some(token(said, "refresh_token")?),
    };
    let lasts = match &said["expires_in"] {
        Value::String(text) => text.parse().unwrap_or(USUAL),
        other => other.as_u64().unwrap_or(USUAL),
    };
    let lasts = Duration::from_secs(lasts.min(365 * 24 * 3600));
    Ok(Fresh {
        access,
        until: SystemTime::now() + lasts,
        refresh,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_seconds_or_a_date_and_bounded() {
        let busy = StatusCode::TOO_MANY_REQUESTS;
        // 1994-11-06 08:49:37 UTC, the example of RFC 9110 section 5.6.7.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let pause = |status, text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            pause(status, &headers, now).map(|it| it.as_secs())
        };
        assert_eq!(pause(busy, "7"), Some(7));
        assert_eq!(pause(busy, "Sun, 06 Nov 1994 08:49:47 GMT"), Some(10));
        assert_eq!(pause(busy, "Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(pause(busy, "999999999999"), Some(300));
        assert_eq!(pause(busy, "-1"), None);
        assert_eq!(pause(busy, "soon"), None);
        assert_eq!(pause(StatusCode::SERVICE_UNAVAILABLE, "7"), Some(7));
        assert_eq!(pause(StatusCode::BAD_REQUEST, "7"), None);
    }

    #[test]
    fn an_error_in_a_successful_response_is_an_error() {
        let body = br#"{"error":"invalid_grant"}"#;
        let read = TokenResponse::read(StatusCode::OK, &HeaderMap::new(), body).unwrap();
        assert!(matches!(read.tokens(), Err(TokenError::Denied(_))));
        let body = br#"{"access_token":"a","token_type":"mac"}"#;
        let read = TokenResponse::read(StatusCode::OK, &HeaderMap::new(), body).unwrap();
        assert!(matches!(read.tokens(), Err(TokenError::Malformed(_))));
    }
}
