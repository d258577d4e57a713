//! Links that a browser reads as they are written, as most are: nothing in them is decoded, encoded or removed.
//!
//! In: a link; out: where its host, path, query and fragment are; nothing if it takes a parser to read it.

/// See the module. The parts are ranges of the link's text.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlainLink {
    host: u32,
    host_end: u32,
    path_end: u32,
    query_end: u32,
}

/// An octet of a host, and one of a path or what follows it.
const OF_HOST: u8 = 1;
const OF_PATH: u8 = 2;

/// By octet: where it may be. Others are encoded, or mean something else.
const PLACES: [u8; 256] = {
    let mut places = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        places[octet] = match octet as u8 {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' => OF_HOST | OF_PATH,
            b'A'..=b'Z' | b'_' | b'~' | b'!' | b'$' | b'&' | b'(' | b')' => OF_PATH,
            b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@' | b'/' | b'%' => OF_PATH,
            _ => 0,
        };
        octet += 1;
    }
    places
};

/// Longer hosts do not exist (RFC 1035 section 2.3.4).
const NAME_LIMIT: usize = 253;

/// Where the run of such octets ends that begins here.
fn end_of(text: &[u8], start: usize, place: u8) -> usize {
    let rest = text[start..].iter();
    let other = rest
        .copied()
        .position(|octet| PLACES[usize::from(octet)] & place == 0);
    other.map_or(text.len(), |length| start + length)
}

impl PlainLink {
    /// Reads a link with a scheme, or one that begins with its host.
    pub(super) fn of(link: &str) -> Option<Self> {
        let text = link.as_bytes();
        let host = match text {
            [b'h', b't', b't', b'p', b's', b':', b'/', b'/', ..] => 8,
            [b'h', b't', b't', b'p', b':', b'/', b'/', ..] => 7,
            _ => 0,
        };
        let host_end = end_of(text, host, OF_HOST);
        if !is_name(&text[host..host_end]) {
            return None;
        }
        let path_end = match text.get(host_end) {
            Some(b'/') => end_of(text, host_end, OF_PATH),
            None | Some(b'?' | b'#') => host_end,
            _ => return None,
        };
        if goes_up(&text[host_end..path_end]) {
            return None;
        }
        let mut query_end = path_end;
        if text.get(query_end) == Some(&b'?') {
            while text.get(query_end) == Some(&b'?') {
                query_end = end_of(text, query_end + 1, OF_PATH);
            }
        }
        let mut end = query_end;
        if text.get(end) == Some(&b'#') {
            end = end_of(text, end + 1, OF_PATH);
        }
        let number = |at| u32::try_from(at).ok();
        (end == text.len()).then_some(Self {
            host: number(host)?,
            host_end: number(host_end)?,
            path_end: number(path_end)?,
            query_end: number(query_end)?,
        })
    }

    /// Whether its scheme is written.
    pub(super) fn has_scheme(self) -> bool {
        self.host > 0
    }

    pub(super) fn scheme(self) -> &'static str {
        // Mail clients complete one that begins with its host.
        if self.host == 8 { "https" } else { "http" }
    }

    pub(super) fn host(self, text: &str) -> &str {
        &text[self.host as usize..self.host_end as usize]
    }

    pub(super) fn path(self, text: &str) -> &str {
        match &text[self.host_end as usize..self.path_end as usize] {
            "" => "/",
            path => path,
        }
    }

    pub(super) fn query(self, text: &str) -> Option<&str> {
        text[self.path_end as usize..self.query_end as usize].strip_prefix('?')
    }

    pub(super) fn fragment(self, text: &str) -> Option<&str> {
        text[self.query_end as usize..].strip_prefix('#')
    }
}

/// Whether a host is a name that a browser does not change, and no address.
fn is_name(host: &[u8]) -> bool {
    let last = memchr::memrchr(b'.', host).map_or(0, |dot| dot + 1);
    // One that ends with a number is an address, or not valid.
    let is_letter = host.get(last).is_some_and(u8::is_ascii_lowercase);
    let mut pairs = host.windows(2);
    is_letter
        && host.len() <= NAME_LIMIT
        && host[0] != b'.'
        // A label that encodes Unicode is checked, and one that is empty might be.
        && !pairs.any(|pair| pair == b".." || pair == b"--")
}

/// Whether a path has a segment that may mean this folder or the one above.
fn goes_up(path: &[u8]) -> bool {
    let mut slashes = memchr::memchr_iter(b'/', path);
    slashes.any(|at| matches!(path.get(at + 1), Some(b'.' | b'%')))
}

#[cfg(test)]
mod tests {
    use super::super::{Link, Parsed, parsed};

    fn assert_same(text: &str) -> bool {
        let (link, url) = (Link::new(text), parsed(text));
        let plain = matches!(link.parsed, Parsed::Plain(_));
        let as_url = url.map_or(Parsed::Nothing, Parsed::Url);
        let other = Link {
            text,
            parsed: as_url,
        };
        let parts = |link: &Link<'_>| {
            let texts = [link.host(), link.query(), link.fragment(), link.user()];
            let texts = texts.map(|it| it.map(str::to_owned));
            let path = link.path().to_owned();
            (
                texts,
                path,
                link.scheme().to_owned(),
                link.port(),
                link.is_numeric(),
            )
        };
        assert_eq!(parts(&link), parts(&other), "{text:?}");
        plain
    }

    #[test]
    fn plain_links_are_read_as_by_a_parser() {
        for text in [
            "https://a.example",
            "http://www.a.example/b/c.html?d=e&f=%20#g",
            "www.a.example/?b?c=/../d#",
            "http://a.example?b",
            "http://a.example#b",
            "http://a-b.example//c//",
            "https://a.example/b..c/d.",
            "localhost/a:b@c",
            "http://1.a1/",
        ] {
            assert!(assert_same(text), "{text}");
        }
        for text in [
            "",
            "http://",
            "http:///a",
            "HTTP://a.example",
            "http://A.example/",
            "http://a.example:80/",
            "http://u@a.example/",
            "http://a.example/../b",
            "http://a.example/./b",
            "http://a.example/%2e%2E/b",
            "http://a.example/b\\c",
            "http://a.example/\u{e4}",
            "http://a.example/b c",
            "http://a.example/?'",
            "http://a.example./",
            "http://.a.example/",
            "http://a..example/",
            "http://127.0.0.1/",
            "http://a.0x7f/",
            "http://a.1/",
            "http://xn--a.example/",
            "mailto:a@b.example",
            "a.example:80/x",
            "http://a.example/#b#c",
            "http://a.example/#b?c",
            "//a.example/b",
        ] {
            assert!(!assert_same(text), "{text}");
        }
    }

    #[test]
    fn odd_links_are_read_as_by_a_parser() {
        let pieces = [
            "http://",
            "https://",
            "//",
            "/",
            "www.",
            "a",
            "xn--",
            "b.example",
            ".",
            "..",
            "%2e",
            "%2",
            "%",
            "?",
            "#",
            ":",
            "@",
            "\\",
            "-",
            "--",
            "_",
            "1",
            "0x1",
            "A",
            "\u{e4}",
            "\u{200b}",
            " ",
            "\t",
            "'",
            "\"",
            "<",
            "|",
            "^",
            "[",
            "{",
            "`",
            "~",
            "&",
            "=",
            ";",
            "80",
            "\u{ff0e}",
            "\u{130}",
        ];
        let mut random = fastrand::Rng::with_seed(11);
        let mut plain = 0;
        for _ in 0..100_000 {
            let begin = ["http://", "https://", "http://a.b", "www.a.b/", ""];
            let begin = begin[random.usize(..begin.len())].to_owned();
            let count = random.usize(..8);
            let rest = (0..count).map(|_| pieces[random.usize(..pieces.len())]);
            let text = rest.fold(begin, |text, piece| text + piece);
            plain += u32::from(assert_same(&text));
        }
        assert!(plain > 5_000, "{plain}");
    }
}
