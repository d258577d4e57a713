//! What a configuration names, opened: certificates, upstreams, rules, stores. All problems together.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_rustls::rustls::ServerConfig;

use crate::config::{Config, KeyPair, Listen, ListenTls, TlsMode};
use crate::filter::classifier::Memory;
use crate::filter::{Filter, RuleSet};
use crate::metrics::Metrics;
use crate::net::tls::{
    Certificate, CertificateError, CertificateResolver, NameTest, server_config,
};
use crate::rewrite::Style;
use crate::schema::Problem;
use crate::session::{Bridge, Engine, Guards, HoldLimits, Judge, Port, Service, Turns};
use crate::store::{Knowledge, Quarantine, Tokens};
use crate::upstream::{DialLimits, Dialler, LoopDetection, Router, TokenService, client_config};

/// What outlives a reload.
#[derive(Debug, Clone)]
pub(super) struct Lasting {
    pub(super) metrics: Arc<Metrics>,
    pub(super) own: Arc<LoopDetection>,
    pub(super) guards: Arc<Guards>,
    pub(super) turns: Arc<Turns>,
}

/// The listeners of a configuration, and the certificates that they show.
#[derive(Debug, Clone, Default)]
pub(super) struct Ports {
    pub(super) ports: Vec<Port>,
    /// With the listener that shows each.
    pub(super) certificates: Vec<(String, Arc<Certificate>)>,
}

/// Reads every certificate that has changed since before.
///
/// # Errors
/// Every problem with any of them.
pub(super) fn ports(
    config: &Config,
    before: &[(String, Arc<Certificate>)],
) -> Result<Ports, Vec<Problem>> {
    let mut opened = Ports::default();
    let mut problems = Vec::new();
    for (number, listen) in config.listen.iter().enumerate() {
        let mut read = |pair: &Option<KeyPair>, path: &str| {
            let pair = pair.as_ref()?;
            let mut known = before.iter().map(|(_, certificate)| certificate);
            let known = known.find(|it| it.is_still(&pair.certificate, &pair.key));
            let read = match known {
                Some(known) => Ok(Arc::clone(known)),
                None => Certificate::read(&pair.certificate, &pair.key).map(Arc::new),
            };
            match read {
                Ok(certificate) => {
                    opened
                        .certificates
                        .push((listen.name.clone(), Arc::clone(&certificate)));
                    Some(certificate)
                }
                // One file may serve many names.
                Err(error)
                    if problems
                        .iter()
                        .any(|it: &Problem| it.message == error.to_string()) =>
                {
                    None
                }
                Err(error) => {
                    let key = match &error {
                        CertificateError::Exposed(..)
                        | CertificateError::UnreadableKey(..)
                        | CertificateError::NoKey(_)
                        | CertificateError::UnusableKey(..)
                        | CertificateError::Mismatch(..) => "key",
                        _ => "certificate",
                    };
                    problems.push(config.problem(&format!("{path}.{key}"), error.to_string()));
                    None
                }
            }
        };
        let path = format!("listen[{number}]");
        let default = read(&listen.pair, &path);
        let mut named: Vec<(NameTest, Arc<Certificate>)> = Vec::new();
        for (place, sni) in listen.sni.iter().enumerate() {
            let own = read(&sni.pair, &format!("{path}.sni[{place}]"));
            if let Some(certificate) = own.or_else(|| default.clone()) {
                let pattern = sni.name.clone();
                named.push((Box::new(move |name| pattern.matches(name)), certificate));
            }
        }
        let choice = CertificateResolver { named, default };
        match tls(listen, choice) {
            Ok(tls) => opened.ports.push(Port::new(listen, tls)),
            Err(error) => problems.push(config.problem(&path, error.to_string())),
        }
    }
    match problems.is_empty() {
        true => Ok(opened),
        false => Err(problems),
    }
}

fn tls(
    listen: &Listen,
    choice: CertificateResolver,
) -> Result<Option<Arc<ServerConfig>>, CertificateError> {
    match listen.tls {
        ListenTls::Off | ListenTls::Passthrough => Ok(None),
        ListenTls::Starttls | ListenTls::Implicit => server_config(choice).map(Some),
    }
}

/// The rules that a configuration names.
///
/// # Errors
/// Every problem of every rule file.
pub(super) fn rules(config: &Config) -> Result<RuleSet, Vec<Problem>> {
    match &config.filter.rules {
        Some(folder) => RuleSet::load(folder),
        None => RuleSet::stock(),
    }
}

/// The filter that a configuration asks for: its rules, and what was learnt unless it is not wanted.
///
/// # Errors
/// Every problem of every rule file, and of what was learnt.
pub(super) fn filter(config: &Config, learnt: bool) -> Result<Filter, Vec<Problem>> {
    let filter = rules(config).and_then(|rules| Filter::new(rules, config.filter.thresholds))?;
    if !learnt || !config.filter.classifier {
        return Ok(filter);
    }
    let (_, memory) = memory(config)?;
    Ok(filter.remembering(Arc::new(memory)))
}

/// What was learnt, on top of what popgate came with. Without a data directory, as in the
/// demonstration, nothing was.
fn memory(config: &Config) -> Result<(Option<Knowledge>, Memory), Vec<Problem>> {
    let (knowledge, memory) = if config.data_dir.as_os_str().is_empty() {
        (None, Memory::default())
    } else {
        let read = Knowledge::read(&config.data_dir);
        let read = read.map_err(|error| vec![config.problem("data.dir", error.to_string())])?;
        (Some(read.0), read.1)
    };
    match config.filter.shipped_model {
        true => Ok((knowledge, memory.with_shipped())),
        false => Ok((knowledge, memory)),
    }
}

/// The filter as [`filter`] makes it, but taking over what other processes teach it.
fn learning_filter(config: &Config) -> Result<Filter, Vec<Problem>> {
    let filter = filter(config, false)?;
    if !config.filter.classifier {
        return Ok(filter);
    }
    let (knowledge, memory) = memory(config)?;
    let memory = Arc::new(memory);
    if let Some(knowledge) = knowledge {
        let followed = knowledge.follow(&memory);
        followed.map_err(|error| vec![config.problem("data.dir", error.to_string())])?;
    }
    Ok(filter.remembering(memory))
}

/// Everything that a session needs, and every problem on the way to it.
pub(super) fn service(
    config: &Config,
    ports: Vec<Port>,
    lasting: &Lasting,
) -> Result<Service, Vec<Problem>> {
    let mut problems = Vec::new();
    let filter = learning_filter(config)
        .map_err(|more| problems.extend(more))
        .ok();
    let router = router(config, &lasting.own)
        .map_err(|more| problems.extend(more))
        .ok();
    let quarantine = match config.filter.thresholds.drop_at {
        Some(_) => Quarantine::open(&config.data_dir).map(|it| Some(Arc::new(it))),
        None => Ok(None),
    };
    let quarantine = quarantine
        .map_err(|error| {
            let message = format!("{error}; name a folder that popgate may write to");
            problems.push(config.problem("data.dir", message));
        })
        .ok();
    let bridges = bridges(config, &lasting.turns)
        .map_err(|problem| problems.push(problem))
        .ok();
    let (Some(filter), Some(router), Some(quarantine), Some(bridges)) =
        (filter, router, quarantine, bridges)
    else {
        return Err(problems);
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Service {
        ports,
        router,
        bridges,
        judge: Judge::new(
            Engine::Rules(Arc::new(filter)),
            config.timeouts.filter,
            cores,
        ),
        style: Style {
            headers: config.filter.headers,
            subject_mark: config.filter.subject_mark.clone(),
        },
        hold: HoldLimits {
            bytes: config.filter.hold_bytes,
            time: config.filter.hold_time,
        },
        timeouts: config.timeouts,
        limits: config.limits,
        guards: Arc::clone(&lasting.guards),
        log_mailboxes: config.log.mailboxes,
        quarantine,
        metrics: Arc::clone(&lasting.metrics),
        piece: usize::MAX,
    })
}

/// The token services, by the places of the upstreams that have one.
pub(super) fn token_services(config: &Config) -> Result<Vec<(usize, TokenService)>, Problem> {
    let mut services = Vec::new();
    for (number, upstream) in config.upstreams.iter().enumerate() {
        if let Some(oauth) = &upstream.oauth {
            let service = TokenService::new(oauth.clone(), config.timeouts.connect);
            let service = service.map_err(|error| {
                config.problem(&format!("upstream[{number}].oauth"), error.to_string())
            })?;
            services.push((number, service));
        }
    }
    Ok(services)
}

/// Logins by token, for the upstreams that have it so.
fn bridges(config: &Config, turns: &Arc<Turns>) -> Result<Vec<(String, Bridge)>, Problem> {
    let mut bridges = Vec::new();
    for (number, service) in token_services(config)? {
        let name = &config.upstreams[number].name;
        let tokens = Tokens::open(&config.data_dir)
            .map_err(|error| config.problem("data.dir", error.to_string()))?;
        bridges.push((
            name.clone(),
            Bridge::new(name, service, tokens, Arc::clone(turns)),
        ));
    }
    Ok(bridges)
}

/// The ways to the upstreams.
pub(super) fn router(config: &Config, own: &Arc<LoopDetection>) -> Result<Router, Vec<Problem>> {
    let mut problems = Vec::new();
    let names_hosts = !config.routes.user_names.hosts.is_empty();
    if config.upstreams.is_empty() && config.needs_upstream() {
        let message = "no upstream; write [[upstream]] and host = \"pop.example.net\", or give --upstream HOST";
        problems.push(config.problem("upstream", message));
    }
    let limits = DialLimits {
        connect: config.timeouts.connect,
        greeting: config.timeouts.greeting,
        at_a_time: Arc::new(Semaphore::new(config.limits.upstream_connects)),
    };
    let mut diallers = Vec::new();
    for (number, upstream) in config.upstreams.iter().enumerate() {
        let tls = match upstream.tls {
            TlsMode::Off => Ok(None),
            _ => client_config(upstream.ca_file.as_deref(), &upstream.pins).map(Some),
        };
        match tls {
            Ok(tls) => {
                // Each has its own turns: who waits for one that is dead keeps nobody from another.
                let limits = DialLimits {
                    at_a_time: Arc::new(Semaphore::new(config.limits.upstream_connects)),
                    ..limits.clone()
                };
                let own = Arc::clone(own);
                let dialler = Dialler::new(upstream.clone(), tls, limits, own);
                diallers.push(Arc::new(dialler));
            }
            Err(error) => {
                let key = format!("upstream[{number}].ca_file");
                problems.push(config.problem(&key, error.to_string()));
            }
        }
    }
    // Servers that stand in no [[upstream]] are verified by the platform's roots.
    let meets_strangers = names_hosts
        || config.listen.iter().any(|listen| {
            listen.transparent && matches!(listen.tls, ListenTls::Starttls | ListenTls::Implicit)
        });
    let tls = match meets_strangers {
        true => match client_config(None::<&Path>, &[]) {
            Ok(tls) => Some(tls),
            // Where every server stands in an [[upstream]] nobody misses them.
            Err(error) if config.upstreams.is_empty() => {
                problems.push(config.problem("route.user_name.hosts", error.to_string()));
                None
            }
            Err(error) => {
                tracing::warn!(%error, "servers that stand in no [[upstream]] cannot be verified");
                None
            }
        },
        false => None,
    };
    match problems.is_empty() {
        true => Ok(Router::new(
            diallers,
            config.routes.clone(),
            tls,
            limits,
            Arc::clone(own),
        )),
        false => Err(problems),
    }
}
