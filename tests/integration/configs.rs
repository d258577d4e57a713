//! Wrong configurations: `popgate check` must say exactly what is expected, and exit with 64.
//!
//! Each folder of tests/configs has a config.toml and the expected words; a mismatch leaves what was
//! said beside them, in `said.failed`.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

#[test]
fn wrong_configurations_are_told_what_to_mend() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs");
    let mut cases: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() >= 12, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let checked = Command::new(env!("CARGO_BIN_EXE_popgate"))
            .args(["check", "--config", "config.toml"])
            .current_dir(&case)
            .output()
            .unwrap();
        let code = checked.status.code();
        let said = format!(
            "{}exit {}\n",
            String::from_utf8_lossy(&checked.stderr),
            code.unwrap_or(-1)
        );
        let failed = case.join("said.failed");
        if std::fs::read_to_string(case.join("expected")).unwrap_or_default() == said {
            let _ = std::fs::remove_file(failed);
        } else {
            std::fs::write(&failed, &said).unwrap();
            wrong.push(format!("{}:\n{said}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "not as expected:\n{}", wrong.join("\n"));
}
