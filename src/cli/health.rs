//! `popgate health`: whether a running popgate takes mail clients; for containers and scripts.

use std::net::SocketAddr;

use clap::Args;
use hyper::StatusCode;

use super::{ConfigArgs, FAILURE, NEGATIVE, OK, USAGE, ask};
use crate::config::{Config, Flags};

/// Flags of `health`.
#[derive(Debug, Args)]
pub struct HealthArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Where popgate serves its metrics [default: as the configuration says]
    #[arg(long, value_name = "ADDR")]
    admin: Option<SocketAddr>,
}

/// Asks /readyz; the exit code: 0 ready, 1 not ready, 2 not reached.
pub fn run(args: &HealthArgs) -> u8 {
    let admin = match args.admin {
        Some(admin) => admin,
        None => {
            let (config, problems) = Config::load(args.config.config.as_deref(), &Flags::default());
            if !problems.is_empty() {
                super::complain(&problems);
                return USAGE;
            }
            let Some(admin) = config.admin else {
                eprintln!("popgate: [admin] address is \"\": there is nothing to ask");
                return FAILURE;
            };
            admin
        }
    };
    let answer = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(ask::get(admin, "/readyz")));
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
