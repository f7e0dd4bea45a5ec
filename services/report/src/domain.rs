//! What the log says about studies and which of them are due for a report. Pure: no clock, network or storage;
//! the time and the facts come in as arguments. Knows no findings, only where in the log they stand.

mod brief;
mod due;
mod expectation;
mod reading;
mod rules;
mod study;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

use hilum_events::{
    Event, EventId, Fact, ImageStored, InferenceRequested, JobDeadLettered, JobId, ReadingId, ReportIssued,
    StudyId, StudyManifestReceived,
};
use jiff::Timestamp;

use reading::Reading;
use study::{Image, Link, Study};

pub(crate) use brief::{Brief, BriefImage, Change, Due, TakenOut};
pub(crate) use expectation::Awaited;
pub(crate) use reading::{Outcome, Standing};
pub(crate) use rules::Rules;

/// A position in the log and the id of the fact that stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    seq: u64,
    event_id: EventId,
    /// When the server stored it.
    at: Timestamp,
}

/// All studies, folded from the log.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct State {
    /// The most images that a report shows.
    most_images: Option<u32>,
    studies: HashMap<StudyId, Study>,
    jobs: HashMap<JobId, ImagePlace>,
    readings: HashMap<ReadingId, Reading>,
    /// Studies with something that their last report does not cover.
    open: BTreeSet<StudyId>,
}

/// Where the image of a job is kept in the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ImagePlace {
    study_id: StudyId,
    index: usize,
}

/// Kinds of facts that change nothing here: of these a version of a later release can be passed by.
pub(crate) const UNREAD: [&str; 5] =
    ["dead-letter-resolved", "report-delivered", "delivery-failed", "delivery-resolved", "log-loss-accepted"];

/// Brings the state to where it stands after `fact`, which was not folded before.
pub(crate) fn evolve(state: &mut State, fact: &Fact<'_>) {
    match &fact.envelope.event {
        Event::ImageStored(e) => state.image_stored(fact, e),
        Event::InferenceRequested(e) => state.inference_requested(fact, e),
        Event::DuplicateLinked(e) => state.link(fact, e.job_id, e.reading_id),
        Event::InferenceCompleted(e) => state.reading_ended(fact, e.reading_id, Standing::Completed),
        Event::InferenceFailed(e) => state.reading_ended(fact, e.reading_id, Standing::Failed),
        Event::JobDeadLettered(e) => state.job_dead_lettered(fact, e),
        Event::StudyCloseRequested(e) => state.study_close_requested(fact, e.study_id),
        Event::StudyManifestReceived(e) => state.study_manifest_received(fact, e),
        // What follows from it has facts of its own.
        Event::DeadLetterResolved(_) => {}
        Event::StudyFlagged(e) => state.study_flagged(fact, e.study_id),
        // A report does not show what became of it.
        Event::ReportDelivered(_) | Event::DeliveryFailed(_) | Event::DeliveryResolved(_) => {}
        Event::LogLossAccepted(_) => {}
        Event::ImageTakenOut(e) => state.image_taken_out(fact, e.job_id),
        Event::ReportIssued(e) => state.report_issued(fact, e),
    }
}

/// The studies whose next report is due at `now`, those that wait longest first: something is not covered by the last
/// report, and the rules of the site say that it is not to wait any longer.
pub(crate) fn decide(state: &State, now: Timestamp, rules: &Rules) -> Vec<Due> {
    let mut due: Vec<Due> = state.open.iter().filter_map(|id| state.due(*id, now, rules)).collect();
    due.sort_by_key(|due| due.cause_seq);
    due
}

impl State {
    /// No study yet; a report will show the first `most_images` images of each.
    pub(crate) fn bounded(most_images: u32) -> Self {
        Self { most_images: Some(most_images), ..Self::default() }
    }

    /// Revision of a study's last report, 0 for none.
    pub(crate) fn revision(&self, study_id: StudyId) -> u32 {
        self.studies.get(&study_id).map_or(0, Study::revision)
    }

    /// Studies with something that their last report does not cover.
    pub(crate) fn open_studies(&self) -> usize {
        self.open.len()
    }

    fn image_stored(&mut self, fact: &Fact<'_>, e: &ImageStored) {
        if self.jobs.contains_key(&e.job_id) {
            return;
        }
        let study = self
            .studies
            .entry(e.study_id)
            .or_insert_with(|| Study::new(fact.envelope.site.clone(), fact.seq, fact.stored_at));
        if self.most_images.is_some_and(|most| study.images.len() as u64 >= u64::from(most)) {
            // Told once, and never looked at again.
            if study.note_beyond(fact.seq) {
                self.touch(e.study_id, fact);
            }
            return;
        }
        self.jobs.insert(e.job_id, ImagePlace { study_id: e.study_id, index: study.images.len() });
        study.add(fact.seq, fact.stored_at, e);
        self.touch(e.study_id, fact);
    }

    fn inference_requested(&mut self, fact: &Fact<'_>, e: &InferenceRequested) {
        self.link(fact, e.job_id, e.reading_id);
        let reading = self.readings.entry(e.reading_id).or_default();
        if e.attempt > 1 && reading.begin_again(fact.seq) {
            self.touch_readers(e.reading_id, fact);
        }
    }

    fn link(&mut self, fact: &Fact<'_>, job_id: JobId, reading_id: ReadingId) {
        let Some(place) = self.jobs.get(&job_id).copied() else { return };
        let image = self.image_mut(place);
        if image.links.last().is_some_and(|link| link.reading_id == reading_id) {
            return;
        }
        image.links.push(Link { reading_id, seq: fact.seq });
        self.readings.entry(reading_id).or_default().jobs.push(job_id);
        self.touch(place.study_id, fact);
    }

    fn reading_ended(&mut self, fact: &Fact<'_>, reading_id: ReadingId, standing: Standing) {
        let reading = self.readings.entry(reading_id).or_default();
        let first = reading.outcomes.is_empty();
        if !reading.end(fact.seq, standing) {
            return;
        }
        if !first {
            // A redrive seldom heals one image alone: what it changes shall come in one revision.
            for study_id in self.readers(reading_id) {
                self.study_mut(study_id).stir(fact.seq, fact.stored_at);
            }
        }
        self.touch_readers(reading_id, fact);
    }

    fn job_dead_lettered(&mut self, fact: &Fact<'_>, e: &JobDeadLettered) {
        if let Some(reading_id) = e.reading_id {
            self.reading_ended(fact, reading_id, Standing::GivenUp);
        }
        let Some(place) = self.jobs.get(&e.job_id).copied() else { return };
        let image = self.image_mut(place);
        if image.links.is_empty() && image.given_up_seq.is_none() {
            image.given_up_seq = Some(fact.seq);
            self.touch(place.study_id, fact);
        }
    }

    /// Outcomes of the image are no news any more. It does not make the others wait.
    fn image_taken_out(&mut self, fact: &Fact<'_>, job_id: JobId) {
        let Some(place) = self.jobs.get(&job_id).copied() else { return };
        if self.study_mut(place.study_id).take_out(place.index, fact.seq) {
            self.touch(place.study_id, fact);
        }
    }

    fn study_close_requested(&mut self, fact: &Fact<'_>, study_id: StudyId) {
        if let Some(study) = self.studies.get_mut(&study_id) {
            study.closed_seq = fact.seq;
            self.touch(study_id, fact);
        }
    }

    /// A manifest may come before the first image.
    fn study_manifest_received(&mut self, fact: &Fact<'_>, e: &StudyManifestReceived) {
        let study = self
            .studies
            .entry(e.study_id)
            .or_insert_with(|| Study::new(fact.envelope.site.clone(), fact.seq, fact.stored_at));
        study.expectations.received(fact.seq, e);
        study.stir(fact.seq, fact.stored_at);
        self.touch(e.study_id, fact);
    }

    /// A flag stands in the report that is to come. It is no reason for one: the worklist shows it at once.
    fn study_flagged(&mut self, fact: &Fact<'_>, study_id: StudyId) {
        let Some(study) = self.studies.get_mut(&study_id) else { return };
        study.flag_seqs.push(fact.seq);
        if self.open.contains(&study_id) {
            self.touch(study_id, fact);
        }
    }

    fn report_issued(&mut self, fact: &Fact<'_>, e: &ReportIssued) {
        let Some(study) = self.studies.get_mut(&e.study_id) else { return };
        study.cover(e.revision, fact.envelope.causation_id, fact.seq);
        self.sort_in(e.study_id);
    }

    /// Notes that `fact` may have changed what the study's report would say.
    fn touch(&mut self, study_id: StudyId, fact: &Fact<'_>) {
        let mark = Mark { seq: fact.seq, event_id: fact.envelope.event_id, at: fact.stored_at };
        let marks = &mut self.study_mut(study_id).marks;
        if marks.last() != Some(&mark) {
            marks.push(mark);
        }
        self.sort_in(study_id);
    }

    fn touch_readers(&mut self, reading_id: ReadingId, fact: &Fact<'_>) {
        for study_id in self.readers(reading_id) {
            self.touch(study_id, fact);
        }
    }

    /// The studies with an image that has this reading.
    fn readers(&self, reading_id: ReadingId) -> BTreeSet<StudyId> {
        let jobs = self.readings.get(&reading_id).map_or(&[][..], |reading| &reading.jobs);
        jobs.iter().map(|job_id| self.jobs[job_id].study_id).collect()
    }

    fn sort_in(&mut self, study_id: StudyId) {
        if self.has_news(&self.studies[&study_id]) {
            self.open.insert(study_id);
        } else {
            self.open.remove(&study_id);
        }
    }

    fn study_mut(&mut self, study_id: StudyId) -> &mut Study {
        self.studies.get_mut(&study_id).expect("images are only kept with their study")
    }

    fn image_mut(&mut self, place: ImagePlace) -> &mut Image {
        &mut self.study_mut(place.study_id).images[place.index]
    }
}
