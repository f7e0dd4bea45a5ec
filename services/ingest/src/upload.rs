//! One upload: bytes to storage while they come, then the fact to the log, then the answer. In this order, so
//! that an answer of 202 means that both are durable. Content that was read before is answered with its reading.

mod form;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Multipart;
use futures::future::OptionFuture;
use hilum_api::{JobResult, Manifest};
use hilum_blobs::BlobStore;
use hilum_events::{
    DicomIdentity, Envelope, Event, JobId, MediaType, SeriesName, Site, StoredImage, StudyCloseRequested,
    StudyId, study_images_filter, study_manifests_filter,
};
use hilum_faults::reach;
use hilum_imaging::Inspected;
use hilum_log::Log;
use hilum_sites::{Header, Sites};
use jiff::Timestamp;
use uuid::Uuid;

use self::form::StagedImage;
use crate::disk::Disk;
use crate::domain::{ImageFacts, Wishes, image_stored, studies_meant, study_named};
use crate::gate::Gate;
use crate::inspection::Inspector;
use crate::known::Readings;
use crate::manifest;
use crate::refusal::Refusal;
use crate::slots::Slots;
use crate::study_sizes::StudySizes;

/// Where images come in. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Uploads {
    pub(crate) log: Log,
    pub(crate) store: BlobStore,
    pub(crate) inspector: Inspector,
    /// Which image belongs to which series.
    pub(crate) sites: Arc<Sites>,
    pub(crate) gate: Gate,
    /// Those that the door may answer with.
    pub(crate) readings: Option<Readings>,
    pub(crate) slots: Slots,
    pub(crate) disk: Disk,
    /// How long the fields before the image, and those after it, may take in all.
    pub(crate) silence_limit: Duration,
    pub(crate) max_upload_bytes: u64,
    pub(crate) sizes: StudySizes,
}

/// An upload that was taken in.
pub(crate) struct DurableUpload {
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

impl Uploads {
    /// Takes one upload in.
    pub(crate) async fn accept(&self, form: Multipart) -> Result<DurableUpload, Refusal> {
        self.gate.pass()?;
        self.disk.check()?;
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
        let arrival = ImageFacts { image: StoredImage { blob, media_type, dicom }, series, prior_study_id };
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
        Ok(DurableUpload { stored, result })
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
        let event = Event::StudyManifestReceived(manifest::received(manifest, study_id, request_id));
        self.log.append(&Envelope::first(request_id, site, Timestamp::now(), event)).await?;
        Ok(study_id)
    }

    /// The identifiers and series in the image's header, and the study that it adds to, unless it comes alone.
    async fn identify_and_admit(
        &self,
        arrived: &StagedImage,
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
    /// that parses it. The header values from which the series follows are dropped here.
    async fn identify(
        &self,
        arrived: &StagedImage,
        site: &Site,
    ) -> Result<(Option<DicomIdentity>, Vec<SeriesName>), Refusal> {
        if arrived.media_type != MediaType::Dicom {
            return Ok((None, Vec::new()));
        }
        let Inspected { identity, series } = self.inspector.inspect(&self.store, &arrived.received).await?;
        let header = Header { image: &series.image, description: series.description.as_deref() };
        Ok((Some(identity), self.sites.series(site, &header)))
    }
}
