//! Delivers to one target: takes what its consumer hands out, makes the forms, hands them over, and says so in the log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hilum_events::{
    DeliveredObject, Envelope, Event, EventId, Matter, ReportDelivered, StudyId, delivered_filter,
    flag_filter, report_filter,
};
use hilum_faults::reach;
use hilum_log::{AppendError, Failure, Handle, Log, UnavailableError, WorkItem};
use jiff::Timestamp;

use crate::domain::{Assignment, assignment, notice};
use crate::forms::MakeError;
use crate::outlet::Outlet;
use crate::protocol::SendError;
use crate::shipment::{Object, Shipment};
use crate::targets::{LONGEST_WAIT, Target};

/// The form of a flag.
const FLAG: &str = "flag";
/// The receipt of a report that has nothing for its target, such as captures of images of which none could be read.
const NOTHING: &str = "nothing to send: the report has no such object";

/// Handles what one target is to be given.
pub struct TargetWorker<O> {
    log: Log,
    target: Arc<Target>,
    outlet: O,
    /// Deliveries that were sent and are not recorded yet, by the fact that led to each. The log may be full: they are recorded
    /// before anything else is sent, and are not sent a second time.
    untold: Mutex<HashMap<EventId, Envelope>>,
    /// Locks that let the revisions of a study go out one after the other, so that an older one never arrives behind a newer
    /// one. Studies share them.
    turns: [tokio::sync::Mutex<()>; TURNS],
}

/// Number of locks: many more than deliveries in hand.
const TURNS: usize = 64;

/// Why what was to be delivered can't be found or made.
#[derive(Debug, thiserror::Error)]
enum PackError {
    /// The log is away.
    #[error(transparent)]
    Log(#[from] UnavailableError),
    /// No such report or flag stands in the log.
    #[error("{what} of study {study_id} is not in the log")]
    Unknown { what: String, study_id: StudyId },
    /// A form can't be made.
    #[error(transparent)]
    Make(#[from] MakeError),
    /// A flag has no JSON form.
    #[error("cannot write the notice of a flag")]
    Notice(#[from] serde_json::Error),
}

impl<O: Outlet> Handle for TargetWorker<O> {
    async fn handle(&self, item: &WorkItem) -> Result<(), Failure> {
        let cause = &item.envelope;
        let Some(assignment) = assignment(cause, &self.target) else { return Ok(()) };
        let _turn = self.turns[turn_of(assignment.study_id)].lock().await;
        let told = delivered_filter(assignment.study_id, &assignment.matter, &self.target.name);
        if self.log.last(&told).await?.is_some() {
            return Ok(());
        }
        let sent = self.untold().get(&cause.event_id).cloned();
        if let Some(fact) = sent {
            return Ok(self.tell(cause.event_id, &fact).await?);
        }
        let superseded_by = self.superseded_by(&assignment).await?;
        let (objects, receipt) = match superseded_by {
            Some(newer) => (Vec::new(), format!("superseded by revision {newer}: not sent")),
            None => self.deliver(cause, &assignment).await?,
        };
        let Assignment { study_id, matter, attempt } = assignment;
        let target = self.target.name.clone();
        let outcome = if superseded_by.is_some() { "superseded" } else { "delivered" };
        tracing::info!(%study_id, matter = matter.token(), %target, receipt, outcome);
        let event = ReportDelivered { study_id, matter, target, attempt, objects, receipt, superseded_by };
        let fact = cause.next(Timestamp::now(), Event::ReportDelivered(event));
        Ok(self.tell(cause.event_id, &fact).await?)
    }

    /// The target is not asked for: one that stays away must not hold up what is meant for it for ever.
    async fn needs(&self) -> Result<(), String> {
        self.outlet.probe().await
    }

    fn longest_wait(&self) -> Duration {
        LONGEST_WAIT
    }
}

impl<O: Outlet> TargetWorker<O> {
    /// A worker that hands over by `outlet` what `target` is to be given.
    pub fn new(log: Log, target: Arc<Target>, outlet: O) -> Self {
        let turns = std::array::from_fn(|_| tokio::sync::Mutex::default());
        Self { log, target, outlet, untold: Mutex::default(), turns }
    }

    /// Hands over what is to be delivered. Returns what that was, and how the target said that it took it.
    async fn deliver(
        &self,
        cause: &Envelope,
        assignment: &Assignment,
    ) -> Result<(Vec<DeliveredObject>, String), Failure> {
        let shipment = self.pack(cause, assignment).await?;
        self.can_tell().await?;
        let receipt = match shipment.objects.is_empty() {
            true => NOTHING.to_owned(),
            false => self.outlet.send(&shipment).await?,
        };
        reach("deliver.after-send");
        Ok((shipment.objects.iter().map(Object::delivered).collect(), receipt))
    }

    /// The newer revision that this target took already, if it wants no older one behind it.
    async fn superseded_by(&self, assignment: &Assignment) -> Result<Option<u32>, UnavailableError> {
        let Matter::Report(revision) = assignment.matter else { return Ok(None) };
        if !self.target.protocol.settings().is_newest_only() {
            return Ok(None);
        }
        for newer in revision.saturating_add(1).. {
            let delivered = delivered_filter(assignment.study_id, &Matter::Report(newer), &self.target.name);
            if self.log.last(&delivered).await?.is_some() {
                return Ok(Some(newer));
            }
            if self.log.last(&report_filter(assignment.study_id, newer)).await?.is_none() {
                break;
            }
        }
        Ok(None)
    }

    /// Whether what is sent now can be recorded. Records first what could not be recorded before.
    async fn can_tell(&self) -> Result<(), AppendError> {
        let untold: Vec<_> = self.untold().iter().map(|(cause, fact)| (*cause, fact.clone())).collect();
        for (cause, fact) in untold {
            self.tell(cause, &fact).await?;
        }
        self.log.has_room().await
    }

    async fn tell(&self, cause: EventId, fact: &Envelope) -> Result<(), AppendError> {
        self.untold().insert(cause, fact.clone());
        let told = self.log.append(fact).await;
        if !told.as_ref().is_err_and(AppendError::passes) {
            self.untold().remove(&cause);
        }
        told.map(|_| ())
    }

    fn untold(&self) -> MutexGuard<'_, HashMap<EventId, Envelope>> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pack(&self, cause: &Envelope, assignment: &Assignment) -> Result<Shipment, PackError> {
        let fact = self.fact(cause, assignment).await?;
        let objects = match &fact.event {
            Event::ReportIssued(report) => self.outlet.make(report, &self.target).await?,
            Event::StudyFlagged(flag) => {
                let bytes = Bytes::from(notice(&fact, flag)?);
                vec![Object { form: FLAG, file_name: "flag.json".to_owned(), bytes }]
            }
            _ => Vec::new(),
        };
        let Assignment { study_id, matter, .. } = assignment.clone();
        Ok(Shipment { site: fact.site, study_id, matter, objects })
    }

    /// The report or flag that is to be delivered: the cause itself, or what it names.
    async fn fact(&self, cause: &Envelope, assignment: &Assignment) -> Result<Envelope, PackError> {
        if let Event::ReportIssued(_) | Event::StudyFlagged(_) = cause.event {
            return Ok(cause.clone());
        }
        let filter = match &assignment.matter {
            Matter::Report(revision) => report_filter(assignment.study_id, *revision),
            Matter::Flag(rule) => flag_filter(assignment.study_id, rule),
        };
        let found = self.log.last(&filter).await?;
        found.as_ref().and_then(|recorded| recorded.envelope()).cloned().ok_or_else(|| PackError::Unknown {
            what: assignment.matter.token(),
            study_id: assignment.study_id,
        })
    }
}

fn turn_of(study_id: StudyId) -> usize {
    usize::from(study_id.as_uuid().as_bytes()[15]) % TURNS
}

impl From<PackError> for Failure {
    fn from(error: PackError) -> Self {
        match &error {
            PackError::Log(_) => Self::Retry(error.into()),
            PackError::Make(cause) if cause.is_transient() => Self::Retry(error.into()),
            _ => Self::Park(error.into()),
        }
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Refused { .. } => Self::Park(error.into()),
            SendError::Failed { not_before: Some(not_before), .. } => {
                Self::RetryLater { not_before, source: error.into() }
            }
            SendError::Failed { not_before: None, .. } => Self::Retry(error.into()),
        }
    }
}
