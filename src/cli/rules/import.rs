//! `popgate rules import`: converts SpamAssassin rules into a rule file.
//!
//! The rule file goes to stdout or a file, the report on what could not be converted to stderr.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::cli::{FAILURE, OK};
use crate::import;

/// Flags of `rules import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// SpamAssassin rule files, in the order in which they are to be read
    #[arg(required = true, value_name = "FILE.cf")]
    files: Vec<PathBuf>,
    /// Write the rules to this file instead of stdout
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Imports; the exit code.
pub fn run(args: &ImportArgs) -> u8 {
    let mut files = Vec::new();
    for path in &args.files {
        match std::fs::read(path) {
            Ok(bytes) => files.push((path.display().to_string(), bytes)),
            Err(error) => {
                eprintln!("popgate: {}: {error}", path.display());
                return FAILURE;
            }
        }
    }
    let imported = import::import(&files);
    let written = match &args.output {
        Some(path) => std::fs::write(path, &imported.toml)
            .map_err(|error| format!("{}: {error}", path.display())),
        None => std::io::stdout()
            .write_all(imported.toml.as_bytes())
            .map_err(|error| error.to_string()),
    };
    if let Err(error) = written {
        eprintln!("popgate: {error}");
        return FAILURE;
    }
    eprint!("{}", imported.report);
    OK
}
