//! What a style says about text: whether it is visible, and how it is laid out.
//!
//! In: property values; out: whether they hide text together. It does not parse CSS.

use super::colour::Paint;

/// How an element is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Display {
    /// `none`.
    Nothing,
    /// Inline: it does not separate words.
    Inline,
    /// An inline box, which can have a width and a height.
    InlineBox,
    /// A block, which separates words.
    Block,
}

/// A font size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Size {
    /// In pixels.
    Pixels(f32),
    /// As a multiple of the outer element's size.
    Times(f32),
}

/// How an element is positioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    Static,
    /// Offset from its normal position.
    Relative,
    /// Positioned independently of the surrounding text.
    Absolute,
}

/// The effect of `unicode-bidi`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnicodeBidi {
    /// None.
    Normal,
    /// An embedding or isolate: its letters keep their own direction.
    Embed,
    /// An override: all letters take the element's direction.
    Override,
}

macro_rules! style {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)*) => {
        /// What declarations say about text; each field is `None` if they do not set it.
        #[derive(Debug, Clone, Copy, Default, PartialEq)]
        pub(crate) struct Style {
            $($(#[$doc])* pub(crate) $field: Option<$type>,)*
            pub(crate) text: Paint,
            pub(crate) ground: Paint,
            /// It pushes what follows far down, out of view.
            pub(crate) pushes: bool,
        }

        impl Style {
            /// Adds declarations that override these.
            pub(crate) fn add(&mut self, other: &Self) {
                $(self.$field = other.$field.or(self.$field);)*
                self.text = other.text.over(self.text);
                self.ground = other.ground.over(self.ground);
                self.pushes |= other.pushes;
            }
        }
    };
}

style! {
    display: Display,
    /// Hidden by `visibility`; descendants can be visible again.
    hidden: bool,
    /// Opacity, clipping or a transform leaves nothing visible.
    clear: bool,
    filtered: bool,
    clipped: bool,
    shrunk: bool,
    size: Size,
    /// Content that overflows its box is not visible.
    cuts: bool,
    /// For each dimension of the box, whether it is close to zero.
    flat: bool,
    flat_at_most: bool,
    narrow: bool,
    narrow_at_most: bool,
    position: Position,
    /// It floats, which makes it a block.
    floats: bool,
    /// It floats to the right: in a row of these, the first is read last.
    floats_right: bool,
    /// Far outside the window, by each of the properties.
    off_left: bool,
    off_top: bool,
    off_right: bool,
    off_bottom: bool,
    off_margin: bool,
    off_indent: bool,
    /// Outlook does not show it.
    no_outlook: bool,
    /// It has a background image or a gradient.
    picture: bool,
    /// Its background image comes from a file.
    picture_file: bool,
    unicode_bidi: UnicodeBidi,
    right_to_left: bool,
}

impl Style {
    /// Whether the element and everything in it is hidden, given this display.
    pub(crate) fn is_gone(&self, display: Display) -> bool {
        let is = |of: Option<bool>| of == Some(true);
        let is_absolute = self.position == Some(Position::Absolute);
        // An inline element has no width or height of its own.
        let is_box = display != Display::Inline || is_absolute || is(self.floats);
        let is_nothing =
            is(self.flat) || is(self.flat_at_most) || is(self.narrow) || is(self.narrow_at_most);
        display == Display::Nothing
            || is(self.clear)
            || is(self.filtered)
            || is(self.shrunk)
            || is(self.clipped) && is_absolute
            || is(self.cuts) && is_nothing && is_box
    }

    /// Whether it is outside the window.
    pub(crate) fn is_off(&self) -> bool {
        let is_moved = matches!(self.position, Some(Position::Relative | Position::Absolute));
        let moved = [self.off_left, self.off_top, self.off_right, self.off_bottom];
        is_moved && moved.contains(&Some(true))
            || [self.off_margin, self.off_indent].contains(&Some(true))
    }
}
