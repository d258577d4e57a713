//! The addresses and scopes of the providers that popgate knows.
//!
//! Google: <https://developers.google.com/identity/protocols/oauth2/native-app>; its device flow has no scope
//! for mail. Microsoft: <https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth>.

use super::oauth_flow::OAuthFlow;
use crate::schema::Section;

/// A provider by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provider {
    Google,
    Office365,
}

/// What it says in place of settings that are not given.
#[derive(Debug, Default)]
pub(super) struct Defaults {
    pub(super) authorization_url: Option<String>,
    pub(super) token_url: Option<String>,
    pub(super) device_url: Option<String>,
    pub(super) scope: Option<String>,
}

/// The tenants of Microsoft that stand for several; an application has its permission in one.
const SHARED_TENANTS: [&str; 3] = ["common", "organizations", "consumers"];

impl Provider {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "google" => Ok(Self::Google),
            "office365" => Ok(Self::Office365),
            _ => Err(format!(
                "`{text}` is not known; write \"google\" or \"office365\", or token_url, scope and authorization_url or device_url instead"
            )),
        }
    }

    pub(super) fn defaults(
        self,
        section: &mut Section<'_, '_>,
        flow: Option<OAuthFlow>,
    ) -> Defaults {
        let tenant = section.parsed("tenant", |tenant| match tenant {
            _ if self == Self::Google => Err("is for office365 only; remove it".to_owned()),
            tenant if is_tenant(tenant) => Ok(tenant.to_owned()),
            _ => Err(format!(
                "`{tenant}` is not a tenant; write its id or its domain, such as \"example.onmicrosoft.com\""
            )),
        });
        match self {
            Self::Google => Defaults {
                // Without these two there is no refresh token, or none the second time.
                authorization_url: Some(
                    "https://accounts.google.com/o/oauth2/v2/auth?access_type=offline&prompt=consent"
                        .to_owned(),
                ),
                token_url: Some("https://oauth2.googleapis.com/token".to_owned()),
                device_url: None,
                scope: Some("https://mail.google.com/".to_owned()),
            },
            Self::Office365 => {
                let is_application = flow == Some(OAuthFlow::ClientCredentials);
                let shared = tenant.as_deref().unwrap_or(SHARED_TENANTS[0]);
                // A wrong one is reported already.
                let is_known = tenant.is_some() || !section.has("tenant");
                if is_application && is_known && SHARED_TENANTS.contains(&shared) {
                    section.problem(
                        "tenant",
                        "with flow = \"client_credentials\" name the tenant: its id or its domain, such as \"example.onmicrosoft.com\"",
                    );
                }
                let tenant = tenant.unwrap_or_else(|| SHARED_TENANTS[0].to_owned());
                let at = |end| Some(format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/{end}"));
                Defaults {
                    authorization_url: at("authorize"),
                    token_url: at("token"),
                    device_url: at("devicecode"),
                    scope: Some(match is_application {
                        true => "https://outlook.office365.com/.default".to_owned(),
                        false => "https://outlook.office.com/POP.AccessAsUser.All offline_access".to_owned(),
                    }),
                }
            }
        }
    }
}

/// An id or a domain: a part of a URL's path.
fn is_tenant(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.');
    !text.is_empty() && text.len() <= 253 && text.chars().all(fits) && !text.starts_with('.')
}
