//! Settings for driven exchanges: those of the tests, made once.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use popgate::config::{Config, Flags, HeaderMode};
use popgate::filter::{Filter, RuleSet, Thresholds};
use popgate::rewrite::MarkStyle;
use popgate::session::exchange::{HoldLimits, PrefetchLimits};

use super::exchange_driver::Setup;

/// What may be fetched ahead.
pub const PREFETCH: PrefetchLimits = PrefetchLimits {
    time: Duration::from_secs(12),
    octets: 64 << 20,
};

fn setup(rules: RuleSet, headers: HeaderMode, hold: usize) -> Setup {
    let (config, _) = Config::load(None, &Flags::default());
    let config: &'static Config = Box::leak(Box::new(config));
    let style = MarkStyle {
        headers,
        subject_mark: "[SPAM] ".to_owned(),
        console: None,
    };
    let thresholds = Thresholds {
        tag_at: 5.0,
        drop_at: Some(10.0),
    };
    Setup {
        limits: &config.limits,
        timeouts: &config.timeouts,
        style: Box::leak(Box::new(style)),
        quarantine_suffix: &config.store.quarantine_login,
        hold: HoldLimits {
            bytes: hold,
            time: Duration::from_secs(15),
        },
        prefetch: &PREFETCH,
        read_ahead: 0,
        filter: Arc::new(Filter::new(rules, thresholds).unwrap()),
        piece: usize::MAX,
        remembered: None,
    }
}

fn test_rules() -> RuleSet {
    let text = include_str!("../../tests/rules/test.toml").to_owned();
    RuleSet::of_folder(&[("test.toml".to_owned(), text)], &[]).unwrap()
}

/// Everything is ham, and nothing is rewritten.
pub fn ham_only() -> &'static Setup {
    static SETUP: OnceLock<Setup> = OnceLock::new();
    SETUP.get_or_init(|| setup(RuleSet::default(), HeaderMode::Spam, 512 << 10))
}

/// The tests' rules: a message may be tagged, or held back.
pub fn with_spam() -> &'static Setup {
    static SETUP: OnceLock<Setup> = OnceLock::new();
    SETUP.get_or_init(|| setup(test_rules(), HeaderMode::Spam, 512 << 10))
}

/// Headers on all mail, and a message is decided on after some octets.
pub fn holding_little() -> &'static Setup {
    static SETUP: OnceLock<Setup> = OnceLock::new();
    SETUP.get_or_init(|| setup(test_rules(), HeaderMode::Always, 64))
}

/// Octets as text.
pub fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
