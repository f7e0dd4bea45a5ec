//! Which shares there are to take from: all of them at the begin, and again whenever one was made.

use std::time::Duration;

use async_nats::Subscriber;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};

use crate::connection::{Log, UnavailableError};
use crate::share::{self, has_shares};

/// The server says when it has made a consumer. It says so once, and that may be lost.
const MADE: &str = "$JS.EVENT.ADVISORY.CONSUMER.CREATED.EVENTS.*";
/// A site whose advisory was lost waits so long for its first image to be taken.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A list that could not be had is asked for again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// The names of all shares of these consumers, each time that there may be others. Ends never.
pub(super) fn watch_shares(
    log: &Log,
    consumers: &[String],
) -> BoxStream<'static, Result<Vec<String>, UnavailableError>> {
    if !has_shares(consumers) {
        return stream::pending().boxed();
    }
    let begin = (log.clone(), consumers.to_vec(), None::<Subscriber>);
    stream::try_unfold(begin, async |(log, consumers, made)| {
        // Before the list: what is made while it is asked for is heard of.
        let made = match made {
            Some(mut made) => {
                until_made(&mut made).await;
                made
            }
            None => {
                let made = log.client.subscribe(MADE).await;
                made.map_err(UnavailableError::new("listen for consumers that are made"))?
            }
        };
        let names = list(&log, &consumers).await;
        Ok(Some((names, (log, consumers, Some(made)))))
    })
    .boxed()
}

/// Asks until there is an answer. To begin anew for a list that did not come would take what is in hand of the pulls.
async fn list(log: &Log, consumers: &[String]) -> Vec<String> {
    loop {
        match log.shares_of(consumers).await {
            Ok(names) => return names,
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "cannot list the sites' consumers");
            }
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// Waits until a share was made, or long enough that one may have been.
async fn until_made(made: &mut Subscriber) {
    let is_share = |message: &async_nats::Message| {
        let name = message.subject.rsplit('.').next().unwrap_or_default();
        share::parts(name).1.is_some()
    };
    let one = async {
        while let Some(message) = made.next().await {
            if is_share(&message) {
                return;
            }
        }
        std::future::pending().await
    };
    // Nothing is wrong with having waited long enough.
    let _ = tokio::time::timeout(LOOK_EVERY, one).await;
    // One list tells of all that were made meanwhile.
    while made.next().now_or_never().flatten().is_some() {}
}
