//! The popgate binary: command line, one verb, exit code.

use std::process::ExitCode;

use clap::Parser;
use popgate::cli::{self, Cli};

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => ExitCode::from(cli::run(&cli)),
        Err(error) => {
            // Help and version are answers, all else is wrong usage.
            let code = if error.use_stderr() {
                cli::USAGE
            } else {
                cli::OK
            };
            // A closed pipe behind `--help` is nobody's problem.
            let _ = error.print();
            ExitCode::from(code)
        }
    }
}
