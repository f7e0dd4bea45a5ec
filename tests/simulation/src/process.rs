//! The processes: the real services, each copy with a log, a memory and messages in hand of its own, which all are gone when
//! it ends.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::future::BoxFuture;
use hilum_causes::causes;
use hilum_dedupe::Dedupe;
use hilum_deliver::{TargetWorker, Triage};
use hilum_events::{BlobRef, ReaderIdentity, Sha256Digest};
use hilum_log::{
    AppendError, Follower, Handle, Handout, Log, Recorded, Reply, TicketSubject, WorkConfig, Worker,
    declared_consumer,
};
use hilum_models::ModelIdentity;
use hilum_report::Studies;
use hilum_sites::Sites;
use hilum_sweep::{Action, Discrepancy, Limits, Memory as SweepMemory, Sweeper};
use jiff::{SignedDuration, Timestamp};

use crate::memory::{Delivered, StreamName, lane_name};
use crate::outside::{Reader, Way};
use crate::scenario::{Flaw, Scenario};
use crate::server::{BEGIN, Shared, Wait, World};

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Claims contents.
    Dedupe,
    /// Reads images.
    Infer,
    /// Flags studies.
    Triage,
    /// Delivers to the target with this number.
    TargetWorker(usize),
    /// Reports studies.
    Report,
    /// Looks for what was lost.
    Sweep,
}

/// A process that was started, perhaps more than once.
pub(crate) struct Process {
    /// What it is.
    pub(crate) role: Role,
    /// Its name, for people.
    pub(crate) name: String,
    /// How often it was started.
    pub(crate) starts: u32,
    /// It does nothing before this.
    pub(crate) still_until: Timestamp,
    /// What it does.
    pub(crate) body: Body,
}

/// What a process does.
#[expect(clippy::large_enum_variant, reason = "there is one for each process of a scenario")]
pub(crate) enum Body {
    /// It has ended.
    Dead,
    /// It takes messages.
    Works(Works),
    /// It reports.
    Reports(Reports),
    /// It sweeps.
    Sweeps(Sweeps),
}

/// A future and what it waits for.
pub(crate) struct Task<T> {
    future: BoxFuture<'static, T>,
    wait: Wait,
    polled_at: u64,
}

impl<T> Task<T> {
    /// Has not begun.
    pub(crate) fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        let wait = Wait { until: BEGIN, for_news: false };
        Self { future: Box::pin(future), wait, polled_at: 0 }
    }

    /// Whether polling it may lead anywhere.
    pub(crate) fn is_ready(&self, world: &World) -> bool {
        self.wait.until <= world.now || (self.wait.for_news && self.polled_at != world.news)
    }

    /// Waits for something in its own process only.
    fn waits_for_others(&self) -> bool {
        self.wait == Wait::NOTHING
    }

    /// When it is ready, if it waits for a time.
    pub(crate) fn ready_at(&self) -> Timestamp {
        self.wait.until
    }

    /// One step.
    pub(crate) fn poll(&mut self, shared: &Shared) -> Option<T> {
        {
            let mut world = shared.lock();
            world.wait = Wait::NOTHING;
            self.polled_at = world.news;
        }
        match Pin::new(&mut self.future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => {
                self.wait = shared.lock().wait;
                None
            }
        }
    }
}

type Settle = Arc<dyn Fn(String, Handout, u64) -> BoxFuture<'static, Reply> + Send + Sync>;

/// A worker: what it has in hand.
pub(crate) struct Works {
    /// The consumers that it takes from, by their names on the server.
    pub(crate) consumers: Vec<String>,
    hands: usize,
    settle: Settle,
    in_hand: Vec<InHand>,
    /// The server had nothing for it then.
    idle_at: u64,
    ended: u64,
}

struct InHand {
    consumer: String,
    seq: u64,
    task: Task<Reply>,
    /// What is to be answered, once that is known.
    reply: Option<Reply>,
    /// Of those of its process that ended, when it was polled.
    ended: u64,
}

/// A copy of the report service.
pub(crate) struct Reports {
    log: Log,
    studies: Studies,
    facts: Vec<Recorded>,
    reading: Task<(Follower, Recorded)>,
    making: Option<Task<Result<(), AppendError>>>,
    /// It looks for what is due once it has read so far.
    known_at_start: u64,
    not_before: Timestamp,
    looked_at: (u64, Timestamp),
    /// When something is due next, as it was when it looked or read last.
    due_at: Timestamp,
    clock_ahead: SignedDuration,
}

/// A copy of the sweep.
pub(crate) struct Sweeps {
    log: Log,
    sweeper: Option<Sweeper>,
    look: Option<Task<(Sweeper, Option<Vec<Discrepancy>>)>>,
    /// When it looks again.
    pub(crate) next_at: Timestamp,
    every: SignedDuration,
    /// What it found last, when it came to an end.
    pub(crate) found: Option<Vec<Discrepancy>>,
    /// How often it has looked to the end.
    pub(crate) looks: u32,
}

/// What a step led to.
pub(crate) enum Stepped {
    /// Nothing to speak of.
    On,
    /// The process must not go on.
    Stopped(String),
}

/// Said of a reader that did not stand at a hole.
pub(crate) const PASSED_BY: &str = "it passed by position";
/// How long the sweep waits until it takes something for lost.
pub(crate) const SWEEP_AFTER: SignedDuration = SignedDuration::from_secs(120);

impl Process {
    /// A process that was not started yet.
    pub(crate) fn new(role: Role, name: String) -> Self {
        Self { role, name, starts: 0, still_until: BEGIN, body: Body::Dead }
    }

    /// Starts it, with nothing in its memory.
    pub(crate) fn start(&mut self, shared: &Shared, scenario: &Scenario) {
        self.starts += 1;
        let log = Log::kept_by(Arc::new(shared.clone()));
        let by = (self.name.clone(), self.starts);
        self.body = match self.role {
            Role::Dedupe => {
                let handler = Dedupe::new(log.clone(), reader(), model().reading_key().as_str().to_owned());
                let consumers = vec!["dedupe".to_owned(), "dedupe-retry".to_owned()];
                Body::Works(Works::new(&log, handler, consumers, 3))
            }
            Role::Infer => {
                let contents = scenario.contents.clone();
                let handler = Reader { log: log.clone(), shared: shared.clone(), contents };
                let of = |consumer: &str| {
                    let lanes = scenario.lanes(consumer).into_iter().map(|lane| lane_name(consumer, lane));
                    [consumer.to_owned()].into_iter().chain(lanes).collect::<Vec<_>>()
                };
                let mut consumers = of("infer-stat");
                consumers.extend(of("infer-routine"));
                consumers.extend(["infer-stat-retry".to_owned(), "infer-routine-retry".to_owned()]);
                Body::Works(Works::new(&log, handler, consumers, 3))
            }
            Role::Triage => {
                let handler = Triage::new(log.clone(), scenario.rules.clone());
                let consumers = vec!["deliver-triage".to_owned(), "deliver-triage-retry".to_owned()];
                // As the real one: only the log can fail it.
                Body::Works(Works::new(&log, handler, consumers, 10))
            }
            Role::TargetWorker(number) => {
                let (target, temper) = &scenario.targets[number];
                let name = target.name.to_string();
                let way = Way { shared: shared.clone(), target: name.clone(), temper: *temper, by };
                let handler = TargetWorker::new(log.clone(), Arc::new(target.clone()), way);
                let consumers = vec![format!("deliver-{name}"), format!("deliver-{name}-retry")];
                Body::Works(Works::new(&log, handler, consumers, target.tries))
            }
            Role::Report => Body::Reports(Reports::new(log, shared, scenario)),
            Role::Sweep => Body::Sweeps(Sweeps::new(log, shared, scenario)),
        };
    }

    /// Ends it, with all that it has in hand.
    pub(crate) fn kill(&mut self, until: Timestamp) {
        self.body = Body::Dead;
        self.still_until = until;
    }

    /// Whether a step may lead anywhere.
    pub(crate) fn is_ready(&mut self, world: &mut World) -> bool {
        if world.now < self.still_until {
            return false;
        }
        match &mut self.body {
            Body::Dead => true,
            Body::Works(works) => works.is_ready(world),
            Body::Reports(reports) => reports.is_ready(world),
            Body::Sweeps(sweeps) => sweeps.is_ready(world),
        }
    }

    /// When it is ready, if nothing happens until then.
    pub(crate) fn ready_at(&self) -> Timestamp {
        let at = match &self.body {
            Body::Dead => self.still_until,
            Body::Works(works) => {
                works.in_hand.iter().map(|it| it.task.ready_at()).min().unwrap_or(Timestamp::MAX)
            }
            Body::Reports(reports) => reports.ready_at(),
            Body::Sweeps(sweeps) => sweeps.ready_at(),
        };
        at.max(self.still_until)
    }

    /// Whether it has nothing in hand.
    pub(crate) fn is_idle(&self, world: &World) -> bool {
        match &self.body {
            Body::Dead => false,
            Body::Works(works) => works.in_hand.is_empty(),
            Body::Reports(reports) => reports.is_done(world),
            Body::Sweeps(sweeps) => sweeps.look.is_none(),
        }
    }

    /// Tells the server that what it has in hand is not forgotten.
    pub(crate) fn report_progress(&self, world: &mut World) {
        let Body::Works(works) = &self.body else { return };
        let now = world.now;
        for it in &works.in_hand {
            world.memory.report_progress(&it.consumer, it.seq, now);
        }
    }
}

impl Works {
    fn new<H: Handle>(log: &Log, handler: H, consumers: Vec<String>, max_tries: usize) -> Self {
        let config = WorkConfig {
            consumers: Vec::new(),
            concurrency: 2,
            handle_limit: Duration::from_secs(60),
            max_tries,
            max_unanswered: 3,
            drain_limit: Duration::from_secs(1),
        };
        let (worker, handler) = (Arc::new(Worker::new(log, &config)), Arc::new(handler));
        let settle: Settle = Arc::new(move |consumer, handed, deliveries| {
            let (worker, handler) = (worker.clone(), handler.clone());
            Box::pin(async move { worker.settle(&*handler, &consumer, handed, deliveries).await })
        });
        Self { consumers, hands: 2, settle, in_hand: Vec::new(), idle_at: 0, ended: 0 }
    }

    fn can_go_on(&self, it: &InHand, world: &World) -> bool {
        it.reply.is_some()
            || it.task.is_ready(world)
            || (it.task.waits_for_others() && it.ended != self.ended)
    }

    fn is_ready(&mut self, world: &mut World) -> bool {
        self.may_take(world) || self.in_hand.iter().any(|it| self.can_go_on(it, world))
    }

    /// Whether there is anything for it, and a hand is free.
    fn may_take(&mut self, world: &mut World) -> bool {
        if self.in_hand.len() >= self.hands || self.idle_at == world.version || world.is_away() {
            return false;
        }
        let now = world.now;
        if self.consumers.iter().any(|consumer| world.memory.has_any(consumer, now)) {
            return true;
        }
        self.idle_at = world.version;
        false
    }

    /// Takes a message, or goes on with one.
    pub(crate) fn step(&mut self, shared: &Shared, flaw: Flaw) -> Stepped {
        let (ready, takes) = {
            let mut world = shared.lock();
            let ready: Vec<usize> = (0..self.in_hand.len())
                .filter(|index| self.can_go_on(&self.in_hand[*index], &world))
                .collect();
            let may_take = self.may_take(&mut world);
            let takes = may_take && (ready.is_empty() || world.random.per_mille(400));
            let ready = if ready.is_empty() { None } else { Some(*world.random.pick(&ready)) };
            (ready, takes)
        };
        match ready {
            _ if takes => self.take(shared, flaw),
            Some(index) => return self.go_on(index, shared),
            None => {}
        }
        Stepped::On
    }

    fn take(&mut self, shared: &Shared, flaw: Flaw) {
        let mut world = shared.lock();
        let first = world.random.below(self.consumers.len());
        let now = world.now;
        let delivered = (0..self.consumers.len()).find_map(|offset| {
            world.memory.pull(&self.consumers[(first + offset) % self.consumers.len()], now)
        });
        let Some(Delivered { consumer, message, deliveries }) = delivered else {
            self.idle_at = world.version;
            return;
        };
        world.note(|| format!("  {consumer} hands out {} ({deliveries})", message.seq));
        if flaw == Flaw::EarlyAck {
            world.memory.acknowledge(&consumer, message.seq);
        }
        drop(world);
        let declared = declared(&consumer, &message.subject);
        let handed = match message.fact() {
            Some(fact) => Handout::Fact(fact.clone()),
            None => Handout::Ticket(message.payload.clone()),
        };
        let task = Task::new((self.settle)(declared, handed, deliveries));
        self.in_hand.push(InHand { consumer, seq: message.seq, task, reply: None, ended: self.ended });
    }

    fn go_on(&mut self, index: usize, shared: &Shared) -> Stepped {
        let ended = self.ended;
        let it = &mut self.in_hand[index];
        let Some(reply) = it.reply.take() else {
            it.ended = ended;
            it.reply = it.task.poll(shared);
            return Stepped::On;
        };
        let InHand { consumer, seq, .. } = self.in_hand.swap_remove(index);
        self.ended += 1;
        // So that what waits for it is polled, and a message is taken in its place.
        self.idle_at = 0;
        let mut world = shared.lock();
        let is_heard = !world.is_away() && !world.loses();
        let now = world.now;
        world.note(|| format!("  {consumer} {seq}: {reply:?}{}", if is_heard { "" } else { ", unheard" }));
        match reply {
            Reply::Acknowledge if is_heard => world.memory.acknowledge(&consumer, seq),
            Reply::Terminate if is_heard => world.memory.terminate(&consumer, seq, now),
            Reply::Stop(why) => {
                return Stepped::Stopped(format!("{consumer} {seq}: {}", causes(&*why).join(": ")));
            }
            _ => {}
        }
        Stepped::On
    }
}

impl Reports {
    fn new(log: Log, shared: &Shared, scenario: &Scenario) -> Self {
        let follower = log.follow(0, &[]);
        let quiet = Duration::try_from(scenario.quiet).unwrap_or_default();
        let mut world = shared.lock();
        let clock_ahead = match scenario.flaw {
            Flaw::OwnClock => SignedDuration::from_secs(world.random.between(0, 20)),
            _ => SignedDuration::ZERO,
        };
        Self {
            log,
            studies: Studies::new(quiet, Sites::default()),
            facts: Vec::new(),
            reading: Task::new(read(follower)),
            making: None,
            known_at_start: world.memory.last_seq(StreamName::Events),
            not_before: BEGIN,
            looked_at: (u64::MAX, BEGIN),
            due_at: Timestamp::MAX,
            clock_ahead,
        }
    }

    fn seen_seq(&self) -> u64 {
        self.facts.len() as u64
    }

    fn has_to_look(&self, world: &World) -> bool {
        let is_free = self.making.is_none() && world.now >= self.not_before;
        is_free && self.seen_seq() >= self.known_at_start && self.looked_at != (self.seen_seq(), world.now)
    }

    fn note_next_due(&mut self) {
        let at = self.studies.next_due_at(self.looked_at.1 + self.clock_ahead);
        self.due_at = at.and_then(|at| at.checked_sub(self.clock_ahead).ok()).unwrap_or(Timestamp::MAX);
    }

    fn is_ready(&self, world: &World) -> bool {
        let looks = self.has_to_look(world)
            && (self.looked_at.0 != self.seen_seq() || world.now >= self.due_at.max(self.not_before));
        looks
            || self.reading.is_ready(world)
            || self.making.as_ref().is_some_and(|making| making.is_ready(world))
    }

    fn ready_at(&self) -> Timestamp {
        let making = self.making.as_ref().map_or(Timestamp::MAX, Task::ready_at);
        let looks = match &self.making {
            None if self.not_before > self.looked_at.1 => self.not_before,
            None => self.due_at,
            Some(_) => Timestamp::MAX,
        };
        self.reading.ready_at().min(making).min(looks)
    }

    fn is_done(&self, world: &World) -> bool {
        self.making.is_none()
            && self.seen_seq() == world.memory.last_seq(StreamName::Events)
            && self.looked_at.0 == self.seen_seq()
            && self.not_before <= world.now
            && self.due_at > world.now
            && self.studies.due(world.now).is_empty()
    }

    /// Whether a report is to come.
    pub(crate) fn awaits_something(&self) -> bool {
        self.studies.open_studies() > 0
    }

    /// Reads a fact, looks what is due, or goes on with a report.
    pub(crate) fn step(&mut self, shared: &Shared) -> Stepped {
        let choice = {
            let mut world = shared.lock();
            let makes = self.making.as_ref().is_some_and(|making| making.is_ready(&world));
            let reads = self.reading.is_ready(&world);
            let looks = self.has_to_look(&world);
            let among: Vec<u8> = [(makes, 0), (reads, 1), (reads, 1), (looks, 2)]
                .into_iter()
                .filter_map(|(is, it)| is.then_some(it))
                .collect();
            if among.is_empty() {
                return Stepped::On;
            }
            *world.random.pick(&among)
        };
        match choice {
            0 => return self.make(shared),
            1 => {
                // Readers read on; that others act in between is seen often enough.
                let polls = shared.lock().random.between(1, 40);
                return self.read_on(polls, shared);
            }
            _ => self.look(shared),
        }
        Stepped::On
    }

    fn read_on(&mut self, polls: i64, shared: &Shared) -> Stepped {
        for _ in 0..polls {
            if let Some((follower, recorded)) = self.reading.poll(shared) {
                if recorded.seq != self.seen_seq() + 1 {
                    return Stepped::Stopped(format!("{PASSED_BY} {}", self.seen_seq() + 1));
                }
                if let Err(halt) = self.studies.fold(&recorded) {
                    return Stepped::Stopped(causes(&halt).join(": "));
                }
                self.note_next_due();
                self.facts.push(recorded);
                self.reading = Task::new(read(follower));
            } else if !self.reading.is_ready(&shared.lock()) {
                break;
            }
        }
        Stepped::On
    }

    fn make(&mut self, shared: &Shared) -> Stepped {
        let Some(making) = &mut self.making else { return Stepped::On };
        let Some(made) = making.poll(shared) else { return Stepped::On };
        self.making = None;
        self.looked_at.0 = u64::MAX;
        match made {
            Ok(()) | Err(AppendError::Taken(_)) => Stepped::On,
            Err(error) if error.passes() => {
                self.not_before = shared.lock().now + SignedDuration::from_secs(1);
                Stepped::On
            }
            Err(error) => Stepped::Stopped(error.to_string()),
        }
    }

    fn look(&mut self, shared: &Shared) {
        let now = shared.lock().now;
        self.looked_at = (self.seen_seq(), now);
        self.note_next_due();
        let due = self.studies.due(now + self.clock_ahead);
        let Some(wanted) = due.first() else { return };
        let facts: Vec<Recorded> = wanted
            .needed()
            .into_iter()
            .filter_map(|seq| self.facts.get(usize::try_from(seq).ok()? - 1).cloned())
            .collect();
        let mut world = shared.lock();
        // After a restore the same cause may lead to another reading.
        let epoch = world.memory.epoch;
        let outside = &mut world.outside;
        let made = wanted.make(facts, |report| {
            let (study_id, cause) = (report.study_id, report.provenance.cause_event_id);
            let name = format!("{study_id}/{}/{cause}/{epoch}", report.revision);
            let sha256 = Sha256Digest::of(name.as_bytes());
            match outside.documents.get(&sha256) {
                Some(before) if before != report => outside.unequal.push(name),
                _ => drop(outside.documents.insert(sha256, report.clone())),
            }
            BlobRef { key: String::new(), sha256, size_bytes: 1 }
        });
        let (_, told) = match made {
            Ok(made) => made,
            Err(error) => {
                outside.unequal.push(format!("a report can't be made: {error}"));
                return;
            }
        };
        let log = self.log.clone();
        self.making = Some(Task::new(async move { log.append(&told).await.map(drop) }));
    }
}

async fn read(mut follower: Follower) -> (Follower, Recorded) {
    let recorded = follower.next().await;
    (follower, recorded)
}

impl Sweeps {
    fn new(log: Log, shared: &Shared, scenario: &Scenario) -> Self {
        let limits = Limits { after: SWEEP_AFTER, quiet: scenario.quiet };
        let every =
            if scenario.sweeps { SignedDuration::from_secs(45) } else { SignedDuration::from_hours(10_000) };
        Self {
            sweeper: Some(Sweeper::new(log.clone(), limits, SweepMemory::OfManyLooks)),
            log,
            look: None,
            next_at: shared.lock().now + every,
            every,
            found: None,
            looks: 0,
        }
    }

    fn is_ready(&self, world: &World) -> bool {
        match &self.look {
            Some(look) => look.is_ready(world),
            None => world.now >= self.next_at,
        }
    }

    fn ready_at(&self) -> Timestamp {
        self.look.as_ref().map_or(self.next_at, Task::ready_at)
    }

    /// Begins a look or goes on with it.
    pub(crate) fn step(&mut self, shared: &Shared) -> Stepped {
        let Some(look) = &mut self.look else {
            if let Some(sweeper) = self.sweeper.take() {
                self.look = Some(Task::new(sweep(sweeper, self.log.clone(), shared.clone())));
            }
            return Stepped::On;
        };
        let polls = shared.lock().random.between(1, 60);
        let mut done = None;
        for _ in 0..polls {
            done = look.poll(shared);
            if done.is_some() || !look.is_ready(&shared.lock()) {
                break;
            }
        }
        let Some((sweeper, found)) = done else { return Stepped::On };
        (self.sweeper, self.look) = (Some(sweeper), None);
        self.next_at = shared.lock().now + self.every;
        self.looks += u32::from(found.is_some());
        self.found = found;
        Stepped::On
    }
}

/// Looks and does what is found, as the real loop does; `None` when the log was away.
async fn sweep(mut sweeper: Sweeper, log: Log, shared: Shared) -> (Sweeper, Option<Vec<Discrepancy>>) {
    let now = shared.lock().now;
    let Ok(discrepancies) = sweeper.look(now).await else { return (sweeper, None) };
    for discrepancy in &discrepancies {
        shared.lock().note(|| format!("  sweep: {discrepancy:?}"));
        if discrepancy.action != Action::Name {
            if hilum_sweep::act_on_log(&log, discrepancy).await.is_err() {
                return (sweeper, None);
            }
            sweeper.note_done(discrepancy, now);
        }
    }
    (sweeper, Some(discrepancies))
}

/// The consumer as declared, of a lane or of the ticket that brings a message again.
fn declared(consumer: &str, subject: &str) -> String {
    TicketSubject::parse(subject).map_or(declared_consumer(consumer), |ticket| ticket.consumer).to_owned()
}

/// Who reads: of one release, with one set of header rules.
fn reader() -> ReaderIdentity {
    ReaderIdentity {
        release: "1.0.0".to_owned(),
        model: (&model()).try_into().expect("the model has a name"),
        rules_sha256: Sha256Digest::of(b"rules"),
    }
}

fn model() -> ModelIdentity {
    ModelIdentity {
        name: "densenet121-demo".to_owned(),
        version: "1".to_owned(),
        weights_sha256: "0".repeat(64),
        preprocessing_id: "xrv-skimage-224-1".to_owned(),
        architecture: "densenet121".to_owned(),
        trained: false,
    }
}
