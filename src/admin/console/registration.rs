//! popgate's registration at a provider that takes tokens only (RFC 6749 section 2).
//!
//! In: the fields of a form; out: the settings of `[upstream.oauth]`.

use serde::Deserialize;
use zeroize::Zeroizing;

/// A provider whose addresses popgate knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenProvider {
    Google,
    Microsoft,
}

/// The servers of each.
static SERVERS: [(&str, TokenProvider); 6] = [
    ("pop.gmail.com", TokenProvider::Google),
    ("pop.googlemail.com", TokenProvider::Google),
    ("outlook.office365.com", TokenProvider::Microsoft),
    ("outlook.office.com", TokenProvider::Microsoft),
    ("pop-mail.outlook.com", TokenProvider::Microsoft),
    ("pop3.live.com", TokenProvider::Microsoft),
];

impl TokenProvider {
    /// Whose server this is.
    pub(super) fn of(host: &str) -> Option<Self> {
        let host = host.trim().to_ascii_lowercase();
        let found = SERVERS.iter().find(|(server, _)| *server == host);
        found.map(|(_, provider)| *provider)
    }

    /// As a person knows it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Google => "Google",
            Self::Microsoft => "Microsoft",
        }
    }

    /// Where a person registers popgate.
    pub(super) fn console(self) -> &'static str {
        match self {
            Self::Google => "https://console.cloud.google.com/",
            Self::Microsoft => "https://entra.microsoft.com/",
        }
    }

    /// Whether a code on another device is enough; Google's device flow has no scope for mail.
    pub(super) fn has_device_flow(self) -> bool {
        self == Self::Microsoft
    }
}

/// What a form says of it.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct RegistrationForm {
    pub(super) client_id: String,
    pub(super) client_secret: Zeroizing<String>,
    pub(super) authorization_url: String,
    pub(super) token_url: String,
    pub(super) device_url: String,
    pub(super) scope: String,
}

/// See the module.
#[derive(Clone)]
pub struct Registration {
    provider: Option<TokenProvider>,
    form: RegistrationForm,
}

impl std::fmt::Debug for Registration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registration").finish_non_exhaustive()
    }
}

impl Registration {
    pub(super) fn new(host: &str, form: RegistrationForm) -> Self {
        Self {
            provider: TokenProvider::of(host),
            form,
        }
    }

    /// The keys of `[upstream.oauth]`, and their values.
    pub fn settings(&self) -> Vec<(&'static str, &str)> {
        let form = &self.form;
        let addresses: &[(&str, &str)] = match self.provider {
            Some(TokenProvider::Google) => &[("provider", "google")],
            // The address that is registered there; its port does not count.
            Some(TokenProvider::Microsoft) => &[
                ("provider", "office365"),
                ("redirect_url", "http://localhost"),
            ],
            None => &[
                ("authorization_url", &form.authorization_url),
                ("token_url", &form.token_url),
                ("device_url", &form.device_url),
                ("scope", &form.scope),
            ],
        };
        let client = [
            ("client_id", &*form.client_id),
            ("client_secret", &form.client_secret),
        ];
        let all = addresses.iter().copied().chain(client);
        let all = all.map(|(key, value)| (key, value.trim()));
        all.filter(|(_, value)| !value.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_server_needs_no_addresses() {
        let form = RegistrationForm {
            client_id: " id ".to_owned(),
            token_url: "https://login.example.net/token".to_owned(),
            scope: "mail".to_owned(),
            ..RegistrationForm::default()
        };
        let of = |host: &str| {
            let registration = Registration::new(host, form.clone());
            let settings = registration.settings();
            settings
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(of("POP.gmail.com"), ["provider=google", "client_id=id"]);
        assert_eq!(
            of("outlook.office365.com"),
            [
                "provider=office365",
                "redirect_url=http://localhost",
                "client_id=id"
            ]
        );
        assert_eq!(
            of("pop.example.net"),
            [
                "token_url=https://login.example.net/token",
                "scope=mail",
                "client_id=id"
            ]
        );
    }
}
