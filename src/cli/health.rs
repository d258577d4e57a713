//! `popgate health`: whether a running popgate takes mail clients; for containers and scripts.

use clap::Args;
use hyper::StatusCode;

use super::admin_client::{self, AdminArgs};
use super::{FAILURE, NEGATIVE, OK};

/// Flags of `health`.
#[derive(Debug, Args)]
pub struct HealthArgs {
    #[command(flatten)]
    admin: AdminArgs,
}

/// Asks /readyz; the exit code: 0 ready, 1 not ready, 2 not reached.
pub fn run(args: &HealthArgs) -> u8 {
    let admin = match args.admin.address() {
        Ok(admin) => admin,
        Err(code) => return code,
    };
    let answer = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(admin_client::get(admin, "/readyz")));
    match answer {
        Ok((StatusCode::OK, said)) => {
            println!("{}", said.trim_end());
            OK
        }
        Ok((_, said)) => {
            println!("{}", said.trim_end());
            NEGATIVE
        }
        Err(error) => {
            eprintln!("popgate: {admin}: {error}; name the address of its metrics with --admin");
            FAILURE
        }
    }
}
