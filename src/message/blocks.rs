//! Searches octets sixteen at a time.
//!
//! In: octets and a test of an octet and a few that follow it; out: the first place where it holds. The loops have no
//! branch but one per block, so compilers turn them into vector instructions. They begin with no set-up, unlike memchr's:
//! most texts of a message are short.

use std::hint::black_box;

/// How many places are tested at once.
const BLOCK: usize = 16;

/// The first place, not before `from`, for which the test holds. It gets a window and an index in it. The window
/// also holds the `WINDOW` - 16 octets after the place; past the end of all octets it holds `fill`.
///
/// The test must have no branch: `&` and `|`, not `&&` and `||`.
#[inline(always)]
pub(crate) fn find<const WINDOW: usize>(
    octets: &[u8],
    from: usize,
    fill: u8,
    test: impl Fn(&[u8; WINDOW], usize) -> bool,
) -> Option<usize> {
    let mut rest = octets.get(from..)?;
    while let Some(window) = rest.first_chunk() {
        if let Some(at) = first(window, &test) {
            return Some(octets.len() - rest.len() + at);
        }
        rest = &rest[BLOCK..];
    }
    while !rest.is_empty() {
        let mut window = [fill; WINDOW];
        window[..rest.len()].copy_from_slice(rest);
        if let Some(at) = first(&window, &test).filter(|at| *at < rest.len()) {
            return Some(octets.len() - rest.len() + at);
        }
        rest = rest.get(BLOCK..).unwrap_or_default();
    }
    None
}

/// The same within a window.
#[inline(always)]
fn first<const WINDOW: usize>(
    window: &[u8; WINDOW],
    test: &impl Fn(&[u8; WINDOW], usize) -> bool,
) -> Option<usize> {
    let (mut found, mut any) = ([0_u8; BLOCK], 0);
    for (at, found) in found.iter_mut().enumerate() {
        *found = if test(window, at) { u8::MAX } else { 0 };
        any |= *found;
    }
    if any == 0 {
        return None;
    }
    // Without `black_box`, compilers undo the vector test and look at each octet again.
    let found = u128::from_le_bytes(black_box(found));
    Some(found.trailing_zeros() as usize / 8)
}

/// The place after the next line end, or the end.
#[inline]
pub(crate) fn after_line(octets: &[u8], from: usize) -> usize {
    let end = find::<BLOCK>(octets, from, 0, |window, at| window[at] == b'\n');
    end.map_or(octets.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_in_every_block_and_in_the_rest() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let octets: Vec<u8> = (0..random.usize(..70)).map(|_| random.u8(..24)).collect();
            let from = random.usize(..80);
            let places = from..octets.len();
            let same = |at: usize| octets.get(at + 2).copied().unwrap_or(9) == octets[at];
            assert_eq!(
                find::<18>(&octets, from, 9, |window, at| window[at] == window[at + 2]),
                places.clone().find(|at| same(*at)),
                "{octets:?} {from}"
            );
            if from <= octets.len() {
                let mut ends = places.filter(|at| octets[*at] == b'\n');
                let end = ends.next().map_or(octets.len(), |at| at + 1);
                assert_eq!(after_line(&octets, from), end, "{octets:?} {from}");
            }
        }
    }
}
