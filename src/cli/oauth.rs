//! `popgate oauth`: consent to log in by token, stored so that only the account's password opens it.

mod consent;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use zeroize::Zeroizing;

use super::exit::{Ended, Error, Exit};
use super::secret_input;
use super::shared_args::DataArgs;
use super::terminal::harmless;
use crate::config::{Config, OAuth, OAuthFlow, Upstream, duration};
use crate::pop3::Secret;
use crate::server::{core_dumps, grant_of, upstreams};
use crate::store::{Grant, Tokens};
use crate::upstream::{LoopDetection, TokenService};

/// For one question to a provider.
const LIMIT: Duration = Duration::from_secs(30);

/// One variant a verb of `oauth`.
#[derive(Debug, Subcommand)]
pub enum OAuthCommand {
    /// Ask the provider for consent, and store the token under the password that the mail program sends
    Add {
        /// Whose
        #[command(flatten)]
        whose: Whose,
        /// Store this refresh token in place of asking: a file, or - for standard input
        #[arg(long, value_name = "FILE")]
        refresh_token_file: Option<PathBuf>,
        /// How to ask [default: as the configuration says]
        #[arg(
            long,
            value_enum,
            value_name = "FLOW",
            conflicts_with = "refresh_token_file"
        )]
        flow: Option<Flow>,
        /// How long to wait for consent
        #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
        wait: Duration,
    },
    /// Say how many tokens are stored for each upstream
    List(DataArgs),
    /// Forget a token
    Remove {
        /// Whose
        #[command(flatten)]
        whose: Whose,
    },
}

/// Where a person consents.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Flow {
    /// In a browser, which returns to popgate or whose last address is pasted
    Browser,
    /// In a browser on any device, by a code
    Device,
}

/// An account of an upstream.
#[derive(Debug, Args)]
pub struct Whose {
    /// The name of an [[upstream]] that has [upstream.oauth]; may be left out if there is only one
    #[arg(long, value_name = "NAME")]
    upstream: Option<String>,
    /// The user name
    #[arg(long, visible_alias = "user", value_name = "NAME")]
    account: String,
    #[command(flatten)]
    place: DataArgs,
}

impl Whose {
    /// The upstream, which may no longer be in the configuration if it is named.
    fn upstream<'w>(&'w self, config: &'w Config) -> Result<&'w str, Error> {
        if let Some(name) = &self.upstream {
            return Ok(name);
        }
        let mut found = config.upstreams.iter().filter(|it| it.oauth.is_some());
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(&only.name),
            (None, _) => Err(Error::Usage(
                "no [[upstream]] has [upstream.oauth]; name the file with --config".to_owned(),
            )),
            _ => Err(Error::Usage(
                "more than one [[upstream]] has [upstream.oauth]; name one with --upstream"
                    .to_owned(),
            )),
        }
    }
}

/// Runs a verb of `oauth`.
pub(super) fn run(command: &OAuthCommand) -> Ended {
    let (OAuthCommand::List(place)
    | OAuthCommand::Add {
        whose: Whose { place, .. },
        ..
    }
    | OAuthCommand::Remove {
        whose: Whose { place, .. },
    }) = command;
    // A password is typed here.
    core_dumps::forbid();
    let config = place.load()?;
    let tokens = Tokens::open(&config.data_dir)?;
    match command {
        OAuthCommand::Add {
            whose,
            refresh_token_file,
            flow,
            wait,
        } => {
            let (number, oauth) = upstream(&config, whose.upstream(&config)?)?;
            let name = &config.upstreams[number].name;
            let grant = match refresh_token_file {
                Some(_) if oauth.flow == Some(OAuthFlow::ClientCredentials) => {
                    return Err(Error::Usage(format!(
                        "[upstream.oauth] of {name} has flow = \"client_credentials\", which needs no refresh token"
                    )));
                }
                Some(file) => given(file)?,
                None => {
                    let service = service(&config, number)?;
                    granted(
                        &service,
                        oauth,
                        flow.map(Flow::chosen),
                        &whose.account,
                        *wait,
                    )?
                }
            };
            tokens.put(name, &whose.account, &password()?, &grant)?;
            println!("stored; let the mail program log in with that password");
            Ok(Exit::Fine)
        }
        OAuthCommand::List(_) => list(&tokens),
        OAuthCommand::Remove { whose } => {
            let upstream = whose.upstream(&config)?;
            Ok(match tokens.remove(upstream, &whose.account)? {
                true => {
                    println!("forgotten");
                    Exit::Fine
                }
                false => {
                    println!("there was none");
                    Exit::Negative
                }
            })
        }
    }
}

impl Flow {
    fn chosen(self) -> OAuthFlow {
        match self {
            Self::Browser => OAuthFlow::Browser,
            Self::Device => OAuthFlow::Device,
        }
    }
}

/// The place and the settings of an upstream with OAuth.
fn upstream<'c>(config: &'c Config, name: &str) -> Result<(usize, &'c OAuth), Error> {
    let mut upstreams = config.upstreams.iter().enumerate();
    let found = upstreams.find(|(_, it)| it.name == name);
    let has_oauth =
        |(number, upstream): (_, &'c Upstream)| Some((number, upstream.oauth.as_ref()?));
    found.and_then(has_oauth).ok_or_else(|| no_oauth(name))
}

fn no_oauth(name: &str) -> Error {
    Error::Usage(format!(
        "no [[upstream]] with the name {name} has [upstream.oauth]; name the file with --config"
    ))
}

/// The token service of an upstream, through its proxy.
fn service(config: &Config, number: usize) -> Result<TokenService, Error> {
    let own = config.listen.iter().map(|listen| listen.address).collect();
    let service = upstreams::token_service(config, number, LIMIT, &LoopDetection::new(own));
    let service = service.map_err(|problem| Error::Invalid(vec![problem]))?;
    service.ok_or_else(|| no_oauth(&config.upstreams[number].name))
}

/// Counts by upstream, and every file that is damaged.
fn list(tokens: &Tokens) -> Ended {
    let (upstreams, unreadable) = tokens.list()?;
    for group in upstreams.chunk_by(|a, b| a == b) {
        println!("{:>5}  {}", group.len(), harmless(&group[0]));
    }
    if upstreams.is_empty() {
        println!("no tokens");
    }
    for error in &unreadable {
        eprintln!("popgate: {}", harmless(&error.to_string()));
    }
    Ok(match unreadable.is_empty() {
        true => Exit::Fine,
        false => Exit::Negative,
    })
}

/// A refresh token that a person has already.
fn given(file: &Path) -> Result<Grant, Error> {
    let mut text = Zeroizing::new(String::new());
    let read = match file.as_os_str() == "-" {
        // One line, so that the password may follow.
        true => secret_input::line("the refresh token: ").map(|line| text = line),
        false => File::open(file).and_then(|mut it| it.read_to_string(&mut text).map(drop)),
    };
    read.map_err(|error| Error::failed(format!("{}: {error}", file.display())))?;
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_control) {
        let message = format!("{}: no refresh token in it", file.display());
        return Err(Error::failed(message));
    }
    Ok(Grant::of_user(Secret::new(token.as_bytes())))
}

/// What the provider grants.
fn granted(
    service: &TokenService,
    oauth: &OAuth,
    chosen: Option<OAuthFlow>,
    account: &str,
    wait: Duration,
) -> Result<Grant, Error> {
    let flow = match (chosen, oauth.flow) {
        (Some(_), Some(OAuthFlow::ClientCredentials)) => {
            return Err(Error::Usage(
                "[upstream.oauth] has flow = \"client_credentials\": nobody is asked, leave --flow out".to_owned(),
            ));
        }
        (Some(flow), _) | (None, Some(flow)) => flow,
        (None, None) => {
            return Err(Error::Usage(
                "[upstream.oauth] has neither authorization_url nor device_url: there is nowhere to ask for consent; give --refresh-token-file".to_owned(),
            ));
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let fresh = runtime.block_on(consent::ask(service, oauth, flow, account, wait))?;
    grant_of(flow, fresh).map_err(Error::failed)
}

/// The password that the mail program will send.
fn password() -> Result<Secret, Error> {
    let password = match std::env::var("POPGATE_PASSWORD") {
        Ok(password) => Zeroizing::new(password),
        Err(_) => secret_input::line("the password that the mail program will send: ")?,
    };
    match password.is_empty() {
        true => Err(Error::failed(
            "no password: set POPGATE_PASSWORD, or type one",
        )),
        false => Ok(Secret::new(password.as_bytes())),
    }
}
