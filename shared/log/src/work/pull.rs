//! Pulling from a durable consumer, one message per request: what is not in hand stays with the server, for others. The
//! client's own streams of messages are of no use for that. The endless one waits, when an answer comes before it has counted its
//! request, for another one that nobody asked for. And none of them can be closed without losing what is on its way: the
//! server counts it as handed out, and nobody else is given it before its ack wait is over. Here each request has an inbox
//! that takes one answer and goes with it; what the server can't deliver for want of an inbox, it hands out again at once.

use std::time::Duration;

use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::jetstream::message::Message;
use async_nats::{StatusCode, Subscriber};
use futures::{Stream, StreamExt as _, stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::calm::{Counted, Gate};
use crate::port::{Log, UnavailableError};

pub(super) const PULL: &str = "pull from a consumer";
/// How long the server keeps a request for which it has no message.
const EXPIRES: Duration = Duration::from_secs(30);
/// By then the server has said that a request expired, or it never got it.
const SAID_WITHIN: Duration = Duration::from_secs(5);

/// What the server is asked to keep no longer than it takes to answer.
const AT_ONCE: Duration = Duration::from_millis(1);

/// A request to the server, and where its answer comes.
struct Request {
    inbox: String,
    answers: Subscriber,
    over_at: Instant,
    counted: Counted,
}

struct Pull {
    log: Log,
    consumer: Consumer<pull::Config>,
    gate: Gate,
    closing: CancellationToken,
    request: Option<Request>,
}

/// The messages of a consumer, each of which is asked for when the one before was taken, and only while the gate is open: a
/// request that is open when the gate closes is taken back, so that what counts as in hand is all that can come. When
/// `closing` comes nothing more is asked for: what was still on its way is the end of the stream.
pub(super) fn one_by_one(
    log: Log,
    consumer: Consumer<pull::Config>,
    gate: Gate,
    closing: CancellationToken,
) -> impl Stream<Item = Result<(Message, Counted), UnavailableError>> {
    let pull = Pull { log, consumer, gate, closing, request: None };
    stream::try_unfold(pull, async |mut pull| Ok(pull.next().await?.map(|message| (message, pull))))
}

impl Pull {
    async fn next(&mut self) -> Result<Option<(Message, Counted)>, UnavailableError> {
        loop {
            let request = match &mut self.request {
                Some(request) => request,
                None => {
                    let counted = tokio::select! {
                        biased;
                        () = self.closing.cancelled() => return Ok(None),
                        counted = self.gate.pass() => counted,
                    };
                    let request = ask(&self.log, &self.consumer, counted).await?;
                    self.request.insert(request)
                }
            };
            let answer = tokio::select! {
                answer = request.answer(&self.log) => answer?,
                () = self.closing.cancelled() => request.take_back(&self.log, &self.consumer).await?,
                () = self.gate.closed() => request.take_back(&self.log, &self.consumer).await?,
            };
            let counted = self.request.take().map(|request| request.counted);
            if let Some(message) = answer {
                return Ok(counted.map(|counted| (message, counted)));
            }
        }
    }
}

async fn ask(
    log: &Log,
    consumer: &Consumer<pull::Config>,
    counted: Counted,
) -> Result<Request, UnavailableError> {
    let inbox = log.client.new_inbox();
    let mut answers = log.client.subscribe(inbox.clone()).await.map_err(UnavailableError::new(PULL))?;
    answers.unsubscribe_after(1).await.map_err(UnavailableError::new(PULL))?;
    send(consumer, &inbox, EXPIRES).await?;
    Ok(Request { inbox, answers, over_at: Instant::now() + EXPIRES + SAID_WITHIN, counted })
}

async fn send(
    consumer: &Consumer<pull::Config>,
    inbox: &str,
    expires: Duration,
) -> Result<(), UnavailableError> {
    let wanted = pull::BatchConfig { batch: 1, expires: Some(expires), ..pull::BatchConfig::default() };
    consumer.request_batch(wanted, inbox.into()).await.map_err(UnavailableError::new(PULL))
}

impl Request {
    /// Cancel safe.
    async fn answer(&mut self, log: &Log) -> Result<Option<Message>, UnavailableError> {
        let Ok(Some(message)) = tokio::time::timeout_at(self.over_at, self.answers.next()).await else {
            return Ok(None);
        };
        match message.status.unwrap_or(StatusCode::OK) {
            StatusCode::OK => Ok(Some(Message { message, context: log.context.clone() })),
            StatusCode::TIMEOUT | StatusCode::NOT_FOUND => Ok(None),
            status => {
                let description = message.description.unwrap_or_default();
                Err(UnavailableError::new(PULL)(format!("{status}: {description}")))
            }
        }
    }

    /// Takes the request back, by one for the same inbox that is over at once: the answer to either is the only one.
    async fn take_back(
        &mut self,
        log: &Log,
        consumer: &Consumer<pull::Config>,
    ) -> Result<Option<Message>, UnavailableError> {
        send(consumer, &self.inbox, AT_ONCE).await?;
        self.answer(log).await
    }
}
