//! From an answer to a hit of the verdict, by the settings of its scanner.

use super::answer::{ScannerAnswer, ScannerScore};
use crate::config::{OnVirus, Scanner, ScannerKind, SpamWorth};
use crate::filter::findings::{AtLeast, ExternalHit};

/// Symbols that the report of a message names.
const SHOWN: usize = 5;

/// The hit; `None` if the answer counts for nothing.
pub(super) fn hit(settings: &Scanner, answer: &ScannerAnswer) -> Option<ExternalHit> {
    let check = settings.name.clone();
    match (&settings.kind, answer) {
        (ScannerKind::Clamd { on_virus }, ScannerAnswer::Virus { name }) => Some(ExternalHit {
            rule: settings.rule(),
            description: format!("{check} has found the virus {name}"),
            check,
            // What is done with it does not depend on points.
            score: 0.0,
            text: name.clone(),
            at_least: Some(match on_virus {
                OnVirus::Tag => AtLeast::Tag,
                OnVirus::Drop => AtLeast::Drop,
            }),
        }),
        (
            ScannerKind::Rspamd { worth, .. } | ScannerKind::Spamd { worth },
            ScannerAnswer::Score(found),
        ) => {
            let score = in_proportion(worth, found);
            (score != 0.0).then(|| ExternalHit {
                rule: settings.rule(),
                description: described(&check, found),
                check,
                score,
                text: symbols(found),
                at_least: None,
            })
        }
        _ => None,
    }
}

fn described(scanner: &str, found: &ScannerScore) -> String {
    let ScannerScore {
        score, threshold, ..
    } = found;
    let calls = match found.is_spam {
        true => "calls it spam",
        false => "does not call it spam",
    };
    format!("{scanner} {calls}: {score:.1} of {threshold:.1} points")
}

fn symbols(found: &ScannerScore) -> String {
    let names = found.symbols.iter().take(SHOWN);
    let shown: Vec<_> = names
        .map(|it| match it.score {
            Some(score) => format!("{} {score:.1}", it.name),
            None => it.name.clone(),
        })
        .collect();
    shown.join(", ")
}

fn in_proportion(worth: &SpamWorth, found: &ScannerScore) -> f64 {
    // A threshold of 0 would make everything spam: then only what it says counts.
    let share = match found.threshold > 0.0 {
        true => found.score / found.threshold,
        false => 0.0,
    };
    let points = worth.score * share;
    // An rspamd of which only the threshold for rejecting is known would mark a message as spam below it.
    let points = match found.is_spam {
        true => points.max(worth.score),
        false => points.min(worth.score),
    };
    let points = points.clamp(worth.least, worth.most);
    // Two digits are shown.
    (points * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::config::ScannerAddress;
    use crate::external::scanners::ScannerSymbol;

    #[test]
    fn points_are_in_proportion_and_bounded() {
        let worth = SpamWorth {
            score: 3.0,
            most: 4.0,
            least: 0.0,
        };
        let points = |score, threshold, is_spam| {
            let found = ScannerScore {
                is_spam,
                score,
                threshold,
                symbols: Vec::new(),
            };
            in_proportion(&worth, &found)
        };
        assert_eq!(points(5.0, 5.0, true), 3.0);
        assert_eq!(points(2.5, 5.0, false), 1.5);
        assert_eq!(points(50.0, 5.0, true), 4.0);
        assert_eq!(points(-50.0, 5.0, false), 0.0);
        assert_eq!(points(1.0, 3.0, false), 1.0);
        assert_eq!(
            [points(9.5, 15.0, true), points(9.5, 15.0, false)],
            [3.0, 1.9]
        );
        assert_eq!(points(6.0, 5.0, false), 3.0);
        assert_eq!(
            [points(9.0, 0.0, true), points(9.0, 0.0, false)],
            [3.0, 0.0]
        );
    }

    #[test]
    fn a_hit_names_the_scanner_and_what_it_found() {
        let worth = SpamWorth {
            score: 3.0,
            most: 4.0,
            least: 0.0,
        };
        let settings = |kind| Scanner {
            name: "mail-1.x".to_owned(),
            kind,
            address: ScannerAddress::Unix("/a".into()),
            timeout: Duration::from_secs(1),
            max_size: 1,
            at_a_time: 1,
        };
        let symbol = |name: &str, score| ScannerSymbol {
            name: name.to_owned(),
            score,
        };
        let found = |score| {
            ScannerAnswer::Score(ScannerScore {
                is_spam: score > 5.0,
                score,
                threshold: 5.0,
                symbols: vec![symbol("A", Some(7.0)), symbol("B", None)],
            })
        };
        let spamd = settings(ScannerKind::Spamd { worth });
        let spam = hit(&spamd, &found(7.5)).unwrap();
        assert_eq!((&*spam.rule, spam.score), ("SCANNER_MAIL_1_X", 4.0));
        assert_eq!(
            spam.description,
            "mail-1.x calls it spam: 7.5 of 5.0 points"
        );
        assert_eq!((&*spam.text, spam.at_least), ("A 7.0, B", None));
        assert_eq!(hit(&spamd, &found(-1.0)), None);
        for (on_virus, at_least) in [(OnVirus::Tag, AtLeast::Tag), (OnVirus::Drop, AtLeast::Drop)] {
            let clamd = settings(ScannerKind::Clamd { on_virus });
            let name = "Eicar".to_owned();
            let virus = hit(&clamd, &ScannerAnswer::Virus { name }).unwrap();
            assert_eq!((&*virus.rule, virus.at_least), ("VIRUS", Some(at_least)));
            assert_eq!(virus.description, "mail-1.x has found the virus Eicar");
            assert_eq!(hit(&clamd, &ScannerAnswer::Clean), None);
        }
    }
}
