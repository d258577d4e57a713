//! The POP3 codec: bytes to commands and replies, and back.
//!
//! In: bytes as they arrive, in pieces of any size; out: what they mean. All handling of line ends and
//! dot-stuffing is in this room.
//!
//! It does no I/O, reads no clock, and never buffers a whole response.
//!
//! RFC 1939 (POP3), RFC 2449 (CAPA, command length), RFC 2595 (STLS), RFC 3206 (response codes),
//! RFC 5034 (AUTH), RFC 6856 (UTF8, LANG).

pub mod announced;
pub mod capa;
mod client_line;
pub mod command;
mod command_line;
pub mod dot;
pub mod line;
pub mod line_ends;
pub mod listing_end;
pub mod login_answer;
pub mod login_name;
pub mod reply;
pub mod sasl;
mod sasl_name;
pub mod secret;
pub mod suffixed_login;
pub mod uidl;
pub mod uidl_listing;
pub mod user_name;

pub use command::{Command, Lines, Malformed};
pub use login_answer::LoginAnswer;
pub use login_name::LoginName;
pub use reply::{Shape, Status};
pub use secret::Secret;
pub use uidl::Uidl;
pub use uidl_listing::UidlListing;
pub use user_name::UserName;

use std::fmt;
use std::num::NonZeroU32;

/// A message number as on the wire, from 1 (RFC 1939 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageNumber(NonZeroU32);

impl MessageNumber {
    /// `None` for 0.
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// The number as on the wire.
    pub fn value(self) -> u32 {
        self.0.get()
    }

    /// Reads decimal digits; anything else, 0, and numbers of more than 32 bits are `None`.
    pub fn parse(digits: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(digits).ok()?;
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Self::new(text.parse().ok()?)
    }
}

impl fmt::Display for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A message's number in the mailbox that the client sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientNumber(pub MessageNumber);

/// A message's number in the upstream's mailbox. Only the session's mailbox view turns one kind of
/// number into the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpstreamNumber(pub MessageNumber);

impl UpstreamNumber {
    /// The number at a place, counted from 0.
    pub fn at(place: usize) -> Option<Self> {
        let number = u32::try_from(place).ok()?.checked_add(1)?;
        MessageNumber::new(number).map(Self)
    }
}
