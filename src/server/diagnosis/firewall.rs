//! What a transparent gateway needs of the kernel, and the rules to load: those of deploy/, with the
//! ports of this configuration.

use super::finding::{Finding, Findings};
use crate::config::{Config, Listen, ListenTls};

static REDIRECT: &str = include_str!("../../../deploy/transparent.nft");
static TPROXY: &str = include_str!("../../../deploy/tproxy.nft");

pub(super) fn check(config: &Config, findings: &mut Findings<'_>) {
    let transparent: Vec<&Listen> = config.listen.iter().filter(|it| it.transparent).collect();
    if transparent.is_empty() {
        return;
    }
    for (family, file) in [
        ("IPv4", "/proc/sys/net/ipv4/ip_forward"),
        ("IPv6", "/proc/sys/net/ipv6/conf/all/forwarding"),
    ] {
        let what = format!("forwarding of {family}");
        match std::fs::read_to_string(file).as_deref().map(str::trim) {
            Ok("1") => findings.fine(&what, "on"),
            _ => findings.note(
                &what,
                format!(
                    "off: this machine does not forward it; `sysctl -w {}=1`",
                    sysctl(file)
                ),
            ),
        }
    }
    for listen in &transparent {
        if listen.address.ip().is_loopback() {
            findings.wrong(
                &format!("port {}", listen.address),
                "redirected connections do not arrive on loopback",
                "listen on 0.0.0.0 or [::]",
            );
        }
    }
    (findings.0)(Finding::FirewallRules(rules(config, &transparent)));
}

fn sysctl(file: &str) -> String {
    file.trim_start_matches("/proc/sys/").replace('/', ".")
}

/// The file of deploy/ that fits, with this configuration's values.
fn rules(config: &Config, transparent: &[&Listen]) -> String {
    let tproxy = transparent.iter().any(|listen| listen.tproxy);
    let port = |tls: bool, usual: u16| {
        let is_tls =
            |listen: &ListenTls| matches!(listen, ListenTls::Implicit | ListenTls::Passthrough);
        let found = transparent.iter().find(|it| is_tls(&it.tls) == tls);
        found.map_or(usual, |listen| listen.address.port())
    };
    // nft refuses the whole file for a name that it cannot resolve.
    let user = config.process.user.as_deref().unwrap_or("root");
    let text = if tproxy { TPROXY } else { REDIRECT };
    let mut shown = String::new();
    for line in text.lines() {
        let line = match line.split(" = ").next() {
            Some(key @ "define popgate_pop3") => format!("{key} = {}", port(false, 1110)),
            Some(key @ "define popgate_pop3s") => format!("{key} = {}", port(true, 1995)),
            Some(key @ "define popgate_user") => format!("{key} = \"{user}\""),
            _ => line.to_owned(),
        };
        shown.push_str(&line);
        shown.push('\n');
    }
    shown
}
