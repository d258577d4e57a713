//! A login at the provider, to see that settings work.
//!
//! In: settings, a user name and a password, which may open a token; out: nothing, or why it fails.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::settings_file::settings;
use crate::admin::Choice;
use crate::config::{Config, Flags};
use crate::server::{self, Overrides, Root};
use crate::session::{OAuthLogin, mailbox_of_login};

/// Logs in at the provider, as a mail program would through popgate, and out again.
pub(super) async fn log_in(
    choice: Choice,
    user: String,
    password: Zeroizing<String>,
    oauth: Vec<(String, OAuthLogin)>,
) -> Result<(), String> {
    // Without a store, and without the token service, which is given.
    let choice = Choice {
        registration: None,
        ..choice
    };
    let text = settings(&choice, Path::new(""));
    let flags = Flags {
        listen: vec!["127.0.0.1:0".to_owned()],
        admin: Some("off".to_owned()),
        data_dir: Some(PathBuf::new()),
        ..Flags::default()
    };
    let built = tokio::task::spawn_blocking(move || {
        let (config, problems) = Config::parse("popgate.toml", &text, &flags);
        let overrides = Overrides {
            root: Root::Kept,
            oauth,
            ..Overrides::default()
        };
        server::build(&config, problems, overrides)
    });
    let server = built.await.map_err(|error| error.to_string())?;
    let server = server.map_err(|error| error.to_string())?;
    let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let drain = server.drain_signal().drain();
    let mailbox = mailbox_of_login(server.service(), from, drain, &user, &password).await;
    mailbox.map(drop).map_err(|denied| denied.to_string())
}
