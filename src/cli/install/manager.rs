//! The command of a service manager.

use std::process::{Command, Stdio};

use super::Error;

/// Runs one; what it printed.
///
/// # Errors
/// A sentence with the command in it, if there is no such program, or it fails.
pub(super) fn run(program: &str, words: &[&str]) -> Result<String, Error> {
    let line = format!("`{program} {}`", words.join(" "));
    let output = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Error::failed(format!("{line}: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let why = match said.is_empty() {
        true => output.status.to_string(),
        false => said,
    };
    Err(Error::failed(format!("{line}: {why}")))
}
