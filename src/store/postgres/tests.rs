//! PostgreSQL's part of the contract, against a real server. Ignored where there is none: `tests/run postgres` starts
//! one, and names it in POPGATE_TEST_POSTGRES.

mod faults;
mod scale;

use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::{Client, Config, NoTls};

use super::super::contract_tests::contract;
use super::event_loop::EventLoop;
use super::{Postgres, Target};

/// A database that is dropped with it.
struct Database {
    name: String,
    server: Config,
}

/// The server of the environment, as a user who may create databases.
fn server() -> Config {
    let url = std::env::var("POPGATE_TEST_POSTGRES");
    let url = url.expect("POPGATE_TEST_POSTGRES is a server's address: see CONTRIBUTING.md");
    url.parse().unwrap()
}

fn execute(server: &Config, sql: &str) {
    let event_loop = EventLoop::start().unwrap();
    event_loop.wait_for(async {
        let (client, connection) = server.connect(NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
        drop(client);
        let _ = connection.await;
    });
}

impl Database {
    fn new() -> Self {
        Self::with("")
    }

    fn with(options: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("popgate_test_{}_{number}", std::process::id());
        let server = server();
        execute(&server, &format!("CREATE DATABASE {name} {options}"));
        Self { name, server }
    }

    fn execute(&self, sql: &str) {
        execute(&self.target().config, sql);
    }

    /// A transaction that stays open after this statement, until the result is dropped.
    fn locked(&self, sql: &str) -> (Client, EventLoop) {
        let event_loop = EventLoop::start().unwrap();
        let config = self.target().config;
        let client = event_loop.wait_for(async {
            let (client, connection) = config.connect(NoTls).await.unwrap();
            tokio::spawn(connection);
            client
                .batch_execute(&format!("BEGIN; {sql}"))
                .await
                .unwrap();
            client
        });
        (client, event_loop)
    }

    fn target(&self) -> Target {
        let mut config = self.server.clone();
        config.dbname(&self.name);
        let name = self.name.clone();
        Target {
            config,
            tls: None,
            name,
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        execute(&self.server, &sql);
    }
}

fn empty() -> (Postgres, Database) {
    let database = Database::new();
    let store = Postgres::new(&database.target()).unwrap();
    store.prepare().unwrap();
    (store, database)
}

contract!(
    #[ignore = "needs a server"]
    empty
);
