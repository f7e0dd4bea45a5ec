//! One image: bytes to storage while they come, then the fact to the log, then the answer. In this order, so that whoever is
//! answered knows that both are durable. Content that was read before is answered with its reading.

use std::sync::Arc;

use futures::future::{BoxFuture, OptionFuture};
use hilum_api::JobResult;
use hilum_blobs::{BlobStore, StoreConfig};
use hilum_events::{DicomIdentity, Envelope, JobId, SeriesName, Site, StoredImage, StudyId};
use hilum_faults::reach;
use hilum_imaging::{DecoderConfig, DecoderPool, Inspected};
use hilum_log::{Appended, CLOCK_NOTE, Log, SEAL_RECORD};
use hilum_runtime::Service;
use hilum_sites::{Header, Sites};
use jiff::Timestamp;
use uuid::Uuid;

use crate::disk::Disk;
use crate::domain::{ImageFacts, Wishes, image_stored, study_named};
use crate::gate::Gate;
use crate::inspection::Inspector;
use crate::known::Readings;
use crate::refusal::Refusal;
use crate::senders::SenderLimits;
use crate::settings::IntakeSettings;
use crate::slots::Slots;
use crate::staging::StagedImage;
use crate::study_sizes::StudySizes;

/// A condition of readiness.
const SEAL: &str = "seal";

/// Where images come in. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    /// What is told that an image is there.
    pub log: Log,
    /// Where its bytes are kept.
    pub store: BlobStore,
    /// Reads the headers of DICOM objects.
    pub inspector: Inspector,
    /// Which image belongs to which series.
    pub sites: Arc<Sites>,
    /// Whether the door is open.
    pub gate: Gate,
    /// Those that the door may answer with.
    pub readings: Option<Readings>,
    /// For images whose bytes are coming in.
    pub slots: Slots,
    /// What each sender may send.
    pub senders: SenderLimits,
    /// Whether there is room where they are kept.
    pub disk: Disk,
    /// The longest image that is taken.
    pub max_upload_bytes: u64,
    /// How many images studies have.
    pub sizes: StudySizes,
}

/// What is to be said of an image beside its bytes.
#[derive(Debug, Clone)]
pub struct Upload {
    /// What its sender wants.
    pub wishes: Wishes,
    /// The id of its job, where a repeat must be the same job; else it gets a new one.
    pub job_id: Option<JobId>,
}

/// An image that was taken in.
pub struct DurableImage {
    /// The fact that it is stored.
    pub stored: Envelope,
    /// Whether the log had this job already.
    pub repeated: bool,
    /// What a model said of the same content before, once the job is linked to that.
    pub result: Option<JobResult>,
}

impl Intake {
    /// Opens what an image passes, as set; `service` is not ready before the log is known to be the right one, nor while
    /// something that is needed is away.
    ///
    /// # Errors
    /// When a setting is wrong, in words.
    pub fn open(
        settings: &IntakeSettings,
        sites: Sites,
        service: &Service,
        log: Log,
    ) -> anyhow::Result<Self> {
        let store = BlobStore::open(&StoreConfig::at(&settings.store_url))?;
        let decoders = DecoderConfig { size: settings.decoders.max(1), ..DecoderConfig::sibling()? };
        let clock = log.clock().clone();
        service.keep_note(CLOCK_NOTE, move || clock.note());
        service.watch("event log", &log, |log| async move { log.probe().await });
        service.watch("object storage", &store, |store| async move { store.probe().await });
        let disk = Disk::new(&store, settings.least_free_mib);
        service.watch("disk", &disk, |disk| async move { disk.look().await });
        service.health.wait_for(SEAL, "comparing the event log with its seal");
        Ok(Self {
            gate: Gate::new(settings.bounds()),
            readings: settings.model.as_deref().and_then(|model| Readings::by_model(&log, model)),
            log,
            store,
            inspector: Inspector::new(DecoderPool::new(decoders)),
            sites: Arc::new(sites),
            slots: Slots::new(settings.uploads_at_once),
            senders: SenderLimits::new(settings.sender_bounds()),
            disk,
            max_upload_bytes: settings.max_upload_bytes,
            sizes: StudySizes::bounded(settings.study_images_max),
        })
    }

    /// Compares the log with its seal, opens the door to it, and looks each second how many images wait; until `service` stops.
    ///
    /// # Errors
    /// When the log is not the one that the seal is of.
    pub fn keep_watch(&self, service: &Service) -> BoxFuture<'static, anyhow::Result<()>> {
        let (intake, health, shutdown) = (self.clone(), service.health.clone(), service.shutdown.clone());
        Box::pin(async move {
            let seal = intake.store.record_reader(SEAL_RECORD);
            if intake.log.wait_until_trusted(&shutdown, seal).await? {
                health.holds(SEAL);
                intake.gate.watch(&intake.log, &shutdown).await;
            }
            Ok(())
        })
    }

    /// Whether an image may begin whose site and priority are not known yet.
    ///
    /// # Errors
    /// When none may.
    pub fn check_open(&self) -> Result<(), Refusal> {
        self.gate.pass()?;
        self.disk.check()?;
        if !self.log.is_connected() {
            let source = "not connected to the NATS server".into();
            return Err(Refusal::Unavailable("the event log is away", source));
        }
        Ok(())
    }

    /// Reads what its header says, keeps it by its content, and tells the log. It is durable when this returns.
    ///
    /// # Errors
    /// When it can't be read, its study is full, or something is away. Nothing of it stays then, save perhaps an object that
    /// no event names.
    pub fn store(&self, staged: StagedImage, upload: Upload) -> BoxFuture<'_, Result<DurableImage, Refusal>> {
        Box::pin(self.make_durable(staged, upload))
    }

    async fn make_durable(&self, mut staged: StagedImage, upload: Upload) -> Result<DurableImage, Refusal> {
        let wishes = &upload.wishes;
        let (dicom, series, study_id) = match self.identify_and_admit(&mut staged, wishes).await {
            Ok(identified) => identified,
            Err(refusal) => {
                self.discard(staged).await;
                return Err(refusal);
            }
        };
        let media_type = staged.media_type;
        let content = staged.received.sha256();
        let looking = OptionFuture::from(self.readings.as_ref().map(|readings| readings.find(&content)));
        let (blob, known) = tokio::join!(self.store.keep(staged.received), looking);
        let blob = blob?;
        reach("ingest.after-store");
        metrics::counter!("hilum_ingest_bytes_total").increment(blob.size_bytes);
        let job_id = upload.job_id.unwrap_or_else(|| JobId::from_uuid(Uuid::now_v7()));
        let prior_study_id = match &wishes.prior_study {
            Some(prior) => Some(self.study_meant(prior.as_str(), &wishes.site).await?.study_id),
            None => None,
        };
        let image = StoredImage { blob, media_type, dicom };
        let arrival = ImageFacts { image, series, prior_study_id, source: staged.admitted.source.clone() };
        let stored = image_stored(job_id, upload.wishes, arrival, Timestamp::now());
        let appended = self.log.append(&stored).await?;
        let repeated = matches!(appended, Appended::AlreadyThere { .. });
        reach("ingest.after-publish");
        if !repeated {
            study_id.into_iter().for_each(|study_id| self.sizes.count(study_id));
        }
        let result = match (&self.readings, known.flatten()) {
            (Some(readings), Some(known)) => readings.link(&stored, known).await,
            _ => None,
        };
        // What is answered waits for nobody.
        if result.is_none() && !repeated {
            staged.admitted.counted.stored();
        }
        metrics::counter!("hilum_ingest_accepted_total", "type" => media_type.as_mime()).increment(1);
        tracing::info!(%job_id, media_type = media_type.as_mime(), known = result.is_some(), "image stored");
        Ok(DurableImage { stored, repeated, result })
    }

    /// Throws away what came in.
    pub fn discard(&self, staged: StagedImage) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.store.discard(&staged.received).await })
    }

    /// The identifiers and series in the image's header, and the study that it adds to, unless it comes alone.
    async fn identify_and_admit(
        &self,
        staged: &mut StagedImage,
        wishes: &Wishes,
    ) -> Result<(Option<DicomIdentity>, Vec<SeriesName>, Option<StudyId>), Refusal> {
        let (dicom, series) = self.identify(staged, &wishes.site).await?;
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
        staged: &mut StagedImage,
        site: &Site,
    ) -> Result<(Option<DicomIdentity>, Vec<SeriesName>), Refusal> {
        let Some(Inspected { identity, series }) = self.inspect(staged).await? else {
            return Ok((None, Vec::new()));
        };
        let header = Header { image: &series.image, description: series.description.as_deref() };
        Ok((Some(identity.clone()), self.sites.series(site, &header)))
    }
}
