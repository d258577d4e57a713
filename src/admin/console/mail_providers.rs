//! The POP3 servers of providers that many people have, by the domain of the mail address.
//!
//! In: a mail address; out: what its server is likely to be. What is not listed is guessed from the domain; nothing is asked
//! on the net. Each server is one that its provider documents: POP3 with TLS from the first octet, on port 995.

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

/// A server that may be right for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suggestion {
    pub(super) host: String,
    pub(super) user: String,
    pub(super) catch: Catch,
    /// Whether the provider is listed.
    pub(super) is_known: bool,
}

/// The name that the server wants.
#[derive(Debug, Clone, Copy)]
enum User {
    Address,
    /// What is before the @.
    Local,
}

struct Provider {
    domains: &'static [&'static str],
    host: &'static str,
    user: User,
    catch: Catch,
}

const fn of(domains: &'static [&'static str], host: &'static str) -> Provider {
    Provider {
        domains,
        host,
        user: User::Address,
        catch: Catch::None,
    }
}

const fn with(domains: &'static [&'static str], host: &'static str, catch: Catch) -> Provider {
    Provider {
        catch,
        ..of(domains, host)
    }
}

const fn local(domains: &'static [&'static str], host: &'static str) -> Provider {
    Provider {
        user: User::Local,
        ..of(domains, host)
    }
}

static PROVIDERS: &[Provider] = &[
    with(
        &["gmail.com", "googlemail.com"],
        "pop.gmail.com",
        Catch::AppPassword,
    ),
    with(
        &[
            "outlook.com",
            "outlook.de",
            "hotmail.com",
            "hotmail.de",
            "hotmail.co.uk",
            "hotmail.fr",
            "live.com",
            "live.de",
            "msn.com",
        ],
        "outlook.office365.com",
        Catch::OAuth,
    ),
    with(
        &[
            "yahoo.com",
            "yahoo.de",
            "yahoo.fr",
            "yahoo.co.uk",
            "yahoo.it",
            "yahoo.es",
            "ymail.com",
            "rocketmail.com",
        ],
        "pop.mail.yahoo.com",
        Catch::AppPassword,
    ),
    with(
        &["aol.com", "aol.de", "aim.com"],
        "pop.aol.com",
        Catch::AppPassword,
    ),
    with(&["icloud.com", "me.com", "mac.com"], "", Catch::NoPop3),
    with(&["proton.me", "protonmail.com", "pm.me"], "", Catch::NoPop3),
    with(
        &["tuta.com", "tutanota.com", "tutanota.de"],
        "",
        Catch::NoPop3,
    ),
    with(
        &["fastmail.com", "fastmail.fm"],
        "pop.fastmail.com",
        Catch::AppPassword,
    ),
    of(
        &["gmx.de", "gmx.net", "gmx.at", "gmx.ch", "gmx.eu"],
        "pop.gmx.net",
    ),
    of(&["gmx.com", "gmx.us", "gmx.co.uk"], "pop.gmx.com"),
    of(&["mail.com"], "pop.mail.com"),
    of(&["web.de"], "pop3.web.de"),
    of(&["t-online.de", "magenta.de"], "securepop.t-online.de"),
    of(&["freenet.de"], "mx.freenet.de"),
    of(&["posteo.de", "posteo.net"], "posteo.de"),
    of(&["mailbox.org"], "pop3.mailbox.org"),
    of(&["bluewin.ch"], "pop3s.bluewin.ch"),
    of(&["zoho.com", "zohomail.com"], "pop.zoho.com"),
    of(&["zohomail.eu"], "pop.zoho.eu"),
    with(&["yandex.com"], "pop.yandex.com", Catch::AppPassword),
    with(&["yandex.ru", "ya.ru"], "pop.yandex.ru", Catch::AppPassword),
    with(
        &["mail.ru", "inbox.ru", "list.ru", "bk.ru"],
        "pop.mail.ru",
        Catch::AppPassword,
    ),
    with(&["qq.com", "foxmail.com"], "pop.qq.com", Catch::AppPassword),
    with(&["163.com"], "pop.163.com", Catch::AppPassword),
    with(&["126.com"], "pop.126.com", Catch::AppPassword),
    local(&["orange.fr", "wanadoo.fr"], "pop.orange.fr"),
    local(&["laposte.net"], "pop.laposte.net"),
    local(&["free.fr"], "pop.free.fr"),
    of(&["libero.it", "inwind.it", "iol.it"], "popmail.libero.it"),
    of(&["tiscali.it"], "pop.tiscali.it"),
    of(&["seznam.cz"], "pop3.seznam.cz"),
    of(&["wp.pl"], "pop3.wp.pl"),
    of(&["o2.pl"], "poczta.o2.pl"),
    of(&["onet.pl"], "pop3.poczta.onet.pl"),
    of(&["interia.pl"], "poczta.interia.pl"),
    with(
        &["att.net", "sbcglobal.net", "bellsouth.net"],
        "inbound.att.net",
        Catch::AppPassword,
    ),
    of(&["verizon.net"], "pop.verizon.net"),
    of(&["btinternet.com"], "mail.btinternet.com"),
    of(&["telenet.be"], "pop.telenet.be"),
];

/// The server of an address; `None` if that is no address.
pub(super) fn suggestion(address: &str) -> Option<Suggestion> {
    let (local, domain) = address.trim().rsplit_once('@')?;
    let domain = domain.to_ascii_lowercase();
    if local.is_empty() || !domain.contains('.') {
        return None;
    }
    let found = PROVIDERS.iter().find(|it| it.domains.contains(&&*domain));
    let whole = format!("{local}@{domain}");
    Some(match found {
        Some(provider) => Suggestion {
            host: provider.host.to_owned(),
            user: match provider.user {
                User::Address => whole,
                User::Local => local.to_owned(),
            },
            catch: provider.catch,
            is_known: true,
        },
        None => Suggestion {
            host: format!("pop.{domain}"),
            user: whole,
            catch: Catch::None,
            is_known: false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_to_its_providers_server() {
        let gmx = suggestion(" Ann.Other@GMX.de ").unwrap();
        assert_eq!(
            (&*gmx.host, &*gmx.user),
            ("pop.gmx.net", "Ann.Other@gmx.de")
        );
        assert_eq!(suggestion("ann@free.fr").unwrap().user, "ann");
        assert_eq!(suggestion("ann@icloud.com").unwrap().catch, Catch::NoPop3);
        let own = suggestion("ann@example.org").unwrap();
        assert_eq!((&*own.host, own.is_known), ("pop.example.org", false));
        for wrong in ["", "ann", "@gmx.de", "ann@localhost"] {
            assert_eq!(suggestion(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn each_domain_is_listed_once() {
        let mut domains: Vec<_> = PROVIDERS.iter().flat_map(|it| it.domains).collect();
        let count = domains.len();
        domains.sort_unstable();
        domains.dedup();
        assert_eq!(domains.len(), count);
    }
}
