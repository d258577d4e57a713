//! Why no scores are fitted.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why no scores are fitted, or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum FitError {
    /// No rule's score may change.
    NoRules,
    /// Too few messages of a kind.
    FewMessages {
        /// Of spam, not of ham.
        is_spam: bool,
        /// How many there are.
        messages: usize,
        /// How many there must be.
        needed: usize,
    },
    /// Too few senders and campaigns of a kind.
    FewCampaigns {
        /// Of spam, not of ham.
        is_spam: bool,
        /// How many there are.
        campaigns: usize,
        /// How many there must be.
        needed: usize,
    },
    /// A rule file cannot be read as TOML.
    Unreadable(String, String),
    /// A rule file cannot be written.
    Unwritable(PathBuf, io::Error),
}

impl fmt::Display for FitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = |is_spam: &bool| if *is_spam { "spam" } else { "ham" };
        match self {
            Self::NoRules => f.write_str(
                "no score may change: all rules are your own, or parts of others; --own fits your own, too",
            ),
            Self::FewMessages {
                is_spam,
                messages: 0,
                ..
            } => {
                let kind = kind(is_spam);
                write!(
                    f,
                    "no message in what --{kind} names: a fit needs ham and spam"
                )
            }
            Self::FewMessages {
                is_spam,
                messages,
                needed,
            } => write!(
                f,
                "{messages} {} prove too little: at least {needed} are needed; name more with --{}",
                kind(is_spam),
                kind(is_spam)
            ),
            Self::FewCampaigns {
                is_spam,
                campaigns,
                needed,
            } => write!(
                f,
                "all {} is of {campaigns} senders and campaigns: at least {needed} are needed, or a smaller \
                 --cross-validate",
                kind(is_spam)
            ),
            Self::Unreadable(file, error) => write!(f, "{file}: {error}"),
            Self::Unwritable(file, error) => write!(
                f,
                "{}: {error}; it is as it was before",
                file.display()
            ),
        }
    }
}

impl Error for FitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unwritable(_, error) => Some(error),
            _ => None,
        }
    }
}
