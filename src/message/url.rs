//! Links, parsed as browsers do (WHATWG URL standard).
//!
//! In: a link as written in a message; out: its scheme, host, registrable domain, path and query.
//! It resolves and fetches nothing; a link that no browser would follow has no host.

mod plain;

use std::borrow::Cow;

use plain::PlainLink;
use url::{Host, Url};

pub use crate::public_suffix::registrable_domain as registrable;

/// Longer hosts do not exist: a name has at most 253 octets (RFC 1035 section 2.3.4), and somewhat more before it is
/// decoded. Converting a name to ASCII (RFC 3492) takes time quadratic in its length.
const HOST_LIMIT: usize = 300;

/// A parsed link.
#[derive(Debug, Clone)]
pub struct Link<'a> {
    /// As written.
    pub text: &'a str,
    parsed: Parsed,
}

/// What a browser reads in a link.
#[derive(Debug, Clone)]
enum Parsed {
    /// It is as it is written.
    Plain(PlainLink),
    Url(Url),
    /// No browser would follow it.
    Nothing,
}

impl<'a> Link<'a> {
    /// Parses a link.
    pub fn new(text: &'a str) -> Self {
        let parsed = match PlainLink::of(text) {
            Some(plain) => Parsed::Plain(plain),
            None => parsed(text).map_or(Parsed::Nothing, Parsed::Url),
        };
        Self { text, parsed }
    }

    fn url(&self) -> Option<&Url> {
        match &self.parsed {
            Parsed::Url(url) => Some(url),
            Parsed::Plain(_) | Parsed::Nothing => None,
        }
    }

    /// Whether it begins with its scheme, and nothing but a host in lower case stands between that and the path.
    pub fn is_plain(&self) -> bool {
        matches!(&self.parsed, Parsed::Plain(plain) if plain.has_scheme())
    }

    /// `http`, `mailto` and the like, in lower case.
    pub fn scheme(&self) -> &str {
        match &self.parsed {
            Parsed::Plain(plain) => plain.scheme(),
            Parsed::Url(url) => url.scheme(),
            Parsed::Nothing => "",
        }
    }

    /// Whether a click opens a web page.
    pub fn is_web(&self) -> bool {
        matches!(self.scheme(), "http" | "https")
    }

    /// The host in lower case, as ASCII (RFC 5891), IP addresses in four decimal parts.
    pub fn host(&self) -> Option<&str> {
        match &self.parsed {
            Parsed::Plain(plain) => Some(plain.host(self.text)),
            Parsed::Url(url) => url.host_str().filter(|host| !host.is_empty()),
            Parsed::Nothing => None,
        }
    }

    /// Whether the host is an IP address, in whatever notation.
    pub fn is_numeric(&self) -> bool {
        let host = self.url().and_then(Url::host);
        matches!(host, Some(Host::Ipv4(_) | Host::Ipv6(_)))
    }

    /// The registrable domain: `example.co.uk` of `a.b.example.co.uk`.
    pub fn domain(&self) -> Option<&str> {
        registrable(self.host()?)
    }

    /// The path.
    pub fn path(&self) -> &str {
        match &self.parsed {
            Parsed::Plain(plain) => plain.path(self.text),
            Parsed::Url(url) => url.path(),
            Parsed::Nothing => "",
        }
    }

    /// The query, without its question mark.
    pub fn query(&self) -> Option<&str> {
        match &self.parsed {
            Parsed::Plain(plain) => plain.query(self.text),
            Parsed::Url(url) => url.query(),
            Parsed::Nothing => None,
        }
    }

    /// The fragment, without its number sign.
    pub fn fragment(&self) -> Option<&str> {
        match &self.parsed {
            Parsed::Plain(plain) => plain.fragment(self.text),
            Parsed::Url(url) => url.fragment(),
            Parsed::Nothing => None,
        }
    }

    /// The user name before the host.
    pub fn user(&self) -> Option<&str> {
        let url = self.url()?;
        let user = url.username();
        (!user.is_empty() || url.password().is_some()).then_some(user)
    }

    /// A port that is not the scheme's default.
    pub fn port(&self) -> Option<u16> {
        self.url()?.port()
    }
}

/// Parses any link.
fn parsed(text: &str) -> Option<Url> {
    if written_host(text).len() > HOST_LIMIT {
        return None;
    }
    let parsed = match text {
        _ if text.starts_with("//") => Url::parse(&format!("http:{text}")),
        _ if has_scheme(text) => Url::parse(text),
        // Mail clients complete links that begin with `www.` or are a bare host name.
        _ => Url::parse(&format!("http://{text}")),
    };
    parsed.ok()
}

/// A host as ASCII in lower case (RFC 5891); unchanged if it cannot be one.
pub fn ascii_host(host: &str) -> String {
    ascii_host_of(host).into_owned()
}

/// The same without a copy of what is in this form already, as most hosts are.
pub(crate) fn ascii_host_of(host: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| matches!(byte, b'!'..=b'@' | b'['..=b'~');
    // Without a branch for each, so that the compiler compares many at once.
    let are_plain = |bytes: &[u8]| bytes.iter().fold(true, |all, byte| all & is_plain(*byte));
    match host.as_bytes() {
        [.., b'.'] => {}
        bytes if are_plain(bytes) => return Cow::Borrowed(host),
        _ => {}
    }
    Cow::Owned(converted_host(host))
}

fn converted_host(host: &str) -> String {
    let host = host.trim().trim_end_matches('.');
    if host.is_ascii() {
        return host.to_ascii_lowercase();
    }
    if host.len() > HOST_LIMIT {
        return host.to_lowercase();
    }
    idna::domain_to_ascii(host).unwrap_or_else(|_| host.to_lowercase())
}

/// The same host in Unicode.
pub fn shown_host(host: &str) -> String {
    if host.contains("xn--") && host.len() <= HOST_LIMIT {
        idna::domain_to_unicode(host).0
    } else {
        host.to_owned()
    }
}

/// The host and port of a web link, as far as they can be found without parsing; empty for other links.
fn written_host(text: &str) -> &str {
    let rest = match text.split_once(':') {
        Some((scheme, rest)) if has_scheme(text) => {
            let web = ["http", "https", "ftp"];
            if !web.iter().any(|web| scheme.eq_ignore_ascii_case(web)) {
                return "";
            }
            rest
        }
        _ => text,
    };
    // Browsers accept any number of slashes, and treat backslashes as slashes.
    let rest = rest.trim_start_matches(['/', '\\']);
    let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..end];
    authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
}

fn has_scheme(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else {
        return false;
    };
    // A port does not follow a scheme: `example.org:80/x`.
    let begins = scheme.starts_with(|letter: char| letter.is_ascii_alphabetic());
    begins
        && !scheme.contains('.')
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_parsed_as_browsers_do() {
        let host = |text| Link::new(text).host().map(str::to_owned);
        assert_eq!(
            host("HTTP://WWW.Example.ORG/a"),
            Some("www.example.org".into())
        );
        assert_eq!(host("www.example.org/a"), Some("www.example.org".into()));
        assert_eq!(host("//example.org"), Some("example.org".into()));
        assert_eq!(host("http:\\\\example.org\\x"), Some("example.org".into()));
        assert_eq!(host("http://0x7f.1/"), Some("127.0.0.1".into()));
        assert_eq!(host("http://3232235777/"), Some("192.168.1.1".into()));
        assert_eq!(
            host("http://bücher.example"),
            Some("xn--bcher-kva.example".into())
        );
        assert_eq!(host("mailto:a@b"), None);
        assert_eq!(host("example.org:80/x"), Some("example.org".into()));
        assert_eq!(host("http://"), None);
    }

    #[test]
    fn hosts_that_cannot_exist_are_not_parsed() {
        for host in [
            "a.".repeat(160),
            "\u{4e2d}".repeat(101),
            format!("xn--{}", "ab".repeat(150)),
        ] {
            for link in [
                format!("http://{host}.com/x"),
                format!("//u@{host}.com"),
                format!("https:\\\\{host}"),
            ] {
                assert_eq!(Link::new(&link).host(), None, "{link}");
            }
            assert_eq!(ascii_host(&host), host.trim_end_matches('.'));
        }
        let long = format!("http://a.example/{}", "x".repeat(999));
        assert_eq!(Link::new(&long).host(), Some("a.example"));
        let long = format!("mailto:{}", "x".repeat(999));
        assert_eq!(Link::new(&long).scheme(), "mailto");
    }

    #[test]
    fn parts_of_a_url() {
        let link = Link::new("https://user@a.b.example.co.uk:8443/p/q?x=1#frag");
        assert_eq!(link.domain(), Some("example.co.uk"));
        assert_eq!((link.path(), link.query()), ("/p/q", Some("x=1")));
        assert_eq!((link.user(), link.port()), (Some("user"), Some(8443)));
        assert_eq!(link.fragment(), Some("frag"));
        assert!(Link::new("http://[::1]/").is_numeric());
        assert_eq!(registrable("203.0.113.9"), None);
        assert_eq!(registrable("com"), None);
        assert_eq!(ascii_host("BÜCHER.example."), "xn--bcher-kva.example");
        assert_eq!(shown_host("xn--bcher-kva.example"), "bücher.example");
    }
}
