//! The page of a report, made when somebody asks for it: of the stored document and of the stored pictures it names, all
//! verified. A picture that can't be had is a sentence on the page; a document that can't be had is none.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use hilum_events::{BlobRef, Sha256Digest};
use hilum_reports::{Choice, Language, Picture, Pictures, Report, html, reduced};
use hilum_runtime::Problem;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{not_to_be_had, storage_is_away};
use crate::api::Api;
use crate::api::error::internal;

/// Pages made at a time: each holds its document and its pictures in memory, up to 64 MiB of them.
const AT_ONCE: usize = 2;
/// How long a request waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(10);
/// Pictures of one page fetched and reduced at a time.
const PICTURES: usize = 4;

/// Where pages are made, one at each place.
#[derive(Debug, Clone)]
pub(in crate::api) struct Desks(Arc<Semaphore>);

impl Default for Desks {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// A place, held until the last of those who work at it has ended, also when the client is gone before.
type Desk = Arc<OwnedSemaphorePermit>;

/// A page that was made.
pub(super) struct Page {
    pub(super) html: String,
    /// Whether every picture that it should show was to be had.
    pub(super) is_whole: bool,
}

impl Desks {
    fn free(&self) -> Option<Desk> {
        self.0.clone().try_acquire_owned().ok().map(Arc::new)
    }

    async fn free_within(&self, wait: Duration) -> Result<Desk, Problem> {
        match tokio::time::timeout(wait, self.0.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(Arc::new(place)),
            Ok(Err(_)) | Err(_) => Err(Problem::unavailable(
                "too many reports are made at this moment; try again, or ask for JSON",
            )),
        }
    }
}

/// Makes the page of the document `json`.
pub(super) async fn make(api: &Api, json: &BlobRef) -> Result<Page, Problem> {
    let desk = match api.desks.free() {
        Some(desk) => desk,
        None => {
            let _place = api.place_to_wait()?;
            api.desks.free_within(TURN_WITHIN).await?
        }
    };
    let bytes = api.blobs.get(json).await.map_err(|error| not_to_be_had(json, &error))?;
    let (report, choice) = at(&desk, move || {
        let report = Report::from_json(&bytes)?;
        let choice = html::choice(&report);
        Ok((report, choice))
    })
    .await?
    .map_err(|error: hilum_reports::ReadError| {
        tracing::error!(error = &error as &dyn std::error::Error, key = json.key, "cannot read a report");
        internal("this release can't read the stored report; ask for ?format=json, and tell the operator")
    })?;
    let pictures = match choice {
        Choice::Shown { previews, max_side_px } => pictures(api, &desk, previews, max_side_px).await?,
        Choice::Nothing { .. } => Pictures::new(),
    };
    let is_whole = pictures.values().all(|picture| matches!(picture, Picture::Shown { .. }));
    let json_sha256 = json.sha256;
    let html = at(&desk, move || html::render(&report, &pictures, &json_sha256, Language::English)).await?;
    Ok(Page { html, is_whole })
}

async fn pictures(
    api: &Api,
    desk: &Desk,
    previews: Vec<BlobRef>,
    max_side_px: u32,
) -> Result<Pictures, Problem> {
    let pictures = futures::stream::iter(previews)
        .map(|preview| async move { picture(api, desk, &preview, max_side_px).await });
    pictures.buffer_unordered(PICTURES).try_collect().await
}

async fn picture(
    api: &Api,
    desk: &Desk,
    preview: &BlobRef,
    max_side_px: u32,
) -> Result<(Sha256Digest, Picture), Problem> {
    let picture = match api.blobs.get(preview).await {
        Ok(png) => at(desk, move || reduced(png.into(), max_side_px)).await?,
        Err(error) if error.is_transient() => return Err(storage_is_away(preview, &error)),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a picture is not what was stored");
            Picture::Missing { reason: error.to_string() }
        }
    };
    Ok((preview.sha256, picture))
}

/// Does work of the processor away from the threads that answer.
async fn at<T: Send + 'static>(desk: &Desk, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let desk = desk.clone();
    let done = tokio::task::spawn_blocking(move || {
        let made = work();
        drop(desk);
        made
    });
    done.await.map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "a report could not be made");
        internal("the report could not be made; ask for ?format=json, and tell the operator")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_so_many_pages_are_made_at_once_and_a_place_is_free_when_its_work_has_ended() {
        let desks = Desks::default();
        let mut taken = Vec::new();
        for _ in 0..AT_ONCE {
            taken.push(desks.free_within(Duration::ZERO).await.unwrap());
        }
        let refused = desks.free_within(Duration::ZERO).await.unwrap_err();
        assert_eq!((refused.status, refused.retry_after_s), (503, Some(2)));

        // The client is gone and its work goes on.
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let desk = taken.pop().unwrap();
        let working = tokio::spawn(async move {
            let work = move || {
                begun.send(()).unwrap();
                ended.recv().unwrap();
            };
            at(&desk, work).await.is_ok()
        });
        has_begun.await.unwrap();
        working.abort();
        assert!(working.await.unwrap_err().is_cancelled());
        assert!(desks.free_within(Duration::ZERO).await.is_err());
        end.send(()).unwrap();
        assert!(desks.free_within(Duration::from_secs(30)).await.is_ok());
    }
}
