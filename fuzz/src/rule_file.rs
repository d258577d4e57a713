//! Any text as a rule file: a mistake names a line that exists, and rules without one judge mail.

use popgate::filter::{Filter, RuleSet, Thresholds};

const MAIL: &[u8] = b"From: Ann <ann@example.net>\r\nSubject: =?utf-8?q?caf=C3=A9?= today\r\n\r\nhttp://example.com/ 100 %\r\n";

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let lines = text.split('\n').count();
    match RuleSet::parse([("rules.toml".to_owned(), text.to_owned())]) {
        Ok(rules) => {
            let thresholds = Thresholds {
                tag_at: 5.0,
                drop_at: None,
            };
            if let Ok(filter) = Filter::new(rules, thresholds) {
                assert!(filter.judge(MAIL).score.is_finite());
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(problem.line <= lines, "{problem}");
            }
        }
    }
}
