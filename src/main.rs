//! The popgate binary: command line, one verb, exit code.

use std::process::ExitCode;

use clap::Parser;
use popgate::cli::{self, Cli, Exit};

fn main() -> ExitCode {
    let exit = match Cli::try_parse() {
        Ok(cli) => cli::run(&cli),
        Err(error) => {
            // A closed pipe after `--help` is not a failure.
            let _ = error.print();
            // Help and version are answers, all else is wrong usage.
            match error.use_stderr() {
                true => Exit::Usage,
                false => Exit::Fine,
            }
        }
    };
    exit.into()
}
