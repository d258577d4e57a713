//! What a server is, and what popgate may do there: for `popgate doctor`, which changes nothing.

use deadpool_postgres::Object;

use super::failure::Failure;
use super::migrations;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// The server's version, as it says it.
    pub server: String,
    /// Whether this popgate works with such a server.
    pub is_new_enough: bool,
    /// The version of the tables: 0 = there are none yet.
    pub tables: i32,
    /// The version that this popgate needs.
    pub needed: i32,
    /// Whether tables may be made, or changed for a new version.
    pub may_create: bool,
    /// Whether all tables that are there may be read and written.
    pub may_write: bool,
}

/// The oldest version that is tested: 13.
const OLDEST: i32 = 130_000;

pub(super) async fn examine(client: &Object) -> Result<Examination, Failure> {
    let tables = migrations::version(&***client).await?;
    let sql = "SELECT current_setting('server_version'), current_setting('server_version_num')::int,
           coalesce(
             (SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = 'popgate'),
             has_database_privilege(current_database(), 'CREATE')),
           coalesce((SELECT bool_and(
               has_table_privilege(pg_class.oid, 'SELECT') AND has_table_privilege(pg_class.oid, 'INSERT')
               AND has_table_privilege(pg_class.oid, 'UPDATE') AND has_table_privilege(pg_class.oid, 'DELETE'))
             FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
             WHERE nspname = 'popgate' AND relkind = 'r'), true)";
    let row = client.query_one(sql, &[]).await?;
    let number: i32 = row.try_get(1)?;
    Ok(Examination {
        server: row.try_get(0)?,
        is_new_enough: number >= OLDEST,
        tables,
        needed: migrations::newest(),
        may_create: row.try_get(2)?,
        may_write: row.try_get(3)?,
    })
}
