//! What a scanner is told of a delivery, and what it says of a message: bounded in length, and printable.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// So many of the rules that hit are kept.
pub(super) const MOST_SYMBOLS: usize = 20;

/// What is known of the delivery of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Who has sent it to the first server that is trusted.
    pub client: Option<IpAddr>,
    /// What that one called itself.
    pub helo: Option<String>,
    /// The envelope sender.
    pub sender: Option<String>,
}

/// What a scanner says of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScannerAnswer {
    /// A spam scanner's score.
    Score(ScannerScore),
    /// No virus.
    Clean,
    /// A virus.
    Virus {
        /// Its name.
        name: String,
    },
}

/// What a spam scanner says of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScannerScore {
    /// Whether it calls the message spam.
    pub is_spam: bool,
    /// Its points.
    pub score: f64,
    /// Its own threshold for spam.
    pub threshold: f64,
    /// What hit, what weighs most first; not all of it.
    pub symbols: Vec<ScannerSymbol>,
}

/// A rule of a scanner that hit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScannerSymbol {
    /// Its name.
    pub name: String,
    /// Its points, where the scanner says them.
    pub score: Option<f64>,
}

/// A text of a scanner, for logs and header fields: printable and bounded.
pub(super) fn printed(text: &str, most: usize) -> String {
    let graphic = |letter: char| match letter {
        ' '..='~' => letter,
        _ => '?',
    };
    text.chars().take(most).map(graphic).collect()
}
