//! Templates of mail, written for popgate, that the shipped model learns from.
//!
//! In: `ham.toml` and `spam.toml` of a folder (rules/model), and the files of its folders `ham` and `spam`, one for each
//! language; out: messages, the same each time. A
//! template (`[[template]]`) names topic, subjects and text; each line of the text is one of the
//! alternatives between bars, and `{name}`, `{sum}` and so on are filled in.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Messages made of each template, of spam and of ham: about as many of both in all.
const COPIES: [usize; 2] = [20, 12];

/// What a template in another language than English counts beside one in English, of which there is real mail, too.
const OTHER_LANGUAGE: f64 = 2.0;

/// The same messages each time.
pub(super) const SEED: u64 = 1982;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    template: Vec<Template>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Template {
    /// Documentation only.
    #[serde(rename = "topic")]
    _topic: String,
    /// As an ISO 639-1 code; English without it.
    language: Option<String>,
    subject: Vec<String>,
    text: Vec<String>,
}

impl Template {
    fn is_english(&self) -> bool {
        matches!(self.language.as_deref(), None | Some("en"))
    }
}

/// A file of templates that cannot be used, and why.
#[derive(Debug)]
pub struct TemplateError(PathBuf, String);

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.display(), self.1)
    }
}

impl Error for TemplateError {}

/// A message made of a template.
#[derive(Debug, Clone)]
pub struct Made {
    /// The message.
    pub text: String,
    /// Whether it is spam.
    pub is_spam: bool,
    /// The number of its template, over both files.
    pub template: usize,
    /// What it counts: a template as much as the root of its messages' number.
    pub weight: f64,
}

/// The messages of a folder's templates.
///
/// # Errors
/// Which file is wrong, and why.
pub fn messages(folder: &Path) -> Result<Vec<Made>, TemplateError> {
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut messages = Vec::new();
    for (number, (template, is_spam)) in templates(folder)?.iter().enumerate() {
        let copies = COPIES[usize::from(*is_spam)];
        let of_template = match template.is_english() {
            true => 1.0,
            false => OTHER_LANGUAGE,
        };
        for _ in 0..copies {
            messages.push(Made {
                text: message(template, *is_spam, &mut random),
                is_spam: *is_spam,
                template: number,
                weight: of_template / (copies as f64).sqrt(),
            });
        }
    }
    Ok(messages)
}

/// All templates of a folder, and which are of spam.
pub(super) fn templates(folder: &Path) -> Result<Vec<(Template, bool)>, TemplateError> {
    let mut templates = Vec::new();
    for (path, is_spam) in files(folder)? {
        let wrong = |error: String| TemplateError(path.clone(), error);
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        let file: File = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        templates.extend(
            file.template
                .into_iter()
                .map(|template| (template, is_spam)),
        );
    }
    Ok(templates)
}

/// The files of templates, and which are of spam: those in English and mixed, then those of languages by name.
fn files(folder: &Path) -> Result<Vec<(PathBuf, bool)>, TemplateError> {
    let mut files = Vec::new();
    for (name, is_spam) in [("ham", false), ("spam", true)] {
        files.push((folder.join(name).with_extension("toml"), is_spam));
        let of_languages = folder.join(name);
        if !of_languages.is_dir() {
            continue;
        }
        let wrong = |error: std::io::Error| TemplateError(of_languages.clone(), error.to_string());
        let entries = std::fs::read_dir(&of_languages).map_err(wrong)?;
        let paths: Result<Vec<PathBuf>, _> = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect();
        let mut paths = paths.map_err(wrong)?;
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        });
        paths.sort();
        files.extend(paths.into_iter().map(|path| (path, is_spam)));
    }
    Ok(files)
}

pub(super) const NAMES: &[&str] = &[
    "Anna", "Tom", "Maria", "Peter", "Julia", "David", "Laura", "Jan", "Sofia", "Paul", "Nina",
    "Marco", "Elena", "Lukas", "Carla",
];
pub(super) const BRANDS: &[&str] = &[
    "PayPal",
    "Amazon",
    "Netflix",
    "Apple",
    "Microsoft",
    "DHL",
    "McAfee",
    "Norton",
    "Facebook",
    "LinkedIn",
    "Spotify",
    "Walmart",
    "Costco",
    "Coinbase",
];
pub(super) const CITIES: &[&str] = &[
    "Berlin", "Paris", "Lyon", "Madrid", "Porto", "Milano", "Utrecht", "Leeds", "Boston", "Denver",
];
const DAYS: &[&str] = &[
    "Monday",
    "12 May",
    "3 June",
    "Friday",
    "2 October",
    "Thursday",
    "11/04",
    "15.03.",
];
/// In other languages than English, as people of many countries write them in figures.
const DATES: &[&str] = &[
    "12.05.",
    "3.6.2026",
    "2.10.",
    "11/04",
    "15.03.",
    "28/09/2026",
    "7.1.",
    "24.11.2026",
];
const LOUD_SUMS: &[&str] = &[
    "2.99",
    "49.90",
    "19,95",
    "350",
    "399.99",
    "1,500",
    "5,000",
    "2.5 million",
];
const SUMS: &[&str] = &[
    "2.99", "49.90", "19,95", "350", "129.00", "84,50", "12.00", "1,240.10",
];
pub(super) const PATHS: &[&str] = &[
    "secure", "account", "portal", "go", "track", "view", "login", "news", "a", "p", "item",
    "shop", "doc", "app",
];

/// How mail programs quote what they pass on.
const FORWARDED: &[&str] = &[
    "---------- Forwarded message ---------\nFrom: {from}\nDate: Mon, 3 Apr\nSubject: {subject}\nTo: {mail}\n",
    "-----Ursprüngliche Nachricht-----\nVon: {from}\nGesendet: Montag\nBetreff: {subject}\nAn: {mail}\n",
    "________________________________\nDe : {from}\nEnvoyé : lundi\nObjet : {subject}\nÀ : {mail}\n",
    "________________________________\nDe: {from}\nEnviado: lunes\nAsunto: {subject}\nPara: {mail}\n",
    "________________________________\nDe: {from}\nEnviado: segunda-feira\nAssunto: {subject}\nPara: {mail}\n",
];
const PREFIXES: &[&str] = &["Fw: ", "Fwd: ", "FW: ", "Enc: ", "WG: "];

/// The form of a message that a person passes on; the others are plain text, a page, and both.
const PASSED_ON: u8 = 3;

/// Each line of a template stays out of so many copies.
const LEFT_OUT: f64 = 0.1;

/// What a template says once: its blanks are filled in, and its alternatives chosen.
pub(super) struct Text {
    pub(super) subject: String,
    pub(super) lines: Vec<String>,
    /// A person's address.
    mail: String,
    form: u8,
}

impl Text {
    /// With links made by `link`.
    pub(super) fn of(
        template: &Template,
        is_spam: bool,
        link: &dyn Fn(&mut fastrand::Rng) -> String,
        random: &mut fastrand::Rng,
    ) -> Self {
        let name = pick(NAMES, random);
        let brand = pick(BRANDS, random);
        let mail = format!("{}@example.net", pick(NAMES, random).to_lowercase());
        let days = if template.is_english() { DAYS } else { DATES };
        let fill = |text: &str, random: &mut fastrand::Rng| {
            let mut filled = text.replace("{name}", name).replace("{brand}", brand);
            filled = filled.replace("{mail}", &mail);
            let sums = if is_spam { LOUD_SUMS } else { SUMS };
            while let Some((before, rest)) = filled.split_once('{') {
                let Some((key, after)) = rest.split_once('}') else {
                    break;
                };
                let value = match key {
                    "city" => pick(CITIES, random).to_owned(),
                    "day" => pick(days, random).to_owned(),
                    "number" => random.u32(10..1000).to_string(),
                    "sum" => pick(&["$", "€", "£"], random).to_owned() + pick(sums, random),
                    "link" => link(random),
                    _ => code(random.usize(6..11), random),
                };
                filled = format!("{before}{value}{after}");
            }
            filled
        };
        let subjects: Vec<&str> = template.subject.iter().map(String::as_str).collect();
        let mut subject = fill(pick(&subjects, random), random);
        let mut lines = Vec::new();
        for line in &template.text {
            let alternatives: Vec<&str> = line.split(" | ").collect();
            if random.f64() >= LEFT_OUT {
                lines.push(fill(pick(&alternatives, random), random));
            }
        }
        let form = random.u8(0..4);
        if form == PASSED_ON {
            let head = pick(FORWARDED, random)
                .replace("{from}", name)
                .replace("{mail}", &mail)
                .replace("{subject}", &subject);
            lines.splice(0..0, head.split('\n').map(str::to_owned));
            subject.insert_str(0, pick(PREFIXES, random));
        }
        Self {
            subject,
            lines,
            mail,
            form,
        }
    }

    /// Whether a person passes it on.
    pub(super) fn is_passed_on(&self) -> bool {
        self.form == PASSED_ON
    }

    /// The fields of the content, and the body: plain text, a page, or both.
    pub(super) fn content(&self) -> String {
        let plain = format!(
            "Content-Type: text/plain; charset=utf-8\r\n\r\n{}\r\n",
            self.lines.join("\r\n")
        );
        let paragraphs: String = self.lines.iter().map(|line| paragraph(line)).collect();
        let page = format!(
            "Content-Type: text/html; charset=utf-8\r\n\r\n<html><body>{paragraphs}</body></html>\r\n"
        );
        match self.form {
            1 => page,
            2 => format!(
                "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n{plain}\r\n--b\r\n{page}\r\n--b--\r\n"
            ),
            _ => plain,
        }
    }
}

fn message(template: &Template, is_spam: bool, random: &mut fastrand::Rng) -> String {
    let text = Text::of(template, is_spam, &link, random);
    format!(
        "From: a@b.example\r\nTo: {}\r\nSubject: {}\r\nMIME-Version: 1.0\r\n{}",
        text.mail,
        text.subject,
        text.content()
    )
}

fn paragraph(line: &str) -> String {
    let escaped = line.replace('&', "&amp;").replace('<', "&lt;");
    let words = escaped
        .split(' ')
        .map(|word| match word.starts_with("https://") {
            true => format!("<a href=\"{word}\">{word}</a>"),
            false => word.to_owned(),
        });
    format!("<p>{}</p>", words.collect::<Vec<_>>().join(" "))
}

pub(super) fn pick<'t>(all: &[&'t str], random: &mut fastrand::Rng) -> &'t str {
    all[random.usize(..all.len())]
}

pub(super) fn code(length: usize, random: &mut fastrand::Rng) -> String {
    (0..length)
        .map(|_| random.alphanumeric().to_ascii_uppercase())
        .collect()
}

fn link(random: &mut fastrand::Rng) -> String {
    let host = pick(PATHS, random).to_owned() + &code(3, random);
    let path = format!("{}/{}", pick(PATHS, random), code(6, random));
    format!("https://{host}.example/{path}").to_lowercase()
}
