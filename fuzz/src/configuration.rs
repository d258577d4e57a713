//! Any text as a configuration file: problems name lines that exist, and the configuration has a value for everything.

use popgate::config::{Config, Flags};

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (_, problems) = Config::parse("popgate.toml", text, &Flags::default());
    let lines = text.split('\n').count();
    for problem in problems {
        assert!(problem.line <= lines, "{problem}");
        assert!(!problem.message.is_empty());
    }
}
