//! `popgate doctor`: looks at what popgate will need, and says what to do where something is missing.
//!
//! It opens what it looks at and closes it again; it logs in nowhere and changes nothing.

mod firewall;
mod machine;
mod servers;

use anstyle::Style;
use clap::Args;

use super::exit::{Ended, Exit};
use super::terminal::{BAD, GOOD, NOTE, styled, width, wrapped};
use super::{ConfigArgs, block_on};
use crate::config::Flags;
use crate::server::log;

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
        tell(GOOD, "ok", &format!("{what}: {}", found.as_ref()));
    }

    /// Something to know.
    fn note(&mut self, what: &str, found: impl AsRef<str>) {
        tell(NOTE, "note", &format!("{what}: {}", found.as_ref()));
    }

    /// Something that will not work, and what to do.
    fn wrong(&mut self, what: &str, found: impl AsRef<str>, to_do: impl AsRef<str>) {
        self.wrong += 1;
        tell(BAD, "WRONG", &format!("{what}: {}", found.as_ref()));
        if !to_do.as_ref().is_empty() {
            tell(BAD, "", to_do.as_ref());
        }
    }
}

/// One finding, wrapped beside its kind.
fn tell(style: Style, kind: &str, text: &str) {
    const INDENT: usize = 6;
    let mut kind = styled(style, &format!("{kind:<INDENT$}"));
    for line in wrapped(text, width().map(|width| width - INDENT), 0) {
        anstream::println!("{kind}{line}");
        kind = " ".repeat(INDENT);
    }
}

/// Checks, and says what to do.
pub(super) fn run(args: &DoctorArgs) -> Ended {
    log::at("error");
    let config = super::load(args.config.config.as_deref(), &Flags::default())?;
    let mut findings = Findings::default();
    match &args.config.config {
        Some(file) => findings.fine("configuration", file.display().to_string()),
        None => findings.note(
            "configuration",
            "none given, so every setting has its default",
        ),
    }
    machine::look(&config, &mut findings);
    block_on(async {
        servers::look(&config, &mut findings).await;
        Ok(Exit::Fine)
    })?;
    firewall::look(&config, &mut findings);
    Ok(match findings.wrong {
        0 => {
            println!("all is well");
            Exit::Fine
        }
        count => {
            println!("{count} thing{} to mend", if count == 1 { "" } else { "s" });
            Exit::Negative
        }
    })
}
