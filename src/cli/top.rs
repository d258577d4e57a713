//! `popgate top`: what the dashboards show, live in a terminal, from /metrics.

mod picture;
mod sample;

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use super::admin_client::{self, AdminArgs};
use super::block_on;
use super::exit::{Ended, Error, Exit};
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

/// Shows until it is interrupted.
pub(super) fn run(args: &TopArgs) -> Ended {
    let admin = args.admin.address()?;
    block_on(async {
        show(args, admin).await?;
        Ok(Exit::Fine)
    })
}

async fn show(args: &TopArgs, admin: SocketAddr) -> Result<(), Error> {
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

async fn look(admin: SocketAddr) -> Result<Sample, Error> {
    let (status, text) = admin_client::get(admin, "/metrics").await?;
    match status.is_success() {
        true => Ok(Sample::read(&text)),
        false => Err(Error::failed(format!("{admin}: it answers {status}"))),
    }
}
