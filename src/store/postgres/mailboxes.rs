//! Mailboxes, and what is said of them: settings, lists, popgate's own messages, digests.

use bytes::Bytes;
use deadpool_postgres::Object;
use tokio_postgres::Row;

use super::super::coded::octets;
use super::super::records::{
    ListEntry, ListKind, ListPattern, MailboxContents, MailboxSettings, MailboxSummary, OwnBody,
    OwnEntry, PopgateId, Timestamp,
};
use super::columns::{self, small, storable};
use super::failure::Failure;
use super::statements::{Bound, bound, known, row, rows};
use crate::filter::receiving_server::{CheckedBy, Observed, ReceivingServer};
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;

/// Creates a mailbox, if it is missing.
pub(super) fn create(mailbox: &MailboxId) -> Bound<'_> {
    bound!(
        concat!(
            "INSERT INTO mailboxes (upstream, user_name) SELECT $1::text, $2::text WHERE ",
            known!(),
            " IS NULL ON CONFLICT DO NOTHING"
        ),
        mailbox.upstream().as_str(),
        &**mailbox.user(),
    )
}

pub(super) async fn settings(
    client: &Object,
    mailbox: &MailboxId,
) -> Result<MailboxSettings, Failure> {
    const SQL: &str = concat!("SELECT key, value FROM settings WHERE mailbox = ", known!());
    let (upstream, user) = (mailbox.upstream().as_str(), &**mailbox.user());
    let found = rows(client, SQL, &[&upstream, &user]).await?;
    let pair = |row: &Row| Ok((columns::text(row, 0)?, columns::text(row, 1)?));
    found.iter().map(pair).collect()
}

pub(super) fn set<'c>(mailbox: &'c MailboxId, key: &'c str, value: Option<&'c str>) -> Bound<'c> {
    let (upstream, user) = (mailbox.upstream().as_str(), &**mailbox.user());
    match value {
        None => bound!(
            concat!(
                "DELETE FROM settings WHERE mailbox = ",
                known!(),
                " AND key = $3"
            ),
            upstream,
            user,
            storable(key),
        ),
        Some(value) => bound!(
            concat!(
                "INSERT INTO settings (mailbox, key, value) VALUES (",
                known!(),
                ", $3, $4) ON CONFLICT (mailbox, key) DO UPDATE SET value = excluded.value"
            ),
            upstream,
            user,
            storable(key),
            storable(value),
        ),
    }
}

/// The lists of a mailbox and of everybody, or all.
pub(super) async fn lists(
    client: &Object,
    mailbox: Option<&MailboxId>,
) -> Result<Vec<ListEntry>, Failure> {
    let sql = |condition: &str| {
        format!(
            "SELECT list, upstream, user_name, pattern, trusts_unauthenticated, added
             FROM lists LEFT JOIN mailboxes ON mailboxes.id = lists.mailbox
             WHERE {condition} ORDER BY list, pattern, lists.mailbox NULLS FIRST"
        )
    };
    let found = match mailbox {
        None => rows(client, &sql("NOT coalesce(forgotten, false)"), &[]).await?,
        Some(of) => {
            // Only their parts of the index are read. There is no mailbox 0: that is everybody.
            let sql = sql(concat!(
                "coalesce(lists.mailbox, 0) IN (0, coalesce(",
                known!(),
                ", 0))"
            ));
            let (upstream, user) = (of.upstream().as_str(), &**of.user());
            rows(client, &sql, &[&upstream, &user]).await?
        }
    };
    found.iter().map(list_entry).collect()
}

fn list_entry(row: &Row) -> Result<ListEntry, Failure> {
    let pattern = ListPattern::parse(row.try_get(3)?);
    Ok(ListEntry {
        list: columns::decoded(row, 0)?,
        mailbox: columns::optional_mailbox(row, 1)?,
        pattern: pattern.ok_or(Failure::Damaged("neither address nor domain"))?,
        trusts_unauthenticated: row.try_get(4)?,
        added: columns::time(row, 5)?,
    })
}

pub(super) fn add_to_list(entry: &ListEntry) -> Bound<'_> {
    let mailbox = entry.mailbox.as_ref();
    bound!(
        concat!(
            "INSERT INTO lists (mailbox, list, pattern, trusts_unauthenticated, added)
             VALUES (",
            known!(),
            ", $3, $4, $5, $6)
             ON CONFLICT (coalesce(mailbox, 0), list, pattern)
             DO UPDATE SET trusts_unauthenticated = excluded.trusts_unauthenticated"
        ),
        mailbox.map(|it| it.upstream().as_str()),
        mailbox.map(|it| &**it.user()),
        small(entry.list),
        storable(entry.pattern.as_str()),
        entry.trusts_unauthenticated,
        entry.added.seconds(),
    )
}

pub(super) fn remove_from_list<'c>(
    list: ListKind,
    mailbox: Option<&'c MailboxId>,
    pattern: &'c ListPattern,
) -> Bound<'c> {
    let pattern = storable(pattern.as_str());
    match mailbox {
        None => bound!(
            "DELETE FROM lists WHERE coalesce(mailbox, 0) = 0 AND list = $1 AND pattern = $2",
            small(list),
            pattern,
        ),
        Some(of) => bound!(
            concat!(
                "DELETE FROM lists WHERE coalesce(mailbox, 0) = ",
                known!(),
                " AND list = $3 AND pattern = $4"
            ),
            of.upstream().as_str(),
            &**of.user(),
            small(list),
            pattern,
        ),
    }
}

pub(super) async fn own_entries(
    client: &Object,
    mailbox: &MailboxId,
) -> Result<Vec<OwnEntry>, Failure> {
    const SQL: &str = concat!(
        "SELECT uidl, octets, quarantined, created, unless_listed FROM own_entries
         WHERE mailbox = ",
        known!(),
        " ORDER BY created, uidl"
    );
    let (upstream, user) = (mailbox.upstream().as_str(), &**mailbox.user());
    let entry = |row: &Row| {
        Ok(OwnEntry {
            uidl: columns::uidl(row, 0)?,
            octets: columns::count(row, 1)?,
            body: match columns::optional_text(row, 2)? {
                Some(_) => OwnBody::Quarantined(columns::id(row, 2)?),
                None => OwnBody::Stored,
            },
            created: columns::time(row, 3)?,
            unless_listed: columns::optional_uidl(row, 4)?,
        })
    };
    let found = rows(client, SQL, &[&upstream, &user]).await?;
    found.iter().map(entry).collect()
}

pub(super) async fn own_text(
    client: &Object,
    mailbox: &MailboxId,
    uidl: &Uidl,
) -> Result<Option<Bytes>, Failure> {
    const SQL: &str = concat!(
        "SELECT text FROM own_entries WHERE mailbox = ",
        known!(),
        " AND uidl = $3"
    );
    let (upstream, user) = (mailbox.upstream().as_str(), &**mailbox.user());
    match row(client, SQL, &[&upstream, &user, &uidl.octets()]).await? {
        Some(row) => columns::optional_bytes(&row, 0),
        None => Ok(None),
    }
}

pub(super) fn add_own_entry<'c>(
    mailbox: &'c MailboxId,
    entry: &'c OwnEntry,
    text: Option<&'c Bytes>,
) -> Bound<'c> {
    let quarantined = match &entry.body {
        OwnBody::Stored => None,
        OwnBody::Quarantined(id) => Some(id.as_str()),
    };
    bound!(
        concat!(
            "INSERT INTO own_entries
               (mailbox, uidl, octets, quarantined, created, text, unless_listed)
             VALUES (",
            known!(),
            ", $3, $4, $5, $6, $7, $8) ON CONFLICT (mailbox, uidl) DO NOTHING"
        ),
        mailbox.upstream().as_str(),
        &**mailbox.user(),
        entry.uidl.octets(),
        octets(entry.octets),
        quarantined,
        entry.created.seconds(),
        text.map(|text| &**text),
        entry.unless_listed.as_ref().map(Uidl::octets),
    )
}

pub(super) fn remove_own_entry<'c>(mailbox: &'c MailboxId, uidl: &'c Uidl) -> Bound<'c> {
    bound!(
        concat!(
            "DELETE FROM own_entries WHERE mailbox = ",
            known!(),
            " AND uidl = $3"
        ),
        mailbox.upstream().as_str(),
        &**mailbox.user(),
        uidl.octets(),
    )
}

/// Removes the entries whose text is this message.
pub(super) fn remove_own_entries_of(id: &PopgateId) -> Bound<'_> {
    bound!(
        "DELETE FROM own_entries WHERE quarantined = $1",
        id.as_str()
    )
}

pub(super) async fn last_digest(
    client: &Object,
    mailbox: &MailboxId,
) -> Result<Option<Timestamp>, Failure> {
    const SQL: &str = "SELECT last_digest FROM mailboxes WHERE upstream = $1 AND user_name = $2";
    let (upstream, user) = (mailbox.upstream().as_str(), &**mailbox.user());
    match row(client, SQL, &[&upstream, &user]).await? {
        Some(row) => columns::optional_time(&row, 0),
        None => Ok(None),
    }
}

pub(super) fn digest_made(mailbox: &MailboxId, at: Timestamp) -> Bound<'_> {
    bound!(
        "UPDATE mailboxes SET last_digest = greatest(last_digest, $3)
         WHERE upstream = $1 AND user_name = $2",
        mailbox.upstream().as_str(),
        &**mailbox.user(),
        at.seconds(),
    )
}

/// As far as its messages say it.
pub(super) async fn receiving_server(
    client: &Object,
    mailbox: &MailboxId,
) -> Result<Option<ReceivingServer>, Failure> {
    const SQL: &str = "SELECT checked_by, checked_by_weight FROM mailboxes
         WHERE upstream = $1 AND user_name = $2";
    let (upstream, user) = (mailbox.upstream().as_str(), &**mailbox.user());
    let Some(found) = row(client, SQL, &[&upstream, &user]).await? else {
        return Ok(None);
    };
    let by: Option<&str> = found.try_get(0)?;
    let weight: i16 = found.try_get(1)?;
    let by = by.and_then(CheckedBy::read);
    let weight = u8::try_from(weight).unwrap_or(0);
    Ok(by.map(|by| ReceivingServer::new(by, weight)))
}

/// A majority vote: see `filter::receiving_server`.
pub(super) fn sender_checked<'c>(mailbox: &'c MailboxId, observed: &Observed) -> Bound<'c> {
    bound!(
        "UPDATE mailboxes SET
           checked_by_weight = CASE
             WHEN checked_by = $3::text THEN least(checked_by_weight + 1, $5::smallint)
             WHEN checked_by_weight > $4::smallint THEN checked_by_weight - $4::smallint
             ELSE 1 END,
           checked_by = CASE
             WHEN checked_by = $3 OR checked_by_weight > $4 THEN checked_by
             ELSE $3 END
         WHERE upstream = $1 AND user_name = $2",
        mailbox.upstream().as_str(),
        &**mailbox.user(),
        observed.by.text(),
        i16::from(observed.weight()),
        i16::from(ReceivingServer::MOST),
    )
}

/// The number of a mailbox, if there is anything about it.
pub(super) async fn number(client: &Object, mailbox: &MailboxId) -> Result<Option<i64>, Failure> {
    const SQL: &str = "SELECT id FROM mailboxes WHERE upstream = $1 AND user_name = $2";
    let (upstream, user) = (mailbox.upstream().as_str(), &**mailbox.user());
    let found = row(client, SQL, &[&upstream, &user]).await?;
    found.map(|row| Ok(row.try_get(0)?)).transpose()
}

pub(super) async fn names(client: &Object) -> Result<Vec<MailboxId>, Failure> {
    const SQL: &str = "SELECT upstream, user_name FROM mailboxes WHERE NOT forgotten
         ORDER BY user_name COLLATE \"C\", upstream COLLATE \"C\"";
    let found = rows(client, SQL, &[]).await?;
    found.iter().map(|row| columns::mailbox(row, 0)).collect()
}

/// When the newest row was judged.
pub(super) async fn last_judged(
    client: &Object,
    mailbox: Option<&MailboxId>,
) -> Result<Option<Timestamp>, Failure> {
    const OF_ALL: &str = "SELECT time FROM history
         WHERE mailbox NOT IN (SELECT id FROM mailboxes WHERE forgotten)
         ORDER BY number DESC LIMIT 1";
    const OF_ONE: &str = concat!(
        "SELECT time FROM history WHERE mailbox = ",
        known!(),
        " ORDER BY number DESC LIMIT 1"
    );
    let found = match mailbox {
        Some(of) => {
            let (upstream, user) = (of.upstream().as_str(), &**of.user());
            row(client, OF_ONE, &[&upstream, &user]).await?
        }
        None => row(client, OF_ALL, &[]).await?,
    };
    found.map(|row| columns::time(&row, 0)).transpose()
}

/// Of these mailboxes, or of all; so many rows of a history are counted at most.
pub(super) async fn summaries(
    client: &Object,
    mailboxes: Option<&[MailboxId]>,
    most: u64,
) -> Result<Vec<MailboxSummary>, Failure> {
    const SQL: &str = "SELECT upstream, user_name,
           (SELECT count(*) FROM quarantine WHERE mailbox = known.id AND state = 0),
           (SELECT count(*) FROM (SELECT 1 FROM history WHERE mailbox = known.id LIMIT $4) AS counted),
           (SELECT time FROM history WHERE mailbox = known.id ORDER BY number DESC LIMIT 1),
           (SELECT jsonb_object_agg(key, value) FROM settings WHERE mailbox = known.id)
         FROM mailboxes AS known
         WHERE NOT forgotten AND ($1 OR (upstream, user_name) IN
           (SELECT * FROM unnest($2::text[], $3::text[])))
         ORDER BY user_name COLLATE \"C\", upstream COLLATE \"C\"";
    let summary = |row: &Row| {
        let has_settings = row.try_get::<_, Option<serde_json::Value>>(5)?.is_some();
        let settings: std::collections::BTreeMap<String, String> = match has_settings {
            true => columns::json(row, 5)?,
            false => Default::default(),
        };
        Ok(MailboxSummary {
            mailbox: columns::mailbox(row, 0)?,
            held: columns::count(row, 2)?,
            history: columns::count(row, 3)?,
            settings: settings
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
            last_judged: columns::optional_time(row, 4)?,
        })
    };
    let of = mailboxes.unwrap_or_default();
    let upstreams: Vec<&str> = of.iter().map(|it| it.upstream().as_str()).collect();
    let users: Vec<&str> = of.iter().map(|it| &**it.user()).collect();
    let (all, most) = (mailboxes.is_none(), octets(most));
    let found = rows(client, SQL, &[&all, &upstreams, &users, &most]).await?;
    found.iter().map(summary).collect()
}

pub(super) async fn contents(
    client: &Object,
    mailbox: &MailboxId,
) -> Result<MailboxContents, Failure> {
    const SQL: &str = "SELECT
           (SELECT count(*) FROM messages WHERE mailbox = known.id),
           (SELECT count(*) FROM history WHERE mailbox = known.id),
           (SELECT count(*) FROM senders WHERE mailbox = known.id),
           (SELECT count(*) FROM lists WHERE mailbox = known.id),
           (SELECT count(*) FROM settings WHERE mailbox = known.id),
           (SELECT count(*) FROM own_entries WHERE mailbox = known.id),
           (SELECT count(*) FROM lessons WHERE mailbox = known.id),
           (SELECT count(*) FROM quarantine WHERE mailbox = known.id)
         FROM mailboxes AS known WHERE upstream = $1 AND user_name = $2";
    let (upstream, user) = (mailbox.upstream().as_str(), &**mailbox.user());
    let Some(row) = row(client, SQL, &[&upstream, &user]).await? else {
        return Ok(MailboxContents::default());
    };
    Ok(MailboxContents {
        messages: columns::count(&row, 0)?,
        history: columns::count(&row, 1)?,
        senders: columns::count(&row, 2)?,
        lists: columns::count(&row, 3)?,
        settings: columns::count(&row, 4)?,
        own_entries: columns::count(&row, 5)?,
        lessons: columns::count(&row, 6)?,
        quarantine: columns::count(&row, 7)?,
    })
}

/// Gives the rows of a mailbox to one without a name, whose rows are deleted step by step. What is held stays. No server
/// has an empty name.
pub(super) fn forget(mailbox: &MailboxId) -> Bound<'_> {
    bound!(
        "WITH old AS (
           UPDATE mailboxes SET upstream = '', user_name = id::text, forgotten = true, last_digest = NULL
           WHERE upstream = $1 AND user_name = $2 RETURNING id
         ), new AS (
           INSERT INTO mailboxes (upstream, user_name) SELECT $1::text, $2::text FROM old
           WHERE EXISTS (SELECT 1 FROM quarantine WHERE mailbox = old.id AND state = 0) RETURNING id
         )
         UPDATE quarantine SET mailbox = new.id FROM old, new
         WHERE mailbox = old.id AND state = 0",
        mailbox.upstream().as_str(),
        &**mailbox.user(),
    )
}
