//! How a page is made: what its reader counts beside text and links.
//!
//! In: what the reader ([`crate::message::html`]) meets; out: counts, and the beginning of what is
//! hidden. It judges nothing.

use crate::message::visible_text::cut;

/// Of text that cannot be seen this much is kept, in bytes.
pub(crate) const HIDDEN_TEXT_LIMIT: usize = 80;

/// How a page is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageTraits {
    /// Text that no mail client shows.
    pub hidden: HiddenText,
    /// Text in the colour of its ground.
    pub faint: HiddenText,
    /// Text too small to read, or outside of the window.
    pub tiny: HiddenText,
    /// Images that are not mere spacers.
    pub images: usize,
    /// Forms, by where they lead (as it stands).
    pub forms: Vec<String>,
    /// Fields that ask for a password.
    pub passwords: usize,
    /// Scripts.
    pub scripts: usize,
    /// Elements that nobody knows.
    pub unknown: usize,
    /// The first of them.
    pub unknown_name: String,
    /// Where the page itself leads without a click.
    pub refresh: Option<String>,
    /// Whether its text is centred, as posters are.
    pub centered: bool,
    /// Whether text is red.
    pub red: bool,
    /// Whether a ground is yellow, red, green or magenta.
    pub loud_ground: bool,
    /// Whether letters are set large by the old ways.
    pub large: bool,
    /// Whether what follows is moved out of sight, far down the page.
    pub pushed_down: bool,
    /// Whether the page begins with an image to click on.
    pub image_first: bool,
    /// How many words are split by a comment.
    pub split_words: usize,
}

/// Text that is there and not seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HiddenText {
    /// How many bytes, without white space.
    pub bytes: usize,
    /// How it begins.
    pub text: String,
}

impl HiddenText {
    pub(crate) fn add(&mut self, text: &str) {
        let bytes = text.bytes().filter(|byte| *byte > b' ').count();
        if bytes == 0 {
            return;
        }
        self.bytes += bytes;
        let room = HIDDEN_TEXT_LIMIT.saturating_sub(self.text.len());
        if room > 0 {
            self.text.push_str(cut(text.trim(), room));
        }
    }
}
