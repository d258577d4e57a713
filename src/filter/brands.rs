//! Brands that are often imitated, and their own domains.
//!
//! In: the text of a brands file, each line `name | other name: domain domain …`; out: which brand
//! a text names, and whether a host belongs to it. A name with `~` before it is an everyday word:
//! it counts only at the beginning of a sender's display name.

use aho_corasick::{AhoCorasick, MatchKind};
use foldhash::HashSet;

use crate::filter::lists::{above, labels, uncommented};
use crate::message::url::{ascii_host, ascii_host_of};
use crate::schema::Problem;

/// All brands.
#[derive(Debug, Clone, Default)]
pub struct Brands {
    brands: Vec<Brand>,
    names: Vec<(String, usize)>,
    /// The domains of all brands.
    domains: HashSet<String>,
    /// The most labels that one of them has.
    labels: usize,
    automaton: Option<AhoCorasick>,
}

/// One brand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brand {
    /// Its first name.
    pub name: String,
    /// The domains it uses.
    domains: Vec<String>,
    everyday: bool,
}

impl Brand {
    /// Whether a host belongs to the brand.
    pub fn owns(&self, host: &str) -> bool {
        let host = ascii_host_of(host);
        self.domains.iter().any(|domain| is_below(&host, domain))
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    let rest = host.strip_suffix(domain);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

impl Brands {
    /// The brands that a text names, without duplicates, in text order; `sender` says that the
    /// text is a sender's display name.
    pub fn named_in(&self, text: &str, sender: bool) -> Vec<&Brand> {
        let mut found: Vec<&Brand> = Vec::new();
        let Some(automaton) = &self.automaton else {
            return found;
        };
        // `Example_Bank` is `Example Bank` to people.
        let spaced = text.contains('_').then(|| text.replace('_', " "));
        let text = spaced.as_deref().unwrap_or(text);
        for hit in automaton.find_iter(text) {
            if !stands_alone(text, hit.start(), hit.end()) {
                continue;
            }
            let brand = &self.brands[self.names[hit.pattern().as_usize()].1];
            let begins = || !text[..hit.start()].contains(char::is_alphanumeric);
            if brand.everyday && !(sender && begins()) {
                continue;
            }
            if !found.iter().any(|known| known.name == brand.name) {
                found.push(brand);
            }
        }
        found
    }

    /// Whether a host belongs to any brand.
    pub fn has_owner(&self, host: &str) -> bool {
        let host = ascii_host_of(host);
        above(&host, self.labels).any(|name| self.domains.contains(name))
    }

    /// Adds the brands of a file; a brand of the same name is replaced.
    pub(crate) fn read(&mut self, file: &str, text: &str, problems: &mut Vec<Problem>) {
        for (number, line) in text.lines().enumerate() {
            let line = uncommented(line);
            if line.is_empty() {
                continue;
            }
            if let Err(message) = self.add(line) {
                problems.push(Problem {
                    file: file.to_owned(),
                    line: number + 1,
                    key: String::new(),
                    message: message.to_owned(),
                });
            }
        }
        let domains = self.brands.iter().flat_map(|brand| &brand.domains);
        self.domains = domains.cloned().collect();
        let labels = self.domains.iter().map(|domain| labels(domain));
        self.labels = labels.max().unwrap_or(0);
        let names = self.names.iter().map(|(name, _)| name);
        // Names are short and few, so this cannot become too large.
        self.automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .build(names)
            .ok();
    }

    fn add(&mut self, line: &str) -> Result<(), &'static str> {
        let (names, domains) = line
            .split_once(':')
            .ok_or("has no colon; write name: domain domain")?;
        let domains: Vec<_> = domains.split_whitespace().map(ascii_host).collect();
        if domains.is_empty() {
            return Err("has no domain after the colon");
        }
        if domains.iter().any(|domain| !domain.contains('.')) {
            return Err("has a domain without a dot");
        }
        let everyday = names.trim_start().starts_with('~');
        let names = names.trim_start().trim_start_matches('~').split('|');
        let names: Vec<_> = names.map(|name| name.trim().to_lowercase()).collect();
        if names.iter().any(String::is_empty) {
            return Err("has an empty name");
        }
        let first = names.first().cloned().unwrap_or_default();
        let brand = Brand {
            name: first.clone(),
            domains,
            everyday,
        };
        let known = self.brands.iter().position(|known| known.name == first);
        let number = match known {
            Some(number) => {
                self.brands[number] = brand;
                number
            }
            None => {
                self.brands.push(brand);
                self.brands.len() - 1
            }
        };
        for name in names {
            if !self.names.iter().any(|(known, _)| *known == name) {
                self.names.push((name, number));
            }
        }
        Ok(())
    }
}

fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let before = text[..start].chars().next_back();
    let after = text[end..].chars().next();
    let in_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    !in_word(before) && !in_word(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# origin\nacme bank | acme: acme.example acme.co.example\n~shop: shop.example\n";

    fn brands(text: &str) -> (Brands, Vec<Problem>) {
        let mut brands = Brands::default();
        let mut problems = Vec::new();
        brands.read("brands.txt", text, &mut problems);
        (brands, problems)
    }

    #[test]
    fn brands_are_found_by_name_and_own_their_domains() {
        let (brands, problems) = brands(TEXT);
        assert_eq!(problems, []);
        let named = |text, sender| -> Vec<_> {
            let found = brands.named_in(text, sender);
            found.into_iter().map(|brand| &*brand.name).collect()
        };
        assert_eq!(named("Your ACME account", false), ["acme bank"]);
        assert_eq!(named("Acme_Bank", false), ["acme bank"]);
        assert_eq!(named("acmeish", false), [""; 0]);
        assert_eq!(named("Shop here", false), [""; 0]);
        assert_eq!(named("\"Shop\" support", true), ["shop"]);
        assert_eq!(named("My shop", true), [""; 0]);
        let brand = brands.named_in("acme", false)[0];
        assert!(brand.owns("mail.acme.example") && !brand.owns("acme.example.org"));
        assert!(brands.has_owner("Mail.ACME.example.") && brands.has_owner("shop.example"));
        assert!(!brands.has_owner("acme.example.org") && !brands.has_owner("notacme.example"));
    }

    #[test]
    fn invalid_lines_are_reported() {
        let (_, problems) = brands("acme\nacme:\nacme: x\n: a.example\n");
        let lines: Vec<_> = problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [1, 2, 3, 4]);
    }
}
