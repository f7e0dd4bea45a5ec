//! Messages that somebody else hands out, one by one: what becomes of each is decided as for those that `work` takes. For
//! the simulation, which has its own server and its own idea of which message comes when.

use std::error::Error;

use super::config::WorkConfig;
use super::fate::Fate;
use super::handle::Handle;
use super::settle::StaleTicketError;
use super::settler::{Handout, Settler};
use crate::port::Log;

/// A worker that takes nothing by itself.
pub struct Worker(Settler);

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
    /// A worker of a service that works as `config` says.
    pub fn new(log: &Log, config: &WorkConfig) -> Self {
        let (stopped, _) = tokio::sync::mpsc::channel(1);
        Self(Settler::new(log, config, stopped))
    }

    /// Sees one message through that `consumer`, as declared, has handed out so many times.
    pub async fn settle<H: Handle>(
        &self,
        handler: &H,
        consumer: &str,
        handed: Handout,
        deliveries: u64,
    ) -> Reply {
        let Self(settler) = self;
        let _counted = settler.calm.gate().count();
        match settler.take_in_hand(handed, deliveries, consumer).await {
            Ok(in_hand) => settler.see_through(handler, &in_hand).await.into(),
            Err(error) if error.is::<StaleTicketError>() => Reply::Terminate,
            Err(_) => Reply::Nothing,
        }
    }
}

impl From<Fate> for Reply {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Done | Fate::Later | Fate::HandedOver => Self::Acknowledge,
            Fate::Parked => Self::Terminate,
            Fate::HandedBack => Self::Nothing,
            Fate::Stopped(source) => Self::Stop(source),
        }
    }
}
