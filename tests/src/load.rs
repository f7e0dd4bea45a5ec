//! A sender under load: several ways in, sites, studies and priorities, the same content at the same time, and patience.
//! Each image is sent again until it is taken in, never after that.

mod c_store;
mod contents;
mod ways;

use std::sync::Arc;
use std::time::Duration;

use hilum_events::{JobId, Sha256Digest, Site, StudyId, Way};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::journal::{Answer, Attempt, Journal};
use contents::Content;
pub use ways::Doors;

const SITES: [&str; 3] = ["north", "south", "west"];
/// Of all images, how many bring the content of one before.
const DUPLICATES: f64 = 0.3;
const BEFORE_NEXT_TRY: Duration = Duration::from_millis(400);

/// What is sent.
#[derive(Debug, Clone)]
pub struct LoadPlan {
    /// Makes contents and studies different from those of all other loads.
    pub name: String,
    /// Decides about everything else.
    pub seed: u64,
    /// Images at least; it goes on until it is told that enough is enough.
    pub images: usize,
    /// Images at most.
    pub most_images: usize,
    /// Studies among which they are divided.
    pub studies: usize,
    /// Time from one image to the next.
    pub pace: Duration,
    /// How they are sent, each as often as it stands here.
    pub ways: Vec<Way>,
}

/// An image to be sent.
#[derive(Clone)]
pub struct Shipment {
    content: Content,
    way: Way,
    site: Site,
    study: String,
    priority: &'static str,
    /// Among all of its load.
    number: usize,
}

/// A load under way.
pub struct Load {
    sending: JoinHandle<()>,
    enough: CancellationToken,
}

impl Load {
    /// Begins to send.
    pub fn start(plan: LoadPlan, sender: Sender) -> Self {
        let enough = CancellationToken::new();
        let sending = tokio::spawn(send_all(plan, sender, enough.clone()));
        Self { sending, enough }
    }

    /// Sends what is due at least and waits until all is accepted.
    pub async fn finish(self) {
        self.enough.cancel();
        self.sending.await.unwrap();
    }
}

/// Sends shipments and notes the answers.
#[derive(Clone)]
pub struct Sender {
    /// Where answers are noted.
    pub journal: Arc<Journal>,
    doors: Arc<Doors>,
}

impl Sender {
    /// Sends to `doors`, notes in `journal`.
    pub fn new(doors: Doors, journal: Arc<Journal>) -> Self {
        Self { journal, doors: Arc::new(doors) }
    }

    /// Sends it until it is taken in; gives its job, if its way tells that.
    pub async fn deliver(&self, shipment: &Shipment) -> Option<JobId> {
        loop {
            match self.offer(shipment).await {
                Answer::Accepted(job_id) => return Some(job_id),
                Answer::Taken => return None,
                // As a sender does that was told to try again later.
                _ => tokio::time::sleep(BEFORE_NEXT_TRY).await,
            }
        }
    }

    /// Sends it once.
    pub async fn offer(&self, shipment: &Shipment) -> Answer {
        let answer = self.doors.send(shipment).await;
        self.journal.note(Attempt {
            way: shipment.way,
            site: shipment.site.clone(),
            study_id: StudyId::named(&shipment.site, shipment.study_name()),
            sha256: shipment.sha256(),
            answer,
        });
        answer
    }
}

async fn send_all(plan: LoadPlan, sender: Sender, enough: CancellationToken) {
    let mut random = StdRng::seed_from_u64(plan.seed);
    let mut shipments: Vec<Shipment> = Vec::new();
    let mut under_way = JoinSet::new();
    // The time between two images is what makes it a load.
    let mut paces = tokio::time::interval(plan.pace);
    while shipments.len() < plan.images || (!enough.is_cancelled() && shipments.len() < plan.most_images) {
        paces.tick().await;
        let shipment = plan.shipment(&shipments, &mut random);
        shipments.push(shipment.clone());
        let sender = sender.clone();
        under_way.spawn(async move { sender.deliver(&shipment).await });
    }
    while let Some(delivered) = under_way.join_next().await {
        delivered.unwrap();
    }
}

impl LoadPlan {
    /// The next shipment; sometimes the content of one of the last, which is likely still being read.
    pub fn shipment(&self, before: &[Shipment], random: &mut StdRng) -> Shipment {
        let number = before.len();
        let study_number = random.random_range(0..self.studies.max(1));
        let study = format!("{}-{study_number}", self.name);
        let site: Site = SITES[study_number % SITES.len()].parse().unwrap();
        let priority = if random.random_bool(0.25) { "stat" } else { "routine" };
        let way = *self.ways.choose(random).unwrap();
        let needs_dicom = matches!(way, Way::Dicom | Way::Dicomweb);
        let recent = &before[number.saturating_sub(3)..];
        let content = match recent.choose(random) {
            Some(other) if random.random_bool(DUPLICATES) && (other.content.is_dicom() || !needs_dicom) => {
                other.content.clone()
            }
            _ => Content::new(random, &format!("{}/{number}", self.name), &study, needs_dicom),
        };
        Shipment { content, way, site, study, priority, number }
    }
}

impl Shipment {
    /// Whether a model can read it.
    pub fn is_readable(&self) -> bool {
        !self.content.is_broken
    }

    /// Of the bytes that are kept of it.
    pub fn sha256(&self) -> Sha256Digest {
        match self.way {
            Way::Dicom => self.content.sha256_by_c_store(),
            Way::Http | Way::Dicomweb | Way::S3 => self.content.sha256,
        }
    }

    /// What its way calls its study.
    fn study_name(&self) -> &str {
        match (self.way, &self.content.study_uid) {
            (Way::Dicom | Way::Dicomweb, Some(uid)) => uid,
            _ => &self.study,
        }
    }
}
