//! The learned filter: learns from examples what an account's owner calls spam.
//!
//! In: messages with labels; out: the probability that others are spam, and the reasons. It
//! does no I/O: [`crate::store`] keeps the learned state.

pub mod account_weights;
pub mod counts;
pub mod extract;
pub mod features;
mod hash;
pub mod learned_state;
pub mod model;
pub mod opinion;
pub mod shipped;
pub mod varint;
mod weights_owner;

pub use extract::Look;
pub use features::{FeatureGroup, Features};
pub use learned_state::{Digest, LearnedState, Update};
pub use model::Belief;
pub use opinion::Opinion;
pub use shipped::Shipped;
pub use weights_owner::WeightsOwner;

use crate::message::header::fields;
use hash::Hash;

/// A message without the fields that popgate inserted at its top: popgate must not learn from its
/// own marks.
pub fn original(raw: &[u8]) -> &[u8] {
    const FIRST: &[u8] = b"x-popgate-id";
    const OURS: &[u8] = b"x-spam-";
    let is = |name: &[u8], begin: &[u8]| {
        name.get(..begin.len())
            .is_some_and(|name| name.eq_ignore_ascii_case(begin))
    };
    let mut end = 0;
    for field in fields(raw) {
        let name = &raw[field.name.clone()];
        let ours = if end == 0 {
            is(name, FIRST)
        } else {
            is(name, OURS)
        };
        if !ours || field.whole.start != end {
            break;
        }
        end = field.whole.end;
    }
    &raw[end..]
}

/// Identifies a message.
pub fn digest(raw: &[u8]) -> Digest {
    let half = |salt| Hash::salted(salt).with(raw).whole().to_le_bytes();
    let mut digest = Digest::default();
    digest[..8].copy_from_slice(&half(1001));
    digest[8..].copy_from_slice(&half(1002));
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn popgates_own_fields_are_stripped() {
        let mail = b"Subject: x\r\nX-Spam-Flag: NO\r\n\r\nbody";
        let block = b"X-Popgate-Id: 1\r\nX-Spam-Flag: YES\r\nX-Spam-Report: a\r\n\tb\r\n";
        let marked = [&block[..], mail].concat();
        assert_eq!(original(&marked), mail);
        assert_eq!(original(mail), mail);
        assert_eq!(digest(original(&marked)), digest(mail));
        assert_ne!(digest(mail), digest(b"Subject: y\r\n\r\nbody"));
    }
}
