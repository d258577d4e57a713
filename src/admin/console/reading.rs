//! A message as popgate reads it: its text, where its links lead, and what servers on its way said of the sender.
//!
//! In: the first octets of a message; out: bounded texts for a page. It fetches nothing.

use crate::filter::Filter;
use crate::message::html::Anchor;
use crate::message::url::Link;
use crate::message::visible_text::cut;
use crate::message::{Content, Headers, Wanted, Work, value};

/// Octets of text that are shown.
const TEXT: usize = 20_000;

/// Links that are shown.
const LINKS: usize = 100;

/// Octets of one link, and of one field, that are shown.
const LINE: usize = 500;

/// Fields of servers that are shown.
const FIELDS: usize = 20;

/// The fields in which servers say what they found about the sender, in lower case.
const CHECKS: [&str; 4] = [
    "authentication-results",
    "arc-authentication-results",
    "authentication-results-original",
    "received-spf",
];

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The visible text, by parts.
    pub(super) texts: Vec<ReadText>,
    /// Whether there is more text than is shown.
    pub(super) is_cut: bool,
    /// Links that a person clicks.
    pub(super) links: Vec<ReadLink>,
    /// Whether there are more.
    pub(super) has_more_links: bool,
    /// Other addresses in the message: of pictures, and in plain text.
    pub(super) others: Vec<String>,
    /// What servers said, the last one on the way first.
    pub(super) checks: Vec<Check>,
    /// What counts of it.
    pub(super) counted: Option<String>,
}

/// The text of a part.
#[derive(Debug)]
pub(super) struct ReadText {
    /// Its media type.
    pub(super) kind: String,
    pub(super) paragraphs: Vec<String>,
}

/// A link as it is shown, and where it leads.
#[derive(Debug)]
pub(super) struct ReadLink {
    pub(super) shown: String,
    /// It shows a picture, and may show no text.
    pub(super) is_picture: bool,
    pub(super) target: String,
    /// The domain that it leads to, if its text names another.
    pub(super) leads_elsewhere: Option<String>,
}

/// What a server said.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) field: String,
    pub(super) text: String,
}

/// Reads the first octets of a message.
pub(super) fn read(filter: &Filter, message: &[u8]) -> Reading {
    let work = Work::new(filter.budget());
    let wanted = Wanted {
        text: true,
        ..Wanted::default()
    };
    let content = Content::of(message, wanted, &work);
    let mut reading = Reading {
        checks: checks(message),
        counted: filter.counted_checks(message),
        ..Reading::default()
    };
    reading.add_texts(&content);
    reading.has_more_links = content.anchors.len() > LINKS;
    let anchors = content.anchors.iter().take(LINKS);
    reading.links = anchors.map(read_link).collect();
    let clicked = |link: &&String| content.anchors.iter().all(|it| it.target != **link);
    let others = content.links.iter().filter(clicked).take(LINKS);
    reading.others = others.map(|link| cut(link, LINE).to_owned()).collect();
    reading
}

/// The source of the first page of a message, or its text where there is none.
pub(super) enum Source {
    Page(String),
    Text(String),
}

/// What a preview is made of.
pub(super) fn source(filter: &Filter, message: &[u8]) -> Source {
    let work = Work::new(filter.budget());
    let wanted = Wanted {
        text: true,
        source: true,
        ..Wanted::default()
    };
    let content = Content::of(message, wanted, &work);
    match content.pages().find(|page| !page.trim().is_empty()) {
        Some(page) => Source::Page(page.to_owned()),
        None => {
            let texts: Vec<&str> = content.texts.iter().map(|it| &*it.source).collect();
            Source::Text(texts.join("\n"))
        }
    }
}

impl Reading {
    fn add_texts(&mut self, content: &Content) {
        let mut left = TEXT;
        for part in &content.texts {
            let mut paragraphs = Vec::new();
            for paragraph in part.text.paragraphs().filter(|it| !it.is_empty()) {
                let shown = cut(paragraph, left);
                self.is_cut |= shown.len() < paragraph.len();
                left -= shown.len();
                if !shown.is_empty() {
                    paragraphs.push(shown.to_owned());
                }
            }
            let declared = content.parts.get(part.part);
            let declared = declared.and_then(|it| it.declared.clone());
            if !paragraphs.is_empty() {
                self.texts.push(ReadText {
                    kind: declared.unwrap_or_else(|| "text/plain".to_owned()),
                    paragraphs,
                });
            }
        }
    }
}

fn read_link(anchor: &Anchor) -> ReadLink {
    let target = Link::new(&anchor.target);
    let leads_to = target.domain().or(target.host());
    ReadLink {
        shown: cut(anchor.text.trim(), LINE).to_owned(),
        is_picture: anchor.image,
        target: cut(&anchor.target, LINE).to_owned(),
        leads_elsewhere: leads_to
            .filter(|to| named_domain(&anchor.text).is_some_and(|named| named != *to))
            .map(str::to_owned),
    }
}

/// The domain of an address that is written as a link's text.
fn named_domain(text: &str) -> Option<String> {
    let word = text.split_whitespace().next()?;
    let is_address = word.contains("://") || word.starts_with("www.");
    let address = match word.contains("://") {
        true => word.to_owned(),
        false => format!("http://{word}"),
    };
    let named = Link::new(&address);
    let domain = named.domain().filter(|_| is_address);
    domain.map(str::to_owned)
}

/// The fields of servers, in the order in which they stand: the last server on the way writes on top.
fn checks(message: &[u8]) -> Vec<Check> {
    let headers = Headers::of(message);
    let fields = headers.fields().iter().filter_map(|field| {
        let name = String::from_utf8_lossy(headers.name(field));
        CHECKS.contains(&&*name.to_lowercase()).then(|| Check {
            field: name.into_owned(),
            text: cut(&value::text(headers.value(field)), LINE).to_owned(),
        })
    });
    fields.take(FIELDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{RuleSet, Thresholds};

    fn filter() -> Filter {
        let thresholds = Thresholds {
            tag_at: 5.0,
            drop_at: None,
        };
        Filter::new(RuleSet::stock().unwrap(), thresholds).unwrap()
    }

    const MAIL: &str = "Authentication-Results: mx.example.net; dmarc=fail header.from=bank.example\r\n\
        Received-SPF: softfail\r\nFrom: Bank <info@bank.example>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
        Content-Type: text/html; charset=utf-8\r\n\r\n\
        <p>Please</p><p>look <a href=\"http://login.evil.example/x\">https://www.bank.example/</a> and \
        <a href=\"https://bank.example/a\"><img src=\"http://pic.example/p.gif\"></a></p>";

    #[test]
    fn text_links_and_checks_are_read() {
        let reading = read(&filter(), MAIL.as_bytes());
        assert_eq!(reading.texts.len(), 1);
        assert_eq!(reading.texts[0].kind, "text/html");
        assert_eq!(reading.texts[0].paragraphs[0], "Please");
        let [first, second] = &reading.links[..] else {
            panic!("{reading:?}");
        };
        assert_eq!(first.shown, "https://www.bank.example/");
        assert_eq!(first.leads_elsewhere.as_deref(), Some("evil.example"));
        assert!(second.is_picture && second.leads_elsewhere.is_none());
        assert_eq!(reading.others, ["http://pic.example/p.gif"]);
        let names: Vec<&str> = reading.checks.iter().map(|it| &*it.field).collect();
        assert_eq!(names, ["Authentication-Results", "Received-SPF"]);
        assert!(reading.counted.unwrap().contains("dmarc=fail"));
    }

    #[test]
    fn what_is_shown_is_bounded() {
        let long = "word ".repeat(10_000);
        let links = "<a href=http://a.example/>x</a> ".repeat(200);
        let mail = format!("Content-Type: text/html\r\n\r\n<p>{long}</p>{links}");
        let reading = read(&filter(), mail.as_bytes());
        let shown: usize = reading
            .texts
            .iter()
            .flat_map(|it| &it.paragraphs)
            .map(String::len)
            .sum();
        assert!(reading.is_cut && shown <= TEXT, "{shown}");
        assert!(reading.links.len() <= LINKS);
        let nothing = read(&filter(), b"");
        assert!(nothing.texts.is_empty() && nothing.links.is_empty() && nothing.counted.is_none());
    }
}
