//! `popgate open`: lets the administrator into the console of a popgate on this machine.
//!
//! In: the settings of that popgate, and the right to write into its data directory; out: an address that works once, on
//! stdout, or in the browser on Windows. What others may have left in the data directory is not read.

use std::io;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::admin_client::{self, AdminArgs};
use super::exit::{Ended, Error, Exit};
use crate::admin::new_token;
use crate::config::{Config, Flags};
use crate::platform::{browser, places};
use crate::store::OpeningToken;

/// How long it may take to connect on this machine.
const LIMIT: Duration = Duration::from_secs(2);

/// Flags of `open`.
#[derive(Debug, Args)]
pub struct OpenArgs {
    #[command(flatten)]
    admin: AdminArgs,
    /// That popgate keeps the quarantine and what was learned in this folder
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print the address and start no browser; on other systems than Windows it is always so
    #[arg(long)]
    print: bool,
}

/// Shows it: 0, 1 without a token, 2 if popgate does not run or serves no console.
pub(super) fn run(args: &OpenArgs) -> Ended {
    let config = args.admin.load(Flags {
        data_dir: args.data_dir.clone(),
        ..Flags::default()
    })?;
    let off =
        "the console is off: write address = \"127.0.0.1:9110\" under [admin], and restart popgate";
    let admin = config.admin.ok_or_else(|| Error::failed(off))?;
    if !config.console.is_served_on(admin) {
        return Err(Error::failed(format!(
            "the console is not served on {admin}, which other machines reach: set console.tls or console.allow_plaintext, \
             or take a loopback address"
        )));
    }
    let socket = admin_client::reachable(admin);
    if let Err(error) = TcpStream::connect_timeout(&socket, LIMIT) {
        return Err(Error::failed(format!(
            "no popgate answers on {socket} ({error}); start it: `popgate serve`, or its service"
        )));
    }
    let console = config.console.address_on(socket);
    match put_token(&data_dirs(args, config)) {
        Ok((token, elsewhere)) => {
            show(args, &format!("{console}/login?token={token}"));
            let minutes = OpeningToken::LASTS.as_secs() / 60;
            eprintln!(
                "popgate: open this address in a browser and press Log in; it works once, within {minutes} minutes"
            );
            for failed in elsewhere {
                eprintln!("popgate: not for a popgate whose data is there: {failed}");
            }
            Ok(Exit::Fine)
        }
        Err(why) => {
            show(args, &console);
            eprintln!(
                "popgate: this address asks for the administrator's password: {why}; without a password, run `popgate open` \
                 as the account that popgate runs as, or as administrator"
            );
            Ok(Exit::Negative)
        }
    }
}

/// Where the running popgate may have its data: that of a service without settings is not where a person's is.
fn data_dirs(args: &OpenArgs, config: Config) -> Vec<PathBuf> {
    let is_named = args.data_dir.is_some() || args.admin.names_settings();
    let service = places::service_folder().filter(|_| !is_named);
    let service = service.map(|folder| folder.join("data"));
    let service = service.filter(|folder| *folder != config.data_dir);
    [Some(config.data_dir), service]
        .into_iter()
        .flatten()
        .collect()
}

/// Writes a token into each of these folders: the running popgate reads one of them. Returns it, and for which folders that
/// failed; an error is a clause.
fn put_token(data_dirs: &[PathBuf]) -> Result<(String, Vec<String>), String> {
    let token = new_token().ok_or("the system has no random numbers")?.0;
    let put = |dir: &PathBuf| match OpeningToken::put(dir, &token) {
        Ok(()) => Ok(()),
        Err(error) => Err((error.kind(), format!("{}: {error}", dir.display()))),
    };
    let (done, failed): (Vec<_>, Vec<_>) = data_dirs.iter().map(put).partition(Result::is_ok);
    // A folder that is not there is not the one that is read.
    let failed = failed.into_iter().filter_map(Result::err);
    let failed = failed.filter(|it| done.is_empty() || it.0 != io::ErrorKind::NotFound);
    let failed: Vec<_> = failed.map(|(_, sentence)| sentence).collect();
    match done.is_empty() {
        false => Ok((token, failed)),
        true => Err(format!("no token could be written ({})", failed.join("; "))),
    }
}

/// In the browser, or on stdout.
fn show(args: &OpenArgs, address: &str) {
    let shown = match args.print {
        true => Ok(false),
        false => browser::show(address),
    };
    match shown {
        Ok(true) => {}
        Ok(false) => println!("{address}"),
        Err(error) => {
            println!("{address}");
            eprintln!("popgate: {error}");
        }
    }
}
