//! What compiled rules share: an automaton or a regex is kept once for all filters that need it.
//!
//! In: the source of a value and how to build it; out: the value that another filter built of the same
//! source, or a new one. A reload of the rules then costs the memory of what it changes, also while
//! sessions keep the filter that they began with. A value is freed with its last user.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use ring::digest::{Context, SHA256};

/// SHA-256 of a source: values of different sources are never taken for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SourceDigest([u8; 32]);

impl SourceDigest {
    /// The source that these texts make in this order.
    pub fn of<T: AsRef<[u8]>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut digest = Context::new(&SHA256);
        for text in texts {
            let text = text.as_ref();
            digest.update(&(text.len() as u64).to_be_bytes());
            digest.update(text);
        }
        let mut octets = [0; 32];
        octets.copy_from_slice(digest.finish().as_ref());
        Self(octets)
    }
}

/// The values in use, by source.
#[derive(Debug)]
pub(crate) struct Shared<T>(Mutex<HashMap<SourceDigest, Weak<T>>>);

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Shared<T> {
    /// The value of a source, which `build` makes if nobody has it. Two threads may build the same at once: both get
    /// the first.
    ///
    /// # Errors
    /// Those of `build`.
    pub(crate) fn get<E>(
        &self,
        source: SourceDigest,
        build: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        if let Some(value) = self.known(source) {
            return Ok(value);
        }
        // Building takes long: others go on meanwhile.
        let built = Arc::new(build()?);
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = values.get(&source).and_then(Weak::upgrade) {
            return Ok(value);
        }
        if values.len() == values.capacity() {
            values.retain(|_, value| value.strong_count() > 0);
        }
        values.insert(source, Arc::downgrade(&built));
        Ok(built)
    }

    fn known(&self, source: SourceDigest) -> Option<Arc<T>> {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        values.get(&source)?.upgrade()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[test]
    fn a_value_is_built_once_while_it_is_used() {
        let shared = Shared::default();
        let get = |text: &str, value: u32| {
            let built = shared.get(SourceDigest::of([text]), || Ok::<_, Infallible>(value));
            built.unwrap_or_else(|never| match never {})
        };
        let first = get("a", 1);
        assert_eq!((*get("a", 2), *get("b", 3)), (1, 3));
        drop(first);
        assert_eq!(*get("a", 4), 4);
        assert_eq!(
            shared.get(SourceDigest::of(["c"]), || Err("wrong")),
            Err("wrong")
        );
    }

    #[test]
    fn unused_sources_are_forgotten() {
        let shared = Shared::default();
        for number in 0..10_000 {
            let source = SourceDigest::of([format!("{number}")]);
            let _ = shared.get(source, || Ok::<_, Infallible>(number));
        }
        assert!(shared.0.lock().unwrap().len() < 100);
    }

    #[test]
    fn the_parts_of_a_source_do_not_run_together() {
        assert_ne!(SourceDigest::of(["ab", "c"]), SourceDigest::of(["a", "bc"]));
        assert_ne!(SourceDigest::of(["a"]), SourceDigest::of(["a", ""]));
    }
}
