//! The command line's flags over the file.

use std::path::PathBuf;

use super::address::{address, admin_address, host_and_port};
use super::listen::Listen;
use super::settings::{Config, Origin};
use super::tls_mode::TlsMode;
use super::upstream::Upstream;
use crate::schema::Problem;

/// The origin of what flags say, in place of a file's name.
const COMMAND_LINE: &str = "command line";

/// Flags that override the file; as the user typed them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--listen`
    pub listen: Vec<String>,
    /// `--upstream`
    pub upstream: Option<String>,
    /// `--upstream-tls`
    pub upstream_tls: Option<String>,
    /// `--admin`
    pub admin: Option<String>,
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// `--rules`
    pub rules: Option<PathBuf>,
    /// No flag: where data are if neither the file nor a flag says. `None` = where the service has them.
    pub usual_data_dir: Option<PathBuf>,
}

/// Applies the flags on top of the file's settings.
pub(super) fn overlay(config: &mut Config, flags: &Flags, problems: &mut Vec<Problem>) {
    let mut complain = |flag: &str, message: String| {
        problems.push(Problem {
            file: COMMAND_LINE.to_owned(),
            line: 0,
            key: flag.to_owned(),
            message,
        });
    };
    if !flags.listen.is_empty() {
        config.listen = listeners(&flags.listen, &mut complain);
    }
    overlay_upstream(config, flags, &mut complain);
    match flags.admin.as_deref().map(admin_address) {
        Some(Ok(admin)) => config.admin = admin,
        Some(Err(message)) => complain("--admin", message),
        None => {}
    }
    if let Some(dir) = &flags.data_dir {
        config.data_dir.clone_from(dir);
    }
    if let Some(rules) = &flags.rules {
        config.filter.rules = Some(rules.clone());
    }
    set_origins(config, flags);
}

fn listeners(texts: &[String], complain: &mut impl FnMut(&str, String)) -> Vec<Listen> {
    let mut listeners = Vec::new();
    for text in texts {
        match address(text) {
            Ok(address) => listeners.push(Listen::on(address)),
            Err(message) => complain("--listen", message),
        }
    }
    listeners
}

/// `--upstream` and `--upstream-tls` change the first upstream.
fn overlay_upstream(config: &mut Config, flags: &Flags, complain: &mut impl FnMut(&str, String)) {
    let tls = match &flags.upstream_tls {
        Some(text) => TlsMode::parse(text)
            .map_err(|message| complain("--upstream-tls", message))
            .ok(),
        None => None,
    };
    let Some(text) = &flags.upstream else {
        if let (Some(tls), Some(upstream)) = (tls, config.upstreams.first_mut()) {
            if upstream.port == upstream.tls.default_port() {
                upstream.port = tls.default_port();
            }
            upstream.tls = tls;
        }
        return;
    };
    let Some((host, port)) = host_and_port(text) else {
        return complain(
            "--upstream",
            format!(
                "`{text}` is not a server; write HOST or HOST:PORT, such as pop.example.net:995"
            ),
        );
    };
    // Its address; which certificates are trusted there stays as the file has it.
    let mut first = match config.upstreams.is_empty() {
        true => Upstream::new("default", "", 0, TlsMode::Implicit),
        false => config.upstreams.remove(0),
    };
    first.host = host;
    first.tls = tls.unwrap_or(first.tls);
    first.port = port.unwrap_or(first.tls.default_port());
    config.upstreams.insert(0, first);
}

/// Problems that show later name the command line, not the file.
fn set_origins(config: &mut Config, flags: &Flags) {
    let mut keys = Vec::new();
    if !flags.listen.is_empty() {
        keys.extend((0..config.listen.len()).map(|number| format!("listen[{number}].address")));
    }
    for (key, given) in [
        ("upstream[0].host", flags.upstream.is_some()),
        ("admin.address", flags.admin.is_some()),
        ("data.dir", flags.data_dir.is_some()),
        ("filter.rules", flags.rules.is_some()),
    ] {
        if given {
            keys.push(key.to_owned());
        }
    }
    for key in keys {
        let file = COMMAND_LINE.to_owned();
        config.origins.insert(key, Origin { file, line: 0 });
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::resolve::resolve;
    use super::*;

    #[test]
    fn flags_override_the_file() {
        let text = "[[upstream]]\nname = \"isp\"\nhost = \"a.example\"\ntls = \"off\"\n";
        let flags = Flags {
            listen: vec!["127.0.0.1:0".to_owned()],
            upstream: Some("[::1]:1100".to_owned()),
            admin: Some("off".to_owned()),
            ..Flags::default()
        };
        let config = resolve("f", text, Path::new(""), &flags).0;
        let upstream = &config.upstreams[0];
        assert_eq!((upstream.host.as_str(), upstream.port), ("::1", 1100));
        assert_eq!(
            (upstream.tls, upstream.name.as_str()),
            (TlsMode::Off, "isp")
        );
        assert_eq!(config.admin, None);
    }
}
