//! Where a rule looks: the `where` of a rule file.

use std::fmt;

use crate::filter::rule_error::RuleError;
use crate::message::Wanted;

/// A list of texts in a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// Fields of one name.
    Field(FieldPlace),
    /// The whole raw header.
    HeaderBlock,
    /// The visible text of each text part.
    Body,
    /// The subject, and each paragraph of the visible text.
    Paragraph,
    /// The decoded source of each text part.
    RawBody,
    /// The source of each HTML part.
    Html,
    /// Each start tag.
    Tag,
    /// Each link, or one part of each.
    Uri(UriPiece),
    /// `visible text -> target` of each link.
    Anchor,
    /// The visible text of each link.
    AnchorText,
    /// A property of each file.
    File(FileMark),
    /// Each declared media type.
    Mime,
    /// Words written with look-alike letters, as a reader would read them.
    Disguised,
    /// The raw message.
    Raw,
}

/// Fields of one name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldPlace {
    /// Lower case.
    pub name: String,
    /// How a field is read.
    pub form: FieldForm,
    /// Which of several fields.
    pub which: Which,
}

/// How a field is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldForm {
    /// Decoded.
    Decoded,
    /// Raw.
    Raw,
    /// Each address.
    Address,
    /// Each display name.
    Name,
}

/// Which of several fields of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Which {
    /// All of them.
    All,
    /// The topmost, which is the newest of trace fields.
    First,
    /// The bottommost.
    Last,
}

/// A part of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UriPiece {
    /// All.
    Whole,
    /// `https`.
    Scheme,
    /// The host in ASCII.
    Host,
    /// The registrable domain.
    Domain,
    /// The path.
    Path,
    /// The query.
    Query,
}

/// A property of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileMark {
    /// Its name.
    Name,
    /// What follows the last dot of its name, lower case.
    Extension,
    /// Its declared media type.
    DeclaredType,
    /// The type detected from its first bytes.
    DetectedType,
    /// The names of the files in an archive.
    Inside,
}

/// The known places, for error messages.
const KNOWN: &str = "subject, from, to, cc, reply-to, header:NAME, raw-header:NAME (each also with \
    :addr, :name, :first, :last), header, body, paragraph, rawbody, html, html:tag, uri, uri:scheme, \
    uri:host, uri:domain, uri:path, uri:query, anchor, anchor:text, attachment, \
    attachment:extension, attachment:type, attachment:magic, attachment:inside, mime, disguised, raw, \
    or count: and one of these";

/// Fields that can be named without `header:`.
const SHORT: [&str; 5] = ["subject", "from", "to", "cc", "reply-to"];

const FIXED: [(&str, Place); 22] = [
    ("header", Place::HeaderBlock),
    ("body", Place::Body),
    ("paragraph", Place::Paragraph),
    ("rawbody", Place::RawBody),
    ("html", Place::Html),
    ("html:tag", Place::Tag),
    ("uri", Place::Uri(UriPiece::Whole)),
    ("uri:scheme", Place::Uri(UriPiece::Scheme)),
    ("uri:host", Place::Uri(UriPiece::Host)),
    ("uri:domain", Place::Uri(UriPiece::Domain)),
    ("uri:path", Place::Uri(UriPiece::Path)),
    ("uri:query", Place::Uri(UriPiece::Query)),
    ("anchor", Place::Anchor),
    ("anchor:text", Place::AnchorText),
    ("attachment", Place::File(FileMark::Name)),
    ("attachment:extension", Place::File(FileMark::Extension)),
    ("attachment:type", Place::File(FileMark::DeclaredType)),
    ("attachment:magic", Place::File(FileMark::DetectedType)),
    ("attachment:inside", Place::File(FileMark::Inside)),
    ("mime", Place::Mime),
    ("disguised", Place::Disguised),
    ("raw", Place::Raw),
];

impl Place {
    /// Parses a `where`.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        if let Some((_, place)) = FIXED.iter().find(|(name, _)| *name == text) {
            return Ok(place.clone());
        }
        let unknown = || RuleError::UnknownPlace {
            place: text.to_owned(),
            known: KNOWN,
        };
        let (name, form, mut rest) = match text.split_once(':').unwrap_or((text, "")) {
            ("header", rest) => {
                let (name, rest) = rest.split_once(':').unwrap_or((rest, ""));
                (field_name(name)?, FieldForm::Decoded, rest)
            }
            ("raw-header", rest) => {
                let (name, rest) = rest.split_once(':').unwrap_or((rest, ""));
                (field_name(name)?, FieldForm::Raw, rest)
            }
            (name, rest) if SHORT.contains(&name) => (name.to_owned(), FieldForm::Decoded, rest),
            _ => return Err(unknown()),
        };
        if text.ends_with(':') {
            return Err(unknown());
        }
        let mut field = FieldPlace {
            name,
            form,
            which: Which::All,
        };
        while !rest.is_empty() {
            let (word, after) = rest.split_once(':').unwrap_or((rest, ""));
            match word {
                "addr" if field.form == FieldForm::Decoded => field.form = FieldForm::Address,
                "name" if field.form == FieldForm::Decoded => field.form = FieldForm::Name,
                "first" if field.which == Which::All => field.which = Which::First,
                "last" if field.which == Which::All => field.which = Which::Last,
                _ => return Err(unknown()),
            }
            rest = after;
        }
        let unstructured = field.name == "subject" && field.form != FieldForm::Decoded;
        if unstructured && matches!(field.form, FieldForm::Address | FieldForm::Name) {
            return Err(unknown());
        }
        Ok(Self::Field(field))
    }

    /// Whether it is complete at the blank line after the header.
    pub fn is_in_header(&self) -> bool {
        matches!(self, Self::Field(_) | Self::HeaderBlock)
    }

    /// Adds what it needs of the body.
    pub fn want(&self, wanted: &mut Wanted) {
        match self {
            Self::Body
            | Self::Paragraph
            | Self::Uri(_)
            | Self::Anchor
            | Self::AnchorText
            | Self::Disguised => wanted.text = true,
            Self::RawBody | Self::Html => wanted.source = true,
            Self::Tag => wanted.tags = true,
            Self::File(FileMark::DetectedType | FileMark::Inside) => wanted.files = true,
            Self::File(_) | Self::Mime => wanted.parts = true,
            Self::Field(_) | Self::HeaderBlock | Self::Raw => {}
        }
    }
}

// RFC 5322 section 2.2: printable US-ASCII without the colon; case-insensitive.
fn field_name(name: &str) -> Result<String, RuleError> {
    let known = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    if name.is_empty() || !name.bytes().all(known) {
        return Err(RuleError::NotAFieldName(name.to_owned()));
    }
    Ok(name.to_ascii_lowercase())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Field(field) = self else {
            let fixed = FIXED.iter().find(|(_, place)| place == self);
            return f.write_str(fixed.map_or("", |(name, _)| name));
        };
        match field.form {
            FieldForm::Raw => write!(f, "raw-header:{}", field.name)?,
            _ if SHORT.contains(&&*field.name) => f.write_str(&field.name)?,
            _ => write!(f, "header:{}", field.name)?,
        }
        f.write_str(match field.form {
            FieldForm::Address => ":addr",
            FieldForm::Name => ":name",
            FieldForm::Decoded | FieldForm::Raw => "",
        })?;
        f.write_str(match field.which {
            Which::All => "",
            Which::First => ":first",
            Which::Last => ":last",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_round_trip() {
        let fields = "subject from to cc reply-to from:addr reply-to:name header:x-mailer \
            raw-header:received header:received:last header:sender:addr:first to:name:last";
        let fixed = FIXED.iter().map(|(name, _)| *name);
        for text in fields.split_whitespace().chain(fixed) {
            assert_eq!(
                Place::parse(text).map(|place| place.to_string()),
                Ok(text.into())
            );
        }
        assert_eq!(Place::parse("header:Subject"), Place::parse("subject"));
        for wrong in [
            "boddy",
            "subject:addr",
            "header:",
            "header:a b",
            "from:",
            "from:addr:name",
            "raw-header:to:addr",
            "uri:port",
            "body:first",
        ] {
            assert!(Place::parse(wrong).is_err(), "{wrong}");
        }
    }
}
