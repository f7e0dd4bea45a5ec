//! Studies with images that no report covers. What was reported is forgotten.

use std::collections::{HashMap, HashSet};

use hilum_events::{JobId, ReadingId, StudyId};
use jiff::Timestamp;

/// Studies with images that no report covers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Studies {
    studies: HashMap<StudyId, Study>,
    /// The jobs of those studies that no report covers.
    jobs: HashMap<JobId, Job>,
    /// Jobs that wait for a reading, until its outcome.
    readers: HashMap<ReadingId, Vec<JobId>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Study {
    jobs: HashSet<JobId>,
    /// Position of its newest image.
    seq: u64,
    /// When anything last happened to it.
    stirred_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) job_id: JobId,
    study_id: StudyId,
    pub(super) reading_id: Option<ReadingId>,
}

/// A study that no report covers whole.
pub(super) struct Unreported<'a> {
    pub(super) study_id: StudyId,
    pub(super) seq: u64,
    pub(super) stirred_at: Timestamp,
    studies: &'a Studies,
    jobs: &'a HashSet<JobId>,
}

impl Unreported<'_> {
    /// Its jobs that no report covers.
    pub(super) fn jobs(&self) -> impl Iterator<Item = Job> {
        self.jobs.iter().map(|job_id| self.studies.jobs[job_id])
    }
}

impl Studies {
    pub(super) fn image(&mut self, job_id: JobId, study_id: StudyId, seq: u64, at: Timestamp) {
        let study = self.studies.entry(study_id).or_insert_with(|| Study {
            jobs: HashSet::new(),
            seq,
            stirred_at: at,
        });
        study.jobs.insert(job_id);
        (study.seq, study.stirred_at) = (seq, at);
        self.jobs.insert(job_id, Job { job_id, study_id, reading_id: None });
    }

    pub(super) fn link(&mut self, job_id: JobId, reading_id: ReadingId, at: Timestamp) {
        let Some(job) = self.jobs.get_mut(&job_id) else { return };
        job.reading_id = Some(reading_id);
        self.readers.entry(reading_id).or_default().push(job_id);
        self.touch(job_id, at);
    }

    pub(super) fn reading_ended(&mut self, reading_id: ReadingId, at: Timestamp) {
        for job_id in self.readers.remove(&reading_id).unwrap_or_default() {
            self.touch(job_id, at);
        }
    }

    pub(super) fn touch(&mut self, job_id: JobId, at: Timestamp) {
        let Some(job) = self.jobs.get(&job_id) else { return };
        self.stir(job.study_id, at);
    }

    /// Something happened to the study that its report waits for.
    pub(super) fn stir(&mut self, study_id: StudyId, at: Timestamp) {
        if let Some(study) = self.studies.get_mut(&study_id) {
            study.stirred_at = at;
        }
    }

    pub(super) fn report_issued(&mut self, job_ids: &[JobId]) {
        for job_id in job_ids {
            let Some(job) = self.jobs.remove(job_id) else { continue };
            if let Some(readers) = job.reading_id.and_then(|id| self.readers.get_mut(&id)) {
                readers.retain(|reader| reader != job_id);
            }
            if let Some(reading_id) = job.reading_id
                && self.readers.get(&reading_id).is_some_and(Vec::is_empty)
            {
                self.readers.remove(&reading_id);
            }
            let Some(study) = self.studies.get_mut(&job.study_id) else { continue };
            study.jobs.remove(job_id);
            if study.jobs.is_empty() {
                self.studies.remove(&job.study_id);
            }
        }
    }

    /// All studies with images that no report covers.
    pub(super) fn unreported(&self) -> impl Iterator<Item = Unreported<'_>> {
        self.studies.iter().map(|(study_id, study)| Unreported {
            study_id: *study_id,
            seq: study.seq,
            stirred_at: study.stirred_at,
            studies: self,
            jobs: &study.jobs,
        })
    }

    /// Whether nothing is kept.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.studies.is_empty() && self.jobs.is_empty() && self.readers.is_empty()
    }
}
