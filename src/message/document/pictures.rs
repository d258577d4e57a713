//! QR codes in the pictures of a PDF: a poster that is scanned instead of clicked.
//!
//! In: a PDF, whole or truncated; out: the web links in the codes of its first square pictures. JPEG and deflated samples
//! of grey or red, green and blue are read; other filters, colour tables and codes that are drawn as lines are not. ISO
//! 32000-1 sections 7.4.4, 7.4.8 and 8.9.5.

use super::{stream, syntax};
use crate::message::qr_code;
use crate::message::work::Work;
use flate2::{Decompress, FlushDecompress};
use memchr::memmem;

/// Codes are on posters and bills, not in books.
pub(super) const PAGES: usize = 4;

/// A PDF may have logos beside the code.
const PICTURES: usize = 2;

/// A picture of a code is as wide as high, but for a margin of an eighth.
const MARGIN: usize = 8;

/// Units of work per picture, and per inflated octet of it.
const PICTURE_WORK: u64 = 3000;
const OUTPUT_WORK: u64 = 4;

/// What the dictionary of a picture says of it.
#[derive(Debug, Default)]
struct Picture {
    is_picture: bool,
    is_jpeg: bool,
    is_deflated: bool,
    width: usize,
    height: usize,
    bits: usize,
    /// Samples per pixel.
    samples: usize,
    /// Rows begin with the number of a filter (7.4.4.4).
    has_filters: bool,
}

/// The links in the codes of the first pictures.
pub(super) fn links(data: &[u8], work: &Work<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let (mut pictures, mut before) = (0, 0);
    for keyword in memmem::find_iter(data, b"stream") {
        let Some(start) = stream::content(data, keyword) else {
            continue;
        };
        let back = before.max(keyword.saturating_sub(stream::DICTIONARY_LIMIT));
        before = start;
        let picture = Picture::of(&data[back..keyword]);
        if !picture.is_read() {
            continue;
        }
        pictures += 1;
        if pictures > PICTURES || !work.spend(PICTURE_WORK) {
            break;
        }
        found.extend(picture.links(&data[start..], work));
    }
    found
}

impl Picture {
    /// Reads the dictionary before a stream.
    fn of(before: &[u8]) -> Self {
        let start = memmem::rfind(before, b"obj").unwrap_or(0);
        let dictionary = &before[start..];
        let mut picture = Self {
            bits: 8,
            ..Self::default()
        };
        for slash in memchr::memchr_iter(b'/', dictionary) {
            let name = syntax::name(dictionary, slash);
            let number = || number(dictionary, name.end);
            match name.as_bytes() {
                b"Image" => picture.is_picture = true,
                b"DCTDecode" => picture.is_jpeg = true,
                b"FlateDecode" => picture.is_deflated = true,
                b"Width" => picture.width = number(),
                b"Height" => picture.height = number(),
                b"BitsPerComponent" => picture.bits = number(),
                b"Predictor" => picture.has_filters = number() >= 10,
                b"DeviceGray" | b"CalGray" | b"ImageMask" => picture.samples = 1,
                b"DeviceRGB" | b"CalRGB" => picture.samples = 3,
                _ => {}
            }
        }
        picture
    }

    fn is_read(&self) -> bool {
        let (least, most) = (self.width.min(self.height), self.width.max(self.height));
        let is_square = most - least <= most / MARGIN;
        let has_samples = self.samples > 0 && matches!(self.bits, 1 | 8);
        self.is_picture
            && is_square
            && self.is_jpeg != self.is_deflated
            && (self.is_jpeg || has_samples)
    }

    fn links(&self, data: &[u8], work: &Work<'_>) -> Vec<String> {
        if self.is_jpeg {
            let end = memmem::find(data, b"endstream").unwrap_or(data.len());
            return qr_code::jpeg_links(&data[..end], work);
        }
        let Some((width, height)) = qr_code::affordable(self.width, self.height, work) else {
            return Vec::new();
        };
        let row = (width * self.samples * self.bits).div_ceil(8);
        let stored = row + usize::from(self.has_filters);
        if !work.spend(OUTPUT_WORK * (stored * height) as u64) {
            return Vec::new();
        }
        let mut rows = Vec::with_capacity(stored * height);
        // What precedes an error or the end of the file is valid.
        let _ = Decompress::new(true).decompress_vec(data, &mut rows, FlushDecompress::Finish);
        if self.has_filters {
            let per_pixel = (self.samples * self.bits).div_ceil(8);
            rows = unfiltered(&rows, row, per_pixel);
        }
        let bits = self.bits;
        let sample = |octet: u8, at: usize| match bits {
            1 if octet >> (7 - at) & 1 == 0 => 0,
            1 => 255,
            _ => octet,
        };
        let per_octet = 8 / bits;
        let mut samples = Vec::with_capacity(width * self.samples * height);
        for row in rows.chunks_exact(row) {
            let each = row
                .iter()
                .flat_map(|octet| (0..per_octet).map(|at| sample(*octet, at)));
            samples.extend(each.take(width * self.samples));
        }
        qr_code::sample_links((width, height), samples, self.samples, work)
    }
}

/// The number after a key.
fn number(dictionary: &[u8], at: usize) -> usize {
    let at = syntax::skip_space(dictionary, at);
    let rest = dictionary.get(at..).unwrap_or_default();
    let digits = rest.iter().take(6).take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |value, digit| 10 * value + usize::from(digit - b'0'))
}

/// Rows without the filters of PNG (ISO/IEC 15948, section 9).
fn unfiltered(rows: &[u8], row: usize, per_pixel: usize) -> Vec<u8> {
    let mut output: Vec<u8> = Vec::with_capacity(rows.len());
    for source in rows.chunks_exact(row + 1) {
        let begin = output.len();
        for (at, octet) in source[1..].iter().enumerate() {
            let is_first = at < per_pixel;
            let left = if is_first {
                0
            } else {
                output[begin + at - per_pixel]
            };
            let above = |back: usize| match begin.checked_sub(row) {
                Some(above) if at >= back => output[above + at - back],
                _ => 0,
            };
            let (up, corner) = (above(0), above(per_pixel));
            let predicted = match source[0] {
                1 => left,
                2 => up,
                3 => left.midpoint(up),
                4 => paeth(left, up, corner),
                _ => 0,
            };
            output.push(octet.wrapping_add(predicted));
        }
    }
    output
}

/// The neighbour that is nearest to left + up - corner.
fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let estimate = i16::from(left) + i16::from(up) - i16::from(corner);
    let distance = |of: u8| (estimate - i16::from(of)).abs();
    if distance(left) <= distance(up) && distance(left) <= distance(corner) {
        left
    } else if distance(up) <= distance(corner) {
        up
    } else {
        corner
    }
}
