//! Links that a page has as text only: mail clients make them clickable.
//!
//! In: a page; out: the same with these links added. Text that is already a link is left alone.

use super::{Anchor, Page};
use crate::message::link;
use crate::message::work::Work;

/// Units of work per octet of the text.
const TEXT_WORK: u64 = 2;

impl Page {
    /// Adds links up to this limit on all links of the page.
    pub(super) fn add_text_links(&mut self, limit: usize, work: &Work<'_>) {
        let text = work.beginning(&self.text.text, TEXT_WORK);
        let mut found = link::places_in_text(text, limit.saturating_sub(self.links.len()));
        found.sort_unstable_by_key(|range| range.start);
        let mut anchored = self.anchored.iter().peekable();
        for range in found {
            while anchored
                .next_if(|anchor| anchor.end <= range.start)
                .is_some()
            {}
            if anchored
                .peek()
                .is_some_and(|anchor| anchor.start < range.end)
            {
                continue;
            }
            let target = text[range].to_owned();
            self.links.push(target.clone());
            self.anchors.push(Anchor {
                text: target.clone(),
                target,
                image: false,
            });
        }
    }
}
