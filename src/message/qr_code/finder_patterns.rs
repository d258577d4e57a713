//! Counts what may be finder patterns (ISO/IEC 18004, section 6.3.3): the squares in three corners of a code.
//!
//! In: the dark and light pixels of a picture; out: whether it has as many finder patterns as a code; too many are taken out. The
//! conditions are those of rqrr, which finds no code in a picture with fewer: runs of 1:1:3:1:1 dark and light pixels in a row, the first
//! and the last of one area, the middle of another that is not much smaller or larger than they.

use std::cmp::Reverse;
use std::ops::Range;

/// Finder patterns of a code.
const OF_CODE: usize = 3;

/// So many finder patterns are looked at, the largest first: four codes have twelve, and rqrr's time grows with the third
/// power of their number.
const MOST: usize = 40;

/// Whether a picture with rows of this width, at most 65,535, may have a code; 1 is dark, 0 is light. Of too many finder patterns
/// the middles of the smaller ones are made light: what remains of them is none.
pub(super) fn may_be_code(width: usize, pixels: &mut [u8]) -> bool {
    let rows = Rows::of(width, pixels);
    let mut patterns = rows.patterns();
    if patterns.rings.len() > MOST {
        let smaller = patterns.smaller();
        rows.lighten(&smaller, &mut patterns.areas, width, pixels);
    }
    patterns.rings.len() >= OF_CODE
}

/// The finder patterns of a picture.
#[derive(Default)]
struct Patterns {
    areas: Areas,
    /// The first run of each one's outer area.
    rings: Vec<usize>,
}

impl Patterns {
    /// Those that are not looked at: all but the largest, and of these such as may belong to one code. Smaller ones beside them
    /// would take them for those of a code of theirs.
    fn smaller(&self) -> Vec<usize> {
        let sizes = &self.areas.sizes;
        let mut rings = self.rings.clone();
        rings.sort_by_key(|ring| (Reverse(sizes[*ring]), *ring));
        let least = rings.get(OF_CODE - 1).map_or(0, |ring| sizes[*ring] / 2);
        let looked_at = rings.iter().take(MOST);
        let looked_at = looked_at.take_while(|ring| sizes[**ring] >= least);
        let mut smaller = rings.split_off(looked_at.count());
        smaller.sort_unstable();
        smaller
    }
}

/// The runs of dark pixels of a picture, row by row.
#[derive(Default)]
struct Rows {
    /// Where each run starts and ends.
    edges: Vec<u16>,
    /// The number of edges up to the end of each row.
    ends: Vec<usize>,
    /// The edges before the last of three runs in proportion.
    candidates: Vec<usize>,
}

impl Rows {
    fn add(&mut self, row: &[u8]) {
        let start = self.edges.len();
        add_edges(row, &mut self.edges);
        self.ends.push(self.edges.len());
        let runs = self.edges[start..].windows(6).step_by(2);
        for (number, edges) in runs.enumerate() {
            if is_in_proportion(edges) {
                self.candidates.push(start + 2 * number + 4);
            }
        }
    }

    fn of(width: usize, pixels: &[u8]) -> Self {
        let mut rows = Self::default();
        for row in pixels.chunks_exact(width.max(1)) {
            rows.add(row);
        }
        rows
    }

    /// The finder patterns among the candidates.
    fn patterns(&self) -> Patterns {
        let mut patterns = Patterns::default();
        if self.candidates.len() < OF_CODE {
            return patterns;
        }
        let mut areas = Areas::of(self);
        let mut is_ring = vec![false; areas.sizes.len()];
        for edge in &self.candidates {
            let last = edge / 2;
            let ring = areas.root(last);
            if !is_ring[ring] && areas.is_pattern(last) {
                is_ring[ring] = true;
                patterns.rings.push(ring);
            }
        }
        patterns.areas = areas;
        patterns
    }

    /// Makes the middles of patterns light, of which the rings are in order.
    fn lighten(&self, rings: &[usize], areas: &mut Areas, width: usize, pixels: &mut [u8]) {
        let mut row = 0;
        for edge in &self.candidates {
            while self.ends[row] <= *edge {
                row += 1;
            }
            if rings.binary_search(&areas.root(edge / 2)).is_ok() {
                let middle = self.edges[edge - 2]..self.edges[edge - 1];
                let start = row * width;
                pixels[start + usize::from(middle.start)..start + usize::from(middle.end)].fill(0);
            }
        }
    }
}

/// Adds the places in a row where light and dark pixels meet; before and behind the row is light.
fn add_edges(row: &[u8], edges: &mut Vec<u16>) {
    let (words, rest) = row.as_chunks::<8>();
    let mut before = 0;
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let mut changes = word ^ (word << 8 | before);
        before = word >> 56;
        while changes > 0 {
            edges.push((8 * number) as u16 + changes.trailing_zeros() as u16 / 8);
            changes &= changes - 1;
        }
    }
    let start = row.len() - rest.len();
    let mut before = before as u8;
    for (at, pixel) in rest.iter().chain(&[0]).enumerate() {
        if *pixel != before {
            edges.push((start + at) as u16);
        }
        before = *pixel;
    }
}

/// Whether three dark runs and the light ones between, of these edges, are 1:1:3:1:1.
fn is_in_proportion(edges: &[u16]) -> bool {
    let length = |at: usize| u32::from(edges[at + 1] - edges[at]);
    let module = (length(0) + length(1) + length(3) + length(4)) / 4;
    let tolerance = module * 3 / 4;
    let is_of = |at, modules| length(at).abs_diff(modules * module) <= tolerance;
    is_of(2, 3) && is_of(0, 1) && is_of(1, 1) && is_of(3, 1) && is_of(4, 1)
}

/// The areas of dark pixels that touch with their sides.
#[derive(Default)]
struct Areas {
    /// Each run refers to an earlier one of its area, the first to itself.
    parents: Vec<u32>,
    /// The pixels of an area, at its first run.
    sizes: Vec<u32>,
}

impl Areas {
    fn of(rows: &Rows) -> Self {
        let (runs, _) = rows.edges.as_chunks::<2>();
        let mut areas = Self {
            parents: (0..runs.len() as u32).collect(),
            sizes: vec![0; runs.len()],
        };
        let (mut above, mut start) = (0..0, 0);
        for end in &rows.ends {
            let row = start..end / 2;
            areas.join(runs, above, row.clone());
            start = row.end;
            above = row;
        }
        for (run, [start, end]) in runs.iter().enumerate() {
            let root = areas.root(run);
            areas.sizes[root] += u32::from(end - start);
        }
        areas
    }

    /// Joins the runs of a row with those above.
    fn join(&mut self, runs: &[[u16; 2]], above: Range<usize>, row: Range<usize>) {
        let (mut upper, mut lower) = (above.start, row.start);
        while upper < above.end && lower < row.end {
            let ([upper_start, upper_end], [lower_start, lower_end]) = (runs[upper], runs[lower]);
            if upper_start < lower_end && lower_start < upper_end {
                self.unite(upper, lower);
            }
            if upper_end < lower_end {
                upper += 1;
            } else {
                lower += 1;
            }
        }
    }

    fn unite(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.parents[one.max(other)] = one.min(other) as u32;
    }

    fn root(&mut self, mut run: usize) -> usize {
        while self.parents[run] as usize != run {
            // The next search takes half the steps.
            self.parents[run] = self.parents[self.parents[run] as usize];
            run = self.parents[run] as usize;
        }
        run
    }

    /// Whether the run before the last one is inside of the area of the last one and the first one.
    fn is_pattern(&mut self, last: usize) -> bool {
        let [first, middle, last] = [last - 2, last - 1, last].map(|run| self.root(run));
        let percent = self.sizes[middle] * 100 / self.sizes[last];
        first == last && middle != last && (11..70).contains(&percent)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::drawn;
    use super::*;

    /// A part of a code from its corner, so that it has as many of the finder patterns as the part has corners.
    fn part(side: usize, shades: &[u8], width: usize, height: usize) -> Vec<u8> {
        let rows = shades.chunks_exact(side).take(height);
        let pixels = rows.flat_map(|row| &row[..width]);
        pixels.map(|shade| u8::from(*shade == 0)).collect()
    }

    fn has_three(width: usize, pixels: &[u8]) -> bool {
        may_be_code(width, &mut pixels.to_vec())
    }

    #[test]
    fn three_patterns_are_counted() {
        let (side, shades) = drawn("https://parcel.example/");
        let side = side as usize;
        for (width, height, expected) in [
            (side, side, true),
            (side, side / 2, false),
            (side / 2, side, false),
            (side / 2, side / 2, false),
            (side, 0, false),
            (0, 0, false),
        ] {
            let pixels = part(side, &shades, width, height);
            assert_eq!(has_three(width, &pixels), expected, "{width} {height}");
        }
        // Light on dark is none.
        let pixels: Vec<u8> = shades.iter().map(|shade| u8::from(*shade > 0)).collect();
        assert!(!has_three(side, &pixels));
    }

    #[test]
    fn what_rqrr_finds_has_three() {
        let (side, shades) = drawn("HTTP://A.EXAMPLE");
        let side = side as usize;
        let mut random = fastrand::Rng::with_seed(11);
        let mut found = 0;
        for round in 0..12 {
            let mut pixels = part(side, &shades, side, side);
            // Some modules of four by four pixels are turned.
            for _ in 0..round * round {
                let at = random.usize(..side / 4) * 4 * side + random.usize(..side / 4) * 4;
                for dot in 0..16 {
                    pixels[at + dot / 4 * side + dot % 4] ^= 1;
                }
            }
            let is_dark = |x, y| pixels[y * side + x] > 0;
            let mut prepared = rqrr::PreparedImage::prepare_from_bitmap(side, side, is_dark);
            let has_code = !prepared.detect_grids().is_empty();
            assert!(has_three(side, &pixels) || !has_code, "{round}");
            found += usize::from(has_code);
        }
        assert!((3..12).contains(&found), "{found}");
    }

    #[test]
    fn edges_of_rows_of_any_length() {
        let mut random = fastrand::Rng::with_seed(3);
        for length in 0..40_usize {
            let row: Vec<u8> = (0..length).map(|_| random.u8(..2)).collect();
            let mut edges = Vec::new();
            add_edges(&row, &mut edges);
            let shade = |at: Option<usize>| at.and_then(|at| row.get(at)).copied().unwrap_or(0);
            let expected = (0..=length).filter(|at| shade(at.checked_sub(1)) != shade(Some(*at)));
            let expected: Vec<u16> = expected.map(|at| at as u16).collect();
            assert_eq!(edges, expected);
        }
    }

    /// Draws a finder pattern with modules of this many pixels.
    fn draw(pixels: &mut [u8], width: usize, (left, top): (usize, usize), module: usize) {
        for at in 0..49 * module * module {
            let (x, y) = (at % (7 * module), at / (7 * module));
            let (column, line) = (x / module, y / module);
            let is_edge = |place| matches!(place, 0 | 6);
            let is_middle = |place| (2..=4).contains(&place);
            let is_dark = is_edge(column) || is_edge(line) || is_middle(column) && is_middle(line);
            pixels[(top + y) * width + left + x] = u8::from(is_dark);
        }
    }

    #[test]
    fn of_many_patterns_the_largest_stay() {
        let width = 300;
        let mut pixels = vec![0; width * width];
        for top in (0..260).step_by(10) {
            for left in (0..290).step_by(10) {
                draw(&mut pixels, width, (left, top), 1);
            }
        }
        let code = [(10, 262), (40, 262), (70, 262)];
        for place in code {
            draw(&mut pixels, width, place, 3);
        }
        let all = Rows::of(width, &pixels).patterns().rings.len();
        assert_eq!(all, 26 * 29 + 3);
        assert!(may_be_code(width, &mut pixels));
        assert_eq!(Rows::of(width, &pixels).patterns().rings.len(), OF_CODE);
        let mut expected = vec![0; 49 * 9];
        draw(&mut expected, 21, (0, 0), 3);
        for (left, top) in code {
            for line in 0..21 {
                let start = (top + line) * width + left;
                assert_eq!(
                    pixels[start..start + 21],
                    expected[21 * line..21 * (line + 1)]
                );
            }
        }
    }

    #[test]
    fn a_code_among_many_patterns_is_read() {
        let (side, shades) = drawn("HTTP://A.EXAMPLE");
        let (side, width) = (side as usize, 400);
        let mut pixels = vec![0; width * width];
        for top in (0..width - 10).step_by(12) {
            for left in (0..width - 10).step_by(12) {
                draw(&mut pixels, width, (left, top), 1);
            }
        }
        for (line, row) in shades.chunks_exact(side).enumerate() {
            let start = (100 + line) * width + 100;
            let dark = row.iter().map(|shade| u8::from(*shade == 0));
            pixels[start..start + side].copy_from_slice(&dark.collect::<Vec<_>>());
        }
        assert!(may_be_code(width, &mut pixels));
        assert_eq!(Rows::of(width, &pixels).patterns().rings.len(), OF_CODE);
        let is_dark = |x, y| pixels[y * width + x] > 0;
        let mut prepared = rqrr::PreparedImage::prepare_from_bitmap(width, width, is_dark);
        let grids = prepared.detect_grids();
        let texts: Vec<_> = grids.iter().filter_map(|grid| grid.decode().ok()).collect();
        assert!(texts.iter().any(|(_, text)| text == "HTTP://A.EXAMPLE"));
    }
}
