//! The UTFs that the Encoding Standard leaves out: UTF-7 and UTF-32, and UTF-16 with a wrong label.
//!
//! In: octets; out: text.

/// Byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Least significant octet first.
    Little,
    /// Most significant octet first.
    Big,
}

/// Decodes UTF-7 (RFC 2152).
pub(super) fn utf_7(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(plus) = memchr::memchr(b'+', rest) {
        text.push_str(&String::from_utf8_lossy(&rest[..plus]));
        rest = &rest[plus + 1..];
        let coded = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
            .count();
        let (units, after) = rest.split_at(coded);
        let decoded = crate::message::transfer_encoding::base64(units);
        if decoded.len() < 2 {
            // "+-" is a plus sign, and so is a plus that begins no encoded text.
            text.push('+');
            if coded > 0 {
                continue;
            }
        } else {
            text.push_str(&utf_16(&decoded, Order::Big));
        }
        rest = after.strip_prefix(b"-").unwrap_or(after);
    }
    text.push_str(&String::from_utf8_lossy(rest));
    text
}

/// Decodes UTF-16.
pub(super) fn utf_16(bytes: &[u8], order: Order) -> String {
    let units = bytes.as_chunks::<2>().0.iter().map(|unit| match order {
        Order::Little => u16::from_le_bytes(*unit),
        Order::Big => u16::from_be_bytes(*unit),
    });
    let letters = char::decode_utf16(units);
    letters
        .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// Decodes UTF-32.
pub(super) fn utf_32(bytes: &[u8], order: Order) -> String {
    let letters = bytes.as_chunks::<4>().0.iter().map(|letter| match order {
        Order::Little => u32::from_le_bytes(*letter),
        Order::Big => u32::from_be_bytes(*letter),
    });
    letters
        .map(|letter| char::from_u32(letter).unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// Whether it can be text in code units of this many octets. ASCII under such a label is ASCII.
pub(super) fn is_wide(bytes: &[u8], unit: usize) -> bool {
    bytes.len() >= unit && (!bytes.is_ascii() || order(bytes, unit).is_some())
}

/// The byte order, by where the zero octets of Western letters are.
pub(super) fn order(bytes: &[u8], unit: usize) -> Option<Order> {
    let units = bytes.chunks_exact(unit).take(200);
    let (mut first, mut last, mut all) = (0, 0, 0);
    for unit in units {
        all += 1;
        first += usize::from(unit.first() == Some(&0));
        last += usize::from(unit.last() == Some(&0));
    }
    match (first, last) {
        (zeros, 0) if zeros * 4 >= all && all > 0 => Some(Order::Big),
        (0, zeros) if zeros * 4 >= all && all > 0 => Some(Order::Little),
        (zeros, few) if few * 8 < zeros && zeros * 2 >= all => Some(Order::Big),
        (few, zeros) if few * 8 < zeros && zeros * 2 >= all => Some(Order::Little),
        _ => None,
    }
}

/// The byte order if nearly all code units are Western letters: a few zero octets hide words instead.
pub(super) fn evident_order(bytes: &[u8]) -> Option<Order> {
    let order = order(bytes, 2)?;
    let units = bytes.chunks_exact(2).take(200);
    let (all, wide) = units.fold((0, 0), |(all, wide), unit| {
        (all + 1, wide + usize::from(unit.contains(&0)))
    });
    (wide * 10 >= all * 8).then_some(order)
}
