//! The mailbox that a person names on the command line.

use std::fmt;

use crate::config::Config;
use crate::filter::classifier::WeightsOwner;
use crate::mailbox_id::{MailboxId, UpstreamId, canonical_user};

/// The owner of weights named by `USER@UPSTREAM`, where UPSTREAM is the name of an `[[upstream]]`, or by
/// `USER`.
///
/// A user name alone means the mailbox that a login with it reaches; if that depends on more than the name, or
/// no `[[upstream]]` is configured, it means every mailbox of that name. `None` if it is no user name.
pub fn resolve(config: &Config, name: &str) -> Option<WeightsOwner> {
    let id = |place: usize| {
        let upstream = config.upstreams.get(place)?;
        Some(UpstreamId::new(&upstream.host, upstream.port))
    };
    if let Some(mailbox) = named_upstream(config, name) {
        return Some(WeightsOwner::Mailbox(mailbox));
    }
    let user = canonical_user(name)?;
    match only_route(config, name).and_then(id) {
        Some(id) => MailboxId::new(id, name).map(WeightsOwner::Mailbox),
        None => Some(WeightsOwner::User(user)),
    }
}

/// Why a name means no mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// It is no user name.
    NoName(String),
    /// No mailbox has it.
    Unknown(String),
    /// Several mailboxes have it.
    Ambiguous(String, Vec<MailboxId>),
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName(name) => write!(f, "`{name}` is not the name of a mailbox"),
            Self::Unknown(name) => write!(
                f,
                "no mailbox `{name}` is known; `popgate mailboxes` lists them, and USER@UPSTREAM names one that \
                 nobody has used yet"
            ),
            Self::Ambiguous(name, all) => {
                let all: Vec<_> = all.iter().map(MailboxId::to_string).collect();
                let (count, all) = (all.len(), all.join(", "));
                write!(
                    f,
                    "`{name}` is the name of {count} mailboxes; write one of {all}"
                )
            }
        }
    }
}

impl std::error::Error for NameError {}

/// The mailbox that a person means: one of those that are known, by its user name where only one has it or by
/// `USER@SERVER`, or any `USER@UPSTREAM` of the configuration.
///
/// # Errors
/// Why it is none.
pub fn find(config: &Config, known: &[MailboxId], name: &str) -> Result<MailboxId, NameError> {
    let Some(user) = canonical_user(name) else {
        return Err(NameError::NoName(name.escape_debug().to_string()));
    };
    if let Some(found) = known.iter().find(|it| it.to_string() == *user) {
        return Ok(found.clone());
    }
    let named: Vec<_> = known
        .iter()
        .filter(|it| *it.user() == user)
        .cloned()
        .collect();
    match (&*named, named_upstream(config, name)) {
        (_, Some(mailbox)) => Ok(mailbox),
        ([one], None) => Ok(one.clone()),
        ([], None) => Err(NameError::Unknown(name.to_owned())),
        (_, None) => Err(NameError::Ambiguous(name.to_owned(), named)),
    }
}

/// The mailbox that `USER@UPSTREAM` names.
fn named_upstream(config: &Config, name: &str) -> Option<MailboxId> {
    let (user, upstream) = name.rsplit_once('@')?;
    let upstream = config.upstreams.iter().find(|it| it.name == upstream)?;
    MailboxId::new(UpstreamId::new(&upstream.host, upstream.port), user)
}

/// The place of the upstream that every login with this name leads to.
fn only_route(config: &Config, name: &str) -> Option<usize> {
    let by_listener = config.listen.iter().any(|listen| {
        let by_sni = listen.sni.iter().any(|sni| sni.upstream.is_some());
        listen.transparent || listen.upstream.is_some() || by_sni
    });
    if by_listener {
        return None;
    }
    let domain = name.rsplit_once('@').map_or("", |(_, domain)| domain);
    let domains = &config.routes.domains;
    let routed = domains.iter().find(|(pattern, _)| pattern.matches(domain));
    Some(routed.map_or(0, |(_, place)| *place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flags, TlsMode, Upstream};

    fn config(upstreams: &[(&str, &str)]) -> Config {
        let (mut config, _) = Config::load(None, &Flags::default());
        let new = |(name, host): &(&str, &str)| Upstream::new(name, host, 995, TlsMode::Implicit);
        config.upstreams = upstreams.iter().map(new).collect();
        config
    }

    #[test]
    fn a_name_identifies_the_mailbox_that_a_login_with_it_reaches() {
        let shown = |config: &Config, name: &str| resolve(config, name).map(|it| it.to_string());
        let none = config(&[]);
        assert_eq!(shown(&none, "Ann"), Some("ann".to_owned()));
        assert_eq!(shown(&none, ""), None);
        let two = config(&[("isp", "pop.example.net"), ("work", "mail.example.org")]);
        assert_eq!(shown(&two, "ann"), Some("ann@pop.example.net".to_owned()));
        assert_eq!(
            shown(&two, "ann@work"),
            Some("ann@mail.example.org".to_owned())
        );
        let mut transparent = config(&[("isp", "pop.example.net")]);
        transparent.listen[0].transparent = true;
        assert_eq!(shown(&transparent, "ann"), Some("ann".to_owned()));
    }

    #[test]
    fn a_person_names_a_mailbox_that_is_known_or_could_be() {
        let config = config(&[("isp", "pop.example.net"), ("work", "mail.example.org")]);
        let known = |host, user| MailboxId::new(UpstreamId::new(host, 995), user).unwrap();
        let all = [
            known("pop.example.net", "ann"),
            known("mail.example.org", "ann"),
            known("mail.example.org", "bob"),
            known("pop.example.net", "eve@example.net"),
        ];
        let find = |name: &str| find(&config, &all, name);
        for (name, wanted) in [
            ("bob", &all[2]),
            ("ann@isp", &all[0]),
            ("Ann@mail.example.org", &all[1]),
            ("eve@example.net", &all[3]),
            ("eve@example.net@isp", &all[3]),
        ] {
            assert_eq!(find(name).as_ref(), Ok(wanted), "{name}");
        }
        assert_eq!(find("new@work"), Ok(known("mail.example.org", "new")));
        let error = find("ann").unwrap_err().to_string();
        assert!(
            error.contains("ann@pop.example.net, ann@mail.example.org"),
            "{error}"
        );
        for unknown in ["new", "ann@elsewhere"] {
            assert!(
                matches!(find(unknown), Err(NameError::Unknown(_))),
                "{unknown}"
            );
        }
        assert!(matches!(find("a\nb"), Err(NameError::NoName(_))));
    }
}
