//! The object streams of a PDF.
//!
//! In: a PDF, whole or truncated; out: the inflated bytes of its object streams, one after the other. It never inflates
//! images, fonts or pages, stays within the limits below, and uses what precedes damage. ISO 32000-1 sections 7.3.8,
//! 7.4.4 and 7.5.7.

use super::syntax;
use crate::message::work::Work;
use flate2::{Decompress, FlushDecompress};
use memchr::memmem;

/// Limits on inflated bytes of a stream, of all streams, and of the number of streams.
const STREAM_LIMIT: usize = 256 << 10;
const TOTAL_LIMIT: usize = 1 << 20;
const STREAMS_LIMIT: usize = 64;

/// Limit on the deflated bytes of a stream. Objects compress well: more would exceed the inflated limit.
const INPUT_LIMIT: usize = STREAM_LIMIT;

/// Units of work per stream, per octet read of it, and per inflated octet, which is also searched.
const STREAM_WORK: u64 = 3000;
const INPUT_WORK: u64 = 4;
const OUTPUT_WORK: u64 = 3 + syntax::SEARCH_WORK;

/// A dictionary is searched this far back from its stream.
pub(super) const DICTIONARY_LIMIT: usize = 1024;

/// Passes each object stream's bytes to `visit`, until the budget of work is used up.
pub(super) fn each(data: &[u8], work: &Work<'_>, visit: &mut dyn FnMut(&[u8])) {
    let mut inflater = Decompress::new(true);
    let mut output = Vec::new();
    let (mut streams, mut total, mut before) = (0, 0, 0);
    for keyword in memmem::find_iter(data, b"stream") {
        let Some(start) = content(data, keyword) else {
            continue;
        };
        let back = before.max(keyword.saturating_sub(DICTIONARY_LIMIT));
        before = start;
        if !holds_objects(&data[back..keyword]) {
            continue;
        }
        let input = &data[start..data.len().min(start + INPUT_LIMIT)];
        let most = STREAM_LIMIT.min(TOTAL_LIMIT - total);
        let suffices = usize::try_from(work.left() / OUTPUT_WORK).unwrap_or(usize::MAX);
        if suffices == 0 || !work.spend(STREAM_WORK) {
            work.end();
            return;
        }
        // The capacity is the limit on the output; the buffer may be left from another stream.
        if suffices < output.capacity() {
            output = Vec::new();
        }
        output.clear();
        output.reserve_exact(most.min(suffices));
        inflater.reset(true);
        // With `Finish` it inflates directly into the output, up to its capacity. What precedes an error or the limit
        // is valid.
        let _ = inflater.decompress_vec(input, &mut output, FlushDecompress::Finish);
        streams += 1;
        total += output.len();
        let has_sufficed =
            work.spend(OUTPUT_WORK * output.len() as u64 + INPUT_WORK * inflater.total_in());
        visit(&output);
        if !has_sufficed {
            return;
        }
        if streams >= STREAMS_LIMIT || total >= TOTAL_LIMIT {
            return;
        }
    }
}

// The beginning of the stream whose keyword this may be: it follows a dictionary and
// precedes a line end (7.3.8.1).
pub(super) fn content(data: &[u8], keyword: usize) -> Option<usize> {
    if !data[..keyword].trim_ascii_end().ends_with(b">>") {
        return None;
    }
    let start = keyword + b"stream".len();
    match data.get(start..)? {
        [b'\r', b'\n', ..] => Some(start + 2),
        // A carriage return alone is not allowed, but occurs.
        [b'\r' | b'\n', ..] => Some(start + 1),
        _ => None,
    }
}

// 7.5.7, table 16: readers find the objects by /First, with or without the /Type.
fn holds_objects(before: &[u8]) -> bool {
    let start = memmem::rfind(before, b"obj").unwrap_or(0);
    let dictionary = &before[start..];
    let (mut objects, mut deflated, mut image) = (false, false, false);
    for slash in memchr::memchr_iter(b'/', dictionary) {
        match syntax::name(dictionary, slash).as_bytes() {
            b"ObjStm" | b"First" => objects = true,
            b"FlateDecode" | b"Fl" => deflated = true,
            b"Image" => image = true,
            _ => {}
        }
    }
    objects && deflated && !image
}
