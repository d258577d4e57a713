//! 7-Zip: the names of the files in it.
//!
//! In: a 7-Zip file; out: names. The header with the names is at the end, and is usually compressed with LZMA; if it is
//! compressed otherwise or encrypted, the names are unknown. Igor Pavlov's 7zFormat.txt.

use lzma_rs::decompress::{Options, UnpackedSize};

use super::contents::{Archive, Member, NAME_WORK, NAMES_LIMIT, name_text};
use crate::message::work::Work;

const HEADER: u8 = 0x01;
const PACKED_HEADER: u8 = 0x17;
const NAMES: u8 = 0x11;

/// Method IDs.
const LZMA: &[u8] = &[0x03, 0x01, 0x01];
const AES: &[u8] = &[0x06, 0xf1, 0x07, 0x01];

/// Headers are far smaller than this.
const UNPACKED_LIMIT: usize = 256 << 10;

/// Units of work per octet that LZMA unpacks, and per octet searched.
const LZMA_WORK: u64 = 80;
const SEARCH_WORK: u64 = 4;

pub(super) fn read<'d>(
    data: &'d [u8],
    archive: &mut Archive,
    work: &Work<'_>,
) -> Option<Vec<Member<'d>>> {
    let number = |at: usize| {
        let octets = data.get(at..)?.first_chunk::<8>()?;
        usize::try_from(u64::from_le_bytes(*octets)).ok()
    };
    let (offset, size) = (number(12)?, number(20)?);
    let start = offset.saturating_add(32);
    let header = data.get(start..start.saturating_add(size));
    let unpacked;
    let header = match header {
        Some([PACKED_HEADER, ..]) => {
            let packed = header.unwrap_or_default();
            archive.encrypted |= memchr::memmem::find(packed, AES).is_some();
            unpacked = unpack(data, packed, work).unwrap_or_default();
            &unpacked[..]
        }
        // Truncated.
        header => header.unwrap_or_default(),
    };
    archive.encrypted |= memchr::memmem::find(header, AES).is_some();
    let known = archive.names.len();
    if header.first() == Some(&HEADER)
        && work.spend(SEARCH_WORK * header.len() as u64)
        && let Some(names) = names(header)
    {
        let names = names.split(|unit| *unit == 0);
        for name in names.filter(|name| !name.is_empty()).take(NAMES_LIMIT) {
            if !work.spend(NAME_WORK) {
                break;
            }
            let name = String::from_utf16_lossy(name);
            archive.add(&name_text(name.as_bytes(), true));
        }
    }
    archive.has_unknown_names |= archive.names.len() == known;
    Some(Vec::new())
}

/// The names: the size of the property, a zero, and UTF-16 of which the last unit is zero.
fn names(header: &[u8]) -> Option<Vec<u16>> {
    let mut starts = memchr::memchr_iter(NAMES, header);
    starts.find_map(|at| {
        let mut rest = &header[at + 1..];
        let size = usize::try_from(number(&mut rest)?).ok()?;
        let (0, list) = rest.get(..size)?.split_first()? else {
            return None;
        };
        let pairs = list.chunks_exact(2);
        let is_list = list.len() >= 4 && pairs.remainder().is_empty() && list.ends_with(&[0, 0]);
        is_list.then(|| {
            pairs
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect()
        })
    })
}

/// Unpacks a header that is compressed with LZMA alone.
fn unpack(data: &[u8], packed: &[u8], work: &Work<'_>) -> Option<Vec<u8>> {
    let mut rest = packed.strip_prefix(&[PACKED_HEADER, 0x06])?;
    let position = usize::try_from(number(&mut rest)?).ok()?;
    // One pack stream, and its size.
    rest = rest.strip_prefix(&[1, 0x09])?;
    let size = usize::try_from(number(&mut rest)?).ok()?;
    // One folder with one coder, which has properties.
    let at = memchr::memmem::find(rest, &[0x07, 0x0b, 1, 0, 1, 0x23])?;
    rest = rest.get(at + 6..)?.strip_prefix(LZMA)?.strip_prefix(&[5])?;
    let (properties, after) = rest.split_at_checked(5)?;
    rest = after.strip_prefix(&[0x0c])?;
    let length = usize::try_from(number(&mut rest)?).ok()?;
    let start = position.checked_add(32)?;
    let stream = data.get(start..start.checked_add(size)?)?;
    if length > UNPACKED_LIMIT || !work.spend(LZMA_WORK * (length + size) as u64) {
        return None;
    }
    let mut unpacked = Vec::new();
    let options = Options {
        unpacked_size: UnpackedSize::UseProvided(Some(length as u64)),
        memlimit: Some(UNPACKED_LIMIT),
        allow_incomplete: false,
    };
    let input = [properties, stream].concat();
    lzma_rs::lzma_decompress_with_options(&mut &input[..], &mut unpacked, &options).ok()?;
    Some(unpacked)
}

/// A 7-Zip number: the leading one bits of its first octet say how many octets follow, least significant first.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let (first, after) = rest.split_first()?;
    let count = first.leading_ones() as usize;
    let (low, after) = after.split_at_checked(count)?;
    *rest = after;
    let low = low.iter().rev();
    let low = low.fold(0_u64, |value, octet| value << 8 | u64::from(*octet));
    let high = match count {
        0..=6 => u64::from(*first) & (0x7f >> count),
        _ => 0,
    };
    Some(match count {
        8 => low,
        _ => low | high << (8 * count),
    })
}
