//! The first run: there is no configuration, so the console alone is served until a person has written one.
//!
//! In: the address of the admin port; out: a file with settings that were tested, and the port, which the server takes over.

use std::fmt::Write;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::Notify;
use zeroize::Zeroizing;

use super::overrides::{Overrides, Root};
use super::signals::StopSignals;
use crate::admin::{Choice, Later, OneTimeToken, Setup, new_token, serve_setup};
use crate::config::{Config, Flags};
use crate::session::mailbox_of_login;
use crate::store::durable_write;
use crate::upstream::ProviderFiles;

/// Where mail programs connect, and where if the system does not let popgate have that port.
const PORTS: [u16; 2] = [110, 1110];

/// What a person has set up.
#[derive(Debug)]
pub struct SetUp {
    /// The socket of the admin port, for the server.
    pub admin: TcpListener,
    /// Lets the administrator into the console.
    pub token: OneTimeToken,
}

/// Serves the pages until the file is written; `None` if a signal stops that. `announce` gets the address to open.
///
/// # Errors
/// The system's.
pub async fn set_up(
    address: SocketAddr,
    file: &Path,
    data_dir: &Path,
    announce: impl FnOnce(&str),
) -> io::Result<Option<SetUp>> {
    let none = || io::Error::other("the system has no random numbers");
    let token = new_token().ok_or_else(none)?;
    let next_token = new_token().ok_or_else(none)?;
    let admin = TcpListener::bind(address).map_err(|error| {
        let text = format!("cannot listen on {address}: {error}; choose another with --admin");
        io::Error::new(error.kind(), text)
    })?;
    let (written, data_dir) = (file.to_owned(), data_dir.to_owned());
    let setup = Arc::new(Setup {
        token: token.clone(),
        next_token: next_token.clone(),
        done: Notify::new(),
        is_done: AtomicBool::new(false),
        listen: free_port(),
        ask: Box::new(|address| Box::pin(ask(address))),
        test: Box::new(test),
        write: Box::new(move |choice: &Choice| {
            let text = settings(choice, &data_dir);
            let created = durable_write::create(&written, text.as_bytes());
            let path = written.display().to_string();
            created
                .map(|()| path.clone())
                .map_err(|error| format!("{path}: {error}"))
        }),
    });
    let mut stops = StopSignals::new()?;
    announce(&format!(
        "http://{}/?token={}",
        admin.local_addr()?,
        token.0
    ));
    tokio::select! {
        served = serve_setup(admin.try_clone()?, setup) => served?,
        () = stops.next() => return Ok(None),
    }
    let token = next_token;
    Ok(Some(SetUp { admin, token }))
}

/// Where mail programs can connect: the usual port, unless it is taken or needs a privilege.
fn free_port() -> SocketAddr {
    let addresses = PORTS.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let is_free = |address: &SocketAddr| TcpListener::bind(address).is_ok();
    let free = addresses.into_iter().find(is_free);
    free.unwrap_or(addresses[1])
}

/// Asks the provider of an address for its file.
async fn ask(address: String) -> Result<Vec<u8>, String> {
    // It reads the certificates of the system.
    let made = tokio::task::spawn_blocking(ProviderFiles::new).await;
    let files = made.map_err(|error| error.to_string())?;
    let files = files.map_err(|error| error.to_string())?;
    let found = files.ask(&address).await;
    found
        .map(|file| file.to_vec())
        .map_err(|error| error.to_string())
}

fn test(choice: Choice, user: String, password: Zeroizing<String>) -> Later<Result<(), String>> {
    Box::pin(log_in(choice, user, password))
}

/// Logs in at the provider, as a mail program would through popgate, and out again.
async fn log_in(choice: Choice, user: String, password: Zeroizing<String>) -> Result<(), String> {
    let flags = Flags {
        listen: vec!["127.0.0.1:0".to_owned()],
        upstream: Some(format!("{}:{}", bracketed(&choice.host), choice.port)),
        upstream_tls: Some(choice.tls.to_owned()),
        admin: Some("off".to_owned()),
        data_dir: Some(PathBuf::new()),
        rules: None,
    };
    let built = tokio::task::spawn_blocking(move || {
        let (config, problems) = Config::load(None, &flags);
        let overrides = Overrides {
            root: Root::Kept,
            ..Overrides::default()
        };
        super::build(&config, problems, overrides)
    });
    let server = built.await.map_err(|error| error.to_string())?;
    let server = server.map_err(|error| error.to_string())?;
    let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let drain = server.drain_signal().drain();
    let mailbox = mailbox_of_login(server.service(), from, drain, &user, &password).await;
    mailbox.map(drop).map_err(|denied| denied.to_string())
}

fn bracketed(host: &str) -> String {
    match host.contains(':') {
        true => format!("[{host}]"),
        false => host.to_owned(),
    }
}

/// The file. The form has let no character through that needs an escape.
fn settings(choice: &Choice, data_dir: &Path) -> String {
    let Choice {
        host,
        port,
        tls,
        listen,
    } = choice;
    let mut text = format!(
        "# Written by popgate's first run. Every setting: deploy/settings.md.\n\n\
         [[listen]]\naddress = \"{listen}\"\n\n\
         [[upstream]]\nname = \"provider\"\nhost = \"{host}\"\nport = {port}\ntls = \"{tls}\"\n"
    );
    let dir = toml_edit::Value::from(data_dir.display().to_string());
    let _ = write!(text, "\n[data]\ndir = {dir}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TlsMode;

    #[test]
    fn what_is_written_is_a_valid_configuration() {
        for (host, tls, mode) in [
            ("pop.example.net", "implicit", TlsMode::Implicit),
            ("pop.example.net", "starttls", TlsMode::Starttls),
            ("::1", "off", TlsMode::Off),
        ] {
            let choice = Choice {
                host: host.to_owned(),
                port: 4711,
                tls,
                listen: "127.0.0.1:1110".parse().unwrap(),
            };
            let text = settings(&choice, Path::new("a \"quoted\" folder"));
            let (config, problems) = Config::parse("popgate.toml", &text, &Flags::default());
            assert!(problems.is_empty(), "{problems:?} in\n{text}");
            assert_eq!(config.upstreams[0].host, host);
            assert_eq!(config.upstreams[0].port, 4711);
            assert_eq!(config.upstreams[0].tls, mode);
            assert_eq!(config.listen[0].address, choice.listen);
            assert!(config.data_dir.ends_with("a \"quoted\" folder"));
        }
    }
}
