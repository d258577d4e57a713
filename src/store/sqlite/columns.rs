//! Values as columns, and back. What no value has written is an error: the file is damaged then.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Error, Result, Row};

use super::super::coded;
pub(super) use super::super::coded::{Coded, octets, optional_thousandths};
use super::super::records::{PopgateId, Timestamp};
use crate::mailbox_id::{MailboxId, UpstreamId};
use crate::message::MessageDigest;
use crate::pop3::Uidl;

/// A closed set, read from a column of its numbers.
pub(super) trait CodedColumn: Coded {
    fn read(row: &Row<'_>, column: usize) -> Result<Self> {
        let code: i64 = row.get(column)?;
        Self::decode(code).ok_or(Error::IntegralValueOutOfRange(column, code))
    }

    fn read_optional(row: &Row<'_>, column: usize) -> Result<Option<Self>> {
        match row.get_ref(column)? {
            rusqlite::types::ValueRef::Null => Ok(None),
            _ => Self::read(row, column).map(Some),
        }
    }
}

impl<T: Coded> CodedColumn for T {}

pub(super) fn from_thousandths(row: &Row<'_>, column: usize) -> Result<Option<f64>> {
    Ok(coded::from_thousandths(row.get(column)?))
}

pub(super) fn optional_octets(row: &Row<'_>, column: usize) -> Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(coded::count))
}

pub(super) fn count(row: &Row<'_>, column: usize) -> Result<u64> {
    Ok(optional_octets(row, column)?.unwrap_or(0))
}

pub(super) fn optional_digest(row: &Row<'_>, column: usize) -> Result<Option<MessageDigest>> {
    let octets = row
        .get_ref(column)?
        .as_blob_or_null()
        .map_err(wrong(column))?;
    let read = |octets| {
        MessageDigest::from_octets(octets).ok_or_else(|| damaged(column, Type::Blob, "no digest"))
    };
    octets.map(read).transpose()
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
