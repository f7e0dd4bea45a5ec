//! A job as the API tells it. Its status is decided in the view `job_states`, nowhere else.

use hilum_events::{
    Envelope, Event, JobId, ReaderIdentity, ReadingId, Resolution, Sha256Digest, Site, StudyId, StudyRef,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::queries::Loss;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Stored; nobody asked for a reading yet.
    Queued,
    /// Its reading was requested, or it shares one that was.
    InProgress,
    /// Its reading was made.
    Completed,
    /// Its reading can't be made or was given up.
    Failed,
}

impl Status {
    /// The word of the API and of the tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }

    /// Whether nothing more happens, unless someone redrives the job.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// A row of `job_states`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The upload.
    pub job_id: JobId,
    /// Where it stands.
    pub status: Status,
    /// When the image was taken in.
    pub created_at: Timestamp,
    /// Where it came from.
    pub site: Site,
    /// The study it belongs to.
    pub study_id: StudyId,
    /// The sender's name for the study.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub study_ref: Option<StudyRef>,
    /// Of the image's bytes.
    pub sha256: Sha256Digest,
    /// Length of the image, bytes.
    pub size_bytes: u64,
    /// IANA media type.
    pub media_type: String,
    /// `stat` or `routine`.
    pub priority: String,
    /// The reading it waits for or has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading_id: Option<ReadingId>,
    /// The job whose reading it shares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<JobId>,
    /// When its reading was requested, or shared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it completed or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// For people: why it failed and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For programs: why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<String>,
    /// For people: what it waits for that no worker has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// Who said that its image can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_by: Option<ReaderIdentity>,
    /// W3C trace id of its story.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

impl Job {
    /// What is known of a job from its first event alone; `None` if `envelope` is not that event.
    pub fn queued(envelope: &Envelope, stored_at: Timestamp, trace_id: Option<String>) -> Option<Self> {
        let Event::ImageStored(event) = &envelope.event else { return None };
        Some(Self {
            job_id: event.job_id,
            status: Status::Queued,
            created_at: stored_at,
            site: envelope.site.clone(),
            study_id: event.study_id,
            study_ref: event.study_ref.clone(),
            sha256: event.image.blob.sha256,
            size_bytes: event.image.blob.size_bytes,
            media_type: event.image.media_type.as_mime().to_owned(),
            priority: event.priority.as_str().to_owned(),
            reading_id: None,
            duplicate_of: None,
            started_at: None,
            ended_at: None,
            reason: None,
            reason_code: None,
            waits_for: None,
            failed_by: None,
            trace_id,
        })
    }

    /// Ids whose changes may change this job.
    pub fn watched(&self) -> Vec<Uuid> {
        let reading = self.reading_id.map(ReadingId::as_uuid);
        [Some(self.job_id.as_uuid()), reading].into_iter().flatten().collect()
    }
}

/// One step in the life of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Position in the log.
    pub seq: u64,
    /// Event name.
    pub event: String,
    /// When it happened.
    pub at: Timestamp,
    /// What was decided, if the step is an operator's decision about a dead letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
}

/// A job and what happened to it so far, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Story {
    /// The job.
    #[serde(flatten)]
    pub job: Job,
    /// Its steps.
    pub history: Vec<Step>,
    /// What the event log has lost of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<Loss>,
}

impl Story {
    /// Takes in that the job, which was queued until now, shares a reading; the reading, if `envelope` says so, which the
    /// log took at `stored_at`.
    pub fn link(&mut self, seq: u64, envelope: &Envelope, stored_at: Timestamp) -> Option<ReadingId> {
        let Event::DuplicateLinked(link) = &envelope.event else { return None };
        if self.job.status != Status::Queued {
            return None;
        }
        self.job.status = Status::InProgress;
        self.job.reading_id = Some(link.reading_id);
        self.job.duplicate_of = Some(link.primary_job_id);
        self.job.started_at = Some(stored_at);
        let event = envelope.event.name().to_owned();
        self.history.push(Step { seq, event, at: envelope.occurred_at, resolution: None });
        Some(link.reading_id)
    }

    /// Takes in that the reading which the job shares was made, as the log says at `seq`: it took this at `stored_at`.
    pub fn complete(&mut self, seq: u64, stored_at: Timestamp, at: Timestamp) {
        self.job.status = Status::Completed;
        self.job.ended_at = self.job.started_at.max(Some(stored_at));
        // A reading that was there before the job shared it is no step of the job.
        if self.history.last().is_some_and(|step| step.seq < seq) {
            let event = "inference-completed".to_owned();
            self.history.push(Step { seq, event, at, resolution: None });
        }
    }

    /// The job's status after each of its steps; after the last one, the status it has now.
    pub fn statuses(&self) -> Vec<Status> {
        let mut before = (Status::Queued, false);
        let mut statuses: Vec<Status> = Vec::with_capacity(self.history.len());
        for step in &self.history {
            before = after(before, step);
            statuses.push(before.0);
        }
        if let Some(last) = statuses.last_mut() {
            *last = self.job.status;
        }
        statuses
    }
}

/// The status after a step, and whether the job has a reading to wait for.
fn after((status, linked): (Status, bool), step: &Step) -> (Status, bool) {
    match step.event.as_str() {
        "image-stored" => (Status::Queued, linked),
        "inference-completed" => (Status::Completed, linked),
        "inference-failed" | "job-dead-lettered" => (Status::Failed, linked),
        "dead-letter-resolved" => match step.resolution {
            Some(Resolution::Redrive) if linked => (Status::InProgress, linked),
            Some(Resolution::Redrive) => (Status::Queued, linked),
            Some(Resolution::Discard) | None => (status, linked),
        },
        _ => (Status::InProgress, true),
    }
}

#[cfg(test)]
mod tests {
    use hilum_events::samples::{at, image_stored};

    use super::*;

    fn check(now: Status, events: &[&str], expected: &[Status]) {
        let job = Job { status: now, ..Job::queued(&image_stored(1, "a", 0), at(0), None).unwrap() };
        let step = |(seq, event): (u64, &&str)| {
            let (event, resolution) = match *event {
                "redrive" => ("dead-letter-resolved", Some(Resolution::Redrive)),
                "discard" => ("dead-letter-resolved", Some(Resolution::Discard)),
                event => (event, None),
            };
            Step { seq, event: event.to_owned(), at: at(0), resolution }
        };
        let story = Story { job, history: (1..).zip(events).map(step).collect(), losses: Vec::new() };
        assert_eq!(story.statuses(), expected);
    }

    #[test]
    fn a_redriven_job_goes_on_where_it_was_and_a_discarded_one_stays_failed() {
        use Status::{Completed, Failed, InProgress, Queued};
        check(
            Completed,
            &[
                "image-stored",
                "job-dead-lettered",
                "redrive",
                "inference-requested",
                "job-dead-lettered",
                "redrive",
                "inference-requested",
                "inference-completed",
            ],
            &[Queued, Failed, Queued, InProgress, Failed, InProgress, InProgress, Completed],
        );
        check(Failed, &["image-stored", "job-dead-lettered", "discard"], &[Queued, Failed, Failed]);
    }

    #[test]
    fn each_step_of_a_life_has_its_status() {
        check(
            Status::Completed,
            &["image-stored", "inference-requested", "inference-completed"],
            &[Status::Queued, Status::InProgress, Status::Completed],
        );
    }

    #[test]
    fn a_job_linked_to_a_finished_reading_is_completed_at_once() {
        check(Status::Completed, &["image-stored", "duplicate-linked"], &[Status::Queued, Status::Completed]);
    }

    #[test]
    fn only_an_image_makes_a_job() {
        let envelope = hilum_events::samples::inference_requested(1, "a", 0);
        assert_eq!(Job::queued(&envelope, at(0), None), None);
    }
}
