//! The first run: there is no configuration, so the console alone is served until a person has written one.
//!
//! In: the address of the admin port; out: a file with settings that were tested, and the port, which the server takes over.

mod consent;
mod provider_login;
mod settings_file;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::Notify;

use self::consent::Consents;
use self::provider_login::log_in;
use self::settings_file::settings;
use super::notify;
use super::signals::StopSignals;
use crate::admin::{Choice, Consent, ConsentProblem, OneTimeToken, Setup, new_token, serve_setup};
use crate::store::{OpeningToken, durable_write};
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
    OpeningToken::forget(data_dir);
    let admin = TcpListener::bind(address).map_err(|error| {
        let text = format!("cannot listen on {address}: {error}; choose another with --admin");
        io::Error::new(error.kind(), text)
    })?;
    let (file, data_dir) = (file.to_owned(), data_dir.to_owned());
    let written = data_dir.clone();
    let write: Arc<WriteFile> = Arc::new(move |choice| write(&file, choice, &written));
    let port = admin.local_addr()?.port();
    let opening = data_dir.clone();
    let setup = Arc::new(Setup {
        token: token.clone(),
        takes_opening_token: Box::new(move |token| OpeningToken::takes(&opening, token)),
        next_token: next_token.clone(),
        done: Notify::new(),
        is_done: AtomicBool::new(false),
        listen: free_port(),
        ask: Box::new(|address| Box::pin(ask(address))),
        test: Box::new(|choice, user, password| {
            Box::pin(log_in(choice, user, password, Vec::new()))
        }),
        consent: consent(Arc::new(Consents::new(port, data_dir)), Arc::clone(&write)),
        write: Box::new(move |choice| write(choice)),
    });
    let mut stops = StopSignals::new()?;
    notify::waiting();
    announce(&format!(
        "http://{}/?token={}",
        admin.local_addr()?,
        token.0
    ));
    tokio::select! {
        served = serve_setup(admin.try_clone()?, setup) => served?,
        () = stops.next() => return Ok(None),
        never = notify::alive_alone() => match never {},
    }
    let token = next_token;
    Ok(Some(SetUp { admin, token }))
}

/// Writes the file, and returns its path; an error is a sentence.
type WriteFile = dyn Fn(&Choice) -> Result<String, String> + Send + Sync;

fn write(file: &Path, choice: &Choice, data_dir: &Path) -> Result<String, String> {
    let text = settings(choice, data_dir);
    let path = file.display().to_string();
    match durable_write::create(file, text.as_bytes()) {
        Ok(()) => Ok(path),
        Err(error) => Err(format!("{path}: {error}")),
    }
}

/// The steps of a consent, for the pages.
fn consent(consents: Arc<Consents>, write: Arc<WriteFile>) -> Consent {
    let (asks, takes) = (Arc::clone(&consents), Arc::clone(&consents));
    Consent::new(
        Box::new(move |asking| {
            let consents = Arc::clone(&asks);
            Box::pin(async move { consents.begin(asking).await })
        }),
        Box::new(move |came| {
            let consents = Arc::clone(&takes);
            Box::pin(async move { consents.take(came).await })
        }),
        Box::new(move |is_tested| {
            let (consents, write) = (Arc::clone(&consents), Arc::clone(&write));
            Box::pin(async move {
                let choice = match is_tested {
                    true => consents.tested().await?,
                    false => consents.granted().await?,
                };
                write(&choice).map_err(ConsentProblem::NotWritten)
            })
        }),
    )
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
