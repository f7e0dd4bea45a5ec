//! Settings that every door has.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use hilum_runtime::OldName;
use hilum_sites::Sites;

use crate::admission::Bounds;
use crate::senders::SenderBounds;

/// What infer has a setting of the same name for.
pub const OLD_NAMES: [OldName; 1] = [OldName { setting: "decoders", variable: "HILUM_DECODERS" }];

/// Where images are kept and how many may come in. To be flattened into the settings of a door.
#[derive(Debug, Clone, Args)]
pub struct IntakeSettings {
    /// Where images are kept: file:///folder or s3://bucket (with the usual AWS_… settings)
    #[arg(long, env = "HILUM_STORE_URL")]
    pub store_url: String,
    /// Folder of the model that reads the images: what it has read before is answered at once. Without it, or when it
    /// can't be used, every image is queued
    #[arg(long, env = "HILUM_MODEL")]
    pub model: Option<PathBuf>,
    /// TOML file with the rules of the sites; of these the door needs which image belongs to which series
    #[arg(long, env = "HILUM_SITES", value_name = "FILE")]
    pub sites: Option<PathBuf>,
    /// Longest image that is taken, bytes
    #[arg(long, env = "HILUM_MAX_UPLOAD_BYTES", default_value_t = 256 << 20)]
    pub max_upload_bytes: u64,
    /// Uploads whose image comes in at a time; more are answered 503. Each holds up to 16 MiB. A quarter is kept for urgent
    /// images, and no site gets all (ADR 0042)
    #[arg(long, env = "HILUM_UPLOADS_AT_ONCE", default_value_t = 64)]
    pub uploads_at_once: usize,
    /// MiB that must stay free on the disk where images are kept, if they are in a folder; while fewer are, uploads are
    /// answered 503 and the service is not ready. 0 lets the disk run full
    #[arg(long, env = "HILUM_LEAST_FREE_MIB", default_value_t = 256)]
    pub least_free_mib: u64,
    /// Images that may wait for a reading; while there are more, uploads are answered 503
    #[arg(long, env = "HILUM_MAX_WAITING", default_value_t = 100_000)]
    pub max_waiting: u64,
    /// Longest estimated wait for a reading, seconds; while it is longer, uploads are answered 503 with the time after
    /// which there is room again. Urgent images overtake, so for them only urgent ones count. 0 lets images wait as long
    /// as they must, for batches at night. The default is as long as someone waits beside the device
    #[arg(long, env = "HILUM_MAX_WAIT_S", default_value_t = 60)]
    pub max_wait_s: u64,
    /// Sites that may have images waiting at a time; an image of one more is answered 503. They are served in turn
    #[arg(long, env = "HILUM_MAX_SITES", default_value_t = 10_000)]
    pub max_sites: usize,
    /// Images of a study that are taken, as the report service has it; one more is answered 409
    #[arg(long, env = "HILUM_STUDY_IMAGES_MAX", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub study_images_max: u32,
    /// Images a minute that one sender may send, where the door knows its senders by name; after a pause it may send a minute's
    /// worth at once. 0 lets it send as many as come
    #[arg(long, env = "HILUM_SENDER_IMAGES_PER_MINUTE", default_value_t = 0)]
    pub sender_images_per_minute: u32,
    /// Images of one sender whose bytes may come in at a time, where the door knows its senders by name. 0 for as many as there
    /// are places
    #[arg(long, env = "HILUM_SENDER_IMAGES_AT_ONCE", default_value_t = 0)]
    pub sender_images_at_once: usize,
    /// Bytes of images of one sender that may be under way at a time, where the door knows its senders by name: while there are
    /// as many, it may begin no other image. 0 for as many as come
    #[arg(long, env = "HILUM_SENDER_BYTES_AT_ONCE", default_value_t = 0)]
    pub sender_bytes_at_once: u64,
    /// Child processes that read DICOM headers
    #[arg(long, env = "HILUM_HEADER_DECODERS", default_value_t = 2)]
    pub decoders: usize,
}

impl IntakeSettings {
    /// The rules of the sites.
    ///
    /// # Errors
    /// When the file can't be read or breaks a rule.
    pub fn read_sites(&self) -> anyhow::Result<Sites> {
        Ok(Sites::read(self.sites.as_deref())?)
    }

    pub(crate) fn sender_bounds(&self) -> SenderBounds {
        SenderBounds {
            images_per_minute: Some(self.sender_images_per_minute).filter(|most| *most > 0),
            images_at_once: Some(self.sender_images_at_once).filter(|most| *most > 0),
            bytes_at_once: Some(self.sender_bytes_at_once).filter(|most| *most > 0),
        }
    }

    pub(crate) fn bounds(&self) -> Bounds {
        let max_wait = (self.max_wait_s > 0).then(|| Duration::from_secs(self.max_wait_s));
        Bounds { max_wait, max_waiting: self.max_waiting, max_sites: self.max_sites }
    }
}
