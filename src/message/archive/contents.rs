//! What an archive contains: names, programs, and the files on their way to be looked at.
//!
//! In: names and files as the readers of each format find them; out: the same, within limits.

use std::borrow::Cow;

use crate::message::visible_text::cut;

/// Limit of names of an archive.
pub const NAMES_LIMIT: usize = 200;

/// Limit of a name in bytes: its end is kept, because that is where the extension is.
pub const NAME_LIMIT: usize = 255;

/// Pages of an archive that are read, and the most files that it may have: source code and saved sites have more.
pub(super) const PAGES_LIMIT: usize = 2;
pub(super) const PAGES_AMONG: usize = 3;

/// Files of an archive that are looked at.
pub(super) const MEMBERS_LIMIT: usize = 50;

/// Units of work for a name, which is compared with the others.
pub(super) const NAME_WORK: u64 = 500;

/// What an archive reveals.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The file names with folders, at most [`NAMES_LIMIT`] of [`NAME_LIMIT`] bytes; also those of archives within it.
    pub names: Vec<String>,
    /// Names of files that are programs by their content.
    pub programs: Vec<String>,
    /// The beginnings of the pages in it, if it has hardly any other files.
    pub pages: Vec<Vec<u8>>,
    /// Whether any of the files requires a password.
    pub encrypted: bool,
    /// Whether there are files whose names are unknown, because they are encrypted, too, or packed in a way that is
    /// not known here.
    pub has_unknown_names: bool,
}

/// A file in an archive.
#[derive(Debug)]
pub(super) struct Member<'d> {
    pub(super) name: String,
    /// From its beginning on; the end may be unknown.
    pub(super) content: Cow<'d, [u8]>,
    pub(super) packing: Packing,
}

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Stored,
    Deflated,
}

impl Archive {
    /// Adds a name; false if it is known, or if there are too many.
    pub(super) fn add(&mut self, name: &str) -> bool {
        let is_new = self.names.len() < NAMES_LIMIT && !self.names.iter().any(|it| it == name);
        if is_new {
            self.names.push(name.to_owned());
        }
        is_new
    }

    /// Whether it is a document or a program of several files, none of which is opened by itself: Office,
    /// OpenDocument, Java, Android.
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
        // It is code page 437, or the sender's own. Any will do: rules look at ASCII.
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
