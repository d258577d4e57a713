//! The upstreams of a configuration: how each is dialled, verified and logged in to.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::ClientConfig;

use crate::config::{Config, ListenTls, TlsMode};
use crate::schema::Problem;
use crate::session::{OAuthLogin, OAuthShared};
use crate::store::Tokens;
use crate::upstream::{
    DialLimits, Dialler, Dials, LoopDetection, Router, TokenService, Tunnel, client_config,
};

/// The token services, by the places of the upstreams that have one. A question to one takes at most this long.
///
/// # Errors
/// The first problem.
pub fn token_services(
    config: &Config,
    limit: Duration,
    own: &Arc<LoopDetection>,
) -> Result<Vec<(usize, TokenService)>, Problem> {
    let mut services = Vec::new();
    for number in 0..config.upstreams.len() {
        if let Some(service) = token_service(config, number, limit, own)? {
            services.push((number, service));
        }
    }
    Ok(services)
}

/// The token service of an upstream, if it has one, through the upstream's proxy. A question to it takes at most this
/// long.
///
/// # Errors
/// If there is no certificate to trust, or the proxy's password cannot be read.
pub fn token_service(
    config: &Config,
    number: usize,
    limit: Duration,
    own: &Arc<LoopDetection>,
) -> Result<Option<TokenService>, Problem> {
    let upstream = config.upstreams.get(number);
    let Some(oauth) = upstream.and_then(|upstream| upstream.oauth.clone()) else {
        return Ok(None);
    };
    let service = TokenService::new(oauth, limit)
        .map_err(|error| config.problem(&format!("upstream[{number}].oauth"), error.to_string()))?;
    let tunnel = tunnel(config, number)?;
    Ok(Some(service.through(tunnel, Arc::clone(own))))
}

/// The OAuth logins of the upstreams that have one.
///
/// # Errors
/// The first problem.
pub(super) fn oauth(
    config: &Config,
    shared: &Arc<OAuthShared>,
    own: &Arc<LoopDetection>,
) -> Result<Vec<(String, OAuthLogin)>, Problem> {
    let mut logins = Vec::new();
    for (number, service) in token_services(config, config.timeouts.connect, own)? {
        let name = &config.upstreams[number].name;
        let tokens = Tokens::open(&config.data_dir)
            .map_err(|error| config.problem("data.dir", error.to_string()))?;
        logins.push((
            name.clone(),
            OAuthLogin::new(name, service, tokens, Arc::clone(shared)),
        ));
    }
    Ok(logins)
}

/// TLS in place of what the configuration says: of upstreams by their place, and of servers that are in no
/// `[[upstream]]`.
type TlsOverrides<'o> = (
    &'o BTreeMap<usize, Arc<ClientConfig>>,
    Option<Arc<ClientConfig>>,
);

/// Builds the router for `check` and `doctor`.
///
/// # Errors
/// Every problem with any upstream.
pub fn check(config: &Config) -> Result<(), Vec<Problem>> {
    router(
        config,
        &LoopDetection::new(Vec::new()),
        &Arc::default(),
        (&BTreeMap::new(), None),
    )
    .map(drop)
}

/// The proxy on the way to an upstream, if it has one.
///
/// # Errors
/// If its password cannot be read.
pub fn tunnel(config: &Config, number: usize) -> Result<Option<Tunnel>, Problem> {
    let upstream = config.upstreams.get(number);
    let proxy = upstream.and_then(|upstream| upstream.proxy.clone());
    proxy.map(Tunnel::new).transpose().map_err(|error| {
        let key = format!("upstream[{number}].proxy_password_file");
        config.problem(&key, error.to_string())
    })
}

/// The routes to the upstreams.
///
/// # Errors
/// Every problem with any upstream.
pub(super) fn router(
    config: &Config,
    own: &Arc<LoopDetection>,
    dials: &Arc<Dials>,
    (overrides, ad_hoc): TlsOverrides<'_>,
) -> Result<Router, Vec<Problem>> {
    let mut problems = Vec::new();
    if config.upstreams.is_empty() && config.needs_upstream() {
        let message = "no upstream; write [[upstream]] and host = \"pop.example.net\", or give --upstream HOST";
        problems.push(config.problem("upstream", message));
    }
    let limits = || DialLimits {
        timeouts: config.timeouts,
        at_a_time: config.limits.upstream_connects,
        dials: Arc::clone(dials),
    };
    let mut diallers = Vec::new();
    for (number, upstream) in config.upstreams.iter().enumerate() {
        let tls = match (overrides.get(&number), upstream.tls) {
            (Some(tls), _) => Ok(Some(Arc::clone(tls))),
            (None, TlsMode::Off) => Ok(None),
            _ => client_config(upstream.ca_file.as_deref(), &upstream.pins).map(Some),
        };
        let tunnel = tunnel(config, number).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        match tls {
            Ok(tls) => {
                let dialler = Dialler::new(upstream.clone(), tls, limits(), Arc::clone(own));
                diallers.push(Arc::new(dialler.through(tunnel)));
            }
            Err(error) => {
                let key = format!("upstream[{number}].ca_file");
                problems.push(config.problem(&key, error.to_string()));
            }
        }
    }
    let ad_hoc = ad_hoc.or_else(|| ad_hoc_tls(config, &mut problems));
    match problems.is_empty() {
        true => Ok(Router::new(
            diallers,
            config.routes.clone(),
            ad_hoc,
            limits(),
            Arc::clone(own),
        )),
        false => Err(problems),
    }
}

/// Servers that are in no `[[upstream]]` are verified by the platform's roots, if sessions can reach such
/// servers.
fn ad_hoc_tls(config: &Config, problems: &mut Vec<Problem>) -> Option<Arc<ClientConfig>> {
    let names_hosts = !config.routes.user_names.hosts.is_empty();
    let meets_others = names_hosts
        || config.listen.iter().any(|listen| {
            listen.transparent && matches!(listen.tls, ListenTls::Starttls | ListenTls::Implicit)
        });
    if !meets_others {
        return None;
    }
    match client_config(None::<&Path>, &[]) {
        Ok(tls) => Some(tls),
        // If every server is in an [[upstream]], the roots are not needed.
        Err(error) if config.upstreams.is_empty() => {
            problems.push(config.problem("route.user_name.hosts", error.to_string()));
            None
        }
        Err(error) => {
            tracing::warn!(%error, "servers in no [[upstream]] cannot be verified");
            None
        }
    }
}
