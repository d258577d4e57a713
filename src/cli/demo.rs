//! `popgate demo`: sample mail through the proxy, to look at.

mod table;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tokio::sync::Notify;

use super::block_on;
use super::exit::{Ended, Error, Exit};
use crate::config::{Config, Flags};
use crate::demo::client::{self, Fetched};
use crate::demo::mail::{Expected, Sample, samples};
use crate::demo::server::Server as SampleServer;
use crate::server::signals::StopSignals;
use crate::server::{self, Overrides, Root, log};

/// Flags of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// End when the mailbox has been fetched: exit 0 if every message came out as it should, else 1
    #[arg(long)]
    once: bool,
    /// Let the proxy listen here [default: a free port on loopback]
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: String,
    /// Serve metrics and health here [default: a free port on loopback]
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    admin: String,
}

/// What became of one message.
struct Outcome {
    sample: Sample,
    fetched: Fetched,
    /// The report that popgate wrote into it, line by line; empty for ham.
    report: Vec<String>,
    score: Option<String>,
    /// Whether it is the original after the declared edits are taken out.
    intact: bool,
}

impl Outcome {
    fn of(sample: Sample, fetched: Fetched) -> Self {
        let (inserted, rest) = split_inserted(&fetched.message);
        let inserted = String::from_utf8_lossy(inserted).into_owned();
        let report = inserted
            .lines()
            .filter_map(|line| line.strip_prefix("\t*"))
            .map(str::to_owned);
        let report = report.collect();
        let score = inserted
            .split_once("score=")
            .and_then(|(_, rest)| rest.split_once(' '));
        let score = score.map(|(score, _)| score.to_owned());
        let intact = match inserted.is_empty() {
            true => rest == sample.bytes,
            false => without_mark(rest) == sample.bytes,
        };
        Self {
            sample,
            fetched,
            report,
            score,
            intact,
        }
    }

    fn is_tagged(&self) -> bool {
        self.score.is_some()
    }

    fn is_as_expected(&self) -> bool {
        self.intact && self.is_tagged() == (self.sample.expected == Expected::Spam)
    }
}

/// Runs the demonstration.
pub(super) fn run(args: &DemoArgs) -> Ended {
    log::at("warn");
    block_on(demonstrate(args))
}

async fn demonstrate(args: &DemoArgs) -> Ended {
    let samples = samples();
    let messages = samples.iter().map(|sample| sample.bytes.clone());
    let mailbox = SampleServer::start(messages).await;
    let mailbox = mailbox
        .map_err(|error| Error::failed(format!("the sample server cannot start: {error}")))?;
    let (config, problems) = Config::load(None, &flags(args, &mailbox));
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
    if let Some(admin) = admin {
        println!("metrics          http://{admin}/metrics");
    }
    // Before anybody can read that it is still running, and send a signal.
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
            Ok(fetched) => Ok(judge(samples, fetched)),
            Err(error) => {
                Err(Error::failed(format!("the mailbox could not be fetched: {error}")))
            }
        },
        () = stops.next() => Ok(Exit::Failure),
    };
    if !args.once && matches!(ended, Ok(Exit::Fine | Exit::Negative)) {
        let metrics = admin.map(|admin| format!(", or look at http://{admin}/metrics"));
        println!(
            "\nStill running, until Ctrl-C: point a mail client at {proxy} (POP3, no encryption, any user\n\
             and password){}",
            metrics.unwrap_or_default()
        );
        stops.next().await;
    }
    stop.notify_one();
    let _ = serving.await;
    ended
}

fn flags(args: &DemoArgs, mailbox: &SampleServer) -> Flags {
    Flags {
        listen: vec![args.listen.clone()],
        upstream: Some(mailbox.address().to_string()),
        upstream_tls: Some("off".to_owned()),
        admin: Some(args.admin.clone()),
        data_dir: Some(PathBuf::new()),
        rules: None,
    }
}

fn judge(samples: Vec<Sample>, fetched: Vec<Fetched>) -> Exit {
    let expected = samples.len();
    let outcomes: Vec<_> = samples
        .into_iter()
        .zip(fetched)
        .map(|(sample, fetched)| Outcome::of(sample, fetched))
        .collect();
    table::print(&outcomes);
    match outcomes.len() == expected && outcomes.iter().all(Outcome::is_as_expected) {
        true => Exit::Fine,
        false => Exit::Negative,
    }
}

/// The block of our own fields at the top, and what follows.
fn split_inserted(message: &[u8]) -> (&[u8], &[u8]) {
    const OURS: [&[u8]; 2] = [b"X-Popgate-", b"X-Spam-"];
    let mut end = 0;
    for line in message.split_inclusive(|&byte| byte == b'\n') {
        let ours = OURS.iter().any(|name| line.starts_with(name));
        let folded = end > 0 && line.starts_with(b"\t");
        if !ours && !folded {
            break;
        }
        end += line.len();
    }
    message.split_at(end)
}

/// Takes the mark in front of the first subject out.
fn without_mark(message: &[u8]) -> Vec<u8> {
    const MARK: &[u8] = b"[SPAM] ";
    match memchr::memmem::find(message, MARK) {
        Some(at) => [&message[..at], &message[at + MARK.len()..]].concat(),
        None => message.to_vec(),
    }
}
