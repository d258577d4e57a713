//! Small numbers in few bytes: seven bits a byte, the lowest first (unsigned LEB128).
//!
//! Own code, not a crate: these lines are all there is to it.

/// Appends a number.
pub fn write(mut number: u32, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads a number, one byte at a time; `None` if a byte is missing or the number is too large.
pub fn read(mut next: impl FnMut() -> Option<u8>) -> Option<u32> {
    let mut number = 0;
    for shift in (0..35).step_by(7) {
        let byte = next()?;
        let bits = u32::from(byte & 0x7f);
        if bits.leading_zeros() < shift {
            return None;
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip() {
        for number in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 1 << 28, u32::MAX] {
            let mut bytes = Vec::new();
            write(number, &mut bytes);
            let mut rest = bytes.iter().copied();
            assert_eq!(read(|| rest.next()), Some(number));
            assert_eq!(rest.next(), None);
        }
    }

    #[test]
    fn truncated_and_overlong_numbers_are_refused() {
        for bytes in [&[][..], &[0x80], &[0xff, 0xff, 0xff, 0xff, 0x1f]] {
            let mut rest = bytes.iter().copied();
            assert_eq!(read(|| rest.next()), None, "{bytes:?}");
        }
    }
}
