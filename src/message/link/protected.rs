//! Links that a mail gateway has rewritten so that it can check the target at the time of the click.
//!
//! In: a link; out: its original target, as far as the link contains it. It resolves nothing.

use std::borrow::Cow;

use memchr::memmem;

/// Where a service puts the target.
enum Form {
    /// In this query parameter, percent-encoded.
    Parameter(&'static str),
    /// In this query parameter, the target's domain only.
    Domain(&'static str),
    /// In the parameter `u`, with `-` for `%` and `_` for `/`.
    Dashes,
    /// Between these two delimiters in the path.
    Between(&'static str, &'static str),
    /// Percent-encoded as the last path segment.
    Path,
}

/// Host suffixes, or a host with the beginning of its path: Microsoft, Proofpoint, Mimecast, Barracuda, Cisco, Trend
/// Micro, Sophos, Symantec, Trellix, Check Point, as their public documentation describes them.
const SERVICES: &[(&str, &str, Form)] = &[
    (
        "safelinks.protection.outlook.com",
        "/",
        Form::Parameter("url"),
    ),
    (
        "safelinks.protection.office365.us",
        "/",
        Form::Parameter("url"),
    ),
    ("urldefense.proofpoint.com", "/v1/", Form::Parameter("u")),
    ("urldefense.proofpoint.com", "/v2/", Form::Dashes),
    (
        "urldefense.proofpoint.com",
        "/v3/",
        Form::Between("/v3/__", "__;"),
    ),
    ("urldefense.com", "/v3/", Form::Between("/v3/__", "__;")),
    ("urldefense.us", "/v3/", Form::Between("/v3/__", "__;")),
    ("mimecast.com", "/s/", Form::Domain("domain")),
    ("mimecastprotect.com", "/", Form::Domain("domain")),
    ("linkprotect.cudasvc.com", "/url", Form::Parameter("a")),
    ("secure-web.cisco.com", "/", Form::Path),
    ("trendmicro.com", "/wis/clicktime/", Form::Parameter("url")),
    ("protection.sophos.com", "/", Form::Domain("d")),
    ("clicktime.symantec.com", "/", Form::Parameter("u")),
    ("protect2.fireeye.com", "/", Form::Parameter("u")),
    (
        "protect.checkpoint.com",
        "/v2/",
        Form::Between("___", "___"),
    ),
    ("url.avanan.click", "/v2/", Form::Between("___", "___")),
];

/// Every service's host contains one of these.
const MARKS: [&[u8]; 7] = [
    b"protect",
    b"urldefense",
    b"mimecast",
    b"cisco",
    b"clicktime",
    b"cudasvc",
    b"avanan",
];

/// The target of a rewritten link, or `None` for an ordinary one.
pub(super) fn target(link: &str) -> Option<String> {
    let (scheme, rest) = link.split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host = host.split(':').next()?.as_bytes();
    let is_of = |service: &str| {
        let parts = host.len().checked_sub(service.len());
        let parts = parts.map(|length| host.split_at(length));
        parts.is_some_and(|(before, end)| {
            end.eq_ignore_ascii_case(service.as_bytes()) && matches!(before, [] | [.., b'.'])
        })
    };
    let mut services = SERVICES.iter();
    let (_, _, form) = services
        .find(|(service, start, _)| is_of(service) && (path.starts_with(start) || *start == "/"))?;
    let is_mentioned = |mark: &&[u8]| memmem::find(rest.as_bytes(), mark).is_some();
    if !scheme.starts_with("http") || !MARKS.iter().any(is_mentioned) {
        return None;
    }
    let found = match form {
        Form::Parameter(name) => decoded(parameter(path, name)?).into_owned(),
        Form::Domain(name) => format!("http://{}/", decoded(parameter(path, name)?)),
        Form::Dashes => {
            let coded = parameter(path, "u")?.replace('-', "%").replace('_', "/");
            decoded(&coded).into_owned()
        }
        Form::Between(before, after) => {
            let start = path.find(before)? + before.len();
            let rest = &path[start..];
            let end = rest.rfind(after).unwrap_or(rest.len());
            decoded(&rest[..end]).into_owned()
        }
        Form::Path => decoded(path.rsplit('/').next()?).into_owned(),
    };
    let is_link = found.starts_with("http://") || found.starts_with("https://");
    (is_link && !found.contains(|letter: char| letter <= ' ')).then_some(found)
}

fn parameter<'p>(path: &'p str, name: &str) -> Option<&'p str> {
    let (_, query) = path.split_once('?')?;
    let mut all = query.split('#').next()?.split('&');
    all.find_map(|one| {
        let one = one.strip_prefix("amp;").unwrap_or(one);
        one.strip_prefix(name)?.strip_prefix('=')
    })
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_read_from_the_link() {
        for (link, expected) in [
            (
                "https://nam02.safelinks.protection.outlook.com/?url=https%3A%2F%2Fa.example%2Fx%3Fy%3D1&amp;data=05%7C02&reserved=0",
                Some("https://a.example/x?y=1"),
            ),
            (
                "https://urldefense.proofpoint.com/v2/url?u=https-3A__www.a.example_x-2Dy_&d=Dw&c=z&e=",
                Some("https://www.a.example/x-y/"),
            ),
            (
                "https://urldefense.com/v3/__https://a.example/x?y=1__;!!abc!def$",
                Some("https://a.example/x?y=1"),
            ),
            (
                "https://protect-eu.mimecast.com/s/AbC1?domain=a.example",
                Some("http://a.example/"),
            ),
            (
                "https://linkprotect.cudasvc.com/url?a=https%3a%2f%2fa.example%2f&c=E,1,x&typo=1",
                Some("https://a.example/"),
            ),
            (
                "https://secure-web.cisco.com/1abc/https%3A%2F%2Fa.example%2Fx",
                Some("https://a.example/x"),
            ),
            (
                "https://eu-west.protection.sophos.com?d=a.example&u=aHR0",
                Some("http://a.example/"),
            ),
            (
                "https://clicktime.symantec.com/3Ab?u=https%3A%2F%2Fa.example",
                Some("https://a.example"),
            ),
            (
                "https://protect.checkpoint.com/v2/___https://a.example/x___.YzJ",
                Some("https://a.example/x"),
            ),
            (
                "https://urldefense.com.b.example/v3/__https://a.example/__;!!x$",
                None,
            ),
            ("https://www.mimecast.com/products", None),
            (
                "https://nam02.safelinks.protection.outlook.com/?url=javascript:x",
                None,
            ),
            ("https://a.example/protect?url=https://b.example", None),
        ] {
            assert_eq!(target(link).as_deref(), expected, "{link}");
        }
    }
}
