//! `popgate eval` on a small hand-made corpus: the figures equal those counted by hand.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

/// Only these rules are loaded, so that a message's score is obvious from its words.
const RULES: &str = r#"
stock = false
[[rule]]
id = "GOLD"
description = "Speaks of gold"
score = 4
where = "body"
words = ["gold"]
[[rule]]
id = "SHOUTS"
description = "Shouts"
score = 2
where = "subject"
regex = '!!'
[[rule]]
id = "FRIEND"
description = "From a friend"
score = -2.5
where = "body"
words = ["friend"]
[[rule]]
id = "NEVER"
description = "Hits nothing here"
score = 9
where = "body"
words = ["zirconium"]
"#;

/// Path, subject and body.
const MAIL: [(&str, &str, &str); 8] = [
    // Scores 0, 6 (wrong), 3.5 and 4.
    ("ham/one/a", "hello", "nothing"),
    ("ham/one/b", "hello!!", "gold"),
    ("ham/two/c", "hello!!", "gold from a friend"),
    ("ham/two/d", "hello", "gold"),
    // Scores 6, 6, 2 (wrong) and 3.5 (wrong).
    ("spam/e", "buy!!", "gold"),
    ("spam/f", "buy!!", "gold gold"),
    ("spam/g", "buy!!", "silver"),
    ("spam/h", "buy!!", "gold, friend"),
];

struct Mail(tempfile::TempDir);

impl Mail {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, subject, body) in MAIL {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = format!("From: a@example.org\r\nSubject: {subject}\r\n\r\n{body}\r\n");
            fs::write(path, text).unwrap();
        }
        fs::create_dir(folder.path().join("rules")).unwrap();
        fs::write(folder.path().join("rules/own.toml"), RULES).unwrap();
        Self(folder)
    }

    fn eval(&self, args: &[&str]) -> Output {
        crate::support::program::popgate()
            .current_dir(self.0.path())
            .args(["eval", "--no-classifier", "--rules", "rules"])
            .args(args)
            .output()
            .unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn json_figures_equal_those_counted_by_hand() {
    let mail = Mail::new();
    for jobs in ["1", "3"] {
        let output = mail.eval(&[
            "--ham", "ham/one", "ham/two", "--spam", "spam", "--json", "--jobs", jobs,
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(found["tag_at"], 5.0);
        assert_eq!(found["ham"]["messages"], 4);
        assert_eq!(found["ham"]["wrong_percent"], 25.0);
        assert_eq!(found["ham"]["paths"][0]["path"], "ham/one");
        assert_eq!(found["ham"]["paths"][0]["wrong"], 1);
        assert_eq!(found["ham"]["paths"][1]["wrong_percent"], 0.0);
        let wrong = &found["ham"]["judged_wrong"][0];
        assert_eq!(wrong["path"], Path::new("ham/one/b").to_str().unwrap());
        assert_eq!(wrong["rules"], serde_json::json!(["GOLD", "SHOUTS"]));
        assert_eq!(found["spam"]["wrong_percent"], 50.0);
        // In 5 of the 16 pairs the ham scores above the spam (6 > 2, 6 > 3.5, 4 > 2, 4 > 3.5,
        // 3.5 > 2), in 3 they are equal (6 and 6 twice, 3.5 and 3.5).
        assert_eq!(found["one_minus_roca_percent"], 100.0 * 6.5 / 16.0);
        assert_eq!(found["at_hm_0_1_percent"]["sm_percent"], 100.0);
        assert_eq!(found["at_hm_0_1_percent"]["tag_at"], Value::Null);
        let at = |tag_at: f64| {
            let all = found["thresholds"].as_array().unwrap();
            let point = all.iter().find(|it| it["tag_at"] == tag_at).unwrap();
            (point["hm_percent"].clone(), point["sm_percent"].clone())
        };
        assert_eq!(at(4.0), (50.0.into(), 50.0.into()));
        assert_eq!(at(2.0), (75.0.into(), 0.0.into()));
        let rule = |id: &str| {
            let all = found["rules"].as_array().unwrap();
            all.iter().find(|it| it["id"] == id).unwrap().clone()
        };
        let gold = rule("GOLD");
        assert_eq!((&gold["ham"], &gold["spam"]), (&3.into(), &3.into()));
        assert_eq!((&gold["catches"], &gold["costs"]), (&2.into(), &1.into()));
        assert_eq!(gold["precision_percent"], 50.0);
        let friend = rule("FRIEND");
        assert_eq!(
            (&friend["catches"], &friend["costs"]),
            (&(-1).into(), &(-1).into())
        );
        assert_eq!(rule("NEVER")["precision_percent"], Value::Null);
        assert!(found["micros"]["mean"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn tables_show_the_same_figures() {
    let mail = Mail::new();
    let args = ["--ham", "ham", "--spam", "spam"];
    let printed = text(&mail.eval(&args).stdout);
    for line in [
        "       4      1   25.000  ham ham\n",
        "       4      2   50.000  spam spam\n",
        "at the threshold of 5: hm % 25.000 (ham judged spam), sm % 50.000 (spam judged ham)\n",
        "      5.0  25.000   50.000  <\n",
        "1 of 4 rules hit nothing\n",
        "6.0  ham/one/b: GOLD SHOUTS\n",
    ] {
        assert!(printed.contains(line), "{line} is not in\n{printed}");
    }
    assert!(!printed.contains("spam judged ham\n"), "{printed}");
    let all = text(&mail.eval(&[&args[..], &["--all"]].concat()).stdout);
    for line in ["2.0  spam/g: SHOUTS\n", "  NEVER\n"] {
        assert!(all.contains(line), "{line} is not in\n{all}");
    }
}

#[test]
fn missing_or_invalid_input_is_reported() {
    let mail = Mail::new();
    fs::create_dir(mail.0.path().join("empty")).unwrap();
    let exits = |args: &[&str], code: i32, reason: &str| {
        let output = mail.eval(args);
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {printed}");
        assert!(printed.contains(reason), "{args:?}: {printed}");
    };
    exits(
        &["--ham", "ham", "--spam", "empty"],
        2,
        "no message in what --spam names",
    );
    exits(
        &["--ham", "ham", "nowhere", "--spam", "spam"],
        2,
        "nowhere: No such file",
    );
    exits(&["--ham", "ham"], 64, "--spam <PATH>");
    fs::write(
        mail.0.path().join("rules/own.toml"),
        "[[rule]]\nid = \"X\"\n",
    )
    .unwrap();
    exits(
        &["--ham", "ham", "--spam", "spam"],
        64,
        "rules/own.toml:2: rule[0].id",
    );
}
