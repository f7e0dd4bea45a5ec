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

use crate::domain::{Errand, errand, notice};
use crate::forms::{MakeError, Object};
use crate::outlet::Outlet;
use crate::targets::{LONGEST_WAIT, Target};
use crate::transport::{Parcel, SendError};

/// The form of a flag.
const FLAG: &str = "flag";
/// The receipt of a report that has nothing for its target, such as captures of images of which none could be read.
const NOTHING: &str = "nothing to send: the report has no such object";

/// The handler of what one target is to be given.
pub struct Courier<O> {
    log: Log,
    target: Arc<Target>,
    outlet: O,
    /// What was sent and is not told yet, by the fact that led to it. The log may be full: it is told before anything else
    /// is sent, and never sent a second time for that.
    untold: Mutex<HashMap<EventId, Envelope>>,
    /// A study's revisions go out one after the other, so that an older one never comes in behind a newer one. Studies
    /// share these turns.
    turns: [tokio::sync::Mutex<()>; TURNS],
}

/// Turns of studies: many more than deliveries in hand.
const TURNS: usize = 64;

/// What was to be delivered can't be found or made.
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

impl<O: Outlet> Handle for Courier<O> {
    async fn handle(&self, item: &WorkItem) -> Result<(), Failure> {
        let cause = &item.envelope;
        let Some(errand) = errand(cause, &self.target) else { return Ok(()) };
        let _turn = self.turns[turn_of(errand.study_id)].lock().await;
        let told = delivered_filter(errand.study_id, &errand.matter, &self.target.name);
        if self.log.last(&told).await?.is_some() {
            return Ok(());
        }
        let sent = self.untold().get(&cause.event_id).cloned();
        if let Some(fact) = sent {
            return Ok(self.tell(cause.event_id, &fact).await?);
        }
        let superseded_by = self.superseded_by(&errand).await?;
        let (objects, receipt) = match superseded_by {
            Some(newer) => (Vec::new(), format!("superseded by revision {newer}: not sent")),
            None => self.deliver(cause, &errand).await?,
        };
        let Errand { study_id, matter, attempt } = errand;
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

impl<O: Outlet> Courier<O> {
    /// Of what `target` is to be given, by this way.
    pub fn new(log: Log, target: Arc<Target>, outlet: O) -> Self {
        let turns = std::array::from_fn(|_| tokio::sync::Mutex::default());
        Self { log, target, outlet, untold: Mutex::default(), turns }
    }

    /// Hands over what is to be delivered; what that was, and how the target said that it took it.
    async fn deliver(
        &self,
        cause: &Envelope,
        errand: &Errand,
    ) -> Result<(Vec<DeliveredObject>, String), Failure> {
        let parcel = self.pack(cause, errand).await?;
        self.can_tell().await?;
        let receipt = match parcel.objects.is_empty() {
            true => NOTHING.to_owned(),
            false => self.outlet.send(&parcel).await?,
        };
        reach("deliver.after-send");
        Ok((parcel.objects.iter().map(Object::delivered).collect(), receipt))
    }

    /// The newer revision that this target took already, if it wants no older one behind it.
    async fn superseded_by(&self, errand: &Errand) -> Result<Option<u32>, UnavailableError> {
        let Matter::Report(revision) = errand.matter else { return Ok(None) };
        if !self.target.is_newest_only {
            return Ok(None);
        }
        for newer in revision.saturating_add(1).. {
            let delivered = delivered_filter(errand.study_id, &Matter::Report(newer), &self.target.name);
            if self.log.last(&delivered).await?.is_some() {
                return Ok(Some(newer));
            }
            if self.log.last(&report_filter(errand.study_id, newer)).await?.is_none() {
                break;
            }
        }
        Ok(None)
    }

    /// Whether what is sent now can be told; tells what could not be told before.
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

    async fn pack(&self, cause: &Envelope, errand: &Errand) -> Result<Parcel, PackError> {
        let fact = self.fact(cause, errand).await?;
        let objects = match &fact.event {
            Event::ReportIssued(report) => self.outlet.make(report, &self.target).await?,
            Event::StudyFlagged(flag) => {
                let bytes = Bytes::from(notice(&fact, flag)?);
                vec![Object { form: FLAG, file_name: "flag.json".to_owned(), bytes }]
            }
            _ => Vec::new(),
        };
        let Errand { study_id, matter, .. } = errand.clone();
        Ok(Parcel { site: fact.site, study_id, matter, objects })
    }

    /// The report or flag that is to be delivered: the cause itself, or what it names.
    async fn fact(&self, cause: &Envelope, errand: &Errand) -> Result<Envelope, PackError> {
        if let Event::ReportIssued(_) | Event::StudyFlagged(_) = cause.event {
            return Ok(cause.clone());
        }
        let filter = match &errand.matter {
            Matter::Report(revision) => report_filter(errand.study_id, *revision),
            Matter::Flag(rule) => flag_filter(errand.study_id, rule),
        };
        let found = self.log.last(&filter).await?;
        found
            .as_ref()
            .and_then(|recorded| recorded.envelope())
            .cloned()
            .ok_or_else(|| PackError::Unknown { what: errand.matter.token(), study_id: errand.study_id })
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
