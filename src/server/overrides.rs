//! What a program that runs the server itself, or a test, may set beside the configuration.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinError;
use tokio_rustls::rustls::{ClientConfig, ServerConfig};

use crate::session::{Engine, OAuthLogin};

/// What a program that runs the server itself may set beside the configuration: the demonstration, and
/// tests. A reload does not know of it.
#[derive(Debug, Default)]
pub struct Overrides {
    /// Bound already, for the first `[[listen]]` sections in their order.
    pub listeners: Vec<TcpListener>,
    /// Whether root's privileges are given up.
    pub root: Root,
    /// Where sessions run.
    pub sessions: SessionRuntime,
    /// In place of the filter that the configuration asks for.
    pub engine: Option<Engine>,
    /// TLS of listeners, by their place, in place of their certificates.
    pub listener_tls: BTreeMap<usize, Arc<ServerConfig>>,
    /// TLS of upstreams, by their place, in place of their `ca_file` and pins.
    pub upstream_tls: BTreeMap<usize, Arc<ClientConfig>>,
    /// TLS of servers that stand in no `[[upstream]]`.
    pub ad_hoc_tls: Option<Arc<ClientConfig>>,
    /// Logins by token, by the name of the upstream, beside those of the configuration.
    pub oauth: Vec<(String, OAuthLogin)>,
    /// Addresses that reach this server, beside those of its listeners.
    pub own_addresses: Vec<SocketAddr>,
    /// The most octets that one read takes.
    pub read_limit: Option<usize>,
}

/// Whether root's privileges are given up once the ports are bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Root {
    /// As the configuration says.
    #[default]
    GivenUp,
    /// No.
    Kept,
}

/// Where sessions run.
#[derive(Debug, Default)]
pub enum SessionRuntime {
    /// On a thread per core, each with an event loop of its own.
    #[default]
    Workers,
    /// On the runtime that runs the server; the end of each session is reported, a panic as an error.
    Current(UnboundedSender<Result<(), JoinError>>),
}
