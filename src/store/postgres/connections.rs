//! Connections to the server: a few, opened when they are needed.
//!
//! In: work with a connection; out: its result within a time, or an error. A connection on which something went wrong,
//! or on which an answer is still owed, is closed. A server that cannot be reached is dialled again after a pause, which
//! grows: in between every caller gets the last error at once.

mod pause;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::{
    Connect, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::ClientConfig;

use super::super::store_error::StoreError;
use super::event_loop::EventLoop;
use super::failure::Failure;
use super::target::Target;
use pause::Pause;

/// Connections at a time: look-ups, the writer, the upkeep and messages for the quarantine. The listener has its own.
const MOST: usize = 8;

/// How long a connection may take to be made.
const DIALLING: Duration = Duration::from_secs(3);

/// How long a caller waits for one that others use.
const WAITING: Duration = Duration::from_secs(2);

/// After that, sent data that the server's machine has not confirmed means that it is gone.
const UNCONFIRMED: Duration = Duration::from_secs(5);

/// What each connection begins with. The server gives up by itself what nobody waits for any more.
const SESSION: &str = "SET search_path TO popgate; SET statement_timeout TO '10s'; SET lock_timeout TO '4s'; \
     SET idle_in_transaction_session_timeout TO '15s'; SET jit TO off; \
     SET default_transaction_isolation TO 'read committed'; SET client_min_messages TO warning";

/// See the module.
#[derive(Debug)]
pub(super) struct Connections {
    event_loop: EventLoop,
    pool: Pool,
    dialler: Dialler,
    pause: Mutex<Pause>,
}

impl Connections {
    pub(super) fn new(target: &Target) -> std::io::Result<Self> {
        let dialler = Dialler::new(target);
        let config = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_connect(dialler.config.clone(), dialler.clone(), config);
        let pool = Pool::builder(manager)
            .max_size(MOST)
            .wait_timeout(Some(WAITING))
            .create_timeout(Some(DIALLING))
            .recycle_timeout(Some(DIALLING))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(std::io::Error::other)?;
        Ok(Self {
            event_loop: EventLoop::start()?,
            pool,
            dialler,
            pause: Mutex::default(),
        })
    }

    pub(super) fn event_loop(&self) -> &EventLoop {
        &self.event_loop
    }

    pub(super) fn dialler(&self) -> &Dialler {
        &self.dialler
    }

    /// The database, for people.
    pub(super) fn database(&self) -> &str {
        &self.dialler.database
    }

    /// Waits for work with a connection, so long at most.
    pub(super) fn run<T>(
        &self,
        limit: Duration,
        work: impl AsyncFnOnce(&mut Object) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let run = async {
            let mut connection = self.connection().await?;
            let done = timeout(limit, work(&mut connection)).await;
            let done = done.unwrap_or_else(|_| {
                Err(Failure::Unreachable(format!("no answer within {limit:?}")))
            });
            if done
                .as_ref()
                .is_err_and(|failure| !failure.leaves_connection())
            {
                drop(Object::take(connection));
            }
            done
        };
        let done = self.event_loop.wait_for(run);
        done.map_err(|failure| failure.at(self.database()))
    }

    async fn connection(&self) -> Result<Object, Failure> {
        if let Some(why) = self.pause().reason(Instant::now()) {
            return Err(Failure::Unreachable(why));
        }
        let failure = match self.pool.get().await {
            Ok(connection) => {
                self.pause().end();
                return Ok(connection);
            }
            Err(PoolError::Backend(error)) => Failure::Database(error),
            Err(PoolError::Timeout(TimeoutType::Wait)) => {
                let why = format!("all {MOST} connections are in use");
                return Err(Failure::Unreachable(why));
            }
            Err(PoolError::Timeout(_)) => {
                Failure::Unreachable(format!("no connection within {DIALLING:?}"))
            }
            Err(error) => Failure::Unreachable(error.to_string()),
        };
        self.pause().failed(Instant::now(), failure.to_string());
        Err(failure)
    }

    fn pause(&self) -> MutexGuard<'_, Pause> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes connections that are ready for the store's statements.
#[derive(Debug, Clone)]
pub(super) struct Dialler {
    config: Config,
    tls: Option<Arc<ClientConfig>>,
    database: Arc<str>,
}

impl Dialler {
    fn new(target: &Target) -> Self {
        let mut config = target.config.clone();
        if config.get_application_name().is_none() {
            config.application_name("popgate");
        }
        config
            .connect_timeout(DIALLING)
            .tcp_user_timeout(UNCONFIRMED)
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(3))
            .keepalives_retries(3)
            .ssl_mode(match &target.tls {
                Some(_) => SslMode::Require,
                None => SslMode::Disable,
            });
        Self {
            config,
            tls: target.tls.clone(),
            database: target.name.as_str().into(),
        }
    }

    /// A connection of its own; `watch` is the task that reads from it.
    pub(super) async fn dial(&self, watch: Watch) -> Result<(Client, JoinHandle<()>), Error> {
        let (client, task) = match &self.tls {
            Some(tls) => {
                self.dial_with(MakeRustlsConnect::new(ClientConfig::clone(tls)), watch)
                    .await?
            }
            None => self.dial_with(NoTls, watch).await?,
        };
        client.batch_execute(SESSION).await?;
        Ok((client, task))
    }

    async fn dial_with<T>(&self, tls: T, watch: Watch) -> Result<(Client, JoinHandle<()>), Error>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
    {
        let (client, connection) = self.config.connect(tls).await?;
        Ok((client, tokio::spawn(watched(connection, watch))))
    }
}

/// What is called when the server says something by itself.
pub(super) type Watch = Arc<dyn Fn(AsyncMessage) + Send + Sync>;

/// Reads from a connection until it ends.
async fn watched<S, T>(mut connection: Connection<S, T>, watch: Watch)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            Some(Ok(message)) => watch(message),
            // The callers that wait for an answer get the error.
            Some(Err(error)) => {
                tracing::debug!("a connection to the store has failed: {error}");
                return;
            }
            None => return,
        }
    }
}

impl Connect for Dialler {
    fn connect(
        &self,
        _: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        Box::pin(self.dial(Arc::new(|_| {})))
    }
}
