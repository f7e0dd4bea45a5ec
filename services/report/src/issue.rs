//! Issues one report: gathers the facts, makes the document, stores it, then says so in the log. Doing it twice is
//! harmless: objects are named by their content and the log takes each revision once.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _};
use hilum_blobs::BlobStore;
use hilum_events::{BlobRef, Envelope, Event, EventId, ReportIssued, Sha256Digest, StoredImage};
use hilum_faults::reach;
use hilum_log::{AppendError, Log};
use hilum_reports::{Doubt, ImageStatus, Report, check};
use hilum_runtime::with_causes;
use jiff::Timestamp;
use tracing::Instrument as _;

use crate::compose::{self, Preview, Previews, Story, compose};
use crate::domain::Brief;
use crate::facts::Facts;
use crate::issue_error::IssueError;
use crate::patient_headers::PatientHeaders;
use crate::previews::{Made, Previewer};

/// Facts fetched at a time.
const FETCHES: usize = 16;
/// Images of one report in memory at a time.
const PICTURES: usize = 2;
/// Pictures made for one report: each is an image to decode, and its name stands in the event.
const MADE_MAX: usize = 256;

/// What issuing needs of the world.
pub(crate) struct Issuer {
    pub(crate) log: Log,
    pub(crate) facts: Facts,
    pub(crate) blobs: BlobStore,
    pub(crate) previewer: Previewer,
    pub(crate) patient_headers: PatientHeaders,
}

/// Which copy of the service issued the revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Issued {
    /// This copy of the service.
    Here,
    /// Another copy was first.
    Elsewhere,
}

impl Issuer {
    /// Issues what `brief` asks for. `try_number` is 1 for the first try.
    pub(crate) async fn issue(&self, brief: &Brief, try_number: u64) -> Result<Issued, IssueError> {
        let span = tracing::info_span!(
            "issue report",
            otel.name = "issue report",
            study_id = %brief.study_id,
            revision = brief.revision
        );
        self.facts.at(brief.cause_seq).await?.trace.continue_in(&span);
        self.make_and_tell(brief, try_number).instrument(span).await
    }

    async fn make_and_tell(&self, brief: &Brief, try_number: u64) -> Result<Issued, IssueError> {
        let story = self.gather_story(brief).await?;
        let previews = self.previews(brief, &story, try_number).await?;
        let dicom = compose::dicom_contents(brief, &story)?;
        let compared = self.patient_headers.compare(&self.blobs, &self.previewer, dicom, try_number).await?;
        let earlier = self.earlier(brief, &story).await?;
        let report = compose(brief, &story, &previews, &compared, earlier.as_ref())?;
        check(&report)?;
        let json = self.blobs.put(report.to_json()?.into()).await?;
        let cause = compose::fact(&story, brief.cause_seq)?;
        reach("report.after-store");
        let objects = Objects { json, previews: made(previews) };
        let envelope = report_issued(&cause.envelope, brief, &report, objects);
        match self.log.append(&envelope).await {
            Ok(_) => {
                let summary = report.summary;
                tracing::info!(
                    images = summary.images, completed = summary.completed, failed = summary.failed, cause = ?brief.why,
                    "report issued"
                );
                Ok(Issued::Here)
            }
            Err(AppendError::Taken(_)) => Ok(Issued::Elsewhere),
            Err(error) => Err(IssueError::Append(error)),
        }
    }

    async fn gather_story(&self, brief: &Brief) -> Result<Story, IssueError> {
        let facts = futures::stream::iter(compose::needed(brief)).map(|seq| self.facts.at(seq));
        let facts = facts.buffered(FETCHES).map_ok(|followed| (followed.fact.seq, followed.fact.clone()));
        Ok(facts.try_collect().await?)
    }

    /// The document of the earlier study's report. One that is damaged or gone is not compared with.
    async fn earlier(&self, brief: &Brief, story: &Story) -> Result<Option<Report>, IssueError> {
        let Some(issued) = compose::prior_report(brief, story)? else { return Ok(None) };
        let read = match self.blobs.get(&issued.json).await {
            Ok(bytes) => Report::from_json(&bytes).map_err(|error| with_causes(&error)),
            Err(error) if error.is_transient() => return Err(IssueError::Earlier(error)),
            Err(error) => Err(with_causes(&error)),
        };
        if let Err(error) = &read {
            let (prior, revision) = (issued.study_id, issued.revision);
            tracing::error!(error, %prior, revision, "an earlier report is not as it was and is not compared with");
        }
        Ok(read.ok())
    }

    /// Pictures for people of the images whose reading kept none: of failed images most of all.
    async fn previews(&self, brief: &Brief, story: &Story, try_number: u64) -> Result<Previews, IssueError> {
        let mut to_make = compose::without_preview(brief, story)?;
        let too_many = to_make.split_off(to_make.len().min(MADE_MAX));
        let made = futures::stream::iter(to_make).map(|image| self.preview(image, try_number));
        let mut previews: Previews = made.buffered(PICTURES).try_collect().await?;
        let reason = format!("no picture was kept when it was read, and {MADE_MAX} at most are made later");
        let missing = Preview::Missing { reason };
        previews.extend(too_many.into_iter().map(|image| (image.blob.sha256, missing.clone())));
        Ok(previews)
    }

    /// The picture of an image, by the content of its file.
    async fn preview(
        &self,
        image: StoredImage,
        try_number: u64,
    ) -> Result<(Sha256Digest, Preview), IssueError> {
        let preview = match self.blobs.get(&image.blob).await {
            Ok(bytes) => {
                let made = self.previewer.make(&image, &bytes, try_number).await;
                match made.map_err(IssueError::Preview)? {
                    Made::Picture { png } => Preview::Made(self.blobs.put(png.into()).await?),
                    Made::Nothing { reason } => Preview::Missing { reason },
                }
            }
            Err(error) if error.is_transient() => return Err(IssueError::Fetch(error)),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "an image that was stored is not as it was"
                );
                Preview::Missing { reason: error.to_string() }
            }
        };
        Ok((image.blob.sha256, preview))
    }
}

/// What was stored for a report.
pub(crate) struct Objects {
    pub(crate) json: BlobRef,
    pub(crate) previews: Vec<BlobRef>,
}

/// Each picture that was made, once: images with other contents can look the same.
fn made(previews: Previews) -> Vec<BlobRef> {
    let blobs = previews.into_values().filter_map(|preview| match preview {
        Preview::Made(blob) => Some((blob.sha256, blob)),
        Preview::Missing { .. } => None,
    });
    blobs.collect::<BTreeMap<_, _>>().into_values().collect()
}

fn count(report: &Report, status: ImageStatus) -> u32 {
    let images = report.images.iter().filter(|image| image.status == status).count();
    u32::try_from(images).unwrap_or(u32::MAX)
}

/// The fact that records the report. One reading can complete studies of several sites at once: its id must tell
/// them apart, and its site is that of the study, or the log would take one revision twice.
pub(crate) fn report_issued(cause: &Envelope, brief: &Brief, report: &Report, objects: Objects) -> Envelope {
    let event = Event::ReportIssued(ReportIssued {
        study_id: brief.study_id,
        revision: brief.revision,
        cause: brief.why,
        json: objects.json,
        html: None,
        previews: objects.previews,
        job_ids: brief.images.iter().map(|image| image.job_id).collect(),
        completed: report.summary.completed,
        failed: report.summary.failed,
        pending: count(report, ImageStatus::Pending),
        complete: report.completeness.as_ref().is_none_or(|completeness| completeness.complete),
        doubts: report.doubts.iter().map(Doubt::notice).collect(),
    });
    let step = format!("report-issued/{}/{}", brief.study_id, brief.revision);
    Envelope {
        event_id: EventId::following(cause.event_id.as_uuid(), &step),
        site: brief.site.clone(),
        ..cause.next(Timestamp::now(), event)
    }
}
