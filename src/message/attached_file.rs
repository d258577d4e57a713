//! An attached file: what its bytes reveal.
//!
//! In: the encoded body of a part; out: the file's type by content, the files in it, the links and scripts of a PDF,
//! and whether a document has macros.

use crate::message::archive::{self, Archive, iso};
use crate::message::decode::{self, Encoding};
use crate::message::document::{self, Pdf};
use crate::message::file_type::{self, FileType};
use crate::message::work::Work;

/// Encoded bytes of a file that are decoded to detect its type.
const HEAD_LIMIT: usize = 6 << 10;

/// Encoded bytes of a file whose content is inspected.
const FILE_LIMIT: usize = 1 << 20;

/// Units of work to detect a file's type, and per octet of its beginning.
const FILE_WORK: u64 = 3000;
const HEAD_WORK: u64 = 3;

/// What the bytes of a file reveal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct File {
    /// The file's type.
    pub file_type: Option<FileType>,
    /// The files in it.
    pub archive: Option<Archive>,
    /// What it contains as a PDF.
    pub pdf: Option<Pdf>,
    /// Whether it contains macros.
    pub macros: bool,
}

impl File {
    /// Detects the type by the first bytes.
    pub(super) fn of(encoding: Encoding, body: &[u8], work: &Work<'_>) -> Self {
        let head = &body[..body.len().min(HEAD_LIMIT)];
        if !work.spend(FILE_WORK + HEAD_WORK * head.len() as u64) {
            return Self::default();
        }
        Self {
            file_type: file_type::of(&decode::bytes(encoding, head)),
            ..Self::default()
        }
    }

    /// Inspects the content if the type has any to inspect. `name` is the file's name.
    pub(super) fn look_into(&mut self, encoding: Encoding, body: &[u8], work: &Work<'_>) {
        let body = &body[..work.afford(body.len().min(FILE_LIMIT), decode::WORK)];
        let data = decode::bytes(encoding, body);
        if self.file_type == Some(FileType::Pdf) {
            self.pdf = document::pdf(&data, work);
            return;
        }
        if iso::is_image(&data) {
            self.file_type = Some(FileType::Iso);
        }
        self.archive = archive::read(&data, work);
        let names = self
            .archive
            .as_ref()
            .map_or(&[][..], |archive| &archive.names);
        self.macros = document::macros(&data, names);
    }

    /// Whether it may contain files: by its type, or because archive programs open files of this name, whatever they
    /// begin with.
    pub(super) fn may_hold_files(&self, name: Option<&str>) -> bool {
        const OPENED: [&str; 4] = [".zip", ".zipx", ".jar", ".docm"];
        if name.is_some_and(iso::is_named) {
            return true;
        }
        if self.file_type == Some(FileType::Pdf) {
            return false;
        }
        let name = name.unwrap_or_default().trim_end().as_bytes();
        let is_opened = OPENED.iter().any(|end| {
            let at = name.len().checked_sub(end.len());
            at.is_some_and(|at| name[at..].eq_ignore_ascii_case(end.as_bytes()))
        });
        is_opened || self.file_type.is_some_and(archive::holds_files)
    }
}
