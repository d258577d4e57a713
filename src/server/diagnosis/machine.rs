//! This machine: privileges, ports, certificates, the data directory, open files, the clock.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::finding::Findings;
use crate::config::{Config, DropMode, Listen, ListenTls};
use crate::net::certificate::facts;
use crate::net::listen::{self, Inherited};
use crate::platform::{clock, port_holder};
use crate::server::privileges::{self, UserStatus};
use crate::server::{certificates, open_files};
use crate::store::Knowledge;

/// popgate was written after this moment: a clock before it is wrong.
const WRITTEN: u64 = 1_790_000_000;
/// Certificates that are renewed by hand need some days.
const SOON: i64 = 14;

pub(super) fn check(config: &Config, findings: &mut Findings<'_>) {
    hide_mode(config, findings);
    clock(findings);
    privileges(config, findings);
    for listen in &config.listen {
        port(listen, findings);
    }
    certificates(config, findings);
    data(config, findings);
    learned(config, findings);
    files(config, findings);
}

/// What is not held back is not hidden.
fn hide_mode(config: &Config, findings: &mut Findings<'_>) {
    if config.filter.drop_mode != DropMode::Hide {
        return;
    }
    match config.filter.thresholds.drop_at {
        Some(score) => findings.fine("hide mode", format!("mail from {score} points on is hidden")),
        None => findings.note(
            "hide mode",
            "filter.drop_at = 0 holds nothing back, so nothing is hidden but for mailboxes with a drop_at of their own",
        ),
    }
}

fn clock(findings: &mut Findings<'_>) {
    let now = SystemTime::now();
    match now.duration_since(UNIX_EPOCH + Duration::from_secs(WRITTEN)) {
        Ok(_) => findings.fine("clock", "later than this program"),
        Err(_) => findings.wrong(
            "clock",
            "earlier than this program was written, so every certificate will look wrong",
            clock::HOW_TO_SET,
        ),
    }
}

fn privileges(config: &Config, findings: &mut Findings<'_>) {
    // An open port has been bound already: by a service manager, or by popgate itself.
    let low = |listen: &&Listen| {
        (1..1024).contains(&listen.address.port()) && !is_open(listen.address.port())
    };
    match config.listen.iter().find(low) {
        Some(listen) if !privileges::can_bind_low_ports() => findings.wrong(
            "privileges",
            format!("a port below 1024 ({}) needs one", listen.address),
            "start popgate as root with [process] user = \"nobody\", or as a systemd service with \
             AmbientCapabilities=CAP_NET_BIND_SERVICE, or let systemd open it (popgate.socket), or choose another port",
        ),
        _ => findings.fine("privileges", "enough for the ports"),
    }
    if config.listen.iter().any(|listen| listen.tproxy) {
        match privileges::can_use_tproxy() {
            true => findings.fine("privileges", "enough for TPROXY"),
            false => findings.wrong(
                "privileges",
                "tproxy = true needs CAP_NET_ADMIN",
                "start popgate as root with [process] user set (it keeps that privilege), or give the service \
                 the capability",
            ),
        }
    }
    if let Some(problem) = privileges::refuses_root(config) {
        findings.note(
            "privileges",
            format!(
                "started by root, serve would refuse ({problem}); a service with User= does not"
            ),
        );
    }
    if let Some(name) = &config.process.user {
        match privileges::user_status(name) {
            UserStatus::CanBecome => {
                findings.fine("user", format!("{name}, once the ports are bound"));
            }
            UserStatus::Current => findings.fine("user", name),
            UserStatus::NeedsRoot => findings.wrong(
                "user",
                format!("only root can become {name}"),
                "start popgate as root, or leave [process] user out",
            ),
            UserStatus::Unknown => findings.wrong(
                "user",
                format!("there is no user {name}"),
                format!("`useradd --system --shell /usr/sbin/nologin {name}`"),
            ),
        }
    }
}

fn port(listen: &Listen, findings: &mut Findings<'_>) {
    let what = format!("port {}", listen.address);
    let how_to_find = port_holder::how_to_find(listen.address.port());
    match listen::bind(listen.address, listen.tproxy, &mut Inherited::default()) {
        Ok(_) => findings.fine(&what, "free"),
        Err(error) if error.is_in_use() => findings.note(
            &what,
            format!("taken: by popgate, if it runs already; else see {how_to_find}"),
        ),
        Err(_) if is_open(listen.address.port()) => findings.note(
            &what,
            format!(
                "taken: by the service manager's socket, or by popgate, if it runs already; else see {how_to_find}"
            ),
        ),
        Err(error) => findings.wrong(&what, error.to_string(), ""),
    }
    let away = !listen.address.ip().is_loopback();
    let plain = matches!(listen.tls, ListenTls::Off);
    if away && plain && !listen.allow_plaintext && !listen.transparent {
        findings.note(
            &what,
            "logins from other machines are refused here, for the password would travel in plain text: \
             write tls = \"starttls\" with certificate and key, or allow_plaintext = true",
        );
    }
    if listen.transparent && plain && !listen.allow_plaintext {
        findings.wrong(
            &what,
            "clients of a transparent port log in without TLS, and that is not allowed",
            "write allow_plaintext = true: their passwords travel as they did before",
        );
    }
}

/// Whether a program on this machine listens on this port: without the privilege for a port the system does
/// not say whether it is taken.
fn is_open(port: u16) -> bool {
    const LISTENS: &str = "0A";
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().any(|table| {
        let table = std::fs::read_to_string(table).unwrap_or_default();
        table.lines().skip(1).any(|line| {
            let mut words = line.split_whitespace();
            let local = words.nth(1).and_then(|local| local.rsplit(':').next());
            let of = local.and_then(|port| u16::from_str_radix(port, 16).ok());
            of == Some(port) && words.nth(1) == Some(LISTENS)
        })
    })
}

fn certificates(config: &Config, findings: &mut Findings<'_>) {
    let opened = match certificates::listeners(config, &[], &BTreeMap::new()) {
        Ok(opened) => opened,
        Err(problems) => {
            for problem in problems {
                findings.wrong("certificate", problem.to_string(), "");
            }
            return;
        }
    };
    for (_, certificate) in opened.certificates {
        let what = format!("certificate {}", certificate.file().display());
        let Some(facts) = certificate.der().and_then(|der| facts(&der)) else {
            findings.wrong(&what, "cannot be read", "make it anew");
            continue;
        };
        let names = facts.names.join(", ");
        let days = facts.days_left(SystemTime::now());
        if facts.begins > SystemTime::now() {
            findings.wrong(
                &what,
                "is not valid yet",
                "look at the clock, or make it anew",
            );
        } else if days < 0 {
            findings.wrong(&what, "has expired", "renew it; popgate notices by itself");
        } else if days < SOON {
            findings.wrong(&what, format!("expires in {days} days"), "renew it");
        } else {
            findings.fine(&what, format!("for {names}; {days} days left"));
        }
    }
}

fn data(config: &Config, findings: &mut Findings<'_>) {
    let dir = &config.data_dir;
    let what = format!("data {}", dir.display());
    // Spam that is held back is written below it.
    let written = match config.filter.thresholds.drop_at {
        Some(_) => dir.join("quarantine/new"),
        None => dir.clone(),
    };
    let existing = written
        .ancestors()
        .find(|it| it.exists())
        .unwrap_or(Path::new("/"));
    if config.process.user.is_some() && privileges::is_root() {
        return match dir.exists() {
            true => findings.note(&what, "must be writable for the user that popgate becomes"),
            false => findings.fine(&what, "will be made"),
        };
    }
    let can_write = match existing.is_dir() {
        true => privileges::can_write(existing),
        false => Err(io::ErrorKind::NotADirectory.into()),
    };
    match can_write {
        Ok(()) => findings.fine(&what, "can be written"),
        Err(error) => findings.wrong(
            &what,
            format!("{}: {error}", existing.display()),
            "name a folder that popgate may write to, under [data] dir",
        ),
    }
}

/// What was learned; it changes nothing.
fn learned(config: &Config, findings: &mut Findings<'_>) {
    if !config.filter.classifier || !Knowledge::exists(&config.data_dir) {
        return;
    }
    let what = "learned state";
    let (knowledge, _) = Knowledge::read_usable(&config.data_dir);
    match knowledge.unusable() {
        None => findings.fine(what, "can be read"),
        Some(unusable) => findings.wrong(
            what,
            unusable.error.to_string(),
            "serve goes without it: `popgate model import` a copy, or train again",
        ),
    }
}

fn files(config: &Config, findings: &mut Findings<'_>) {
    // Two connections a session, and some for listeners, stores and servers that are being dialled.
    let wanted = 2 * config.limits.sessions as u64 + 512;
    match open_files::highest_limit() {
        Ok(hard) if hard < wanted => findings.wrong(
            "open files",
            format!(
                "at most {hard}, but {} sessions need {wanted}",
                config.limits.sessions
            ),
            "raise the limit (LimitNOFILE= of the service), or lower limits.sessions",
        ),
        Ok(_) => findings.fine(
            "open files",
            format!("enough for {} sessions", config.limits.sessions),
        ),
        Err(error) => findings.note("open files", error.to_string()),
    }
}
