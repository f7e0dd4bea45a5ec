//! A cancelled `begin()` must not swallow what is written after it.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use hilum_projection::pool;
use sqlx::postgres::{PgPool, PgPoolOptions};

use crate::harness::World;

/// Drops `future` when it has not finished after `polls` polls.
async fn cancelled_after<F: Future>(polls: u32, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            left -= 1;
            if left == 0 { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}

/// Cancels a `begin()` at each of its steps and writes a row after each; how many of them are lost.
async fn lost_writes(pool: &PgPool, table: &'static str) -> i64 {
    let create = sqlx::AssertSqlSafe(format!("CREATE TABLE {table} (number int)"));
    sqlx::raw_sql(create).execute(pool).await.unwrap();
    const STEPS: u32 = 12;
    let mut cancelled = 0;
    for polls in 1..=STEPS {
        match cancelled_after(polls, pool.begin()).await {
            Some(transaction) => transaction.unwrap().rollback().await.unwrap(),
            None => cancelled += 1,
        }
        let insert = sqlx::AssertSqlSafe(format!("INSERT INTO {table} VALUES ({polls})"));
        sqlx::raw_sql(insert).execute(pool).await.unwrap();
    }
    assert!(cancelled > 0, "no begin was cut off; the test shows nothing");
    // What is still in an open transaction is gone when its connection is.
    let options = pool.connect_options();
    pool.close().await;
    let fresh = PgPoolOptions::new().connect_with((*options).clone()).await.unwrap();
    let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    let kept: i64 = sqlx::query_scalar(count).fetch_one(&fresh).await.unwrap();
    i64::from(STEPS) - kept
}

#[tokio::test]
async fn a_cancelled_begin_does_not_lose_later_writes() {
    let world = World::start().await;
    let url = world.postgres.url("postgres");
    let guarded = pool::open(&url, 1).unwrap();
    assert_eq!(lost_writes(&guarded, "guarded").await, 0);
    // The defect that the pool guards against. When this fails, sqlx is mended and the guard can go.
    let bare = PgPoolOptions::new().max_connections(1).connect(&url).await.unwrap();
    assert!(lost_writes(&bare, "bare").await > 0);
}
