//! Configuration: the file that people write, the flags over it, and the values that result.
//!
//! In: a TOML file and flags; out: [`Config`], whose values are all present, bounded and of their
//! own type, or every problem at once.
//!
//! It opens no socket and reads no rule: that is for the rooms that use the values.

mod address;
mod asked;
mod bounds;
mod client_secret;
mod console;
mod data;
mod filter;
mod flags;
mod host;
mod limits;
mod listen;
mod log;
mod mailbox_settings;
mod network;
mod oauth;
mod oauth_flow;
mod oauth_provider;
mod path;
mod postgres_address;
mod redirect_url;
pub mod reference;
mod renamed;
mod resolve;
mod route;
mod scanner;
mod settings;
mod tls_mode;
mod units;
mod upstream;
mod upstream_proxy;

pub use client_secret::ClientSecret;
pub use console::ConsoleConfig;
pub use data::{DigestWhen, HistoryMode, StoreConfig, StoreKind};
pub use filter::{DropMode, FilterConfig, HeaderMode};
pub use flags::Flags;
pub use host::{AllowedHost, HostPattern};
pub use limits::{Limits, Timeouts, UpstreamTimeouts};
pub use listen::{KeyPair, Listen, ListenTls, Sni};
pub use log::{LogConfig, LogFormat, LogMailboxes};
pub use mailbox_settings::{MailboxAssignment, MailboxOverrides, mailbox_keys};
pub use network::{
    DnsList, DnsListCode, DnsListKind, DnsServers, ListAnswer, ListHash, ListedThing,
    NetworkConfig, is_refusal,
};
pub use oauth::OAuth;
pub use oauth_flow::OAuthFlow;
pub use postgres_address::{PostgresAddress, StoreEncryption};
pub use redirect_url::RedirectUrl;
pub use resolve::keys;
pub use route::{Routes, UserNames};
pub use scanner::{OnVirus, Scanner, ScannerAddress, ScannerKind, SpamWorth};
pub use settings::{Config, Origin, Process};
pub use tls_mode::TlsMode;
pub use units::{duration, size};
pub use upstream::{ProxyHeader, Upstream};
pub use upstream_proxy::{ProxyKind, UpstreamProxy};
