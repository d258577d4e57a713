//! `popgate serve`: runs the proxy until it is stopped.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::config_file;
use super::exit::{Ended, Error, Exit};
use super::shared_args::{ConfigArgs, block_on, usual_data};
use crate::admin::{Console, OneTimeToken};
use crate::config::{Config, Flags};
use crate::platform::{places, private_files};
use crate::server::{self, Overrides, Server, core_dumps, daemon, first_run, log, open_files};
use crate::store::OpeningToken;

/// Flags of `serve`; they override the file.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Listen here for mail clients, IP:PORT; may be repeated [default: 127.0.0.1:110]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
    /// The provider's POP3 server
    #[arg(long, value_name = "HOST[:PORT]")]
    upstream: Option<String>,
    /// How the connection to it is protected: implicit, starttls, opportunistic or off [default:
    /// implicit]
    #[arg(long, value_name = "MODE")]
    upstream_tls: Option<String>,
    /// Serve the console, metrics and health here, or "off" [default: 127.0.0.1:9110]
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
    #[arg(long, value_name = "DIR", help = usual_data("Keep the quarantine and what was learned in this folder"))]
    data_dir: Option<PathBuf>,
    /// Lay the rules in this folder over the built-in ones; an empty folder means no rules
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// As `install --user` starts it: without settings of its own it asks for them, and passes over those that are for the
    /// service's account alone
    #[arg(long, hide = true)]
    user: bool,
}

impl ServeArgs {
    /// Those of the service whose settings and data are in a folder.
    #[cfg(windows)]
    pub(super) fn of_service(folder: &Path) -> Self {
        let settings = folder.join("popgate.toml");
        let is_set_up = settings.exists();
        Self {
            config: ConfigArgs {
                config: is_set_up.then_some(settings),
            },
            listen: Vec::new(),
            upstream: None,
            upstream_tls: None,
            admin: None,
            data_dir: (!is_set_up).then(|| folder.join("data")),
            rules: None,
            user: false,
        }
    }

    fn flags(&self) -> Flags {
        Flags {
            listen: self.listen.clone(),
            upstream: self.upstream.clone(),
            upstream_tls: self.upstream_tls.clone(),
            admin: self.admin.clone(),
            data_dir: self.data_dir.clone(),
            rules: self.rules.clone(),
            ..Flags::default()
        }
    }

    fn settings(&self) -> Result<Option<PathBuf>, Error> {
        let given = self.config.config.as_deref();
        match self.user {
            true => config_file::trusted_of_person(given),
            false => config_file::trusted_to_serve(given),
        }
    }

    /// On which address a person is to be asked for the settings: if nothing names a server, on this machine.
    fn first_run(&self, config: &Config) -> Option<SocketAddr> {
        let is_told = self.upstream.is_some() || !self.listen.is_empty() || self.rules.is_some();
        config.admin.filter(|it| !is_told && it.ip().is_loopback())
    }
}

/// Runs the proxy; without any configuration, a person writes one first.
pub(super) fn run(args: &ServeArgs) -> Ended {
    let path = args.settings()?;
    let flags = args.flags();
    let (config, _) = config_file::load(path.as_deref(), &flags);
    log::start(&config.log);
    core_dumps::forbid();
    open_files::raise_limit();
    // The last thing: sessions log until their runtime is gone.
    let _flushed = FlushedLog;
    block_on(async {
        let mut path = path;
        let mut overrides = Overrides::default();
        let mut token = None;
        if let (None, Some(address)) = (&path, args.first_run(&config)) {
            let file = config_file::new_file();
            let data_dir = data_dir(&file, &flags);
            let done = first_run::set_up(address, &file, &data_dir, |address| {
                eprintln!("popgate has no settings yet: open {address}");
                make_private(&data_dir);
            });
            let Some(done) = done.await? else {
                return Ok(Exit::Fine);
            };
            path = Some(file);
            overrides.admin = Some(done.admin);
            token = Some(done.token);
        }
        let load = move || config_file::load(path.as_deref(), &flags);
        let (config, problems) = load();
        OpeningToken::forget(&config.data_dir);
        let server = server::build(&config, problems, overrides)?;
        daemon::run(server, Arc::new(load), |server| announce(server, token)).await?;
        Ok(Exit::Fine)
    })
}

/// Where the store of these settings is to be: the usual folder, or one beside the file if that cannot be made.
fn data_dir(settings: &Path, flags: &Flags) -> PathBuf {
    if let Some(dir) = &flags.data_dir {
        return std::path::absolute(dir).unwrap_or_else(|_| dir.clone());
    }
    let dir = places::data(Some(settings));
    if places::own_data().is_some_and(|own| own == dir) {
        // Without it the folder is elsewhere.
        let _ = private_files::create_folder(&dir);
    }
    let usable = if dir.exists() {
        Some(&*dir)
    } else {
        dir.parent()
    };
    if usable.is_some_and(config_file::is_writable) {
        return dir;
    }
    // Relative to both the file and the working directory, where that is one folder: it may be moved.
    match std::env::current_dir().is_ok_and(|here| settings.parent() == Some(&here)) {
        true => PathBuf::from(config_file::DATA_BESIDE),
        false => settings.with_file_name(config_file::DATA_BESIDE),
    }
}

/// Makes the data directory where no package does, for `popgate open`: a service of Windows has no stderr.
fn make_private(data_dir: &Path) {
    if places::service_folder().is_some() {
        // If that fails, popgate says so when it opens its store.
        let _ = private_files::create_folder(data_dir);
    }
}

/// Flushes the log when it is dropped, also by a panic.
struct FlushedLog;

impl Drop for FlushedLog {
    fn drop(&mut self) {
        log::flush();
    }
}

/// One line a socket, so that port 0 can be used; and how the administrator gets into the console.
fn announce(server: &Server, token: Option<OneTimeToken>) {
    for (protocol, address) in server.sockets() {
        eprintln!("listening {protocol} {address}");
    }
    if let (Some(console), Some(address)) = (server.console(), server.admin_address()) {
        match token {
            // The last page of the first run leads there.
            Some(token) => console.accept_token(token),
            None => invite(console, address),
        }
    }
}

/// How the administrator gets into the console that has no password: by an address on stderr and in a file, and never in
/// the log, which others may read.
fn invite(console: &Console, address: SocketAddr) {
    console.forget_address();
    if console.has_password() {
        return;
    }
    let Some(OneTimeToken(token)) = console.new_token() else {
        return;
    };
    let link = format!("{}/login?token={token}", console.address(address));
    eprintln!("console {link} (once, within an hour)");
    match console.keep_address(&link) {
        Ok(path) => tracing::info!(
            "the console has no password: `popgate passwd` sets one, and an address that lets the administrator in \
             once, within an hour, is in {}",
            path.display()
        ),
        Err(error) => tracing::warn!(%error, "the console's one-time address is on stderr alone"),
    }
}
