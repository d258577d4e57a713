//! `popgate quarantine release`: to the mailbox, as a file, or taken back.

use std::path::Path;
use std::sync::Arc;

use super::super::exit::{Ended, Error, Exit};
use super::super::lessons;
use super::super::terminal::harmless;
use super::index::Index;
use crate::config::{Config, StoreKind};
use crate::learn::releasing;
use crate::learn::trainer::{Taught, Trainer};
use crate::store::Store;
use crate::store::quarantine::{self, Kept, Left};

/// Whose weights learn it, if not those of the mailbox that the message was held for.
pub(super) type Account = Option<Arc<str>>;

/// Releases a message to its mailbox, and learns that it is ham.
pub(super) fn to_mailbox(kept: &Kept, index: &Index, config: &Config, account: &Account) -> Ended {
    let store = with_store(index, config, "release it as a file with --to FILE")?;
    let message = kept.message()?;
    let mailbox = quarantine::release(&*store, kept, message.clone()).map_err(Error::failed)?;
    println!(
        "released: the next time that a mail program looks into the mailbox of {}, it is there",
        harmless(&mailbox.to_string())
    );
    match learn_as_ham(kept, &message, Some(&*store), config, account) {
        Ok(taught) => say(taught),
        Err(error) => {
            let exit = error.report();
            eprintln!("popgate: it is released, and not learned: repeat the command");
            return Ok(exit);
        }
    }
    Ok(Exit::Fine)
}

/// Takes a release to the mailbox back, and what was learned with it.
pub(super) fn undo(kept: &Kept, index: &Index, config: &Config, account: &Account) -> Ended {
    let store = with_store(index, config, "no release to a mailbox can be taken back")?;
    let message = kept.message()?;
    quarantine::take_back(&*store, kept).map_err(Error::failed)?;
    println!("held again; what a mail program has fetched meanwhile stays with it");
    let mut trainer = trainer(kept, Some(&*store), config, account)?;
    let judged = judged(&message, config);
    let unlearned = releasing::unlearn(&*store, &mut trainer, kept, judged);
    if unlearned.map_err(Error::failed)? {
        println!("no longer learned as ham");
    }
    Ok(Exit::Fine)
}

fn with_store(index: &Index, config: &Config, instead: &str) -> Result<Arc<dyn Store>, Error> {
    index.reader().ok_or_else(|| {
        Error::failed(match config.store.kind {
            StoreKind::Off => format!("data.store is \"off\": {instead}"),
            _ => format!("there is no store yet, which `popgate serve` makes: {instead}"),
        })
    })
}

/// Releases a message as a file, learns that it is ham, and deletes it from the quarantine unless its mailbox needs it.
pub(super) fn to_file(
    kept: &Kept,
    index: &Index,
    to: &Path,
    config: &Config,
    account: &Account,
) -> Ended {
    let message = kept.message()?;
    // First of all: what fails later must not lose it.
    let path = kept.copy_to(to, &message)?;
    println!("released to {}", path.display());
    let store = index.reader();
    match learn_as_ham(kept, &message, store.as_deref(), config, account) {
        Ok(taught) => say(taught),
        Err(error) => {
            let exit = error.report();
            eprintln!("popgate: it stays in the quarantine until it can be learned, too");
            return Ok(exit);
        }
    }
    if index.is_waiting(kept) {
        println!("it is released to its mailbox, too, and waits there for a mail program");
        return Ok(Exit::Fine);
    }
    index.leave(kept, Left::Released)?;
    Ok(Exit::Fine)
}

fn say(taught: Taught) {
    println!(
        "{}",
        match taught {
            Taught::Popgates => "popgate wrote it, so there is nothing to learn",
            Taught::NotMail => "it has no header, so there is nothing to learn",
            _ => "learned as ham",
        }
    );
}

fn learn_as_ham(
    kept: &Kept,
    message: &[u8],
    store: Option<&dyn Store>,
    config: &Config,
    account: &Account,
) -> Result<Taught, Error> {
    let mut trainer = trainer(kept, store, config, account)?;
    // On disk when it returns: the original may be deleted next.
    let taught = releasing::learn(store, &mut trainer, kept, judged(message, config));
    taught.map_err(Error::failed)
}

/// Teaches the account that is named, or else the mailbox of the message; all, where neither is known.
fn trainer(
    kept: &Kept,
    store: Option<&dyn Store>,
    config: &Config,
    account: &Account,
) -> Result<Trainer, Error> {
    if account.is_some() {
        return lessons::trainer(config, account.as_deref());
    }
    let owner = store.map(|store| releasing::owner(store, kept));
    let owner = owner.transpose().map_err(Error::failed)?.flatten();
    lessons::trainer_of(config, owner)
}

/// What the filter sees of a message.
fn judged<'m>(message: &'m [u8], config: &Config) -> &'m [u8] {
    &message[..message.len().min(config.filter.hold_bytes)]
}
