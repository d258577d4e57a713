//! Where a rule looks: the `where` of a rule file.

use std::fmt;

use crate::message::Wanted;

/// A list of texts that a message has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// The decoded value of each field of this name (lower case).
    Header(String),
    /// The value of each field of this name as it stands.
    RawHeader(String),
    /// The address of each mailbox in the fields of this name.
    Address(String),
    /// The shown name of each mailbox in the fields of this name.
    Name(String),
    /// The whole header as it stands.
    HeaderBlock,
    /// The visible text of each text part.
    Body,
    /// The source of each page.
    Html,
    /// Each link.
    Uri,
    /// `visible text -> target` of each link.
    Anchor,
    /// Each file name.
    Attachment,
    /// Each declared media type.
    Mime,
    /// The message as it stands.
    Raw,
}

/// What is written where a rule's place is not known.
const KNOWN: &str = "subject, from, to, reply-to, from:addr, from:name (and so for to and \
    reply-to), header:NAME, raw-header:NAME, header, body, html, uri, anchor, attachment, mime, raw";

impl Place {
    /// Reads a `where`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let unknown = || format!("unknown place `{text}`; write one of {KNOWN}");
        Ok(match text {
            "subject" | "from" | "to" | "reply-to" => Self::Header(text.to_owned()),
            "header" => Self::HeaderBlock,
            "body" => Self::Body,
            "html" => Self::Html,
            "uri" => Self::Uri,
            "anchor" => Self::Anchor,
            "attachment" => Self::Attachment,
            "mime" => Self::Mime,
            "raw" => Self::Raw,
            _ => match text.split_once(':').ok_or_else(unknown)? {
                ("header", name) => Self::Header(field_name(name)?),
                ("raw-header", name) => Self::RawHeader(field_name(name)?),
                (field @ ("from" | "to" | "reply-to"), "addr") => Self::Address(field.to_owned()),
                (field @ ("from" | "to" | "reply-to"), "name") => Self::Name(field.to_owned()),
                _ => return Err(unknown()),
            },
        })
    }

    /// The name of the header field it looks at.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Header(name) | Self::RawHeader(name) | Self::Address(name) | Self::Name(name) => {
                Some(name)
            }
            _ => None,
        }
    }

    /// Whether it can be judged at the blank line.
    pub fn is_in_header(&self) -> bool {
        self.field().is_some() || *self == Self::HeaderBlock
    }

    /// Notes what it needs of the body.
    pub fn want(&self, wanted: &mut Wanted) {
        match self {
            Self::Body => wanted.body = true,
            Self::Html => wanted.html = true,
            Self::Uri => wanted.links = true,
            Self::Anchor => wanted.anchors = true,
            Self::Attachment => wanted.attachments = true,
            Self::Mime => wanted.types = true,
            _ => {}
        }
    }
}

// RFC 5322 section 2.2: printable US-ASCII without the colon; no case.
fn field_name(name: &str) -> Result<String, String> {
    let known = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    if name.is_empty() || !name.bytes().all(known) {
        return Err(format!(
            "`{name}` is no name of a header field; write it without colon and spaces, such as header:X-Mailer"
        ));
    }
    Ok(name.to_ascii_lowercase())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) if matches!(&**name, "subject" | "from" | "to" | "reply-to") => {
                f.write_str(name)
            }
            Self::Header(name) => write!(f, "header:{name}"),
            Self::RawHeader(name) => write!(f, "raw-header:{name}"),
            Self::Address(name) => write!(f, "{name}:addr"),
            Self::Name(name) => write!(f, "{name}:name"),
            Self::HeaderBlock => f.write_str("header"),
            Self::Body => f.write_str("body"),
            Self::Html => f.write_str("html"),
            Self::Uri => f.write_str("uri"),
            Self::Anchor => f.write_str("anchor"),
            Self::Attachment => f.write_str("attachment"),
            Self::Mime => f.write_str("mime"),
            Self::Raw => f.write_str("raw"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_shown() {
        let all = "subject from to reply-to from:addr reply-to:name header:x-mailer \
            raw-header:received header body html uri anchor attachment mime raw";
        for text in all.split_whitespace() {
            assert_eq!(
                Place::parse(text).map(|place| place.to_string()),
                Ok(text.into())
            );
        }
        assert_eq!(Place::parse("header:Subject"), Place::parse("subject"));
        for wrong in ["boddy", "subject:addr", "header:", "header:a b", "from:"] {
            assert!(Place::parse(wrong).is_err(), "{wrong}");
        }
    }
}
