//! A bitmap that rqrr may read so often and no more.
//!
//! In: dark and light pixels; out: the same to rqrr, which has no limit of its own: three skewed finder patterns, 2 KB as a
//! PNG, keep it busy for minutes. A read beyond the budget unwinds, and the caller catches that.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::rc::Rc;

use image::{GenericImage, GenericImageView, Luma};

/// Reads that a copy of so many pixels costs.
const PIXELS_COPIED: u64 = 16;

/// See the module.
pub(super) struct Bitmap {
    width: u32,
    height: u32,
    pixels: Vec<Luma<u8>>,
    reads: Rc<Reads>,
}

/// The reads of a bitmap and its copies.
pub(super) struct Reads {
    left: Cell<u64>,
    made: Cell<u64>,
}

impl Reads {
    pub(super) fn new(budget: u64) -> Rc<Self> {
        Rc::new(Self {
            left: Cell::new(budget),
            made: Cell::new(0),
        })
    }

    /// How many were made.
    pub(super) fn made(&self) -> u64 {
        self.made.get()
    }

    #[inline]
    fn count(&self, reads: u64) {
        match self.left.get().checked_sub(reads) {
            Some(left) => {
                self.left.set(left);
                self.made.set(self.made.get() + reads);
            }
            // Unlike a panic it is not reported: nothing is wrong with the program.
            None => resume_unwind(Box::new("too many reads of a picture")),
        }
    }
}

impl Bitmap {
    /// Takes pixels row by row; 1 is dark, 0 is light.
    pub(super) fn new((width, height): (usize, usize), pixels: &[u8], reads: Rc<Reads>) -> Self {
        Self {
            width: width as u32,
            height: height as u32,
            pixels: pixels.iter().map(|pixel| Luma([*pixel])).collect(),
            reads,
        }
    }

    #[inline]
    fn place(&self, x: u32, y: u32) -> usize {
        y as usize * self.width as usize + x as usize
    }
}

impl Clone for Bitmap {
    fn clone(&self) -> Self {
        self.reads.count(self.pixels.len() as u64 / PIXELS_COPIED);
        Self {
            pixels: self.pixels.clone(),
            reads: self.reads.clone(),
            ..*self
        }
    }
}

impl GenericImageView for Bitmap {
    type Pixel = Luma<u8>;

    /// It counts, too: rqrr asks before it looks for a pixel outside of the picture.
    #[inline]
    fn dimensions(&self) -> (u32, u32) {
        self.reads.count(1);
        (self.width, self.height)
    }

    #[inline]
    fn get_pixel(&self, x: u32, y: u32) -> Luma<u8> {
        self.reads.count(1);
        self.pixels[self.place(x, y)]
    }
}

impl GenericImage for Bitmap {
    fn get_pixel_mut(&mut self, x: u32, y: u32) -> &mut Luma<u8> {
        let place = self.place(x, y);
        &mut self.pixels[place]
    }

    #[inline]
    fn put_pixel(&mut self, x: u32, y: u32, pixel: Luma<u8>) {
        let place = self.place(x, y);
        self.pixels[place] = pixel;
    }

    fn blend_pixel(&mut self, x: u32, y: u32, pixel: Luma<u8>) {
        self.put_pixel(x, y, pixel);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn reads_and_copies_are_counted() {
        let reads = Reads::new(10);
        let bitmap = Bitmap::new((8, 8), &[1; 64], reads.clone());
        assert_eq!((bitmap.dimensions(), reads.made()), ((8, 8), 1));
        assert_eq!((bitmap.get_pixel(7, 7), reads.made()), (Luma([1]), 2));
        let copy = bitmap.clone();
        assert_eq!(reads.made(), 6);
        let read = AssertUnwindSafe(|| {
            for x in 0..9 {
                copy.get_pixel(x % 8, 0);
            }
        });
        assert!(catch_unwind(read).is_err());
        assert_eq!(reads.made(), 10);
    }
}
