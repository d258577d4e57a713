//! Consent to a login by token in the first run, in the steps that the pages have: ask, take what came of it, test.
//!
//! In: popgate's registration at a provider, and what a browser or a person brings back; out: the token, stored as
//! `popgate oauth add` does, and a login that was tested with it. One consent at a time; the state of its address can be
//! used once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::provider_login::log_in;
use super::settings_file::{UPSTREAM, settings};
use crate::admin::{Asked, Asking, Came, Choice, ConsentProblem, Way};
use crate::config::{Config, Flags, OAuth, OAuthFlow};
use crate::pop3::Secret;
use crate::server::{grant_of, upstreams};
use crate::session::OAuthLogin;
use crate::store::Tokens;
use crate::upstream::{
    BrowserConsent, ConsentError, DeviceConsent, Fresh, LoopDetection, TokenError, TokenService,
};

/// For one question to a provider.
const LIMIT: Duration = Duration::from_secs(30);

/// See the module.
pub(super) struct Consents {
    /// Of the admin address, which the browser comes back to.
    port: u16,
    data_dir: PathBuf,
    state: Mutex<State>,
}

/// How far the consent is.
enum State {
    Idle,
    Asked(Box<(Begun, Question)>),
    /// The token is stored.
    Granted(Box<Begun>),
}

/// What the person has filled in.
struct Begun {
    choice: Choice,
    account: String,
    password: Zeroizing<String>,
    service: TokenService,
}

/// What the provider was asked.
enum Question {
    Browser(BrowserConsent),
    /// And when it was asked last.
    Device(DeviceConsent, Instant),
}

impl Consents {
    pub(super) fn new(port: u16, data_dir: PathBuf) -> Self {
        Self {
            port,
            data_dir,
            state: Mutex::new(State::Idle),
        }
    }

    /// Asks for a consent, in place of one that was asked for before.
    pub(super) async fn begin(&self, asking: Asking) -> Result<Asked, ConsentProblem> {
        let mut state = self.state.lock().await;
        *state = State::Idle;
        let Asking {
            choice,
            account,
            password,
            way,
        } = asking;
        let (service, oauth) = service(&choice, &self.data_dir).await?;
        let (question, asked) = match way {
            Way::Browser => {
                let redirect = oauth.redirect_url.at_port(self.port);
                let consent = service.browser_consent(redirect, &account)?;
                let asked = Asked::Page {
                    page: consent.page().to_owned(),
                    redirect: consent.redirect().to_string(),
                };
                (Question::Browser(consent), asked)
            }
            Way::Device => {
                let consent = service.device_consent().await?;
                let asked = Asked::Code {
                    address: consent.address.clone(),
                    code: consent.code.clone(),
                };
                (Question::Device(consent, Instant::now()), asked)
            }
        };
        let begun = Begun {
            choice,
            account,
            password,
            service,
        };
        *state = State::Asked(Box::new((begun, question)));
        Ok(asked)
    }

    /// Takes what came of the consent, and stores the token. What is not the answer leaves the question open.
    pub(super) async fn take(&self, came: Came) -> Result<(), ConsentProblem> {
        let mut state = self.state.lock().await;
        let State::Asked(asked) = &mut *state else {
            return Err(ConsentProblem::NotAsked);
        };
        let (begun, question) = &mut **asked;
        let taken = match (question, came) {
            (Question::Browser(consent), Came::Query(query)) => {
                let address = consent.redirect().requested(&query);
                code(begun, consent, &address).await
            }
            (Question::Browser(consent), Came::Pasted(address)) => {
                code(begun, consent, &address).await
            }
            (Question::Device(consent, last), Came::Consented) => {
                device(&begun.service, consent, last)
                    .await
                    .map(|fresh| (OAuthFlow::Device, fresh))
            }
            _ => return Err(ConsentProblem::NotAsked),
        };
        match taken {
            // The question can still be answered.
            Err(
                why @ (ConsentProblem::Foreign
                | ConsentProblem::Incomplete
                | ConsentProblem::Pending),
            ) => Err(why),
            Err(why) => {
                *state = State::Idle;
                Err(why)
            }
            Ok((flow, fresh)) => {
                let State::Asked(asked) = std::mem::replace(&mut *state, State::Idle) else {
                    return Err(ConsentProblem::NotAsked);
                };
                let (begun, _) = *asked;
                self.store(&begun, flow, fresh).await?;
                *state = State::Granted(Box::new(begun));
                Ok(())
            }
        }
    }

    async fn store(
        &self,
        begun: &Begun,
        flow: OAuthFlow,
        fresh: Fresh,
    ) -> Result<(), ConsentProblem> {
        let grant = grant_of(flow, fresh).map_err(|_| ConsentProblem::NoRefreshToken)?;
        let (data_dir, account) = (self.data_dir.clone(), begun.account.clone());
        let password = Secret::new(begun.password.as_bytes());
        // Deriving the key takes a while.
        let put = tokio::task::spawn_blocking(move || {
            Tokens::open(&data_dir)?.put(UPSTREAM, &account, &password, &grant)
        });
        let not_stored = |why: String| ConsentProblem::NotStored(why);
        let put = put.await.map_err(|error| not_stored(error.to_string()))?;
        put.map_err(|error| not_stored(error.to_string()))
    }

    /// Logs in with the stored token; the settings that it worked with.
    pub(super) async fn tested(&self) -> Result<Choice, ConsentProblem> {
        let state = self.state.lock().await;
        let State::Granted(begun) = &*state else {
            return Err(ConsentProblem::NotAsked);
        };
        let tokens = Tokens::open(&self.data_dir)
            .map_err(|error| ConsentProblem::NotStored(error.to_string()))?;
        let login = OAuthLogin::new(UPSTREAM, begun.service.clone(), tokens, Default::default());
        let done = log_in(
            begun.choice.clone(),
            begun.account.clone(),
            begun.password.clone(),
            vec![(UPSTREAM.to_owned(), login)],
        );
        done.await.map_err(ConsentProblem::Login)?;
        Ok(begun.choice.clone())
    }

    /// The settings for which a token is stored.
    pub(super) async fn granted(&self) -> Result<Choice, ConsentProblem> {
        match &*self.state.lock().await {
            State::Granted(begun) => Ok(begun.choice.clone()),
            _ => Err(ConsentProblem::NotAsked),
        }
    }
}

/// The token service of these settings.
async fn service(
    choice: &Choice,
    data_dir: &Path,
) -> Result<(TokenService, OAuth), ConsentProblem> {
    let text = settings(choice, data_dir);
    let made = tokio::task::spawn_blocking(move || {
        let (config, problems) = Config::parse("popgate.toml", &text, &Flags::default());
        if let Some(problem) = problems.into_iter().next() {
            return Err(problem.message);
        }
        let own = LoopDetection::new(Vec::new());
        let service = upstreams::token_service(&config, 0, LIMIT, &own);
        let service = service.map_err(|problem| problem.message)?;
        let upstream = config.upstreams.into_iter().next();
        let oauth = upstream.and_then(|upstream| upstream.oauth);
        service
            .zip(oauth)
            .ok_or_else(|| "no registration at a provider".to_owned())
    });
    let made = made.await.map_err(|error| error.to_string());
    made.and_then(|made| made).map_err(ConsentProblem::Settings)
}

/// The tokens for the code in the address that the browser ended at.
async fn code(
    begun: &Begun,
    consent: &BrowserConsent,
    address: &str,
) -> Result<(OAuthFlow, Fresh), ConsentProblem> {
    let code = consent.code(address)?;
    let fresh = begun.service.exchange(consent, &code).await?;
    Ok((OAuthFlow::Browser, fresh))
}

/// RFC 8628 section 3.4: the tokens, if consent was given. It is asked no sooner than the provider wants.
async fn device(
    service: &TokenService,
    consent: &mut DeviceConsent,
    last: &mut Instant,
) -> Result<Fresh, ConsentProblem> {
    tokio::time::sleep_until(*last + consent.interval).await;
    let answer = service.device_consented(consent).await;
    *last = Instant::now();
    match answer {
        Ok(Some(fresh)) => Ok(fresh),
        // RFC 8628 section 3.5: an answer that does not come is asked for again.
        Ok(None) | Err(TokenError::Unreachable(_) | TokenError::Busy(_)) => {
            Err(ConsentProblem::Pending)
        }
        Err(error) => Err(error.into()),
    }
}

impl From<TokenError> for ConsentProblem {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Unreachable(why) => Self::Unreachable(why),
            TokenError::Busy(pause) => Self::Busy(pause.as_secs() + 1),
            TokenError::Denied(why) if why.code == "access_denied" => Self::Denied,
            TokenError::Denied(why) => Self::Refused(why.to_string()),
            TokenError::Malformed(why) => Self::Malformed(why),
        }
    }
}

impl From<ConsentError> for ConsentProblem {
    fn from(error: ConsentError) -> Self {
        match error {
            ConsentError::State => Self::Foreign,
            ConsentError::Elsewhere(_) | ConsentError::Parameter(_) => Self::Incomplete,
            ConsentError::Denied(why, _) if why.code == "access_denied" => Self::Denied,
            ConsentError::Denied(why, said) => Self::Refused(match said.is_empty() {
                true => why.to_string(),
                false => format!("{why}: {said}"),
            }),
        }
    }
}
