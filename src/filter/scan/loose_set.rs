//! A few regexes without a literal, searched for together.
//!
//! In: the regexes, once; then texts; out: which of them match. Like the regexes of the stock, a set of them is compiled
//! when a text first needs it.

use std::sync::{Arc, LazyLock, OnceLock};

use regex::bytes::{RegexSet, RegexSetBuilder};

use crate::filter::pattern::Pattern;
use crate::filter::rule_error::RuleError;
use crate::filter::shared::{Shared, SourceDigest};

/// Limit of a compiled set.
const SIZE_LIMIT: usize = 16 << 20;

/// Cache of a set's states, per thread.
const CACHE: usize = 4 << 20;

/// The sets of all filters.
static SETS: LazyLock<Shared<LooseSet>> = LazyLock::new(Shared::default);

/// See the module.
#[derive(Debug)]
pub(super) struct LooseSet {
    sources: Vec<String>,
    /// Once it has been compiled; `None` if it cannot be.
    set: OnceLock<Option<RegexSet>>,
}

impl LooseSet {
    /// The set of these regexes. One that is too large is refused where it is not of the stock, whose regexes tests
    /// compile.
    pub(super) fn of(patterns: &[&Pattern]) -> Result<Arc<Self>, RuleError> {
        let sources = patterns.iter().map(|pattern| pattern.source());
        let set = SETS.get(SourceDigest::of(sources.clone()), || {
            Ok(Self {
                sources: sources.map(str::to_owned).collect(),
                set: OnceLock::new(),
            })
        })?;
        if patterns.iter().any(|pattern| pattern.is_compiled()) && !set.is_compiled() {
            let compiled = set.compiled()?;
            set.set.get_or_init(|| Some(compiled));
        }
        Ok(set)
    }

    /// Whether it has been compiled.
    pub(super) fn is_compiled(&self) -> bool {
        self.set.get().is_some()
    }

    /// Compiles it.
    pub(super) fn compile(&self) {
        self.set.get_or_init(|| {
            self.compiled()
                .inspect_err(|error| tracing::error!("a set of rules' regexes {error}"))
                .ok()
        });
    }

    /// Which of them match; `None` if it cannot be compiled. Whether any does is known four times as soon, and most texts
    /// have no match.
    pub(super) fn matches(&self, text: &str) -> Option<impl Iterator<Item = usize> + use<>> {
        self.compile();
        let set = self.set.get()?.as_ref()?;
        let text = text.as_bytes();
        let matches = set.is_match(text).then(|| set.matches(text));
        Some(matches.into_iter().flatten())
    }

    fn compiled(&self) -> Result<RegexSet, RuleError> {
        RegexSetBuilder::new(&self.sources)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(CACHE)
            .build()
            .map_err(|error| RuleError::ScannerTooBig(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_tells_what_its_regexes_tell() {
        let regexes = [r"[0-9]{3}", r"\b[0-9] ?a", "^#", "b.*[0-9]$"];
        let patterns = regexes.map(|it| Pattern::new(it).unwrap());
        let set = LooseSet::of(&patterns.each_ref()).unwrap();
        let mut random = fastrand::Rng::with_seed(11);
        for _ in 0..2_000 {
            let letters = ["a", "b", "1", "2", " ", "#", "x"];
            let length = random.usize(..12);
            let text: String = (0..length)
                .map(|_| letters[random.usize(..letters.len())])
                .collect();
            let is_match = |it: &Pattern| it.regex().unwrap().is_match(text.as_bytes());
            let expected: Vec<_> = (0..4).filter(|it| is_match(&patterns[*it])).collect();
            assert_eq!(
                set.matches(&text).unwrap().collect::<Vec<_>>(),
                expected,
                "{text}"
            );
        }
    }
}
