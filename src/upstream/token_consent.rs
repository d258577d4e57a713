//! Consent in a browser: the address of the provider's page, and what the address that the browser is sent to
//! afterwards says. It reads and writes nothing.
//!
//! RFC 6749 section 4.1 (authorization code), RFC 7636 (PKCE with S256: a code that somebody else has seen is of
//! no use to them), RFC 8252 (a program on the user's machine).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use url::Url;
use zeroize::Zeroizing;

use super::token_error::{Denial, TokenError};
use crate::config::RedirectUrl;
use crate::pop3::Secret;
use crate::pop3::line::printable;

/// RFC 7636 section 7.1: 32 octets of randomness.
const RANDOM: usize = 32;

/// A consent that a person is asked for.
#[derive(Debug)]
pub struct BrowserConsent {
    page: Url,
    redirect: RedirectUrl,
    state: String,
    verifier: Zeroizing<String>,
}

/// Why an address is not a consent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConsentError {
    /// It is not the one that the provider sends the browser to.
    Elsewhere(String),
    /// It belongs to another question, or somebody has made it up (RFC 6749 section 10.12).
    State,
    /// A parameter is missing, or there twice.
    Parameter(&'static str),
    /// The provider reports an error (RFC 6749 section 4.1.2.1), with its description.
    Denied(Denial, String),
}

impl fmt::Display for ConsentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elsewhere(redirect) => write!(
                f,
                "this is not the address that the browser ends at after consent; that one begins with {redirect}"
            ),
            Self::State => f.write_str(
                "the state does not match: this address is of another consent; open the page above, and no older one",
            ),
            Self::Parameter(name) => write!(f, "the address needs the parameter {name}, once"),
            Self::Denied(denial, said) => {
                match denial.code.as_str() {
                    "access_denied" => write!(f, "consent was not given: {denial}")?,
                    _ => write!(f, "the provider refuses: {denial}")?,
                }
                match said.is_empty() {
                    true => Ok(()),
                    false => write!(f, "; it says: {said}"),
                }
            }
        }
    }
}

impl std::error::Error for ConsentError {}

impl BrowserConsent {
    /// `page` is the provider's; its query is kept (RFC 6749 section 3.1).
    pub(super) fn new(
        mut page: Url,
        redirect: RedirectUrl,
        client_id: &str,
        scope: &str,
        account: &str,
    ) -> Result<Self, TokenError> {
        let (state, verifier) = (random()?, random()?);
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        page.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", &redirect.to_string()),
            ("scope", scope),
            ("state", &state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            // OpenID Connect Core section 3.1.2.1: so that the page does not offer another account first.
            ("login_hint", account),
        ]);
        Ok(Self {
            page,
            redirect,
            state: state.to_string(),
            verifier,
        })
    }

    /// The page to open.
    pub fn page(&self) -> &str {
        self.page.as_str()
    }

    /// Where the browser ends.
    pub fn redirect(&self) -> &RedirectUrl {
        &self.redirect
    }

    pub(super) fn verifier(&self) -> &str {
        &self.verifier
    }

    /// The code in the address that the browser ended at, as a person copies it.
    ///
    /// # Errors
    /// Why there is none.
    pub fn code(&self, address: &str) -> Result<Secret, ConsentError> {
        let elsewhere = || ConsentError::Elsewhere(self.redirect.to_string());
        let trim: &[_] = &['"', '\'', '<', '>', ' ', '\t', '\r', '\n'];
        let text = address.trim_matches(trim);
        // Browsers may leave the scheme out.
        let text = match text.contains("://") {
            true => text.to_owned(),
            false => format!("http://{text}"),
        };
        let address = Url::parse(&text).map_err(|_| elsewhere())?;
        let redirect = Url::parse(&self.redirect.to_string()).map_err(|_| elsewhere())?;
        let place = |url: &Url| {
            let host = url.host_str().map(str::to_owned);
            (
                url.scheme().to_owned(),
                host,
                url.port(),
                url.path().to_owned(),
            )
        };
        if place(&address) != place(&redirect) {
            return Err(elsewhere());
        }
        let one = |name: &'static str| {
            let mut found = address.query_pairs().filter(|(key, _)| key == name);
            match (found.next(), found.next()) {
                (Some((_, value)), None) if !value.is_empty() => Ok(value.into_owned()),
                _ => Err(ConsentError::Parameter(name)),
            }
        };
        let (code, error) = (one("code"), one("error"));
        // Not from the provider: a person or a program looks what is there.
        if address
            .query_pairs()
            .all(|(key, _)| key != "code" && key != "error")
        {
            return Err(ConsentError::Parameter("code"));
        }
        if one("state")? != self.state {
            return Err(ConsentError::State);
        }
        if let Ok(error) = error {
            let said = one("error_description").unwrap_or_default();
            let said = printable(said.as_bytes(), 300);
            return Err(ConsentError::Denied(Denial::new(&error, &said), said));
        }
        let code = Zeroizing::new(code?);
        Ok(Secret::new(code.as_bytes()))
    }
}

/// Unguessable letters of a URL.
fn random() -> Result<Zeroizing<String>, TokenError> {
    let mut octets = Zeroizing::new([0; RANDOM]);
    SystemRandom::new()
        .fill(&mut *octets)
        .map_err(|_| TokenError::Malformed("the system has no random numbers".to_owned()))?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(*octets)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn consent() -> BrowserConsent {
        let page = Url::parse("https://login.example/auth?access_type=offline").unwrap();
        let redirect = RedirectUrl::default().at_port(4711);
        BrowserConsent::new(page, redirect, "id&co", "mail pop", "ann@example.net").unwrap()
    }

    #[test]
    fn the_page_is_asked_as_the_rfcs_say() {
        let consent = consent();
        let url = Url::parse(consent.page()).unwrap();
        let asked: HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(asked.len(), 9);
        for (key, value) in [
            ("access_type", "offline"),
            ("response_type", "code"),
            ("client_id", "id&co"),
            ("redirect_uri", "http://127.0.0.1:4711"),
            ("scope", "mail pop"),
            ("code_challenge_method", "S256"),
            ("login_hint", "ann@example.net"),
        ] {
            assert_eq!(asked[key], value);
        }
        // RFC 7636 section 4.1: 43 to 128 letters.
        assert_eq!(consent.verifier().len(), 43);
        assert!(!consent.page().contains(consent.verifier()));
        let hash = digest(&SHA256, consent.verifier().as_bytes());
        assert_eq!(asked["code_challenge"], URL_SAFE_NO_PAD.encode(hash));
        assert_ne!(asked["state"], consent_state());
    }

    fn consent_state() -> String {
        consent().state
    }

    /// RFC 7636 appendix B.
    #[test]
    fn the_challenge_is_that_of_the_rfcs_example() {
        let hash = digest(&SHA256, b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        let challenge = URL_SAFE_NO_PAD.encode(hash);
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn an_address_is_a_consent_only_if_everything_matches() {
        let consent = consent();
        let state = &consent.state;
        let whole = format!("http://127.0.0.1:4711/?state={state}&code=4%2F0x&scope=mail");
        for copied in [
            whole.clone(),
            format!("  <{whole}>\r\n"),
            format!("\"{whole}#\""),
            whole.replace("http://", ""),
            whole.replace("/?", "?"),
        ] {
            assert_eq!(consent.code(&copied).unwrap().reveal(), b"4/0x", "{copied}");
        }
        let of = |text: String| consent.code(&text).unwrap_err();
        let elsewhere = ConsentError::Elsewhere("http://127.0.0.1:4711".to_owned());
        for wrong in [
            String::new(),
            "4/0x".to_owned(),
            consent.page().to_owned(),
            whole.replace("4711", "4712"),
            whole.replace("127.0.0.1", "127.0.0.2"),
            whole.replace("127.0.0.1", "localhost"),
            whole.replace("http:", "https:"),
            whole.replace("/?", "/x?"),
        ] {
            assert_eq!(of(wrong.clone()), elsewhere, "{wrong}");
        }
        assert_eq!(of(whole.replace(state.as_str(), "x")), ConsentError::State);
        for (wrong, name) in [
            (whole.replace("state=", "s="), "state"),
            (format!("{whole}&state={state}"), "state"),
            (format!("{whole}&code=2"), "code"),
            (whole.replace("4%2F0x", ""), "code"),
            (whole.replace("code=", "c="), "code"),
        ] {
            assert_eq!(of(wrong.clone()), ConsentError::Parameter(name), "{wrong}");
        }
        let denied = whole.replace(
            "code=4%2F0x",
            "error=access_denied&error_description=No%1B%0A!",
        );
        let denied = of(denied).to_string();
        assert!(
            denied.starts_with("consent was not given: access_denied; it says: No"),
            "{denied}"
        );
        assert!(!denied.contains(['\u{1b}', '\n']), "{denied}");
        // An error that somebody else sends is none.
        let forged = "http://127.0.0.1:4711/?error=access_denied&state=x".to_owned();
        assert_eq!(of(forged), ConsentError::State);
    }
}
