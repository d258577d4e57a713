//! From a verdict to the bytes that the client gets.
//!
//! In: a message as it is on the wire (dot-stuffed), and what is to be said of it; out: a [`Plan`]
//! of insertions and removals, or a notice in the message's place. Nothing is re-serialised: what
//! no edit touches stays as it came.
//!
//! It does no input or output, and what it adds goes through the same stuffing as all mail.
//!
//! RFC 5322 (fields, folding), RFC 2047 (the subject mark stays outside encoded words).

mod edit;
mod notice;
mod plan;
mod spam_headers;
mod subject_mark;

pub use edit::Edit;
pub use notice::{notice, top_of};
pub use plan::{MarkStyle, Piece, Plan};
pub use spam_headers::Mark;
