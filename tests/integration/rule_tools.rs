//! The output of `popgate rules check` and `rules list`.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs popgate in the folder; exit code, stdout and stderr.
fn popgate(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_popgate"))
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
