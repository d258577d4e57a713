//! `popgate doctor`: looks at what popgate will need, and says what to do where something is missing.
//!
//! It opens what it looks at and closes it again; it logs in nowhere and changes nothing.

mod firewall;
mod machine;
mod servers;

use clap::Args;

use super::{ConfigArgs, FAILURE, NEGATIVE, OK, USAGE};
use crate::config::{Config, Flags};

/// Flags of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

/// What was found, as it is told.
#[derive(Debug, Default)]
struct Findings {
    wrong: usize,
}

impl Findings {
    /// Something is as it should be.
    fn fine(&mut self, what: &str, found: impl AsRef<str>) {
        println!("ok    {what}: {}", found.as_ref());
    }

    /// Something to know.
    fn note(&mut self, what: &str, found: impl AsRef<str>) {
        println!("note  {what}: {}", found.as_ref());
    }

    /// Something that will not work, and what to do.
    fn wrong(&mut self, what: &str, found: impl AsRef<str>, to_do: impl AsRef<str>) {
        self.wrong += 1;
        println!("WRONG {what}: {}", found.as_ref());
        if !to_do.as_ref().is_empty() {
            println!("      {}", to_do.as_ref());
        }
    }
}

/// Looks; the exit code.
pub fn run(args: &DoctorArgs) -> u8 {
    crate::server::log::at("error");
    let (config, problems) = Config::load(args.config.config.as_deref(), &Flags::default());
    if !problems.is_empty() {
        super::complain(&problems);
        return USAGE;
    }
    let mut findings = Findings::default();
    match &args.config.config {
        Some(file) => findings.fine("configuration", file.display().to_string()),
        None => findings.note(
            "configuration",
            "none given, so every setting has its default",
        ),
    }
    machine::look(&config, &mut findings);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(servers::look(&config, &mut findings)),
        Err(error) => {
            eprintln!("popgate: {error}");
            return FAILURE;
        }
    }
    firewall::look(&config, &mut findings);
    match findings.wrong {
        0 => {
            println!("all is well");
            OK
        }
        count => {
            println!("{count} thing{} to mend", if count == 1 { "" } else { "s" });
            NEGATIVE
        }
    }
}
