//! `popgate demo`: sample mail through the proxy, to look at.

mod table;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tempfile::TempDir;
use tokio::sync::Notify;

use super::exit::{Ended, Error, Exit};
use super::shared_args::block_on;
use crate::admin::OneTimeToken;
use crate::config::{Config, Flags};
use crate::demo::client::{self, Fetched};
use crate::demo::delivery::Delivery;
use crate::demo::mail::{Sample, samples};
use crate::demo::server::SampleServer;
use crate::server::signals::StopSignals;
use crate::server::{self, Overrides, Root, Server, log};

/// So many messages are read ahead of the client.
const READ_AHEAD: usize = 8;

/// Flags of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// End when the mailbox has been fetched: exit 0 if every message came out as it should, else 1
    #[arg(long)]
    once: bool,
    /// Let the proxy listen here [default: a free port on loopback]
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: String,
    /// Serve the console, metrics and health here [default: a free port on loopback]
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    admin: String,
}

/// How long the threads of the demonstration may take to end.
const ENDING: Duration = Duration::from_secs(3);

/// Runs the demonstration.
pub(super) fn run(args: &DemoArgs) -> Ended {
    log::at("warn");
    // What the console shows: gone when the demonstration has ended with all its tasks, for Windows deletes no file that is
    // open. A container may have no folder to write into.
    let data = tempfile::tempdir().ok();
    let ended = block_on(demonstrate(args, data.as_ref().map(TempDir::path)));
    if let Some(data) = data {
        remove(data);
    }
    ended
}

/// Threads of the store end a moment later than the tasks.
fn remove(folder: TempDir) {
    let begin = Instant::now();
    while folder.path().exists() && begin.elapsed() < ENDING {
        if std::fs::remove_dir_all(folder.path()).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

async fn demonstrate(args: &DemoArgs, data: Option<&Path>) -> Ended {
    let samples = samples();
    let messages = samples.iter().map(|sample| sample.bytes.clone());
    let mailbox = SampleServer::start(messages).await;
    let mailbox = mailbox
        .map_err(|error| Error::failed(format!("the sample server cannot start: {error}")))?;
    let folder = data.unwrap_or(Path::new(""));
    let (mut config, problems) = Config::load(None, &flags(args, &mailbox, folder));
    for upstream in &mut config.upstreams {
        upstream.prefetch = READ_AHEAD;
    }
    let overrides = Overrides {
        root: Root::Kept,
        ..Overrides::default()
    };
    let server = server::build(&config, problems, overrides)?;
    let Some(&proxy) = server.addresses().first() else {
        return Err(Error::failed("the proxy has no address"));
    };
    let admin = server.admin_address();
    println!(
        "sample mailbox   {}  ({} messages)",
        mailbox.address(),
        samples.len()
    );
    println!("popgate          {proxy}");
    let console = data.and_then(|_| console_address(&server));
    if let Some(console) = &console {
        println!("console          {console} (once)");
    }
    if let Some(admin) = admin {
        println!("metrics          http://{admin}/metrics");
    }
    // Before the line that it is still running is printed, since a signal may follow.
    let mut stops = StopSignals::new()
        .map_err(|error| Error::failed(format!("signals cannot be received: {error}")))?;
    let stop = Arc::new(Notify::new());
    let stopped = Arc::clone(&stop);
    // Sessions are cut off: nothing is lost in a demonstration.
    let serving = server::run(
        server,
        async move { stopped.notified().await },
        std::future::ready(()),
    );
    let serving = tokio::spawn(serving);
    let ended = tokio::select! {
        fetched = client::fetch(proxy, "you", "secret") => match fetched {
            Ok(fetched) => Ok(report(samples, fetched)),
            Err(error) => {
                Err(Error::failed(format!("the mailbox could not be fetched: {error}")))
            }
        },
        () = stops.next() => Ok(Exit::Failure),
    };
    if !args.once && matches!(ended, Ok(Exit::Fine | Exit::Negative)) {
        let console =
            console.map(|console| format!(", or look at its mail in the console:\n{console}"));
        println!(
            "\nStill running, until Ctrl-C: point a mail client at {proxy} (POP3, no encryption, any user\n\
             and password){}",
            console.unwrap_or_default()
        );
        stops.next().await;
    }
    stop.notify_one();
    let _ = serving.await;
    ended
}

/// The address by which the administrator gets into the console.
fn console_address(server: &Server) -> Option<String> {
    let (console, address) = server.console().zip(server.admin_address())?;
    let OneTimeToken(token) = console.new_token()?;
    Some(format!("http://{address}/login?token={token}"))
}

fn flags(args: &DemoArgs, mailbox: &SampleServer, data: &Path) -> Flags {
    Flags {
        listen: vec![args.listen.clone()],
        upstream: Some(mailbox.address().to_string()),
        upstream_tls: Some("off".to_owned()),
        admin: Some(args.admin.clone()),
        data_dir: Some(data.to_owned()),
        ..Flags::default()
    }
}

/// Prints the results of the samples.
fn report(samples: Vec<Sample>, fetched: Vec<Fetched>) -> Exit {
    let expected = samples.len();
    let both = samples.into_iter().zip(fetched);
    let deliveries: Vec<_> = both
        .map(|(sample, fetched)| Delivery::of(sample, fetched))
        .collect();
    table::print(&deliveries);
    match deliveries.len() == expected && deliveries.iter().all(Delivery::is_as_expected) {
        true => Exit::Fine,
        false => Exit::Negative,
    }
}
