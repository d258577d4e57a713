//! Sets of rules in which a few are compared with many at once, a bit for each.

/// The rules that a combination is made of, by words of 64 rules: they often stand together.
#[derive(Debug, Default)]
pub(crate) struct RuleBits(Vec<(usize, u64)>);

impl RuleBits {
    /// Adds a rule; false if it is there already.
    pub(crate) fn add(&mut self, rule: usize) -> bool {
        let (word, bit) = (rule / 64, 1 << (rule % 64));
        match self.0.iter_mut().find(|(at, _)| *at == word) {
            Some((_, bits)) => {
                let is_new = *bits & bit == 0;
                *bits |= bit;
                is_new
            }
            None => {
                self.0.push((word, bit));
                true
            }
        }
    }

    /// How many of them are in the other set.
    #[inline]
    pub(crate) fn common(&self, all: &[u64]) -> usize {
        let each = self.0.iter();
        let counts = each.map(|(word, bits)| (all[*word] & bits).count_ones() as usize);
        counts.sum()
    }

    /// Whether all of them are in the other set.
    #[inline]
    pub(crate) fn are_within(&self, all: &[u64]) -> bool {
        let mut each = self.0.iter();
        each.all(|(word, bits)| all[*word] & bits == *bits)
    }

    /// Whether any of them is in the other set.
    #[inline]
    pub(crate) fn meet(&self, all: &[u64]) -> bool {
        let mut each = self.0.iter();
        each.any(|(word, bits)| all[*word] & bits != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_compared_word_by_word() {
        let mut bits = RuleBits::default();
        for (rule, is_new) in [(3, true), (130, true), (3, false), (67, true), (66, true)] {
            assert_eq!(bits.add(rule), is_new, "{rule}");
        }
        let mut all = [0_u64; 3];
        assert!(!bits.meet(&all) && !bits.are_within(&all));
        all[2] |= 1 << 2;
        all[0] |= 1 << 4;
        assert_eq!((bits.meet(&all), bits.common(&all)), (true, 1));
        all[0] |= 1 << 3;
        all[1] |= 3 << 2;
        assert!(bits.are_within(&all));
        assert_eq!(bits.common(&all), 4);
        assert!(RuleBits::default().are_within(&[]) && !RuleBits::default().meet(&[]));
    }
}
