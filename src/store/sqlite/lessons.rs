//! What was taught, in the order in which it came.

use rusqlite::{Connection, Result, Row, params};

use super::super::contract::{LessonsPlace, NumberedLesson};
use super::super::records::{Label, Lesson};
use super::columns::{self, Coded, CodedColumn};
use super::mailboxes;

pub(super) fn add(connection: &Connection, lesson: &Lesson) -> Result<()> {
    let mailbox = mailboxes::number_or_all(connection, lesson.mailbox.as_ref())?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO lessons (id, node, mailbox, label, identity, features, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING",
    )?;
    let values = params![
        &*lesson.id,
        &*lesson.node,
        mailbox,
        lesson.label.map(Coded::code),
        &*lesson.identity,
        &*lesson.features,
        lesson.at.seconds()
    ];
    statement.execute(values).map(drop)
}

/// One file is one sequence: it is read beside no other.
pub(super) fn place(connection: &Connection) -> Result<LessonsPlace> {
    let mut statement = connection.prepare_cached(
        "SELECT (SELECT max(number) FROM lessons),
           (SELECT seq FROM sqlite_sequence WHERE name = 'lessons')",
    )?;
    statement.query_row([], |row| {
        Ok(LessonsPlace {
            sequence: "sqlite".to_owned(),
            last: columns::count(row, 0)?,
            given: columns::count(row, 1)?,
        })
    })
}

pub(super) fn after(
    connection: &Connection,
    after: u64,
    limit: usize,
) -> Result<Vec<NumberedLesson>> {
    let mut statement = connection.prepare_cached(
        "SELECT number, lessons.id, node, upstream, user, label, identity, features, at
         FROM lessons LEFT JOIN mailboxes ON mailboxes.id = lessons.mailbox
         WHERE number > ?1 AND ifnull(forgotten, 0) = 0 ORDER BY number LIMIT ?2",
    )?;
    let lesson = |row: &Row<'_>| {
        Ok(NumberedLesson {
            number: columns::count(row, 0)?,
            lesson: Lesson {
                id: columns::text(row, 1)?,
                node: columns::text(row, 2)?,
                mailbox: columns::optional_mailbox(row, 3)?,
                label: Label::read_optional(row, 5)?,
                identity: columns::bytes(row, 6)?,
                features: columns::bytes(row, 7)?,
                at: columns::time(row, 8)?,
            },
        })
    };
    let range = params![columns::octets(after), columns::octets(limit as u64)];
    statement.query_map(range, lesson)?.collect()
}
