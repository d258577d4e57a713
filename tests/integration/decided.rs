//! Whether points of scanners change what is done with a message: never where it is said to be decided.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::sync::Arc;

use popgate::filter::classifier::LearnedState;
use popgate::filter::findings::ExternalHit;
use popgate::filter::{CORRECTED, Context, Filter, Findings};
use popgate::learn::trainer::Trainer;

use crate::passes_by_header::{
    THRESHOLDS, random_body, random_context, random_header, random_rules,
};
use crate::support;

const TAUGHT: [(&[u8], bool); 2] = [
    (b"From: eve@example.net\r\n\r\nalpha beta\r\n", true),
    (b"From: bob@example.org\r\n\r\ngamma delta\r\n", false),
];

fn adding(context: &Context, score: f64) -> Context {
    let hit = ExternalHit {
        check: "spamd".to_owned(),
        rule: "SCANNER_SPAMD".to_owned(),
        description: "x".to_owned(),
        score,
        text: String::new(),
        at_least: None,
    };
    let findings = Findings {
        hits: vec![hit],
        ..Findings::default()
    };
    Context {
        findings: Some(Arc::new(findings)),
        ..context.clone()
    }
}

/// With thresholds and lists of a mailbox, a person's word on the message, and what was learned.
#[test]
fn what_is_decided_is_the_same_with_whatever_scanners_add() {
    let folder = tempfile::tempdir().unwrap();
    let new = || support::new_filter(&support::test_rules(), None);
    let mut trainer = Trainer::open(new(), folder.path(), None).unwrap();
    for (raw, is_spam) in TAUGHT {
        trainer.teach(raw, is_spam).unwrap();
    }
    drop(trainer);
    let (_, memory): (_, LearnedState) = popgate::store::Knowledge::read(folder.path()).unwrap();
    let memory = Arc::new(memory);
    let mut random = fastrand::Rng::with_seed(2);
    let (mut decided, mut undecided, mut corrected) = (0, 0, 0);
    for number in 0..600 {
        let filter = Filter::new(random_rules(&mut random), THRESHOLDS).unwrap();
        let filter = match random.bool() {
            true => filter.with_learned(Arc::clone(&memory)),
            false => filter,
        };
        for _ in 0..4 {
            let context = random_context(&mut random);
            let raw = match random.usize(0..4) {
                at if at < TAUGHT.len() => TAUGHT[at].0.to_vec(),
                _ => (random_header(&mut random) + &random_body(&mut random)).into_bytes(),
            };
            let verdict = filter.judge_in(&context, &raw);
            let (least, most) = (-random.f64() * 3.0, random.f64() * 5.0);
            if !filter.is_decided(&verdict, least, most) {
                undecided += 1;
                continue;
            }
            decided += 1;
            corrected += u32::from(verdict.hits.iter().any(|hit| &*hit.rule == CORRECTED));
            for points in [least, least / 2.0, most / 2.0, most] {
                let with = filter.judge_in(&adding(&context, points), &raw);
                assert_eq!(
                    with.action,
                    verdict.action,
                    "{number}: {points} {context:?} {}: {verdict:?} {with:?}",
                    String::from_utf8_lossy(&raw)
                );
            }
        }
    }
    let counts = (decided, undecided, corrected);
    assert!(
        decided > 200 && undecided > 200 && corrected > 50,
        "{counts:?}"
    );
}
