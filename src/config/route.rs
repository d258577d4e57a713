//! `[route]`: which client goes to which upstream.

use super::host::{AllowedHost, HostPattern};
use super::tls_mode::TlsMode;
use crate::schema::Section;

/// Which client goes to which upstream; without a match, to the first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes {
    /// By the domain of the user name: indexes into `Config::upstreams`.
    pub domains: Vec<(HostPattern, usize)>,
    /// By a server in the user name.
    pub user_names: UserNames,
}

/// Servers in user names, as POPFile, SpamPal and p3scan had them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserNames {
    /// The servers that may be named; empty: user names are not parsed.
    pub hosts: Vec<AllowedHost>,
    /// Separators of `server:port:user`.
    pub server_prefix_separators: String,
    /// Separators of `user@server:port`.
    pub server_suffix_separators: String,
    /// How such servers are reached on other ports than 995.
    pub tls: TlsMode,
}

impl Default for UserNames {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            server_prefix_separators: ":".to_owned(),
            server_suffix_separators: "@#".to_owned(),
            tls: TlsMode::Starttls,
        }
    }
}

pub(super) fn read(
    mut section: Section<'_, '_>,
    index_of: &impl Fn(&str) -> Result<usize, String>,
) -> Routes {
    let domains = domains(section.section("domains"), index_of);
    let user_names = user_names(section.section("user_name"));
    section.finish();
    Routes {
        domains,
        user_names,
    }
}

fn domains(
    section: Section<'_, '_>,
    index_of: &impl Fn(&str) -> Result<usize, String>,
) -> Vec<(HostPattern, usize)> {
    let read = |(domain, upstream): (&str, Option<&str>)| {
        let wanted = "must be an upstream's name in quotes".to_owned();
        let to = upstream.ok_or(wanted).and_then(index_of);
        match (HostPattern::parse(domain), to) {
            (Ok(pattern), Ok(to)) => Some((pattern, to)),
            (Err(message), _) | (_, Err(message)) => {
                section.problem(domain, message);
                None
            }
        }
    };
    let mut found: Vec<_> = section.entries().into_iter().filter_map(read).collect();
    // An exact name beats a wildcard, and a longer wildcard a shorter one.
    found.sort_by_key(|(pattern, _)| match pattern {
        HostPattern::Exact(_) => (0, 0),
        HostPattern::Below(end) => (1, usize::MAX - end.len()),
    });
    found
}

fn user_names(mut section: Section<'_, '_>) -> UserNames {
    let default = UserNames::default();
    let hosts = section.strings("hosts").unwrap_or_default();
    let hosts = hosts
        .iter()
        .filter_map(|text| match AllowedHost::parse(text) {
            Ok(host) => Some(host),
            Err(message) => {
                section.problem("hosts", message);
                None
            }
        })
        .collect();
    let separators = |text: &str| {
        let is_mark = |byte: u8| byte.is_ascii_punctuation() && !b".-_".contains(&byte);
        match text.bytes().all(is_mark) {
            true => Ok(text.to_owned()),
            false => Err(format!(
                "`{text}` cannot be a separator: write characters that no host name has, such as \":\" or \"@#\""
            )),
        }
    };
    let server_prefix_separators = section.parsed("server_prefix_separators", separators);
    let server_suffix_separators = section.parsed("server_suffix_separators", separators);
    let tls = section.parsed("tls", |text| match TlsMode::parse(text)? {
        TlsMode::Implicit => Err(
            "port 995 is implicit TLS already; write \"starttls\", \"opportunistic\" or \"off\""
                .to_owned(),
        ),
        mode => Ok(mode),
    });
    section.finish();
    UserNames {
        hosts,
        server_prefix_separators: server_prefix_separators
            .unwrap_or(default.server_prefix_separators),
        server_suffix_separators: server_suffix_separators
            .unwrap_or(default.server_suffix_separators),
        tls: tls.unwrap_or(default.tls),
    }
}
