//! Values as columns, and back. What no value has written is an error: the file is damaged then.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Error, Result, Row};

use super::super::records::{HeldState, Label, ListKind, MessageState, PopgateId, Timestamp};
use crate::filter::Action;
use crate::mailbox_id::{MailboxId, UpstreamId};
use crate::pop3::Uidl;

/// A closed set whose members are numbers in the file.
pub(super) trait Coded: Copy + PartialEq + 'static {
    /// In the order of their numbers, from 0.
    const ALL: &'static [Self];

    fn code(self) -> i64 {
        let place = Self::ALL.iter().position(|it| *it == self);
        place
            .and_then(|place| i64::try_from(place).ok())
            .unwrap_or(-1)
    }

    fn read(row: &Row<'_>, column: usize) -> Result<Self> {
        let code: i64 = row.get(column)?;
        let place = usize::try_from(code).ok();
        let found = place.and_then(|place| Self::ALL.get(place));
        found
            .copied()
            .ok_or(Error::IntegralValueOutOfRange(column, code))
    }

    fn read_optional(row: &Row<'_>, column: usize) -> Result<Option<Self>> {
        match row.get_ref(column)? {
            rusqlite::types::ValueRef::Null => Ok(None),
            _ => Self::read(row, column).map(Some),
        }
    }
}

impl Coded for MessageState {
    const ALL: &'static [Self] = &[
        Self::Judged,
        Self::Delivered,
        Self::Held,
        Self::Hidden,
        Self::Released,
        Self::Deleted,
    ];
}

impl Coded for Action {
    const ALL: &'static [Self] = &[Self::Pass, Self::Tag, Self::Drop];
}

impl Coded for Label {
    const ALL: &'static [Self] = &[Self::Ham, Self::Spam];
}

impl Coded for HeldState {
    const ALL: &'static [Self] = &[Self::Held, Self::Released, Self::Deleted];
}

impl Coded for ListKind {
    const ALL: &'static [Self] = &[Self::Allow, Self::Block];
}

/// In thousandths. A score is finite and small; what is not is cut off.
#[allow(clippy::cast_possible_truncation)] // `as` cuts off
pub(super) fn thousandths(value: f64) -> i64 {
    (value * 1000.0).round() as i64
}

pub(super) fn optional_thousandths(value: Option<f64>) -> Option<i64> {
    value.map(thousandths)
}

pub(super) fn from_thousandths(row: &Row<'_>, column: usize) -> Result<Option<f64>> {
    let value: Option<i64> = row.get(column)?;
    #[allow(clippy::cast_precision_loss)] // scores are small
    Ok(value.map(|value| value as f64 / 1000.0))
}

pub(super) fn octets(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn optional_octets(row: &Row<'_>, column: usize) -> Result<Option<u64>> {
    let value: Option<i64> = row.get(column)?;
    Ok(value.map(|value| u64::try_from(value).unwrap_or(0)))
}

pub(super) fn count(row: &Row<'_>, column: usize) -> Result<u64> {
    Ok(optional_octets(row, column)?.unwrap_or(0))
}

pub(super) fn time(row: &Row<'_>, column: usize) -> Result<Timestamp> {
    row.get(column).map(Timestamp::from_seconds)
}

pub(super) fn optional_time(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    let seconds: Option<i64> = row.get(column)?;
    Ok(seconds.map(Timestamp::from_seconds))
}

pub(super) fn text(row: &Row<'_>, column: usize) -> Result<Arc<str>> {
    let text = row.get_ref(column)?.as_str().map_err(wrong(column))?;
    Ok(text.into())
}

pub(super) fn optional_text(row: &Row<'_>, column: usize) -> Result<Option<Arc<str>>> {
    let text = row
        .get_ref(column)?
        .as_str_or_null()
        .map_err(wrong(column))?;
    Ok(text.map(Into::into))
}

pub(super) fn bytes(row: &Row<'_>, column: usize) -> Result<Bytes> {
    let bytes = row.get_ref(column)?.as_blob().map_err(wrong(column))?;
    Ok(Bytes::copy_from_slice(bytes))
}

pub(super) fn optional_bytes(row: &Row<'_>, column: usize) -> Result<Option<Bytes>> {
    let bytes = row
        .get_ref(column)?
        .as_blob_or_null()
        .map_err(wrong(column))?;
    Ok(bytes.map(Bytes::copy_from_slice))
}

pub(super) fn uidl(row: &Row<'_>, column: usize) -> Result<Uidl> {
    optional_uidl(row, column)?.ok_or_else(|| damaged(column, Type::Blob, "no UIDL"))
}

pub(super) fn optional_uidl(row: &Row<'_>, column: usize) -> Result<Option<Uidl>> {
    let octets = row
        .get_ref(column)?
        .as_blob_or_null()
        .map_err(wrong(column))?;
    let read = |octets| Uidl::new(octets).ok_or_else(|| damaged(column, Type::Blob, "no UIDL"));
    octets.map(read).transpose()
}

pub(super) fn id(row: &Row<'_>, column: usize) -> Result<PopgateId> {
    let text = row.get_ref(column)?.as_str().map_err(wrong(column))?;
    PopgateId::new(text).ok_or_else(|| damaged(column, Type::Text, "no X-Popgate-Id"))
}

/// Of the columns `upstream` and `user`.
pub(super) fn mailbox(row: &Row<'_>, column: usize) -> Result<MailboxId> {
    optional_mailbox(row, column)?.ok_or_else(|| damaged(column, Type::Text, "no mailbox"))
}

pub(super) fn optional_mailbox(row: &Row<'_>, column: usize) -> Result<Option<MailboxId>> {
    let Some(upstream) = optional_text(row, column)? else {
        return Ok(None);
    };
    let user = text(row, column + 1)?;
    let mailbox = MailboxId::new(UpstreamId::from_stored(&upstream), &user);
    let mailbox = mailbox.ok_or_else(|| damaged(column + 1, Type::Text, "no user name"))?;
    Ok(Some(mailbox))
}

fn wrong(column: usize) -> impl Fn(FromSqlError) -> Error {
    move |error| Error::FromSqlConversionFailure(column, Type::Null, Box::new(error))
}

/// What a column should have, and has not.
pub(super) fn damaged(column: usize, kind: Type, what: &'static str) -> Error {
    Error::FromSqlConversionFailure(column, kind, what.into())
}
