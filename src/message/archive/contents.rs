//! What an archive contains: names, programs, and the files that are still to be inspected.
//!
//! In: names and files as each format's reader finds them; out: the same, within limits.

use std::borrow::Cow;

use crate::message::visible_text::cut;

/// Limit on the names per archive.
pub const NAMES_LIMIT: usize = 200;

/// Limit on a name in bytes. Its end is kept, because the extension is there.
pub const NAME_LIMIT: usize = 255;

/// Web pages read per archive, and the most files the archive may have: source code and saved sites have more.
pub(super) const PAGES_LIMIT: usize = 2;
pub(super) const PAGES_AMONG: usize = 3;

/// Files inspected per archive.
pub(super) const MEMBERS_LIMIT: usize = 50;

/// Units of work per name, which is compared with the others.
pub(super) const NAME_WORK: u64 = 500;

/// What an archive reveals.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Archive {
    /// File names with their folders, at most [`NAMES_LIMIT`] of [`NAME_LIMIT`] bytes, those of nested archives
    /// included.
    pub names: Vec<String>,
    /// Names of the files whose content is a program.
    pub programs: Vec<String>,
    /// The beginnings of the web pages in it, if it has hardly any other files.
    pub pages: Vec<Vec<u8>>,
    /// Whether any file requires a password.
    pub encrypted: bool,
    /// Whether there are files whose names are unknown, because the names are encrypted or compressed with an
    /// unsupported method.
    pub has_unknown_names: bool,
}

/// A file in an archive.
#[derive(Debug)]
pub(super) struct Member<'d> {
    pub(super) name: String,
    /// The data from the file's beginning on; where it ends may be unknown.
    pub(super) content: Cow<'d, [u8]>,
    pub(super) packing: Packing,
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Stored,
    Deflated,
}

impl Archive {
    /// Adds a name; false if it is already there, or if there are too many.
    pub(super) fn add(&mut self, name: &str) -> bool {
        let is_new = self.names.len() < NAMES_LIMIT && !self.names.iter().any(|it| it == name);
        if is_new {
            self.names.push(name.to_owned());
        }
        is_new
    }

    /// Whether it is a document or program made of several files that nobody opens one by one: Office, OpenDocument,
    /// Java, Android.
    pub fn is_package(&self) -> bool {
        self.names.iter().any(|name| {
            let known = ["[Content_Types].xml", "mimetype", "AndroidManifest.xml"];
            known.contains(&&**name) || name.starts_with("META-INF/")
        })
    }
}

/// The end of a name, as text.
pub(super) fn name_text(name: &[u8], is_utf8: bool) -> String {
    let name = match std::str::from_utf8(name) {
        Ok(name) => name.to_owned(),
        Err(_) if is_utf8 => String::from_utf8_lossy(name).into_owned(),
        // It is code page 437, or the sender's own. Either will do: rules look at ASCII only.
        Err(_) => name.iter().map(|byte| char::from(*byte)).collect(),
    };
    let above = name.len().saturating_sub(NAME_LIMIT);
    let mut start = cut(&name, above).len();
    if start < above {
        start += name[start..].chars().next().map_or(0, char::len_utf8);
    }
    name[start..].to_owned()
}

pub(super) fn u16_at(data: &[u8], at: usize) -> Option<usize> {
    let bytes = data.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_le_bytes(*bytes).into())
}

pub(super) fn u32_at(data: &[u8], at: usize) -> Option<usize> {
    let bytes = data.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}
