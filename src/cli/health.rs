//! `popgate health`: whether a running popgate takes mail clients; for containers and scripts.

use clap::Args;
use hyper::StatusCode;

use super::admin_client::{self, AdminArgs};
use super::exit::{Ended, Exit};
use super::shared_args::block_on;
use super::terminal::harmless_lines;

/// Flags of `health`.
#[derive(Debug, Args)]
pub struct HealthArgs {
    #[command(flatten)]
    admin: AdminArgs,
}

/// Asks /readyz: 0 ready, 1 not ready, 2 not reached.
pub(super) fn run(args: &HealthArgs) -> Ended {
    let admin = args.admin.address()?;
    block_on(async {
        let (status, said) = admin_client::get(admin, "/readyz").await?;
        println!("{}", harmless_lines(said.trim_end()));
        Ok(match status {
            StatusCode::OK => Exit::Fine,
            _ => Exit::Negative,
        })
    })
}
