//! The page deploy/settings.md, generated from deploy/config.toml, which has every setting at its default
//! (a test compares it with the program).

use std::fmt::Write;

/// Every setting of popgate, at its default.
pub const SAMPLE: &str = include_str!("../../deploy/config.toml");

const BEGIN: &str = "# Settings

popgate reads one TOML file: the one that `--config FILE` names, else `popgate.toml` in the working directory, else
`/etc/popgate/popgate.toml`, and says which. Without any, every setting has its default. This page is generated
by `popgate reference settings`; [config.toml](config.toml) has the same as a file to copy from.

- Unknown keys are refused, and all mistakes are reported together, with file, line and key: `popgate check --config
  FILE`. A key that was renamed is refused with its new name.
- Values include their unit: `\"15s\"`, `\"250ms\"`, `\"10m\"`; `\"512KiB\"`, `\"8MiB\"`.
- Relative paths are relative to the folder of the file.
- Some settings are also flags of `serve`, which override the file: `--listen`, `--upstream`, `--upstream-tls`, `--admin`,
  `--data-dir`, `--rules`.
- SIGHUP applies a changed file to new sessions. Addresses, `[console]`, `[process]`, `[log] format`, the store of `[data]`,
  `limits.sessions`, `limits.pending_sessions` and `timeouts.drain` need a restart.
";

/// The whole page.
pub fn page() -> String {
    let mut page = BEGIN.to_owned();
    let mut lines = SAMPLE.lines().skip_while(|line| !line.starts_with('['));
    // Within a section that is off, settings that are not set are off once more; elsewhere all of it are examples.
    let mut off = "# ";
    while let Some(line) = lines.next() {
        let begins_section = line.trim_start_matches("# ").starts_with('[');
        if begins_section {
            let own = lines.clone();
            let mut own = own.take_while(|it| !it.trim_start_matches("# ").starts_with('['));
            let has_both = line.starts_with("# ") && own.any(|it| it.starts_with("# # "));
            off = if has_both { "# # " } else { "# " };
        }
        let is_off = line.starts_with(off);
        let (setting, says) = split(line.trim_start_matches("# "));
        if setting.starts_with('[') {
            let _ = write!(page, "\n## `{setting}`\n\n");
            if !says.is_empty() {
                let _ = write!(page, "{}\n\n", sentence(says));
            }
            page.push_str("| setting | default | meaning |\n|---|---|---|\n");
        } else if let Some((key, value)) = setting.split_once(" = ") {
            let (value, says) = (cell(value), cell(says));
            let _ = match is_off {
                true if says.is_empty() => {
                    writeln!(page, "| `{key}` | not set | such as `{value}` |")
                }
                true => writeln!(page, "| `{key}` | not set | {says}; such as `{value}` |"),
                false => writeln!(page, "| `{key}` | `{value}` | {says} |"),
            };
        }
    }
    // A table without settings has keys that the user chooses.
    page.replace("| setting | default | meaning |\n|---|---|---|\n\n", "\n")
        .replace("\n\n\n", "\n\n")
}

/// A setting and its comment; a value may have a # between its quotes.
fn split(line: &str) -> (&str, &str) {
    let mut quoted = false;
    let comment = line.char_indices().find(|(_, letter)| {
        quoted ^= *letter == '"';
        *letter == '#' && !quoted
    });
    match comment {
        Some((at, _)) => (line[..at].trim(), line[at + 1..].trim()),
        None => (line.trim(), ""),
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase());
    let text: String = first.into_iter().flatten().chain(letters).collect();
    match text.ends_with('.') {
        true => text,
        false => text + ".",
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}
