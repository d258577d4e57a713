//! Values as columns, and back. What no value has written is an error.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use tokio_postgres::Row;

use super::super::coded::{self, Coded};
use super::super::records::{PopgateId, Timestamp};
use super::failure::Failure;
use crate::mailbox_id::{MailboxId, UpstreamId};
use crate::message::MessageDigest;
use crate::pop3::Uidl;

type Result<T> = std::result::Result<T, Failure>;

/// The number of a member, in a column of two octets.
pub(super) fn small(value: impl Coded) -> i16 {
    i16::try_from(value.code()).unwrap_or(-1)
}

/// The day of a time, in a column of four octets.
pub(super) fn day(time: Timestamp) -> i32 {
    i32::try_from(coded::day(time)).unwrap_or(i32::MAX)
}

/// A text without zero octets, which PostgreSQL has no place for.
pub(super) fn storable(text: &str) -> Cow<'_, str> {
    match text.contains('\0') {
        true => Cow::Owned(text.replace('\0', "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}

pub(super) fn decoded<T: Coded>(row: &Row, column: usize) -> Result<T> {
    optional_decoded(row, column)?.ok_or(Failure::Damaged("no number where there must be one"))
}

pub(super) fn optional_decoded<T: Coded>(row: &Row, column: usize) -> Result<Option<T>> {
    let code: Option<i16> = row.try_get(column)?;
    let decode = |code: i16| T::decode(code.into()).ok_or(Failure::Damaged("an unknown number"));
    code.map(decode).transpose()
}

pub(super) fn from_thousandths(row: &Row, column: usize) -> Result<Option<f64>> {
    Ok(coded::from_thousandths(row.try_get(column)?))
}

pub(super) fn optional_octets(row: &Row, column: usize) -> Result<Option<u64>> {
    Ok(row.try_get::<_, Option<i64>>(column)?.map(coded::count))
}

pub(super) fn count(row: &Row, column: usize) -> Result<u64> {
    Ok(optional_octets(row, column)?.unwrap_or(0))
}

pub(super) fn time(row: &Row, column: usize) -> Result<Timestamp> {
    Ok(Timestamp::from_seconds(row.try_get(column)?))
}

pub(super) fn optional_time(row: &Row, column: usize) -> Result<Option<Timestamp>> {
    let seconds: Option<i64> = row.try_get(column)?;
    Ok(seconds.map(Timestamp::from_seconds))
}

pub(super) fn text(row: &Row, column: usize) -> Result<Arc<str>> {
    Ok(row.try_get::<_, &str>(column)?.into())
}

pub(super) fn optional_text(row: &Row, column: usize) -> Result<Option<Arc<str>>> {
    Ok(row.try_get::<_, Option<&str>>(column)?.map(Into::into))
}

pub(super) fn bytes(row: &Row, column: usize) -> Result<Bytes> {
    Ok(Bytes::copy_from_slice(row.try_get(column)?))
}

pub(super) fn optional_bytes(row: &Row, column: usize) -> Result<Option<Bytes>> {
    let bytes: Option<&[u8]> = row.try_get(column)?;
    Ok(bytes.map(Bytes::copy_from_slice))
}

pub(super) fn optional_digest(row: &Row, column: usize) -> Result<Option<MessageDigest>> {
    let octets: Option<&[u8]> = row.try_get(column)?;
    let read = |octets| MessageDigest::from_octets(octets).ok_or(Failure::Damaged("no digest"));
    octets.map(read).transpose()
}

pub(super) fn uidl(row: &Row, column: usize) -> Result<Uidl> {
    optional_uidl(row, column)?.ok_or(Failure::Damaged("no UIDL"))
}

pub(super) fn optional_uidl(row: &Row, column: usize) -> Result<Option<Uidl>> {
    let octets: Option<&[u8]> = row.try_get(column)?;
    let read = |octets| Uidl::new(octets).ok_or(Failure::Damaged("no UIDL"));
    octets.map(read).transpose()
}

pub(super) fn id(row: &Row, column: usize) -> Result<PopgateId> {
    let text = row.try_get(column)?;
    PopgateId::new(text).ok_or(Failure::Damaged("no X-Popgate-Id"))
}

/// Of the columns `upstream` and `user_name`.
pub(super) fn mailbox(row: &Row, column: usize) -> Result<MailboxId> {
    optional_mailbox(row, column)?.ok_or(Failure::Damaged("no mailbox"))
}

pub(super) fn optional_mailbox(row: &Row, column: usize) -> Result<Option<MailboxId>> {
    let Some(upstream) = optional_text(row, column)? else {
        return Ok(None);
    };
    let user = row.try_get(column + 1)?;
    let mailbox = MailboxId::new(UpstreamId::from_stored(&upstream), user);
    mailbox.ok_or(Failure::Damaged("no user name")).map(Some)
}

/// A column of JSON.
pub(super) fn json<T: serde::de::DeserializeOwned>(row: &Row, column: usize) -> Result<T> {
    let value = row.try_get(column)?;
    serde_json::from_value(value).map_err(|_| Failure::Damaged("not the expected JSON"))
}
