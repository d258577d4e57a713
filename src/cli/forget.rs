//! `popgate forget`: everything about a mailbox.
//!
//! In: a mailbox; out: nothing is left of it in the data directory, and what was there is printed.

use clap::Args;

use super::exit::{Ended, Error, Exit};
use super::opened_store;
use super::shared_args::DataArgs;
use super::terminal::harmless;
use crate::server::forget_mailbox::forget_mailbox;
use crate::store::Forgotten;
use crate::store::records::MailboxContents;

/// The arguments.
#[derive(Debug, Args)]
pub struct ForgetArgs {
    /// USER@UPSTREAM, or the user name where only one fits
    mailbox: String,
    /// Where the store is
    #[command(flatten)]
    place: DataArgs,
}

/// Forgets.
pub(super) fn run(args: &ForgetArgs) -> Ended {
    let config = args.place.load()?;
    let opened = opened_store::open(&config)?;
    let (store, messages) = (opened.store(), opened.held_messages(&config.data_dir));
    let mailbox = opened_store::mailbox(&config, &*store, &args.mailbox)?;
    let forgotten = forget_mailbox(&config, &*store, &messages, &mailbox)?;
    let name = harmless(&mailbox.to_string());
    if forgotten.is_nothing() {
        return Err(Error::NotFound(format!("there is nothing about {name}")));
    }
    println!("forgot {name}: {}", said(&forgotten));
    eprintln!(
        "what was taught for all accounts, the log, and copies that `backup` made are not changed"
    );
    Ok(Exit::Fine)
}

fn said(forgotten: &Forgotten) -> String {
    let Forgotten {
        rows,
        held,
        learned,
        tokens,
    } = *forgotten;
    let MailboxContents {
        messages,
        history,
        senders,
        lists,
        settings,
        own_entries,
        lessons,
        ..
    } = rows;
    let parts = [
        (messages, "messages"),
        (held, "held messages"),
        (history, "rows of the history"),
        (senders, "senders"),
        (lists, "list entries"),
        (settings, "settings"),
        (own_entries, "messages of popgate's own"),
        (learned.max(lessons), "learned messages"),
        (tokens, "tokens"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<_> = parts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    match parts.is_empty() {
        true => "its name".to_owned(),
        false => parts.join(", "),
    }
}
