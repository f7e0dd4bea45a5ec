//! One store transaction, from the first byte of its body to the last: each part is taken in while it comes, and made durable beside
//! the next ones.

use std::error::Error;
use std::sync::Arc;

use axum::body::BodyDataStream;
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use hilum_intake::Refusal;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use crate::door::{Door, Shared};
use crate::media::is_object;
use crate::multipart::{Garbled, Parts, Piece};
use crate::outcome::{Failure, NO_SUCH_CLASS, Outcome, PROCESSING_FAILURE};

/// Bytes of parts that nobody wants that are read at most. They cost no memory.
const UNWANTED_MAX: u64 = 4 << 30;
/// Objects of one request that are made durable while the next comes.
const BESIDE: usize = 4;

type BoxError = Box<dyn Error + Send + Sync>;

/// A body that comes in.
struct Incoming {
    body: BodyDataStream,
    parts: Parts,
    /// No more can come, and the part that it broke in was told so.
    is_broken: bool,
}

/// What was made of a request whose body did not come to its end: the objects before are told all the same.
pub(crate) struct Ended {
    /// In the order of the parts.
    pub(crate) outcomes: Vec<Outcome>,
    /// Why no more came.
    pub(crate) fault: Option<Refusal>,
}

impl Incoming {
    /// What comes next; `None` at the end of the bytes.
    async fn next(&mut self) -> Result<Option<Piece>, BoxError> {
        loop {
            if let Some(piece) = self.parts.next()? {
                return Ok(Some(piece));
            }
            match self.body.next().await {
                Some(bytes) => self.parts.feed(&bytes?),
                None => return Ok(None),
            }
        }
    }

    /// The bytes of the part that has begun. The stream can be dropped before its end.
    fn bytes(&mut self) -> impl Stream<Item = Result<Bytes, BoxError>> + Send {
        stream::unfold(self, |incoming| async move {
            if incoming.is_broken {
                return None;
            }
            let broken = match incoming.next().await {
                Ok(Some(Piece::Data(bytes))) => return Some((Ok(bytes), incoming)),
                Ok(Some(_)) => return None,
                Ok(None) => "the multipart body ends within a part".into(),
                Err(error) => error,
            };
            incoming.is_broken = true;
            Some((Err(broken), incoming))
        })
    }
}

impl Door {
    /// Takes in the object that is the whole body.
    pub(crate) async fn take_one(self: Arc<Self>, shared: Shared, body: BodyDataStream) -> Ended {
        let outcome = match self.receive(&shared, body).await {
            Ok(staged) => self.settle(&shared, staged).await,
            Err(failure) => Outcome::Failed(failure),
        };
        Ended { outcomes: vec![outcome], fault: None }
    }

    /// Takes in the objects of a multipart body.
    pub(crate) async fn take_parts(
        self: Arc<Self>,
        shared: Shared,
        boundary: &str,
        body: BodyDataStream,
    ) -> Ended {
        let mut incoming = Incoming { body, parts: Parts::of(boundary), is_broken: false };
        let mut settling = Vec::new();
        let taken = self.take_all(&Arc::new(shared), &mut incoming, &mut settling).await;
        Ended { outcomes: all(settling).await, fault: taken.err() }
    }

    async fn take_all(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        incoming: &mut Incoming,
        settling: &mut Vec<JoinHandle<Outcome>>,
    ) -> Result<(), Refusal> {
        let places = Arc::new(Semaphore::new(BESIDE));
        let mut unwanted = 0;
        let at_once = |failure| tokio::spawn(std::future::ready(Outcome::Failed(failure)));
        loop {
            let headers = match incoming.next().await {
                Ok(Some(Piece::Begin(headers))) => headers,
                // What is left of a part that was not wanted.
                Ok(Some(Piece::Data(bytes))) => {
                    unwanted += bytes.len() as u64;
                    if unwanted > UNWANTED_MAX {
                        let what =
                            "the parts that are not taken have no end; send the others in another request";
                        return Err(Refusal::Malformed(what.to_owned()));
                    }
                    continue;
                }
                Ok(Some(Piece::End | Piece::Last)) => continue,
                Ok(None) if incoming.parts.is_done() => return Ok(()),
                Ok(None) => return Err(Refusal::BrokenOff),
                Err(error) => return Err(of_body(&*error)),
            };
            let most = self.parts_max;
            if settling.len() >= most as usize {
                let what = format!("the request has more than {most} objects; send the rest in another one");
                return Err(Refusal::Malformed(what));
            }
            let content_type = headers.iter().find(|(name, _)| name == "content-type");
            if !is_object(content_type.map(|(_, value)| value.as_str())) {
                let failure =
                    Failure::of(NO_SUCH_CLASS, "unsupported-type", "a part is no application/dicom");
                settling.push(at_once(failure));
                continue;
            }
            match self.receive(shared, incoming.bytes()).await {
                Err(failure) => {
                    settling.push(at_once(failure));
                    if incoming.is_broken {
                        return Ok(());
                    }
                }
                Ok(staged) => {
                    let place = places.clone().acquire_owned().await;
                    let (door, shared) = (self.clone(), shared.clone());
                    let settle = async move {
                        let outcome = door.settle(&shared, staged).await;
                        drop(place);
                        outcome
                    };
                    // In a task of its own it comes to its end, whatever becomes of the request.
                    settling.push(tokio::spawn(settle.in_current_span()));
                }
            }
        }
    }
}

/// Why a body is none, or has no end.
fn of_body(error: &(dyn Error + 'static)) -> Refusal {
    match error.downcast_ref::<Garbled>() {
        Some(garbled) => Refusal::Malformed(format!("{garbled}; send it again as multipart/related")),
        None => Refusal::of_broken_body(error),
    }
}

async fn all(settling: Vec<JoinHandle<Outcome>>) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(settling.len());
    for handle in settling {
        let outcome = handle.await.unwrap_or_else(|error| {
            tracing::error!(error = &error as &dyn Error, "an object was given up in the middle");
            Outcome::Failed(Failure::of(PROCESSING_FAILURE, "internal", "something is wrong here"))
        });
        outcomes.push(outcome);
    }
    outcomes
}
