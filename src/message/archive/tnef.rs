//! TNEF, Outlook's attachment format (`winmail.dat`): the names of the files in it.
//!
//! In: a TNEF file; out: names and files. MS-OXTNEF 2.1.

use std::borrow::Cow;

use super::contents::{Archive, Member, NAME_WORK, NAMES_LIMIT, Packing, name_text, u32_at};
use crate::message::work::Work;

/// 2.1.3.2, attAttachTitle and attAttachData.
const TITLE: usize = 0x0001_8010;
const DATA: usize = 0x0006_800f;

pub(super) fn read<'d>(
    data: &'d [u8],
    archive: &mut Archive,
    work: &Work<'_>,
) -> Option<Vec<Member<'d>>> {
    let mut members: Vec<Member<'d>> = Vec::new();
    let mut content: &[u8] = &[];
    // The signature and a key, then attributes: level, id, length, value, checksum.
    let mut at = 6_usize;
    while let (Some(id), Some(length)) = (
        u32_at(data, at.saturating_add(1)),
        u32_at(data, at.saturating_add(5)),
    ) {
        if !work.spend(NAME_WORK) || archive.names.len() >= NAMES_LIMIT {
            break;
        }
        let value = data.get(at + 9..).unwrap_or_default();
        let value = &value[..value.len().min(length)];
        // Title and data may come in either order.
        match id {
            DATA => content = value,
            TITLE => {
                let end = memchr::memchr(0, value).unwrap_or(value.len());
                let name = name_text(&value[..end], false);
                if archive.add(&name) {
                    members.push(Member {
                        name,
                        content: Cow::Borrowed(&[]),
                        packing: Packing::Stored,
                    });
                }
            }
            _ => {}
        }
        if let Some(member) = members
            .last_mut()
            .filter(|member| member.content.is_empty())
        {
            member.content = Cow::Borrowed(std::mem::take(&mut content));
        }
        at = at.saturating_add(9 + 2).saturating_add(length);
    }
    Some(members)
}
