//! Rewrites a message according to its verdict.
//!
//! In: a message as on the wire (dot-stuffed), and its mark; out: a [`Plan`] of insertions and removals, or a notice
//! that replaces the message. Nothing is re-serialised: octets outside the edits are unchanged.
//!
//! It does no I/O, and what it adds is dot-stuffed like all mail.
//!
//! RFC 5322 (fields, folding), RFC 2047 (the subject mark stays outside encoded words).

mod digest;
mod edit;
mod mark_text;
mod notice;
mod plan;
mod spam_headers;
mod subject_mark;

pub use digest::{Digest, HeldMessage, digest};
pub use edit::Edit;
pub use mark_text::{MarkStyle, MarkText};
pub use notice::{notice, top_of};
pub use plan::{Piece, Plan};
pub use spam_headers::Mark;
