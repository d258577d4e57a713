//! What was taught, in the order in which it came.

use deadpool_postgres::Object;
use tokio_postgres::Row;

use super::super::coded::octets;
use super::super::contract::{LessonsPlace, NumberedLesson};
use super::super::records::Lesson;
use super::columns::{self, small, storable};
use super::failure::Failure;
use super::statements::{Bound, bound, known, row, rows};

/// Where nodes are told of new lessons.
pub(super) const CHANNEL: &str = "popgate_lessons";

/// Before the first lesson of a batch. Until the batch is committed, no other one is numbered: otherwise a lesson could
/// appear below one that others have read already, and be missed. Nodes are told when it is committed.
pub(super) fn announce<'c>() -> [Bound<'c>; 2] {
    [
        bound!("SELECT pg_advisory_xact_lock($1)", LOCK),
        bound!("SELECT pg_notify($1, '')", CHANNEL),
    ]
}

/// `popg`, and the second lock of it.
const LOCK: i64 = 0x706f_7067_0002;

pub(super) fn add(lesson: &Lesson) -> Bound<'_> {
    let mailbox = lesson.mailbox.as_ref();
    bound!(
        concat!(
            "INSERT INTO lessons (mailbox, id, node, label, identity, features, at) SELECT ",
            known!(),
            ", $3, $4, $5, $6, $7, $8
             WHERE NOT EXISTS (SELECT 1 FROM lessons WHERE id = $3) ON CONFLICT (id) DO NOTHING"
        ),
        mailbox.map(|it| it.upstream().as_str()),
        mailbox.map(|it| &**it.user()),
        storable(&lesson.id),
        storable(&lesson.node),
        lesson.label.map(small),
        &*lesson.identity,
        &*lesson.features,
        lesson.at.seconds(),
    )
}

pub(super) async fn place(client: &Object) -> Result<LessonsPlace, Failure> {
    // The sequence counts what is being added, too.
    const SQL: &str =
        "SELECT (SELECT identity FROM schema_version), (SELECT max(number) FROM lessons),
           (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM lessons_number_seq)";
    let Some(row) = row(client, SQL, &[]).await? else {
        return Err(Failure::Damaged("no row where there must be one"));
    };
    Ok(LessonsPlace {
        sequence: row.try_get(0)?,
        last: columns::count(&row, 1)?,
        given: columns::count(&row, 2)?,
    })
}

pub(super) async fn after(
    client: &Object,
    after: u64,
    limit: usize,
) -> Result<Vec<NumberedLesson>, Failure> {
    const SQL: &str =
        "SELECT number, lessons.id, node, upstream, user_name, label, identity, features, at
         FROM lessons LEFT JOIN mailboxes ON mailboxes.id = lessons.mailbox
         WHERE number > $1 AND NOT coalesce(forgotten, false) ORDER BY number LIMIT $2";
    let found = rows(client, SQL, &[&octets(after), &octets(limit as u64)]).await?;
    found.iter().map(read).collect()
}

fn read(row: &Row) -> Result<NumberedLesson, Failure> {
    Ok(NumberedLesson {
        number: columns::count(row, 0)?,
        lesson: Lesson {
            id: columns::text(row, 1)?,
            node: columns::text(row, 2)?,
            mailbox: columns::optional_mailbox(row, 3)?,
            label: columns::optional_decoded(row, 5)?,
            identity: columns::bytes(row, 6)?,
            features: columns::bytes(row, 7)?,
            at: columns::time(row, 8)?,
        },
    })
}
