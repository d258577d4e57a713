//! What others than the message say of it: its signatures as popgate itself verified them, DNS lists, scanners.
//!
//! In: results, which the caller has gathered; out: the same for facts and for hits of a verdict. What could not be asked is
//! a [`CheckFailure`] with a sentence: it adds nothing to a score.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of a virus among the rules that hit.
pub const VIRUS: &str = "VIRUS";

/// How the name of a spam scanner begins among the rules that hit.
pub const SCANNER: &str = "SCANNER_";

/// Whether scanners' hits are called so: neither a rule nor an answer of a list may have such a name.
pub fn is_name_of_scanners(rule: &str) -> bool {
    rule == VIRUS || rule.starts_with(SCANNER)
}

/// The mark of a virus before a subject, in place of the configured one: `[VIRUS name] `.
pub fn virus_mark(name: &str) -> String {
    let name = name.bytes().filter(is_in_virus_mark).take(LONGEST_IN_MARK);
    format!("[{VIRUS} {}] ", name.map(char::from).collect::<String>())
}

/// The length of such a mark at the beginning of a subject, which may end with it.
pub(in crate::filter) fn virus_mark_length(subject: &[u8]) -> Option<usize> {
    let rest = subject.strip_prefix(b"[")?.strip_prefix(VIRUS.as_bytes())?;
    let name = rest.strip_prefix(b" ")?;
    let length = name.iter().take_while(|it| is_in_virus_mark(it)).count();
    let after = name[length..].strip_prefix(b"]")?;
    let spaces = match after {
        [] => 0,
        [b' ', ..] => 1,
        _ => return None,
    };
    (length <= LONGEST_IN_MARK).then(|| subject.len() - after.len() + spaces)
}

/// The longest name of a virus in a subject.
const LONGEST_IN_MARK: usize = 48;

fn is_in_virus_mark(letter: &u8) -> bool {
    letter.is_ascii_alphanumeric() || b".-_:/".contains(letter)
}

/// The checks of senders that popgate makes itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnChecks {
    /// Signatures are verified.
    pub dkim: bool,
    /// The host at the receiving domain's boundary is compared with the envelope sender's domain.
    pub spf: bool,
    /// The policy of the sender's domain is asked for.
    pub dmarc: bool,
}

impl OwnChecks {
    /// Whether there is any.
    pub fn is_any(self) -> bool {
        self.dkim || self.spf || self.dmarc
    }
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Findings {
    /// The signatures of the message (RFC 6376); `None` if they were not verified.
    pub dkim: Option<Vec<SignatureFinding>>,
    /// Whether the host at the receiving domain's boundary may send for the envelope sender (RFC 7208); `None` if that was
    /// not asked.
    pub spf: Option<SpfFinding>,
    /// What the sender's domain wants to be done (RFC 7489); `None` if that was not asked, or is not known.
    pub dmarc: Option<DmarcFinding>,
    /// What lists and scanners say.
    pub hits: Vec<ExternalHit>,
    /// What could not be asked.
    pub failures: Vec<CheckFailure>,
    /// Scanners that were not asked, since their points would not have changed what is done with the message.
    pub not_needed: Vec<String>,
}

/// A signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureFinding {
    /// The domain that has signed, in lower case.
    pub domain: String,
    /// What names its key.
    pub selector: String,
    /// Whether it is valid.
    pub result: SignatureResult,
    /// The domain only tries signatures out (t=y): it is to be treated as if it had not signed.
    pub is_test: bool,
    /// It covers only so many octets of the body (l=), which is longer.
    pub covers: Option<u64>,
}

/// Whether a signature is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureResult {
    /// It is.
    Passed,
    /// It is not: the message was changed, or somebody else has signed.
    Failed,
    /// It was valid for a time that is over (x=).
    Expired,
    /// The domain has withdrawn the key.
    Revoked,
    /// The domain has no such key.
    NoKey,
    /// It is longer than that of any key in use, and was not verified.
    TooLong,
    /// It, or its key, cannot be read.
    Unreadable,
    /// It was not verified: the key could not be asked for, the message has too many signatures or a header that is costly or
    /// ambiguous, or nobody knows whether it came before the time of the signature was over.
    NotChecked,
}

/// What SPF says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpfFinding {
    /// The domain of the envelope sender, in lower case.
    pub domain: String,
    /// The result.
    pub result: SpfResult,
}

/// A result of SPF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpfResult {
    /// The host may send for the domain.
    Pass,
    /// It may not.
    Fail,
    /// It probably may not.
    SoftFail,
    /// The domain does not say.
    Neutral,
    /// The domain has no record.
    None,
    /// The record is wrong.
    Wrong,
}

/// What DMARC says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DmarcFinding {
    /// The domain in From, in lower case.
    pub domain: String,
    /// What its owner wants to be done with mail that does not pass.
    pub policy: DmarcPolicy,
    /// Whether a signature or the sending host is the domain's, as the policy wants it; `None` if too little is known.
    pub passed: Option<bool>,
}

/// A policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DmarcPolicy {
    /// Nothing.
    None,
    /// To treat it as suspicious.
    Quarantine,
    /// To refuse it.
    Reject,
}

/// What a list or a scanner says of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExternalHit {
    /// The name of the list or scanner, as configured.
    pub check: String,
    /// The name among the rules that hit.
    pub rule: String,
    /// One sentence for people.
    pub description: String,
    /// What it adds to the sum.
    pub score: f64,
    /// What was listed or found.
    pub text: String,
    /// What is done at least with the message, whatever its score; it outranks lists of senders.
    pub at_least: Option<AtLeast>,
}

/// What is done at least with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtLeast {
    /// It is tagged.
    Tag,
    /// It is held back, or tagged where nothing is held back.
    Drop,
}

/// Something that could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckFailure {
    /// The name of the list or scanner, or `dkim`, `spf`, `dmarc`.
    pub check: String,
    /// Why not, for metrics.
    pub kind: FailureKind,
    /// Why not, for people.
    pub sentence: String,
}

/// Checks that were not made. They add nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotMade {
    /// What could not be asked.
    pub failed: Vec<CheckFailure>,
    /// Scanners that were not asked, since their points would not have changed what is done.
    pub not_needed: Vec<String>,
}

/// Why something could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// No answer came in time.
    Timeout,
    /// The server cannot be reached.
    Unreachable,
    /// Popgate may not use the server's socket.
    Permission,
    /// The server has closed the connection before its answer was complete.
    Closed,
    /// The server refuses the question.
    Refused,
    /// The server says that it has failed.
    ServerFailure,
    /// What came is no answer to the question.
    Nonsense,
    /// An answer that the configuration does not declare.
    UndeclaredAnswer,
    /// The list refuses those who ask by a public resolver, or too often.
    ListRefuses,
    /// It has failed again and again, and is not asked for a while.
    BreakerOpen,
    /// Too much is asked at a time.
    Busy,
    /// The message is larger than what is asked about.
    TooLarge,
    /// Only a part of the message was there.
    InPart,
    /// It is not among the recorded answers.
    NotRecorded,
    /// Popgate itself has failed.
    Panicked,
}

impl FailureKind {
    /// All.
    pub const ALL: [Self; 15] = [
        Self::Timeout,
        Self::Unreachable,
        Self::Permission,
        Self::Closed,
        Self::Refused,
        Self::ServerFailure,
        Self::Nonsense,
        Self::UndeclaredAnswer,
        Self::ListRefuses,
        Self::BreakerOpen,
        Self::Busy,
        Self::TooLarge,
        Self::InPart,
        Self::NotRecorded,
        Self::Panicked,
    ];

    /// As metrics name it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Permission => "permission",
            Self::Closed => "closed",
            Self::Refused => "refused",
            Self::ServerFailure => "server_failure",
            Self::Nonsense => "nonsense",
            Self::UndeclaredAnswer => "undeclared_answer",
            Self::ListRefuses => "list_refuses",
            Self::BreakerOpen => "breaker_open",
            Self::Busy => "busy",
            Self::TooLarge => "too_large",
            Self::InPart => "in_part",
            Self::NotRecorded => "not_recorded",
            Self::Panicked => "panicked",
        }
    }
}

impl NotMade {
    /// The octets that it takes.
    pub fn octets(&self) -> usize {
        let failed = self.failed.iter();
        let failed =
            failed.map(|it| size_of::<CheckFailure>() + it.check.len() + it.sentence.len());
        let not_needed = self.not_needed.iter();
        let not_needed = not_needed.map(|it| size_of::<String>() + it.len());
        size_of::<Self>() + failed.sum::<usize>() + not_needed.sum::<usize>()
    }
}

impl fmt::Display for CheckFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.sentence)
    }
}

impl SignatureFinding {
    /// Whether it was verified. If not, it says nothing, neither for nor against the sender.
    pub fn is_verified(&self) -> bool {
        !matches!(
            self.result,
            SignatureResult::NotChecked | SignatureResult::TooLong
        )
    }

    /// Whether the domain has signed all of the message, and means it.
    pub fn proves(&self) -> bool {
        self.result == SignatureResult::Passed && !self.is_test && self.covers.is_none()
    }
}

impl Findings {
    /// Whether nothing was found, and nothing failed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What was not found out, if anything: of each check each kind of failure once, though it was asked more than once.
    pub(in crate::filter) fn not_made(&self) -> Option<Arc<NotMade>> {
        let mut failed: Vec<CheckFailure> = Vec::new();
        for failure in &self.failures {
            let is_same = |it: &CheckFailure| it.check == failure.check && it.kind == failure.kind;
            if !failed.iter().any(is_same) {
                failed.push(failure.clone());
            }
        }
        let not_made = NotMade {
            failed,
            not_needed: self.not_needed.clone(),
        };
        (not_made != NotMade::default()).then(|| Arc::new(not_made))
    }

    /// Adds what another check has found.
    pub fn add(&mut self, other: Self) {
        self.dkim = other.dkim.or(self.dkim.take());
        self.spf = other.spf.or(self.spf.take());
        self.dmarc = other.dmarc.or(self.dmarc.take());
        self.hits.extend(other.hits);
        self.failures.extend(other.failures);
        self.not_needed.extend(other.not_needed);
    }

    /// What was found of the signatures, if that is all there is to know of the sender: a signature that was not checked
    /// leaves it open only if its domain would be the sender's.
    pub(in crate::filter) fn signatures(
        &self,
        is_senders: impl Fn(&str) -> bool,
    ) -> Option<&[SignatureFinding]> {
        let all = self.dkim.as_deref()?;
        let is_known = |it: &SignatureFinding| it.is_verified() || !is_senders(&it.domain);
        (all.iter().all(is_known) || all.iter().any(SignatureFinding::proves)).then_some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_written_as_the_mark_of_a_virus_is_one() {
        for name in [
            "",
            "Eicar-1.x",
            "Win.A/b:c_d",
            "a b\u{e4}(c)",
            &"x".repeat(500),
        ] {
            let mark = virus_mark(name);
            assert_eq!(virus_mark_length(mark.as_bytes()), Some(mark.len()));
            let subject = format!("{mark}hello] ");
            assert_eq!(virus_mark_length(subject.as_bytes()), Some(mark.len()));
            // An empty subject, after a mail program has taken the space away.
            let end = mark.trim_end();
            assert_eq!(virus_mark_length(end.as_bytes()), Some(end.len()));
        }
        for other in [
            "[VIRUS a b] x",
            "[VIRUS cheap,pills] x",
            "[VIRUS a]x",
            "[VIRUS] x",
            "[VIRUS a",
            " [VIRUS a] x",
            &format!("[VIRUS {}] x", "x".repeat(49)),
        ] {
            assert_eq!(virus_mark_length(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_signature_of_another_domain_that_was_not_checked_leaves_nothing_open() {
        let signature = |domain: &str, result| SignatureFinding {
            domain: domain.to_owned(),
            selector: "a".to_owned(),
            result,
            is_test: false,
            covers: None,
        };
        let is_known = |all: &[SignatureFinding]| {
            let findings = Findings {
                dkim: Some(all.to_vec()),
                ..Findings::default()
            };
            findings.signatures(|it| it == "example.net").is_some()
        };
        let other = signature("example.org", SignatureResult::NotChecked);
        let own = signature("example.net", SignatureResult::NotChecked);
        let long = signature("example.net", SignatureResult::TooLong);
        let failed = signature("example.net", SignatureResult::Failed);
        let proving = signature("example.com", SignatureResult::Passed);
        assert!(is_known(&[]) && is_known(&[other.clone(), failed]));
        assert!(is_known(&[own.clone(), proving]));
        assert!(!is_known(&[other, own]) && !is_known(&[long]));
    }

    #[test]
    fn a_check_that_fails_twice_in_the_same_way_is_told_once() {
        let failure = |check: &str, kind, sentence: &str| CheckFailure {
            check: check.to_owned(),
            kind,
            sentence: sentence.to_owned(),
        };
        let findings = Findings {
            failures: vec![
                failure("list", FailureKind::Timeout, "by header"),
                failure("list", FailureKind::Timeout, "by links"),
                failure("list", FailureKind::Refused, "by links"),
                failure("other", FailureKind::Timeout, "by header"),
            ],
            ..Findings::default()
        };
        let not_made = findings.not_made().unwrap();
        let told = not_made.failed.iter().map(|it| (&*it.check, it.kind));
        let expected = [
            ("list", FailureKind::Timeout),
            ("list", FailureKind::Refused),
            ("other", FailureKind::Timeout),
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn findings_are_the_same_after_they_were_written_and_read() {
        let findings = Findings {
            dkim: Some(vec![SignatureFinding {
                domain: "example.net".to_owned(),
                selector: "a".to_owned(),
                result: SignatureResult::Passed,
                is_test: false,
                covers: Some(3),
            }]),
            hits: vec![ExternalHit {
                check: "list".to_owned(),
                rule: "LISTED".to_owned(),
                description: "The host is listed".to_owned(),
                score: 2.0,
                text: "192.0.2.1".to_owned(),
                at_least: Some(AtLeast::Tag),
            }],
            failures: vec![CheckFailure {
                check: "list".to_owned(),
                kind: FailureKind::ListRefuses,
                sentence: "the list refuses queries".to_owned(),
            }],
            ..Findings::default()
        };
        let text = serde_json::to_string(&findings).unwrap();
        assert_eq!(serde_json::from_str::<Findings>(&text).unwrap(), findings);
        assert_eq!(
            serde_json::from_str::<Findings>("{}").unwrap(),
            Findings::default()
        );
    }
}
