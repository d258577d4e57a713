//! `popgate open`: lets the administrator into the console of a popgate on this machine.
//!
//! In: the settings of that popgate, and the right to write into its data directory; out: an address that works once, in the
//! browser or on stdout. What others may have left in the data directory is not read.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;

use super::admin_client::{self, AdminArgs};
use super::exit::{Ended, Error, Exit};
use super::{config_file, install};
use crate::admin::new_token;
use crate::config::{Config, Flags};
use crate::platform::listener_account::ListenerAccount;
use crate::platform::{browser, places};
use crate::store::OpeningToken;

/// How long it may take to connect on this machine.
const LIMIT: Duration = Duration::from_secs(2);

/// How long popgate may take until it serves its console, once it was started.
const START: Duration = Duration::from_secs(20);

/// Flags of `open`.
#[derive(Debug, Args)]
pub struct OpenArgs {
    #[command(flatten)]
    admin: AdminArgs,
    /// That popgate keeps the quarantine and what was learned in this folder
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print the address and start no browser, as where there is no desktop, or a program reads what is printed
    #[arg(long)]
    print: bool,
    /// As the desktop's menu does: start popgate for this account if none runs, and show in the browser what goes wrong
    #[arg(long, conflicts_with = "print")]
    desktop: bool,
}

/// What a person needs to get in.
struct Invitation {
    address: String,
    /// For which folders no token was needed in the end, or why there is none.
    token: Result<Vec<String>, String>,
}

/// Shows it: 0, 1 without a token, 2 if popgate does not run or serves no console.
pub(super) fn run(args: &OpenArgs) -> Ended {
    match invitation(args) {
        Ok(invitation) => present(args, &invitation),
        Err(error) => {
            if args.desktop {
                // Otherwise it is on stderr alone.
                let _ = browser::show_text(&error.to_string());
            }
            Err(error)
        }
    }
}

fn invitation(args: &OpenArgs) -> Result<Invitation, Error> {
    let file = config_file::trusted_of_person(args.admin.settings())?;
    let flags = Flags {
        data_dir: args.data_dir.clone(),
        ..args.admin.flags()
    };
    let (config, problems) = config_file::load(file.as_deref(), &flags);
    if !problems.is_empty() {
        return Err(Error::Invalid(problems));
    }
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
    connect(args, socket)?;
    let listener = ListenerAccount::of(socket, &config.data_dir);
    refuse_somebody_elses(listener, socket)?;
    let console = config.console.address_on(socket);
    let is_named = file.is_some() || args.data_dir.is_some();
    let is_guess = !is_named && places::own_data().is_some();
    let token = match takes_no_token(listener, is_guess) {
        Some(why) => Err(why.to_owned()),
        None => put_token(&data_dirs(args, file.is_some(), config)),
    };
    Ok(match token {
        Ok((token, elsewhere)) => Invitation {
            address: format!("{console}/login?token={token}"),
            token: Ok(elsewhere),
        },
        Err(why) => Invitation {
            address: console,
            token: Err(why),
        },
    })
}

/// Finds the popgate that runs, or starts it if a person wants that.
fn connect(args: &OpenArgs, socket: SocketAddr) -> Result<(), Error> {
    let try_once = || TcpStream::connect_timeout(&socket, LIMIT).map(drop);
    let mut tried = try_once();
    if tried.is_err() && args.desktop {
        install::start_for_person(args.admin.settings())?;
        let begin = Instant::now();
        while tried.is_err() && begin.elapsed() < START {
            std::thread::sleep(Duration::from_millis(50));
            tried = try_once();
        }
    }
    tried.map_err(|error| {
        Error::failed(format!(
            "no popgate answers on {socket} ({error}); start it: `popgate serve`, or its service"
        ))
    })
}

/// A browser that is led to another account's program may tell it a password or a token.
fn refuse_somebody_elses(listener: ListenerAccount, socket: SocketAddr) -> Result<(), Error> {
    match listener {
        ListenerAccount::Other(account) => Err(Error::failed(format!(
            "the program on {socket} is that of another account (number {account}), whose data are not where this one looks; \
             let yours have another address: [admin] address"
        ))),
        _ => Ok(()),
    }
}

/// Why the popgate that listens would take no token of this account, if it would not: it trusts its own account and root.
/// `is_guess`: without settings it is not known that it is this account's.
fn takes_no_token(listener: ListenerAccount, is_guess: bool) -> Option<&'static str> {
    match listener {
        ListenerAccount::Root if is_guess => {
            Some("the popgate that runs is a service of this machine")
        }
        ListenerAccount::OwnerOfFolder => Some("the popgate that runs is that of another account"),
        _ => None,
    }
}

/// Shows the address, and says what to do with it.
fn present(args: &OpenArgs, invitation: &Invitation) -> Ended {
    if let (true, Err(why)) = (args.desktop, &invitation.token) {
        let text = format!(
            "{}: this page asks for the administrator's password, since {why}.",
            invitation.address
        );
        return match browser::show_text(&text) {
            Ok(()) => Ok(Exit::Negative),
            Err(error) => Err(Error::failed(error.to_string())),
        };
    }
    let is_shown = show(args, &invitation.address)?;
    match &invitation.token {
        Ok(elsewhere) => {
            let minutes = OpeningToken::LASTS.as_secs() / 60;
            let what = match is_shown {
                true => "the console is in the browser: press Log in there",
                false => "open this address in a browser and press Log in",
            };
            eprintln!("popgate: {what}; it works once, within {minutes} minutes");
            for failed in elsewhere {
                eprintln!("popgate: not for a popgate whose data is there: {failed}");
            }
            Ok(Exit::Fine)
        }
        Err(why) => {
            eprintln!(
                "popgate: this address asks for the administrator's password: {why}; without a password, run `popgate open` \
                 as the account that popgate runs as, or as administrator"
            );
            Ok(Exit::Negative)
        }
    }
}

/// Where the running popgate may have its data, unless that is named: what it serves need not be what is found here. A
/// service has its own folder, and so has the first run.
fn data_dirs(args: &OpenArgs, has_settings: bool, config: Config) -> Vec<PathBuf> {
    if args.data_dir.is_some() || args.admin.settings().is_some() {
        return vec![config.data_dir];
    }
    let service = places::service_folder().map(|folder| folder.join("data"));
    let beside = PathBuf::from(config_file::DATA_BESIDE);
    let beside = Some(beside).filter(|_| !has_settings);
    let others = [places::own_data(), service, beside].into_iter().flatten();
    let mut dirs = vec![config.data_dir];
    for dir in others {
        if !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    dirs
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

/// In the browser, or on stdout; whether it is in the browser.
///
/// # Errors
/// If the desktop's menu has started it: what it prints is in a log that others may read.
fn show(args: &OpenArgs, address: &str) -> Result<bool, Error> {
    if args.desktop {
        let shown = browser::show(address);
        return shown
            .map(|()| true)
            .map_err(|error| Error::failed(error.to_string()));
    }
    let is_meant = !args.print && browser::is_meant();
    if is_meant {
        match browser::show(address) {
            Ok(()) => return Ok(true),
            Err(error) => eprintln!("popgate: {error}"),
        }
    }
    println!("{address}");
    Ok(false)
}
