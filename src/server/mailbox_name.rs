//! The mailbox that a person names on the command line.

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
    if let Some((user, upstream)) = name.rsplit_once('@') {
        let named = config.upstreams.iter().position(|it| it.name == upstream);
        if let Some(id) = named.and_then(id) {
            return MailboxId::new(id, user).map(WeightsOwner::Mailbox);
        }
    }
    let user = canonical_user(name)?;
    match only_route(config, name).and_then(id) {
        Some(id) => MailboxId::new(id, name).map(WeightsOwner::Mailbox),
        None => Some(WeightsOwner::User(user)),
    }
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
}
