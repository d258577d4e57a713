//! A secret: in the configuration, in a file of its own, or in the environment. It is never shown. The secret of popgate's
//! registration at a provider is one, and the password of a database.

use std::fmt;
use std::fs;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

use super::path::path_in;
use crate::platform::private_files::Exposure;
use crate::schema::Section;

/// Longer ones are no secret of a provider.
const LONGEST: u64 = 8 << 10;

/// See the module.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret(Zeroizing<String>);

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl ClientSecret {
    /// Keeps it; a line end after it is not a part of it.
    ///
    /// # Errors
    /// If it is empty, or more than one line.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let text = text.trim_matches(['\r', '\n']);
        match text {
            "" => Err("is empty"),
            text if text.contains(char::is_control) => Err("has more than one line"),
            text => Ok(Self(Zeroizing::new(text.to_owned()))),
        }
    }

    /// What it is.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// The secret, from one of three settings.
pub(super) fn read(section: &mut Section<'_, '_>, folder: &Path) -> Option<ClientSecret> {
    let written = section.string("client_secret").map(Zeroizing::new);
    // Empty means none: not every provider gives one.
    let written = written.filter(|text| !text.is_empty());
    let given = ["client_secret_file", "client_secret_env"].map(|key| section.has(key));
    if usize::from(written.is_some()) + given.into_iter().filter(|it| *it).count() > 1 {
        section.wrong("has more than one client secret; keep one of client_secret, client_secret_file and client_secret_env");
    }
    let in_file = section.parsed("client_secret_file", |file| {
        in_file(&path_in(folder, file)?, "client secret")
    });
    let in_environment = section.parsed("client_secret_env", |name| match std::env::var(name) {
        Ok(text) => {
            ClientSecret::new(&Zeroizing::new(text)).map_err(|why| format!("${name} {why}"))
        }
        Err(_) => Err(format!("the environment has no {name}")),
    });
    let written = written.and_then(|text| {
        let secret = ClientSecret::new(&text);
        secret
            .map_err(|why| section.problem("client_secret", why))
            .ok()
    });
    written.or(in_file).or(in_environment)
}

/// The secret in a file, which is a `what`.
pub(super) fn in_file(file: &Path, what: &str) -> Result<ClientSecret, String> {
    let shown = file.display();
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => format!(
            "{shown}: {error}; popgate's user must be able to read it and enter its folders"
        ),
        _ => format!("{shown}: {error}; name a file that has the {what}"),
    };
    let found = fs::metadata(file).map_err(failed)?;
    if !found.is_file() {
        return Err(format!(
            "{shown} is not a file; name one that has the {what}"
        ));
    }
    // As for the keys of certificates.
    if let Some(Exposure { detail, .. }) = Exposure::of(file).map_err(failed)? {
        return Err(format!(
            "{shown}: others may read or change this secret{detail}; {}",
            Exposure::fix(file)
        ));
    }
    let mut text = Zeroizing::new(String::new());
    let opened = fs::File::open(file).map_err(failed)?;
    opened
        .take(LONGEST)
        .read_to_string(&mut text)
        .map_err(failed)?;
    ClientSecret::new(&text).map_err(|why| format!("{shown}: the {what} {why}"))
}
