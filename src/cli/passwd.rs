//! `popgate passwd`: sets the password of the console's administrator.
//!
//! In: a password, typed twice on a terminal or one line of stdin; out: its digest in the data directory.

use std::io::{self, IsTerminal};

use clap::Args;

use super::exit::{Ended, Error, Exit};
use super::secret_input;
use super::shared_args::DataArgs;
use crate::server::core_dumps;
use crate::store::ConsolePassword;

/// The fewest letters.
const SHORTEST: usize = 8;

/// The arguments.
#[derive(Debug, Args)]
pub struct PasswdArgs {
    /// Where it is stored
    #[command(flatten)]
    place: DataArgs,
}

/// Sets it.
pub(super) fn run(args: &PasswdArgs) -> Ended {
    core_dumps::forbid();
    let config = args.place.load()?;
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
