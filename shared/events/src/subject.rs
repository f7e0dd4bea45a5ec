//! Where each fact stands in the log: how its subject is put together, and how it is taken apart.

use crate::event::{Event, Matter, Priority, Resolution};
use crate::filter::claim_filter;
use crate::ids::{DeliveryTarget, JobId, ReadingId, Site, StudyId};

impl Event {
    /// Kebab-case name, the second token of the subject.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ImageStored(_) => "image-stored",
            Self::InferenceRequested(_) => "inference-requested",
            Self::DuplicateLinked(_) => "duplicate-linked",
            Self::InferenceCompleted(_) => "inference-completed",
            Self::InferenceFailed(_) => "inference-failed",
            Self::JobDeadLettered(_) => "job-dead-lettered",
            Self::DeadLetterResolved(_) => "dead-letter-resolved",
            Self::StudyCloseRequested(_) => "study-close-requested",
            Self::StudyManifestReceived(_) => "study-manifest-received",
            Self::StudyFlagged(_) => "study-flagged",
            Self::ReportIssued(_) => "report-issued",
            Self::ReportDelivered(_) => "report-delivered",
            Self::DeliveryFailed(_) => "delivery-failed",
            Self::DeliveryResolved(_) => "delivery-resolved",
            Self::LogLossAccepted(_) => "log-loss-accepted",
            Self::ImageTakenOut(_) => "image-taken-out",
        }
    }

    /// The job whose fate hangs on this fact when it is handed out as work, and the reading that jobs linked
    /// to it share, if the work is that reading.
    pub fn job(&self) -> Option<(JobId, Option<ReadingId>)> {
        match self {
            Self::ImageStored(e) => Some((e.job_id, None)),
            Self::InferenceRequested(e) => Some((e.job_id, Some(e.reading_id))),
            Self::DeadLetterResolved(e) => Some((e.job_id, e.reading_id)),
            _ => None,
        }
    }

    /// What is to be delivered when this fact is handed out as work, and which round of tries it begins. A discard
    /// begins none.
    pub fn delivery(&self) -> Option<(StudyId, Matter, u32)> {
        match self {
            Self::ReportIssued(e) => Some((e.study_id, Matter::Report(e.revision), 1)),
            Self::StudyFlagged(e) => Some((e.study_id, Matter::Flag(e.rule.clone()), 1)),
            Self::DeliveryResolved(e) if e.resolution == Resolution::Redrive => {
                Some((e.study_id, e.matter.clone(), e.attempt.saturating_add(1)))
            }
            _ => None,
        }
    }

    /// The one subject of this fact: a second message there is another telling of the same fact. A request may stand in a
    /// lane beside it, see [`lane_of`].
    pub fn subject(&self, site: &Site) -> String {
        format!("evt.{}.{site}.{}", self.name(), self.identity())
    }

    /// The subjects among which this fact may stand only once: what it is about has the same id at every site. A reading
    /// is requested once whichever priority was first, too: the request is the claim on the content.
    pub fn unique_among(&self) -> String {
        match self {
            Self::InferenceRequested(e) => claim_filter(e.reading_id),
            _ => format!("evt.{}.*.{}", self.name(), self.identity()),
        }
    }

    /// What of the subject tells this fact from others of its name.
    fn identity(&self) -> String {
        match self {
            Self::ImageStored(e) => format!("{}.{}", e.study_id, e.job_id),
            Self::InferenceRequested(e) => format!("{}.{}", e.reading_id, e.priority.as_str()),
            Self::DuplicateLinked(e) => format!("{}.{}", e.reading_id, e.job_id),
            Self::InferenceCompleted(e) => e.reading_id.to_string(),
            Self::InferenceFailed(e) => format!("{}.{}", e.reading_id, e.attempt),
            Self::JobDeadLettered(e) => format!("{}.{}", e.job_id, e.stream_seq),
            Self::DeadLetterResolved(e) => format!("{}.{}", e.job_id, e.stream_seq),
            Self::StudyCloseRequested(e) => format!("{}.{}", e.study_id, e.request_id),
            Self::StudyManifestReceived(e) => format!("{}.{}", e.study_id, e.request_id),
            Self::StudyFlagged(e) => format!("{}.{}", e.study_id, e.rule),
            Self::ReportIssued(e) => format!("{}.{}", e.study_id, e.revision),
            Self::ReportDelivered(e) => delivery(e.study_id, &e.matter, &e.target, e.attempt),
            Self::DeliveryFailed(e) => delivery(e.study_id, &e.matter, &e.target, e.attempt),
            Self::DeliveryResolved(e) => delivery(e.study_id, &e.matter, &e.target, e.attempt),
            Self::LogLossAccepted(e) => format!("{}-{}", e.first_seq, e.last_seq),
            Self::ImageTakenOut(e) => format!("{}.{}", e.study_id, e.job_id),
        }
    }
}

impl Matter {
    /// The token used in subjects.
    pub fn token(&self) -> String {
        match self {
            Self::Report(revision) => format!("report-{revision}"),
            Self::Flag(rule) => format!("flag-{rule}"),
        }
    }
}

fn delivery(study_id: StudyId, matter: &Matter, target: &DeliveryTarget, attempt: u32) -> String {
    format!("{study_id}.{}.{target}.{attempt}", matter.token())
}

/// The first token of every subject of a fact.
const FACT: &str = "evt";

/// The subject of a fact, taken apart. The tokens are as they stand there: nobody has looked whether such an event, site or
/// id exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject<'a> {
    /// The subject without the lane: the one that [`Event::subject`] gives.
    pub of_fact: &'a str,
    /// Name of the event, as [`Event::name`] gives it.
    pub event: &'a str,
    /// Name of the site.
    pub site: &'a str,
    /// What tells the fact from others of its name: one token or more.
    pub identity: &'a str,
    /// The lane in which the request waits, if it is one that does.
    pub lane: Option<u16>,
}

impl<'a> Subject<'a> {
    /// Takes the subject of a fact apart; `None` when it is not formed like one.
    pub fn parse(subject: &'a str) -> Option<Self> {
        let (of_fact, lane) = lane_of(subject);
        let mut tokens = of_fact.splitn(4, '.');
        let mut next = || tokens.next().filter(|token| !token.is_empty());
        let (first, event, site, identity) = (next()?, next()?, next()?, next()?);
        (first == FACT).then_some(Self { of_fact, event, site, identity, lane })
    }

    /// The site, if it is the name of one.
    pub fn site(&self) -> Option<Site> {
        self.site.parse().ok()
    }
}

/// Where a request that waits in a lane stands: a lane is of the place and says nothing about the fact.
pub fn in_lane(subject: &str, lane: u16) -> String {
    format!("{subject}-{lane}")
}

/// The subject of the fact that stands under `subject`, and the lane in which it waits, if it does.
pub fn lane_of(subject: &str) -> (&str, Option<u16>) {
    let split = subject.rsplit_once('-').filter(|(place, _)| is_of_request(place));
    // One lane has one name: no sign, no leading zero.
    let found = split.and_then(|(place, lane)| {
        let number: u16 = lane.parse().ok()?;
        (number.to_string() == lane).then_some((place, number))
    });
    found.map_or((subject, None), |(place, lane)| (place, Some(lane)))
}

fn is_of_request(subject: &str) -> bool {
    let ends = [Priority::Stat, Priority::Routine].map(Priority::as_str);
    let priority = subject.rsplit('.').next().unwrap_or_default();
    subject.starts_with("evt.inference-requested.") && ends.contains(&priority)
}
