//! The ways to consent to a login by token.

/// How popgate gets consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OAuthFlow {
    /// The user's, in a browser that returns to popgate: authorization code (RFC 6749 section 4.1).
    Browser,
    /// The user's, in a browser on any device, by a code (RFC 8628).
    Device,
    /// The organization's, for popgate as an application (RFC 6749 section 4.4).
    ClientCredentials,
}

impl OAuthFlow {
    pub(super) fn parse(text: &str) -> Result<Option<Self>, String> {
        match text {
            "auto" => Ok(None),
            "browser" => Ok(Some(Self::Browser)),
            "device" => Ok(Some(Self::Device)),
            "client_credentials" => Ok(Some(Self::ClientCredentials)),
            _ => Err(format!(
                "`{text}` is not known; write \"auto\", \"browser\", \"device\" or \"client_credentials\""
            )),
        }
    }
}
