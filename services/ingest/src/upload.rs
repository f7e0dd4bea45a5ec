//! One upload: bytes to storage while they come, then the fact to the log, then the answer. In this order, so
//! that an answer of 202 means that both are durable. Content that was read before is answered with its reading.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartError};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use bytes::BytesMut;
use futures::future::OptionFuture;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use hilum_api::{JobResult, Manifest};
use hilum_blobs::{BlobStore, Received};
use hilum_events::{
    DicomIdentity, Envelope, Event, JobId, MediaType, Priority, SeriesName, Site, StoredImage,
    StudyCloseRequested, StudyId, StudyRef, study_images_filter, study_manifests_filter,
};
use hilum_faults::reach;
use hilum_imaging::Inspected;
use hilum_log::Log;
use hilum_runtime::{BodyFault, is_encoded};
use hilum_sites::{Header, Sites};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::disk::Disk;
use crate::domain::{ImageFacts, Wishes, image_stored, studies_meant, study_named};
use crate::gate::{Admitted, Gate};
use crate::inspection::Inspector;
use crate::known::Readings;
use crate::manifest;
use crate::refusal::Refusal;
use crate::slots::{Slot, Slots};
use crate::study_sizes::StudySizes;

/// Longest text field, bytes.
const MAX_TEXT_BYTES: usize = 256;

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

/// An image that came in and lies in storage under a temporary key.
struct StagedImage {
    media_type: MediaType,
    received: Received,
    admitted: Admitted,
    /// Its place, until the answer.
    _slot: Slot,
}

/// What was read of the form so far.
#[derive(Default)]
struct Read {
    wishes: Wishes,
    /// Each text field as it came.
    said: HashMap<&'static str, String>,
    arrived: Option<StagedImage>,
}

/// The fields of the form beside the image.
const TEXT_FIELDS: [&str; 5] = ["site", "study", "priority", "expected_images", "prior_study"];

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

    async fn read_form(&self, mut form: Multipart) -> Result<(Wishes, StagedImage), Refusal> {
        let mut read = Read::default();
        if let Err(refusal) = self.read_fields(&mut form, &mut read).await {
            self.throw_away(read.arrived).await;
            return Err(refusal);
        }
        let Read { wishes, arrived, .. } = read;
        let arrived = arrived.ok_or_else(|| {
            Refusal::Malformed("the form has no field named image; add the file there".to_owned())
        })?;
        if wishes.study.is_some() && wishes.study == wishes.prior_study {
            self.throw_away(Some(arrived)).await;
            let what = "prior_study names the study itself; name an earlier one or leave it out";
            return Err(Refusal::Malformed(what.to_owned()));
        }
        Ok((wishes, arrived))
    }

    async fn throw_away(&self, arrived: Option<StagedImage>) {
        if let Some(arrived) = arrived {
            self.store.discard(&arrived.received).await;
        }
    }

    async fn read_fields(&self, form: &mut Multipart, read: &mut Read) -> Result<(), Refusal> {
        let late = |_| Refusal::Stalled(self.silence_limit);
        // Fields are short: a sender that lets them trickle in gets no more time for all of them than for one silence.
        let mut deadline = Instant::now() + self.silence_limit;
        loop {
            let field = timeout_at(deadline, form.next_field()).await.map_err(late)?;
            let Some(field) = field.map_err(|error| self.broken_form(&error))? else { return Ok(()) };
            let part = field.headers();
            if is_encoded(part, &CONTENT_ENCODING) || is_transfer_encoded(part) {
                return Err(Refusal::Encoded);
            }
            let name = field.name().unwrap_or_default();
            if name == "image" {
                self.read_image(field, read).await?;
                deadline = Instant::now() + self.silence_limit;
                continue;
            }
            let Some(name) = TEXT_FIELDS.into_iter().find(|known| *known == name) else {
                let known = TEXT_FIELDS.join(", ");
                let what = format!("the form has a field that is none of image, {known}; leave it out");
                return Err(Refusal::Malformed(what));
            };
            let text = timeout_at(deadline, self.text(field)).await.map_err(late)??;
            self.take_text(name, text, read)?;
        }
    }

    async fn read_image(&self, field: Field<'_>, read: &mut Read) -> Result<(), Refusal> {
        if read.arrived.is_some() {
            return Err(Refusal::Malformed("the form has two images; send one per request".to_owned()));
        }
        // Before its bytes: what comes after them, such as site and priority, comes too late for this.
        let Wishes { priority, site, .. } = &read.wishes;
        let admitted = self.gate.admit(*priority, site)?;
        let slot = self.slots.take(*priority, site)?;
        read.arrived = Some(self.receive(field, admitted, slot).await?);
        Ok(())
    }

    /// Takes in a text field. An empty one counts as absent; one that is repeated with another value is refused.
    fn take_text(&self, name: &'static str, text: String, read: &mut Read) -> Result<(), Refusal> {
        if text.is_empty() {
            return Ok(());
        }
        if let Some(before) = read.said.get(name) {
            let same = *before == text;
            let what = || format!("the field {name} comes twice with different values; send it once");
            return if same { Ok(()) } else { Err(Refusal::Malformed(what())) };
        }
        let wishes = &mut read.wishes;
        match name {
            "site" => wishes.site = text.parse()?,
            "study" => wishes.study = Some(StudyRef::given(&text)?),
            "prior_study" => wishes.prior_study = Some(StudyRef::given(&text)?),
            "priority" => wishes.priority = priority(&text)?,
            _ => wishes.expected_images = Some(self.expected_images(&text)?),
        }
        read.said.insert(name, text);
        Ok(())
    }

    fn expected_images(&self, text: &str) -> Result<u32, Refusal> {
        let most = self.sizes.most;
        text.parse()
            .ok()
            .filter(|images| (1..=most).contains(images))
            .ok_or_else(|| Refusal::Malformed(format!("expected_images must be a number from 1 to {most}")))
    }

    /// Refuses an unknown type after its first bytes, before anything is stored.
    async fn receive(
        &self,
        field: Field<'_>,
        admitted: Admitted,
        slot: Slot,
    ) -> Result<StagedImage, Refusal> {
        let (hearing, taken_away) = (slot.hearing(), slot.taken_away());
        let limit = slot.makes_room_after();
        let given_up = stream::once(async {
            let stalled = || Box::<dyn Error + Send + Sync>::from(BodyFault::Stalled { limit });
            taken_away.is_cancelled().then(|| Err(stalled()))
        });
        let given_up = given_up.filter_map(std::future::ready);
        let pieces = field.inspect(|_| hearing.heard()).map_err(Box::<dyn Error + Send + Sync>::from);
        let mut chunks = Box::pin(pieces.take_until(taken_away.cancelled()).chain(given_up));
        let mut prefix = BytesMut::new();
        while prefix.len() < MediaType::PREFIX_LEN {
            match chunks.next().await {
                Some(Ok(chunk)) => prefix.extend_from_slice(&chunk),
                Some(Err(error)) => return Err(Refusal::of_broken_body(&*error)),
                None => break,
            }
        }
        if prefix.is_empty() {
            return Err(Refusal::Malformed("the image is empty; send the whole file".to_owned()));
        }
        let media_type = MediaType::recognise(&prefix).ok_or(Refusal::UnknownType)?;
        let all = stream::once(async { Ok(prefix.freeze()) }).chain(chunks);
        let received = self.store.receive(all, self.max_upload_bytes).await?;
        Ok(StagedImage { media_type, received, admitted, _slot: slot })
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
            _ => Refusal::of_broken_body(error),
        }
    }
}

fn priority(text: &str) -> Result<Priority, Refusal> {
    match text {
        "stat" => Ok(Priority::Stat),
        "routine" => Ok(Priority::Routine),
        _ => Err(Refusal::Malformed("priority must be stat or routine".to_owned())),
    }
}

/// Whether a part comes in other bytes than it has, as mail programs send them.
fn is_transfer_encoded(part: &HeaderMap) -> bool {
    let as_it_is = ["binary", "8bit", "7bit", "identity"];
    let encodings = part.get_all("content-transfer-encoding").iter();
    encodings
        .map(|value| value.as_bytes().trim_ascii())
        .any(|encoding| !as_it_is.iter().any(|known| encoding.eq_ignore_ascii_case(known.as_bytes())))
}
