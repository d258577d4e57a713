//! Facts about links: where they lead, and what they hide.

use std::collections::BTreeSet;

use memchr::memmem::Finder;

use crate::filter::facts::fact::Fact;
use crate::filter::facts::link_encoding::{base64, hexadecimal, inner, percent_decoded};
use crate::filter::facts::sender::{from_domain, same_domain};
use crate::filter::message_view::MessageView;
use crate::message::url::{Link, registrable};
use crate::public_suffix::has_known_suffix;

pub(super) const FACTS: &[Fact] = &[
    Fact::holds(
        "anchor-shows-other-domain",
        "A link shows one domain and leads to another.",
        anchor_shows_other_domain,
    )
    .of_links(),
    Fact::holds(
        "link-to-number",
        "A link leads to an IP address instead of a name.",
        link_to_number,
    )
    .of_links(),
    Fact::holds(
        "link-number-disguised",
        "A link leads to an IP address written so that it does not look like one.",
        link_number_disguised,
    )
    .of_links(),
    Fact::holds(
        "link-holds-user",
        "A link has a user name before its host, which looks like a host itself.",
        link_holds_user,
    )
    .of_links(),
    Fact::holds(
        "link-odd-syntax",
        "A link has backslashes, several @ or invisible characters.",
        link_odd_syntax,
    )
    .of_links(),
    Fact::holds(
        "link-odd-port",
        "A link leads to an unusual port.",
        link_odd_port,
    )
    .of_links(),
    Fact::holds(
        "link-nested",
        "A link contains another link to another domain.",
        link_nested,
    )
    .of_links(),
    Fact::holds(
        "link-open-redirect",
        "A link goes through an open redirector.",
        link_open_redirect,
    )
    .of_links(),
    Fact::holds(
        "link-shortener",
        "A link goes through a URL shortener.",
        |mail| clicked_in(mail, "shorteners"),
    )
    .of_links(),
    Fact::holds(
        "link-free-hosting",
        "A link leads to a host where anybody can publish a page.",
        |mail| clicked_in(mail, "free-hosting"),
    )
    .of_links(),
    Fact::holds(
        "link-ipfs",
        "A link leads to an IPFS gateway, where nothing can be taken down.",
        |mail| clicked_in(mail, "ipfs-gateways"),
    )
    .of_links(),
    Fact::holds(
        "link-dynamic-dns",
        "A link leads to a dynamic DNS name.",
        |mail| clicked_in(mail, "dynamic-dns"),
    )
    .of_links(),
    Fact::holds(
        "link-abused-tld",
        "A link's top-level domain is mostly abused.",
        |mail| clicked_in(mail, "abused-tlds"),
    )
    .of_links(),
    Fact::holds(
        "link-image-host",
        "An image comes from a host where anybody can upload one.",
        link_image_host,
    )
    .of_links(),
    Fact::holds(
        "link-holds-recipient",
        "A link contains the recipient's address, plain, in base64 or in hexadecimal.",
        link_holds_recipient,
    )
    .of_links(),
    Fact::holds(
        "link-host-of-many-labels",
        "A link's host has five or more labels below the registrable domain.",
        link_host_of_many_labels,
    )
    .of_links(),
    Fact::holds(
        "links-none-of-sender",
        "There are clickable links, and none leads to the sender's domain.",
        links_none_of_sender,
    )
    .of_links(),
    Fact::holds(
        "links-all-one",
        "All clickable links lead to one host, which is not the sender's.",
        links_all_one,
    )
    .of_links(),
    Fact::holds(
        "link-data",
        "A link contains the page that it shows (data:).",
        link_data,
    )
    .of_links(),
    Fact::number(
        "link-domain-count",
        "How many registered domains the links lead to.",
        |mail| {
            let domains: BTreeSet<_> = mail.web_hosts().filter_map(registrable).collect();
            domains.len() as f64
        },
    )
    .of_links(),
    Fact::number(
        "link-count",
        "How many clickable links there are, or links in plain text.",
        |mail| mail.clicked().len() as f64,
    )
    .of_links(),
];

fn clicked_in(mail: &MessageView<'_>, list: &str) -> Option<String> {
    let list = mail.lists.named(list)?;
    let mut hosts = mail.clicked_hosts();
    hosts.find(|host| list.has_host(host)).map(str::to_owned)
}

/// The host that a text shows, if it is just a host or a link.
fn shown(text: &str) -> Option<String> {
    let text = text.trim();
    if text.contains(char::is_whitespace) || text.contains('@') || text.len() > 200 {
        return None;
    }
    // A host has a dot, and others than this one are not ASCII.
    if text.is_ascii() && !text.contains(['.', '%']) {
        return None;
    }
    let with_scheme = text.starts_with("http://") || text.starts_with("https://");
    let host = Link::new(text).host()?.to_owned();
    let domain = registrable(&host)?;
    // `index.php` and `Node.js` are not hosts: without a scheme the suffix must be a real one.
    let suffix = domain.rsplit('.').next()?;
    let known = has_known_suffix(&host) && !["js", "py", "sh", "rs", "md", "pl"].contains(&suffix);
    (with_scheme || known).then_some(host)
}

fn anchor_shows_other_domain(mail: &MessageView<'_>) -> Option<String> {
    mail.content.anchors.iter().find_map(|anchor| {
        let host = shown(&anchor.text)?;
        let link = Link::new(&anchor.target);
        let target = link.host().filter(|_| link.is_web())?;
        // Bulk mailers count clicks on a host of their own, which shares the domain of the shown one.
        (!same_domain(&host, target)).then(|| format!("{} -> {target}", anchor.text))
    })
}

fn link_to_number(mail: &MessageView<'_>) -> Option<String> {
    let mut links = mail.web_links();
    let link = links.find(|link| link.is_numeric() && !is_private(link))?;
    Some(link.text.to_owned())
}

/// RFC 1918 and loopback: people link to servers in their own network.
fn is_private(link: &Link<'_>) -> bool {
    let host = link.host().unwrap_or_default();
    let second = || host.split('.').nth(1).and_then(|of| of.parse::<u8>().ok());
    host.starts_with("10.")
        || host.starts_with("192.168.")
        || host.starts_with("127.")
        || host.starts_with("172.") && second().is_some_and(|of| (16..32).contains(&of))
        || host.starts_with("[::1]")
        || host.starts_with("[fd")
}

fn link_number_disguised(mail: &MessageView<'_>) -> Option<String> {
    let mut links = mail.web_links();
    let link = links.find(|link| {
        let host = link.host().unwrap_or_default();
        link.is_numeric() && !host.starts_with('[') && !link.text.contains(host)
    })?;
    Some(link.text.to_owned())
}

fn link_holds_user(mail: &MessageView<'_>) -> Option<String> {
    let mut links = mail.web_links();
    let link = links.find(|link| link.user().is_some_and(|user| user.contains('.')))?;
    Some(link.text.to_owned())
}

fn link_odd_syntax(mail: &MessageView<'_>) -> Option<String> {
    let mut links = mail.web_links().filter(|link| !link.is_plain());
    let link = links.find(|link| {
        let text = link.text;
        let end = text.find("://").map_or(0, |at| at + 3);
        let authority_end = text[end..].find(['/', '?', '#']).map_or(text.len(), |at| end + at);
        let authority = &text[end..authority_end];
        let invisible = |letter: char| matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}');
        text.starts_with("http:\\") || text.starts_with("https:\\")
            || authority.contains('\\')
            || authority.matches('@').count() > 1
            || authority.contains(invisible)
            || authority.contains("%E2%80%8") || authority.contains("%e2%80%8")
    })?;
    Some(link.text.to_owned())
}

fn link_odd_port(mail: &MessageView<'_>) -> Option<String> {
    let mut links = mail.web_links();
    let link = links.find(|link| {
        let odd = link
            .port()
            .is_some_and(|port| !matches!(port, 80 | 443 | 8080 | 8443));
        odd && !is_private(link)
    })?;
    Some(link.text.to_owned())
}

fn link_nested(mail: &MessageView<'_>) -> Option<String> {
    let links = mail.clicked();
    links.iter().find_map(|link| {
        let carried = inner(link)?;
        let target = Link::new(&carried);
        let other = !same_domain(target.host()?, link.host()?);
        other.then(|| link.text.to_owned())
    })
}

fn link_open_redirect(mail: &MessageView<'_>) -> Option<String> {
    let list = mail.lists.named("redirectors")?;
    let links = mail.clicked().iter().map(|link| link.text);
    list.first_link(links).map(str::to_owned)
}

fn link_image_host(mail: &MessageView<'_>) -> Option<String> {
    let list = mail.lists.named("image-hosts")?;
    let mut hosts = mail.web_hosts();
    hosts.find(|host| list.has_host(host)).map(str::to_owned)
}

fn link_holds_recipient(mail: &MessageView<'_>) -> Option<String> {
    let links = mail.clicked();
    if links.is_empty() {
        return None;
    }
    let addresses: Vec<String> = mail
        .to()
        .iter()
        .filter_map(|to| Some(to.addr.as_deref()?.to_lowercase()))
        .filter(|to| to.contains('@'))
        .take(5)
        .collect();
    if addresses.is_empty() {
        return None;
    }
    let coded: Vec<String> = addresses
        .iter()
        .flat_map(|address| [base64(address), hexadecimal(address)])
        .collect();
    // All links together are searched once for each: few messages have such a link.
    let mut together = String::new();
    for link in links {
        together.push_str(&percent_decoded(link.text));
        together.push('\n');
    }
    // They are made once: an address may be as long as a link, and there may be hundreds of links.
    let addresses: Vec<_> = addresses.iter().map(Finder::new).collect();
    let coded: Vec<_> = coded.iter().map(Finder::new).collect();
    let is_in = |finders: &[Finder<'_>], text: &str| {
        let mut finders = finders.iter();
        finders.any(|finder| finder.find(text.as_bytes()).is_some())
    };
    let holds = |text: &str| {
        // Each address has the sign.
        let has_sign = memchr::memchr(b'@', text.as_bytes()).is_some();
        has_sign && is_in(&addresses, &text.to_lowercase()) || is_in(&coded, text)
    };
    if !holds(&together) {
        return None;
    }
    let found = links
        .iter()
        .find(|link| holds(&percent_decoded(link.text)))?;
    Some(found.text.to_owned())
}

fn link_host_of_many_labels(mail: &MessageView<'_>) -> Option<String> {
    let found = mail.clicked_hosts().find(|host| {
        let own = registrable(host).map_or(0, |domain| domain.split('.').count());
        own > 0 && host.split('.').count() >= own + 4
    })?;
    Some(found.to_owned())
}

fn links_none_of_sender(mail: &MessageView<'_>) -> Option<String> {
    let from = from_domain(mail)?;
    let mut hosts = mail.clicked_hosts();
    let first = hosts.clone().next()?;
    let own = hosts.any(|host| same_domain(host, from));
    (!own).then(|| first.to_owned())
}

fn links_all_one(mail: &MessageView<'_>) -> Option<String> {
    let from = from_domain(mail)?;
    let mut hosts = mail.clicked_hosts();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return None;
    };
    (!same_domain(host, from)).then(|| host.to_owned())
}

fn link_data(mail: &MessageView<'_>) -> Option<String> {
    let targets = mail.content.links.iter().map(String::as_str);
    let mut targets = targets.filter(|it| matches!(it.as_bytes(), [b'd' | b'D' | b'j' | b'J', ..]));
    let found = targets.find(|target| {
        let head = target.get(..10).unwrap_or(target).to_ascii_lowercase();
        head.starts_with("data:text/")
            || head.starts_with("data:appli")
            || head.starts_with("javascript")
    })?;
    Some(found.chars().take(60).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::brands::Brands;
    use crate::filter::context::Context;
    use crate::filter::lists::Lists;
    use crate::message::{Content, Headers, Wanted, Work};

    #[test]
    fn the_first_link_with_the_recipients_address_is_found() {
        let coded = [base64("ann@b.example"), hexadecimal("ann@b.example")];
        let plain = "http://c.example/?ann@c.example".to_owned();
        let holding = ["?ANN@b.example", "?ann%40b.example", &coded[0], &coded[1]];
        for (place, holding) in holding.iter().enumerate() {
            let mut links = vec![plain.clone(); 5];
            links[place] = format!("http://d.example/{holding}");
            let raw = format!("To: Ann@B.example\n\n{}\n", links.join("\n"));
            assert_eq!(
                of_raw(&raw, link_holds_recipient),
                Some(links[place].clone())
            );
        }
        let raw = format!("To: Ann@B.example\n\n{plain}\n");
        assert_eq!(of_raw(&raw, link_holds_recipient), None);
    }

    fn of_raw(raw: &str, fact: fn(&MessageView<'_>) -> Option<String>) -> Option<String> {
        let wanted = Wanted {
            text: true,
            source: true,
            tags: true,
            parts: true,
            files: true,
        };
        let (work, context) = (Work::new(1 << 40), Context::default());
        let (lists, brands) = (Lists::default(), Brands::default());
        let headers = Headers::of(raw.as_bytes());
        let content = Content::of(raw.as_bytes(), wanted, &work);
        let mail = MessageView::new(
            raw.as_bytes(),
            &headers,
            &content,
            &lists,
            &brands,
            &context,
            &work,
        );
        fact(&mail)
    }

    #[test]
    fn a_text_that_is_a_host_name_shows_a_host() {
        for (text, host) in [
            ("www.example.org", Some("www.example.org")),
            ("https://example.org/login", Some("example.org")),
            ("Node.js", None),
            ("click here", None),
            ("a@example.org", None),
            ("index.php", None),
        ] {
            assert_eq!(shown(text).as_deref(), host, "{text}");
        }
    }
}
