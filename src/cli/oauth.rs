//! `popgate oauth`: consent to log in by token, stored so that only the account's password opens it.

use std::io::{self, BufRead, IsTerminal, Read};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use super::exit::{Ended, Error, Exit};
use super::shared_args::DataArgs;
use super::terminal::harmless;
use crate::config::{Config, OAuth};
use crate::pop3::Secret;
use crate::server::core_dumps;
use crate::store::{Grant, Tokens};
use crate::upstream::{TokenError, TokenService};

/// For one question to a provider.
const LIMIT: Duration = Duration::from_secs(30);

/// Between two looks at whether consent was given.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

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

/// An account of an upstream.
#[derive(Debug, Args)]
pub struct Whose {
    /// The name of an [[upstream]] that has [upstream.oauth]
    #[arg(long, value_name = "NAME")]
    upstream: String,
    /// The user name
    #[arg(long, value_name = "NAME")]
    account: String,
    #[command(flatten)]
    place: DataArgs,
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
        } => add(&config, &tokens, whose, refresh_token_file.as_ref()),
        OAuthCommand::List(_) => list(&tokens),
        OAuthCommand::Remove { whose } => {
            Ok(match tokens.remove(&whose.upstream, &whose.account)? {
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

fn list(tokens: &Tokens) -> Ended {
    let upstreams = tokens.upstreams()?;
    for group in upstreams.chunk_by(|a, b| a == b) {
        println!("{:>5}  {}", group.len(), group[0]);
    }
    if upstreams.is_empty() {
        println!("no tokens");
    }
    Ok(Exit::Fine)
}

fn add(config: &Config, tokens: &Tokens, whose: &Whose, file: Option<&PathBuf>) -> Ended {
    let upstream = config.upstreams.iter().find(|it| it.name == whose.upstream);
    let Some(oauth) = upstream.and_then(|upstream| upstream.oauth.clone()) else {
        return Err(Error::Usage(format!(
            "no [[upstream]] with the name {} has [upstream.oauth]; name the file with --config",
            whose.upstream
        )));
    };
    let grant = match file {
        Some(file) => given(file)?,
        None => consent(oauth)?,
    };
    tokens.put(&whose.upstream, &whose.account, &password()?, &grant)?;
    println!("stored; let the mail program log in with that password");
    Ok(Exit::Fine)
}

/// A refresh token that a person has already.
fn given(file: &PathBuf) -> Result<Grant, Error> {
    let mut text = Zeroizing::new(String::new());
    let read = match file.as_os_str() == "-" {
        // One line, so that the password may follow.
        true => io::stdin().lock().read_line(&mut text).map(drop),
        false => {
            std::fs::File::open(file).and_then(|mut it| it.read_to_string(&mut text).map(drop))
        }
    };
    read.map_err(|error| Error::failed(format!("{}: {error}", file.display())))?;
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_control) {
        let message = format!("{}: no refresh token in it", file.display());
        return Err(Error::failed(message));
    }
    Ok(Grant {
        refresh: Secret::new(token.as_bytes()),
        access: None,
    })
}

/// Lets a person consent in a browser, on whatever machine.
fn consent(oauth: OAuth) -> Result<Grant, Error> {
    let service = TokenService::new(oauth, LIMIT).map_err(Error::failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let fresh = runtime.block_on(async {
        let mut consent = service.consent().await?;
        println!(
            "open {} and enter {}",
            harmless(&consent.address),
            harmless(&consent.code)
        );
        loop {
            tokio::time::sleep(consent.interval).await;
            match service.consented(&mut consent).await {
                Ok(Some(fresh)) => return Ok(fresh),
                Ok(None) => {}
                // RFC 8628 section 3.5: wait longer and ask again.
                Err(TokenError::Unreachable(_)) => {
                    consent.interval = (consent.interval * 2).min(LONGEST_WAIT);
                }
                Err(error) => return Err(error),
            }
        }
    });
    let fresh = fresh.map_err(|error: TokenError| Error::from(error))?;
    let refresh = fresh.refresh.ok_or_else(|| Error::failed(
        "the provider gave no refresh token; scope may lack offline_access (Microsoft), or access_type=offline (Google)",
    ))?;
    let access = (fresh.until > SystemTime::now()).then_some((fresh.access, fresh.until));
    Ok(Grant { refresh, access })
}

/// The password that the mail program will send.
fn password() -> Result<Secret, Error> {
    if let Ok(password) = std::env::var("POPGATE_PASSWORD") {
        return Ok(Secret::new(Zeroizing::new(password).as_bytes()));
    }
    let line = match io::stdin().is_terminal() {
        true => rpassword::prompt_password("the password that the mail program will send: ")?,
        false => {
            let mut line = String::new();
            io::stdin().lock().read_line(&mut line)?;
            line
        }
    };
    let line = Zeroizing::new(line);
    let password = line.trim_end_matches(['\r', '\n']);
    match password.is_empty() {
        true => Err(Error::failed(
            "no password: set POPGATE_PASSWORD, or type one",
        )),
        false => Ok(Secret::new(password.as_bytes())),
    }
}
