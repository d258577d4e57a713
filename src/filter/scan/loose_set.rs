//! A few regexes without a literal, searched for together.
//!
//! In: the regexes, once; then texts; out: which of them match. Like the regexes of the stock, a set of them is compiled
//! when a text first needs it.

use std::sync::{Arc, LazyLock, OnceLock};

use regex::bytes::{RegexSet, RegexSetBuilder, SetMatches};

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

    /// Which of them match; `None` if it cannot be compiled.
    pub(super) fn matches(&self, text: &str) -> Option<SetMatches> {
        self.compile();
        let set = self.set.get()?.as_ref()?;
        Some(set.matches(text.as_bytes()))
    }

    fn compiled(&self) -> Result<RegexSet, RuleError> {
        RegexSetBuilder::new(&self.sources)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(CACHE)
            .build()
            .map_err(|error| RuleError::ScannerTooBig(error.to_string()))
    }
}
