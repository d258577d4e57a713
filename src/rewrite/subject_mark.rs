//! The mark before the subject of spam.
//!
//! RFC 2047: it stays outside encoded words.

use bytes::Bytes;

use super::edit::Edit;
use crate::message::header::Field;

/// The mark before the subject's value, outside encoded words, exactly as configured.
pub(super) fn edit(wire: &[u8], field: &Field, mark: &str) -> Option<Edit> {
    let value = &wire[field.value.clone()];
    // A second proxy, or the provider, may have marked it already.
    if value.trim_ascii_start().starts_with(mark.trim().as_bytes()) {
        return None;
    }
    let space = usize::from(value.first() == Some(&b' '));
    Some(Edit {
        at: field.value.start + space,
        remove: 0,
        insert: Bytes::copy_from_slice(mark.as_bytes()),
    })
}
