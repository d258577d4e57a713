//! Facts about hosts where anybody can publish under a name of their own: who sends from there, and whose images lie
//! there. Where links lead is among [the facts about links](super::links).

use foldhash::HashSet;

use crate::filter::facts::fact::Fact;
use crate::filter::facts::sender::from_domain;
use crate::filter::message_view::MessageView;
use crate::message::url::Link;

const HOSTS: &str = "free-hosting";

pub(super) const FACTS: &[Fact] = &[
    Fact::holds(
        "from-free-hosting",
        "The sender's domain is a name on a host where anybody can publish a page.",
        |mail| {
            let domain = from_domain(mail)?;
            let is_free = mail.lists.has(HOSTS, domain);
            is_free.then(|| domain.to_owned())
        },
    ),
    Fact::holds(
        "image-free-hosting",
        "An image comes from a host where anybody can publish a page.",
        image_free_hosting,
    )
    .of_links(),
];

fn image_free_hosting(mail: &MessageView<'_>) -> Option<String> {
    // Without anchors, all links are taken for clickable.
    if mail.content.anchors.is_empty() {
        return None;
    }
    let list = mail.lists.named(HOSTS)?;
    // Most messages have no link to such a host.
    mail.web_hosts().find(|host| list.has_host(host))?;
    let clicked: HashSet<&str> = mail.clicked().iter().map(|link| link.text).collect();
    let images = mail.web_links().filter(|link| !clicked.contains(link.text));
    let mut hosts = images.filter_map(Link::host);
    hosts.find(|host| list.has_host(host)).map(str::to_owned)
}
