//! When a study is due for a report, and why. The sender's word counts more than what its site expects of all studies,
//! and nothing that came waits for longer than the site's time limit.

use hilum_events::{ReportCause, StudyId};
use jiff::Timestamp;

use super::State;
use super::brief::Due;
use super::rules::{Rules, SiteRules};
use super::study::Study;

impl State {
    /// The study's next report, if it is due at `now`.
    pub(super) fn due(&self, study_id: StudyId, now: Timestamp, rules: &Rules) -> Option<Due> {
        let study = self.studies.get(&study_id)?;
        let site = rules.of(&study.site);
        let newest = study.marks.last()?;
        let due = |why, limit_at| Due {
            study_id,
            revision: study.revision() + 1,
            why,
            cause_seq: newest.seq,
            limit_at,
        };
        if !self.has_news(study) {
            return None;
        }
        if study.tells_too_much() {
            return Some(due(ReportCause::ImageTakenOut, None));
        }
        if self.is_settled_at(study, u64::MAX)
            && let Some(why) = self.ended(study, &site, now)
        {
            return Some(due(why, None));
        }
        let limit_at = study.limit_at(&site)?;
        let is_over = limit_at <= now && self.has_more_to_tell(study);
        is_over.then(|| due(ReportCause::TimeLimit, Some(limit_at)))
    }

    /// The earliest time after `now` at which something ends that a study waits for.
    pub(crate) fn next_due_at(&self, now: Timestamp, rules: &Rules) -> Option<Timestamp> {
        let ends = self.open.iter().flat_map(|id| {
            let study = &self.studies[id];
            let site = rules.of(&study.site);
            [study.quiet_at(&site), study.limit_at(&site)]
        });
        ends.flatten().filter(|end| *end > now).min()
    }

    /// Why a study whose images all have outcomes is to be reported at `now`, if it is.
    fn ended(&self, study: &Study, site: &SiteRules<'_>, now: Timestamp) -> Option<ReportCause> {
        if study.is_closed() {
            return Some(ReportCause::Closed);
        }
        let is_whole = Whole::at(study, u64::MAX, site);
        // What was whole in the last report is no reason for another one: late images come together after the quiet time.
        let was_whole = |covered_seq| {
            self.is_settled_at(study, covered_seq) && Whole::at(study, covered_seq, site) == is_whole
        };
        if !study.issued.is_some_and(|issued| was_whole(issued.covered_seq)) {
            match is_whole {
                Whole::AsAnnounced => return Some(ReportCause::Expected),
                Whole::AllSeries => return Some(ReportCause::ExpectedSeries),
                Whole::Unknown | Whole::No => {}
            }
        }
        let quiet_counts = is_whole != Whole::No || site.time_limit.is_none();
        (quiet_counts && study.quiet_at(site)? <= now).then_some(ReportCause::QuietTime)
    }

    /// Whether every image that had come at position `seq` had an outcome then.
    fn is_settled_at(&self, study: &Study, seq: u64) -> bool {
        // Newest first: that is where a missing outcome most likely is.
        let mut came = study.images.iter().rev().filter(|image| study.is_in_at(image.seq, seq));
        came.all(|image| self.outcome_at(image, seq).is_some())
    }
}

/// Whether all images of a study have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    /// Nobody said what it consists of.
    Unknown,
    /// All that its sender announced came, whatever the site expects.
    AsAnnounced,
    /// Its sender announced nothing, and all series that the site expects came.
    AllSeries,
    /// Something is missing.
    No,
}

impl Whole {
    fn at(study: &Study, seq: u64, site: &SiteRules<'_>) -> Self {
        match study.awaited_at(seq) {
            Some(awaited) if awaited.is_met() => Self::AsAnnounced,
            Some(_) => Self::No,
            None if site.series.is_empty() => Self::Unknown,
            None if study.absent_series(seq, site.series).is_empty() => Self::AllSeries,
            None => Self::No,
        }
    }
}
