//! Work that no worker can do at the moment. The log is asked every few seconds at most, however many requests want to know.

use std::time::{Duration, Instant};

use hilum_api::{Job, JobStatus};
use hilum_events::{Event, claim_filter};
use hilum_log::{Log, Recorded, Unmet};
use tokio::sync::Mutex;

/// For how long an answer is good.
const GOOD_FOR: Duration = Duration::from_secs(2);

/// The last answer, and when it was given.
#[derive(Debug, Default)]
pub(super) struct Unserved(Mutex<Option<(Instant, Vec<Unmet>)>>);

impl Unserved {
    /// What no worker can do; nothing while the log is away.
    pub(super) async fn look(&self, log: &Log) -> Vec<Unmet> {
        let mut last = self.0.lock().await;
        match &*last {
            Some((at, unmet)) if at.elapsed() < GOOD_FOR => unmet.clone(),
            _ => {
                let unmet = log.unmet_needs().await.unwrap_or_default();
                *last = Some((Instant::now(), unmet.clone()));
                unmet
            }
        }
    }

    /// What the job waits for that no worker has, as a sentence.
    pub(super) async fn waited_for_by(&self, log: &Log, job: &Job) -> Option<String> {
        let reading_id = job.reading_id.filter(|_| job.status == JobStatus::InProgress)?;
        let unmet = self.look(log).await;
        if unmet.is_empty() {
            return None;
        }
        let newest = log.last(&claim_filter(reading_id)).await.ok().flatten()?;
        let event = newest.envelope().map(|envelope| &envelope.event);
        let Some(Event::InferenceRequested(_)) = event else { return None };
        for unmet in &unmet {
            if is_among(log, unmet, &newest).await {
                return Some(unmet.sentence(log.server_time().await.ok()?));
            }
        }
        None
    }
}

async fn is_among(log: &Log, unmet: &Unmet, request: &Recorded) -> bool {
    log.waits_for(unmet, request.seq).await.unwrap_or(false)
}
