//! `popgate passwd`: sets the password of the console's administrator; makes and removes tokens of the console's API.
//!
//! In: a password, typed twice on a terminal or one line of stdin, or a token's name; out: a digest in the data directory,
//! and a token, once, on stdout.

use std::io::{self, IsTerminal};

use clap::Args;

use super::exit::{Ended, Error, Exit};
use super::opened_store;
use super::secret_input;
use super::shared_args::DataArgs;
use super::terminal::harmless;
use crate::config::Config;
use crate::server::core_dumps;
use crate::store::{ApiTokens, ConsolePassword};

/// The fewest letters.
const SHORTEST: usize = 8;

/// The arguments.
#[derive(Debug, Args)]
pub struct PasswdArgs {
    /// Make a token of this name for a program that uses the console's API, instead of setting the password; one of the same
    /// name no longer works
    #[arg(long, value_name = "NAME", group = "tokens")]
    api_token: Option<String>,
    /// The token sees and changes this mailbox alone (USER@UPSTREAM, or the user name where only one fits); without it, it
    /// has the administrator's rights
    #[arg(long, value_name = "NAME", requires = "api_token")]
    mailbox: Option<String>,
    /// Remove the token of this name
    #[arg(long, value_name = "NAME", group = "tokens")]
    remove_api_token: Option<String>,
    /// List the names of the tokens, and the mailboxes that they are limited to
    #[arg(long, group = "tokens")]
    api_tokens: bool,
    /// Where it is stored
    #[command(flatten)]
    place: DataArgs,
}

/// Sets it.
pub(super) fn run(args: &PasswdArgs) -> Ended {
    core_dumps::forbid();
    let config = args.place.load()?;
    if let Some(name) = &args.api_token {
        return add(&config, name, args.mailbox.as_deref());
    }
    if let Some(name) = &args.remove_api_token {
        return remove(&config, name);
    }
    if args.api_tokens {
        for token in ApiTokens::all(&config.data_dir)? {
            match token.mailbox {
                Some(of) => println!("{}  {}", token.name, harmless(&of.to_string())),
                None => println!("{}", token.name),
            }
        }
        return Ok(Exit::Fine);
    }
    let password = secret_input::line("New password of the console's administrator: ")?;
    if password.chars().count() < SHORTEST {
        return Err(Error::Usage(format!(
            "the password has fewer than {SHORTEST} letters; take a longer one"
        )));
    }
    if io::stdin().is_terminal() && *secret_input::line("Again: ")? != *password {
        return Err(Error::Usage(
            "the two passwords differ; nothing is changed".to_owned(),
        ));
    }
    ConsolePassword::set(&config.data_dir, &password)?;
    println!("set; it counts from the next login on");
    Ok(Exit::Fine)
}

/// The token alone is on stdout, so that a program can take it from there.
fn add(config: &Config, name: &str, mailbox: Option<&str>) -> Ended {
    let mailbox = mailbox.map(|it| {
        let opened = opened_store::open(config)?;
        opened_store::mailbox(config, &*opened.store(), it)
    });
    let mailbox = mailbox.transpose()?;
    let made = ApiTokens::add(&config.data_dir, name, mailbox.as_ref());
    let token = made.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => Error::Usage(error.to_string()),
        _ => Error::from(error),
    })?;
    println!("{token}");
    let rights = match mailbox {
        Some(of) => format!("it is for {} alone", harmless(&of.to_string())),
        None => "it has the administrator's rights".to_owned(),
    };
    eprintln!("{rights}, counts at once, and is not shown again");
    Ok(Exit::Fine)
}

fn remove(config: &Config, name: &str) -> Ended {
    match ApiTokens::remove(&config.data_dir, name)? {
        true => {
            println!("removed; it counts no longer");
            Ok(Exit::Fine)
        }
        false => {
            eprintln!("there is no token `{name}`; `popgate passwd --api-tokens` lists them");
            Ok(Exit::Negative)
        }
    }
}
