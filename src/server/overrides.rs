//! Settings beyond the configuration, for programs that embed the server and for tests.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinError;
use tokio_rustls::rustls::{ClientConfig, ServerConfig};

use crate::session::{Engine, OAuthLogin};
use crate::thread_pool::ThreadPool;

/// Settings beyond the configuration: for the demonstration, and tests. A reload ignores them.
#[derive(Debug, Default)]
pub struct Overrides {
    /// Bound sockets, for the first `[[listen]]` sections in their order.
    pub listeners: Vec<TcpListener>,
    /// The bound socket of the admin port.
    pub admin: Option<TcpListener>,
    /// Whether root's privileges are dropped.
    pub root: Root,
    /// Where sessions run.
    pub sessions: SessionRuntime,
    /// A filter instead of the configured one.
    pub engine: Option<Engine>,
    /// Threads that judge, instead of one per core.
    pub judges: Option<Arc<ThreadPool>>,
    /// Threads that wait for the store, instead of its own.
    pub store_threads: Option<Arc<ThreadPool>>,
    /// TLS of listeners by index, instead of their certificates.
    pub listener_tls: BTreeMap<usize, Arc<ServerConfig>>,
    /// TLS of upstreams by index, instead of their `ca_file` and pins.
    pub upstream_tls: BTreeMap<usize, Arc<ClientConfig>>,
    /// TLS of servers that are in no `[[upstream]]`.
    pub ad_hoc_tls: Option<Arc<ClientConfig>>,
    /// OAuth logins by the name of the upstream, in addition to the configured ones.
    pub oauth: Vec<(String, OAuthLogin)>,
    /// Addresses that reach this server, in addition to those of its listeners.
    pub own_addresses: Vec<SocketAddr>,
    /// The most octets that one read returns.
    pub read_limit: Option<usize>,
}

/// Whether root's privileges are dropped once the ports are bound.
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
    /// On a thread per core, each with its own event loop.
    #[default]
    Workers,
    /// On the runtime that runs the server; the end of each session is reported, a panic as an error.
    Current(UnboundedSender<Result<(), JoinError>>),
}
