//! What the store and the quarantine need from time to time: messages that have no row get one, what is too old is
//! deleted, and the history is indexed, in small steps.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, SystemTime};

use super::digests::{self, Ways};
use super::open_store::OpenStore;
use super::store::SharedStore;
use crate::config::{Config, DropMode, StoreConfig};
use crate::store::records::Timestamp;
use crate::store::sqlite::{self, Sqlite};
use crate::store::{Retention, Store, quarantine};

/// Between two runs.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// How many times in between the history is indexed.
const INDEXED: u32 = 120;

/// Between two steps: the database is free for others.
const PAUSE: Duration = Duration::from_millis(20);

/// How long the record of a message stays that no server lists any more.
const MESSAGES_KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Upkeep {
    _end: Sender<()>,
}

impl Upkeep {
    /// Starts it, if there is a data directory. Without a thread there is none.
    pub(super) fn start(config: &Config, store: Arc<SharedStore>) -> Option<Self> {
        if config.data_dir.as_os_str().is_empty() {
            return None;
        }
        let (end, ended) = mpsc::channel();
        let work = Work {
            data_dir: config.data_dir.clone(),
            config: config.store.clone(),
            drop_mode: config.filter.drop_mode,
            console: config.console.link(config.admin).map(str::to_owned),
        };
        let thread = std::thread::Builder::new().name("store-upkeep".to_owned());
        let started = thread.spawn(move || {
            loop {
                work.run(store.opened().as_ref(), SystemTime::now(), &mut || {
                    is_over(&ended, PAUSE)
                });
                for _ in 0..INDEXED {
                    work.index(store.opened().as_ref(), &mut || is_over(&ended, PAUSE));
                    if is_over(&ended, EVERY / INDEXED) {
                        return;
                    }
                }
            }
        });
        match started {
            Ok(_) => Some(Self { _end: end }),
            Err(error) => {
                tracing::warn!(%error, "no thread can be started: nothing that is too old is deleted");
                None
            }
        }
    }
}

/// Waits; `true` if the end came.
fn is_over(ended: &Receiver<()>, pause: Duration) -> bool {
    !matches!(ended.recv_timeout(pause), Err(RecvTimeoutError::Timeout))
}

#[derive(Debug)]
struct Work {
    data_dir: PathBuf,
    config: StoreConfig,
    /// What clients see of messages that are held back.
    drop_mode: DropMode,
    /// Where the console is reached.
    console: Option<String>,
}

impl Work {
    /// Does everything once. `pause` waits between two steps, and says whether to stop.
    fn run(&self, store: Option<&OpenStore>, now: SystemTime, pause: &mut dyn FnMut() -> bool) {
        let quarantine = match store {
            Some(OpenStore::Postgres(store)) => self.move_into(&**store),
            Some(OpenStore::Sqlite(store)) => self.quarantine(Some(&**store), now),
            None => self.quarantine(None, now),
        };
        let store = store.map(OpenStore::store);
        let done = quarantine.and_then(|()| {
            (store.as_ref()).map_or(Ok(()), |store| self.expire(&**store, now, pause))
        });
        if let Err(error) = done {
            tracing::warn!("the upkeep of quarantine and store is tried again in an hour: {error}");
        }
        if let Some(store) = store {
            self.make_digests(&*store, now);
        }
    }

    /// Indexes what was added to the history, so that it is searched fast.
    fn index(&self, store: Option<&OpenStore>, pause: &mut dyn FnMut() -> bool) {
        let Some(store) = store.map(OpenStore::store) else {
            return;
        };
        let mut steps = 0_u64;
        loop {
            match store.index_history() {
                Ok(false) => break,
                Ok(true) if pause() => break,
                Ok(true) => steps += 1,
                Err(error) => {
                    tracing::debug!("the history is indexed later: {error}");
                    break;
                }
            }
        }
        if steps > 1 {
            tracing::info!(steps, "indexed the history for searching");
        }
    }

    fn make_digests(&self, store: &dyn Store, now: SystemTime) {
        let when = (self.config.digest, self.drop_mode);
        let ways = Ways {
            login_suffix: &self.config.quarantine_login,
            console: self.console.as_deref(),
        };
        match digests::make(store, Timestamp::of(now), when, ways) {
            Ok(0) => {}
            Ok(made) => tracing::info!(made, "listed for mailboxes what is held for them"),
            Err(error) => {
                tracing::warn!("digests are made in an hour: {error}");
            }
        }
    }

    /// Messages that were held before there was a store that keeps messages.
    fn move_into(&self, store: &dyn Store) -> io::Result<()> {
        // What is not there needs no second database.
        if quarantine::kept(&self.data_dir)?.is_empty() {
            return Ok(());
        }
        let index = match self.data_dir.join(sqlite::FILE).exists() {
            true => Sqlite::open_unchecked(&self.data_dir)
                .inspect_err(|error| {
                    tracing::warn!("messages are moved without their mailboxes: {error}");
                })
                .ok(),
            false => None,
        };
        let index = index.as_ref().map(|index| -> &dyn Store { index });
        let moved = quarantine::move_into(store, &self.data_dir, index)?;
        if moved > 0 {
            tracing::info!(
                moved,
                "moved the messages of the quarantine into the database"
            );
        }
        Ok(())
    }

    fn quarantine(&self, store: Option<&dyn Store>, now: SystemTime) -> io::Result<()> {
        if let Some(kept) = self.config.quarantine_kept
            && let Some(before) = now.checked_sub(kept)
        {
            let deleted = quarantine::delete_older(&self.data_dir, store, before)?;
            if deleted > 0 {
                let days = kept.as_secs() / 86_400;
                tracing::info!(
                    deleted,
                    "deleted messages that were in quarantine for {days} days"
                );
            }
        }
        let Some(store) = store else {
            return Ok(());
        };
        let done = quarantine::adopt(&self.data_dir, store)?;
        if done != quarantine::Adopted::default() {
            let quarantine::Adopted { adopted, gone } = done;
            tracing::info!(
                adopted,
                gone,
                "the index of the quarantine follows the Maildir"
            );
        }
        Ok(())
    }

    fn expire(
        &self,
        store: &dyn Store,
        now: SystemTime,
        pause: &mut dyn FnMut() -> bool,
    ) -> io::Result<()> {
        let now = Timestamp::of(now);
        let before = |kept: Option<Duration>| kept.map(|kept| now.before(kept));
        let retention = Retention {
            history: before(self.config.history_kept),
            quarantine: before(self.config.quarantine_kept),
            messages: before(Some(MESSAGES_KEPT)),
        };
        let mut rows = 0;
        loop {
            let expired = store.expire(&retention).map_err(io::Error::other)?;
            rows += expired.rows;
            if !expired.more || pause() {
                break;
            }
        }
        if rows > 0 {
            tracing::info!(rows, "deleted rows of the store that were too old");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Flags;
    use crate::filter::Action;
    use crate::mailbox_id::{MailboxId, UpstreamId};
    use crate::pop3::Uidl;
    use crate::store::quarantine::Maildir;
    use crate::store::records::{
        Change, HeldState, MessageRecord, MessageState, PopgateId, Quarantined,
    };
    use crate::store::{HistoryQuery, ReopenedStore};

    fn work(data_dir: &Path) -> Work {
        Work {
            data_dir: data_dir.to_owned(),
            config: Config::load(None, &Flags::default()).0.store,
            drop_mode: DropMode::Hide,
            console: None,
        }
    }

    fn opened(data_dir: &Path) -> Arc<ReopenedStore> {
        let data_dir = data_dir.to_owned();
        let store = ReopenedStore::new(Box::new(move || Ok(Arc::new(Sqlite::open(&data_dir)?))));
        Arc::new(store)
    }

    /// The quarantine of a popgate that kept no index.
    fn old_quarantine(data_dir: &Path) {
        Maildir::new(data_dir).open().unwrap();
        let message =
            "From: Bob <bob@example.org>\r\nSubject: =?utf-8?q?f=C3=BCr_Sie?=\r\n\r\nx\r\n";
        std::fs::write(data_dir.join("quarantine/new/5-1.popgate"), message).unwrap();
        std::fs::write(data_dir.join("quarantine/cur/5-2.popgate:2,S"), "x").unwrap();
    }

    #[test]
    fn messages_without_a_row_are_adopted_and_rows_without_a_message_are_closed() {
        let dir = tempfile::tempdir().unwrap();
        old_quarantine(dir.path());
        let store = opened(dir.path());
        let opened = OpenStore::Sqlite(Arc::clone(&store));
        let state = |id: &str| store.quarantined(&PopgateId::new(id).unwrap()).unwrap();
        for _ in 0..2 {
            work(dir.path()).run(Some(&opened), SystemTime::now(), &mut || false);
            let first = state("5-1").unwrap();
            assert_eq!(&*first.subject, "für Sie");
            assert_eq!(&*first.from, "Bob <bob@example.org>");
            assert_eq!((first.mailbox, first.octets), (None, 69));
            assert_eq!(state("5-2").unwrap().state, HeldState::Held);
        }
        std::fs::remove_file(dir.path().join("quarantine/new/5-1.popgate")).unwrap();
        work(dir.path()).run(Some(&opened), SystemTime::now(), &mut || false);
        assert_eq!(state("5-1").unwrap().state, HeldState::Deleted);
        assert_eq!(state("5-2").unwrap().state, HeldState::Held);
    }

    /// Else nobody could find it any more.
    #[test]
    fn a_hidden_message_keeps_its_copy_until_it_is_hidden_no_longer() {
        let dir = tempfile::tempdir().unwrap();
        old_quarantine(dir.path());
        let store = opened(dir.path());
        let opened = OpenStore::Sqlite(Arc::clone(&store));
        let (mailbox, uidl) = (
            MailboxId::new(UpstreamId::new("pop.example.net", 995), "ann").unwrap(),
            Uidl::new(b"u-1").unwrap(),
        );
        let now = Timestamp::now();
        let id = PopgateId::new("5-1").unwrap();
        let entry = Quarantined {
            mailbox: Some(mailbox.clone()),
            uidl: Some(uidl.clone()),
            ..quarantine::entry_of(id.clone(), b"Subject: x\r\n\r\nx\r\n")
        };
        let record = MessageRecord {
            id: id.clone(),
            state: MessageState::Hidden,
            action: Action::Drop,
            score: Some(20.0),
            probability: None,
            filter_version: "1".into(),
            digest: None,
            octets_upstream: Some(70),
            octets_sent: None,
            grown: 0,
            edit: None,
            first_seen: now,
            delivered_at: None,
            held_at: Some(now),
            correction: None,
        };
        let changes = [
            Change::Judged {
                mailbox: mailbox.clone(),
                uidl: uidl.clone(),
                record: Box::new(record),
                replaces: false,
                as_taught: None,
            },
            Change::Held {
                entry: Box::new(entry),
                hidden: true,
            },
        ];
        store.apply(&changes).unwrap();
        let day = Duration::from_secs(86_400);
        let run = |days| {
            let now = SystemTime::now() + days * day;
            // The server lists it each time, until the last one.
            if days < 365 {
                let changes = [Change::StillListed {
                    mailbox: mailbox.clone(),
                    uidls: vec![uidl.clone()],
                    at: Timestamp::of(now),
                }];
                store.apply(&changes).unwrap();
            }
            work(dir.path()).run(Some(&opened), now, &mut || false);
            let kept = quarantine::kept(dir.path()).unwrap();
            kept.iter().map(|kept| kept.id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(run(91), ["5-1"]);
        assert_eq!(run(300), ["5-1"]);
        // A mailbox whose server lists it no longer for months.
        run(365 + 90);
        assert_eq!(run(365 + 91), Vec::<String>::new());
    }

    #[test]
    fn what_is_too_old_is_deleted_with_a_store_and_without() {
        for with_store in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            old_quarantine(dir.path());
            let store = opened(dir.path());
            let opened = OpenStore::Sqlite(Arc::clone(&store));
            let given = with_store.then_some(&opened);
            let day = Duration::from_secs(86_400);
            let run = |now| {
                work(dir.path()).run(given, now, &mut || false);
                quarantine::kept(dir.path()).unwrap().len()
            };
            assert_eq!(run(SystemTime::now() + 89 * day), 2);
            assert_eq!(run(SystemTime::now() + 91 * day), 0);
            let found = store.history(&HistoryQuery::default()).unwrap();
            assert_eq!(found, []);
            let row = store.quarantined(&PopgateId::new("5-1").unwrap()).unwrap();
            assert_eq!(row, None, "the row is too old, too");
        }
    }
}
