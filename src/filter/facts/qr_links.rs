//! Facts about links in QR codes of pictures.

use crate::filter::aspects::Aspects;
use crate::filter::facts::fact::Fact;
use crate::filter::facts::sender::{from_domain, same_domain};
use crate::filter::message_view::MessageView;
use crate::message::url::Link;

pub(super) const FACTS: &[Fact] = &[
    Fact::holds(
        "qr-link",
        "A picture, one of two at the most, or a picture in a PDF of a few pages, has a QR code with a link.",
        |mail| mail.content.qr_links.first().cloned(),
    )
    .needing(Aspects::QR_LINKS),
    Fact::holds(
        "qr-link-elsewhere",
        "A QR code's link leads to another domain than the sender's.",
        qr_link_elsewhere,
    )
    .needing(Aspects::QR_LINKS),
];

fn qr_link_elsewhere(mail: &MessageView<'_>) -> Option<String> {
    let from = from_domain(mail)?;
    let mut links = mail.content.qr_links.iter();
    let is_elsewhere = |link: &&String| {
        let link = Link::new(link);
        link.host().is_some_and(|host| !same_domain(host, from))
    };
    links.find(is_elsewhere).cloned()
}
