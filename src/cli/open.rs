//! `popgate open`: shows the console in the browser, logged in.

use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use clap::Args;

use super::exit::{Ended, Error, Exit};
use super::shared_args::ConfigArgs;
use super::{admin_client, config_file};
use crate::admin::{ADDRESS, OneTimeToken, new_token};
use crate::config::{Config, Flags};
use crate::platform::{browser, places};
use crate::store::OpeningToken;

/// An address that was written at the start is good for that long.
const ADDRESS_LASTS: Duration = Duration::from_secs(3600);

/// How long it may take to connect on this machine.
const LIMIT: Duration = Duration::from_secs(2);

/// Flags of `open`.
#[derive(Debug, Args)]
pub struct OpenArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print the address instead of opening it
    #[arg(long)]
    print: bool,
}

/// Opens it: 0, 2 if popgate does not run.
pub(super) fn run(args: &OpenArgs) -> Ended {
    let path = config_file::chosen(args.config.config.as_deref());
    let (config, _) = Config::load(path.as_deref(), &Flags::default());
    let Some(admin) = config.admin else {
        return Err(Error::failed(
            "the console is off: write address = \"127.0.0.1:9110\" under [admin], and restart popgate",
        ));
    };
    let socket = admin_client::reachable(admin);
    if let Err(error) = TcpStream::connect_timeout(&socket, LIMIT) {
        return Err(Error::failed(format!(
            "no popgate answers on {socket} ({error}); start it: `popgate serve`, or its service"
        )));
    }
    let scheme = if config.console.tls { "https" } else { "http" };
    let given = config.console.address.clone();
    let console = given.unwrap_or_else(|| format!("{scheme}://{socket}"));
    // A service without settings yet has its data where the person's are not.
    let service = places::service_folder().map(|folder| folder.join("data"));
    let folders: Vec<_> = [Some(config.data_dir), service]
        .into_iter()
        .flatten()
        .collect();
    let written = folders.iter().find_map(|folder| written(folder));
    let address = written.unwrap_or_else(|| {
        let tokens = folders.iter().find_map(|folder| one_time(folder).ok());
        match tokens {
            Some(token) => format!("{console}/login?token={}", token.0),
            // Somebody else's popgate: its administrator's password opens it.
            None => console,
        }
    });
    if args.print {
        println!("{address}");
    } else if let Err(error) = browser::open(&address) {
        return Err(Error::failed(format!("{error}; open {address}")));
    }
    Ok(Exit::Fine)
}

/// The address that a popgate without a password has written for its administrator.
fn written(data_dir: &Path) -> Option<String> {
    let path = data_dir.join(ADDRESS);
    let age = std::fs::metadata(&path).ok()?.modified().ok()?.elapsed();
    let text = std::fs::read_to_string(&path).ok()?;
    let is_valid = age.is_ok_and(|age| age < ADDRESS_LASTS) && text.starts_with("http");
    is_valid.then(|| text.trim_end().to_owned())
}

/// A token that the running popgate takes, because whoever wrote it owns its data directory.
fn one_time(data_dir: &Path) -> io::Result<OneTimeToken> {
    let none = || io::Error::other("the system has no random numbers");
    let token = new_token().ok_or_else(none)?;
    OpeningToken::put(data_dir, &token.0)?;
    Ok(token)
}
