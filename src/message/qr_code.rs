//! Links in QR codes (ISO/IEC 18004) of pictures: a telephone opens them as a click does.
//!
//! In: the encoded body of a PNG, JPEG or GIF part; out: the web links in its QR codes. Large files and pictures are left
//! out, the work for the others is counted by their pixels before they are decoded, and of an animation only the first
//! picture is read. Most pictures have no code, which is seen before rqrr looks for one.

mod bitmap;
mod decoders;
mod finder_patterns;
mod picture;
mod threshold;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use rqrr::{BitGrid, PreparedImage};

use crate::message::decode::{self, Encoding};
use crate::message::file_type::FileType;
use crate::message::work::Work;
use bitmap::{Bitmap, Reads};
use picture::Picture;
pub(super) use picture::affordable;

/// A message with more pictures is not searched.
pub(super) const PICTURES: usize = 2;

/// Encoded bytes of a picture: a code of 1,000 × 1,000 pixels takes a tenth as PNG.
const FILE_LIMIT: usize = 256 << 10;

/// How often rqrr may read a pixel of a picture, and units of work for each time beyond once: real codes take five to eight times
/// as many reads as the picture has pixels.
const READS: u64 = 12 << 20;
const READ_WORK: u64 = 1;

/// Units of work to read a code, and per module of it: the smallest take three milliseconds, the largest forty.
const CODE_WORK: u64 = 3_000_000;
const MODULE_WORK: u64 = 1300;

/// Codes of a picture, and letters of a link.
const CODES: usize = 4;
const LINK: usize = 2000;

/// Whether pictures of this type are read.
pub(super) fn is_picture(kind: FileType) -> bool {
    matches!(kind, FileType::Png | FileType::Jpeg | FileType::Gif)
}

/// The links in the picture's QR codes.
pub(super) fn links(
    kind: FileType,
    encoding: Encoding,
    body: &[u8],
    work: &Work<'_>,
) -> Vec<String> {
    if body.len() > FILE_LIMIT || !work.spend(decode::WORK * body.len() as u64) {
        return Vec::new();
    }
    let data = decode::bytes(encoding, body);
    let picture = || match kind {
        FileType::Png => decoders::png(&data, work),
        FileType::Jpeg => decoders::jpeg(&data, work),
        FileType::Gif => decoders::gif(&data, work),
        _ => None,
    };
    links_in(picture, work)
}

/// The links in the QR codes of a decoded JPEG.
pub(super) fn jpeg_links(data: &[u8], work: &Work<'_>) -> Vec<String> {
    let is_read = data.len() <= FILE_LIMIT;
    let picture = || is_read.then(|| decoders::jpeg(data, work)).flatten();
    links_in(picture, work)
}

/// The links in the QR codes of samples, so many per pixel, whose work is already counted.
pub(super) fn sample_links(
    size: (usize, usize),
    samples: Vec<u8>,
    per_pixel: usize,
    work: &Work<'_>,
) -> Vec<String> {
    let picture = || Picture::of(size, decoders::shades(samples, per_pixel));
    links_in(picture, work)
}

/// The links in a picture. An error in a decoder or in the reader must not make the whole message pass unjudged.
fn links_in(picture: impl FnOnce() -> Option<Picture>, work: &Work<'_>) -> Vec<String> {
    let read = || picture().map_or_else(Vec::new, |picture| picture.links(work));
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_default()
}

fn is_link(text: &str) -> bool {
    let head = text.get(..8).unwrap_or_default().to_ascii_lowercase();
    let is_web = head.starts_with("http://") || head == "https://";
    is_web && text.len() <= LINK && !text.contains(|letter: char| letter <= ' ')
}

impl Picture {
    /// The links in its codes.
    fn links(mut self, work: &Work<'_>) -> Vec<String> {
        threshold::apply(self.width, &mut self.shades);
        if !finder_patterns::may_be_code(self.width, &mut self.shades) {
            return Vec::new();
        }
        let reads = Reads::new(READS);
        let found = catch_unwind(AssertUnwindSafe(|| self.codes(&reads, work)));
        let again = reads.made().saturating_sub(self.shades.len() as u64);
        // Its result does not matter: what was read has been paid for by time.
        work.spend(READ_WORK * again);
        let found = found.unwrap_or_default().into_iter();
        found.filter(|text| is_link(text)).collect()
    }

    /// The texts of its codes.
    fn codes(&self, reads: &Rc<Reads>, work: &Work<'_>) -> Vec<String> {
        let bitmap = Bitmap::new((self.width, self.height), &self.shades, reads.clone());
        let mut prepared = PreparedImage::without_preparation(bitmap);
        let codes = prepared.detect_grids().into_iter().take(CODES);
        let codes = codes.take_while(|code| {
            let modules = code.grid.size() as u64;
            work.spend(CODE_WORK + MODULE_WORK * modules * modules)
        });
        let texts = codes.filter_map(|code| Some(code.decode().ok()?.1));
        texts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use super::picture::PIXEL_WORK;

    const LINK: &str = "https://parcel.example/pay?id=4817";

    /// A picture of a code, four pixels a module, with its margin.
    pub(super) fn drawn(text: &str) -> (u32, Vec<u8>) {
        let code = qrcode::QrCode::new(text).expect("a code");
        let (modules, scale, margin) = (code.width(), 4, 4);
        let side = (modules + 2 * margin) * scale;
        let mut shades = vec![255; side * side];
        for (at, colour) in code.to_colors().into_iter().enumerate() {
            let dark = colour == qrcode::Color::Dark;
            let (x, y) = (at % modules + margin, at / modules + margin);
            for dot in (0..scale * scale).filter(|_| dark) {
                shades[(y * scale + dot / scale) * side + x * scale + dot % scale] = 0;
            }
        }
        (side as u32, shades)
    }

    fn as_png(side: u32, shades: &[u8]) -> Vec<u8> {
        let mut data = Vec::new();
        let mut encoder = png::Encoder::new(&mut data, side, side);
        encoder.set_color(png::ColorType::Grayscale);
        let mut writer = encoder.write_header().expect("a header");
        writer.write_image_data(shades).expect("a picture");
        writer.finish().expect("an end");
        data
    }

    fn as_gif(side: u32, shades: &[u8]) -> Vec<u8> {
        let mut data = Vec::new();
        let side = side as u16;
        let palette = [0, 0, 0, 255, 255, 255];
        let mut encoder = gif::Encoder::new(&mut data, side, side, &palette).expect("a header");
        let indexes: Vec<u8> = shades.iter().map(|shade| u8::from(*shade > 0)).collect();
        let frame = gif::Frame::from_indexed_pixels(side, side, indexes, None);
        encoder.write_frame(&frame).expect("a picture");
        drop(encoder);
        data
    }

    fn read(kind: FileType, data: &[u8]) -> Vec<String> {
        links(kind, Encoding::Identity, data, &Work::new(1 << 40))
    }

    #[test]
    fn a_link_is_read_from_a_picture() {
        let (side, shades) = drawn(LINK);
        assert_eq!(read(FileType::Png, &as_png(side, &shades)), [LINK]);
        assert_eq!(read(FileType::Gif, &as_gif(side, &shades)), [LINK]);
        let (side, shades) = drawn("WIFI:S:garden;P:tulips;;");
        assert_eq!(read(FileType::Png, &as_png(side, &shades)), [""; 0]);
    }

    #[test]
    fn damaged_pictures_are_read_without_harm() {
        let (side, shades) = drawn(LINK);
        let whole = as_png(side, &shades);
        for at in (0..whole.len()).step_by(7) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            read(FileType::Png, &damaged);
            read(FileType::Png, &whole[..at]);
            read(FileType::Jpeg, &damaged);
        }
        let mut spotted = shades;
        for round in 0..60 {
            for at in 0..40 {
                let dot = (round * 7919 + at * 104_729) % spotted.len();
                spotted[dot] ^= 0xff;
            }
            read(FileType::Png, &as_png(side, &spotted));
        }
    }

    #[test]
    fn a_picture_costs_by_its_pixels() {
        let (side, shades) = drawn(LINK);
        let data = as_png(side, &shades);
        let little = Work::new(u64::from(side * side) * PIXEL_WORK / 2);
        assert_eq!(
            links(FileType::Png, Encoding::Identity, &data, &little),
            [""; 0]
        );
        assert_eq!(affordable(5000, 100, &Work::new(1 << 40)), None);
        assert_eq!(affordable(2000, 2000, &Work::new(1 << 40)), None);
        assert_eq!(
            affordable(usize::MAX, usize::MAX, &Work::new(1 << 40)),
            None
        );
    }

    #[test]
    fn a_code_costs_by_its_modules() {
        let long = format!("{LINK}&{}", "x".repeat(400));
        let (side, shades) = drawn(&long);
        let modules = u64::from(side / 4 - 8);
        let data = as_png(side, &shades);
        let pixels = u64::from(side * side) * PIXEL_WORK;
        let whole = CODE_WORK + MODULE_WORK * modules * modules;
        let read = |budget| {
            links(
                FileType::Png,
                Encoding::Identity,
                &data,
                &Work::brief(budget),
            )
        };
        assert_eq!(read(pixels + whole / 2), [""; 0]);
        assert_eq!(read(2 * (pixels + whole)), [long]);
    }

    /// A PNG of indexes whose palette ends within its second colour.
    fn with_odd_palette(is_interlaced: bool) -> Vec<u8> {
        let (side, shades) = drawn(LINK);
        let grey = as_png(side, &shades);
        let mut data = grey[..8].to_vec();
        let mut chunk = |name: &[u8], content: &[u8]| {
            data.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
            data.extend(name);
            data.extend(content);
            let mut sum = flate2::Crc::new();
            sum.update(name);
            sum.update(content);
            data.extend(sum.sum().to_be_bytes());
        };
        let mut header = grey[16..29].to_vec();
        header[9] = 3;
        header[12] = u8::from(is_interlaced);
        chunk(b"IHDR", &header);
        chunk(b"PLTE", &[0; 4]);
        let end = grey.len() - 12;
        let length = u32::from_be_bytes(grey[33..37].try_into().unwrap()) as usize;
        assert_eq!((&grey[37..41], 41 + length + 4), (&b"IDAT"[..], end));
        chunk(b"IDAT", &grey[41..41 + length]);
        chunk(b"IEND", b"");
        data
    }

    #[test]
    fn an_error_in_a_decoder_is_no_link() {
        for is_interlaced in [false, true] {
            let data = with_odd_palette(is_interlaced);
            assert_eq!(read(FileType::Png, &data), [""; 0]);
        }
    }
}
