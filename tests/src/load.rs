//! A sender under load: several sites, studies and priorities, the same content at the same time, and patience.
//! Each upload is sent again until it is accepted, never after that.

mod contents;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hilum_events::{JobId, Sha256Digest, Site, StudyId};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use reqwest::StatusCode;
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::checked_http::Http;
use crate::journal::{Answer, Attempt, Journal};

const SITES: [&str; 3] = ["north", "south", "west"];
/// Of all images, how many bring the content of one before.
const DUPLICATES: f64 = 0.3;
/// An upload takes no longer, or its answer is unknown.
const PATIENCE: Duration = Duration::from_secs(20);
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
}

/// An upload to be made.
#[derive(Clone)]
pub struct Shipment {
    bytes: Arc<Vec<u8>>,
    sha256: Sha256Digest,
    site: Site,
    study: String,
    priority: &'static str,
}

/// A load under way.
pub struct Load {
    sending: JoinHandle<()>,
    enough: CancellationToken,
}

impl Load {
    /// Begins to send to `doors` by turns.
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
    /// Addresses of the doors.
    pub doors: Vec<String>,
    /// Where answers are noted.
    pub journal: Arc<Journal>,
    http: Http,
    turns: Arc<AtomicUsize>,
}

impl Sender {
    /// Sends to `doors`, notes in `journal`.
    pub fn new(doors: Vec<String>, journal: Arc<Journal>) -> Self {
        let http = Http::through(hilum_runtime::http_client().timeout(PATIENCE).build().unwrap());
        Self { doors, journal, http, turns: Arc::default() }
    }

    /// Sends it until it is accepted.
    pub async fn deliver(&self, shipment: &Shipment) -> JobId {
        loop {
            match self.offer(shipment).await {
                Answer::Accepted(job_id) => return job_id,
                // As a sender does that was told to try again later.
                _ => tokio::time::sleep(BEFORE_NEXT_TRY).await,
            }
        }
    }

    /// Sends it once.
    pub async fn offer(&self, shipment: &Shipment) -> Answer {
        let answer = self.send(shipment).await;
        self.journal.note(Attempt {
            site: shipment.site.clone(),
            study_id: StudyId::named(&shipment.site, &shipment.study),
            sha256: shipment.sha256,
            answer,
        });
        answer
    }

    async fn send(&self, shipment: &Shipment) -> Answer {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        let url = format!("{}/v1/jobs", self.doors[turn % self.doors.len()]);
        let form = Form::new()
            .text("site", shipment.site.to_string())
            .text("study", shipment.study.clone())
            .text("priority", shipment.priority)
            .part("image", Part::bytes(shipment.bytes.to_vec()).file_name("image"));
        let answer = match self.http.post(url).multipart(form).send().await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return Answer::Unreachable,
            Err(_) => return Answer::Unknown,
        };
        let status = answer.status();
        if status != StatusCode::ACCEPTED {
            return Answer::Refused(status.as_u16());
        }
        let accepted: Option<Value> = answer.json().await.ok();
        let job_id = accepted.and_then(|answer| answer["job_id"].as_str()?.parse().ok());
        job_id.map_or(Answer::Unknown, Answer::Accepted)
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
        let recent = &before[number.saturating_sub(3)..];
        if random.random_bool(DUPLICATES)
            && let Some(other) = recent.choose(random)
        {
            return Shipment { site, study, priority, ..other.clone() };
        }
        let bytes = contents::new(random, &format!("{}/{number}", self.name));
        Shipment { sha256: Sha256Digest::of(&bytes), bytes: Arc::new(bytes), site, study, priority }
    }
}

impl Shipment {
    /// Of its bytes.
    pub fn sha256(&self) -> Sha256Digest {
        self.sha256
    }
}
