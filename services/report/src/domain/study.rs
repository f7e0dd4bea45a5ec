//! One study: its images, what touched it since its last report, and when it may be reported.

use hilum_events::{EventId, JobId, ReadingId, Site};
use jiff::{SignedDuration, Timestamp};

use super::reading::{Outcome, Standing};
use super::{Mark, State};

/// A study as the log tells it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Study {
    pub(super) site: Site,
    /// In the order they came.
    pub(super) images: Vec<Image>,
    /// The newest image, or outcome that replaced an earlier one: the quiet time counts from here.
    stirred_seq: u64,
    stirred_at: Timestamp,
    /// The newest request to close the study; 0 for none.
    pub(super) closed_seq: u64,
    /// What touched the study and is not covered by its last report, oldest first.
    pub(super) marks: Vec<Mark>,
    pub(super) issued: Option<Issued>,
}

/// The last report of a study.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Issued {
    pub(super) revision: u32,
    /// The report says how things stood at this position.
    pub(super) covered_seq: u64,
}

/// An image of a study.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Image {
    pub(super) job_id: JobId,
    /// Where its arrival stands in the log.
    pub(super) seq: u64,
    /// The reading it has or shares; more than one when the model was replaced between two tries.
    pub(super) links: Vec<Link>,
    /// Where it was said that no reading will be asked for.
    pub(super) given_up_seq: Option<u64>,
}

/// Where it was said that an image has or shares a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) reading_id: ReadingId,
    pub(super) seq: u64,
}

impl Image {
    /// The reading it had at position `seq`.
    pub(super) fn link_at(&self, seq: u64) -> Option<Link> {
        self.links.iter().rev().find(|link| link.seq <= seq).copied()
    }
}

impl Study {
    pub(super) fn new(site: Site, seq: u64, at: Timestamp) -> Self {
        Self {
            site,
            images: Vec::new(),
            stirred_seq: seq,
            stirred_at: at,
            closed_seq: 0,
            marks: Vec::new(),
            issued: None,
        }
    }

    pub(super) fn stir(&mut self, seq: u64, at: Timestamp) {
        (self.stirred_seq, self.stirred_at) = (seq, at);
    }

    /// Whether the sender closed it and nothing stirred since.
    pub(super) fn is_closed(&self) -> bool {
        self.closed_seq > self.stirred_seq
    }

    /// When the quiet time ends; `None` beyond the end of time.
    pub(super) fn quiet_at(&self, quiet: SignedDuration) -> Option<Timestamp> {
        self.stirred_at.checked_add(quiet).ok()
    }

    /// Revision of the last report, 0 for none.
    pub(super) fn revision(&self) -> u32 {
        self.issued.map_or(0, |issued| issued.revision)
    }

    /// Notes that a report was issued which covers all up to the fact that caused it. Facts that came between
    /// that one and the report itself are news.
    pub(super) fn cover(&mut self, revision: u32, cause: Option<EventId>, issued_seq: u64) {
        if revision <= self.revision() {
            return;
        }
        let cause = self.marks.iter().find(|mark| Some(mark.event_id) == cause);
        let covered_seq = cause.map_or(issued_seq, |mark| mark.seq);
        self.issued = Some(Issued { revision, covered_seq });
        self.marks.retain(|mark| mark.seq > covered_seq);
    }
}

impl State {
    /// The outcome of an image as it stood at position `seq`: that of its reading, or that there won't be one.
    pub(super) fn outcome_at(&self, image: &Image, seq: u64) -> Option<Outcome> {
        match image.link_at(seq) {
            Some(link) => self.readings.get(&link.reading_id)?.outcome_at(seq),
            None => {
                let given_up_seq = image.given_up_seq.filter(|given_up| *given_up <= seq)?;
                Some(Outcome { seq: given_up_seq, standing: Standing::GivenUp })
            }
        }
    }

    /// Whether a report would say something that the last one does not.
    pub(super) fn has_news(&self, study: &Study) -> bool {
        let Some(Issued { covered_seq, .. }) = study.issued else { return true };
        // Newest first: late images are at the end.
        study.images.iter().rev().any(|image| {
            let standing_at = |seq| self.outcome_at(image, seq).map(|outcome| outcome.standing);
            image.seq > covered_seq || standing_at(covered_seq) != standing_at(u64::MAX)
        })
    }
}
