//! One upload: bytes to storage while they come, then the fact to the log, then the answer. In this order, so
//! that an answer of 202 means that both are durable. Content that was read before is answered with its reading.

use std::sync::Arc;

use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartError};
use bytes::BytesMut;
use futures::future::OptionFuture;
use futures::{StreamExt as _, stream};
use hilum_answers::JobResult;
use hilum_blobs::{BlobStore, Received};
use hilum_events::{
    DicomIdentity, Envelope, Event, JobId, MediaType, Priority, SeriesName, Site, StoredImage,
    StudyCloseRequested, StudyId, StudyRef, study_images_filter, study_manifests_filter,
};
use hilum_imaging::Inspected;
use hilum_log::{Log, reach};
use hilum_sites::{Header, Sites};
use jiff::Timestamp;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::domain::{Arrival, Wishes, image_stored, studies_meant, study_named};
use crate::gate::{Admitted, Gate};
use crate::inspection::Inspector;
use crate::known::Readings;
use crate::manifest::Manifest;
use crate::refusal::Refusal;
use crate::study_sizes::StudySizes;

/// Longest text field, bytes.
const MAX_TEXT_BYTES: usize = 256;

/// Where images come in. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) log: Log,
    pub(crate) store: BlobStore,
    pub(crate) inspector: Inspector,
    /// Which image belongs to which series.
    pub(crate) sites: Arc<Sites>,
    pub(crate) gate: Gate,
    /// Those that the door may answer with.
    pub(crate) readings: Option<Readings>,
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) max_upload_bytes: u64,
    pub(crate) sizes: StudySizes,
}

/// An upload that was taken in.
pub(crate) struct Accepted {
    /// The fact that it is stored.
    pub(crate) stored: Envelope,
    /// What a model said of the same content before, once the job is linked to that.
    pub(crate) result: Option<JobResult>,
}

/// A study that a caller means, and the site of its images if it has any.
struct Meant {
    study_id: StudyId,
    site: Option<Site>,
}

/// What came in, stored or still to be kept.
struct Arrived {
    media_type: MediaType,
    received: Received,
    admitted: Admitted,
}

impl Door {
    /// Takes one upload in.
    pub(crate) async fn accept(&self, form: Multipart) -> Result<Accepted, Refusal> {
        self.gate.pass()?;
        let _slot = self.slots.try_acquire().map_err(|_| Refusal::Busy)?;
        if !self.log.is_connected() {
            let source = "not connected to the NATS server".into();
            return Err(Refusal::Unavailable("the event log is away", source));
        }
        let (wishes, arrived) = self.read_form(form).await?;
        let (dicom, series, study_id) = match self.identify_and_admit(&arrived, &wishes).await {
            Ok(identified) => identified,
            Err(refusal) => {
                self.store.discard(&arrived.received).await;
                return Err(refusal);
            }
        };
        let media_type = arrived.media_type;
        let content = arrived.received.sha256();
        let looking = OptionFuture::from(self.readings.as_ref().map(|readings| readings.find(&content)));
        let (blob, known) = tokio::join!(self.store.keep(arrived.received), looking);
        let blob = blob?;
        reach("ingest.after-store");
        metrics::counter!("hilum_ingest_bytes_total").increment(blob.size_bytes);
        let job_id = JobId::from_uuid(Uuid::now_v7());
        let prior_study_id = match &wishes.prior_study {
            Some(prior) => Some(self.study_meant(prior.as_str(), &wishes.site).await?.study_id),
            None => None,
        };
        let arrival = Arrival { image: StoredImage { blob, media_type, dicom }, series, prior_study_id };
        let stored = image_stored(job_id, wishes, arrival, Timestamp::now());
        self.log.append(&stored).await?;
        reach("ingest.after-publish");
        study_id.into_iter().for_each(|study_id| self.sizes.count(study_id));
        let result = match (&self.readings, known.flatten()) {
            (Some(readings), Some(known)) => readings.link(&stored, known).await,
            _ => None,
        };
        // What is answered waits for nobody.
        if result.is_none() {
            arrived.admitted.stored();
        }
        metrics::counter!("hilum_ingest_accepted_total", "type" => media_type.as_mime()).increment(1);
        tracing::info!(%job_id, media_type = media_type.as_mime(), known = result.is_some(), "image stored");
        Ok(Accepted { stored, result })
    }

    /// The study that a caller means by `named`: the one with that id if there is one, so that no name hides an id; else the
    /// one of that name at `site`.
    async fn study_meant(&self, named: &str, site: &Site) -> Result<Meant, Refusal> {
        let studies = studies_meant(named, site);
        if let Some(study_id) = studies.with_id {
            for filter in [study_images_filter(study_id), study_manifests_filter(study_id)] {
                if let Some(site) = self.site_of(&filter).await? {
                    return Ok(Meant { study_id, site: Some(site) });
                }
            }
        }
        let study_id = studies.named;
        Ok(Meant { study_id, site: self.site_of(&study_images_filter(study_id)).await? })
    }

    /// The site of the newest fact of this kind.
    async fn site_of(&self, filter: &str) -> Result<Option<Site>, Refusal> {
        let newest = self.log.last(filter).await?;
        Ok(newest.as_ref().and_then(|newest| newest.envelope()).map(|envelope| envelope.site.clone()))
    }

    /// Says in the log that no more images of a study will come.
    pub(crate) async fn close(&self, named: &str, site: &Site) -> Result<StudyId, Refusal> {
        let Meant { study_id, site: Some(site) } = self.study_meant(named, site).await? else {
            return Err(Refusal::UnknownStudy(named.to_owned()));
        };
        let request_id = Uuid::now_v7();
        let event = Event::StudyCloseRequested(StudyCloseRequested { study_id, request_id });
        self.log.append(&Envelope::first(request_id, site, Timestamp::now(), event)).await?;
        Ok(study_id)
    }

    /// Says in the log what a study consists of. It may come before the first image if it names the study as its images
    /// will.
    pub(crate) async fn expect(
        &self,
        named: &str,
        site: Site,
        manifest: Manifest,
    ) -> Result<StudyId, Refusal> {
        let Meant { study_id, site: of_images } = self.study_meant(named, &site).await?;
        let site = of_images.unwrap_or(site);
        let request_id = Uuid::now_v7();
        let event = Event::StudyManifestReceived(manifest.received(study_id, request_id));
        self.log.append(&Envelope::first(request_id, site, Timestamp::now(), event)).await?;
        Ok(study_id)
    }

    async fn read_form(&self, mut form: Multipart) -> Result<(Wishes, Arrived), Refusal> {
        let mut wishes = Wishes::default();
        let mut arrived: Option<Arrived> = None;
        loop {
            let read = match form.next_field().await {
                Ok(Some(field)) => self.read_field(field, &mut wishes, &mut arrived).await,
                Ok(None) => break,
                Err(error) => Err(self.broken_form(&error)),
            };
            if let Err(refusal) = read {
                if let Some(arrived) = arrived {
                    self.store.discard(&arrived.received).await;
                }
                return Err(refusal);
            }
        }
        let arrived = arrived.ok_or_else(|| {
            Refusal::Malformed("the form has no field named image; add the file there".to_owned())
        })?;
        if wishes.study.is_some() && wishes.study == wishes.prior_study {
            self.store.discard(&arrived.received).await;
            let what = "prior_study names the study itself; name an earlier one or leave it out";
            return Err(Refusal::Malformed(what.to_owned()));
        }
        Ok((wishes, arrived))
    }

    async fn read_field(
        &self,
        field: Field<'_>,
        wishes: &mut Wishes,
        arrived: &mut Option<Arrived>,
    ) -> Result<(), Refusal> {
        match field.name().unwrap_or_default() {
            "image" if arrived.is_some() => {
                Err(Refusal::Malformed("the form has two images; send one per request".to_owned()))
            }
            "image" => {
                // Before its bytes: what comes after them, such as site and priority, comes too late for this.
                let admitted = self.gate.admit(wishes.priority, &wishes.site)?;
                *arrived = Some(self.receive(field, admitted).await?);
                Ok(())
            }
            "site" => {
                wishes.site = self.text(field).await?.parse()?;
                Ok(())
            }
            "study" => {
                wishes.study = Some(StudyRef::given(&self.text(field).await?)?);
                Ok(())
            }
            "priority" => {
                wishes.priority = match self.text(field).await?.as_str() {
                    "stat" => Priority::Stat,
                    "routine" => Priority::Routine,
                    _ => return Err(Refusal::Malformed("priority must be stat or routine".to_owned())),
                };
                Ok(())
            }
            "expected_images" => {
                let images = self.text(field).await?.parse().ok();
                let most = self.sizes.most;
                let images = images.filter(|images| (1..=most).contains(images)).ok_or_else(|| {
                    Refusal::Malformed(format!("expected_images must be a number from 1 to {most}"))
                })?;
                wishes.expected_images = Some(images);
                Ok(())
            }
            "prior_study" => {
                wishes.prior_study = Some(StudyRef::given(&self.text(field).await?)?);
                Ok(())
            }
            _ => Err(Refusal::Malformed(
                "the form has a field that is none of image, site, study, priority, expected_images, prior_study; \
                 leave it out"
                    .to_owned(),
            )),
        }
    }

    /// Refuses an unknown type after its first bytes, before anything is stored.
    async fn receive(&self, field: Field<'_>, admitted: Admitted) -> Result<Arrived, Refusal> {
        let mut chunks = Box::pin(field);
        let mut prefix = BytesMut::new();
        while prefix.len() < MediaType::PREFIX_LEN {
            match chunks.next().await {
                Some(Ok(chunk)) => prefix.extend_from_slice(&chunk),
                Some(Err(error)) => return Err(self.broken_form(&error)),
                None => break,
            }
        }
        if prefix.is_empty() {
            return Err(Refusal::Malformed("the image is empty; send the whole file".to_owned()));
        }
        let media_type = MediaType::recognise(&prefix).ok_or(Refusal::UnknownType)?;
        let all = stream::once(async { Ok(prefix.freeze()) }).chain(chunks);
        let received = self.store.receive(all, self.max_upload_bytes).await?;
        Ok(Arrived { media_type, received, admitted })
    }

    /// What the image says of itself, and the study that it adds to, if there may be more images of that.
    async fn identify_and_admit(
        &self,
        arrived: &Arrived,
        wishes: &Wishes,
    ) -> Result<(Option<DicomIdentity>, Vec<SeriesName>, Option<StudyId>), Refusal> {
        let (dicom, series) = self.identify(arrived, &wishes.site).await?;
        let study_id = study_named(&wishes.site, wishes.study.as_ref(), dicom.as_ref());
        if let Some(study_id) = study_id {
            self.sizes.admit(&self.log, study_id).await?;
        }
        Ok((dicom, series, study_id))
    }

    /// For DICOM, the identifiers and the series of the site: read in a child process, for a hostile file ends the process
    /// that parses it. What tells the series is forgotten here.
    async fn identify(
        &self,
        arrived: &Arrived,
        site: &Site,
    ) -> Result<(Option<DicomIdentity>, Vec<SeriesName>), Refusal> {
        if arrived.media_type != MediaType::Dicom {
            return Ok((None, Vec::new()));
        }
        let Inspected { identity, series } = self.inspector.inspect(&self.store, &arrived.received).await?;
        let header = Header { image: &series.image, description: series.description.as_deref() };
        Ok((Some(identity), self.sites.series(site, &header)))
    }

    async fn text(&self, mut field: Field<'_>) -> Result<String, Refusal> {
        let mut text = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(|error| self.broken_form(&error))? {
            text.extend_from_slice(&chunk);
            if text.len() > MAX_TEXT_BYTES {
                return Err(Refusal::Malformed(format!(
                    "a text field is longer than {MAX_TEXT_BYTES} bytes"
                )));
            }
        }
        String::from_utf8(text).map_err(|_| Refusal::Malformed("a text field is not UTF-8".to_owned()))
    }

    fn broken_form(&self, error: &MultipartError) -> Refusal {
        match error.status() {
            axum::http::StatusCode::PAYLOAD_TOO_LARGE => {
                Refusal::TooLong { limit_bytes: self.max_upload_bytes }
            }
            _ => Refusal::Malformed("the multipart body is broken or broke off; send it again".to_owned()),
        }
    }
}
