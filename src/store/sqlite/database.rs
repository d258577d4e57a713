//! An open database: the trait's methods, each handed to the file that knows its tables.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::super::contract::{
    Expired, HistoryPage, HistoryQuery, LessonsPlace, NumberedLesson, QuarantineQuery, Retention,
    Store,
};
use super::super::history_statistics::{HourCounts, RuleStatistics};
use super::super::records::{
    Change, HistoryRow, ListEntry, MailboxContents, MailboxMemory, MailboxSettings, MailboxSummary,
    MessageRecord, NamedSender, PopgateId, Quarantined, SenderHistory, Timestamp,
};
use super::super::store_error::{StoreError, StoreErrorKind};
use super::expire::Walk;
use super::integrity::{self, Checked};
use super::lock::Lock;
use super::migrations::{self, Unfit};
use super::readers::Readers;
use super::{
    apply, connection, expire, failure, history, history_counts, history_indexing, history_search,
    lessons, mailboxes, messages, quarantine, recall, rescue, senders,
};
use crate::mailbox_id::MailboxId;
use crate::platform::file_identity::FileId;
use crate::pop3::Uidl;

/// How long the end waits for those that read.
const CHECKPOINT_WAITS: Duration = Duration::from_millis(200);

/// See the module.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    writer: Mutex<Writer>,
    readers: Readers,
    walk: Mutex<Walk>,
    /// Given back after the connections are closed.
    _lock: Lock,
}

/// The connection that writes, and the file that it has open.
#[derive(Debug)]
struct Writer {
    connection: Connection,
    file: FileId,
}

impl Sqlite {
    /// Opens the database of a data directory, and creates it if it is missing.
    ///
    /// # Errors
    /// Why it cannot be used, with the path; the file stays as it is then.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        Self::open_checked(data_dir, Some(integrity::LIMIT))
    }

    /// As [`Self::open`], without the check: for a command that must not wait for it.
    ///
    /// # Errors
    /// As there.
    pub fn open_unchecked(data_dir: &Path) -> Result<Self, StoreError> {
        Self::open_checked(data_dir, None)
    }

    fn open_checked(data_dir: &Path, limit: Option<Duration>) -> Result<Self, StoreError> {
        let path = data_dir.join(connection::FILE);
        connection::create_folder(data_dir)?;
        let lock = Lock::shared(data_dir)?;
        let was_emptied = std::fs::metadata(&path).is_ok_and(|about| about.len() == 0);
        connection::create_file(&path)?;
        let opened = || {
            // Before anything is written to it.
            let mut reader = connection::reader(&path)?;
            migrations::version(&reader)?;
            let checked = match limit {
                Some(limit) => integrity::check(&mut reader, limit)?,
                None => Checked::Sound,
            };
            drop(reader);
            if let Checked::Damaged(problem) = &checked {
                let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
                let error = rusqlite::Error::SqliteFailure(code, Some(problem.clone()));
                return Err(Unfit::Failed(error));
            }
            let mut writer = connection::writer(&path)?;
            let before = migrations::migrate(&mut writer, &path)?;
            Ok((writer, before, checked))
        };
        let (writer, before, checked) = opened().map_err(|unfit| match unfit {
            Unfit::Failed(error) => failure::of(&path, &error),
            Unfit::Foreign(error) => {
                StoreError::new(error.kind(), format!("{}: {error}", path.display()))
            }
        })?;
        let version = migrations::newest();
        match before {
            0 if was_emptied => tracing::warn!(
                "{}: the file was empty: a new store is begun",
                path.display()
            ),
            0 => tracing::info!("{}: a new store is begun", path.display()),
            before if before < version => tracing::info!(
                "{}: its tables had version {before}, and have version {version} now",
                path.display()
            ),
            _ if checked == Checked::InPart => tracing::info!(
                "{}: checked for {:?} without a finding; the rest is checked when it is read",
                path.display(),
                integrity::LIMIT
            ),
            _ => {}
        }
        let file = file(&path)?;
        Ok(Self {
            readers: Readers::new(&path),
            writer: Mutex::new(Writer {
                connection: writer,
                file,
            }),
            walk: Mutex::default(),
            _lock: lock,
            path,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let file = file(&self.path)?;
        self.readers
            .read(file, read)
            .map_err(|error| failure::of(&self.path, &error))
    }

    fn write<T>(
        &self,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.follow_file(&mut writer)?;
        let written = || {
            // Locked from the start: a transaction that read first could not wait for another process.
            let behavior = TransactionBehavior::Immediate;
            let transaction = writer.connection.transaction_with_behavior(behavior)?;
            let done = write(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        written().map_err(|error| failure::of(&self.path, &error))
    }

    /// Opens the file that is in its place now, if that is another one; if there is none, writes it anew from the
    /// connection, which still has it.
    fn follow_file(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let path = self.path.display();
        match connection::file_id(&self.path) {
            Some(file) if file == writer.file => return Ok(()),
            Some(_) => {
                writer.connection = connection::writer(&self.path)
                    .map_err(|error| failure::of(&self.path, &error))?;
                tracing::warn!("{path}: another file is in its place now, and is used");
            }
            None => {
                writer.connection = rescue::rescue(&writer.connection, &self.path)?;
                tracing::error!(
                    "{path}: somebody deleted or emptied the file; it was written anew"
                );
            }
        }
        writer.file = file(&self.path)?;
        Ok(())
    }

    /// The connection that writes, for tests of faults.
    #[cfg(test)]
    pub(super) fn with_writer<T>(&self, f: impl FnOnce(&mut Connection) -> T) -> T {
        f(&mut self.writer.lock().unwrap().connection)
    }
}

/// The file that is in its place now. One that is gone could still be written to, and all of it would be lost.
fn file(path: &Path) -> Result<FileId, StoreError> {
    connection::file_id(path).ok_or_else(|| {
        let message = format!("{}: the file is gone", path.display());
        StoreError::new(StoreErrorKind::Unreachable, message)
    })
}

impl Store for Sqlite {
    fn recall(&self, mailbox: &MailboxId, uidls: &[Uidl]) -> Result<MailboxMemory, StoreError> {
        self.read(|connection| recall::recall(connection, mailbox, uidls))
    }

    fn sender(&self, mailbox: &MailboxId, address: &str) -> Result<SenderHistory, StoreError> {
        self.read(|connection| senders::read(connection, mailbox, address))
    }

    fn senders(&self, mailbox: &MailboxId, limit: usize) -> Result<Vec<NamedSender>, StoreError> {
        self.read(|connection| senders::page(connection, mailbox, limit))
    }

    fn message(
        &self,
        mailbox: &MailboxId,
        uidl: &Uidl,
    ) -> Result<Option<MessageRecord>, StoreError> {
        self.read(|connection| messages::one(connection, mailbox, uidl))
    }

    fn messages(
        &self,
        mailbox: &MailboxId,
        uidls: &[Uidl],
    ) -> Result<Vec<(Uidl, MessageRecord)>, StoreError> {
        self.read(|connection| messages::some(connection, mailbox, uidls))
    }

    fn own_text(&self, mailbox: &MailboxId, uidl: &Uidl) -> Result<Option<Bytes>, StoreError> {
        self.read(|connection| mailboxes::own_text(connection, mailbox, uidl))
    }

    fn history_row(&self, id: &PopgateId) -> Result<Option<HistoryRow>, StoreError> {
        self.read(|connection| history::one(connection, id))
    }

    fn history_page(
        &self,
        query: &HistoryQuery,
        limit: Option<Duration>,
    ) -> Result<HistoryPage, StoreError> {
        self.read(|connection| history_search::page(connection, query, limit))
    }

    fn history_end(&self) -> Result<u64, StoreError> {
        self.read(history::end)
    }

    fn history_hours(
        &self,
        mailbox: Option<&MailboxId>,
        since: Timestamp,
    ) -> Result<Vec<HourCounts>, StoreError> {
        self.read(|connection| history_counts::hours(connection, mailbox, since))
    }

    fn history_rules(
        &self,
        mailbox: Option<&MailboxId>,
        since: Timestamp,
    ) -> Result<RuleStatistics, StoreError> {
        self.read(|connection| history_counts::rules(connection, mailbox, since))
    }

    fn index_history(&self) -> Result<bool, StoreError> {
        match self.read(history_indexing::next)? {
            Some(step) => {
                self.write(|transaction| history_indexing::apply(transaction, &step))?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn quarantined(&self, id: &PopgateId) -> Result<Option<Quarantined>, StoreError> {
        self.read(|connection| quarantine::one(connection, id))
    }

    fn held_as(&self, mailbox: &MailboxId, uidl: &Uidl) -> Result<Option<PopgateId>, StoreError> {
        self.read(|connection| quarantine::held_as(connection, mailbox, uidl))
    }

    fn quarantine(&self, query: &QuarantineQuery) -> Result<Vec<Quarantined>, StoreError> {
        self.read(|connection| quarantine::page(connection, query))
    }

    fn lists(&self, mailbox: Option<&MailboxId>) -> Result<Vec<ListEntry>, StoreError> {
        self.read(|connection| mailboxes::lists(connection, mailbox))
    }

    fn settings(&self, mailbox: &MailboxId) -> Result<MailboxSettings, StoreError> {
        self.read(|connection| match mailboxes::known(connection, mailbox)? {
            Some(id) => mailboxes::settings(connection, id),
            None => Ok(MailboxSettings::new()),
        })
    }

    fn contents(&self, mailbox: &MailboxId) -> Result<MailboxContents, StoreError> {
        self.read(|connection| mailboxes::contents(connection, mailbox))
    }

    fn mailbox_names(&self) -> Result<Vec<MailboxId>, StoreError> {
        self.read(mailboxes::names)
    }

    fn last_judged(&self, mailbox: Option<&MailboxId>) -> Result<Option<Timestamp>, StoreError> {
        self.read(|connection| mailboxes::last_judged(connection, mailbox))
    }

    fn mailboxes(&self) -> Result<Vec<MailboxSummary>, StoreError> {
        self.read(|connection| {
            let all = mailboxes::names(connection)?;
            mailboxes::summaries(connection, &all, u64::MAX)
        })
    }

    fn summaries(
        &self,
        mailboxes: &[MailboxId],
        most: u64,
    ) -> Result<Vec<MailboxSummary>, StoreError> {
        self.read(|connection| mailboxes::summaries(connection, mailboxes, most))
    }

    fn lessons(&self, after: u64, limit: usize) -> Result<Vec<NumberedLesson>, StoreError> {
        self.read(|connection| lessons::after(connection, after, limit))
    }

    fn lessons_place(&self) -> Result<LessonsPlace, StoreError> {
        self.read(lessons::place)
    }

    fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.write(|transaction| apply::apply_all(transaction, changes))
    }

    fn expire(&self, retention: &Retention) -> Result<Expired, StoreError> {
        let mut walk = self.walk.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.read(|connection| expire::old_messages(connection, &mut walk, retention))?;
        self.write(|transaction| expire::expire(transaction, retention, &old))
    }

    /// Copies the write-ahead log into the database file, so that a copy of the file of a stopped server is complete.
    fn checkpoint(&self) -> Result<(), StoreError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if connection::file_id(&self.path) != Some(writer.file) {
            return Ok(());
        }
        let checkpoint = || {
            writer.connection.busy_timeout(CHECKPOINT_WAITS)?;
            let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
            // Whether others were in the way: they have the log, and it is copied later.
            writer.connection.query_row(sql, [], |_| Ok(()))
        };
        checkpoint().map_err(|error| failure::of(&self.path, &error))
    }
}
