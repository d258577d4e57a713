//! The servers: names, connections, certificates, greetings, routes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_rustls::rustls::{self, ClientConfig, ProtocolVersion};

use super::finding::Findings;
use crate::config::{Config, Upstream, UpstreamTimeouts};
use crate::net::certificate::facts;
use crate::net::proxy_protocol::Addressed;
use crate::net::tls_error::{Peer, sentence};
use crate::pop3::line::{printable, trim_end};
use crate::server::upstreams;
use crate::upstream::{
    ChosenBy, DialError, DialLimits, Dialled, Dialler, LoopDetection, OldOffer, OnBehalf, Resolver,
    Tunnel, client_config, key_digest, pin_of, recorder,
};

/// Sessions are more patient.
const CONNECT: Duration = Duration::from_secs(15);
const GREETING: Duration = Duration::from_secs(60);

pub(super) async fn check(config: &Config, findings: &mut Findings<'_>) {
    if config.upstreams.is_empty() {
        match config.listen.iter().all(|listen| listen.transparent) {
            true => findings.fine("upstream", "the servers that clients mean"),
            false => findings.wrong(
                "upstream",
                "none",
                "write [[upstream]] and host = \"pop.example.net\"",
            ),
        }
    }
    for number in 0..config.upstreams.len() {
        server(config, number, findings).await;
    }
    routes(config, findings);
    if let Err(problems) = upstreams::check(config) {
        for problem in problems {
            findings.wrong("routes", problem.to_string(), "");
        }
    }
}

async fn server(config: &Config, number: usize, findings: &mut Findings<'_>) {
    let Some(upstream) = config.upstreams.get(number) else {
        return;
    };
    let what = format!("upstream {}", upstream.name);
    let tunnel = match upstreams::tunnel(config, number) {
        Ok(None) => match resolve(&what, upstream, findings).await {
            true => None,
            false => return,
        },
        Ok(tunnel) => tunnel,
        Err(problem) => return findings.wrong(&what, problem.to_string(), ""),
    };
    if let Some(tunnel) = &tunnel {
        findings.fine(&what, format!("{} through {tunnel}", upstream.host));
    }
    let tls = match client_config(upstream.ca_file.as_deref(), &upstream.pins) {
        Ok(tls) => tls,
        Err(error) => return findings.wrong(&what, error.to_string(), ""),
    };
    let dialler = |tls| dialler(config, upstream, tunnel.clone(), tls);
    match dialler(Arc::clone(&tls)).dial(nobody()).await {
        Ok(dialled) => greeted(&what, &dialled, findings),
        Err(error) if error.label() == "certificate" => {
            let pin = tried_pin(dialler).await;
            let to_do = match &pin {
                Ok(_) => {
                    "see below for its key; pin it only if you have it from those who run the server"
                }
                Err(_) => "",
            };
            findings.wrong(&what, error.to_string(), to_do);
            match pin {
                Ok(pin) => findings.note(&what, format!("pin = [\"{pin}\"]")),
                Err(why) if why == error.to_string() => {
                    findings.note(&what, "a pin does not help, for the same reason");
                }
                Err(why) => findings.note(&what, format!("a pin does not help: {why}")),
            }
        }
        Err(error) => {
            let is_tls = error.label() == "tls";
            failed(&what, &error, findings);
            if is_tls && let Some(offer) = OldOffer::of(&dialler(tls), nobody()).await {
                findings.note(&what, format!("to an old mail program it offers {offer}"));
            }
        }
    }
}

/// The pin of the server's key, if a connection with it is possible.
async fn tried_pin(dialler: impl Fn(Arc<ClientConfig>) -> Dialler) -> Result<String, String> {
    let plain = |error: rustls::Error| sentence(&error, Peer::Server);
    let (tls, recorder) = recorder().map_err(|error| error.to_string())?;
    // The connection is refused on purpose: only the certificate is needed.
    let refused = dialler(tls).dial(nobody()).await.err();
    let Some(certificate) = &recorder.shown() else {
        return Err(refused.map_or_else(String::new, |error| error.to_string()));
    };
    let digest = key_digest(certificate).map_err(plain)?;
    let tls = client_config(None, &[digest]).map_err(|error| error.to_string())?;
    match dialler(tls).dial(nobody()).await {
        // What comes after TLS is no matter of the pin.
        Err(error) if matches!(error.label(), "certificate" | "tls") => Err(error.to_string()),
        _ => pin_of(certificate).map_err(plain),
    }
}

/// Whether the server's name can be resolved here.
async fn resolve(what: &str, upstream: &Upstream, findings: &mut Findings<'_>) -> bool {
    let (host, port) = (&upstream.host, upstream.port);
    let lookup = Resolver::of_system().lookup(host, port, ChosenBy::Administrator);
    match lookup.await {
        Ok(addresses) => {
            let shown: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            findings.fine(what, format!("{host} is {}", shown.join(", ")));
            true
        }
        Err(error) => {
            findings.wrong(
                what,
                format!("cannot resolve {host}: {error}"),
                "is the name right, and does `getent hosts` know any other?",
            );
            false
        }
    }
}

fn dialler(
    config: &Config,
    upstream: &Upstream,
    tunnel: Option<Tunnel>,
    tls: Arc<ClientConfig>,
) -> Dialler {
    // Somebody is waiting for the findings.
    let mut upstream = upstream.clone();
    let timeouts = upstream.timeouts.over(&config.timeouts);
    upstream.timeouts = UpstreamTimeouts {
        connect: Some(timeouts.connect.min(CONNECT)),
        greeting: Some(timeouts.greeting.min(GREETING)),
        upstream_read: None,
    };
    let limits = DialLimits {
        timeouts,
        at_a_time: 1,
        dials: Arc::default(),
    };
    // Popgate's own addresses are known from the configuration.
    let own = LoopDetection::new(config.listen.iter().map(|listen| listen.address).collect());
    Dialler::new(upstream, Some(tls), limits, own).through(tunnel)
}

/// No client waits for these connections.
fn nobody() -> OnBehalf {
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    OnBehalf {
        addressed: Addressed {
            client: here,
            original_dst: here,
        },
        as_client: false,
    }
}

fn greeted(what: &str, dialled: &Dialled, findings: &mut Findings<'_>) {
    let greeting = printable(trim_end(&dialled.greeting), 80);
    findings.fine(what, format!("greets: {greeting}"));
    match dialled.stream.peer_certificate() {
        Some((certificate, version)) => {
            let days = facts(&certificate).map(|it| it.days_left(SystemTime::now()));
            let days = days.map_or_else(String::new, |days| match days {
                0.. => format!(", {days} days left"),
                // Only a pin trusts such a one.
                _ => format!(", though its certificate expired {} days ago", -1 - days),
            });
            let pin = pin_of(&certificate).unwrap_or_default();
            let version = match version {
                ProtocolVersion::TLSv1_3 => "TLS 1.3",
                _ => "TLS 1.2",
            };
            let found = format!("{version}, verified{days}; its key is {pin}");
            findings.fine(what, found);
        }
        None => findings.note(what, "nothing protects the connection to it (no TLS)"),
    }
}

fn failed(what: &str, error: &DialError, findings: &mut Findings<'_>) {
    let to_do = match error {
        DialError::Loop(_) => "set host to the provider's server, not to popgate",
        DialError::ConnectTimedOut(_) | DialError::Connect(_) => {
            "is the port right, and does a firewall let it through?"
        }
        _ => "",
    };
    findings.wrong(what, error.to_string(), to_do);
}

/// The routes, in the order in which they are decided.
fn routes(config: &Config, findings: &mut Findings<'_>) {
    let name = |place: usize| {
        let upstream = config.upstreams.get(place);
        upstream.map_or("nowhere", |it| it.name.as_str())
    };
    for listen in &config.listen {
        let what = format!("route from {}", listen.address);
        if listen.transparent {
            findings.fine(&what, "to the server that the client means");
        } else if let Some(place) = listen.upstream {
            findings.fine(&what, format!("to {}", name(place)));
        }
        for sni in &listen.sni {
            if let Some(place) = sni.upstream {
                let asked = sni.name.exact().unwrap_or("a name below a domain");
                findings.fine(&what, format!("asking for {asked}: to {}", name(place)));
            }
        }
    }
    let names = &config.routes.user_names;
    if !names.hosts.is_empty() {
        findings.fine(
            "route by server in the user name",
            format!("{} allowed", names.hosts.len()),
        );
    }
    for (pattern, place) in &config.routes.domains {
        let domain = pattern.exact().unwrap_or("names below a domain");
        findings.fine("route by domain", format!("{domain} to {}", name(*place)));
    }
    if let Some(first) = config.upstreams.first() {
        findings.fine("route of all others", format!("to {}", first.name));
    }
}
