//! One study: its images, what touched it since its last report, and when it may be reported.

use std::collections::BTreeMap;

use hilum_events::{EventId, ImageStored, JobId, ReadingId, SeriesName, Site, StudyId};
use jiff::Timestamp;

use super::expectation::{Awaited, Contents, Expectations};
use super::reading::{Outcome, Standing};
use super::rules::SiteRules;
use super::{Mark, State};

/// A study as it follows from the log.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Study {
    pub(super) site: Site,
    /// In the order they came.
    pub(super) images: Vec<Image>,
    /// The first image that came when the study had as many as a report shows.
    beyond_seq: Option<u64>,
    /// When the first image came.
    first_at: Timestamp,
    contents: Contents,
    pub(super) expectations: Expectations,
    /// Images that were taken out: where each came, and where it was taken out.
    taken_out: BTreeMap<u64, u64>,
    /// Earlier studies of the same patient, as senders said, by position.
    priors: Vec<(u64, StudyId)>,
    /// Positions of its flags.
    pub(super) flag_seqs: Vec<u64>,
    /// The newest image, manifest, or outcome that replaced an earlier one: the quiet time counts from here.
    stirred_seq: u64,
    stirred_at: Timestamp,
    /// Where and when it was stirred since what its last report covers, oldest first.
    stirs: Vec<(u64, Timestamp)>,
    /// The newest request to close the study; 0 for none.
    pub(super) closed_seq: u64,
    /// What touched the study and is not covered by its last report, oldest first.
    pub(super) marks: Vec<Mark>,
    pub(super) issued: Option<Issued>,
    /// Positions of its reports.
    report_seqs: Vec<u64>,
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
    /// How many different contents the study had with this image.
    pub(super) contents: u32,
    /// The site's series that it belongs to.
    pub(super) series: Vec<SeriesName>,
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
            beyond_seq: None,
            first_at: at,
            contents: Contents::default(),
            expectations: Expectations::default(),
            taken_out: BTreeMap::new(),
            priors: Vec::new(),
            flag_seqs: Vec::new(),
            stirred_seq: seq,
            stirred_at: at,
            stirs: Vec::new(),
            closed_seq: 0,
            marks: Vec::new(),
            issued: None,
            report_seqs: Vec::new(),
        }
    }

    /// Takes in an image that came at `seq`, and what its sender said with it.
    pub(super) fn add(&mut self, seq: u64, at: Timestamp, e: &ImageStored) {
        if self.images.is_empty() {
            self.first_at = at;
        }
        let sop_instance_uid = e.image.dicom.as_ref().map(|dicom| dicom.sop_instance_uid.as_str());
        self.contents.add(seq, e.image.blob.sha256, sop_instance_uid);
        if let Some(images) = e.expected_images {
            self.expectations.counted(seq, images);
        }
        if let Some(prior) = e.prior_study_id
            && self.priors.last().is_none_or(|(_, known)| *known != prior)
        {
            self.priors.push((seq, prior));
        }
        self.images.push(Image {
            job_id: e.job_id,
            seq,
            contents: u32::try_from(self.contents.len()).unwrap_or(u32::MAX),
            series: e.series.clone(),
            links: Vec::new(),
            given_up_seq: None,
        });
        self.stir(seq, at);
    }

    /// Notes that an image was taken out at `seq`; `false` when it was before.
    pub(super) fn take_out(&mut self, index: usize, seq: u64) -> bool {
        let image_seq = self.images[index].seq;
        let is_new = !self.taken_out.contains_key(&image_seq);
        self.taken_out.entry(image_seq).or_insert(seq);
        is_new
    }

    /// Where the image that came at `image_seq` was taken out, if it was at position `seq`.
    pub(super) fn taken_out_at(&self, image_seq: u64, seq: u64) -> Option<u64> {
        self.taken_out.get(&image_seq).copied().filter(|taken_out| *taken_out <= seq)
    }

    /// Whether the image that came at `image_seq` had come at position `seq`, and was not taken out by then.
    pub(super) fn is_in_at(&self, image_seq: u64, seq: u64) -> bool {
        image_seq <= seq && self.taken_out_at(image_seq, seq).is_none()
    }

    /// Notes that an image came that no report will show; `true` for the first.
    pub(super) fn note_beyond(&mut self, seq: u64) -> bool {
        self.beyond_seq.replace(self.beyond_seq.unwrap_or(seq)).is_none()
    }

    /// Whether such an image had come at position `seq`.
    pub(super) fn is_beyond_at(&self, seq: u64) -> bool {
        self.beyond_seq.is_some_and(|beyond| beyond <= seq)
    }

    pub(super) fn stir(&mut self, seq: u64, at: Timestamp) {
        (self.stirred_seq, self.stirred_at) = (seq, at);
        self.stirs.push((seq, at));
    }

    /// Whether it has any image that was not taken out.
    pub(super) fn has_images(&self) -> bool {
        self.images.iter().any(|image| self.is_in_at(image.seq, u64::MAX))
    }

    /// Whether its last report shows an image that was taken out since: nobody is to read that for longer than necessary.
    pub(super) fn tells_too_much(&self) -> bool {
        let Some(Issued { covered_seq, .. }) = self.issued else { return false };
        self.taken_out.iter().any(|(came, taken_out)| *came <= covered_seq && *taken_out > covered_seq)
    }

    /// Whether the sender closed it and nothing stirred since.
    pub(super) fn is_closed(&self) -> bool {
        self.closed_seq > self.stirred_seq
    }

    /// When the quiet time ends, and after a report the pause in which what comes is gathered; `None` beyond the end of
    /// time.
    pub(super) fn quiet_at(&self, site: &SiteRules<'_>) -> Option<Timestamp> {
        let quiet_at = self.stirred_at.checked_add(site.quiet).ok()?;
        match self.stirs.first() {
            Some((_, first_at)) if self.issued.is_some() => {
                Some(quiet_at.max(first_at.checked_add(site.pause_after(self.revision())).ok()?))
            }
            _ => Some(quiet_at),
        }
    }

    /// When the time limit of the site ends for what no report covers; `None` without one or beyond the end of time. It
    /// counts from the first image, and after a report from the first fact that it does not cover.
    pub(super) fn limit_at(&self, site: &SiteRules<'_>) -> Option<Timestamp> {
        let since = match self.issued {
            None => self.first_at,
            Some(_) => self.marks.first()?.at,
        };
        since.checked_add(site.time_limit?).ok()
    }

    /// How much of what its sender announced had come at position `seq` and was not taken out; `None` when nothing was
    /// announced.
    pub(super) fn awaited_at(&self, seq: u64) -> Option<Awaited> {
        let came = self.images.partition_point(|image| image.seq <= seq);
        let is_in = |image_seq| self.is_in_at(image_seq, seq);
        let arrived = match self.taken_out.values().any(|taken_out| *taken_out <= seq) {
            true => self.contents.of_images(is_in),
            false => came.checked_sub(1).map_or(0, |last| self.images[last].contents),
        };
        self.expectations.awaited_at(seq, &self.contents, arrived, is_in)
    }

    /// Which of these series had no image at position `seq`.
    pub(super) fn absent_series(&self, seq: u64, expected: &[SeriesName]) -> Vec<SeriesName> {
        let came = self.images.partition_point(|image| image.seq <= seq);
        let in_it = || self.images[..came].iter().filter(|image| self.is_in_at(image.seq, seq));
        let has = |name: &&SeriesName| in_it().any(|image| image.series.contains(name));
        expected.iter().filter(|name| !has(name)).cloned().collect()
    }

    /// The earlier study of the same patient, as senders said at position `seq`.
    pub(super) fn prior_at(&self, seq: u64) -> Option<StudyId> {
        self.priors.iter().rev().find(|(said, _)| *said <= seq).map(|(_, prior)| *prior)
    }

    /// Position of its newest report at position `seq`.
    pub(super) fn report_at(&self, seq: u64) -> Option<u64> {
        self.report_seqs.iter().rev().find(|issued| **issued <= seq).copied()
    }

    /// Position of its last report.
    pub(super) fn last_report_seq(&self) -> Option<u64> {
        self.report_seqs.last().copied()
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
        self.report_seqs.push(issued_seq);
        self.marks.retain(|mark| mark.seq > covered_seq);
        self.stirs.retain(|(seq, _)| *seq > covered_seq);
        self.expectations.forget_before(covered_seq);
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

    /// Whether a report would say something that the last one does not. A study without images has no report.
    pub(super) fn has_news(&self, study: &Study) -> bool {
        let Some(Issued { covered_seq, .. }) = study.issued else { return study.has_images() };
        lacks_other_images(study, covered_seq)
            || self.any_image(study, covered_seq, |before, now| before != now)
    }

    /// Whether there is more to tell than that an outcome is being made again: an image, an outcome, or that other images
    /// are missing than the last report says.
    pub(super) fn has_more_to_tell(&self, study: &Study) -> bool {
        let Some(Issued { covered_seq, .. }) = study.issued else { return study.has_images() };
        lacks_other_images(study, covered_seq)
            || self.any_image(study, covered_seq, |before, now| now.is_some() && before != now)
    }

    /// Whether any image came after `covered_seq`, or differs as `differs` tells from its standings then and now.
    fn any_image(
        &self,
        study: &Study,
        covered_seq: u64,
        differs: fn(Option<Standing>, Option<Standing>) -> bool,
    ) -> bool {
        // Newest first: late images are at the end.
        study.images.iter().rev().any(|image| {
            let standing_at = |seq| self.outcome_at(image, seq).map(|outcome| outcome.standing);
            if study.taken_out_at(image.seq, u64::MAX).is_some() {
                return study.is_in_at(image.seq, covered_seq);
            }
            image.seq > covered_seq || differs(standing_at(covered_seq), standing_at(u64::MAX))
        })
    }
}

/// Whether other images are missing than at `covered_seq`, or none any more.
fn lacks_other_images(study: &Study, covered_seq: u64) -> bool {
    let unmet_at = |seq| study.awaited_at(seq).filter(|awaited| !awaited.is_met());
    let lacks_at = |seq| (unmet_at(seq), study.is_beyond_at(seq));
    lacks_at(covered_seq) != lacks_at(u64::MAX)
}
