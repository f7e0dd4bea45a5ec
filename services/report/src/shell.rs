//! The loop: follow the log, fold it, issue what is due, wait. Many studies are in hand at once and none waits for
//! another. All it knows follows from the log, so a restart loses nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hilum_blobs::BlobStore;
use hilum_events::{Event, StudyId};
use hilum_log::{Fold, FoldHalt, Log, OtherLog, PositionedState, Recorded, SEAL_RECORD};
use hilum_runtime::{Health, with_causes};
use hilum_sites::Sites;
use jiff::Timestamp;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::domain::{Due, Rules, State, decide};
use crate::facts::Facts;
use crate::health::{CAUGHT_UP, FOLDING, STUCK, watch};
use crate::issue::{Issued, Issuer};
use crate::issue_error::IssueError;
use crate::patient_headers::PatientHeaders;
use crate::previews::Previewer;
use crate::setbacks::{SetbackKind, Setbacks};

/// Facts folded before anything else is looked at.
const BATCH: usize = 512;
/// After a look at the open studies, so many times as long goes to other work: with very many of them open, looking
/// shall not be all that is done.
const REST: u32 = 20;
const SHORTEST_REST: Duration = Duration::from_millis(5);

/// How the service paces its work.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Time without a new image after which a study is reported, where its site does not say.
    pub quiet: Duration,
    /// When the studies of each site are reported.
    pub sites: Sites,
    /// Most images of a study that its report shows.
    pub study_images_max: u32,
    /// Reports made at a time.
    pub studies_at_once: usize,
    /// After a stop, how long the reports in hand may take; another copy or the next start makes the rest.
    pub drain_limit: Duration,
    /// Memory for the newest facts, bytes: reports made of them need not ask the log again.
    pub remember_bytes: usize,
}

/// The service without its frame.
pub struct Reporter {
    issuer: Arc<Issuer>,
    health: Health,
    pace: Pace,
}

/// The service must not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A newer release wrote to the log, or it is another one than was folded.
    #[error(transparent)]
    Halted(#[from] FoldHalt),
    /// The log is not the one that was sealed.
    #[error(transparent)]
    OtherLog(#[from] OtherLog),
}

impl Reporter {
    /// Puts the parts together; nothing runs yet.
    pub fn new(log: Log, blobs: BlobStore, previewer: Previewer, health: Health, pace: Pace) -> Self {
        health.wait_for(CAUGHT_UP, "reading the event log");
        let facts = Facts::new(log.clone(), pace.remember_bytes);
        Self {
            issuer: Arc::new(Issuer {
                log,
                facts,
                blobs,
                previewer,
                patient_headers: PatientHeaders::default(),
            }),
            health,
            pace,
        }
    }

    /// Issues reports until `shutdown`. Waits whenever the log or the storage is away.
    ///
    /// # Errors
    /// When a newer release wrote to the log, or it is another one.
    pub async fn run(&self, shutdown: &CancellationToken) -> Result<(), RunError> {
        tokio::select! {
            outcome = self.work(shutdown) => outcome,
            never = watch(&self.issuer.log, &self.issuer.blobs, &self.health) => match never {},
        }
    }

    async fn work(&self, shutdown: &CancellationToken) -> Result<(), RunError> {
        let log = &self.issuer.log;
        // Old studies must not be looked at before all that was said of them is known.
        if !log.wait_until_trusted(shutdown, self.issuer.blobs.record_reader(SEAL_RECORD)).await? {
            return Ok(());
        }
        let known_at_start = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            seq = newest_position(log, shutdown) => seq,
        };
        let mut report_loop = ReportLoop::new(self.issuer.clone(), self.pace.clone(), self.health.clone());
        report_loop.caught_up = known_at_start == 0;
        loop {
            if report_loop.next_look().is_some_and(|at| at <= Instant::now()) {
                self.health.holds(CAUGHT_UP);
                if let Some(now) = log.clock().now() {
                    report_loop.look(now);
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = report_loop.turn() => {}
            }
            if let Some(error) = report_loop.halted.take() {
                return Err(error);
            }
            report_loop.caught_up |= report_loop.fold.last_seq() >= known_at_start;
            if !report_loop.caught_up {
                self.health.progress(CAUGHT_UP, FOLDING, report_loop.fold.last_seq(), known_at_start);
            }
        }
        report_loop.drain(self.pace.drain_limit).await;
        Ok(())
    }
}

/// Position of the newest message, asked for until the log answers; the server's time is known from then on.
async fn newest_position(log: &Log, shutdown: &CancellationToken) -> u64 {
    loop {
        log.wait_until_usable(shutdown).await;
        if let (Ok(position), Ok(_)) = (log.position().await, log.server_time().await) {
            return position.last_seq;
        }
    }
}

/// What the loop keeps.
struct ReportLoop {
    issuer: Arc<Issuer>,
    health: Health,
    pace: Pace,
    rules: Rules,
    fold: Fold<State>,
    caught_up: bool,
    halted: Option<RunError>,
    making: JoinSet<Result<Issued, IssueError>>,
    in_hand: HashMap<Id, (Due, Instant)>,
    /// Revisions that are issued and not yet folded.
    ahead: HashMap<StudyId, u32>,
    setbacks: Setbacks,
    /// Whether anything came since the last look at the open studies.
    news: bool,
    /// When looking makes sense even if nothing comes.
    wake_at: Option<Instant>,
    /// Not before this.
    rested_at: Instant,
}

impl ReportLoop {
    fn new(issuer: Arc<Issuer>, pace: Pace, health: Health) -> Self {
        let state = State::bounded(pace.study_images_max);
        Self {
            fold: Fold::new(&issuer.log, PositionedState::at(0, state)),
            issuer,
            health,
            rules: Rules::new(pace.quiet, pace.sites.clone()),
            pace,
            caught_up: false,
            halted: None,
            making: JoinSet::new(),
            in_hand: HashMap::new(),
            ahead: HashMap::new(),
            setbacks: Setbacks::default(),
            news: true,
            wake_at: None,
            rested_at: Instant::now(),
        }
    }

    /// Waits for whatever comes first and deals with it. Cancel safe.
    async fn turn(&mut self) {
        let next_look = self.next_look();
        let look = tokio::time::sleep_until(next_look.unwrap_or_else(Instant::now).into());
        tokio::select! {
            folded = self.fold.next_batch(BATCH) => match folded {
                Ok(messages) => self.note(messages),
                Err(halt) => self.halted = Some(halt.into()),
            },
            Some(made) = self.making.join_next_with_id() => self.settle(made),
            () = look, if next_look.is_some() => return,
        }
        self.news = true;
        self.health.note(STUCK, self.setbacks.stuck_note());
        metrics::gauge!("hilum_report_studies_open").set(self.fold.state().open_studies() as f64);
        metrics::gauge!("hilum_report_stuck").set(self.setbacks.stuck() as f64);
    }

    /// Notes what was folded: which reports are issued, and the facts of which the next ones may be made.
    fn note(&mut self, messages: Vec<Recorded>) {
        for message in messages {
            if let Some(Event::ReportIssued(e)) = message.envelope().map(|envelope| &envelope.event) {
                self.ahead.retain(|study_id, revision| *study_id != e.study_id || *revision > e.revision);
                self.setbacks.clear(e.study_id);
            }
            self.issuer.facts.take(message);
        }
    }

    /// When to look at the open studies next.
    fn next_look(&self) -> Option<Instant> {
        let wanted_at = if self.news { Some(self.rested_at) } else { self.wake_at };
        wanted_at.filter(|_| self.caught_up).map(|at| at.max(self.rested_at))
    }

    /// Looks at the open studies and starts what is due.
    fn look(&mut self, now: Timestamp) {
        let begun = Instant::now();
        self.start_due(now);
        self.news = false;
        self.wake_at = self.wake_in(now).map(|wait| begun + wait);
        self.rested_at = begun + (begun.elapsed() * REST).max(SHORTEST_REST);
    }

    fn start_due(&mut self, now: Timestamp) {
        for due in decide(self.fold.state(), now, &self.rules) {
            if self.making.len() >= self.pace.studies_at_once {
                return;
            }
            let study_id = due.study_id;
            let in_hand = self.in_hand.values().any(|(other, _)| other.study_id == study_id);
            let ahead = self.ahead.get(&study_id).is_some_and(|revision| *revision >= due.revision);
            if in_hand || ahead || self.setbacks.hold_back(study_id, now) {
                continue;
            }
            let Some(brief) = self.fold.state().brief(&due, &self.rules) else { continue };
            let issuer = self.issuer.clone();
            let try_number = self.setbacks.failures(study_id) + 1;
            let task = self.making.spawn(async move { issuer.issue(&brief, try_number).await });
            self.in_hand.insert(task.id(), (due, Instant::now()));
        }
    }

    fn settle(&mut self, made: Result<(Id, Result<Issued, IssueError>), JoinError>) {
        let (id, outcome) = match made {
            Ok((id, outcome)) => (id, outcome.map_err(|error| (with_causes(&error), error.kind()))),
            Err(error) => (error.id(), Err((error.to_string(), SetbackKind::Stuck))),
        };
        let Some((due, begun)) = self.in_hand.remove(&id) else { return };
        let study_id = due.study_id;
        match outcome {
            Ok(issued) => {
                if self.fold.state().revision(study_id) < due.revision {
                    self.ahead.insert(study_id, due.revision);
                }
                self.setbacks.clear(study_id);
                if issued == Issued::Here {
                    metrics::counter!("hilum_reports_total", "cause" => due.cause_word()).increment(1);
                    metrics::histogram!("hilum_report_seconds").record(begun.elapsed());
                }
            }
            Err((said, kind)) => {
                let Some(now) = self.issuer.log.clock().now() else { return };
                if !self.setbacks.note(study_id, said.clone(), kind, now) {
                    return;
                }
                match kind {
                    SetbackKind::Transient => {
                        tracing::warn!(%study_id, reason = said, "report will be tried again")
                    }
                    SetbackKind::Stuck => {
                        tracing::error!(%study_id, reason = said, "report is stuck; somebody has to look")
                    }
                }
            }
        }
    }

    /// How long nothing happens by itself.
    fn wake_in(&self, now: Timestamp) -> Option<Duration> {
        let waits_end = self.fold.state().next_due_at(now, &self.rules);
        let wake_at = waits_end.into_iter().chain(self.setbacks.next_end(now)).min()?;
        // A millisecond more, so that it is over when we look.
        Some(Duration::try_from(wake_at.duration_since(now)).ok()? + Duration::from_millis(1))
    }

    async fn drain(mut self, limit: Duration) {
        let in_hand = async { while self.making.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, in_hand).await.is_err() {
            tracing::warn!(
                "left reports undone that were not done in time; they are made after the next start"
            );
        }
    }
}
