//! `popgate rules import`: converts SpamAssassin rules into a rule file.
//!
//! The rule file goes to stdout or a file, the report on what could not be converted to stderr.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::exit::{Ended, Error, Exit};
use crate::cli::terminal::harmless_lines;
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

/// Imports.
pub(in crate::cli) fn run(args: &ImportArgs) -> Ended {
    let failed =
        |path: &Path, error: io::Error| Error::failed(format!("{}: {error}", path.display()));
    let mut files = Vec::new();
    for path in &args.files {
        let bytes = std::fs::read(path).map_err(|error| failed(path, error))?;
        files.push((path.display().to_string(), bytes));
    }
    let imported = import::import(&files);
    match &args.output {
        Some(path) => std::fs::write(path, &imported.toml).map_err(|error| failed(path, error))?,
        None => io::stdout().write_all(imported.toml.as_bytes())?,
    }
    eprint!("{}", harmless_lines(&imported.report.to_string()));
    Ok(Exit::Fine)
}
