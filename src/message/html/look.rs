//! The computed look of an element's text, inherited properties included.
//!
//! In: the look of the outer element and an element's own style; out: the element's look, and whether its text is seen.

use crate::message::style::{Display, Paint, Size, Style};

/// Text of less than this many pixels is not shown.
const NO_SIZE: f32 = 0.5;

/// Text of at most this many pixels is unreadable.
const TINY: f32 = 2.0;

/// Why text is not seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unseen {
    /// Not displayed.
    Hidden,
    /// In the colour of its background.
    Faint,
    /// Too small to read, or outside the window.
    Tiny,
    /// Not displayed by some programs, such as Outlook, or those that can play video.
    BySome,
}

/// How the text of an element looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    /// Not displayed, nor is anything in it.
    pub(super) gone: bool,
    /// `visibility: hidden`
    invisible: bool,
    off: bool,
    /// Some programs do not show it.
    pub(super) is_aside: bool,
    size: f32,
    text: Paint,
    ground: Paint,
    pub(super) right_to_left: bool,
}

impl Look {
    /// The look of a page without styles.
    pub(super) const PLAIN: Self = Self {
        gone: false,
        invisible: false,
        off: false,
        is_aside: false,
        size: 16.0,
        text: Paint::Rgb([0; 3]),
        ground: Paint::Rgb([255; 3]),
        right_to_left: false,
    };

    /// The look of an element with this display and this style, if it has one, inside an element with this look.
    pub(super) fn within(&self, own: Option<&Style>, display: Display) -> Self {
        let mut look = *self;
        // Most elements have none.
        let Some(own) = own else {
            look.gone |= display == Display::Nothing;
            return look;
        };
        look.gone |= own.is_gone(display);
        look.invisible = own.hidden.unwrap_or(look.invisible);
        look.off |= own.is_off();
        look.is_aside |= own.no_outlook == Some(true);
        look.size = match own.size {
            Some(Size::Pixels(pixels)) => pixels,
            Some(Size::Times(times)) => times * look.size,
            None => look.size,
        };
        look.text = own.text.over(look.text);
        look.ground = match own.ground {
            _ if own.picture == Some(true) => Paint::Unknown,
            Paint::Clear => look.ground,
            ground => ground.over(look.ground),
        };
        look.right_to_left = own.right_to_left.unwrap_or(look.right_to_left);
        look
    }

    /// Whether text is seen as within another look, if neither has a style that the other lacks.
    pub(super) fn shows_like(&self, other: &Self) -> bool {
        (self.gone, self.is_aside) == (other.gone, other.is_aside)
    }

    /// Why its text is not seen, or `None` if it is.
    #[inline]
    pub(super) fn unseen(&self) -> Option<Unseen> {
        if self.gone || self.invisible || self.size < NO_SIZE {
            Some(Unseen::Hidden)
        } else if self.size <= TINY || self.off {
            Some(Unseen::Tiny)
        } else if self.text.vanishes_on(self.ground) {
            Some(Unseen::Faint)
        } else if self.is_aside {
            Some(Unseen::BySome)
        } else {
            None
        }
    }
}
