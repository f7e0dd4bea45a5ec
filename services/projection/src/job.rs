//! What the log adds to a job that the tables know less of, and how a job's status follows from its steps. Its status now is
//! decided in the view `job_states`, nowhere else.

use hilum_api::{Job, JobStatus, JobStep, JobWithHistory};
use hilum_events::{Envelope, Event, ReadingId, Resolution};
use jiff::Timestamp;
use uuid::Uuid;

/// What is known of a job from its first event alone; `None` if `envelope` is not that event.
pub fn queued(envelope: &Envelope, stored_at: Timestamp, trace_id: Option<String>) -> Option<Job> {
    let Event::ImageStored(event) = &envelope.event else { return None };
    Some(Job {
        job_id: event.job_id,
        status: JobStatus::Queued,
        created_at: stored_at,
        site: envelope.site.clone(),
        study_id: event.study_id,
        study_ref: event.study_ref.clone(),
        sha256: event.image.blob.sha256,
        size_bytes: event.image.blob.size_bytes,
        media_type: event.image.media_type.as_mime().to_owned(),
        priority: event.priority,
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
pub fn watched(job: &Job) -> Vec<Uuid> {
    let reading = job.reading_id.map(ReadingId::as_uuid);
    [Some(job.job_id.as_uuid()), reading].into_iter().flatten().collect()
}

/// Adds to a queued job that it shares a reading, if `envelope` is the fact that links it, which the log took at `stored_at`.
/// Gives that reading.
pub fn link(
    story: &mut JobWithHistory,
    seq: u64,
    envelope: &Envelope,
    stored_at: Timestamp,
) -> Option<ReadingId> {
    let Event::DuplicateLinked(link) = &envelope.event else { return None };
    if story.job.status != JobStatus::Queued {
        return None;
    }
    story.job.status = JobStatus::InProgress;
    story.job.reading_id = Some(link.reading_id);
    story.job.duplicate_of = Some(link.primary_job_id);
    story.job.started_at = Some(stored_at);
    let event = envelope.event.name().to_owned();
    story.history.push(JobStep { seq, event, at: envelope.occurred_at, resolution: None });
    Some(link.reading_id)
}

/// Adds that the reading which the job shares was made: the fact stands at `seq`, and the log took it at `stored_at`.
pub fn complete(story: &mut JobWithHistory, seq: u64, stored_at: Timestamp, at: Timestamp) {
    story.job.status = JobStatus::Completed;
    story.job.ended_at = story.job.started_at.max(Some(stored_at));
    // A reading that was there before the job shared it is no step of the job.
    if story.history.last().is_some_and(|step| step.seq < seq) {
        let event = "inference-completed".to_owned();
        story.history.push(JobStep { seq, event, at, resolution: None });
    }
}

/// The job's status after each of its steps; after the last one, the status it has now.
pub fn statuses(story: &JobWithHistory) -> Vec<JobStatus> {
    let mut before = (JobStatus::Queued, false);
    let mut statuses: Vec<JobStatus> = Vec::with_capacity(story.history.len());
    for step in &story.history {
        before = after(before, step);
        statuses.push(before.0);
    }
    if let Some(last) = statuses.last_mut() {
        *last = story.job.status;
    }
    statuses
}

/// The status after a step, and whether the job has a reading to wait for.
fn after((status, linked): (JobStatus, bool), step: &JobStep) -> (JobStatus, bool) {
    match step.event.as_str() {
        "image-stored" => (JobStatus::Queued, linked),
        "inference-completed" => (JobStatus::Completed, linked),
        "inference-failed" | "job-dead-lettered" => (JobStatus::Failed, linked),
        "dead-letter-resolved" => match step.resolution {
            Some(Resolution::Redrive) if linked => (JobStatus::InProgress, linked),
            Some(Resolution::Redrive) => (JobStatus::Queued, linked),
            Some(Resolution::Discard) | None => (status, linked),
        },
        _ => (JobStatus::InProgress, true),
    }
}

#[cfg(test)]
mod tests {
    use hilum_events::samples::{at, image_stored};

    use super::*;

    fn check(now: JobStatus, events: &[&str], expected: &[JobStatus]) {
        let job = Job { status: now, ..queued(&image_stored(1, "a", 0), at(0), None).unwrap() };
        let step = |(seq, event): (u64, &&str)| {
            let (event, resolution) = match *event {
                "redrive" => ("dead-letter-resolved", Some(Resolution::Redrive)),
                "discard" => ("dead-letter-resolved", Some(Resolution::Discard)),
                event => (event, None),
            };
            JobStep { seq, event: event.to_owned(), at: at(0), resolution }
        };
        let story =
            JobWithHistory { job, history: (1..).zip(events).map(step).collect(), losses: Vec::new() };
        assert_eq!(statuses(&story), expected);
    }

    #[test]
    fn a_redriven_job_goes_on_where_it_was_and_a_discarded_one_stays_failed() {
        use JobStatus::{Completed, Failed, InProgress, Queued};
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
            JobStatus::Completed,
            &["image-stored", "inference-requested", "inference-completed"],
            &[JobStatus::Queued, JobStatus::InProgress, JobStatus::Completed],
        );
    }

    #[test]
    fn a_job_linked_to_a_finished_reading_is_completed_at_once() {
        check(
            JobStatus::Completed,
            &["image-stored", "duplicate-linked"],
            &[JobStatus::Queued, JobStatus::Completed],
        );
    }

    #[test]
    fn only_an_image_makes_a_job() {
        let envelope = hilum_events::samples::inference_requested(1, "a", 0);
        assert_eq!(queued(&envelope, at(0), None), None);
    }
}
