//! The database: the trait's methods, each handed to the file that knows its tables.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use deadpool_postgres::Object;

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
use super::connections::Connections;
use super::examination::{self, Examination};
use super::failure::Failure;
use super::listener::Listener;
use super::target::Target;
use super::{
    apply, expire, history, history_counts, history_indexing, history_search, lessons, mailboxes,
    messages, migrations, quarantine, recall, senders,
};
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;

/// How long an answer may take. The server gives up a little before.
const LIMIT: Duration = Duration::from_secs(12);

/// How long the tables may take to be brought to a new version.
const MIGRATION: Duration = Duration::from_secs(60 * 60);

/// See the module.
#[derive(Debug)]
pub struct Postgres {
    connections: Connections,
    /// Whether the tables are those of this program. A server that starts without its database finds out later.
    is_ready: AtomicBool,
    listener: OnceLock<Listener>,
}

impl Postgres {
    /// A database that is not connected yet. Its first use creates the tables if they are missing, or migrates them to
    /// this program's version.
    ///
    /// # Errors
    /// If the system has no thread for it.
    pub fn new(target: &Target) -> Result<Self, StoreError> {
        let connections = Connections::new(target).map_err(|error| {
            let message = format!("{}: {error}", target.name);
            StoreError::new(StoreErrorKind::Unreachable, message)
        })?;
        Ok(Self {
            connections,
            is_ready: AtomicBool::new(false),
            listener: OnceLock::new(),
        })
    }

    /// Connects, and makes the tables ready; does nothing if that is done.
    ///
    /// # Errors
    /// Why it cannot be used, and what to do. It may be tried again.
    pub fn prepare(&self) -> Result<(), StoreError> {
        if self.is_ready.load(Ordering::Acquire) {
            return Ok(());
        }
        let (database, newest) = (self.connections.database(), migrations::newest());
        let migrate = async |client: &mut Object| migrations::migrate(client).await;
        match self.connections.run(MIGRATION, migrate)? {
            0 => tracing::info!("{database}: a new store is begun"),
            before if before < newest => tracing::info!(
                "{database}: its tables had version {before}, and have version {newest} now"
            ),
            _ => {}
        }
        self.is_ready.store(true, Ordering::Release);
        Ok(())
    }

    /// Connects to a database that has the tables already: for a command, which changes none.
    ///
    /// # Errors
    /// As [`Self::prepare`], and if the tables are missing or older.
    pub fn expect_tables(&self) -> Result<(), StoreError> {
        let version = async |client: &mut Object| migrations::version(&***client).await;
        match self.connections.run(LIMIT, version)? {
            version if version == migrations::newest() => {
                self.is_ready.store(true, Ordering::Release);
                Ok(())
            }
            version => Err(StoreError::new(
                StoreErrorKind::Incompatible,
                format!(
                    "{}: its tables have version {version}, and this popgate needs version {}: `popgate serve` makes them at its start",
                    self.connections.database(),
                    migrations::newest()
                ),
            )),
        }
    }

    /// How often this was told of new lessons. It hears of them from the first call on.
    pub fn told_of_lessons(&self) -> u64 {
        self.listener().told()
    }

    /// Waits until it is told of lessons once more than so often, or may have missed that, and so long at most.
    pub fn await_lessons(&self, told: u64, limit: Duration) {
        self.listener().wait(told, limit);
    }

    fn listener(&self) -> &Listener {
        let connections = &self.connections;
        self.listener
            .get_or_init(|| Listener::start(connections.event_loop(), connections.dialler()))
    }

    /// What the server is, and what popgate may do there.
    ///
    /// # Errors
    /// If it cannot be asked.
    pub fn examine(&self) -> Result<Examination, StoreError> {
        let examine = async |client: &mut Object| examination::examine(client).await;
        self.connections.run(LIMIT, examine)
    }

    fn run<T>(
        &self,
        work: impl AsyncFnOnce(&mut Object) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        self.prepare()?;
        self.connections.run(LIMIT, work)
    }
}

impl Store for Postgres {
    fn recall(&self, mailbox: &MailboxId, uidls: &[Uidl]) -> Result<MailboxMemory, StoreError> {
        self.run(async |client| recall::recall(client, mailbox, uidls).await)
    }

    fn sender(&self, mailbox: &MailboxId, address: &str) -> Result<SenderHistory, StoreError> {
        self.run(async |client| senders::read(client, mailbox, address).await)
    }

    fn senders(&self, mailbox: &MailboxId, limit: usize) -> Result<Vec<NamedSender>, StoreError> {
        self.run(async |client| senders::page(client, mailbox, limit).await)
    }

    fn message(
        &self,
        mailbox: &MailboxId,
        uidl: &Uidl,
    ) -> Result<Option<MessageRecord>, StoreError> {
        self.run(async |client| messages::one(client, mailbox, uidl).await)
    }

    fn messages(
        &self,
        mailbox: &MailboxId,
        uidls: &[Uidl],
    ) -> Result<Vec<(Uidl, MessageRecord)>, StoreError> {
        self.run(async |client| messages::some(client, mailbox, uidls).await)
    }

    fn own_text(&self, mailbox: &MailboxId, uidl: &Uidl) -> Result<Option<Bytes>, StoreError> {
        self.run(async |client| mailboxes::own_text(client, mailbox, uidl).await)
    }

    fn history_row(&self, id: &PopgateId) -> Result<Option<HistoryRow>, StoreError> {
        self.run(async |client| history::one(client, id).await)
    }

    fn history_page(
        &self,
        query: &HistoryQuery,
        limit: Option<Duration>,
    ) -> Result<HistoryPage, StoreError> {
        self.run(async |client| history_search::page(client, query, limit).await)
    }

    fn history_end(&self) -> Result<u64, StoreError> {
        self.run(async |client| history::end(client).await)
    }

    fn history_hours(
        &self,
        mailbox: Option<&MailboxId>,
        since: Timestamp,
    ) -> Result<Vec<HourCounts>, StoreError> {
        self.run(async |client| history_counts::hours(client, mailbox, since).await)
    }

    fn history_rules(
        &self,
        mailbox: Option<&MailboxId>,
        since: Timestamp,
    ) -> Result<RuleStatistics, StoreError> {
        self.run(async |client| history_counts::rules(client, mailbox, since).await)
    }

    fn index_history(&self) -> Result<bool, StoreError> {
        self.run(async |client| history_indexing::index(client).await)
    }

    fn quarantined(&self, id: &PopgateId) -> Result<Option<Quarantined>, StoreError> {
        self.run(async |client| quarantine::one(client, id).await)
    }

    fn held_as(&self, mailbox: &MailboxId, uidl: &Uidl) -> Result<Option<PopgateId>, StoreError> {
        self.run(async |client| quarantine::held_as(client, mailbox, uidl).await)
    }

    fn quarantine(&self, query: &QuarantineQuery) -> Result<Vec<Quarantined>, StoreError> {
        self.run(async |client| quarantine::page(client, query).await)
    }

    fn lists(&self, mailbox: Option<&MailboxId>) -> Result<Vec<ListEntry>, StoreError> {
        self.run(async |client| mailboxes::lists(client, mailbox).await)
    }

    fn settings(&self, mailbox: &MailboxId) -> Result<MailboxSettings, StoreError> {
        self.run(async |client| mailboxes::settings(client, mailbox).await)
    }

    fn contents(&self, mailbox: &MailboxId) -> Result<MailboxContents, StoreError> {
        self.run(async |client| mailboxes::contents(client, mailbox).await)
    }

    fn mailbox_names(&self) -> Result<Vec<MailboxId>, StoreError> {
        self.run(async |client| mailboxes::names(client).await)
    }

    fn last_judged(&self, mailbox: Option<&MailboxId>) -> Result<Option<Timestamp>, StoreError> {
        self.run(async |client| mailboxes::last_judged(client, mailbox).await)
    }

    fn mailboxes(&self) -> Result<Vec<MailboxSummary>, StoreError> {
        self.run(async |client| mailboxes::summaries(client, None, u64::MAX).await)
    }

    fn summaries(
        &self,
        mailboxes: &[MailboxId],
        most: u64,
    ) -> Result<Vec<MailboxSummary>, StoreError> {
        self.run(async |client| mailboxes::summaries(client, Some(mailboxes), most).await)
    }

    fn lessons(&self, after: u64, limit: usize) -> Result<Vec<NumberedLesson>, StoreError> {
        self.run(async |client| lessons::after(client, after, limit).await)
    }

    fn lessons_place(&self) -> Result<LessonsPlace, StoreError> {
        self.run(async |client| lessons::place(client).await)
    }

    fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        match changes {
            [] => Ok(()),
            _ => self.run(async |client| apply::apply(client, changes).await),
        }
    }

    fn expire(&self, retention: &Retention) -> Result<Expired, StoreError> {
        self.run(async |client| expire::expire(client, retention).await)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        // Its server does that.
        Ok(())
    }
}
