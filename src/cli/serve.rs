//! `popgate serve`: runs the proxy until it is told to stop.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::{ConfigArgs, FAILURE, OK};
use crate::config::{Config, Flags};
use crate::server::stop::StopSignals;
use crate::server::{Reloader, Root, Server};
use crate::server::{log, notify, watch};

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
    /// Serve metrics and health here, or "off" [default: 127.0.0.1:9110]
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
    /// Keep the quarantine and what was learnt in this folder [default: /var/lib/popgate]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Lay the rules in this folder over the built-in ones; an empty folder means no rules
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
}

impl ServeArgs {
    fn flags(&self) -> Flags {
        Flags {
            listen: self.listen.clone(),
            upstream: self.upstream.clone(),
            upstream_tls: self.upstream_tls.clone(),
            admin: self.admin.clone(),
            data_dir: self.data_dir.clone(),
            rules: self.rules.clone(),
        }
    }
}

/// Runs the proxy; the exit code.
pub fn run(args: &ServeArgs) -> u8 {
    let (config, problems) = Config::load(args.config.config.as_deref(), &args.flags());
    log::start(&config.log);
    // Two descriptors a session; the usual soft limit of 1024 ends at 500.
    if let Err(error) = rlimit::increase_nofile_limit(rlimit::INFINITY) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    let server = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(async {
            match Server::open(&config, problems, Root::GivenUp) {
                Ok(server) => Ok(serve(server, args, &config).await),
                Err(unopened) => Err(unopened),
            }
        }),
        Err(error) => Ok(Err(error)),
    };
    match server {
        Ok(Ok(())) => OK,
        Ok(Err(error)) => {
            eprintln!("popgate: {error}");
            FAILURE
        }
        Err(unopened) => unopened.complain(),
    }
}

async fn serve(server: Server, args: &ServeArgs, config: &Config) -> std::io::Result<()> {
    let mut stops = StopSignals::new()?;
    let mut hangup = signal(SignalKind::hangup())?;
    // Whoever hears that popgate serves may send a signal at once.
    server.announce();
    notify::ready();
    let reloader = server.reloader();
    let path = args.config.config.clone();
    let flags = Arc::new(args.flags());
    let mut rules = config.filter.rules.clone();
    let reloading = tokio::spawn(async move {
        let mut seen = rules.as_deref().map(watch::look).unwrap_or_default();
        loop {
            tokio::select! {
                signal = hangup.recv() => if signal.is_none() { return },
                () = watch::changed(rules.clone(), seen) => {
                    tracing::info!("the files of rules have changed");
                }
            }
            notify::reloading();
            // From before they are read: what changes meanwhile is another change.
            seen = rules.as_deref().map(watch::look).unwrap_or_default();
            let (reloader, path, flags) = (reloader.clone(), path.clone(), Arc::clone(&flags));
            // Reading files and compiling rules would keep clients waiting.
            let done = tokio::task::spawn_blocking(move || reload(&reloader, path, &flags)).await;
            match done {
                Ok(Some(folder)) if folder != rules => {
                    seen = folder.as_deref().map(watch::look).unwrap_or_default();
                    rules = folder;
                }
                Ok(_) => {}
                Err(_) => tracing::error!("a reload failed; all stays as it was"),
            }
            notify::ready();
        }
    });
    let (tell, told) = mpsc::channel(1);
    tokio::spawn(async move {
        stops.next().await;
        notify::stopping();
        while tell.send(()).await.is_ok() {
            stops.next().await;
        }
    });
    tokio::select! {
        served = server.run(told) => {
            reloading.abort();
            served
        }
        () = notify::alive() => Ok(()),
    }
}

/// Reloads; the folder of rules that is in force now, if all was well.
fn reload(reloader: &Reloader, path: Option<PathBuf>, flags: &Flags) -> Option<Option<PathBuf>> {
    let (config, problems) = Config::load(path.as_deref(), flags);
    match reloader.reload(&config, problems) {
        Ok(()) => {
            log::change(&config.log.level);
            tracing::info!("reloaded; new sessions use the new settings and rules");
            Some(config.filter.rules)
        }
        Err(problems) => {
            for problem in problems {
                tracing::error!("{problem}");
            }
            tracing::error!("nothing was reloaded; all stays as it was");
            None
        }
    }
}
