//! The output of `popgate rules check`, `rules list` and `rules fit`.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

/// Runs popgate in the folder; exit code, stdout and stderr.
fn popgate(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = crate::support::program::popgate()
        .current_dir(folder)
        .args(args)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn folder(rules: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("own")).unwrap();
    fs::write(folder.path().join("own/a.toml"), rules).unwrap();
    folder
}

const VALID: &str = r#"
stock = false
[[rule]]
id = "GOLD"
description = "Speaks of gold"
score = 1.5
tags = ["money"]
where = ["subject", "body"]
words = ["gold"]
examples.hit = ["pure gold"]
examples.miss = ["goldfish"]
"#;

#[test]
fn valid_rules_pass_the_check() {
    let folder = folder(VALID);
    let (code, printed, errors) = popgate(folder.path(), &["rules", "check", "own"]);
    assert_eq!((code, &*errors), (0, ""), "{printed}");
    let begin = "1 rules, 2 examples, all pass; slowest, in \u{b5}s per KiB: GOLD ";
    assert!(
        printed.lines().last().unwrap().starts_with(begin),
        "{printed}"
    );
}

#[test]
fn every_flaw_is_reported() {
    let flawed = VALID.replace("goldfish", "gold fish")
        + r#"
[[rule]]
id = "GOLD_AGAIN"
description = "Speaks of gold again"
score = 1
where = "body"
words = ["Gold", "brass"]
expires = "2001-01-01"
"#;
    let folder = folder(&flawed);
    for name in 0..5 {
        let mail = format!("Subject: gold {name}\n\ngold\n");
        fs::write(folder.path().join(format!("{name}.eml")), mail).unwrap();
    }
    let (code, printed, errors) = popgate(folder.path(), &["rules", "check", "own", "--mail", "."]);
    assert_eq!(code, 1);
    assert_eq!(
        errors,
        "own/a.toml:11: rule GOLD.examples.miss: this example hits; correct the rule or the example\n"
    );
    for line in [
        "expired: GOLD_AGAIN (own/a.toml:13) hits nothing since 2001-01-01; remove it or give it a later day\n",
        "unproved: GOLD_AGAIN (own/a.toml:13) lacks examples\n",
        "overlap: GOLD and GOLD_AGAIN both look for gold in body; a message pays twice\n",
        "2 rules, 2 examples, 1 failed; slowest, in",
    ] {
        assert!(printed.contains(line), "{line} is not in\n{printed}");
    }
}

#[test]
fn rules_that_hit_the_same_mail_are_reported() {
    let both = VALID.to_owned()
        + r#"
[[rule]]
id = "NUGGET"
description = "Speaks of nuggets"
score = 1
where = "body"
words = ["nugget"]
"#;
    let folder = folder(&both);
    fs::create_dir(folder.path().join("mail")).unwrap();
    for name in 0..5 {
        let mail = "Subject: s\n\na gold nugget\n";
        fs::write(folder.path().join(format!("mail/{name}.eml")), mail).unwrap();
    }
    let args = ["rules", "check", "own", "--mail", "mail"];
    let (_, printed, _) = popgate(folder.path(), &args);
    let line = "overlap: GOLD and NUGGET hit the same 5 messages, and no other\n";
    assert!(printed.contains(line), "{printed}");
    let args = ["rules", "check", "own", "--mail", "nowhere"];
    let (code, _, errors) = popgate(folder.path(), &args);
    assert_eq!(code, 2);
    assert!(errors.starts_with("nowhere: No such file"), "{errors}");
}

#[test]
fn invalid_rules_are_refused_with_every_reason() {
    let folder = folder("[[rule]]\nid = \"GOLD\"\nscroe = 1\n");
    for verb in ["check", "list"] {
        let (code, printed, errors) = popgate(folder.path(), &["rules", verb, "own"]);
        assert_eq!((code, &*printed), (64, ""));
        assert!(
            errors.contains("own/a.toml:3: rule GOLD.scroe: unknown key; did you mean `score`?"),
            "{errors}"
        );
        assert!(errors.ends_with("problems to fix\n"), "{errors}");
    }
}

#[test]
fn rules_are_listed_with_their_file_and_line() {
    let folder = folder(VALID);
    let (code, printed, _) = popgate(folder.path(), &["rules", "list", "own"]);
    assert_eq!(code, 0);
    let line = "1.5  GOLD  Speaks of gold [money]  own/a.toml:3\n";
    assert_eq!(printed, line);
    let (_, printed, _) = popgate(folder.path(), &["rules", "list", "own", "--json"]);
    let expected = concat!(
        r#"{"id":"GOLD","score":1.5,"description":"Speaks of gold","where":["subject","body"],"#,
        r#""tags":["money"],"expires":null,"file":"own/a.toml","line":3}"#,
        "\n"
    );
    assert_eq!(printed, expected);
    let (_, printed, _) = popgate(folder.path(), &["rules", "list", "own", "--tag", "other"]);
    assert_eq!(printed, "");
    let stock = popgate(folder.path(), &["rules", "list"]).1;
    assert!(stock.lines().count() > 200);
}

/// Ham and spam that differ in one word, each from a sender of its own.
fn mail(folder: &Path, count: usize) {
    for (kind, word) in [("ham", "goldfish"), ("spam", "gold")] {
        fs::create_dir(folder.join(kind)).unwrap();
        for number in 0..count {
            let text = format!(
                "From: a@{kind}{number}.example\nSubject: {kind} {number}\n\nWe have {word} today.\n"
            );
            fs::write(folder.join(format!("{kind}/{number}.eml")), text).unwrap();
        }
    }
}

const FIT: [&str; 8] = [
    "rules", "fit", "--rules", "own", "--ham", "ham", "--spam", "spam",
];

#[test]
fn a_fit_writes_scores_and_nothing_else() {
    let folder = folder(VALID);
    let own = folder.path().join("own/a.toml");
    mail(folder.path(), 120);
    let (code, printed, errors) =
        popgate(folder.path(), &[&FIT[..], &["--own", "--dry-run"]].concat());
    assert_eq!((code, &*errors), (0, ""), "{printed}");
    assert!(printed.contains("would write own/a.toml"), "{printed}");
    assert_eq!(fs::read_to_string(&own).unwrap(), VALID);
    let (code, printed, _) = popgate(folder.path(), &[&FIT[..], &["--own"]].concat());
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("wrote own/a.toml"), "{printed}");
    let text = fs::read_to_string(&own).unwrap();
    let (begin, rest) = text.split_once("score = ").unwrap();
    let (score, rest) = rest.split_once('\n').unwrap();
    assert!(score.parse::<f64>().unwrap() > 1.5, "{score}");
    let (kept, learned) = rest.split_once("[learned.untrained]").unwrap_or((rest, ""));
    let expected = VALID.replace("score = 1.5\n", "expected_score = 1.5\n");
    assert_eq!(format!("{begin}{kept}").trim_end(), expected.trim_end());
    let fitted = fs::read_to_string(folder.path().join("own/fitted.toml"));
    assert!(!learned.is_empty() || fitted.unwrap().contains("[learned.taught]"));
    // The same mail says the same again.
    let (_, printed, _) = popgate(folder.path(), &[&FIT[..], &["--own"]].concat());
    assert!(printed.ends_with("nothing changes\n"), "{printed}");
}

#[test]
fn a_fit_lists_each_message_by_what_was_fitted_without_it() {
    let folder = folder(VALID);
    mail(folder.path(), 120);
    let flags = ["--own", "--dry-run", "--messages", "messages.jsonl"];
    let (code, printed, errors) = popgate(folder.path(), &[&FIT[..], &flags].concat());
    assert_eq!((code, &*errors), (0, ""), "{printed}");
    let lines = fs::read_to_string(folder.path().join("messages.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 240);
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let mut keys: Vec<&String> = first.as_object().unwrap().keys().collect();
    keys.sort();
    let known = [
        "kind",
        "log_odds",
        "path",
        "rules",
        "spam",
        "taught",
        "untrained",
    ];
    assert_eq!(keys, known);
    let spam = lines.lines().filter(|line| line.contains("\"GOLD\""));
    assert_eq!(spam.count(), 120);
    let flags = ["--own", "--dry-run", "--messages", "gone/messages.jsonl"];
    let (code, _, errors) = popgate(folder.path(), &[&FIT[..], &flags].concat());
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("gone/messages.jsonl"), "{errors}");
}

#[test]
fn a_fit_judges_what_templates_make_as_kinds_of_mail() {
    let folder = folder(VALID);
    mail(folder.path(), 120);
    fs::create_dir(folder.path().join("made")).unwrap();
    for (kind, word) in [("ham", "goldfish"), ("spam", "gold")] {
        let template = format!(
            "[[template]]\ntopic = \"t\"\nsubject = [\"A\", \"B\"]\ntext = [\"We have {word}.\", \"At {{link}}\"]\n"
        );
        let path = folder.path().join(format!("made/{kind}.toml"));
        fs::write(path, template.repeat(3)).unwrap();
    }
    let teaches = ["--teaches", "ham=1", "--templates", "made"];
    let own = ["--own", "--dry-run", "--messages", "messages.jsonl"];
    let weights = ["--fit-templates", "--weight", "made/ham=5", "made/spam=2"];
    let all = [&FIT[..], &teaches, &own, &weights].concat();
    let (code, printed, errors) = popgate(folder.path(), &all);
    assert_eq!((code, &*errors), (0, ""), "{printed}");
    assert!(
        printed.contains("fitted to 126 ham and 126 spam"),
        "{printed}"
    );
    assert!(printed.contains("ham made/ham"), "{printed}");
    let lines = fs::read_to_string(folder.path().join("messages.jsonl")).unwrap();
    let of_template = |number| format!("\"path\":\"template {number}\"");
    for number in 0..6 {
        let own = lines
            .lines()
            .filter(|line| line.contains(&of_template(number)));
        assert_eq!(own.count(), 2, "{number}");
    }
    let without = [&FIT[..], &["--own", "--fit-templates"]].concat();
    let (code, _, errors) = popgate(folder.path(), &without);
    assert_eq!(code, 64);
    assert!(errors.contains("--templates"), "{errors}");
}

#[test]
fn a_fit_says_what_is_missing_and_writes_nothing() {
    let rules = VALID.replace("stock = false", "stock = false # none");
    let folder = folder(&rules);
    mail(folder.path(), 10);
    fs::create_dir(folder.path().join("none")).unwrap();
    let flags = |more: &[&'static str]| [&FIT[..4], more].concat();
    for (flags, code, said) in [
        (
            flags(&["--own", "--ham", "ham", "--spam", "spam"]),
            2,
            "10 ham prove too little",
        ),
        (
            flags(&["--own", "--ham", "ham", "--spam", "none"]),
            2,
            "10 ham",
        ),
        (
            flags(&["--own", "--ham", "none", "--spam", "spam"]),
            2,
            "no message in what --ham names",
        ),
        (
            flags(&["--own", "--ham", "ham", "--spam", "gone"]),
            2,
            "gone",
        ),
        (
            flags(&["--ham", "ham", "--spam", "spam"]),
            2,
            "no score may change",
        ),
        (
            flags(&["--ham", "ham", "--spam", "spam", "--weight", "x=2"]),
            64,
            "--weight x=2",
        ),
        (
            flags(&["--ham", "ham", "--spam", "spam", "--weight", "ham=0"]),
            64,
            "must be PATH=N",
        ),
        (
            ["rules", "fit", "--ham", "ham", "--spam", "spam"].to_vec(),
            64,
            "--rules DIR",
        ),
    ] {
        let (ended, printed, errors) = popgate(folder.path(), &flags);
        assert_eq!(ended, code, "{flags:?}: {printed}{errors}");
        assert!(errors.contains(said), "{flags:?}: {errors}");
    }
    assert_eq!(
        fs::read_to_string(folder.path().join("own/a.toml")).unwrap(),
        rules
    );
    assert!(!folder.path().join("own/fitted.toml").exists());
    let contradictory = rules.replace("score = 1.5", "score = 1.5\nscore_min = 2\nscore_max = 1");
    fs::write(folder.path().join("own/a.toml"), contradictory).unwrap();
    let (code, _, errors) = popgate(folder.path(), &FIT);
    assert_eq!(code, 64);
    assert!(
        errors.contains("rule GOLD.score_min: is 2, but score_max is 1"),
        "{errors}"
    );
}
