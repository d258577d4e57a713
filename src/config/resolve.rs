//! From a file's text and the flags to a [`Config`]. Each section of the file declares its settings once, with
//! default and bounds, in a file of its own; problems are collected, never thrown.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;

use super::address::admin_address;
use super::flags::{Flags, overlay};
use super::listen::{self, Listen};
use super::renamed::RENAMED;
use super::settings::{Config, Origin, Process};
use super::{console, data, filter, limits, log, network, route, scanner, upstream};
use crate::platform::{features, places};
use crate::schema::{Problem, Section, TomlFile};

impl Config {
    /// As [`Config::load`], of a file's text.
    pub fn parse(name: &str, text: &str, flags: &Flags) -> (Self, Vec<Problem>) {
        resolve(name, text, Path::new(""), flags)
    }

    /// Reads a file (`None`: every setting at its default) and applies the flags on top.
    ///
    /// Beside the problems of both there is always a configuration, with defaults in place of what
    /// is wrong: so that the rules and other files that it names can be checked in the same run.
    pub fn load(path: Option<&Path>, flags: &Flags) -> (Self, Vec<Problem>) {
        let Some(path) = path else {
            return resolve("defaults", "", Path::new(""), flags);
        };
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            // Paths in the file are relative to its folder, not to the working directory.
            Ok(text) => resolve(&file, &text, path.parent().unwrap_or(Path::new("")), flags),
            Err(error) => {
                let (config, mut problems) = resolve(&file, "", Path::new(""), flags);
                let other = match error.kind() {
                    ErrorKind::PermissionDenied => "run this as popgate's user, or name another",
                    _ => "name an existing",
                };
                let message = format!("cannot be read: {error}; {other} file with --config");
                problems.insert(
                    0,
                    Problem {
                        file,
                        line: 0,
                        key: String::new(),
                        message,
                    },
                );
                (config, problems)
            }
        }
    }
}

/// The path of every setting there is.
pub fn keys() -> Vec<String> {
    let text = "[[listen]]\n[[listen.sni]]\n[[upstream]]\nhost = \"pop.example.net\"\n\
                [[dns_list]]\n[[scanner]]\nkind = \"rspamd\"\n";
    let source = TomlFile::new("", text).noting_asked_keys();
    let parsed = source.parse();
    let _ = file(&mut Section::top(&source, &parsed), Path::new(""), None);
    source.asked().into_keys().collect()
}

pub(super) fn resolve(
    name: &str,
    text: &str,
    folder: &Path,
    flags: &Flags,
) -> (Config, Vec<Problem>) {
    let source = TomlFile::new(name, text)
        .with_renamed(RENAMED)
        .noting_asked_keys();
    let parsed = source.parse();
    let mut top = Section::top(&source, &parsed);
    let mut config = file(&mut top, folder, flags.usual_data_dir.as_deref());
    top.finish();
    let origins = source.asked().into_iter().map(|(key, line)| {
        let file = if line > 0 { name } else { "defaults" }.to_owned();
        (key, Origin { file, line })
    });
    config.origins = origins.collect();
    let mut problems = source.into_problems();
    overlay(&mut config, flags, &mut problems);
    (config, problems)
}

fn file(top: &mut Section<'_, '_>, folder: &Path, usual_data_dir: Option<&Path>) -> Config {
    let mut upstreams = upstream::read_all(top, folder);
    let (timeouts, given) = limits::read_timeouts(top.section("timeouts"));
    for upstream in upstreams.iter_mut().filter(|it| it.fallback.is_some()) {
        upstream.timeouts.with_fallback(given);
    }
    let index_of = |name: &str| {
        let found = upstreams.iter().position(|upstream| upstream.name == name);
        found.ok_or_else(|| {
            let names: Vec<_> = upstreams.iter().map(|it| it.name.as_str()).collect();
            format!(
                "no [[upstream]] has the name `{name}` (there are: {})",
                names.join(", ")
            )
        })
    };
    let mut listens = Vec::new();
    for mut section in top.sections("listen") {
        listens.extend(listen::read(&mut section, folder, &index_of));
        section.finish();
    }
    if listens.is_empty() {
        listens.push(Listen::on(SocketAddr::from(([127, 0, 0, 1], 110))));
    }
    let routes = route::read(top.section("route"), &index_of);
    let filter = filter::read(top.section("filter"), folder);
    let lists = network::read_lists(top);
    let network = network::read(top.section("network"), lists);
    let scanners = scanner::read_all(top, folder, &filter, &network);
    let mut section = top.section("admin");
    let admin = section.parsed("address", admin_address);
    section.finish();
    let console = console::read(top.section("console"), &listens);
    let (dir, store) = data::read(top.section("data"), folder, filter.drop_mode);
    let usual = || usual_data_dir.map_or_else(places::service_data, Path::to_owned);
    let mut section = top.section("process");
    let process = Process {
        user: section.string("user").filter(|user| !user.is_empty()),
        allow_root: section.boolean("allow_root").unwrap_or(false),
    };
    if process.user.is_some() && !features::OTHER_USERS {
        section.problem(
            "user",
            "a process of this system cannot become another user: leave it out; the account of the service is among its properties (services.msc)",
        );
    }
    section.finish();
    let limits = limits::read_limits(top.section("limits"), filter.hold_bytes);
    Config {
        listen: listens,
        upstreams,
        routes,
        filter,
        network,
        scanners,
        admin: admin.unwrap_or(Some(SocketAddr::from(([127, 0, 0, 1], 9110)))),
        console,
        data_dir: dir.unwrap_or_else(usual),
        store,
        process,
        log: log::read(top.section("log")),
        timeouts,
        limits,
        origins: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Thresholds;

    fn load(text: &str) -> Result<Config, Vec<String>> {
        let folder = Path::new("/etc/popgate");
        let (config, problems) = resolve("popgate.toml", text, folder, &Flags::default());
        match problems.is_empty() {
            true => Ok(config),
            false => Err(problems.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn defaults_match_the_documentation() {
        let config = load("").unwrap();
        assert_eq!(config.listen[0].address.to_string(), "127.0.0.1:110");
        assert_eq!(config.admin.unwrap().to_string(), "127.0.0.1:9110");
        assert_eq!(config.filter.hold_bytes, 512 << 10);
        assert_eq!(
            config.filter.thresholds,
            Thresholds {
                tag_at: 5.0,
                drop_at: None
            }
        );
    }

    #[test]
    fn renamed_settings_refer_to_existing_ones() {
        let keys = keys();
        for (table, was, now) in RENAMED {
            let exists = |name: &str| {
                keys.iter().any(|key| {
                    let path: String = key.split(['[', ']']).step_by(2).collect();
                    path == format!("{table}.{name}")
                })
            };
            assert!(exists(now), "{table}.{now}");
            assert!(!exists(was), "{table}.{was}");
        }
    }

    #[test]
    fn tls_chooses_the_port() {
        let config = load("[[upstream]]\nhost = \"pop.example.net\"\n").unwrap();
        assert_eq!(config.upstreams[0].port, 995);
        let config =
            load("[[upstream]]\nhost = \"pop.example.net\"\ntls = \"starttls\"\n").unwrap();
        assert_eq!(config.upstreams[0].port, 110);
    }
}
