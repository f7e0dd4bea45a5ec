//! What the log says of each job and reading, put together for the checks.

use std::collections::BTreeMap;

use hilum_events::{Event, ImageStored, InferenceRequested, JobId, ReadingId, Resolution};

use crate::invariants::Fact;

/// The story of an upload.
#[derive(Debug, Default)]
pub(super) struct JobStory<'a> {
    pub(super) stored: Option<&'a ImageStored>,
    /// Readings that it claimed or was linked to, once for each time that this was said.
    pub(super) readings: Vec<ReadingId>,
    /// Dead letters of the job itself, not of its reading.
    pub(super) dead_letters: usize,
    /// Of these, how many were redriven.
    pub(super) redriven: usize,
    /// Whether it was taken out of its study.
    pub(super) taken_out: bool,
}

/// The story of a reading.
#[derive(Debug, Default)]
pub(super) struct ReadingStory<'a> {
    /// Requests with their positions.
    pub(super) requests: Vec<(u64, &'a InferenceRequested)>,
    pub(super) completed: usize,
    /// Attempts that failed by the image's fault.
    pub(super) failed: Vec<u32>,
    /// Positions of the requests that were given up.
    pub(super) dead_letters: Vec<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Stories<'a> {
    pub(super) jobs: BTreeMap<JobId, JobStory<'a>>,
    pub(super) readings: BTreeMap<ReadingId, ReadingStory<'a>>,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Completed,
    Failed,
    /// Given up; what became of it stands in a dead letter.
    DeadLettered,
    /// Not at all.
    Open,
}

impl<'a> Stories<'a> {
    pub(super) fn of(facts: &'a [Fact]) -> Self {
        let mut stories = Self::default();
        for fact in facts {
            stories.add(fact);
        }
        stories
    }

    fn add(&mut self, fact: &'a Fact) {
        match &fact.envelope.event {
            Event::ImageStored(e) => self.jobs.entry(e.job_id).or_default().stored = Some(e),
            Event::InferenceRequested(e) => {
                self.readings.entry(e.reading_id).or_default().requests.push((fact.seq, e));
                // A further attempt may be of a job that has the reading already, or of one that brings its content again.
                let readings = &mut self.jobs.entry(e.job_id).or_default().readings;
                if e.attempt == 1 || !readings.contains(&e.reading_id) {
                    readings.push(e.reading_id);
                }
            }
            Event::DuplicateLinked(e) => {
                self.jobs.entry(e.job_id).or_default().readings.push(e.reading_id);
            }
            Event::InferenceCompleted(e) => {
                self.readings.entry(e.reading_id).or_default().completed += 1;
            }
            Event::InferenceFailed(e) => {
                self.readings.entry(e.reading_id).or_default().failed.push(e.attempt);
            }
            Event::JobDeadLettered(e) => match e.reading_id {
                Some(reading_id) => {
                    self.readings.entry(reading_id).or_default().dead_letters.push(e.stream_seq);
                }
                None => self.jobs.entry(e.job_id).or_default().dead_letters += 1,
            },
            Event::DeadLetterResolved(e) => {
                if e.reading_id.is_none() && e.resolution == Resolution::Redrive {
                    self.jobs.entry(e.job_id).or_default().redriven += 1;
                }
            }
            Event::StudyCloseRequested(_)
            | Event::StudyManifestReceived(_)
            | Event::StudyFlagged(_)
            | Event::ReportIssued(_)
            | Event::ReportDelivered(_)
            | Event::DeliveryFailed(_)
            | Event::DeliveryResolved(_)
            | Event::LogLossAccepted(_) => {}
            Event::ImageTakenOut(e) => self.jobs.entry(e.job_id).or_default().taken_out = true,
        }
    }

    /// How a job ended; the newest attempt counts.
    pub(super) fn end_of(&self, job: &JobStory<'_>) -> End {
        let Some(reading) = job.readings.last().and_then(|id| self.readings.get(id)) else {
            return if job.dead_letters > job.redriven { End::DeadLettered } else { End::Open };
        };
        reading.end()
    }
}

impl ReadingStory<'_> {
    /// Outcomes that were told of an attempt, `seq` being the position of its request.
    pub(super) fn outcomes(&self, seq: u64, attempt: u32) -> usize {
        let last = self.requests.iter().all(|(_, request)| request.attempt <= attempt);
        let completed = if last { self.completed } else { 0 };
        let failed = self.failed.iter().filter(|failed| **failed == attempt).count();
        let dead = self.dead_letters.iter().filter(|dead| **dead == seq).count();
        completed + failed + dead
    }

    fn end(&self) -> End {
        let Some((seq, request)) = self.requests.iter().max_by_key(|(_, request)| request.attempt) else {
            return End::Open;
        };
        if self.completed > 0 {
            End::Completed
        } else if self.failed.contains(&request.attempt) {
            End::Failed
        } else if self.dead_letters.contains(seq) {
            End::DeadLettered
        } else {
            End::Open
        }
    }
}
