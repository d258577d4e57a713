//! The versions of the tables, in `popgate.schema_version`.
//!
//! In: a connection; out: tables of the newest version, or an error. Of several nodes that start together one does it,
//! and the others wait: all steps are one transaction under a lock.

use deadpool_postgres::Object;
use tokio_postgres::GenericClient;

use super::super::store_error::StoreErrorKind;
use super::failure::Failure;

/// The step to each version, from 1.
const STEPS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
];

/// `popg`, and the first lock of it.
const LOCK: i64 = 0x706f_7067_0001;

/// The version that this program reads and writes.
pub(super) fn newest() -> i32 {
    i32::try_from(STEPS.len()).unwrap_or(i32::MAX)
}

/// The version of the tables: 0 = there are none.
pub(super) async fn version(client: &impl GenericClient) -> Result<i32, Failure> {
    let sql =
        "SELECT to_regclass('popgate.schema_version') IS NOT NULL, pg_encoding_to_char(encoding)
         FROM pg_database WHERE datname = current_database()";
    let row = client.query_one(sql, &[]).await?;
    let encoding: &str = row.try_get(1)?;
    if encoding != "UTF8" {
        let why = format!(
            "its encoding is {encoding}: create one with `createdb --encoding=UTF8 --template=template0`"
        );
        return Err(Failure::Unfit(StoreErrorKind::Incompatible, why));
    }
    if !row.try_get::<_, bool>(0)? {
        return Ok(0);
    }
    let sql = "SELECT version FROM popgate.schema_version";
    let version: i32 = match client.query_opt(sql, &[]).await? {
        Some(row) => row.try_get(0)?,
        None => 0,
    };
    match version {
        version if (0..=newest()).contains(&version) => Ok(version),
        version => Err(Failure::Unfit(
            StoreErrorKind::Incompatible,
            format!(
                "its tables have version {version}, and this popgate ({}) knows versions up to {}: upgrade this node, too",
                env!("CARGO_PKG_VERSION"),
                newest()
            ),
        )),
    }
}

/// Brings the tables to the newest version; returns the version that they had.
pub(super) async fn migrate(client: &mut Object) -> Result<i32, Failure> {
    let before = version(&***client).await?;
    if before == newest() {
        return Ok(before);
    }
    let transaction = client.transaction().await?;
    // Large tables take their time, and so does another node that does the same.
    transaction
        .batch_execute("SET LOCAL lock_timeout TO 0; SET LOCAL statement_timeout TO 0")
        .await?;
    transaction
        .execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
        .await?;
    let now = version(&*transaction).await?;
    if now == 0 {
        create_schema(&*transaction).await?;
    }
    if now > 0 && now < newest() {
        tracing::info!(
            "the tables of the database are brought from version {now} to {}: some seconds for a million messages",
            newest()
        );
    }
    let done = usize::try_from(now).unwrap_or(0);
    for step in &STEPS[done..] {
        transaction.batch_execute(step).await?;
    }
    let sql = "UPDATE schema_version SET version = $1";
    transaction.execute(sql, &[&newest()]).await?;
    transaction.commit().await?;
    Ok(now)
}

/// An administrator may have created the schema: then popgate needs no right to create one.
async fn create_schema(client: &impl GenericClient) -> Result<(), Failure> {
    let sql = "SELECT 1 FROM pg_namespace WHERE nspname = 'popgate'";
    if client.query_opt(sql, &[]).await?.is_none() {
        client.batch_execute("CREATE SCHEMA popgate").await?;
    }
    client
        .batch_execute(
            // Which database it is, also after a copy was restored elsewhere under its name.
            "CREATE TABLE popgate.schema_version (
               version  integer NOT NULL,
               identity text NOT NULL DEFAULT gen_random_uuid()::text
             );
             INSERT INTO popgate.schema_version (version) VALUES (0)",
        )
        .await?;
    Ok(())
}
