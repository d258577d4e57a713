//! Undoes the declared edits, independently of the code that makes them.

/// The fields that popgate adds.
const OURS: &[&[u8]] = &[
    b"x-popgate-id",
    b"x-spam-flag",
    b"x-spam-status",
    b"x-spam-level",
    b"x-spam-report",
];
const MARK: &[u8] = b"[SPAM] ";

/// Compares a fetched message with its source and returns how it was edited. Fields after the first
/// `held` octets are not rewritten.
pub fn compare(source: &[u8], got: &[u8], held: usize) -> Result<Done, String> {
    if source == got {
        return Ok(Done::Nothing);
    }
    if !got.starts_with(b"X-Popgate-Id: ") {
        return Err(differ(source, got));
    }
    let (block, rest) = own_block(got);
    let expected = without_own(source, held);
    let rest = match block.windows(16).any(|it| it == b"X-Spam-Flag: YES") {
        true => without_mark(rest),
        false => rest.to_vec(),
    };
    match rest == expected {
        true => Ok(Done::Marked),
        false => Err(differ(&expected, &rest)),
    }
}

/// How a message was edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Nothing,
    Marked,
}

/// The message with a constant in place of its random id.
pub fn without_id(message: &[u8]) -> Vec<u8> {
    match message.strip_prefix(b"X-Popgate-Id: ") {
        Some(rest) => {
            let end = rest
                .iter()
                .position(|&byte| byte == b'\r')
                .unwrap_or(rest.len());
            [b"X-Popgate-Id: ID", &rest[end..]].concat()
        }
        None => message.to_vec(),
    }
}

fn is_ours(line: &[u8]) -> bool {
    let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
    OURS.contains(&name.trim_ascii_end().to_ascii_lowercase().as_slice()) && line.contains(&b':')
}

fn lines(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    message.split_inclusive(|&byte| byte == b'\n')
}

fn own_block(message: &[u8]) -> (&[u8], &[u8]) {
    let mut end = 0;
    for line in lines(message) {
        if !is_ours(line) && !line.starts_with(b"\t") {
            break;
        }
        end += line.len();
    }
    message.split_at(end)
}

fn without_own(message: &[u8], held: usize) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut passed = 0;
    let (mut in_header, mut dropping) = (true, false);
    for line in lines(message) {
        if in_header
            && line.trim_ascii().is_empty()
            && !line.starts_with(b" ")
            && !line.starts_with(b"\t")
        {
            in_header = false;
        }
        let folded = line.starts_with(b" ") || line.starts_with(b"\t");
        passed += line.len();
        dropping = in_header && passed <= held && (is_ours(line) || dropping && folded);
        if !dropping {
            kept.extend_from_slice(line);
        }
    }
    kept
}

fn without_mark(message: &[u8]) -> Vec<u8> {
    let mut at = 0;
    for line in lines(message) {
        if line == b"\r\n" || line == b"\n" {
            break;
        }
        if line.len() >= 8
            && line[..7].eq_ignore_ascii_case(b"subject")
            && line[7..].trim_ascii_start().starts_with(b":")
        {
            let colon = at + line.iter().position(|&byte| byte == b':').unwrap() + 1;
            let space = usize::from(message.get(colon) == Some(&b' '));
            let from = colon + space;
            if message[from..].starts_with(MARK) {
                return [&message[..from], &message[from + MARK.len()..]].concat();
            }
            break;
        }
        at += line.len();
    }
    message.to_vec()
}

fn differ(expected: &[u8], got: &[u8]) -> String {
    let at = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
    let shown = |bytes: &[u8]| {
        let from = at.saturating_sub(40).min(bytes.len());
        bytes[from..bytes.len().min(at + 40)]
            .escape_ascii()
            .to_string()
    };
    format!(
        "differs at octet {at}: {} of {} octets expected, {} of {} octets received",
        shown(expected),
        expected.len(),
        shown(got),
        got.len()
    )
}
