//! What the services meet besides the log: images that can or can't be read, targets that take or refuse, storage.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use hilum_deliver::{MakeError, Object, Outlet, SendError, Shipment, Target};
use hilum_events::{
    Event, InferenceCompleted, InferenceRequested, Matter, ReportIssued, Sha256Digest, StudyId, samples,
};
use hilum_log::{Failure, Handle, Log, WorkItem};
use hilum_reports::Report;
use jiff::SignedDuration;

use crate::scenario::{Content, Outcome, Temper};
use crate::server::Shared;

/// What all readings have in common.
static SAMPLE: LazyLock<InferenceCompleted> = LazyLock::new(|| {
    let Event::InferenceCompleted(mut reading) = samples::inference_completed(1, "a", 0).event else {
        unreachable!("it is that sample")
    };
    reading.findings.truncate(1);
    reading.activation_maps.clear();
    (reading.reused_from, reading.preview) = (None, None);
    reading
});

/// What became of it.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    /// How often each content was tried to be read.
    pub(crate) tried: BTreeMap<Sha256Digest, u32>,
    /// What was handed to targets.
    pub(crate) sent: Vec<Sent>,
    /// The documents that were stored.
    pub(crate) documents: BTreeMap<Sha256Digest, Report>,
    /// Documents of one cause that are not the same.
    pub(crate) unequal: Vec<String>,
    /// How many forward passes there were.
    pub(crate) passes: u32,
}

/// Something that was handed to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    /// To whom.
    pub(crate) target: String,
    /// About which study.
    pub(crate) study_id: StudyId,
    /// Its report or a flag.
    pub(crate) matter: Matter,
    /// By which process: the name and how often it was started.
    pub(crate) by: (String, u32),
    /// Whether the target was heard to take it.
    pub(crate) is_taken: bool,
}

/// Who reads images, with the log's part of the real service around it.
pub(crate) struct Reader {
    /// Its log.
    pub(crate) log: Log,
    /// The world.
    pub(crate) shared: Shared,
    /// What there is to read.
    pub(crate) contents: Vec<Content>,
}

/// Why an image is not read now.
#[derive(Debug)]
struct NotNowError(Sha256Digest);

impl std::fmt::Display for NotNowError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "content {} is not read now", self.0)
    }
}

impl std::error::Error for NotNowError {}

impl Handle for Reader {
    async fn handle(&self, item: &WorkItem) -> Result<(), Failure> {
        let cause = &item.envelope;
        let Event::InferenceRequested(request) = &cause.event else { panic!("it takes requests only") };
        if !hilum_infer::is_wanted(&self.log, request).await? {
            return Ok(());
        }
        let event = self.read(request).await?;
        let told = cause.next(self.shared.lock().now, event);
        hilum_infer::tell(&self.log, &told).await?;
        Ok(())
    }
}

impl Reader {
    async fn read(&self, request: &InferenceRequested) -> Result<Event, Failure> {
        let sha256 = request.image.blob.sha256;
        let content = self.contents.iter().find(|content| content.sha256 == sha256).expect("it was sent");
        let takes = self.shared.lock().random.between(1, 2000);
        self.shared.sleep(SignedDuration::from_millis(takes)).await;
        let (tried, pass) = {
            let mut world = self.shared.lock();
            world.outside.passes += 1;
            let pass = world.outside.passes;
            let tried = world.outside.tried.entry(sha256).or_default();
            *tried += 1;
            (*tried, pass)
        };
        match content.outcome {
            Outcome::Never => Err(Failure::Retry(Box::new(NotNowError(sha256)))),
            Outcome::Later(times) if tried <= times => Err(Failure::Retry(Box::new(NotNowError(sha256)))),
            Outcome::Unreadable => {
                let Event::InferenceFailed(mut failed) = samples::inference_failed(1, "a", 0).event else {
                    unreachable!("it is that sample")
                };
                (failed.reading_id, failed.job_id) = (request.reading_id, request.job_id);
                failed.attempt = request.attempt;
                Ok(Event::InferenceFailed(failed))
            }
            outcome => {
                if matches!(outcome, Outcome::Poison(times) if tried <= times) {
                    self.shared.die().await;
                }
                let hundredths = if let Outcome::Read(hundredths) = outcome { hundredths } else { 50 };
                let mut reading = SAMPLE.clone();
                (reading.reading_id, reading.job_id) = (request.reading_id, request.job_id);
                reading.findings[0].probability = f32::from(hundredths) / 100.0;
                // No two passes are the same: it shows which one is told.
                reading.times.forward_ms = pass as f32;
                Ok(Event::InferenceCompleted(reading))
            }
        }
    }
}

/// A target, and the way to it.
pub(crate) struct Way {
    /// The world.
    pub(crate) shared: Shared,
    /// The name of the target.
    pub(crate) target: String,
    /// What it is like.
    pub(crate) temper: Temper,
    /// Who goes it.
    pub(crate) by: (String, u32),
}

impl Outlet for Way {
    async fn make(&self, _: &ReportIssued, target: &Target) -> Result<Vec<Object>, MakeError> {
        let forms = target.forms.iter().map(|form| form.name());
        let object = |form| Object { form, file_name: String::new(), bytes: bytes::Bytes::new() };
        Ok(forms.map(object).collect())
    }

    async fn send(&self, shipment: &Shipment) -> Result<String, SendError> {
        let takes = self.shared.lock().random.between(1, 500);
        self.shared.sleep(SignedDuration::from_millis(takes)).await;
        let mut world = self.shared.lock();
        let about = |sent: &&Sent| {
            (&sent.target, sent.study_id, &sent.matter) == (&self.target, shipment.study_id, &shipment.matter)
        };
        let before = world.outside.sent.iter().filter(about).count();
        let is_taken = match self.temper {
            Temper::Willing => true,
            Temper::Failing(times) => before >= times as usize,
            Temper::Refusing => false,
            Temper::Mumbling => before > 0,
        };
        let (target, matter) = (self.target.clone(), shipment.matter.clone());
        world.note(|| format!("  {target} gets {} of {}: {is_taken}", matter.token(), shipment.study_id));
        let by = self.by.clone();
        world.outside.sent.push(Sent { target, study_id: shipment.study_id, matter, by, is_taken });
        match (is_taken, self.temper) {
            (true, _) => Ok("taken".to_owned()),
            (false, Temper::Refusing) => Err(SendError::Refused { what: "it does not want it".to_owned() }),
            (false, _) => Err(SendError::Failed {
                what: "it did not answer".to_owned(),
                source: None,
                not_before: None,
            }),
        }
    }

    async fn probe(&self) -> Result<(), String> {
        Ok(())
    }
}
