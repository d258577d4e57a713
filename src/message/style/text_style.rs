//! What styles say of text: whether it is seen, and how it is laid out.
//!
//! In: values of properties; out: whether together they hide text. It reads no CSS.

use super::colour::Paint;

/// How an element is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Display {
    /// Not at all.
    Nothing,
    /// Within a line: it does not part words.
    Inline,
    /// Within a line, as a box that can have a width and a height.
    InlineBox,
    /// As a box of its own, which parts words.
    Block,
}

/// A font size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Size {
    /// In pixels.
    Pixels(f32),
    /// As a multiple of the outer element's.
    Times(f32),
}

/// Where an element stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    Static,
    /// Moved from where it would be.
    Relative,
    /// A box of its own anywhere.
    Absolute,
}

/// What `unicode-bidi` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turning {
    /// Nothing.
    Normal,
    /// The letters keep their own direction.
    Embedded,
    /// All letters run in the element's direction.
    Overridden,
}

macro_rules! style {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)*) => {
        /// What declarations say of text; each is `None` if they do not say it.
        #[derive(Debug, Clone, Copy, Default, PartialEq)]
        pub(crate) struct Style {
            $($(#[$doc])* pub(crate) $field: Option<$type>,)*
            pub(crate) text: Paint,
            pub(crate) ground: Paint,
            /// It moves what follows far down, out of view.
            pub(crate) pushes: bool,
        }

        impl Style {
            /// Adds declarations that win over these.
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
    /// `visibility` hides; inner elements can be visible again.
    hidden: bool,
    /// Opacity, clipping or a transform leaves nothing to see.
    clear: bool,
    filtered: bool,
    clipped: bool,
    shrunk: bool,
    size: Size,
    /// What does not fit its box is not seen.
    cuts: bool,
    /// Each measure of the box, if it is next to nothing.
    flat: bool,
    flat_at_most: bool,
    narrow: bool,
    narrow_at_most: bool,
    position: Position,
    /// It floats: a box of its own.
    floats: bool,
    /// To the right: what comes first is read last.
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
    /// A picture is behind it.
    picture: bool,
    turning: Turning,
    right_to_left: bool,
}

impl Style {
    /// Whether the element and all in it is not seen, where it is laid out so.
    pub(crate) fn is_gone(&self, display: Display) -> bool {
        let is = |of: Option<bool>| of == Some(true);
        let is_absolute = self.position == Some(Position::Absolute);
        // A part of a line has no width or height of its own.
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
