//! What is asked for in the DNS, and why there is no usable answer.

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_resolver::proto::rr::RecordType;
use serde::{Deserialize, Serialize};

use crate::filter::findings::{CheckFailure, FailureKind};

/// A record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Record {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    /// Its texts, joined.
    Txt(String),
    Mx(u16, String),
    Ptr(String),
}

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    A,
    Aaaa,
    Txt,
    Mx,
    Ptr,
}

impl Kind {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Txt => "TXT",
            Self::Mx => "MX",
            Self::Ptr => "PTR",
        }
    }

    pub(super) fn record_type(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Txt => RecordType::TXT,
            Self::Mx => RecordType::MX,
            Self::Ptr => RecordType::PTR,
        }
    }
}

/// Why there is no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// For metrics.
    pub kind: FailureKind,
    /// For people.
    pub sentence: String,
}

impl Failure {
    /// Of this kind.
    pub fn new(kind: FailureKind, sentence: impl Into<String>) -> Self {
        Self {
            kind,
            sentence: sentence.into(),
        }
    }

    /// As a finding about a message.
    pub fn of(self, check: &str) -> CheckFailure {
        CheckFailure {
            check: check.to_owned(),
            kind: self.kind,
            sentence: self.sentence,
        }
    }
}
