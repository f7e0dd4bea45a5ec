//! A log that another server than NATS keeps, and the waits of all logs, which pass in that server's time.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_nats::jetstream::{self, Context};
use futures::future::{BoxFuture, Either, select};
use hilum_retry::Attempts;

use super::clock::ServerClock;
use super::log::Log;
use super::server::LogServer;

/// A client of NATS that is connected to nothing and never will be: what is asked of it, and not of the [`LogServer`], ends
/// in a panic, for it runs nowhere.
static NOWHERE: LazyLock<(async_nats::Client, Context)> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime without threads needs nothing");
    let made = runtime.block_on(async {
        let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
        let client = options.connect("127.0.0.1:1").await.expect("it is not waited for");
        let context = jetstream::new(client.clone());
        (client, context)
    });
    // Its tasks stay where they are: nobody runs them.
    std::mem::forget(runtime);
    made
});

impl Log {
    /// A log that `server` keeps. Each process has its own: what it knows of the log is kept with it.
    pub fn kept_by(server: Arc<dyn LogServer>) -> Self {
        let (client, context) = NOWHERE.clone();
        Self {
            client,
            context,
            known: Arc::default(),
            waiting: Arc::default(),
            standing: Arc::default(),
            clock: ServerClock::default(),
            server: Some(server),
        }
    }

    /// How long an append is tried before its caller is told that it failed.
    pub(crate) fn patience(&self) -> Attempts {
        // Behind another server the caller is a simulation, which has its own idea of when it is tried again.
        if self.server.is_some() { Attempts::ONCE } else { Attempts::BRIEF }
    }

    /// Waits.
    pub(crate) async fn pause(&self, wait: Duration) {
        match &self.server {
            None => tokio::time::sleep(wait).await,
            Some(server) => server.pause(wait).await,
        }
    }

    /// Waits before try `number` of what is tried until it succeeds.
    pub(crate) async fn pause_before(&self, attempts: Attempts, number: u64) {
        self.pause(self.wait_before(attempts, number)).await;
    }

    /// The wait before try `number`; with jitter where several machines may fail together.
    pub(crate) fn wait_before(&self, attempts: Attempts, number: u64) -> Duration {
        match &self.server {
            None => attempts.jittered_wait_before(number),
            Some(_) => attempts.wait_before(number),
        }
    }

    /// What comes of `work`; `None` when it takes longer than `limit`.
    pub(crate) async fn within<T>(&self, limit: Duration, work: BoxFuture<'_, T>) -> Option<T> {
        match &self.server {
            None => tokio::time::timeout(limit, work).await.ok(),
            Some(server) => match select(work, server.pause(limit)).await {
                Either::Left((done, _)) => Some(done),
                Either::Right(_) => None,
            },
        }
    }
}
