//! Manual pages and shell completions, made from the command line's own declaration: for packages.

use std::io;
use std::path::PathBuf;

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Shell;

use super::{Cli, FAILURE, OK};
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
pub fn reference(args: &ReferenceArgs) -> u8 {
    match args.page {
        Page::Metrics => print!("{}", metrics()),
        Page::Settings => print!("{}", settings()),
    }
    OK
}

/// deploy/metrics.md.
pub fn metrics() -> String {
    server::described().reference()
}

/// deploy/settings.md.
pub fn settings() -> String {
    config::reference::page()
}

/// Prints completions.
pub fn completions(args: &CompletionsArgs) -> u8 {
    clap_complete::generate(
        args.shell,
        &mut Cli::command(),
        "popgate",
        &mut io::stdout(),
    );
    OK
}

/// Prints the manual page, or writes all of them.
pub fn man(args: &ManArgs) -> u8 {
    let command = Cli::command();
    let made = match &args.output {
        Some(folder) => clap_mangen::generate_to(command, folder),
        None => clap_mangen::Man::new(command).render(&mut io::stdout()),
    };
    match made {
        Ok(()) => OK,
        Err(error) => {
            eprintln!("popgate: {error}");
            FAILURE
        }
    }
}
