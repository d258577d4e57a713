//! Shared by the tests of sessions: a proxy in this process, and scripted peers.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

pub mod authority;
pub mod browser;
pub mod dialog;
pub mod edits;
pub mod exchange;
pub mod identity_provider;
pub mod mailbox;
pub mod name_server;
pub mod played_proxy;
pub mod played_scanner;
pub mod program;
pub mod provider;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use popgate::config::{
    Config, ConsoleConfig, DropMode, Flags, HeaderMode, HistoryMode, Limits, Listen, NetworkConfig,
    Routes, StoreKind, Timeouts, TlsMode, Upstream,
};
use popgate::filter::{Filter, Thresholds};
use popgate::metrics::Metrics;
use popgate::net::{DrainSignal, Stream};
use popgate::rule_folder;
use popgate::server::{self, Overrides, Root, SessionRuntime};
use popgate::session::{self, Engine};
use popgate::thread_pool::ThreadPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Longer than any step of a test takes unless something is wrong.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The settings of a test's proxy.
pub struct Settings {
    pub upstream: SocketAddr,
    pub tls: TlsMode,
    pub client_config: Option<Arc<tokio_rustls::rustls::ClientConfig>>,
    pub host: String,
    pub rules: PathBuf,
    pub engine: Option<Engine>,
    pub drop_at: Option<f64>,
    pub headers: HeaderMode,
    /// The most messages that are read ahead of a client's commands.
    pub prefetch: usize,
    pub hold_bytes: usize,
    pub hold_time: Duration,
    /// Whether a message is relayed as it comes that passes whatever follows its header.
    pub early_release: bool,
    pub timeouts: Timeouts,
    pub limits: Limits,
    pub data_dir: Option<PathBuf>,
    /// Whether there is a store in the data directory.
    pub store: bool,
    /// What clients see of what is held back, and how much may be fetched before they are told.
    pub drop_mode: DropMode,
    pub hide_time: Duration,
    pub hide_bytes: usize,
    pub hide_delete_after: Option<Duration>,
    pub history: HistoryMode,
    /// The listener; its address is ignored.
    pub listen: Listen,
    pub tls_server: Option<Arc<tokio_rustls::rustls::ServerConfig>>,
    /// More upstreams, and the routes to them.
    pub others: Vec<(Upstream, Option<Arc<tokio_rustls::rustls::ClientConfig>>)>,
    pub routes: Routes,
    /// OAuth logins by upstream.
    pub oauth: Vec<(String, session::OAuthLogin)>,
    /// More addresses that count as the proxy's own.
    pub also_own: Vec<SocketAddr>,
    /// The proxy on the way to the first upstream.
    pub proxy: Option<popgate::config::UpstreamProxy>,
    /// Changes the first upstream.
    pub change: fn(&mut Upstream),
    pub piece: usize,
    /// Whether the filter learns; it knows nothing at first.
    pub classifier: bool,
    /// Whether there are an admin port and a console.
    pub admin: bool,
    /// Who reaches the console, and how.
    pub console: ConsoleConfig,
    /// What others are asked.
    pub network: Option<NetworkConfig>,
    /// The scanners beside it.
    pub scanners: Vec<popgate::config::Scanner>,
}

impl Settings {
    pub fn new(upstream: SocketAddr) -> Self {
        Self {
            upstream,
            tls: TlsMode::Off,
            client_config: None,
            host: "127.0.0.1".to_owned(),
            rules: test_rules(),
            engine: None,
            drop_at: None,
            headers: HeaderMode::Spam,
            prefetch: 0,
            hold_bytes: 512 << 10,
            hold_time: Duration::from_secs(15),
            early_release: true,
            timeouts: Config::load(None, &Flags::default()).0.timeouts,
            limits: Config::load(None, &Flags::default()).0.limits,
            data_dir: None,
            store: false,
            drop_mode: DropMode::Notice,
            hide_time: Duration::from_secs(12),
            hide_bytes: 64 << 20,
            hide_delete_after: None,
            history: HistoryMode::Full,
            listen: Listen::on(SocketAddr::from(([127, 0, 0, 1], 0))),
            tls_server: None,
            others: Vec::new(),
            routes: Routes::default(),
            oauth: Vec::new(),
            also_own: Vec::new(),
            proxy: None,
            change: |_| {},
            piece: usize::MAX,
            classifier: false,
            admin: false,
            console: ConsoleConfig::default(),
            network: None,
            scanners: Vec::new(),
        }
    }

    /// The configuration, and the overrides that a configuration cannot express.
    fn into_config(self) -> (Config, Overrides) {
        let (mut config, problems) = Config::load(None, &Flags::default());
        assert!(problems.is_empty(), "{problems:?}");
        let (host, port) = (&self.host, self.upstream.port());
        let mut upstream = Upstream::new("test", host, port, self.tls);
        upstream.proxy = self.proxy;
        upstream.prefetch = self.prefetch;
        (self.change)(&mut upstream);
        let first = (upstream, self.client_config.clone());
        let all = std::iter::once(first).chain(self.others);
        let (upstreams, tls): (Vec<_>, Vec<_>) = all.unzip();
        let tls = tls.into_iter().enumerate();
        let listener_tls = self.tls_server.into_iter().map(|tls| (0, tls));
        let shared = (self.rules == test_rules() && !self.classifier)
            .then(|| Engine::Rules(filter(self.drop_at)));
        let overrides = Overrides {
            engine: self.engine.or(shared),
            listener_tls: listener_tls.collect(),
            upstream_tls: tls.filter_map(|(place, tls)| Some((place, tls?))).collect(),
            ad_hoc_tls: self.client_config,
            oauth: self.oauth,
            own_addresses: self.also_own,
            read_limit: Some(self.piece),
            // In paused time nothing may be waited for.
            store_threads: Some(Arc::new(ThreadPool::new("store-reader", 0, 0))),
            ..Overrides::default()
        };
        config.listen = vec![self.listen];
        config.upstreams = upstreams;
        config.routes = self.routes;
        config.console = self.console.clone();
        if let Some(network) = self.network {
            config.network = network;
        }
        config.admin = self.admin.then(|| ([127, 0, 0, 1], 0).into());
        config.data_dir = self.data_dir.unwrap_or_default();
        if !self.store {
            config.store.kind = StoreKind::Off;
        }
        config.store.history = self.history;
        config.store.hide_delete_after = self.hide_delete_after;
        config.filter.drop_mode = self.drop_mode;
        config.filter.hide_time = self.hide_time;
        config.filter.hide_bytes = self.hide_bytes;
        config.filter.rules = Some(self.rules);
        config.filter.classifier = self.classifier;
        config.filter.shipped_model = false;
        config.filter.thresholds.drop_at = self.drop_at;
        config.filter.headers = self.headers;
        config.filter.hold_bytes = self.hold_bytes;
        config.filter.hold_time = self.hold_time;
        config.filter.early_release = self.early_release;
        config.timeouts = self.timeouts;
        config.limits = self.limits;
        config.scanners = self.scanners;
        (config, overrides)
    }
}

/// The filter with tests/rules, built once per threshold: it has no state between messages.
pub fn filter(drop_at: Option<f64>) -> Arc<Filter> {
    static MADE: Mutex<Vec<(Option<f64>, Arc<Filter>)>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap();
    if let Some((_, filter)) = made.iter().find(|it| it.0 == drop_at) {
        return Arc::clone(filter);
    }
    let filter = Arc::new(new_filter(&test_rules(), drop_at));
    made.push((drop_at, Arc::clone(&filter)));
    filter
}

pub fn test_rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules")
}

pub fn new_filter(rules: &Path, drop_at: Option<f64>) -> Filter {
    let tag_at = 5.0;
    let rules = rule_folder::load(Some(rules)).unwrap();
    Filter::new(rules, Thresholds { tag_at, drop_at }).unwrap()
}

/// A proxy that serves until it is dropped.
pub struct Proxy {
    pub address: SocketAddr,
    pub metrics: Arc<Metrics>,
    pub signal: Arc<DrainSignal>,
    /// The admin port, and its console.
    pub admin: Option<(SocketAddr, Arc<popgate::admin::Console>)>,
    /// Receives the result of each session that ends; an error is a panic.
    pub ended: tokio::sync::mpsc::UnboundedReceiver<Result<(), tokio::task::JoinError>>,
}

impl Proxy {
    /// An upstream port of 0 means the proxy itself.
    pub async fn start(mut settings: Settings) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        if settings.upstream.port() == 0 {
            settings.upstream = address;
        }
        let (ended_sender, ended) = tokio::sync::mpsc::unbounded_channel();
        let (config, overrides) = settings.into_config();
        let overrides = Overrides {
            listeners: vec![listener],
            root: Root::Kept,
            sessions: SessionRuntime::Current(ended_sender),
            ..overrides
        };
        let server = server::build(&config, Vec::new(), overrides);
        let server = server.unwrap_or_else(|error| panic!("{error}"));
        let proxy = Self {
            address,
            metrics: Arc::clone(server.metrics()),
            signal: Arc::clone(server.drain_signal()),
            admin: server.admin_address().zip(server.console().cloned()),
            ended,
        };
        if let Some(console) = server.console() {
            let reloader = server.reloader();
            console.reload_with(Arc::new(move || {
                let reloaded = reloader.reload(&config, Vec::new());
                reloaded.map_err(|all| all.iter().map(ToString::to_string).collect())
            }));
        }
        let never = std::future::pending;
        tokio::spawn(server::run(server, never(), never()));
        proxy
    }

    /// Waits until one session has ended.
    pub async fn session_end(&mut self) {
        let ended = tokio::time::timeout(PATIENCE, self.ended.recv()).await;
        ended
            .expect("no session ended in time")
            .unwrap()
            .expect("a session panicked");
    }

    /// The value of one line of /metrics; 0 if it is missing.
    pub fn metric(&self, line: &str) -> f64 {
        let text = String::from_utf8(self.metrics.text()).unwrap();
        let found = text
            .lines()
            .find_map(|it| it.strip_prefix(line)?.strip_prefix(' ')?.parse().ok());
        found.unwrap_or(0.0)
    }
}

/// The test's end of a connection.
pub struct Peer {
    pub name: &'static str,
    stream: Stream,
    buffer: Vec<u8>,
}

impl Peer {
    pub fn new(name: &'static str, stream: TcpStream) -> Self {
        Self::over(name, Stream::plain(stream).unwrap())
    }

    fn over(name: &'static str, stream: Stream) -> Self {
        Self {
            name,
            stream,
            buffer: Vec::new(),
        }
    }

    /// Starts TLS as a client; buffered bytes are discarded.
    pub async fn encrypted(
        self,
        name: &str,
        config: Arc<tokio_rustls::rustls::ClientConfig>,
    ) -> std::io::Result<Self> {
        let name_of_server = name.to_owned().try_into().unwrap();
        let tcp = self.stream.into_plain().unwrap();
        let connector = tokio_rustls::TlsConnector::from(config);
        let tls = tokio::time::timeout(PATIENCE, connector.connect(name_of_server, tcp)).await;
        Ok(Self {
            name: self.name,
            stream: Stream::tls(tls.expect("the TLS handshake timed out")?),
            buffer: Vec::new(),
        })
    }

    /// Starts TLS as a server; buffered bytes are discarded.
    pub async fn accepted(self, acceptor: &tokio_rustls::TlsAcceptor) -> std::io::Result<Self> {
        let tcp = self.stream.into_plain().unwrap();
        let tls = tokio::time::timeout(PATIENCE, acceptor.accept(tcp)).await;
        Ok(Self {
            name: self.name,
            stream: Stream::tls(tls.expect("the TLS handshake timed out")?),
            buffer: Vec::new(),
        })
    }

    /// The peer's certificate.
    pub fn proof(&self) -> Vec<u8> {
        self.stream.peer_certificate().unwrap().0.to_vec()
    }

    pub async fn connect(address: SocketAddr) -> Self {
        Self::new("client", TcpStream::connect(address).await.unwrap())
    }

    pub async fn accept(listener: &TcpListener) -> Self {
        let accepted = tokio::time::timeout(PATIENCE, listener.accept()).await;
        Self::new(
            "upstream",
            accepted.expect("no connection to the upstream").unwrap().0,
        )
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        let sent = tokio::time::timeout(PATIENCE, self.stream.write_all(bytes)).await;
        sent.unwrap_or_else(|_| panic!("{}: timed out sending {:?}", self.name, shown(bytes)))
            .unwrap();
    }

    /// Sends to a peer that may have closed.
    pub async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Reads exactly these bytes.
    pub async fn expect(&mut self, bytes: &[u8]) {
        let got = self.take(bytes.len()).await;
        assert_eq!(shown(&got), shown(bytes), "{}", self.name);
    }

    /// Reads this many bytes, or fewer at the end of the stream.
    pub async fn take(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count && self.fill().await > 0 {}
        let count = count.min(self.buffer.len());
        self.buffer.drain(..count).collect()
    }

    /// Reads a line, including its line end.
    pub async fn line(&mut self) -> Vec<u8> {
        loop {
            if let Some(at) = self.buffer.iter().position(|&byte| byte == b'\n') {
                return self.buffer.drain(..=at).collect();
            }
            if self.fill().await == 0 {
                return std::mem::take(&mut self.buffer);
            }
        }
    }

    /// Reads the lines of a multi-line response after its status line, including the final dot.
    pub async fn answer(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let line = self.line().await;
            all.extend_from_slice(&line);
            if line == b".\r\n" || line.is_empty() {
                return all;
            }
        }
    }

    /// Reads to the end of the stream or a reset.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await > 0 {}
        std::mem::take(&mut self.buffer)
    }

    /// Reads to the end of the stream; an end of TCP without the end of TLS is an error.
    pub async fn whole_rest(&mut self) -> std::io::Result<Vec<u8>> {
        let mut rest = std::mem::take(&mut self.buffer);
        let read = self.stream.read_to_end(&mut rest);
        let read = tokio::time::timeout(PATIENCE, read).await;
        read.expect("timed out reading to the end")?;
        Ok(rest)
    }

    /// Closes the sending side only.
    pub async fn half_close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Closes the connection below TLS, without its end.
    pub fn cut(self) {
        self.stream.cut();
    }

    /// Closes the connection with a reset.
    pub fn reset(self) {
        let tcp = self.stream.into_plain().unwrap();
        socket2::SockRef::from(&tcp)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }

    async fn fill(&mut self) -> usize {
        let mut piece = vec![0; 64 << 10];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut piece)).await;
        let read = read.unwrap_or_else(|_| {
            panic!(
                "{}: timed out reading after {:?}",
                self.name,
                shown(&self.buffer)
            )
        });
        let read = read.unwrap_or(0);
        self.buffer.extend_from_slice(&piece[..read]);
        read
    }
}

/// Puts a message into quarantine as popgate does.
pub fn hold(quarantine: &popgate::store::Quarantine, id: &str, message: &str) {
    let id = popgate::store::records::PopgateId::new(id).unwrap();
    let entry = popgate::store::quarantine::entry_of(id, message.as_bytes());
    quarantine.put(entry, false, message.as_bytes()).unwrap();
}

/// Polls for a state of another process or thread that sends no event.
pub fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed() < 3 * PATIENCE, "not {what} yet");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The messages (`*.eml`) in a folder of `tests`, by name; there is one at least.
pub fn messages_in(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(folder);
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "eml"));
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// Bytes, escaped for failure messages.
pub fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// A proxy, a client that has logged in, and its upstream.
pub async fn session(change: impl FnOnce(&mut Settings)) -> (Proxy, Peer, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::new(listener.local_addr().unwrap());
    change(&mut settings);
    let proxy = Proxy::start(settings).await;
    let (client, upstream) = logged_in(&proxy, &listener).await;
    (proxy, client, upstream)
}

/// Capacity of a pipe in memory.
pub const PIPE: usize = 64 << 10;

/// A session after login over pipes in memory: with paused time (`start_paused`) the clock jumps to the next
/// deadline whenever all tasks are idle.
pub async fn session_in_memory(change: impl FnOnce(&mut Settings)) -> (Proxy, Peer, Peer) {
    let server = ServerInMemory::new(change);
    let (client, upstream) = server.logged_in().await;
    (server.proxy, client, upstream)
}

/// A server without sockets, whose sessions run over pipes in memory.
pub struct ServerInMemory {
    pub proxy: Proxy,
    server: server::Server,
    ended: tokio::sync::mpsc::UnboundedSender<Result<(), tokio::task::JoinError>>,
}

impl ServerInMemory {
    pub fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::new(([127, 0, 0, 1], 110).into());
        change(&mut settings);
        // A filter that hangs needs a thread of its own; for all others paused time must not go on while they judge.
        let hangs = matches!(settings.engine, Some(Engine::Broken(_)));
        let (config, overrides) = settings.into_config();
        let overrides = Overrides {
            judges: (!hangs).then(|| Arc::new(ThreadPool::new("judge", 0, 0))),
            ..overrides
        };
        let server = server::build(&config, Vec::new(), overrides);
        let server = server.unwrap_or_else(|error| panic!("{error}"));
        let (ended_sender, ended) = tokio::sync::mpsc::unbounded_channel();
        let proxy = Proxy {
            address: ([127, 0, 0, 1], 0).into(),
            metrics: Arc::clone(server.metrics()),
            signal: Arc::clone(server.drain_signal()),
            admin: None,
            ended,
        };
        Self {
            proxy,
            server,
            ended: ended_sender,
        }
    }

    /// One more session: its client, which has logged in, and its upstream.
    pub async fn logged_in(&self) -> (Peer, Peer) {
        let (mut client, mut upstream) = self.unconnected();
        log_in(&mut client, &mut upstream).await;
        (client, upstream)
    }

    /// Both sides quit, and the session ends.
    pub async fn quit(&mut self, mut client: Peer, mut upstream: Peer) {
        client.send(b"QUIT\r\n").await;
        upstream.expect(b"QUIT\r\n").await;
        upstream.send(b"+OK\r\n").await;
        client.expect(b"+OK\r\n").await;
        self.proxy.session_end().await;
    }

    /// One more session before its upstream's greeting.
    pub fn unconnected(&self) -> (Peer, Peer) {
        let (client, near_client) = tokio::io::duplex(PIPE);
        let (upstream, near_upstream) = tokio::io::duplex(PIPE);
        let session = tokio::spawn(session::run_over(
            self.server.service(),
            Stream::memory(near_client),
            Stream::memory(near_upstream),
            self.server.drain_signal().drain(),
        ));
        let ended = self.ended.clone();
        tokio::spawn(async move { ended.send(session.await) });
        let client = Peer::over("client", Stream::memory(client));
        let upstream = Peer::over("upstream", Stream::memory(upstream));
        (client, upstream)
    }
}

/// A client that has logged in, and its upstream.
pub async fn logged_in(proxy: &Proxy, listener: &TcpListener) -> (Peer, Peer) {
    let mut client = Peer::connect(proxy.address).await;
    let mut upstream = Peer::accept(listener).await;
    log_in(&mut client, &mut upstream).await;
    (client, upstream)
}

/// The client asks for capabilities, and the upstream announces PIPELINING.
pub async fn announce_pipelining(client: &mut Peer, upstream: &mut Peer) {
    let list = b"+OK\r\nPIPELINING\r\n.\r\n";
    client.send(b"CAPA\r\n").await;
    upstream.expect(b"CAPA\r\n").await;
    upstream.send(list).await;
    client.expect(list).await;
}

async fn log_in(client: &mut Peer, upstream: &mut Peer) {
    upstream.send(b"+OK ready\r\n").await;
    client.expect(b"+OK ready\r\n").await;
    for (command, answer) in [
        (&b"USER a\r\n"[..], &b"+OK\r\n"[..]),
        (b"PASS b\r\n", b"+OK in\r\n"),
    ] {
        client.send(command).await;
        upstream.expect(command).await;
        upstream.send(answer).await;
        client.expect(answer).await;
    }
}
