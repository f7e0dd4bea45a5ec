//! One reading from request to fact: fetch, decode, preprocess, forward, append. Each failure is sorted here into
//! the image's own (a fact), the world's (try again), another worker's and ours (stop).

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use hilum_blobs::BlobStore;
use hilum_events::{
    BlobRef, Envelope, Event, InferenceCompleted, InferenceRequested, ModelIdentity, ReadingFlaw,
    ReadingTimes, Site, completed_filter,
};
use hilum_faults::reach_with;
use hilum_imaging::{DecodeError, DecoderPool, ModelInput, Preview};
use hilum_log::{Failure, Handle, Log, Need, Recorded, WorkItem};
use jiff::Timestamp;
use tracing::Instrument as _;

use crate::asked::{is_wanted, tell};
use crate::engine::{EngineError, Output};
use crate::model_input::judge;
use crate::plausibility::doubts;
use crate::queue::worker::{Announced, ModelWorker};
use crate::reading::{ImageFacts, Model};

/// Longest side of the picture for people, pixels: what a report of a few images shows.
const PREVIEW_SIDE_PX: u32 = 512;

/// The handler of reading requests.
pub(crate) struct Reader {
    pub(crate) log: Log,
    pub(crate) store: BlobStore,
    pub(crate) decoders: DecoderPool,
    pub(crate) model: Arc<Model>,
    pub(crate) worker: Arc<ModelWorker>,
}

/// How an attempt at a reading ended without one.
enum Unread {
    /// The image is why: a fact.
    Image { code: String, reason: String },
    /// Something else is why.
    Failure(Failure),
}

impl<F: Into<Failure>> From<F> for Unread {
    fn from(failure: F) -> Self {
        Self::Failure(failure.into())
    }
}

/// What was handed out is no request.
#[derive(Debug, thiserror::Error)]
#[error("an inference consumer handed out {event}; apply the definitions of streams/")]
struct NotARequestError {
    event: &'static str,
}

/// What the model said of an image is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "the reading is not published because it {flaw}; check the model with `hilum model check`, then have the image read \
     again"
)]
struct UnsoundError {
    flaw: ReadingFlaw,
}

impl Handle for Reader {
    async fn handle(&self, item: &WorkItem) -> Result<(), Failure> {
        let cause = &item.envelope;
        let Event::InferenceRequested(request) = &cause.event else {
            return Err(Failure::Park(NotARequestError { event: cause.event.name() }.into()));
        };
        if request.model != self.model.identity {
            return Err(Failure::Elsewhere { need: need(&request.model) });
        }
        if !is_wanted(&self.log, request).await? {
            return Ok(());
        }
        let event = match self.read(request, &cause.site).await {
            Ok(event) => event,
            Err(Unread::Image { code, reason }) => {
                tracing::warn!(code, "the image can't be read");
                Event::InferenceFailed(self.model.failed(request, code, reason))
            }
            Err(Unread::Failure(failure)) => return Err(failure),
        };
        if let Event::InferenceCompleted(reading) = &event {
            self.model.check(reading).map_err(|flaw| Failure::Park(UnsoundError { flaw }.into()))?;
        }
        self.append(cause, event).await
    }

    async fn needs(&self) -> Result<(), String> {
        self.store.probe().await.map_err(|error| format!("object storage is away: {error}"))
    }

    fn has(&self) -> Option<Need> {
        Some(need(&self.model.identity))
    }
}

impl Reader {
    async fn append(&self, cause: &Envelope, event: Event) -> Result<(), Failure> {
        let outcome = event.name();
        let envelope = cause.next(Timestamp::now(), event);
        if !tell(&self.log, &envelope).await? {
            return Ok(());
        }
        metrics::counter!("hilum_infer_total", "outcome" => outcome).increment(1);
        match &envelope.event {
            Event::InferenceCompleted(reading) if reading.reused_from.is_none() => {
                let picture_id = self.model.picture_id(&reading.pixel_digest);
                self.log.note_picture(picture_id, reading.reading_id).await;
            }
            Event::InferenceCompleted(_) => metrics::counter!("hilum_readings_reused_total").increment(1),
            _ => {}
        }
        Ok(())
    }

    /// The reading, or why there is none.
    async fn read(&self, request: &InferenceRequested, site: &Site) -> Result<Event, Unread> {
        let announced = self.worker.announce(request.priority, site);
        let (bytes, fetch_ms) = timed("fetch", self.fetch(request)).await;
        let bytes = bytes?;
        let (media, preparation) = (request.image.media_type, &self.model.preparation);
        let decoders = self.decoders.with_priority(request.priority);
        let preparing = decoders.prepare_and_show(media, &bytes, preparation, Some(PREVIEW_SIDE_PX));
        let (prepared, _) = timed("prepare", preparing).await;
        let prepared = prepared.map_err(undecoded)?;
        drop(bytes);
        let notices = match &prepared.header {
            Some(header) => judge(&self.model.header_rules, header)
                .map_err(|why| Unread::Image { code: why.code, reason: why.text })?,
            None => prepared.plain.iter().flat_map(doubts).collect(),
        };
        let (decode_ms, preprocess_ms) = (prepared.decode_ms, prepared.preprocess_ms);
        for (stage, ms) in [("decode", decode_ms), ("preprocess", preprocess_ms)] {
            metrics::histogram!("hilum_stage_seconds", "stage" => stage).record(f64::from(ms) / 1000.0);
        }
        let times = ReadingTimes { fetch_ms, decode_ms, preprocess_ms, forward_ms: 0.0 };
        let region = prepared.input.region;
        let pixel_digest = prepared.pixel_digest;
        let mut seen = ImageFacts { region, pixel_digest, notices, preview: None, times };
        let preview = self.keep_preview(prepared.preview);
        reach_with("infer.read", &request.image.blob.sha256);
        if let Some(mut reused) = self.seen_before(request, &seen).await? {
            reused.preview = preview.await?;
            return Ok(Event::InferenceCompleted(reused));
        }
        let forward = timed("forward", forward(announced, prepared.input));
        let ((output, forward_ms), preview) = tokio::join!(forward, preview);
        seen.preview = preview?;
        seen.times.forward_ms = forward_ms;
        Ok(Event::InferenceCompleted(self.model.completed(request, &output?, seen)))
    }

    async fn fetch(&self, request: &InferenceRequested) -> Result<Bytes, Failure> {
        self.store.get(&request.image.blob).await.map_err(|error| {
            if error.is_transient() { Failure::Retry(error.into()) } else { Failure::Park(error.into()) }
        })
    }

    async fn keep_preview(&self, preview: Option<Preview>) -> Result<Option<BlobRef>, Failure> {
        let Some(preview) = preview else { return Ok(None) };
        let kept = self.store.put(preview.png.into()).await;
        kept.map(Some).map_err(|error| Failure::Retry(error.into()))
    }

    /// The reading of the same pixels in another file, if there was one.
    async fn seen_before(
        &self,
        request: &InferenceRequested,
        seen: &ImageFacts,
    ) -> Result<Option<InferenceCompleted>, Failure> {
        let picture_id = self.model.picture_id(&seen.pixel_digest);
        let Some(reading_id) = self.log.reading_of_picture(picture_id).await? else { return Ok(None) };
        let source = self.log.last(&completed_filter(reading_id)).await?;
        Ok(match source.as_ref().and_then(Recorded::envelope).map(|envelope| &envelope.event) {
            // A flaw that an earlier release published is not taken over.
            Some(Event::InferenceCompleted(source)) => {
                self.model.reused(request, source, seen).filter(|reused| self.model.check(reused).is_ok())
            }
            _ => None,
        })
    }
}

/// A worker with this very model: readings by any other one are not what was asked for.
fn need(model: &ModelIdentity) -> Need {
    let ModelIdentity { name, version, weights_sha256, preprocessing_id, trained } = model;
    let identity = format!("{name}@{version}#{weights_sha256}+{preprocessing_id}/{trained}");
    Need::new(format!("model {name} version {version}"), &identity)
}

/// A file that is at fault has no reading; a decoder that did not do its work is tried again.
fn undecoded(error: DecodeError) -> Unread {
    if error.is_permanent() {
        Unread::Image { code: error.code().to_owned(), reason: error.to_string() }
    } else {
        Unread::Failure(Failure::Retry(error.into()))
    }
}

async fn forward(announced: Announced<'_>, input: ModelInput) -> Result<Output, Unread> {
    announced.submit(input.values).await.map_err(|error| match error {
        EngineError::WorkerGone => Unread::Failure(Failure::Stop(error.into())),
        error if error.is_final() => {
            let reason = format!("the model has no usable answer for this image: {error}");
            Unread::Image { code: "model_output_unusable".to_owned(), reason }
        }
        error => Unread::Failure(Failure::Retry(Box::<dyn Error + Send + Sync>::from(error))),
    })
}

/// Runs a stage within a span and tells how long it took, milliseconds.
async fn timed<T>(stage: &'static str, work: impl Future<Output = T>) -> (T, f32) {
    let begun = Instant::now();
    let span = tracing::info_span!("stage", otel.name = stage, stage);
    let outcome = work.instrument(span).await;
    let took = begun.elapsed();
    metrics::histogram!("hilum_stage_seconds", "stage" => stage).record(took);
    (outcome, took.as_secs_f32() * 1000.0)
}

#[cfg(test)]
mod tests;
