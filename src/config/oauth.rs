//! `[upstream.oauth]`: the token service of a provider that wants OAuth, and popgate's registration there.

use std::path::{Path, PathBuf};

use super::bounds::existing_file;
use super::client_secret::{self, ClientSecret};
use super::oauth_flow::OAuthFlow;
use super::oauth_provider::Provider;
use super::redirect_url::RedirectUrl;
use super::tls_mode::TlsMode;
use crate::schema::Section;

/// A provider's token service (RFC 6749).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuth {
    /// How `popgate oauth add` gets consent; `None` if no address for that is known.
    pub flow: Option<OAuthFlow>,
    /// The endpoint for consent in a browser (RFC 6749 section 3.1); its query is kept.
    pub authorization_url: Option<String>,
    /// The endpoint for access tokens.
    pub token_url: String,
    /// The endpoint for consent on another device (RFC 8628).
    pub device_url: Option<String>,
    /// Where the provider sends the browser after consent.
    pub redirect_url: RedirectUrl,
    /// The client that popgate is registered as.
    pub client_id: String,
    /// The secret of that client, where the provider wants one.
    pub client_secret: Option<ClientSecret>,
    /// The requested scope.
    pub scope: String,
    /// Trusted instead of the platform's roots, for the token service.
    pub ca_file: Option<PathBuf>,
}

pub(super) fn read(above: &mut Section<'_, '_>, folder: &Path, tls: TlsMode) -> Option<OAuth> {
    let is_wanted = above.has("oauth");
    let mut section = above.section("oauth");
    let wanted = section.parsed("flow", OAuthFlow::parse).flatten();
    let provider = section.parsed("provider", Provider::parse);
    let defaults = provider.map(|it| it.defaults(&mut section, wanted));
    if provider.is_none() {
        // Asked for, so that it is known; only Microsoft's addresses contain one.
        section.string("tenant");
    }
    let defaults = defaults.unwrap_or_default();
    let authorization_url = section.parsed("authorization_url", https);
    let token_url = section.parsed("token_url", https).or(defaults.token_url);
    let device_url = section.parsed("device_url", https).or(defaults.device_url);
    let redirect_url = section.parsed("redirect_url", RedirectUrl::parse);
    let client_id = section.string("client_id").filter(|id| !id.is_empty());
    let client_secret = client_secret::read(&mut section, folder);
    let scope = section.string("scope").or(defaults.scope);
    let pem = "a file of PEM certificates";
    let ca_file = existing_file(&mut section, "ca_file", folder, pem);
    let authorization_url = authorization_url.or(defaults.authorization_url);
    let flow = wanted.or(match (&device_url, &authorization_url) {
        (Some(_), _) => Some(OAuthFlow::Device),
        (None, Some(_)) => Some(OAuthFlow::Browser),
        (None, None) => None,
    });
    if is_wanted {
        let given = [
            (
                "token_url",
                section.has("token_url") || section.has("provider"),
            ),
            ("client_id", section.has("client_id")),
            ("scope", section.has("scope") || section.has("provider")),
        ];
        for (key, _) in given.iter().filter(|(_, is_given)| !is_given) {
            section.wrong(format!("{key} is missing"));
        }
        if section.has("client_id") && client_id.is_none() {
            section.problem(
                "client_id",
                "is empty; write the id that the provider gave you",
            );
        }
        if matches!(tls, TlsMode::Off | TlsMode::Opportunistic) {
            section.wrong(
                "a token must not travel in plain text; write tls = \"implicit\" or \"starttls\" for this upstream",
            );
        }
        check_flow(
            &section,
            wanted,
            authorization_url.is_some(),
            device_url.is_some(),
        );
    }
    section.finish();
    Some(OAuth {
        flow,
        authorization_url,
        token_url: token_url?,
        device_url,
        redirect_url: redirect_url.unwrap_or_default(),
        client_id: client_id?,
        client_secret,
        scope: scope?,
        ca_file,
    })
}

/// What a flow cannot do without.
fn check_flow(section: &Section<'_, '_>, flow: Option<OAuthFlow>, browser: bool, device: bool) {
    let secrets = ["client_secret", "client_secret_file", "client_secret_env"];
    match flow {
        Some(OAuthFlow::Browser) if !browser && !section.has("authorization_url") => {
            section.problem("flow", "needs authorization_url, the page for consent");
        }
        Some(OAuthFlow::Device) if !device && !section.has("device_url") => section.problem(
            "flow",
            "needs device_url; Google has none for mail: write flow = \"browser\" there",
        ),
        Some(OAuthFlow::ClientCredentials) if !secrets.iter().any(|key| section.has(key)) => {
            section.problem(
                "flow",
                "needs client_secret_file, the secret of the application",
            );
        }
        _ => {}
    }
}

fn https(text: &str) -> Result<String, String> {
    match url::Url::parse(text) {
        // A refresh token is a password: it goes nowhere in plain text.
        Ok(url) if url.scheme() == "https" && url.has_host() => Ok(text.to_owned()),
        _ => Err(format!(
            "`{text}` is not the URL of a token service; write one that begins with https://"
        )),
    }
}
