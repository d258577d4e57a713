//! Invalid configurations: `popgate check` must print exactly the expected text and exit with 64.
//!
//! Each folder of tests/configs has a config.toml and the expected output; on a mismatch the actual
//! output is written beside them, to `output.failed`.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::path::Path;

#[test]
fn invalid_configurations_are_reported_with_what_to_fix() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs");
    let mut cases: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 12, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let checked = crate::support::program::popgate()
            .args(["check", "--config", "config.toml"])
            .current_dir(&case)
            .output()
            .unwrap();
        let code = checked.status.code();
        let output = format!(
            "{}exit {}\n",
            String::from_utf8_lossy(&checked.stderr),
            code.unwrap_or(-1)
        );
        let failed = case.join("output.failed");
        if std::fs::read_to_string(case.join("expected")).unwrap_or_default() == output {
            let _ = std::fs::remove_file(failed);
        } else {
            std::fs::write(&failed, &output).unwrap();
            wrong.push(format!("{}:\n{output}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "not as expected:\n{}", wrong.join("\n"));
}
