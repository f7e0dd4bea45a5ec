//! What has to be known to make one report: which facts to fetch and what changed since the last one. It says
//! how things stood at the position of the cause, so that every copy makes the same report of the same cause.

use hilum_events::{JobId, ReadingId, ReportCause, SeriesName, Site, StudyId};
use hilum_zones::Zone;
use jiff::Timestamp;

use super::State;
use super::expectation::Awaited;
use super::reading::Outcome;
use super::rules::Rules;
use super::study::Study;

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
    /// The end of the time limit, if that is why.
    pub(crate) limit_at: Option<Timestamp>,
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
            ReportCause::ImageTakenOut => "image_taken_out",
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
    /// The end of the time limit, if that is why.
    pub(crate) limit_at: Option<Timestamp>,
    /// The report before this one.
    pub(crate) previous_revision: Option<u32>,
    /// Position of the fact that records it.
    pub(crate) previous_report_seq: Option<u64>,
    /// What was expected of the study.
    pub(crate) expected: Expected,
    /// Position of the last report of the earlier study of the same patient, if it had any.
    pub(crate) prior_report_seq: Option<u64>,
    /// Whether pictures without a patient may join studies that have one.
    pub(crate) pictures_join_patients: bool,
    /// The time zone of the site.
    pub(crate) time_zone: Option<Zone>,
    /// Positions of the flags of the study.
    pub(crate) flag_seqs: Vec<u64>,
    /// Those that were taken out of the study.
    pub(crate) taken_out: Vec<TakenOut>,
    /// In the order they came.
    pub(crate) images: Vec<BriefImage>,
}

/// Where in the log stands that an image came and was taken out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TakenOut {
    pub(crate) job_id: JobId,
    pub(crate) image_seq: u64,
    pub(crate) seq: u64,
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
    /// Its outcome; `None` only when the time limit was over before there was one.
    pub(crate) outcome: Option<Outcome>,
    /// What the report before did not say.
    pub(crate) change: Option<Change>,
}

/// What was expected of a study.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// How many images its sender announced, and how many of these came.
    pub(crate) images: Option<Awaited>,
    /// The most images that a report shows, if more came.
    pub(crate) most: Option<u32>,
    /// Position of the manifest that says so, if one does.
    pub(crate) manifest_seq: Option<u64>,
    /// Whether the site expects any series.
    pub(crate) has_series: bool,
    /// Those that have no image.
    pub(crate) absent_series: Vec<SeriesName>,
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
    pub(crate) fn brief(&self, due: &Due, rules: &Rules) -> Option<Brief> {
        let study = self.studies.get(&due.study_id)?;
        let covered_seq = study.issued.map(|issued| issued.covered_seq);
        let images =
            study.images.iter().filter(|image| study.is_in_at(image.seq, due.cause_seq)).map(|image| {
                let outcome = self.outcome_at(image, due.cause_seq);
                let link = image.link_at(due.cause_seq);
                let change = covered_seq.and_then(|covered_seq| {
                    let before = self.outcome_at(image, covered_seq).map(|outcome| outcome.standing);
                    match () {
                        () if image.seq > covered_seq => Some(Change::Added),
                        () if before != outcome.map(|outcome| outcome.standing) => {
                            Some(Change::OutcomeChanged)
                        }
                        () => None,
                    }
                });
                BriefImage {
                    job_id: image.job_id,
                    image_seq: image.seq,
                    reading_id: link.map(|link| link.reading_id),
                    link_seq: link.map(|link| link.seq),
                    outcome,
                    change,
                }
            });
        let images: Vec<_> = images.collect();
        let is_settled = images.iter().all(|image| image.outcome.is_some());
        let waits = !matches!(due.why, ReportCause::TimeLimit | ReportCause::ImageTakenOut);
        (is_settled || !waits).then(|| Brief {
            study_id: due.study_id,
            site: study.site.clone(),
            revision: due.revision,
            why: due.why,
            cause_seq: due.cause_seq,
            limit_at: due.limit_at,
            previous_revision: study.issued.map(|issued| issued.revision),
            previous_report_seq: study.last_report_seq(),
            expected: Expected {
                most: self.most_images.filter(|_| study.is_beyond_at(due.cause_seq)),
                ..expected(study, due.cause_seq, rules)
            },
            prior_report_seq: self.prior_report(study, due.cause_seq),
            pictures_join_patients: rules.of(&study.site).pictures_join_patients,
            time_zone: rules.of(&study.site).time_zone.cloned(),
            flag_seqs: study.flag_seqs.iter().copied().filter(|seq| *seq <= due.cause_seq).collect(),
            taken_out: taken_out(study, due.cause_seq),
            images,
        })
    }

    /// Position of the last report of the study's prior, as it stood at position `seq`. One of another site is no prior.
    fn prior_report(&self, study: &Study, seq: u64) -> Option<u64> {
        let prior = self.studies.get(&study.prior_at(seq)?)?;
        if prior.site == study.site { prior.report_at(seq) } else { None }
    }
}

fn taken_out(study: &Study, seq: u64) -> Vec<TakenOut> {
    let taken_out = study.images.iter().filter_map(|image| {
        let seq = study.taken_out_at(image.seq, seq)?;
        Some(TakenOut { job_id: image.job_id, image_seq: image.seq, seq })
    });
    taken_out.collect()
}

/// What was expected at position `seq`.
fn expected(study: &Study, seq: u64, rules: &Rules) -> Expected {
    let series = rules.of(&study.site).series;
    Expected {
        images: study.awaited_at(seq),
        most: None,
        manifest_seq: study.expectations.manifest_at(seq),
        has_series: !series.is_empty(),
        absent_series: study.absent_series(seq, series),
    }
}
