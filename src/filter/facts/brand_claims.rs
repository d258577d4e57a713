//! Facts about brands that a message claims to come from, in its pages and by where its links lead.
//!
//! In: a message; out: the brand's name. A page may name a brand for many reasons: only its title, its logo and links
//! to sign in count as claims, and rules ask for more signs.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::filter::brands::Brand;
use crate::filter::facts::fact::Fact;
use crate::filter::facts::sender::{foreign, from_domain, same_domain};
use crate::filter::message_view::MessageView;
use crate::message::url::Link;
use crate::message::visible_text::cut;

pub(super) const FACTS: &[Fact] = &[
    Fact::holds(
        "brand-in-page",
        "The title, the logo or a link to sign in names a known brand, but neither the sender's domain nor that link is its own.",
        brand_in_page,
    ),
    Fact::holds(
        "brand-elsewhere",
        "The sender's display name begins with a known brand's, the sender's domain does not contain it, and the links lead neither to the brand nor to the sender.",
        brand_elsewhere,
    )
    .of_links(),
    Fact::holds(
        "brand-at-top",
        "The sender's name, the subject or the beginning of the text names a known brand, but neither the sender's domain nor a link is its own.",
        brand_at_top,
    ),
];

/// Letters of the text in which mail says what it is about.
const TOP: usize = 240;

/// What everybody has a button for.
const BUTTONS: [&str; 16] = [
    "facebook",
    "instagram",
    "twitter",
    "youtube",
    "linkedin",
    "tiktok",
    "pinterest",
    "whatsapp",
    "google",
    "apple",
    "snapchat",
    "telegram",
    "spotify",
    "reddit",
    "threads",
    "discord",
];

/// What links to sign in say.
const SIGN_IN: [&str; 16] = [
    "log in",
    "login",
    "log on",
    "sign in",
    "signin",
    "verify",
    "unlock",
    "anmelden",
    "einloggen",
    "connexion",
    "connecter",
    "iniciar",
    "acceder",
    "accedi",
    "inloggen",
    "entrar",
];

/// Made once: a message may have hundreds of links.
static SIGN_IN_WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let builder = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(SIGN_IN);
    builder.ok()
});

fn brand_in_page(mail: &MessageView<'_>) -> Option<String> {
    let traits = mail.content.page_traits();
    let labels = traits.flat_map(|traits| std::iter::once(&traits.title).chain(&traits.logos));
    let labels = labels.filter(|label| !label.is_empty()).map(String::as_str);
    let found = labels.flat_map(|label| mail.brands.named_in(label, true));
    let found = found.filter(|brand| !BUTTONS.contains(&&*brand.name));
    if let Some(brand) = foreign(mail, found.collect()) {
        return Some(brand.name.clone());
    }
    let from = from_domain(mail)?;
    mail.content.anchors.iter().find_map(|anchor| {
        if !says_sign_in(&anchor.text) {
            return None;
        }
        let link = Link::new(&anchor.target);
        let host = link.host()?;
        let mut brands = mail.brands.named_in(&anchor.text, false).into_iter();
        let brand = brands.find(|brand| !brand.owns(host) && !brand.owns(from))?;
        Some(brand.name.clone())
    })
}

fn brand_elsewhere(mail: &MessageView<'_>) -> Option<String> {
    let name = mail
        .from_name()
        .trim_start_matches(|letter: char| !letter.is_alphanumeric());
    let brand = foreign(mail, mail.brands.named_in(name, true))?;
    let from = from_domain(mail)?;
    let is_first = letters(name).starts_with(&letters(&brand.name));
    if !is_first || letters(from).contains(&letters(&brand.name)) {
        return None;
    }
    let mut hosts = mail.clicked().iter().filter_map(Link::host).peekable();
    hosts.peek()?;
    let is_own = |host: &str, brand: &Brand| same_domain(host, from) || brand.owns(host);
    (!hosts.any(|host| is_own(host, brand))).then(|| brand.name.clone())
}

/// What a message is about at its beginning. A shop that sells a brand's goods links to its own domain, and a friend
/// who writes about it has no links: both are left to the rules.
fn brand_at_top(mail: &MessageView<'_>) -> Option<String> {
    let mut brands = mail.brands_in_name().to_vec();
    brands.extend(mail.brands_in_subject());
    for text in mail.visible().take(2) {
        brands.extend(mail.brands.named_in(cut(text, TOP), false));
    }
    brands.retain(|brand| !BUTTONS.contains(&&*brand.name));
    let from = from_domain(mail)?;
    let hosts = || mail.clicked().iter().filter_map(Link::host);
    let is_own = |brand: &&Brand| brand.owns(from) || hosts().any(|host| brand.owns(host));
    // One that is named beside the sender's own is a partner's.
    if brands.iter().any(is_own) {
        return None;
    }
    Some(brands.first()?.name.clone())
}

/// Whether a link's text says that it is to sign in.
fn says_sign_in(text: &str) -> bool {
    let lower = match text.is_ascii() {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.to_lowercase()),
    };
    SIGN_IN_WORDS
        .as_ref()
        .is_some_and(|words| words.is_match(&*lower))
}

fn letters(text: &str) -> String {
    let letters = text.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_sign_in_are_known_by_their_words() {
        let texts = SIGN_IN.iter().flat_map(|words| {
            let shouted = format!("x{}\u{c9}", words.to_uppercase());
            [(*words).to_owned(), shouted]
        });
        let others = [
            "",
            "here",
            "Log  in",
            "unloc\u{212a}",
            "S\u{130}GN IN",
            "ENTR\u{c1}R",
        ];
        for text in texts.chain(others.map(str::to_owned)) {
            let lower = text.to_lowercase();
            let expected = SIGN_IN.iter().any(|words| lower.contains(words));
            assert_eq!(says_sign_in(&text), expected, "{text}");
        }
    }
}
