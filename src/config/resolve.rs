//! From a file's text to a [`Config`]: each setting is declared here, once, with default and
//! bounds. Problems are collected, never thrown.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::flags::{Flags, admin_address, overlay};
use super::renamed::RENAMED;
use super::{
    Config, FilterConfig, HeaderMode, Limits, Listen, LogConfig, LogFormat, LogMailboxes, Place,
    Process, Timeouts, Upstream, listen, route, units, upstream,
};
use crate::filter::Thresholds;
use crate::schema::{Problem, Report, Section};

/// The path of every setting there is.
pub fn keys() -> Vec<String> {
    let text = "[[listen]]\n[[listen.sni]]\n[[upstream]]\nhost = \"pop.example.net\"\n";
    let report = Report::new("", text);
    let parsed = report.parse();
    let _ = file(&mut Section::top(&report, &parsed), Path::new(""));
    report.asked().into_keys().collect()
}

pub(super) fn resolve(
    name: &str,
    text: &str,
    folder: &Path,
    flags: &Flags,
) -> (Config, Vec<Problem>) {
    let report = Report::with_renamed(name, text, RENAMED);
    let parsed = report.parse();
    let mut top = Section::top(&report, &parsed);
    let mut config = file(&mut top, folder);
    top.finish();
    let places = report.asked().into_iter().map(|(key, line)| {
        let file = if line > 0 { name } else { "defaults" }.to_owned();
        (key, Place { file, line })
    });
    config.places = places.collect();
    let mut problems = report.into_problems();
    overlay(&mut config, flags, &mut problems);
    (config, problems)
}

fn file(top: &mut Section<'_, '_>, folder: &Path) -> Config {
    let upstreams = upstreams(top, folder);
    let place = |name: &str| {
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
        listens.extend(listen::read(&mut section, folder, &place));
        section.finish();
    }
    if listens.is_empty() {
        listens.push(Listen::on(SocketAddr::from(([127, 0, 0, 1], 110))));
    }
    let routes = route::read(top.section("route"), &place);
    let filter = filter(top.section("filter"), folder);
    let mut section = top.section("admin");
    let admin = section.parsed("address", admin_address);
    section.finish();
    let mut section = top.section("data");
    let data_dir = section.string("dir");
    section.finish();
    let mut section = top.section("process");
    let process = Process {
        user: section.string("user").filter(|user| !user.is_empty()),
        allow_root: section.boolean("allow_root").unwrap_or(false),
    };
    section.finish();
    let limits = limits(top.section("limits"), filter.hold_bytes);
    Config {
        listen: listens,
        upstreams,
        routes,
        filter,
        admin: admin.unwrap_or(Some(SocketAddr::from(([127, 0, 0, 1], 9110)))),
        data_dir: data_dir
            .map_or_else(|| PathBuf::from("/var/lib/popgate"), |dir| folder.join(dir)),
        process,
        log: log(top.section("log")),
        timeouts: timeouts(top.section("timeouts")),
        limits,
        places: BTreeMap::new(),
    }
}

/// All of them, fallbacks found.
fn upstreams(top: &mut Section<'_, '_>, folder: &Path) -> Vec<Upstream> {
    let mut found: Vec<Upstream> = Vec::new();
    let mut fallbacks = Vec::new();
    for mut section in top.sections("upstream") {
        if let Some((upstream, fallback)) = upstream::read(&mut section, folder) {
            if found.iter().any(|other| other.name == upstream.name) {
                section.problem(
                    "name",
                    format!("`{}` is taken; give each upstream its own", upstream.name),
                );
            }
            fallbacks.push((section, fallback));
            found.push(upstream);
        } else {
            section.finish();
        }
    }
    for (number, (section, fallback)) in fallbacks.into_iter().enumerate() {
        if let Some(name) = fallback {
            let place = found.iter().position(|other| other.name == name);
            match place {
                Some(_) if found[number].oauth.is_some() => section.problem(
                    "fallback",
                    "does not go with [upstream.oauth]: a token is for the server it was made for",
                ),
                Some(place) if place != number => found[number].fallback = Some(place),
                _ => section.problem(
                    "fallback",
                    format!("`{name}` is no other upstream; name one that stands in this file"),
                ),
            }
        }
        section.finish();
    }
    found
}

fn filter(mut section: Section<'_, '_>, folder: &Path) -> FilterConfig {
    let tag_at = number(&mut section, "tag_at", 5.0, 0.1..=1000.0);
    let drop_at = number(&mut section, "drop_at", 0.0, 0.0..=1000.0);
    if drop_at > 0.0 && drop_at < tag_at {
        section.problem(
            "drop_at",
            format!("{drop_at} is below tag_at ({tag_at}); write a higher score, or 0 for never"),
        );
    }
    if section
        .string("drop_mode")
        .is_some_and(|mode| mode != "notice")
    {
        section.problem("drop_mode", "this version knows \"notice\" only");
    }
    let headers = section.parsed("headers", |mode| match mode {
        "spam" => Ok(HeaderMode::Spam),
        "always" => Ok(HeaderMode::Always),
        "never" => Ok(HeaderMode::Never),
        _ => Err(format!(
            "`{mode}` is not known; write \"spam\", \"always\" or \"never\""
        )),
    });
    let subject_mark = section.parsed("subject_mark", |mark| {
        // It goes into a header line as it is: RFC 5322 section 2.2 allows printable US-ASCII.
        match mark.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && mark.len() <= 64 {
            true => Ok(mark.to_owned()),
            false => {
                Err("must be at most 64 printable ASCII characters, such as \"[SPAM] \"".to_owned())
            }
        }
    });
    let hold_bytes = bounded(
        section.parsed("hold_bytes", units::size),
        512 << 10,
        4 << 10..=64 << 20,
        |value| {
            section.problem(
                "hold_bytes",
                format!("{value} bytes is out of bounds; write \"4KiB\" to \"64MiB\""),
            );
        },
    );
    let hold_time = duration(
        &mut section,
        "hold_seconds",
        Duration::from_secs(15),
        // Clients give up at about 60 s without a byte; the first one must be out within 20.
        Duration::from_millis(10)..=Duration::from_secs(19),
    );
    let rules = section.string("rules").filter(|rules| !rules.is_empty());
    let classifier = section.boolean("classifier").unwrap_or(true);
    let shipped_model = section.boolean("shipped_model").unwrap_or(true);
    section.finish();
    FilterConfig {
        thresholds: Thresholds {
            tag_at,
            drop_at: (drop_at > 0.0).then_some(drop_at),
        },
        headers: headers.unwrap_or(HeaderMode::Spam),
        subject_mark: subject_mark.unwrap_or_else(|| "[SPAM] ".to_owned()),
        hold_bytes: usize::try_from(hold_bytes).unwrap_or(usize::MAX),
        hold_time,
        rules: rules.map(|rules| folder.join(rules)),
        classifier,
        shipped_model,
    }
}

fn log(mut section: Section<'_, '_>) -> LogConfig {
    let format = section.parsed("format", |text| match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("`{text}` is not known; write \"text\" or \"json\"")),
    });
    let level = section.parsed("level", |text| match text {
        "error" | "warn" | "info" | "debug" | "trace" => Ok(text.to_owned()),
        _ => Err(format!(
            "`{text}` is not known; write \"error\", \"warn\", \"info\", \"debug\" or \"trace\""
        )),
    });
    let mailboxes = section.parsed("mailboxes", |text| match text {
        "hashed" => Ok(LogMailboxes::Hashed),
        "shown" => Ok(LogMailboxes::Shown),
        "hidden" => Ok(LogMailboxes::Hidden),
        _ => Err(format!(
            "`{text}` is not known; write \"hashed\", \"shown\" or \"hidden\""
        )),
    });
    section.finish();
    let default = LogConfig::default();
    LogConfig {
        format: format.unwrap_or(default.format),
        level: level.unwrap_or(default.level),
        mailboxes: mailboxes.unwrap_or(default.mailboxes),
    }
}

fn timeouts(mut section: Section<'_, '_>) -> Timeouts {
    const MS: Duration = Duration::from_millis(10);
    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);
    let mut read = |key, default: u64, most| {
        duration(&mut section, key, Duration::from_secs(default), MS..=most)
    };
    let timeouts = Timeouts {
        connect: read("connect", 10, MINUTE),
        greeting: read("greeting", 10, MINUTE),
        handshake: read("handshake", 20, MINUTE),
        login: read("login", 180, HOUR),
        command_line: read("command_line", 60, HOUR),
        upstream_read: read("upstream_read", 60, HOUR),
        client_write: read("client_write", 120, HOUR),
        // RFC 1939 section 3: an autologout timer must be of at least 10 minutes.
        idle: read("idle", 600, 24 * HOUR),
        filter: read("filter", 5, Duration::from_secs(15)),
        drain: read("drain", 30, HOUR),
    };
    section.finish();
    timeouts
}

fn limits(mut section: Section<'_, '_>, hold_bytes: usize) -> Limits {
    let sessions = count(&mut section, "sessions", 5000, 1..=1_000_000);
    let per_address = count(&mut section, "sessions_per_address", 100, 0..=1_000_000);
    let per_mailbox = count(&mut section, "sessions_per_mailbox", 0, 0..=1_000_000);
    let upstream_connects = count(&mut section, "upstream_connects", 256, 1..=1_000_000);
    let failures = count(&mut section, "login_failures", 10, 0..=1_000_000);
    let pause = Duration::from_millis(10)..=Duration::from_secs(24 * 3600);
    let login_pause = duration(&mut section, "login_pause", Duration::from_secs(60), pause);
    let mut read = |key, default, least, most| octets(&mut section, key, default, least..=most);
    let limits = Limits {
        sessions,
        sessions_per_address: Some(per_address).filter(|most| *most > 0),
        sessions_per_mailbox: Some(per_mailbox).filter(|most| *most > 0),
        upstream_connects,
        login_failures: u32::try_from(failures).ok().filter(|most| *most > 0),
        login_pause,
        // RFC 2449 section 4: 255 octets and CRLF are the least that must be taken.
        command_line: read("command_line", 1 << 10, 257, 1 << 20),
        auth_line: read("auth_line", 128 << 10, 257, 16 << 20),
        user_name: read("user_name", 512, 40, 1 << 20),
        // RFC 2449 section 4: 512 octets.
        response_line: read("response_line", 64 << 10, 512, 16 << 20),
        response: u64::try_from(read("response", 0, 0, 1 << 40))
            .ok()
            .filter(|most| *most > 0),
        held_bytes: read("held_bytes", 256 << 20, 1 << 20, 1 << 40),
    };
    if limits.held_bytes < 2 * hold_bytes {
        let message = "must be at least twice filter.hold_bytes, or no large message could be held";
        section.problem("held_bytes", message);
    }
    section.finish();
    limits
}

fn count(
    section: &mut Section<'_, '_>,
    key: &'static str,
    default: i64,
    bounds: RangeInclusive<i64>,
) -> usize {
    let value = bounded(section.integer(key), default, bounds.clone(), |value| {
        section.problem(
            key,
            format!(
                "{value} is out of bounds; write {} to {}",
                bounds.start(),
                bounds.end()
            ),
        );
    });
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn octets(
    section: &mut Section<'_, '_>,
    key: &'static str,
    default: u64,
    bounds: RangeInclusive<u64>,
) -> usize {
    let value = bounded(
        section.parsed(key, units::size),
        default,
        bounds.clone(),
        |value| {
            section.problem(
                key,
                format!(
                    "{value} bytes is out of bounds; write \"{}B\" to \"{}B\"",
                    bounds.start(),
                    bounds.end()
                ),
            );
        },
    );
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn number(
    section: &mut Section<'_, '_>,
    key: &'static str,
    default: f64,
    bounds: RangeInclusive<f64>,
) -> f64 {
    bounded(section.number(key), default, bounds.clone(), |value| {
        let message = format!(
            "{value} is out of bounds; write {} to {}",
            bounds.start(),
            bounds.end()
        );
        section.problem(key, message);
    })
}

fn duration(
    section: &mut Section<'_, '_>,
    key: &'static str,
    default: Duration,
    bounds: RangeInclusive<Duration>,
) -> Duration {
    bounded(
        section.parsed(key, units::duration),
        default,
        bounds.clone(),
        |value| {
            section.problem(
                key,
                format!(
                    "{value:?} is out of bounds; write \"{:?}\" to \"{:?}\"",
                    bounds.start(),
                    bounds.end()
                ),
            );
        },
    )
}

fn bounded<T: PartialOrd + Copy>(
    value: Option<T>,
    default: T,
    bounds: RangeInclusive<T>,
    complain: impl FnOnce(T),
) -> T {
    match value {
        Some(value) if bounds.contains(&value) => value,
        Some(value) => {
            complain(value);
            default
        }
        None => default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, Vec<String>> {
        let folder = Path::new("/etc/popgate");
        let (config, problems) = resolve("popgate.toml", text, folder, &Flags::default());
        match problems.is_empty() {
            true => Ok(config),
            false => Err(problems.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn defaults_are_those_of_the_documentation() {
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
    fn renamed_settings_lead_to_ones_that_exist() {
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
