//! Statements: prepared once a connection, and sent without waiting for the answer to the one before.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use deadpool_postgres::{Object, Transaction};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::failure::Failure;

/// Statements whose answers are not there yet.
const UNANSWERED: usize = 64;

/// A statement that changes something, with its values.
pub(super) struct Bound<'c> {
    pub(super) sql: &'static str,
    pub(super) values: Vec<Value<'c>>,
}

pub(super) type Value<'c> = Box<dyn ToSql + Send + Sync + 'c>;

/// A [`Bound`] of a statement and its values.
macro_rules! bound {
    ($sql:expr, $($value:expr),* $(,)?) => {
        $crate::store::postgres::statements::Bound {
            sql: $sql,
            values: vec![$(Box::new($value)),*],
        }
    };
}
pub(super) use bound;

/// The number of the mailbox whose server is $1 and whose user is $2.
macro_rules! known {
    () => {
        "(SELECT id FROM mailboxes WHERE upstream = $1 AND user_name = $2)"
    };
}
pub(super) use known;

/// The answer to one statement, when it comes.
type Answer<'t> = Pin<Box<dyn Future<Output = Result<u64, Error>> + 't>>;

/// Sends statements in their order, within a transaction. The server answers in that order, so the first error is the
/// reason for the others.
pub(super) async fn execute_all(
    transaction: &Transaction<'_>,
    statements: &[Bound<'_>],
) -> Result<(), Failure> {
    let mut unanswered: VecDeque<Answer<'_>> = VecDeque::new();
    for bound in statements {
        let statement = match transaction.prepare_cached(bound.sql).await {
            Ok(statement) => statement,
            Err(error) => {
                for answer in unanswered {
                    answer.await?;
                }
                return Err(error.into());
            }
        };
        let mut answer: Answer<'_> = Box::pin(async move {
            let values = bound
                .values
                .iter()
                .map(|value| -> &(dyn ToSql + Sync) { &**value });
            transaction.execute_raw(&statement, values).await
        });
        // It is sent when it is polled first.
        let sent = std::future::poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await;
        match sent {
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) => return Err(error.into()),
            Poll::Pending => unanswered.push_back(answer),
        }
        if unanswered.len() >= UNANSWERED
            && let Some(first) = unanswered.pop_front()
        {
            first.await?;
        }
    }
    for answer in unanswered {
        answer.await?;
    }
    Ok(())
}

pub(super) async fn rows(
    client: &Object,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Failure> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query(&statement, values).await?)
}

/// The only row, if there is one.
pub(super) async fn row(
    client: &Object,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Option<Row>, Failure> {
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query_opt(&statement, values).await?)
}
