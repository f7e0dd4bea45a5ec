//! Issues one report: fetches the facts, makes document and page, stores both, then says so in the log. Doing it
//! twice is harmless: objects are named by their content and the log takes each revision once.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _};
use hilum_blobs::{BlobStore, GetError, PutError};
use hilum_events::{BlobRef, DecodeError as EventError, Envelope, Event, EventId, ReportIssued, StoredImage};
use hilum_imaging::DecodeError;
use hilum_log::{AppendError, Log, UnavailableError, reach};
use jiff::Timestamp;
use tracing::Instrument as _;

use crate::compose::{self, ComposeError, StoredFact, Story, compose};
use crate::document::Report;
use crate::domain::Brief;
use crate::page::{self, Preview, Previews};
use crate::previews::{Previewer, max_side_px};
use crate::setbacks::Hope;

/// Facts fetched at a time.
const FETCHES: usize = 16;
/// Pictures of one report in memory at a time.
const PICTURES: usize = 2;

/// What issuing needs of the world.
pub(crate) struct Issuer {
    pub(crate) log: Log,
    pub(crate) blobs: BlobStore,
    pub(crate) previewer: Previewer,
}

/// Who issued the revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Issued {
    /// This copy of the service.
    Here,
    /// Another copy was first.
    Elsewhere,
}

/// The report was not issued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    /// The log did not answer.
    #[error("cannot fetch the facts of a report")]
    Facts(#[source] UnavailableError),
    /// A fact that was read before can't be read now.
    #[error("cannot read the event at position {seq}")]
    Unreadable { seq: u64, source: EventError },
    /// The facts do not fit together.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// An image could not be fetched.
    #[error("cannot fetch an image for its preview")]
    Fetch(#[source] GetError),
    /// The decoder could not work.
    #[error("cannot make a preview")]
    Preview(#[source] DecodeError),
    /// The document has no JSON form.
    #[error("cannot write the document")]
    Document(#[from] serde_json::Error),
    /// The report could not be stored.
    #[error("cannot store a report")]
    Store(#[from] PutError),
    /// It is stored and the log does not say so.
    #[error("cannot tell the log of a report")]
    Append(#[source] AppendError),
}

impl IssueError {
    /// Whether trying again is likely to help.
    pub(crate) fn hope(&self) -> Hope {
        match self {
            Self::Facts(_) | Self::Fetch(_) | Self::Preview(_) | Self::Store(_) | Self::Append(_) => {
                Hope::Transient
            }
            Self::Unreadable { .. } | Self::Compose(_) | Self::Document(_) => Hope::Stuck,
        }
    }
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
        let cause = self.log.at(brief.cause_seq).await.map_err(IssueError::Facts)?;
        let cause = cause.ok_or(ComposeError::Missing { seq: brief.cause_seq })?;
        cause.continue_trace_in(&span);
        self.make_and_tell(brief, try_number).instrument(span).await
    }

    async fn make_and_tell(&self, brief: &Brief, try_number: u64) -> Result<Issued, IssueError> {
        let story = self.fetch_story(brief).await?;
        let report = compose(brief, &story)?;
        let previews = self.previews(brief, &story, try_number).await?;
        let json = self.blobs.put(report.to_json()?.into()).await?;
        let page = page::render(&report, &previews, &json.sha256);
        let html = self.blobs.put(page.into()).await?;
        let cause = compose::fact(&story, brief.cause_seq)?;
        reach("report.after-store");
        let envelope = report_issued(&cause.envelope, brief, &report, (json, html));
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

    async fn fetch_story(&self, brief: &Brief) -> Result<Story, IssueError> {
        let facts = futures::stream::iter(compose::needed(brief)).map(|seq| self.fetch_fact(seq));
        facts.buffered(FETCHES).map_ok(|fact| (fact.seq, fact)).try_collect().await
    }

    async fn fetch_fact(&self, seq: u64) -> Result<StoredFact, IssueError> {
        let recorded = self.log.at(seq).await.map_err(IssueError::Facts)?;
        let recorded = recorded.ok_or(ComposeError::Missing { seq })?;
        let envelope = recorded.content.map_err(|source| IssueError::Unreadable { seq, source })?;
        Ok(StoredFact { seq, stored_at: recorded.stored_at, envelope })
    }

    async fn previews(&self, brief: &Brief, story: &Story, try_number: u64) -> Result<Previews, IssueError> {
        let mut pictures = BTreeMap::new();
        for image in &brief.images {
            let image_and_preview =
                (compose::arrival(story, image)?.image.clone(), compose::kept_preview(story, image)?);
            pictures.entry(image_and_preview.0.blob.sha256).or_insert(image_and_preview);
        }
        let Some(side) = max_side_px(pictures.len()) else {
            let reason = format!("the study has {} pictures, too many to show on one page", pictures.len());
            let missing = Preview::Missing { reason };
            return Ok(pictures.into_keys().map(|sha256| (sha256, missing.clone())).collect());
        };
        let previews = futures::stream::iter(pictures).map(|(sha256, (image, kept))| async move {
            let shown = match kept {
                Some(kept) => self.kept_preview(&kept, side, try_number).await?,
                None => None,
            };
            match shown {
                Some(preview) => Ok((sha256, preview)),
                None => Ok((sha256, self.preview(&image, side, try_number).await?)),
            }
        });
        previews.buffered(PICTURES).try_collect().await
    }

    /// What was made when the image was read: it need not be decoded again. `None` if it can't be used any more.
    async fn kept_preview(
        &self,
        kept: &BlobRef,
        side: u32,
        try_number: u64,
    ) -> Result<Option<Preview>, IssueError> {
        match self.blobs.get(kept).await {
            Ok(png) => {
                let preview = self.previewer.of_kept(&png, side, try_number).await;
                preview.map(Some).map_err(IssueError::Preview)
            }
            Err(error) if error.is_transient() => Err(IssueError::Fetch(error)),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a stored preview is not as it was");
                Ok(None)
            }
        }
    }

    async fn preview(&self, image: &StoredImage, side: u32, try_number: u64) -> Result<Preview, IssueError> {
        match self.blobs.get(&image.blob).await {
            Ok(bytes) => {
                let preview = self.previewer.preview(image, &bytes, side, try_number).await;
                preview.map_err(IssueError::Preview)
            }
            Err(error) if error.is_transient() => Err(IssueError::Fetch(error)),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "an image that was stored is not as it was"
                );
                Ok(Preview::Missing { reason: error.to_string() })
            }
        }
    }
}

/// The fact that tells of the report. One reading can complete studies of several sites at once: its id must tell
/// them apart, and its site is that of the study, or the log would take one revision twice.
fn report_issued(
    cause: &Envelope,
    brief: &Brief,
    report: &Report,
    (json, html): (BlobRef, BlobRef),
) -> Envelope {
    let event = Event::ReportIssued(ReportIssued {
        study_id: brief.study_id,
        revision: brief.revision,
        cause: brief.why,
        json,
        html,
        job_ids: brief.images.iter().map(|image| image.job_id).collect(),
        completed: report.summary.completed,
        failed: report.summary.failed,
    });
    let step = format!("report-issued/{}/{}", brief.study_id, brief.revision);
    Envelope {
        event_id: EventId::following(cause.event_id.as_uuid(), &step),
        site: brief.site.clone(),
        ..cause.next(Timestamp::now(), event)
    }
}
