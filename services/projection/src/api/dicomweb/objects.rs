//! `GET /dicom-web/studies/{study}` and what is within: objects bit by bit as they were stored (PS3.18, 10.4.1.1.1).

use std::collections::VecDeque;
use std::error::Error;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use hilum_api::Problem;
use hilum_blobs::BlobStore;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::refusal::{not_acceptable, not_read, withheld};
use super::{Named, OfSite, accept, boundary};
use crate::api::Api;
use crate::api::params::Params;
use crate::dicomweb::Held;
use crate::dicomweb::access::OBJECTS_WITHHELD;
use crate::dicomweb::media::{self, Objects};
use crate::headers::HeaderError;

pub(super) async fn retrieve(
    State(api): State<Api>,
    Path(named): Path<Named>,
    Params(of): Params<OfSite>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let dicomweb = api.dicomweb()?;
    if !dicomweb.access.hands_out_objects() {
        return Err(withheld(OBJECTS_WITHHELD));
    }
    let held = api.held(named, of.site.as_deref()).await?;
    let syntaxes: Vec<&str> = held.iter().map(|held| held.transfer_syntax_uid.as_str()).collect();
    let form = media::objects(accept(&headers), &syntaxes).ok_or_else(|| {
        not_acceptable(
            "objects come as they are stored: ask for multipart/related; type=\"application/dicom\"; transfer-syntax=*, or for a \
             single one as application/dicom",
        )
    })?;
    let busy = |_| Problem::unavailable("as many retrievals are under way as there is memory for; try again");
    let place = dicomweb.retrievals.clone().try_acquire_owned().map_err(busy)?;
    // Before the status is told: an answer that begins should come to its end.
    let Some((first, others)) = held.split_first() else { return Err(Problem::not_found("no such object")) };
    let bytes = fetched(&api.blobs, first).await.map_err(|error| not_read(&first.blob(), &error))?;
    let boundary = (form == Objects::Parts).then(boundary);
    let media_type = match &boundary {
        Some(boundary) => format!("multipart/related; type=\"application/dicom\"; boundary={boundary}"),
        None => format!("application/dicom; transfer-syntax={}", first.transfer_syntax_uid),
    };
    let mut sent =
        Sent { blobs: api.blobs.clone(), left: others.to_vec().into(), boundary, pieces: VecDeque::new() };
    sent.add(first, bytes);
    let (to, mut from) = mpsc::channel(1);
    tokio::spawn(hand_over(sent, to, dicomweb.patience, place));
    let body = Body::from_stream(futures::stream::poll_fn(move |context| from.poll_recv(context)));
    let fixed = [(header::CACHE_CONTROL, "private, no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok((fixed, [(header::CONTENT_TYPE, media_type)], body).into_response())
}

/// An object, verified.
async fn fetched(blobs: &BlobStore, held: &Held) -> Result<Bytes, HeaderError> {
    blobs.get(&held.blob()).await.map_err(|error| {
        if error.is_transient() { HeaderError::Away(error) } else { HeaderError::Lost(error) }
    })
}

/// Hands over piece by piece, with `place`, until the end, or until no piece is taken for as long as `patience`.
async fn hand_over(
    mut sent: Sent,
    to: mpsc::Sender<io::Result<Bytes>>,
    patience: Duration,
    place: OwnedSemaphorePermit,
) {
    loop {
        let piece = match sent.next().await {
            Ok(Some(piece)) => Ok(piece),
            Ok(None) => break,
            Err(error) => Err(error),
        };
        let is_over = piece.is_err();
        let taken = tokio::time::timeout(patience, to.send(piece)).await;
        if is_over || !matches!(taken, Ok(Ok(()))) {
            drop((sent, place));
            // An end without this would look like that of a whole answer.
            let _nobody_may_read_it = to.send(Err(io::ErrorKind::TimedOut.into())).await;
            return;
        }
    }
}

/// Bytes of a piece: a slow client takes one in time.
const PIECE_BYTES: usize = 256 * 1024;

/// An answer, of which one object is in memory.
struct Sent {
    blobs: BlobStore,
    left: VecDeque<Held>,
    /// What separates parts; `None` for an object without any.
    boundary: Option<String>,
    pieces: VecDeque<Bytes>,
}

impl Sent {
    fn add(&mut self, held: &Held, mut bytes: Bytes) {
        let part = self.boundary.as_ref().map(|boundary| {
            let end = if self.left.is_empty() { format!("\r\n--{boundary}--\r\n") } else { "\r\n".to_owned() };
            let (syntax, len) = (&held.transfer_syntax_uid, bytes.len());
            let head = format!(
                "--{boundary}\r\nContent-Type: application/dicom; transfer-syntax={syntax}\r\nContent-Length: {len}\r\n\r\n"
            );
            (head, end)
        });
        let (head, end) = part.unzip();
        self.pieces.extend(head.map(Bytes::from));
        while !bytes.is_empty() {
            self.pieces.push_back(bytes.split_to(bytes.len().min(PIECE_BYTES)));
        }
        self.pieces.extend(end.map(Bytes::from));
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.pieces.is_empty()
            && let Some(held) = self.left.pop_front()
        {
            // The answer breaks off, which tells whoever reads it that it is not whole.
            let bytes = fetched(&self.blobs, &held).await.map_err(|error| {
                tracing::error!(error = &error as &dyn Error, sha256 = %held.sha256, "a retrieval broke off");
                io::Error::other("an object can't be had")
            })?;
            self.add(&held, bytes);
        }
        Ok(self.pieces.pop_front())
    }
}
