//! Manual pages and shell completions, made from the command line's own declaration: for packages.

use std::io;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clap_complete::Shell;

use super::exit::{Ended, Exit};
use crate::config;
use crate::server;

/// Flags of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// For which shell
    shell: Shell,
}

/// Flags of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write a page for each verb into this folder [default: popgate(1) to standard output]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Flags of `reference`.
#[derive(Debug, Args)]
pub struct ReferenceArgs {
    /// Which page
    page: Page,
}

/// The pages.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Page {
    /// deploy/metrics.md
    Metrics,
    /// deploy/settings.md
    Settings,
}

/// Prints a page.
pub(super) fn reference(args: &ReferenceArgs) -> Ended {
    match args.page {
        Page::Metrics => print!("{}", metrics()),
        Page::Settings => print!("{}", settings()),
    }
    Ok(Exit::Fine)
}

/// deploy/metrics.md.
pub fn metrics() -> String {
    server::describe::all_labels().reference()
}

/// deploy/settings.md.
pub fn settings() -> String {
    config::reference::page()
}

/// Prints completions.
pub(super) fn completions(args: &CompletionsArgs, mut command: clap::Command) -> Ended {
    clap_complete::generate(args.shell, &mut command, "popgate", &mut io::stdout());
    Ok(Exit::Fine)
}

/// Prints the manual page, or writes all of them.
pub(super) fn man(args: &ManArgs, command: clap::Command) -> Ended {
    match &args.output {
        Some(folder) => clap_mangen::generate_to(command, folder)?,
        None => clap_mangen::Man::new(command).render(&mut io::stdout())?,
    }
    Ok(Exit::Fine)
}
