//! Decodes pictures to shades of grey on white paper.
//!
//! In: a PNG, JPEG or GIF file; out: its first picture, if its size is affordable.

use std::io::Cursor;
use std::num::NonZeroU64;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::picture::{PIXELS, Picture, SIDE, affordable};
use crate::message::work::Work;

/// Memory that a decoder may use: four bytes per pixel, and its tables.
const MEMORY: usize = 16 << 20;

/// The shades of the colours of a palette.
type Shades = [u8; 256];

type PngReader<'d> = png::Reader<Cursor<&'d [u8]>>;

pub(super) fn png(data: &[u8], work: &Work<'_>) -> Option<Picture> {
    let mut reader = png_reader(data)?;
    let (width, height) = reader.info().size();
    let size = affordable(width as usize, height as usize, work)?;
    let shades = match reader.info().interlaced {
        true => interlaced(&mut reader)?,
        false => rows(&mut reader, size)?,
    };
    Picture::of(size, shades)
}

/// Reads up to the picture. Indexes are left as they are, unless passes of an interlaced picture are to be merged.
fn png_reader(data: &[u8]) -> Option<PngReader<'_>> {
    let limits = png::Limits { bytes: MEMORY };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(data), limits);
    let info = decoder.read_header_info().ok()?;
    if info.color_type != png::ColorType::Indexed || info.interlaced {
        decoder.set_transformations(png::Transformations::normalize_to_color8());
    }
    decoder.read_info().ok()
}

fn interlaced(reader: &mut PngReader<'_>) -> Option<Vec<u8>> {
    let mut samples = vec![0; reader.output_buffer_size()?];
    let frame = reader.next_frame(&mut samples).ok()?;
    Some(shades(samples, frame.color_type.samples()))
}

fn rows(reader: &mut PngReader<'_>, (width, height): (usize, usize)) -> Option<Vec<u8>> {
    let (colours, depth) = reader.output_color_type();
    let palette = match colours {
        png::ColorType::Indexed => Some(png_palette(reader.info())?),
        _ => None,
    };
    let mut shades = Vec::with_capacity(width * height);
    let mut row = vec![0; reader.output_line_size(width as u32)?];
    while reader.read_row(&mut row).ok()?.is_some() {
        match &palette {
            Some(palette) => add_indexes(&row, depth as usize, width, palette, &mut shades),
            None => add(&row, colours.samples(), &mut shades),
        }
    }
    Some(shades)
}

/// The shades of a palette: what it lacks is black, and opacities of more colours than it has do not count.
fn png_palette(info: &png::Info<'_>) -> Option<Shades> {
    let (colours, _) = info.palette.as_deref()?.as_chunks::<3>();
    let opacities = info.trns.as_deref().unwrap_or_default();
    let is_valid = opacities.len() <= colours.len();
    let mut shades = [0; 256];
    for (at, (shade, [red, green, blue])) in shades.iter_mut().zip(colours).enumerate() {
        let opacity = opacities.get(at).filter(|_| is_valid);
        *shade = on_white(luminance(*red, *green, *blue), *opacity.unwrap_or(&255));
    }
    Some(shades)
}

/// Adds the shades of a row of indexes of so many bits.
fn add_indexes(row: &[u8], bits: usize, width: usize, palette: &Shades, shades: &mut Vec<u8>) {
    if bits >= 8 {
        shades.extend(row.iter().map(|index| palette[usize::from(*index)]));
        return;
    }
    let start = shades.len();
    shades.resize(start + width, 0);
    let mask = (1 << bits) - 1;
    for (octet, shades) in row.iter().zip(shades[start..].chunks_mut(8 / bits)) {
        let mut rest = *octet;
        for shade in shades {
            rest = rest.rotate_left(bits as u32);
            *shade = palette[usize::from(rest & mask)];
        }
    }
}

pub(super) fn jpeg(data: &[u8], work: &Work<'_>) -> Option<Picture> {
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::Luma)
        .set_max_width(SIDE)
        .set_max_height(SIDE);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(data), options);
    decoder.decode_headers().ok()?;
    let info = decoder.info()?;
    let size = affordable(usize::from(info.width), usize::from(info.height), work)?;
    let samples = decoder.decode().ok()?;
    let per_pixel = samples.len() / (size.0 * size.1);
    Picture::of(size, shades(samples, per_pixel))
}

pub(super) fn gif(data: &[u8], work: &Work<'_>) -> Option<Picture> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::Indexed);
    options.set_memory_limit(gif::MemoryLimit::Bytes(NonZeroU64::new(MEMORY as u64)?));
    let mut decoder = options.read_info(Cursor::new(data)).ok()?;
    let (width, height) = (decoder.width(), decoder.height());
    affordable(usize::from(width), usize::from(height), work)?;
    let frame = decoder.next_frame_info().ok()??;
    let (width, height) = (usize::from(frame.width), usize::from(frame.height));
    let transparent = frame.transparent;
    let pixels = width * height;
    if pixels == 0 || pixels > PIXELS {
        return None;
    }
    let mut indexes = vec![0; pixels];
    decoder.read_into_buffer(&mut indexes).ok()?;
    let palette = gif_palette(decoder.palette().ok()?, transparent);
    for index in &mut indexes {
        *index = palette[usize::from(*index)];
    }
    Picture::of((width, height), indexes)
}

/// The shades of a palette: what it lacks is transparent.
fn gif_palette(palette: &[u8], transparent: Option<u8>) -> Shades {
    let (colours, _) = palette.as_chunks::<3>();
    let mut shades = [255; 256];
    for (shade, [red, green, blue]) in shades.iter_mut().zip(colours) {
        *shade = on_white(luminance(*red, *green, *blue), 255);
    }
    if let Some(index) = transparent {
        shades[usize::from(index)] = 255;
    }
    shades
}

/// The shades of samples, so many per pixel: grey or red, green and blue, with or without opacity.
pub(super) fn shades(samples: Vec<u8>, per_pixel: usize) -> Vec<u8> {
    if per_pixel == 1 {
        return samples;
    }
    let mut shades = Vec::with_capacity(samples.len() / per_pixel.max(1));
    add(&samples, per_pixel, &mut shades);
    shades
}

/// Adds the shades of samples.
fn add(samples: &[u8], per_pixel: usize, shades: &mut Vec<u8>) {
    match per_pixel {
        // Grey on nothing is grey.
        1 => shades.extend_from_slice(samples),
        2 => add_each(samples, shades, |[grey, opacity]| on_white(grey, opacity)),
        3 => add_each(samples, shades, |[red, green, blue]| {
            luminance(red, green, blue)
        }),
        4 => add_each(samples, shades, |[red, green, blue, opacity]| {
            on_white(luminance(red, green, blue), opacity)
        }),
        _ => {}
    }
}

fn add_each<const N: usize>(samples: &[u8], shades: &mut Vec<u8>, shade: impl Fn([u8; N]) -> u8) {
    let (pixels, _) = samples.as_chunks::<N>();
    shades.extend(pixels.iter().map(|pixel| shade(*pixel)));
}

fn luminance(red: u8, green: u8, blue: u8) -> u8 {
    let sum = u32::from(red) * 299 + u32::from(green) * 587 + u32::from(blue) * 114;
    (sum / 1000) as u8
}

/// A shade of this opacity on white paper.
fn on_white(grey: u8, opacity: u8) -> u8 {
    if opacity == 255 {
        return grey;
    }
    let (grey, opacity) = (u32::from(grey), u32::from(opacity));
    ((grey * opacity + 255 * (255 - opacity)) / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 67;
    const HEIGHT: usize = 61;

    /// What a decoder makes of a file with unlimited work.
    fn decoded(decoder: fn(&[u8], &Work<'_>) -> Option<Picture>, data: &[u8]) -> Option<Vec<u8>> {
        Some(decoder(data, &Work::new(1 << 40))?.shades)
    }

    /// A shade as the definition has it, for each number of samples.
    fn defined(pixel: &[u8]) -> u8 {
        let weighted = |red: u8, green: u8, blue: u8| {
            (u32::from(red) * 299 + u32::from(green) * 587 + u32::from(blue) * 114) / 1000
        };
        let (grey, opacity) = match *pixel {
            [grey, opacity] => (u32::from(grey), u32::from(opacity)),
            [red, green, blue] => (weighted(red, green, blue), 255),
            [red, green, blue, opacity] => (weighted(red, green, blue), u32::from(opacity)),
            _ => panic!("no pixel"),
        };
        u8::try_from((grey * opacity + 255 * (255 - opacity)) / 255).expect("a shade")
    }

    #[test]
    fn samples_are_shades_as_defined() {
        let mut random = fastrand::Rng::with_seed(1);
        for per_pixel in 2..=4 {
            let mut samples = vec![0; 6000 * per_pixel];
            random.fill(&mut samples);
            // Opaque ones.
            for at in (per_pixel - 1..samples.len()).step_by(5 * per_pixel) {
                samples[at] = 255;
            }
            let expected: Vec<u8> = samples.chunks_exact(per_pixel).map(defined).collect();
            assert_eq!(shades(samples, per_pixel), expected);
        }
    }

    fn octets(random: &mut fastrand::Rng, count: usize) -> Vec<u8> {
        (0..count).map(|_| random.u8(..)).collect()
    }

    #[test]
    fn indexes_of_a_png_are_shades_of_its_palette() {
        let mut random = fastrand::Rng::with_seed(2);
        for round in 0..60 {
            let depth = [1, 2, 4, 8][round % 4];
            let colours = random.usize(1..=1 << depth);
            let data = {
                let mut data = Vec::new();
                let mut encoder = png::Encoder::new(&mut data, WIDTH as u32, HEIGHT as u32);
                encoder.set_color(png::ColorType::Indexed);
                encoder.set_depth(png::BitDepth::from_u8(depth).expect("a depth"));
                encoder.set_palette(octets(&mut random, 3 * colours));
                if round % 3 > 0 {
                    let opacities = random.usize(..=colours + round % 2);
                    encoder.set_trns(octets(&mut random, opacities));
                }
                let row = (WIDTH * usize::from(depth)).div_ceil(8);
                let mut writer = encoder.write_header().expect("a header");
                let indexes = octets(&mut random, row * HEIGHT);
                writer.write_image_data(&indexes).expect("a picture");
                writer.finish().expect("an end");
                data
            };
            let mut decoder = png::Decoder::new(Cursor::new(&data));
            decoder.set_transformations(png::Transformations::normalize_to_color8());
            let mut reader = decoder.read_info().expect("a header");
            let mut samples = vec![0; reader.output_buffer_size().expect("a size")];
            let frame = reader.next_frame(&mut samples).expect("a picture");
            let expected = samples
                .chunks_exact(frame.color_type.samples())
                .map(defined);
            assert_eq!(decoded(png, &data), Some(expected.collect()), "{round}");
        }
    }

    #[test]
    fn indexes_of_a_gif_are_shades_of_its_palette() {
        let mut random = fastrand::Rng::with_seed(5);
        for round in 0..60 {
            let global = match round % 3 {
                0 => Vec::new(),
                _ => octets(&mut random, 3 << (round % 8 + 1)),
            };
            let mut data = Vec::new();
            let side = WIDTH as u16;
            let mut encoder = gif::Encoder::new(&mut data, side, side, &global).expect("a header");
            let (width, height) = [(side, side), (9, 30), (90, 3)][round % 5 % 3];
            let most = 255 >> (round % 7);
            let indexes: Vec<u8> = (0..width * height).map(|_| random.u8(..=most)).collect();
            let transparent = (round % 2 > 0).then_some(random.u8(..=most));
            let mut frame = gif::Frame::from_indexed_pixels(width, height, indexes, transparent);
            frame.palette = (round % 4 > 0).then(|| octets(&mut random, 3 << (round % 8 + 1)));
            frame.interlaced = round % 5 == 0;
            let is_written = encoder.write_frame(&frame).is_ok();
            drop(encoder);
            let mut options = gif::DecodeOptions::new();
            options.set_color_output(gif::ColorOutput::RGBA);
            let mut decoder = options.read_info(Cursor::new(&data)).expect("a header");
            let frame = decoder.read_next_frame().ok().flatten();
            let expected = frame.map(|frame| frame.buffer.chunks_exact(4).map(defined).collect());
            assert_eq!(expected.is_some(), is_written);
            assert_eq!(decoded(gif, &data), expected, "{round}");
        }
    }
}
