//! `[upstream.oauth]`: the token service of a provider that wants OAuth.

use std::path::{Path, PathBuf};

use super::bounds::existing_file;
use super::tls_mode::TlsMode;
use crate::schema::Section;

/// A provider's token service (RFC 6749).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuth {
    /// The endpoint for access tokens.
    pub token_url: String,
    /// The endpoint for consent on another device (RFC 8628).
    pub device_url: Option<String>,
    /// The client that popgate is registered as.
    pub client_id: String,
    /// The secret of that client, where the provider wants one.
    pub client_secret: Option<String>,
    /// The requested scope.
    pub scope: String,
    /// Trusted instead of the platform's roots, for the token service.
    pub ca_file: Option<PathBuf>,
}

pub(super) fn read(above: &mut Section<'_, '_>, folder: &Path, tls: TlsMode) -> Option<OAuth> {
    let is_wanted = above.has("oauth");
    let mut section = above.section("oauth");
    let url = |text: &str| match url::Url::parse(text) {
        // A refresh token is a password: it goes nowhere in plain text.
        Ok(url) if url.scheme() == "https" && url.has_host() => Ok(text.to_owned()),
        _ => Err(format!(
            "`{text}` is not the URL of a token service; write one that begins with https://"
        )),
    };
    let token_url = section.parsed("token_url", url);
    let device_url = section.parsed("device_url", url);
    let client_id = section.string("client_id");
    let client_secret = section.string("client_secret");
    let scope = section.string("scope");
    let ca_file = existing_file(
        &mut section,
        "ca_file",
        folder,
        "a file of PEM certificates",
    );
    if is_wanted {
        for key in ["token_url", "client_id", "scope"] {
            if !section.has(key) {
                section.wrong(format!("{key} is missing"));
            }
        }
        if matches!(tls, TlsMode::Off | TlsMode::Opportunistic) {
            section.wrong(
                "a token must not travel in plain text; write tls = \"implicit\" or \"starttls\" for this upstream",
            );
        }
    }
    section.finish();
    Some(OAuth {
        token_url: token_url?,
        device_url,
        client_id: client_id?,
        client_secret: client_secret.filter(|secret| !secret.is_empty()),
        scope: scope?,
        ca_file,
    })
}
