//! Why a token service issued no token.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::pop3::line::printable;

/// Why no token was issued.
#[derive(Debug)]
#[non_exhaustive]
pub enum TokenError {
    /// The service cannot be reached, or does not answer.
    Unreachable(String),
    /// It wants to be left alone for this long.
    Busy(Duration),
    /// It denies the request.
    Denied(Denial),
    /// Its response is malformed.
    Malformed(String),
}

/// A service's reason, without its free text: that may repeat what it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The error code (RFC 6749 sections 4.1.2.1 and 5.2).
    pub code: String,
    /// Microsoft's number of the error, by which its manual explains it.
    pub number: Option<String>,
}

impl Denial {
    /// Reads the error code and the description of a response.
    pub(super) fn new(code: &str, description: &str) -> Self {
        let number = description.find("AADSTS").map(|at| {
            let rest = &description[at + 6..];
            let end = rest.find(|letter: char| !letter.is_ascii_digit());
            &rest[..end.unwrap_or(rest.len()).min(10)]
        });
        let number = number.filter(|digits| !digits.is_empty());
        Self {
            code: printable(code.as_bytes(), 80),
            number: number.map(|digits| format!("AADSTS{digits}")),
        }
    }

    /// The fields of a JSON response.
    pub(super) fn of(said: &Value) -> Self {
        let code = said["error"].as_str().unwrap_or("no reason given");
        Self::new(code, said["error_description"].as_str().unwrap_or_default())
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        match &self.number {
            Some(number) => write!(f, " ({number})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "the token service cannot be reached: {why}"),
            Self::Busy(pause) => write!(
                f,
                "the token service has too many requests; it may be asked again in {} seconds",
                pause.as_secs() + 1
            ),
            Self::Denied(why) => write!(
                f,
                "the token service refuses: {why}; `popgate oauth add` asks for consent again"
            ),
            Self::Malformed(why) => write!(f, "the token service's response is malformed: {why}"),
        }
    }
}

impl std::error::Error for TokenError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_number_of_a_description_is_shown() {
        let denial = Denial::new(
            "invalid_grant",
            "AADSTS50076: Due to a change by ann@x: 1//secret",
        );
        assert_eq!(denial.to_string(), "invalid_grant (AADSTS50076)");
        for without in ["", "AADSTS", "AADSTSx1", "Token has been revoked."] {
            assert_eq!(
                Denial::new("invalid_grant", without).number,
                None,
                "{without}"
            );
        }
        let odd = Denial::new("a\u{1b}[2J", "AADSTS123456789012345678901234567890");
        assert!(!odd.code.contains('\u{1b}'));
        assert_eq!(odd.number.as_deref(), Some("AADSTS1234567890"));
    }
}
