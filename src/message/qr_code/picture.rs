//! A picture in shades of grey, and the sizes that are read.

use crate::message::work::Work;

/// Pixels of a picture, and its width and height.
pub(super) const PIXELS: usize = 1 << 20;
pub(super) const SIDE: usize = 4096;

/// A code has at least 21 × 21 modules; the smallest pictures are spacers and icons.
const SMALLEST: usize = 60;

/// Units of work per pixel, to decode it and to look for a code.
pub(super) const PIXEL_WORK: u64 = 30;

/// A picture in shades of grey.
pub(super) struct Picture {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) shades: Vec<u8>,
}

impl Picture {
    pub(super) fn of((width, height): (usize, usize), mut shades: Vec<u8>) -> Option<Self> {
        let is_whole = shades.len() >= width * height;
        shades.truncate(width * height);
        is_whole.then_some(Self {
            width,
            height,
            shades,
        })
    }
}

/// The size, if a picture of it is read; its work is counted.
pub(in crate::message) fn affordable(
    width: usize,
    height: usize,
    work: &Work<'_>,
) -> Option<(usize, usize)> {
    let sides = SMALLEST..=SIDE;
    let is_read = sides.contains(&width) && sides.contains(&height) && width * height <= PIXELS;
    let cost = PIXEL_WORK * (width.min(SIDE) * height.min(SIDE)) as u64;
    (is_read && work.spend(cost)).then_some((width, height))
}
