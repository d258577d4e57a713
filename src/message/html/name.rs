//! Names of elements, which are copied a lot.
//!
//! In: a name; out: its beginning in a few bytes, and back.

/// The beginning of an element's name; enough to distinguish all real ones.
pub(super) type Name = [u8; 16];

/// The beginning of a name.
pub(super) fn name_of(name: &[u8]) -> Name {
    let mut short = Name::default();
    for (to, from) in short.iter_mut().zip(name) {
        *to = *from;
    }
    short
}

/// A name as it is written.
pub(super) fn spelled(name: &Name) -> &[u8] {
    let length = name.iter().position(|byte| *byte == 0);
    &name[..length.unwrap_or(name.len())]
}
