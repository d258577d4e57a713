//! Traits of HTML besides text and links.
//!
//! In: what the HTML reader ([`crate::message::html`]) finds; out: counts, and the beginning of the hidden text. It
//! judges nothing.

use crate::message::visible_text::cut;

/// Limit on the hidden text that is kept, in bytes.
pub(crate) const HIDDEN_TEXT_LIMIT: usize = 80;

/// Limits on the title and on an image's alternative text, in bytes, and on the images whose text is kept.
const LABEL_LIMIT: usize = 120;
const LOGOS: usize = 2;

/// Traits of HTML.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageTraits {
    /// Text that no mail client shows. Here and below, a preheader and words that are visible elsewhere do not count.
    pub hidden: HiddenText,
    /// Text in the colour of its background.
    pub faint: HiddenText,
    /// Text too small to read, or outside the window.
    pub tiny: HiddenText,
    /// Number of images other than spacers.
    pub images: usize,
    /// Number of elements with a background image from a file.
    pub backgrounds: usize,
    /// The raw targets of forms.
    pub forms: Vec<String>,
    /// Number of password fields.
    pub passwords: usize,
    /// Number of scripts.
    pub scripts: usize,
    /// Number of unknown elements.
    pub unknown: usize,
    /// The name of the first unknown element.
    pub unknown_name: String,
    /// The target of a meta refresh.
    pub refresh: Option<String>,
    /// Whether text is centred by `<center>`.
    pub centered: bool,
    /// Whether text is red.
    pub red: bool,
    /// Whether a background is yellow, red, green or magenta.
    pub loud_ground: bool,
    /// Whether letters are made large by `<font>`.
    pub large: bool,
    /// Whether content is pushed far down, out of view.
    pub pushed_down: bool,
    /// Whether content is pushed thousands of lines down, or an element is as high.
    pub pushed_far: bool,
    /// Whether it begins with a clickable image.
    pub image_first: bool,
    /// Number of words split by a comment.
    pub split_words: usize,
    /// Number of words with hidden text in them.
    pub in_words: usize,
    /// Number of words with empty elements in them.
    pub empty_in_words: usize,
    /// The page's title, which programs show when it is opened.
    pub title: String,
    /// The alternative text of the first images, such as a logo.
    pub logos: Vec<String>,
    /// Whether the style sheets were too costly to match against all elements.
    pub sheets_unread: bool,
}

/// Text that is not visible.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HiddenText {
    /// Its length in bytes, without white space.
    pub bytes: usize,
    /// Its beginning.
    pub text: String,
}

impl PageTraits {
    /// Whether it shows a picture, as an image or as a background.
    pub(crate) fn has_picture(&self) -> bool {
        self.images > 0 || self.backgrounds > 0
    }

    /// Adds text of the title.
    pub(crate) fn add_title(&mut self, text: &str) {
        let room = LABEL_LIMIT.saturating_sub(self.title.len());
        self.title.push_str(cut(text, room));
    }

    /// Adds the alternative text of an image.
    pub(crate) fn add_logo(&mut self, text: &str) {
        if self.logos.len() < LOGOS && !text.trim().is_empty() {
            self.logos.push(cut(text.trim(), LABEL_LIMIT).to_owned());
        }
    }
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
