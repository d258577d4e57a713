//! `data.store = "postgres://…"`: which database, and how the way to it is protected.
//!
//! The parameters are libpq's (PostgreSQL's manual, "Connection URIs"), with one difference: a server that is to use TLS is
//! always verified, name included, so `require` and `verify-ca` mean `verify-full`. Without `sslmode`, TLS is required
//! unless the server is on this machine.

use std::path::{Path, PathBuf};

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::client_secret::ClientSecret;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresAddress {
    /// Hosts, user, database and parameters, without a password and without those of TLS.
    pub url: String,
    /// How the connection is protected.
    pub encryption: StoreEncryption,
    /// The password, if there is one.
    pub password: Option<ClientSecret>,
    /// The database, for people: `database popgate on db.example.net`.
    pub name: String,
}

/// How the connection to a database is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreEncryption {
    /// Not at all.
    Off,
    /// By TLS, and the server's certificate is verified.
    Verified {
        /// Trusted instead of the platform's roots.
        ca_file: Option<PathBuf>,
    },
}

const FORM: &str = "write \"postgres://USER@HOST/DATABASE\"";

impl PostgresAddress {
    /// Reads a URL. The text may contain a password: messages do not repeat it.
    pub(super) fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        let (mut kept, mut mode, mut ca_file) = (Vec::new(), None, None);
        for parameter in query.split('&').filter(|it| !it.is_empty()) {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match key {
                "sslmode" => mode = Some(value),
                "sslrootcert" => ca_file = Some(root_certificates(value, folder)?),
                "password" => return Err(password_elsewhere()),
                _ => kept.push(parameter),
            }
        }
        let url = match kept.is_empty() {
            true => place.to_owned(),
            false => format!("{place}?{}", kept.join("&")),
        };
        let config: Config = url
            .parse()
            .map_err(|error| format!("{}; {FORM}", source_of(&error)))?;
        if config.get_password().is_some() {
            return Err(password_elsewhere());
        }
        let (Some(_), Some(database)) = (config.get_user(), config.get_dbname()) else {
            return Err(format!("has no user or no database; {FORM}"));
        };
        let hosts = config.get_hosts();
        if hosts.is_empty() {
            return Err(format!("has no host; {FORM}"));
        }
        let encryption = encryption(mode, ca_file, hosts.iter().all(is_here))?;
        let hosts: Vec<_> = hosts.iter().map(shown).collect();
        let name = format!("database {database} on {}", hosts.join(", "));
        Ok(Self {
            url,
            encryption,
            password: None,
            name,
        })
    }
}

fn password_elsewhere() -> String {
    "must not contain a password; write that into a file, and name it as store_password_file"
        .to_owned()
}

/// What the library says is behind what it says first.
fn source_of(error: &tokio_postgres::Error) -> String {
    use std::error::Error;
    error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

fn root_certificates(value: &str, folder: &Path) -> Result<PathBuf, String> {
    let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
    let file = folder.join(&*value);
    match file.is_file() {
        true => Ok(file),
        false => Err(format!(
            "sslrootcert: {} is not a file; name a file of PEM certificates",
            file.display()
        )),
    }
}

fn encryption(
    mode: Option<&str>,
    ca_file: Option<PathBuf>,
    is_here: bool,
) -> Result<StoreEncryption, String> {
    match mode {
        Some("disable") if ca_file.is_some() => {
            Err("sslrootcert has no effect with sslmode=disable; remove one of the two".to_owned())
        }
        Some("disable") => Ok(StoreEncryption::Off),
        None if is_here && ca_file.is_none() => Ok(StoreEncryption::Off),
        None | Some("require" | "verify-ca" | "verify-full") => {
            Ok(StoreEncryption::Verified { ca_file })
        }
        Some("allow" | "prefer") => Err(
            "sslmode=allow and sslmode=prefer would go on without TLS; write verify-full, or disable"
                .to_owned(),
        ),
        Some(_) => Err("sslmode is not known; write verify-full, or disable".to_owned()),
    }
}

/// Whether what is sent there does not leave this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let address = name.parse::<std::net::IpAddr>();
            name == "localhost" || address.is_ok_and(|it| it.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn shown(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PostgresAddress, String> {
        PostgresAddress::parse(text, Path::new(env!("CARGO_MANIFEST_DIR")))
    }

    #[test]
    fn tls_is_required_unless_the_server_is_here() {
        let verified = |file: Option<&str>| StoreEncryption::Verified {
            ca_file: file.map(|file| Path::new(env!("CARGO_MANIFEST_DIR")).join(file)),
        };
        let off = || StoreEncryption::Off;
        for (text, expected) in [
            ("postgres://popgate@db.example.net/popgate", verified(None)),
            ("postgresql://popgate@db/x?sslmode=require", verified(None)),
            ("postgres://popgate@db/x?sslmode=disable", off()),
            (
                "postgres://popgate@db/x?connect_timeout=2&sslrootcert=Cargo.toml",
                verified(Some("Cargo.toml")),
            ),
            ("postgres://popgate@127.0.0.1:5433/x", off()),
            ("postgres://popgate@[::1]/x", off()),
            (
                "postgres://popgate@localhost/x?sslmode=verify-full",
                verified(None),
            ),
            ("postgres://popgate@%2Frun%2Fpostgresql/x", off()),
            (
                "postgres://popgate@a:5433,b/x?target_session_attrs=read-write",
                verified(None),
            ),
        ] {
            let address = parse(text).unwrap();
            assert_eq!(address.encryption, expected, "{text}");
            assert!(!address.url.contains("ssl"), "{}", address.url);
        }
        let name = parse("postgres://ann@a:5433,b/x").unwrap().name;
        assert_eq!(name, "database x on a, b");
    }

    #[test]
    fn what_is_wrong_is_said_without_a_password() {
        for (text, words) in [
            ("postgres://ann:hunter2@db/x", "store_password_file"),
            (
                "postgres://ann@db/x?password=hunter2",
                "store_password_file",
            ),
            ("postgres://db/x", "no user"),
            ("postgres://ann@db", "no database"),
            ("postgres://ann@/x", "no host"),
            (
                "postgres://ann@db:hunter2/x",
                "postgres://USER@HOST/DATABASE",
            ),
            ("postgres://ann@db/x?sslmode=prefer", "without TLS"),
            ("postgres://ann@db/x?sslmode=hunter2", "verify-full"),
            ("postgres://ann@db/x?sslrootcert=none.pem", "none.pem"),
            ("postgres://ann@db/x?hunter3=hunter2", "hunter3"),
        ] {
            let why = parse(text).unwrap_err();
            assert!(
                why.contains(words) && !why.contains("hunter2"),
                "{text}: {why}"
            );
        }
    }
}
