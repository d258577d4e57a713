//! The POP3 server of a provider, by the domain of the mail address.
//!
//! In: a mail address; out: what its server is likely to be. Nothing is asked on the net. Known are Mozilla's table
//! (`ispdb.rs`), and what is here and not in that: providers that it does not list with POP3, and what is special about
//! logging in. What is here precedes it. Any other server is guessed from the domain, or read from the provider's own file
//! (`config_xml.rs`) if a person had it asked for.

mod config_xml;
mod ispdb;
mod pop3_server;

pub(super) use self::config_xml::FileError;
use self::pop3_server::{Address, Pop3Server, Protection};
use crate::public_suffix::registrable_domain;

/// What is special about a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Catch {
    None,
    /// It takes a password that is made for mail programs, not the one of its web page.
    AppPassword,
    /// It takes no password at all.
    OAuth,
    /// It has no POP3.
    NoPop3,
}

/// Where a suggestion is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The provider is listed.
    Listed,
    /// The provider's own file.
    Provider,
    /// The domain's name.
    Guessed,
}

/// A server that may be right for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suggestion {
    pub(super) host: String,
    pub(super) port: u16,
    /// A value of `upstream.tls`.
    pub(super) tls: &'static str,
    pub(super) user: String,
    pub(super) catch: Catch,
    pub(super) source: Source,
}

/// Providers without POP3.
static NO_POP3: &[&str] = &[
    "icloud.com",
    "me.com",
    "mac.com",
    "proton.me",
    "protonmail.com",
    "pm.me",
    "tuta.com",
    "tutanota.com",
    "tutanota.de",
];

/// Domains that Mozilla's table does not list with POP3, the server that their provider documents, on port 995, and the
/// user name.
static MORE: &[(&[&str], &str, &str)] = &[
    (
        &["fastmail.com", "fastmail.fm"],
        "pop.fastmail.com",
        ADDRESS,
    ),
    (&["freenet.de"], "mx.freenet.de", ADDRESS),
    (&["mailbox.org"], "pop3.mailbox.org", ADDRESS),
    (&["bluewin.ch"], "pop3s.bluewin.ch", ADDRESS),
    (&["qq.com", "foxmail.com"], "pop.qq.com", ADDRESS),
    (&["163.com"], "pop.163.com", ADDRESS),
    (&["126.com"], "pop.126.com", ADDRESS),
    (&["laposte.net"], "pop.laposte.net", "%EMAILLOCALPART%"),
    (&["seznam.cz"], "pop3.seznam.cz", ADDRESS),
    (&["interia.pl"], "poczta.interia.pl", ADDRESS),
    (&["btinternet.com"], "mail.btinternet.com", ADDRESS),
    (&["telenet.be"], "pop.telenet.be", ADDRESS),
];

const ADDRESS: &str = "%EMAILADDRESS%";

/// Servers that take a password for mail programs only.
static APP_PASSWORDS: &[&str] = &[
    "pop.gmail.com",
    "pop.mail.yahoo.com",
    "pop.aol.com",
    "pop.fastmail.com",
    "pop.yandex.com",
    "pop.mail.ru",
    "pop.qq.com",
    "pop.163.com",
    "pop.126.com",
    "inbound.att.net",
    "securepop.t-online.de",
];

/// The server of an address; `None` if that is no address.
pub(super) fn suggestion(address: &str) -> Option<Suggestion> {
    let address = Address::read(address)?;
    // A department's or a city's domain has the servers of the whole, where it is not listed itself.
    let above = registrable_domain(&address.domain);
    let mut domains = std::iter::once(&*address.domain).chain(above);
    let found = domains.find_map(|domain| listed(domain, &address));
    Some(found.unwrap_or_else(|| guessed(&address)))
}

/// The server that the provider's own file has for an address.
pub(super) fn of_file(address: &str, file: &[u8]) -> Result<Suggestion, FileError> {
    let address = Address::read(address).ok_or(FileError::NoPop3)?;
    let server = config_xml::pop3_server(file)?;
    let found = of(&server, &address.domain, &address, Source::Provider);
    found.ok_or(FileError::NoPop3)
}

/// The server of a domain that is listed itself.
fn listed(domain: &str, address: &Address) -> Option<Suggestion> {
    if NO_POP3.contains(&domain) {
        return Some(Suggestion {
            host: String::new(),
            catch: Catch::NoPop3,
            source: Source::Listed,
            ..guessed(address)
        });
    }
    let more = MORE.iter().find(|(domains, ..)| domains.contains(&domain));
    let more = more.and_then(|(_, host, user)| Pop3Server::read(host, "995", "SSL", user, false));
    let server = more.or_else(|| ispdb::server(domain).cloned())?;
    of(&server, domain, address, Source::Listed)
}

fn of(server: &Pop3Server, domain: &str, address: &Address, source: Source) -> Option<Suggestion> {
    let host = server.host(domain)?;
    Some(Suggestion {
        port: server.port,
        tls: server.protection.setting(),
        user: server.user(address),
        catch: match server.is_only_oauth {
            true => Catch::OAuth,
            false if APP_PASSWORDS.contains(&&*host) => Catch::AppPassword,
            false => Catch::None,
        },
        source,
        host,
    })
}

fn guessed(address: &Address) -> Suggestion {
    Suggestion {
        host: format!("pop.{}", address.domain),
        port: 995,
        tls: Protection::Tls.setting(),
        user: address.whole(),
        catch: Catch::None,
        source: Source::Guessed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_to_its_providers_server() {
        for (address, host, port, tls, user, catch) in [
            (
                " Ann.Other@GMX.de ",
                "pop.gmx.net",
                995,
                "implicit",
                "Ann.Other@gmx.de",
                Catch::None,
            ),
            (
                "ann@free.fr",
                "pop.free.fr",
                995,
                "implicit",
                "ann",
                Catch::None,
            ),
            (
                "ann@gmail.com",
                "pop.gmail.com",
                995,
                "implicit",
                "ann@gmail.com",
                Catch::AppPassword,
            ),
            (
                "ann@hotmail.co.uk",
                "outlook.office365.com",
                995,
                "implicit",
                "ann@hotmail.co.uk",
                Catch::OAuth,
            ),
            (
                "ann@tim.it",
                "pop.tim.it",
                110,
                "starttls",
                "ann@tim.it",
                Catch::None,
            ),
            (
                "ann@mx2.tiki.ne.jp",
                "mx2.tiki.ne.jp",
                110,
                "off",
                "ann",
                Catch::None,
            ),
            (
                "ann@laposte.net",
                "pop.laposte.net",
                995,
                "implicit",
                "ann",
                Catch::None,
            ),
            (
                "ann@t-online.de",
                "securepop.t-online.de",
                995,
                "implicit",
                "ann@t-online.de",
                Catch::AppPassword,
            ),
        ] {
            let expected = Suggestion {
                host: host.to_owned(),
                port,
                tls,
                user: user.to_owned(),
                catch,
                source: Source::Listed,
            };
            assert_eq!(suggestion(address), Some(expected), "{address}");
        }
        assert_eq!(suggestion("ann@icloud.com").unwrap().catch, Catch::NoPop3);
        let own = suggestion("ann@example.org").unwrap();
        assert_eq!(
            (&*own.host, own.source),
            ("pop.example.org", Source::Guessed)
        );
        assert_eq!(suggestion("ann@localhost"), None);
    }

    #[test]
    fn a_domain_below_a_listed_one_has_its_server() {
        let city = suggestion("ann@nyc.rr.com").unwrap();
        assert_eq!(
            (&*city.host, &*city.user),
            ("mail.twc.com", "ann@nyc.rr.com")
        );
        // The name of the server is made from the domain that is listed.
        let below = suggestion("ann@office.inbox.lv").unwrap();
        assert_eq!(below.host, "mail.inbox.lv");
        // A public suffix is nobody's domain.
        assert_eq!(
            suggestion("ann@example.co.uk").unwrap().source,
            Source::Guessed
        );
    }

    #[test]
    fn what_is_here_is_not_in_the_table() {
        let mut here: Vec<_> = MORE.iter().flat_map(|(domains, ..)| *domains).collect();
        here.extend(NO_POP3);
        for domain in &here {
            assert_eq!(ispdb::server(domain), None, "{domain}");
            assert!(listed(domain, &Address::read("ann@example.org").unwrap()).is_some());
        }
        let count = here.len();
        here.sort_unstable();
        here.dedup();
        assert_eq!(here.len(), count);
    }
}
