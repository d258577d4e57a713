//! Windows cabinets: the names of the files in them.
//!
//! In: a cabinet; out: names. It unpacks nothing. MS-CAB 2.

use super::contents::{
    Archive, Member, NAME_LIMIT, NAME_WORK, NAMES_LIMIT, name_text, u16_at, u32_at,
};
use crate::message::work::Work;

pub(super) fn read<'d>(
    data: &'d [u8],
    archive: &mut Archive,
    work: &Work<'_>,
) -> Option<Vec<Member<'d>>> {
    // 2.1: the offset of the file list, and the number of files.
    let mut at = u32_at(data, 16)?;
    let count = u16_at(data, 28)?;
    for _ in 0..count.min(NAMES_LIMIT) {
        // 2.3: sixteen octets, then the name, which ends with a NUL.
        let Some(name) = at.checked_add(16).and_then(|at| data.get(at..)) else {
            break;
        };
        let Some(end) = memchr::memchr(0, &name[..name.len().min(NAME_LIMIT + 1)]) else {
            break;
        };
        if !work.spend(NAME_WORK) {
            break;
        }
        archive.add(&name_text(&name[..end], false));
        at += 16 + end + 1;
    }
    Some(Vec::new())
}
