//! The training templates as mail that a server has delivered, for `rules fit`.
//!
//! In: the folder of the templates; out: messages with the fields that a receiving server writes, the same each time: what
//! rules see of a sender, of where links lead and of what was proven is as in mail of its kind.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::training_templates::{
    BRANDS, CITIES, Made, NAMES, PATHS, SEED, Template, TemplateError, Text, code, pick, templates,
};

/// Messages of each template.
const DELIVERED: usize = 2;

/// How often the receiving server finds a sender proven, and forged: of notices, and of lures. Of the others it says
/// nothing.
const CHECKED: [[f64; 2]; 2] = [[0.85, 0.0], [0.4, 0.25]];

/// How often a lure leads to the domain that it was sent from.
const OWN_LINKS: f64 = 0.15;

/// How often a lure whose text has no link gets one, or an address for answers.
const LINKS: f64 = 0.6;
const REPLIES: f64 = 0.2;

/// The same templates as mail that a server has delivered, some messages of each, of a sender of its own: with what rules
/// look at beside the text. A notice comes from the domain that it leads to and is mostly proven; a lure leads elsewhere,
/// and is proven, forged or neither.
///
/// # Errors
/// As [`messages`](super::training_templates::messages).
pub fn delivered(folder: &Path) -> Result<Vec<Made>, TemplateError> {
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut messages = Vec::new();
    for (number, (template, is_spam)) in templates(folder)?.iter().enumerate() {
        let domain = domain(number, &mut random);
        for _ in 0..DELIVERED {
            messages.push(Made {
                text: message(template, *is_spam, &domain, &mut random),
                is_spam: *is_spam,
                template: number,
                weight: 1.0,
            });
        }
    }
    Ok(messages)
}

/// A domain that is no other template's.
fn domain(number: usize, random: &mut fastrand::Rng) -> String {
    let word = pick(CITIES, random).to_lowercase();
    format!("{word}{number}.example")
}

/// A message of a template's sender.
fn message(template: &Template, is_spam: bool, domain: &str, random: &mut fastrand::Rng) -> String {
    let leads_to = match is_spam && random.f64() >= OWN_LINKS {
        true => format!("{}{}.example", pick(PATHS, random), code(4, random)).to_lowercase(),
        false => {
            let host = pick(&["www", "my", "shop", "account"], random);
            format!("{host}.{domain}")
        }
    };
    let link = |random: &mut fastrand::Rng| {
        let path = format!("{}/{}", pick(PATHS, random), code(6, random));
        format!("https://{leads_to}/{path}").to_lowercase()
    };
    let mut text = Text::of(template, is_spam, &link, random);
    // People pass on few of them.
    if text.is_passed_on() {
        text = Text::of(template, is_spam, &link, random);
    }
    let mut reply_to = String::new();
    if is_spam && !text.lines.iter().any(|line| line.contains("https://")) {
        match random.f64() {
            chance if chance < LINKS => text.lines.push(link(random)),
            chance if chance < LINKS + REPLIES => {
                let mailbox = pick(NAMES, random).to_lowercase();
                reply_to = format!("Reply-To: {mailbox}@{leads_to}\r\n");
            }
            _ => {}
        }
    }
    let place: String = domain
        .chars()
        .take_while(char::is_ascii_lowercase)
        .collect();
    let name = match is_spam && random.bool() {
        true => pick(&[NAMES, BRANDS].concat(), random).to_owned(),
        false => place,
    };
    let local = pick(&["info", "service", "noreply", "mail", "contact"], random);
    format!(
        "Received: from mail.{domain} (mail.{domain} [192.0.2.{}]) by mx.example.org with ESMTPS; \
         Mon, 6 Jul 2026 09:12:41 +0000\r\n{}From: {name} <{local}@{domain}>\r\n{reply_to}To: dana@example.org\r\n\
         Subject: {}\r\nDate: Mon, 06 Jul 2026 09:12:40 +0000\r\nMessage-ID: <{}@{domain}>\r\nMIME-Version: 1.0\r\n{}",
        random.u32(1..250),
        checks(is_spam, domain, random),
        encoded(&text.subject),
        code(12, random),
        text.content()
    )
}

/// What the receiving server says of the sender, if anything.
fn checks(is_spam: bool, domain: &str, random: &mut fastrand::Rng) -> String {
    let chance = random.f64();
    let [passes, fails] = CHECKED[usize::from(is_spam)];
    if chance < passes {
        format!(
            "Authentication-Results: mx.example.org; spf=pass smtp.mailfrom={domain}; dkim=pass header.d={domain}; \
             dmarc=pass header.from={domain}\r\n"
        )
    } else if chance < passes + fails {
        format!(
            "Authentication-Results: mx.example.org; spf=fail smtp.mailfrom={domain}; dkim=none; \
             dmarc=fail header.from={domain}\r\n"
        )
    } else {
        String::new()
    }
}

/// A field's text as an encoded word (RFC 2047), unless it is ASCII.
fn encoded(text: &str) -> String {
    match text.is_ascii() {
        true => text.to_owned(),
        false => format!("=?utf-8?B?{}?=", STANDARD.encode(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::delivered;

    #[test]
    fn notices_lead_to_their_senders_and_lures_mostly_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        for kind in ["ham", "spam"] {
            let template = "[[template]]\ntopic = \"t\"\nlanguage = \"cs\"\nsubject = [\"Děkujeme\"]\n\
                            text = [\"Na shledanou: {link} | Dobrý den: {link}\"]\n";
            let path = folder.path().join(kind).with_extension("toml");
            std::fs::write(path, template.repeat(50)).unwrap();
        }
        let made = delivered(folder.path()).unwrap();
        assert_eq!(made.len(), 200);
        let again = delivered(folder.path()).unwrap();
        assert!(
            made.iter()
                .zip(&again)
                .all(|(one, other)| one.text == other.text)
        );
        let (mut elsewhere, mut proven) = ([0; 2], [0; 2]);
        for made in &made {
            let (header, body) = made.text.split_once("\r\n\r\n").unwrap();
            assert!(header.is_ascii(), "{header}");
            let from = header.split("\r\nFrom: ").nth(1).unwrap();
            let domain = from.split(['@', '>']).nth(1).unwrap();
            let links: Vec<&str> = body.split("https://").skip(1).collect();
            let kind = usize::from(made.is_spam);
            let leads_away = |link: &&str| !link.split('/').next().unwrap().ends_with(domain);
            elsewhere[kind] += usize::from(links.iter().any(leads_away));
            proven[kind] += usize::from(header.contains("dmarc=pass"));
        }
        assert_eq!(elsewhere[0], 0);
        assert!(elsewhere[1] > 60, "{elsewhere:?}");
        assert!(
            proven[0] > 70 && (20..60).contains(&proven[1]),
            "{proven:?}"
        );
    }
}
