//! A rule's regex: checked, bounded in size, and with the literals that every match requires.
//!
//! In: the text of a regex; out: a [`Pattern`], or what is wrong with it. Matching is linear in the
//! text (there are no look-around and no back-references). Some things are simpler than in the regex
//! crate: `\b` is ASCII only (the Unicode one falls back to a slow engine), `\d` and `\s`
//! are ASCII (plus the no-break space), `\w` contains all non-ASCII characters, and `(?i)` does not
//! match the long s as `s` nor the Kelvin sign as `k`.

use std::sync::{Arc, LazyLock, OnceLock};

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::hir::{Capture, Repetition};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look};

use crate::filter::required_literals;
use crate::filter::required_pairs::{self, Requirement};
use crate::filter::rule_error::RuleError;
use crate::filter::shared::{Shared, SourceDigest};

/// Limit of a compiled regex's size: a larger one repeats too much to be fast.
const SIZE_LIMIT: usize = 1 << 20;

/// A regex, once it has been compiled; `None` if it cannot be.
type Compiled = OnceLock<Option<Regex>>;

/// The regexes of all filters.
static REGEXES: LazyLock<Shared<Compiled>> = LazyLock::new(Shared::default);

/// A regex, ready to match.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// As it is compiled.
    source: Arc<str>,
    regex: Arc<Compiled>,
    /// In lower case; every match contains one of these. Empty if there are none.
    pub literals: Vec<Vec<u8>>,
    /// Every text with a match has a pair of octets of each of these.
    pub(crate) required_pairs: Vec<Requirement>,
    /// The octets of the shortest match.
    pub(crate) shortest: usize,
}

impl Pattern {
    /// Parses and compiles a regex.
    pub fn new(text: &str) -> Result<Self, RuleError> {
        let pattern = Self::of_stock(text)?;
        if !pattern.is_compiled() {
            let _ = pattern.regex.set(Some(compiled(&pattern.source)?));
        }
        Ok(pattern)
    }

    /// Parses a regex of the stock, which tests compile. Here it is compiled when a text first has the
    /// required literals: most never are, and compiling all would take 40 % of the start-up time.
    pub(crate) fn of_stock(text: &str) -> Result<Self, RuleError> {
        let mut parser = regex_syntax::ParserBuilder::new().utf8(false).build();
        let hir = parser.parse(text).map_err(|error| syntax_error(&error))?;
        let hir = narrowed(&hir);
        if hir.properties().minimum_len() == Some(0) && !has_anchor(&hir) {
            return Err(RuleError::MatchesEmptyText);
        }
        let source: Arc<str> = hir.to_string().into();
        Ok(Self {
            regex: REGEXES.get(SourceDigest::of([&*source]), || Ok(Compiled::new()))?,
            source,
            literals: required_literals::required(&hir).unwrap_or_default(),
            required_pairs: required_pairs::required(&hir),
            shortest: hir.properties().minimum_len().unwrap_or_default(),
        })
    }

    /// A regex of a rule of such a layer.
    pub(crate) fn of_layer(text: &str, layer: Layer) -> Result<Self, RuleError> {
        match layer {
            Layer::Stock => Self::of_stock(text),
            Layer::Own => Self::new(text),
        }
    }

    /// The regex's text, as it is compiled.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it has been compiled.
    pub(crate) fn is_compiled(&self) -> bool {
        self.regex.get().is_some()
    }

    /// The compiled regex; `None` if it cannot be compiled, which [`Pattern::new`] would have refused.
    pub fn regex(&self) -> Option<&Regex> {
        let regex = self.regex.get_or_init(|| {
            compiled(&self.source)
                .inspect_err(
                    |error| tracing::error!(regex = %self.source, "a rule's regex {error}"),
                )
                .ok()
        });
        regex.as_ref()
    }
}

fn compiled(source: &str) -> Result<Regex, RuleError> {
    RegexBuilder::new(source)
        .size_limit(SIZE_LIMIT)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => RuleError::RegexTooBig,
            error => RuleError::RefusedRegex(error.to_string()),
        })
}

/// Where rules come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// Compiled in and covered by tests.
    Stock,
    /// The user's own.
    Own,
}

fn has_anchor(hir: &Hir) -> bool {
    !hir.properties().look_set().is_empty()
}

fn syntax_error(error: &regex_syntax::Error) -> RuleError {
    let (kind, span) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span()),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), error.span()),
        error => return RuleError::RefusedRegex(error.to_string()),
    };
    RuleError::InvalidRegex {
        reason: kind,
        column: span.start.column,
    }
}

fn narrowed(hir: &Hir) -> Hir {
    let all = |hirs: &[Hir]| hirs.iter().map(narrowed).collect();
    match hir.kind() {
        HirKind::Look(Look::WordUnicode) => Hir::look(Look::WordAscii),
        HirKind::Look(Look::WordUnicodeNegate) => Hir::look(Look::WordAsciiNegate),
        HirKind::Look(Look::WordStartUnicode) => Hir::look(Look::WordStartAscii),
        HirKind::Look(Look::WordEndUnicode) => Hir::look(Look::WordEndAscii),
        HirKind::Class(Class::Unicode(class)) => Hir::class(Class::Unicode(simple(class))),
        HirKind::Repetition(repetition) => {
            let mut sub = narrowed(&repetition.sub);
            // Without a group, a question mark after a count would be printed as lazy.
            if matches!(sub.kind(), HirKind::Repetition(_)) {
                sub = Hir::capture(Capture {
                    index: 1,
                    name: None,
                    sub: Box::new(sub),
                });
            }
            Hir::repetition(Repetition {
                sub: Box::new(sub),
                ..repetition.clone()
            })
        }
        HirKind::Capture(capture) => Hir::capture(Capture {
            sub: Box::new(narrowed(&capture.sub)),
            ..capture.clone()
        }),
        HirKind::Concat(hirs) => Hir::concat(all(hirs)),
        HirKind::Alternation(hirs) => Hir::alternation(all(hirs)),
        _ => hir.clone(),
    }
}

/// Perl classes as automata of few states: digits and white space are ASCII, and a word character is
/// an ASCII one or any non-ASCII one. In visible text all white space is a space already.
fn simple(class: &ClassUnicode) -> ClassUnicode {
    static SIMPLE: LazyLock<Vec<(ClassUnicode, ClassUnicode)>> = LazyLock::new(|| {
        let ranges = |ranges: &[(char, char)]| {
            let ranges = ranges.iter();
            ClassUnicode::new(ranges.map(|(first, last)| ClassUnicodeRange::new(*first, *last)))
        };
        let beyond = ('\u{80}', char::MAX);
        let words = ranges(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z'), beyond]);
        let digits = ranges(&[('0', '9')]);
        let spaces = ranges(&[('\t', '\r'), (' ', ' '), ('\u{a0}', '\u{a0}')]);
        let mut pairs = Vec::new();
        for (perl, plain) in [(r"\w", words), (r"\d", digits), (r"\s", spaces)] {
            if let Ok(hir) = regex_syntax::parse(perl)
                && let HirKind::Class(Class::Unicode(all)) = hir.kind()
            {
                let (mut none, mut not_plain) = (all.clone(), plain.clone());
                none.negate();
                not_plain.negate();
                pairs.extend([(all.clone(), plain), (none, not_plain)]);
            }
        }
        pairs
    });
    if let Some((_, plain)) = SIMPLE.iter().find(|(perl, _)| perl == class) {
        return plain.clone();
    }
    without_look_alikes(class)
}

fn without_look_alikes(class: &ClassUnicode) -> ClassUnicode {
    let of = |letters: &[char]| {
        ClassUnicode::new(
            letters
                .iter()
                .map(|letter| ClassUnicodeRange::new(*letter, *letter)),
        )
    };
    for (upper, lower, look_alike) in [('S', 's', '\u{17f}'), ('K', 'k', '\u{212a}')] {
        if *class == of(&[upper, lower, look_alike]) {
            return of(&[upper, lower]);
        }
    }
    class.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(regex: &str, text: &str) -> bool {
        let pattern = Pattern::new(regex).expect("a regex");
        pattern
            .regex()
            .is_some_and(|regex| regex.is_match(text.as_bytes()))
    }

    #[test]
    fn regex_features_work_as_documented() {
        assert!(matches(r"(?i)\bkiss\b", "a KISS!"));
        assert!(!matches(r"(?i)\bkiss\b", "akiss"));
        assert!(matches(r"^\p{Greek}+$", "αβγ"));
        assert!(matches(r"(?m)^b.d\x20$", "a\nbüd \nc"));
        assert!(matches(r"[^\x00-\x7f]{2}", "éé"));
        assert!(!matches("^$", "x"));
        assert!(matches(r"a(?:b|c){2,3}?d", "abcd"));
        assert!(matches(r"^(?:x{3})?y$", "y") && matches(r"^(?:x{3})?y$", "xxxy"));
        assert!(!matches(r"^(?:x{3})?y$", "xxy"));
        assert!(matches(r"^\w+ \d\s\D$", "größe 1 x"));
        assert!(!matches(r"^\d$", "\u{661}"));
    }

    #[test]
    fn errors_are_explained() {
        let reason = |regex| {
            Pattern::new(regex)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        };
        assert!(
            reason("a(b").contains("unclosed group"),
            "{}",
            reason("a(b")
        );
        assert!(
            reason("(?=a)").contains("look-around"),
            "{}",
            reason("(?=a)")
        );
        assert!(reason(r"(?:\w{100}){100}").contains("too big"));
        assert!(reason("a*").contains("empty text"));
    }
}
