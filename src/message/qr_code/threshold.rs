//! Tells the dark pixels of a picture from the light ones, however it is lit.
//!
//! In: shades of grey; out: for each pixel whether it is darker than most before and behind it. Means run along the
//! rows, one from either end, turn at the end of a row and go on in the next; a pixel is dark below 95 % of their mean.
//! The result is that of `rqrr::PreparedImage::prepare`, which divides thrice per pixel.

use std::mem;

/// Binary places of a factor that replaces a division.
const PLACES: u32 = 40;

/// A mean covers an eighth of a row.
const PART: usize = 8;

/// Replaces the shades of rows of this width, at most 65,535: 1 is dark, 0 is light.
pub(super) fn apply(width: usize, shades: &mut [u8]) {
    let window = (width / PART).max(1);
    let mut ahead = Mean::new(window as u64);
    let mut back = Mean::new(window as u64);
    let mut to_right = vec![0; width];
    let mut to_left = vec![0; width];
    for row in shades.chunks_exact_mut(width.max(1)) {
        follow(row, &mut ahead, &mut to_right, &mut back, &mut to_left);
        mem::swap(&mut ahead, &mut back);
        compare(row, &to_right, &to_left, window as i16);
    }
}

/// A running mean, times the pixels of its window.
struct Mean {
    sum: u64,
    factor: u64,
}

impl Mean {
    /// The factor is too large by less than one, and a sum is at most 255 times the window, below 2^21. So a quotient is too
    /// large by less than 2^-19, and no quotient is so near below an integer: they are multiples of a window's part.
    fn new(window: u64) -> Self {
        let factor = ((window - 1) << PLACES).div_ceil(window);
        Self { sum: 0, factor }
    }

    /// Goes on to the next pixel: `sum * (window - 1) / window + shade`.
    fn add(&mut self, shade: u8) -> i32 {
        self.sum = ((self.sum * self.factor) >> PLACES) + u64::from(shade);
        self.sum as i32
    }
}

/// Follows a row from either end. Neither mean waits for the other, and each for itself at every pixel.
fn follow(
    row: &[u8],
    ahead: &mut Mean,
    to_right: &mut [i32],
    back: &mut Mean,
    to_left: &mut [i32],
) {
    const STEPS: usize = 4;
    let (left, left_rest) = row.as_chunks::<STEPS>();
    let (left_sums, left_rest_sums) = to_right.as_chunks_mut::<STEPS>();
    let (right_rest, right) = row.as_rchunks::<STEPS>();
    let (right_rest_sums, right_sums) = to_left.as_rchunks_mut::<STEPS>();
    let from_left = left.iter().zip(left_sums);
    let from_right = right.iter().zip(right_sums).rev();
    for ((left, left_sums), (right, right_sums)) in from_left.zip(from_right) {
        for step in 0..STEPS {
            left_sums[step] = ahead.add(left[step]);
            right_sums[STEPS - 1 - step] = back.add(right[STEPS - 1 - step]);
        }
    }
    for (shade, sum) in left_rest.iter().zip(left_rest_sums) {
        *sum = ahead.add(*shade);
    }
    for (shade, sum) in right_rest.iter().zip(right_rest_sums).rev() {
        *sum = back.add(*shade);
    }
}

/// Whether each shade is below 95 % of half the sum of both means, rounded down: `shade < sum * 95 / (200 * window)`. It
/// is when the next shade is not above, which needs no division.
fn compare(row: &mut [u8], to_right: &[i32], to_left: &[i32], window: i16) {
    for ((shade, one), other) in row.iter_mut().zip(to_right).zip(to_left) {
        let next = i32::from(i16::from(*shade) + 1) * i32::from(window);
        *shade = u8::from(next * 40 <= (one + other) * 19);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_divide() {
        let mut random = fastrand::Rng::with_seed(4);
        for window in 1..=8191 {
            let mut mean = Mean::new(window);
            let multiple = window * random.u64(1..=254);
            let any = random.u64(..=255 * window);
            for sum in [0, multiple - 1, multiple, multiple + 1, any, 255 * window] {
                mean.sum = sum;
                assert_eq!(mean.add(0), (sum * (window - 1) / window) as i32);
            }
        }
    }

    /// Shades of one of several kinds: noise, gradients, squares, two colours.
    fn picture(random: &mut fastrand::Rng, width: usize, height: usize) -> Vec<u8> {
        let (kind, base, noise) = (random.u8(0..5), random.u8(..), random.u8(1..));
        let shade = |at: usize| {
            let (x, y) = (at % width, at / width);
            match kind {
                0 => random.u8(..),
                1 => base,
                2 => ((x + y) * 255 / (width + height)) as u8,
                3 => base.wrapping_add(random.u8(..noise)),
                _ if (x / 5 + y / 5) % 2 == 0 => base,
                _ => !base,
            }
        };
        (0..width * height).map(shade).collect()
    }

    #[test]
    fn the_result_is_that_of_rqrr() {
        let mut random = fastrand::Rng::with_seed(7);
        let sizes =
            (1..70)
                .map(|width| (width, 9))
                .chain([(4096, 3), (4097, 3), (65_535, 2), (200, 90)]);
        for (width, height) in sizes {
            let mut shades = picture(&mut random, width, height);
            let prepared = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
                shades[y * width + x]
            });
            apply(width, &mut shades);
            for (at, is_dark) in shades.iter().enumerate() {
                let (x, y) = (at % width, at / width);
                assert!(prepared.get_pixel_at(x, y) == *is_dark, "{width} {x} {y}");
            }
        }
    }
}
