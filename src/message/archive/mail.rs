//! Attached messages: the files in them.
//!
//! In: a message that is attached as a file; out: names and files.

use super::contents::{Archive, MEMBERS_LIMIT, Member, Packing, name_text};
use crate::message::decode;
use crate::message::mime::{self, Kind};
use crate::message::work::Work;

pub(super) fn read(data: &[u8], archive: &mut Archive, work: &Work<'_>) -> Vec<Member<'static>> {
    let mut members = Vec::new();
    mime::walk(data, work, &mut |part| {
        let is_leaf = !matches!(part.kind, Kind::Multipart | Kind::Message);
        let is_file = is_leaf && (part.name.is_some() || part.kind == Kind::Data);
        if !is_file || members.len() >= MEMBERS_LIMIT {
            return;
        }
        let name = part.name.as_deref().unwrap_or_default();
        let name = name_text(name.as_bytes(), true);
        if !name.is_empty() && !archive.add(&name) {
            return;
        }
        let body = &part.body[..work.afford(part.body.len(), decode::WORK)];
        members.push(Member {
            name,
            content: decode::bytes(part.encoding, body).into_owned().into(),
            packing: Packing::Stored,
        });
    });
    members
}
