//! `popgate set`: the settings of one mailbox.
//!
//! In: a mailbox, and KEY=VALUE; out: settings in the store, which take effect when a client logs in next. All of them
//! are stored, or none. Without any, those that the mailbox has are shown.

use clap::Args;

use super::exit::{Ended, Error, Exit};
use super::opened_store;
use super::shared_args::DataArgs;
use super::terminal::harmless;
use crate::config::{MailboxAssignment, MailboxOverrides, mailbox_keys};
use crate::mailbox_id::MailboxId;
use crate::store::Store;
use crate::store::records::{Change, MailboxSettings};

/// The arguments.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// USER@UPSTREAM, or the user name where only one fits
    mailbox: String,
    /// tag_at=4, drop_at=off, drop_mode=hide; KEY= or KEY=default takes it back
    #[arg(value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Where the store is
    #[command(flatten)]
    place: DataArgs,
}

/// Runs it.
pub(super) fn run(args: &SetArgs) -> Ended {
    let parsed: Result<Vec<_>, _> = args
        .settings
        .iter()
        .map(|text| MailboxAssignment::parse(text))
        .collect();
    let assignments = parsed.map_err(|why| Error::Usage(harmless(&why)))?;
    let config = args.place.load()?;
    let store = opened_store::open(&config)?.store();
    let mailbox = opened_store::mailbox(&config, &*store, &args.mailbox)?;
    let mut settings = store.settings(&mailbox).map_err(Error::failed)?;
    if assignments.is_empty() {
        return show(&mailbox, &settings);
    }
    for MailboxAssignment { key, value } in &assignments {
        match value {
            Some(value) => settings.insert((*key).into(), value.as_str().into()),
            None => settings.remove(*key),
        };
    }
    let stored = settings.iter().map(|(key, value)| (&**key, &**value));
    let overrides = MailboxOverrides::of(stored);
    overrides
        .check(config.filter.thresholds)
        .map_err(Error::Usage)?;
    change(&*store, &mailbox, assignments)?;
    show(&mailbox, &settings)
}

fn change(
    store: &dyn Store,
    mailbox: &MailboxId,
    assignments: Vec<MailboxAssignment>,
) -> Result<(), Error> {
    let changes = assignments.into_iter().map(|it| Change::SettingChanged {
        mailbox: mailbox.clone(),
        key: it.key.into(),
        value: it.value.map(Into::into),
    });
    let changes: Vec<_> = changes.collect();
    store.apply(&changes).map_err(Error::failed)
}

fn show(mailbox: &MailboxId, settings: &MailboxSettings) -> Ended {
    println!("{}", harmless(&mailbox.to_string()));
    for (key, about) in mailbox_keys() {
        match settings.get(key) {
            Some(value) => println!("  {key} = {}  ({about})", harmless(value)),
            None => println!("  {key} = default  ({about})"),
        }
    }
    Ok(Exit::Fine)
}
