//! One reading from request to fact: fetch, decode, preprocess, forward, append. Each failure is sorted here into
//! the image's own (a fact), the world's (try again) and ours (stop).

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use hilum_blobs::BlobStore;
use hilum_events::{Envelope, Event, InferenceRequested, ReadingTimes, completed_filter};
use hilum_imaging::{DecodeError, DecoderPool, ModelInput, Picture, preprocess};
use hilum_log::{AppendError, Delivery, Failure, Handle, Log, Recorded, reach_with};
use jiff::Timestamp;
use tracing::Instrument as _;

use crate::engine::{EngineError, Output};
use crate::reading::{Model, Seen, failed};
use crate::worker::{Announced, ModelWorker};

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

/// A request that this process can't serve.
#[derive(Debug, thiserror::Error)]
enum MisdirectedError {
    /// Not a request at all.
    #[error("an inference consumer handed out {event}; apply the definitions of streams/")]
    NotARequest { event: &'static str },
    /// For another model.
    #[error("the reading is asked of model {wanted}, this worker has {loaded}; run a worker with that model")]
    OtherModel { wanted: String, loaded: String },
}

impl Handle for Reader {
    async fn handle(&self, delivery: &Delivery) -> Result<(), Failure> {
        let cause = &delivery.envelope;
        let Event::InferenceRequested(request) = &cause.event else {
            let error = MisdirectedError::NotARequest { event: cause.event.name() };
            return Err(Failure::Park(error.into()));
        };
        self.check_model(request)?;
        if self.log.last(&completed_filter(request.reading_id)).await?.is_some() {
            return Ok(());
        }
        let event = match self.read(request).await {
            Ok(event) => event,
            Err(Unread::Image { code, reason }) => {
                tracing::warn!(code, "the image can't be read");
                Event::InferenceFailed(failed(request, &code, reason))
            }
            Err(Unread::Failure(failure)) => return Err(failure),
        };
        self.append(cause, event).await
    }

    async fn needs(&self) -> Result<(), String> {
        self.store.probe().await.map_err(|error| format!("object storage is away: {error}"))
    }
}

impl Reader {
    fn check_model(&self, request: &InferenceRequested) -> Result<(), Failure> {
        if request.model == self.model.identity {
            return Ok(());
        }
        let name = |model: &hilum_events::ModelIdentity| {
            format!("{} {} ({})", model.name, model.version, model.weights_sha256)
        };
        let error =
            MisdirectedError::OtherModel { wanted: name(&request.model), loaded: name(&self.model.identity) };
        Err(Failure::Retry(error.into()))
    }

    async fn append(&self, cause: &Envelope, event: Event) -> Result<(), Failure> {
        let outcome = event.name();
        match self.log.append(&cause.next(Timestamp::now(), event)).await {
            Ok(_) => {}
            // A worker of an earlier attempt that was thought dead has answered first: the reading is made.
            Err(AppendError::Taken(found)) if is_completed(&found) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        metrics::counter!("hilum_infer_total", "outcome" => outcome).increment(1);
        Ok(())
    }

    async fn read(&self, request: &InferenceRequested) -> Result<Event, Unread> {
        let announced = self.worker.announce();
        let bytes = async {
            self.store.get(&request.image.blob).await.map_err(|error| {
                if error.is_transient() { Failure::Retry(error.into()) } else { Failure::Park(error.into()) }
            })
        };
        let (bytes, fetch_ms) = timed("fetch", bytes).await;
        let bytes = bytes?;
        let decoding = self.decoders.decode(request.image.media_type, &bytes);
        let (picture, decode_ms) = timed("decode", decoding).await;
        let picture = picture.map_err(undecoded)?;
        drop(bytes);
        let pixel_digest = picture.pixel_digest();
        let (input, preprocess_ms) = timed("preprocess", self.preprocess(picture)).await;
        let input = input?;
        let region = input.region;
        reach_with("infer.read", &request.image.blob.sha256);
        let (output, forward_ms) = timed("forward", forward(announced, input)).await;
        let times = ReadingTimes { fetch_ms, decode_ms, preprocess_ms, forward_ms };
        let seen = Seen { region, pixel_digest, times };
        Ok(Event::InferenceCompleted(self.model.completed(request, &output?, seen)))
    }

    async fn preprocess(&self, picture: Picture) -> Result<ModelInput, Failure> {
        let preprocessing = self.model.preprocessing;
        let done = tokio::task::spawn_blocking(move || preprocess(&picture, &preprocessing)).await;
        done.map_err(|panic| Failure::Retry(panic.into()))
    }
}

fn is_completed(found: &Recorded) -> bool {
    found.envelope().is_some_and(|envelope| matches!(envelope.event, Event::InferenceCompleted(_)))
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
