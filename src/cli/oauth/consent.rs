//! A person's consent: in a browser that returns to popgate, or by a code on another device.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use crate::cli::exit::Error;
use crate::cli::secret_input::Hidden;
use crate::cli::terminal::harmless;
use crate::cli::typed_lines::TypedLines;
use crate::config::{OAuth, OAuthFlow};
use crate::pop3::Secret;
use crate::upstream::{
    BrowserConsent, ConsentError, Fresh, RedirectListener, TokenError, TokenService,
};

/// Between two looks at whether consent was given.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Gets consent, or popgate's own permission as an application.
pub(super) async fn ask(
    service: &TokenService,
    oauth: &OAuth,
    flow: OAuthFlow,
    account: &str,
    wait: Duration,
) -> Result<Fresh, Error> {
    let asked = async {
        match flow {
            OAuthFlow::Browser => browser(service, oauth, account).await,
            OAuthFlow::Device => device(service).await,
            OAuthFlow::ClientCredentials => Ok(service.client_credentials().await?),
        }
    };
    let late = || {
        Error::failed(format!(
            "no consent within {wait:?}; run the command again, or give --wait"
        ))
    };
    let asked = tokio::time::timeout(wait, asked).await;
    asked.unwrap_or_else(|_| Err(late()))
}

/// RFC 8252: popgate is the web server that the browser ends at. If the browser runs on another machine, the
/// person pastes the address that it could not open.
async fn browser(service: &TokenService, oauth: &OAuth, account: &str) -> Result<Fresh, Error> {
    let listener = RedirectListener::bind(&oauth.redirect_url).await;
    let listener = listener.map_err(|error| {
        let address = oauth.redirect_url.address();
        Error::failed(format!(
            "cannot listen at {address} for the browser: {error}"
        ))
    })?;
    let consent = Arc::new(service.browser_consent(listener.url().clone(), account)?);
    println!(
        "Open this page in a browser on any machine, log in as {}, and consent:",
        harmless(account)
    );
    println!("\n{}\n", consent.page());
    println!("If the browser runs on another machine, it ends at an address that it cannot open.");
    println!(
        "Paste that address here, it begins with {}:",
        consent.redirect()
    );
    let note =
        |error: &ConsentError| eprintln!("popgate: a browser has sent something else: {error}");
    let code = tokio::select! {
        code = listener.code(&consent, note) => code.map_err(Error::failed)?,
        code = pasted(&consent) => code?,
    };
    // What is typed now is the password.
    let _hidden = Hidden::begin();
    Ok(service.exchange(&consent, &code).await?)
}

/// The code of an address that a person pastes. On a terminal they may try again.
async fn pasted(consent: &BrowserConsent) -> Result<Secret, Error> {
    let mut lines = TypedLines::stdin()?;
    loop {
        let line = lines.next().await?;
        if line.trim().is_empty() {
            continue;
        }
        match consent.code(&line) {
            Ok(code) => return Ok(code),
            Err(error @ ConsentError::Denied(..)) => return Err(Error::failed(error)),
            Err(error) if io::stdin().is_terminal() => eprintln!("popgate: {error}"),
            Err(error) => return Err(Error::failed(error)),
        }
    }
}

/// RFC 8628.
async fn device(service: &TokenService) -> Result<Fresh, Error> {
    let _hidden = Hidden::begin();
    let mut consent = service.device_consent().await?;
    println!(
        "open {} and enter {}",
        harmless(&consent.address),
        harmless(&consent.code)
    );
    loop {
        tokio::time::sleep(consent.interval).await;
        match service.device_consented(&mut consent).await {
            Ok(Some(fresh)) => return Ok(fresh),
            Ok(None) => {}
            // RFC 8628 section 3.5: wait longer and ask again.
            Err(TokenError::Unreachable(_)) => {
                consent.interval = (consent.interval * 2).min(LONGEST_WAIT);
            }
            Err(TokenError::Busy(pause)) => consent.interval = consent.interval.max(pause),
            Err(error) => return Err(error.into()),
        }
    }
}
