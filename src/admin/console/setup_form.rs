//! What the forms of the first run have in them.
//!
//! In: fields as a person has filled them in; out: settings, or the field that is none.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::mail_providers::Suggestion;
use super::registration::{Registration, RegistrationForm};

/// The settings that the pages ask for.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The provider's server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// A value of `upstream.tls`.
    pub tls: &'static str,
    /// Where mail programs connect.
    pub listen: SocketAddr,
    /// Where the provider takes a token in place of a password.
    pub registration: Option<Registration>,
}

/// Something that takes its time.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What the forms have in them; empty fields were not asked yet.
#[derive(Clone, Deserialize)]
pub(super) struct SetupForm {
    pub(super) token: String,
    #[serde(default)]
    pub(super) address: String,
    #[serde(default)]
    pub(super) host: String,
    #[serde(default)]
    pub(super) port: String,
    #[serde(default)]
    pub(super) tls: String,
    #[serde(default)]
    pub(super) user: String,
    #[serde(default)]
    pub(super) password: Zeroizing<String>,
    #[serde(default)]
    pub(super) listen: String,
    #[serde(flatten)]
    pub(super) registration: RegistrationForm,
    /// The address that the browser could not open.
    #[serde(default)]
    pub(super) came: String,
    #[serde(default, rename = "do")]
    pub(super) deed: String,
}

impl SetupForm {
    /// Fills in a server.
    pub(super) fn suggest(&mut self, found: Suggestion, listen: SocketAddr) {
        self.host = found.host;
        self.port = found.port.to_string();
        found.tls.clone_into(&mut self.tls);
        self.user = found.user;
        self.listen = listen.to_string();
    }
}

/// The settings of a form; an error is the value that is none.
pub(super) fn chosen(form: &SetupForm) -> Result<Choice, String> {
    let host = form.host.trim();
    let is_host = |it: char| it.is_ascii_alphanumeric() || ".-:".contains(it);
    if host.is_empty() || !host.chars().all(is_host) {
        return Err(host.to_owned());
    }
    let port: u16 = form.port.trim().parse().map_err(|_| form.port.clone())?;
    let tls = ["implicit", "starttls", "off"];
    let tls = tls.into_iter().find(|it| *it == form.tls);
    let listen = form.listen.trim().parse::<SocketAddr>();
    Ok(Choice {
        host: host.to_owned(),
        port,
        tls: tls.ok_or_else(|| form.tls.clone())?,
        listen: listen.map_err(|_| form.listen.clone())?,
        registration: None,
    })
}
