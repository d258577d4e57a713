//! The file that the first run writes.
//!
//! In: what a person has chosen; out: `popgate.toml`.

use std::fmt::Write;
use std::path::Path;

use crate::admin::Choice;

/// The name of the upstream.
pub(super) const UPSTREAM: &str = "provider";

/// The file. The form has let no character of the server through that needs an escape.
pub(super) fn settings(choice: &Choice, data_dir: &Path) -> String {
    let Choice {
        host,
        port,
        tls,
        listen,
        registration,
    } = choice;
    let mut text = format!(
        "# Written by popgate's first run. Every setting: deploy/settings.md.\n\n\
         [[listen]]\naddress = \"{listen}\"\n\n\
         [[upstream]]\nname = \"{UPSTREAM}\"\nhost = \"{host}\"\nport = {port}\ntls = \"{tls}\"\n"
    );
    if let Some(registration) = registration {
        text.push_str("\n[upstream.oauth]\n");
        for (key, value) in registration.settings() {
            let _ = writeln!(text, "{key} = {}", toml_edit::Value::from(value));
        }
    }
    let dir = toml_edit::Value::from(data_dir.display().to_string());
    let _ = write!(text, "\n[data]\ndir = {dir}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Flags, TlsMode};

    #[test]
    fn what_is_written_is_a_valid_configuration() {
        for (host, tls, mode) in [
            ("pop.example.net", "implicit", TlsMode::Implicit),
            ("pop.example.net", "starttls", TlsMode::Starttls),
            ("::1", "off", TlsMode::Off),
        ] {
            let choice = Choice {
                host: host.to_owned(),
                port: 4711,
                tls,
                listen: "127.0.0.1:1110".parse().unwrap(),
                registration: None,
            };
            let text = settings(&choice, Path::new("a \"quoted\" folder"));
            let (config, problems) = Config::parse("popgate.toml", &text, &Flags::default());
            assert!(problems.is_empty(), "{problems:?} in\n{text}");
            assert_eq!(config.upstreams[0].host, host);
            assert_eq!(config.upstreams[0].port, 4711);
            assert_eq!(config.upstreams[0].tls, mode);
            assert_eq!(config.listen[0].address, choice.listen);
            assert!(config.data_dir.ends_with("a \"quoted\" folder"));
        }
    }
}
