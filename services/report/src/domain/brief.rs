//! What has to be known to make one report: which facts to fetch and what changed since the last one. It says
//! how things stood at the position of the cause, so that every copy makes the same report of the same cause.

use hilum_events::{JobId, ReadingId, ReportCause, Site, StudyId};

use super::State;
use super::reading::Standing;

/// A study that is due for a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) study_id: StudyId,
    /// The revision to issue.
    pub(crate) revision: u32,
    /// Why now.
    pub(crate) why: ReportCause,
    /// Position of the newest fact the report is made of: it caused the report.
    pub(crate) cause_seq: u64,
}

impl Due {
    /// Why now, as a word for metrics.
    pub(crate) fn cause_word(&self) -> &'static str {
        match self.why {
            ReportCause::QuietTime => "quiet_time",
            ReportCause::Closed => "closed",
            ReportCause::Expected => "expected",
            ReportCause::ExpectedSeries => "expected_series",
            ReportCause::TimeLimit => "time_limit",
        }
    }
}

/// What a report is to be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Brief {
    pub(crate) study_id: StudyId,
    pub(crate) site: Site,
    pub(crate) revision: u32,
    pub(crate) why: ReportCause,
    pub(crate) cause_seq: u64,
    /// The report before this one.
    pub(crate) previous_revision: Option<u32>,
    /// In the order they came.
    pub(crate) images: Vec<BriefImage>,
}

/// Where in the log an image's facts stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BriefImage {
    pub(crate) job_id: JobId,
    /// Its arrival.
    pub(crate) image_seq: u64,
    /// The reading it has or shares.
    pub(crate) reading_id: Option<ReadingId>,
    /// Where that was said.
    pub(crate) link_seq: Option<u64>,
    /// Its outcome.
    pub(crate) outcome_seq: u64,
    pub(crate) standing: Standing,
    /// What the report before did not say.
    pub(crate) change: Option<Change>,
}

/// How an image differs from the report before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It came since.
    Added,
    /// It was there and has another outcome now.
    OutcomeChanged,
}

impl State {
    /// What to make a due report of. `None` when the study is not known or not due.
    pub(crate) fn brief(&self, due: &Due) -> Option<Brief> {
        let study = self.studies.get(&due.study_id)?;
        let covered_seq = study.issued.map(|issued| issued.covered_seq);
        let images = study.images.iter().filter(|image| image.seq <= due.cause_seq).map(|image| {
            let outcome = self.outcome_at(image, due.cause_seq)?;
            let link = image.link_at(due.cause_seq);
            let change = covered_seq.and_then(|covered_seq| {
                let before = self.outcome_at(image, covered_seq).map(|outcome| outcome.standing);
                match () {
                    () if image.seq > covered_seq => Some(Change::Added),
                    () if before != Some(outcome.standing) => Some(Change::OutcomeChanged),
                    () => None,
                }
            });
            Some(BriefImage {
                job_id: image.job_id,
                image_seq: image.seq,
                reading_id: link.map(|link| link.reading_id),
                link_seq: link.map(|link| link.seq),
                outcome_seq: outcome.seq,
                standing: outcome.standing,
                change,
            })
        });
        Some(Brief {
            study_id: due.study_id,
            site: study.site.clone(),
            revision: due.revision,
            why: due.why,
            cause_seq: due.cause_seq,
            previous_revision: study.issued.map(|issued| issued.revision),
            images: images.collect::<Option<_>>()?,
        })
    }
}
