//! What comes by HTTP: an upload, and what a sender says of its study.

use std::time::Duration;

use axum::extract::Multipart;
use hilum_api::Manifest;
use hilum_events::{Envelope, Event, Site, StudyCloseRequested, StudyId};
use hilum_intake::{DurableImage, Intake, MeantStudy, Refusal, Upload};
use jiff::Timestamp;
use uuid::Uuid;

use crate::manifest;

/// Where uploads come in. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Uploads {
    pub(crate) intake: Intake,
    /// How long the fields before the image, and those after it, may take in all.
    pub(crate) silence_limit: Duration,
}

impl Uploads {
    /// Takes one upload in.
    pub(crate) async fn accept(&self, form: Multipart) -> Result<DurableImage, Refusal> {
        self.intake.check_open()?;
        let (wishes, staged) = self.read_form(form).await?;
        self.intake.store(staged, Upload { wishes, job_id: None }).await
    }

    /// Says in the log that no more images of a study will come.
    pub(crate) async fn close(&self, named: &str, site: &Site) -> Result<StudyId, Refusal> {
        let MeantStudy { study_id, site: Some(site) } = self.intake.study_meant(named, site).await? else {
            return Err(Refusal::UnknownStudy(named.to_owned()));
        };
        let request_id = Uuid::now_v7();
        let event = Event::StudyCloseRequested(StudyCloseRequested { study_id, request_id });
        self.say(request_id, site, event).await?;
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
        let MeantStudy { study_id, site: of_images } = self.intake.study_meant(named, &site).await?;
        let request_id = Uuid::now_v7();
        let event = Event::StudyManifestReceived(manifest::received(manifest, study_id, request_id));
        self.say(request_id, of_images.unwrap_or(site), event).await?;
        Ok(study_id)
    }

    async fn say(&self, request_id: Uuid, site: Site, event: Event) -> Result<(), Refusal> {
        self.intake.log.append(&Envelope::first(request_id, site, Timestamp::now(), event)).await?;
        Ok(())
    }
}
