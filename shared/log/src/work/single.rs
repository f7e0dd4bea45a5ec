//! Messages that somebody else hands out, one by one: what becomes of each is decided as for those that `work` takes. For
//! the simulation, which has its own server and its own idea of which message comes when.

use std::error::Error;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::WorkConfig;
use super::calm::Calm;
use super::handle::Handle;
use super::settle::{Bench, Content, Ended, StaleTicketError};
use crate::connection::Log;
use crate::need::KnownNeeds;
use crate::recorded::Recorded;

/// A worker that takes nothing by itself.
pub struct Worker(Bench);

/// A message as its server hands it out.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one for each message in hand, and it is moved once")]
pub enum Handed {
    /// A fact.
    Fact(Recorded),
    /// A ticket of the stream of retries.
    Ticket(Bytes),
}

/// What the server is told of a message.
#[derive(Debug)]
pub enum Reply {
    /// It is settled.
    Acknowledge,
    /// Its story is kept, and it is not to be handed out again.
    Terminate,
    /// Nothing: it is handed out again after its ack wait.
    Nothing,
    /// Nothing, and the worker must not go on.
    Stop(Box<dyn Error + Send + Sync>),
}

impl Worker {
    /// Of a service that works as `config` says.
    pub fn new(log: &Log, config: &WorkConfig) -> Self {
        let (stopped, _) = tokio::sync::mpsc::channel(1);
        Self(Bench {
            log: log.clone(),
            config: config.clone(),
            hand_back: CancellationToken::new(),
            stopped,
            calm: Calm::new(),
            needs: KnownNeeds::default(),
        })
    }

    /// Sees one message through that `consumer`, as declared, has handed out so many times.
    pub async fn settle<H: Handle>(
        &self,
        handler: &H,
        consumer: &str,
        handed: Handed,
        deliveries: u64,
    ) -> Reply {
        let Self(bench) = self;
        let _in_hand = bench.calm.gate().count();
        let content = match handed {
            Handed::Fact(recorded) => Content::Fact(recorded),
            Handed::Ticket(ticket) => Content::Ticket(ticket),
        };
        match bench.placed(content, deliveries, consumer).await {
            Ok(placed) => bench.see_through(handler, &placed).await.into(),
            Err(error) if error.is::<StaleTicketError>() => Reply::Terminate,
            Err(_) => Reply::Nothing,
        }
    }
}

impl From<Ended> for Reply {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Done | Ended::Later | Ended::HandedOver => Self::Acknowledge,
            Ended::Parked => Self::Terminate,
            Ended::HandedBack => Self::Nothing,
            Ended::Stopped(source) => Self::Stop(source),
        }
    }
}
