//! Reads address fields in the form that nearly all have: `local@domain`, `Name <local@domain>` or `"Name" <local@domain>`,
//! and lists of these.
//!
//! In: a value; out: names and addresses as they are written, or nothing if any of it is in another form (RFC 5322 section
//! 3.4), which a whole parser reads: groups, comments, escapes, encoded words, anything but ASCII.

/// A name, if there is one, and an address.
pub(super) type Mailbox<'v> = (Option<&'v str>, &'v str);

/// The mailboxes, if all are in the usual form.
pub(super) fn usual(value: &[u8]) -> Option<Vec<Mailbox<'_>>> {
    let mut value = Value {
        text: str::from_utf8(value).ok()?,
        at: 0,
    };
    let mut all = Vec::new();
    loop {
        value.pass_blanks()?;
        all.push(value.mailbox()?);
        value.pass_blanks()?;
        match value.peek() {
            None => return Some(all),
            Some(b',') => value.at += 1,
            Some(_) => return None,
        }
    }
}

struct Value<'v> {
    text: &'v str,
    at: usize,
}

impl<'v> Value<'v> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over blanks and folds; `None` where another line ends.
    fn pass_blanks(&mut self) -> Option<()> {
        let octets = self.text.as_bytes();
        loop {
            self.at += match octets[self.at..] {
                [b' ' | b'\t', ..] => 1,
                [b'\n', b' ' | b'\t', ..] => 2,
                [b'\r', b'\n', b' ' | b'\t', ..] => 3,
                [b'\r' | b'\n', ..] => return None,
                _ => return Some(()),
            };
        }
    }

    /// Passes over octets of this kind.
    fn run(&mut self, is_of_run: impl Fn(u8) -> bool) -> &'v str {
        let start = self.at;
        while self.peek().is_some_and(&is_of_run) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn mailbox(&mut self) -> Option<Mailbox<'v>> {
        let start = self.at;
        let name = match self.peek()? {
            b'<' => None,
            b'"' => {
                self.at += 1;
                let is_quoted = |octet| matches!(octet, b' '..=b'~' | b'\t') && octet != b'"';
                let name = self.run(|octet| is_quoted(octet) && octet != b'\\');
                self.take(b'"')?;
                Some(name)
            }
            _ => {
                let name = self.run(|octet| is_of_word(octet) || matches!(octet, b' ' | b'\t'));
                if self.peek() == Some(b'@') {
                    self.run(|octet| is_of_word(octet) || octet == b'@');
                    let address = &self.text[start..self.at];
                    return (!address.contains([' ', '\t'])).then_some((None, address));
                }
                Some(name.trim_matches([' ', '\t']))
            }
        };
        if name == Some("") {
            return None;
        }
        self.pass_blanks()?;
        self.take(b'<')?;
        let address = self.run(|octet| is_of_word(octet) || octet == b'@');
        self.take(b'>')?;
        (!address.is_empty()).then_some((name, address))
    }

    fn take(&mut self, octet: u8) -> Option<()> {
        let is_next = self.peek() == Some(octet);
        self.at += 1;
        is_next.then_some(())
    }
}

/// Visible ASCII but for what has a meaning in address fields.
fn is_of_word(octet: u8) -> bool {
    const IS_OF_WORD: [bool; 256] = {
        let mut is_of_word = [false; 256];
        let mut octet = b'!';
        while octet <= b'~' {
            is_of_word[octet as usize] = !matches!(
                octet,
                b'"' | b'(' | b')' | b',' | b':' | b';' | b'<' | b'>' | b'@' | b'\\'
            );
            octet += 1;
        }
        is_of_word
    };
    IS_OF_WORD[usize::from(octet)]
}
