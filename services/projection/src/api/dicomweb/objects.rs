//! `GET /dicom-web/studies/{study}` and what is within: objects bit by bit as they were stored (PS3.18, 10.4.1.1.1).

use std::collections::VecDeque;
use std::error::Error;
use std::io;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use hilum_api::Problem;
use hilum_blobs::BlobStore;
use tokio::sync::OwnedSemaphorePermit;

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
    let mut sent = Sent {
        blobs: api.blobs.clone(),
        left: others.to_vec().into(),
        boundary,
        chunks: VecDeque::new(),
        _place: place,
    };
    sent.add(first, bytes);
    let body = Body::from_stream(futures::stream::try_unfold(sent, |mut sent| async {
        Ok::<_, io::Error>(sent.next().await?.map(|chunk| (chunk, sent)))
    }));
    let fixed = [(header::CACHE_CONTROL, "private, no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok((fixed, [(header::CONTENT_TYPE, media_type)], body).into_response())
}

/// An object, verified.
async fn fetched(blobs: &BlobStore, held: &Held) -> Result<Bytes, HeaderError> {
    blobs.get(&held.blob()).await.map_err(|error| {
        if error.is_transient() { HeaderError::Away(error) } else { HeaderError::Lost(error) }
    })
}

/// A body, one object after the other while it is read.
struct Sent {
    blobs: BlobStore,
    left: VecDeque<Held>,
    /// What separates parts; `None` for an object without any.
    boundary: Option<String>,
    chunks: VecDeque<Bytes>,
    _place: OwnedSemaphorePermit,
}

impl Sent {
    fn add(&mut self, held: &Held, bytes: Bytes) {
        let Some(boundary) = &self.boundary else { return self.chunks.push_back(bytes) };
        let head = format!(
            "--{boundary}\r\nContent-Type: application/dicom; transfer-syntax={}\r\nContent-Length: {}\r\n\r\n",
            held.transfer_syntax_uid,
            bytes.len()
        );
        let end = if self.left.is_empty() { format!("\r\n--{boundary}--\r\n") } else { "\r\n".to_owned() };
        self.chunks.extend([head.into(), bytes, end.into()]);
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.chunks.is_empty()
            && let Some(held) = self.left.pop_front()
        {
            // The answer breaks off, which tells whoever reads it that it is not whole.
            let bytes = fetched(&self.blobs, &held).await.map_err(|error| {
                tracing::error!(error = &error as &dyn Error, sha256 = %held.sha256, "a retrieval broke off");
                io::Error::other("an object can't be had")
            })?;
            self.add(&held, bytes);
        }
        Ok(self.chunks.pop_front())
    }
}
