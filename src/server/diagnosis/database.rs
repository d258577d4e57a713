//! The PostgreSQL database that the store is in: connection, version, rights and tables. It makes none.

use super::finding::Findings;
use crate::config::{Config, PostgresAddress, StoreEncryption, StoreKind};
use crate::server::open_store;
use crate::store::postgres::{Examination, Postgres};

/// Where the statements for an administrator are.
const GUIDE: &str = "as deploy/several-nodes.md shows";

pub(super) fn check(config: &Config, findings: &mut Findings<'_>) {
    let StoreKind::Postgres(address) = &config.store.kind else {
        return;
    };
    let what = format!("store, {}", address.name);
    let examined = open_store::target(address).and_then(|target| Postgres::new(&target)?.examine());
    match examined {
        Ok(examination) => report(&what, address, &examination, findings),
        Err(error) => findings.wrong(
            &what,
            error.to_string(),
            match config.store.required {
                true => "popgate does not start until it can be used",
                false => "popgate serves without it until it can be used",
            },
        ),
    }
}

fn report(what: &str, address: &PostgresAddress, found: &Examination, findings: &mut Findings<'_>) {
    let way = match address.encryption {
        StoreEncryption::Off => "without TLS",
        StoreEncryption::Verified { .. } => "TLS, verified",
    };
    let server = format!("PostgreSQL {}, {way}", found.server);
    if !found.is_new_enough {
        findings.wrong(what, server, "upgrade the server to PostgreSQL 13 or newer");
    } else if !found.may_write {
        let found = format!("{server}: popgate may not read and write all of its tables");
        findings.wrong(
            what,
            found,
            format!("GRANT the rights on the schema popgate, {GUIDE}"),
        );
    } else if found.tables == found.needed {
        findings.fine(
            what,
            format!("{server}, tables of version {}", found.tables),
        );
    } else if !found.may_create {
        let found = format!(
            "{server}: tables of version {} are needed, and popgate may not make them",
            found.needed
        );
        findings.wrong(
            what,
            found,
            format!("let popgate's role own the schema popgate, {GUIDE}"),
        );
    } else {
        let tables = match found.tables {
            0 => format!(
                "there are no tables yet: the next start makes those of version {}",
                found.needed
            ),
            old => format!(
                "tables of version {old}: the next start brings them to version {}",
                found.needed
            ),
        };
        findings.note(what, format!("{server}; {tables}"));
    }
}
