//! A cancelled `begin()` must not swallow what is written after it.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use hilum_projection::pool;
use sqlx::postgres::{PgPool, PgPoolOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::World;

/// A way to `server_port` on which each answer takes a while, so that a caller surely waits for it.
async fn slow_way_to(server_port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", server_port)).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    if to_client.write_all(&buffer[..length]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

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
    const STEPS: u32 = 6;
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
async fn nothing_can_be_written_through_the_pool_for_reading() {
    let world = World::start().await;
    let pool = pool::open_for_reading(&world.postgres.url("postgres"), 1).unwrap();
    let one: i32 = sqlx::query_scalar("SELECT 1").fetch_one(&pool).await.unwrap();
    assert_eq!(one, 1);
    let refused = sqlx::raw_sql("CREATE TABLE written (number int)").execute(&pool).await.unwrap_err();
    let code = refused.as_database_error().and_then(|error| error.code());
    assert_eq!(code.as_deref(), Some("25006"), "{refused}");
}

#[tokio::test]
async fn a_cancelled_begin_does_not_lose_later_writes() {
    let world = World::start().await;
    let server_port = world.postgres.port();
    let slow_port = slow_way_to(server_port).await;
    let url = world.postgres.url("postgres").replace(&format!(":{server_port}/"), &format!(":{slow_port}/"));
    let guarded = pool::open(&url, 1).unwrap();
    assert_eq!(lost_writes(&guarded, "guarded").await, 0);
    // The defect that the pool guards against. When this fails, sqlx is mended and the guard can go.
    let bare = PgPoolOptions::new().max_connections(1).connect(&url).await.unwrap();
    assert!(lost_writes(&bare, "bare").await > 0);
}
