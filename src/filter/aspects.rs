//! What a message may lack, so that whole groups of facts do not hold of it.

use crate::filter::message_view::MessageView;

/// A set of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::filter) struct Aspects(u8);

impl Aspects {
    /// Nothing.
    pub(in crate::filter) const NONE: Self = Self(0);
    /// Links of any kind.
    pub(in crate::filter) const LINKS: Self = Self(1);
    /// HTML parts.
    pub(in crate::filter) const PAGES: Self = Self(2);
    /// Parts that are files, or have a name.
    pub(in crate::filter) const FILES: Self = Self(4);
    /// Links in QR codes.
    pub(in crate::filter) const QR_LINKS: Self = Self(8);
    /// What the mailbox knows of senders.
    pub(in crate::filter) const SENDERS: Self = Self(16);
    /// What popgate has found out by checks of its own.
    pub(in crate::filter) const FINDINGS: Self = Self(32);

    /// All of them.
    pub(in crate::filter) const EACH: [Self; 6] = [
        Self::LINKS,
        Self::PAGES,
        Self::FILES,
        Self::QR_LINKS,
        Self::SENDERS,
        Self::FINDINGS,
    ];

    /// Those of a message.
    pub(in crate::filter) fn of(mail: &MessageView<'_>) -> Self {
        let content = mail.content;
        let mut parts = content.parts.iter();
        let is_file = parts.any(|it| it.name.is_some() || it.attached || it.file.is_some());
        let each = [
            (
                Self::LINKS,
                !content.links.is_empty() || !content.anchors.is_empty(),
            ),
            (
                Self::PAGES,
                content.texts.iter().any(|it| it.traits.is_some()),
            ),
            (Self::FILES, is_file),
            (Self::QR_LINKS, !content.qr_links.is_empty()),
            (Self::SENDERS, mail.context.senders.is_some()),
            (Self::FINDINGS, mail.context.findings.is_some()),
        ];
        let there = each.iter().filter(|(_, is_there)| *is_there);
        there.fold(Self::default(), |all, (aspect, _)| all.and(*aspect))
    }

    /// Both sets together.
    pub(in crate::filter) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What both have.
    pub(in crate::filter) fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all of the other's are there.
    pub(in crate::filter) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}
