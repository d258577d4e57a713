//! `popgate top`: what the dashboards show, live in a terminal, from /metrics.

mod picture;
mod sample;

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use super::admin_client::{self, AdminArgs};
use super::{FAILURE, OK};
use sample::Sample;

/// Flags of `top`.
#[derive(Debug, Args)]
pub struct TopArgs {
    #[command(flatten)]
    admin: AdminArgs,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// Show one picture and end
    #[arg(long)]
    once: bool,
}

/// Shows; the exit code.
pub fn run(args: &TopArgs) -> u8 {
    let admin = match args.admin.address() {
        Ok(admin) => admin,
        Err(code) => return code,
    };
    let shown = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(show(args, admin)));
    match shown {
        Ok(()) => OK,
        Err(error) => {
            eprintln!("popgate: {admin}: {error}; name the address of its metrics with --admin");
            FAILURE
        }
    }
}

async fn show(args: &TopArgs, admin: SocketAddr) -> Result<(), String> {
    let interval = Duration::from_secs(args.interval);
    let live = std::io::stdout().is_terminal() && !args.once;
    let mut before = look(admin).await?;
    loop {
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
        let now = look(admin).await?;
        let picture = picture::draw(&before, &now, interval.as_secs_f64());
        let mut out = std::io::stdout().lock();
        // From the upper left corner, and what is left of the last picture goes.
        let written = match live {
            true => write!(out, "\x1b[H{}\x1b[J", picture.replace('\n', "\x1b[K\n")),
            false => write!(out, "{picture}"),
        };
        // A closed pipe is somebody who has seen enough.
        if written.and_then(|()| out.flush()).is_err() || args.once {
            return Ok(());
        }
        before = now;
    }
}

async fn look(admin: SocketAddr) -> Result<Sample, String> {
    let (status, text) = admin_client::get(admin, "/metrics").await?;
    match status.is_success() {
        true => Ok(Sample::read(&text)),
        false => Err(format!("it answers {status}")),
    }
}
