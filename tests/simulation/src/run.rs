//! One scenario from its begin until nothing is left to do: step by step, whose turn it is drawn from the seed, time moving
//! on only when nobody can. What is wrong at the end is told by `judge`.

use std::sync::LazyLock;

use hilum_deliver::Triage;
use hilum_events::{
    DeadLetterResolved, DeliveryResolved, Event, ImageStored, ImageTakenOut, JobId, Resolution,
    all_flags_filter, all_reports_filter, delivery_resolutions_filter, in_lane,
};
use hilum_log::{ConsumerDefinition, Log, definitions, due_tickets_filter};
use hilum_sweep::{Action, Discrepancy, Kind};
use jiff::{SignedDuration, Timestamp};

use crate::judge::{Evidence, Violation, judge};
use crate::memory::{ConsumerConfig, StreamName, lane_name};
use crate::process::{Body, PASSED_BY, Process, Role, Stepped, Sweeps, Task};
use crate::scenario::{Fault, Flaw, Scenario, Upload, job_id};
use crate::server::{BEGIN, Shared, World};

/// More than any scenario needs.
const STEPS_MAX: u32 = 60_000;
/// Looks of the sweep at the end, until it must have mended everything.
const LAST_LOOKS: u32 = 12;
/// Longer than the sweep waits for anything.
const LONG: SignedDuration = SignedDuration::from_secs(500);
/// So long all goes on after a fact was lost.
const AFTER_HOLE: SignedDuration = SignedDuration::from_secs(60);
/// Redrives in one scenario.
const REDRIVES_MAX: u32 = 3;

/// What came of a scenario.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Which.
    pub seed: u64,
    /// What must not be; none if all is well.
    pub violations: Vec<Violation>,
    /// What happened, if that was wanted.
    pub trace: Vec<String>,
    /// Steps taken.
    pub steps: u32,
    /// Facts in the log at the end.
    pub facts: usize,
}

struct Run {
    scenario: Scenario,
    shared: Shared,
    processes: Vec<Process>,
    /// Uploads and decisions under way.
    people: Vec<Person>,
    /// Jobs that got their 202.
    accepted: Vec<JobId>,
    next_fault: usize,
    full_until: Timestamp,
    losses_until: Timestamp,
    decided_seq: u64,
    redrives: u32,
    steps: u32,
    stopped: Vec<String>,
    has_gone_back: bool,
    /// With a hole in the log it does not come to rest, and must not: it is looked at so late.
    ends_at: Option<Timestamp>,
}

/// Somebody at a door.
struct Person {
    task: Task<Option<JobId>>,
    decides: bool,
}

/// Runs the scenario of a seed.
pub fn run(seed: u64, flaw: Flaw) -> Outcome {
    Run::new(seed, flaw, false).until_end()
}

/// Runs it and keeps what happens.
pub fn run_traced(seed: u64, flaw: Flaw) -> Outcome {
    Run::new(seed, flaw, true).until_end()
}

/// The consumers that `streams/` declares.
static DECLARED: LazyLock<Vec<(StreamName, ConsumerConfig)>> = LazyLock::new(|| {
    let mut declared = Vec::new();
    for stream in definitions() {
        let name = match stream.name.as_str() {
            "EVENTS" => StreamName::Events,
            "RETRIES" => StreamName::Retries,
            _ => continue,
        };
        for consumer in stream.consumers {
            let config = config(&consumer.name, consumer.filter_subjects);
            declared.push((name, config));
        }
    }
    declared
});

fn config(name: &str, filters: Vec<String>) -> ConsumerConfig {
    let definition = ConsumerDefinition::new(name.to_owned(), filters);
    ConsumerConfig {
        name: name.to_owned(),
        declared: name.to_owned(),
        lane: None,
        filters: definition.filter_subjects,
        ack_wait: SignedDuration::from_secs(i64::try_from(definition.ack_wait_s).unwrap_or(i64::MAX)),
        max_deliver: u64::try_from(definition.max_deliver).unwrap_or(u64::MAX),
        max_ack_pending: usize::try_from(definition.max_ack_pending).unwrap_or(usize::MAX),
    }
}

impl Run {
    fn new(seed: u64, flaw: Flaw, traced: bool) -> Self {
        let (scenario, random) = Scenario::of(seed, flaw);
        let shared = Shared::with_chance(random);
        shared.lock().ignores_conditions = flaw == Flaw::NoCondition;
        shared.lock().trace = traced.then(|| vec![format!("{scenario:#?}")]);
        let mut roles = vec![
            (Role::Dedupe, "dedupe".to_owned()),
            (Role::Infer, "infer".to_owned()),
            (Role::Report, "report".to_owned()),
        ];
        if !scenario.rules.is_empty() {
            roles.push((Role::Triage, "triage".to_owned()));
        }
        for (number, (target, _)) in scenario.targets.iter().enumerate() {
            roles.push((Role::TargetWorker(number), format!("courier of {}", target.name)));
        }
        let copies =
            |(role, name): (Role, String)| [1, 2].map(|copy| Process::new(role, format!("{name} {copy}")));
        let mut processes: Vec<Process> = roles.into_iter().flat_map(copies).collect();
        processes.push(Process::new(Role::Sweep, "sweep".to_owned()));
        let mut run = Self {
            shared,
            processes,
            people: Vec::new(),
            accepted: Vec::new(),
            next_fault: 0,
            full_until: BEGIN,
            losses_until: BEGIN,
            decided_seq: 0,
            redrives: 0,
            steps: 0,
            stopped: Vec::new(),
            has_gone_back: false,
            ends_at: None,
            scenario,
        };
        run.make_consumers(false);
        run.people = (0..)
            .zip(run.scenario.uploads.clone())
            .map(|(number, upload)| Person { task: run.upload(number, upload), decides: false })
            .collect();
        run
    }

    /// Makes the consumers that are missing.
    fn make_consumers(&self, was_lost: bool) {
        let mut world = self.shared.lock();
        let now_seq = world.memory.last_seq(StreamName::Events);
        for (stream, config) in DECLARED.iter() {
            world.memory.make_consumer(*stream, config.clone(), 0);
            for lane in self.scenario.lanes(&config.name) {
                let filters = config.filters.iter().map(|filter| in_lane(filter, lane)).collect();
                let config = ConsumerConfig {
                    name: lane_name(&config.name, lane),
                    filters,
                    lane: Some(lane),
                    ..config.clone()
                };
                world.memory.make_consumer(*stream, config, 0);
            }
        }
        let mut of_deliver = Vec::new();
        for (target, _) in &self.scenario.targets {
            let filters =
                vec![all_reports_filter(), all_flags_filter(), delivery_resolutions_filter(&target.name)];
            of_deliver.push((format!("deliver-{}", target.name), filters));
        }
        if !self.scenario.rules.is_empty() {
            of_deliver.push(("deliver-triage".to_owned(), Triage::filters()));
        }
        let begin = if was_lost && self.scenario.flaw == Flaw::ConsumerFromNow { now_seq } else { 0 };
        for (name, filters) in of_deliver {
            let retries = config(&format!("{name}-retry"), vec![due_tickets_filter(&name)]);
            world.memory.make_consumer(StreamName::Retries, retries, 0);
            world.memory.make_consumer(StreamName::Events, config(&name, filters), begin);
        }
    }

    /// A sender, who tries until the image is taken.
    fn upload(&self, number: u64, upload: Upload) -> Task<Option<JobId>> {
        let (shared, scenario) = (self.shared.clone(), self.scenario.clone());
        Task::new(async move {
            shared.sleep(SignedDuration::from_millis((upload.at_s * 1000.0) as i64)).await;
            for attempt in 0.. {
                let job_id = job_id(number * 1000 + attempt + 1);
                let log = Log::kept_by(std::sync::Arc::new(shared.clone()));
                let fact = scenario.image_stored(&upload, job_id, shared.lock().now);
                if log.append(&fact).await.is_ok() {
                    return Some(job_id);
                }
                shared.sleep(SignedDuration::from_secs(1)).await;
            }
            None
        })
    }

    fn until_end(mut self) -> Outcome {
        let mut last_looks = 0;
        while self.stopped.is_empty() {
            if self.ends_at.is_some_and(|at| at <= self.shared.lock().now) {
                break;
            }
            self.fault();
            self.operators();
            if !self.step() && !self.jump() {
                if last_looks == LAST_LOOKS || self.has_ended(last_looks) {
                    break;
                }
                last_looks += 1;
                self.look_for_the_last_time();
            }
            self.steps += 1;
            if self.steps > STEPS_MAX {
                self.stopped.push(format!("it did not come to rest within {STEPS_MAX} steps"));
            }
        }
        self.outcome(last_looks)
    }

    /// One step of whoever can take one; `false` if nobody can.
    fn step(&mut self) -> bool {
        let ready: Vec<usize> = {
            let mut world = self.shared.lock();
            let mut ready = Vec::with_capacity(16);
            for (index, process) in self.processes.iter_mut().enumerate() {
                if process.is_ready(&mut world) {
                    ready.push(index);
                }
            }
            for (index, person) in (self.processes.len()..).zip(&self.people) {
                if person.task.is_ready(&world) {
                    ready.push(index);
                }
            }
            ready
        };
        if ready.is_empty() {
            return false;
        }
        let index = {
            let mut world = self.shared.lock();
            let takes = world.random.between(0, 10);
            self.pass(&mut world, SignedDuration::from_millis(takes));
            *world.random.pick(&ready)
        };
        match index.checked_sub(self.processes.len()) {
            None => self.step_process(index),
            Some(person) => self.step_person(person),
        }
        true
    }

    fn step_process(&mut self, index: usize) {
        let process = &mut self.processes[index];
        {
            let mut world = self.shared.lock();
            let (name, starts) = (&process.name, process.starts);
            world.note(|| format!("{name} ({starts})"));
        }
        let stepped = match &mut process.body {
            Body::Dead => {
                process.start(&self.shared, &self.scenario);
                Stepped::On
            }
            Body::Works(works) => works.step(&self.shared, self.scenario.flaw),
            Body::Reports(reports) => reports.step(&self.shared),
            Body::Sweeps(sweeps) => sweeps.step(&self.shared),
        };
        if std::mem::take(&mut self.shared.lock().kill) {
            self.kill(index);
        }
        if let Stepped::Stopped(why) = stepped {
            let process = &mut self.processes[index];
            // Who has known the log of before, or meets a fact that can't be there, must stop, and is started again.
            let knows_another = self.has_gone_back && why.contains("event stream");
            let misses_a_fact = self.ends_at.is_some() && !why.contains(PASSED_BY);
            if knows_another || misses_a_fact {
                self.kill(index);
            } else {
                self.stopped.push(format!("{} stopped: {why}", process.name));
            }
        }
    }

    fn step_person(&mut self, index: usize) {
        self.shared.lock().note(|| "somebody".to_owned());
        if let Some(accepted) = self.people[index].task.poll(&self.shared) {
            drop(self.people.swap_remove(index));
            self.accepted.extend(accepted);
        }
    }

    fn kill(&mut self, index: usize) {
        let mut world = self.shared.lock();
        let until = world.now + SignedDuration::from_millis(world.random.between(100, 5000));
        let process = &mut self.processes[index];
        world.note(|| format!("! {} ends", process.name));
        process.kill(until);
    }

    /// Lets time pass; who has messages in hand says so meanwhile.
    fn pass(&self, world: &mut World, time: SignedDuration) {
        let before = world.now;
        world.now = before + time;
        if time > SignedDuration::from_secs(1) || self.steps.is_multiple_of(256) {
            for process in self.processes.iter().filter(|process| process.still_until <= before) {
                process.report_progress(world);
            }
        }
    }

    /// Moves on to when somebody can take a step; `false` if nobody ever can.
    fn jump(&mut self) -> bool {
        let mut world = self.shared.lock();
        if self.is_at_rest(&world) {
            return false;
        }
        let of_faults = self.scenario.faults.get(self.next_fault).map(|(at_s, _)| at(*at_s));
        let times = [Some(world.away_until), Some(self.full_until), Some(self.losses_until), of_faults];
        let of_server = [world.memory.next_due(), world.memory.next_redelivery()];
        let of_processes = self.processes.iter().map(Process::ready_at);
        let of_people = self.people.iter().map(|person| person.task.ready_at());
        let all = times.into_iter().chain(of_server).flatten().chain(of_processes).chain(of_people);
        let now = world.now;
        let Some(next) = all.filter(|time| *time > now && *time < Timestamp::MAX).min() else { return false };
        if next.duration_since(now) > SignedDuration::from_hours(1) {
            return false;
        }
        self.pass(&mut world, next.duration_since(now));
        let now = world.now;
        world.memory.tick(now);
        world.version += 1;
        true
    }

    /// Whether nothing more will happen by itself.
    fn is_at_rest(&self, world: &World) -> bool {
        let faults_are_over = self.next_fault == self.scenario.faults.len()
            && world.now >= world.away_until.max(self.full_until).max(self.losses_until);
        let is_at_rest = |process: &Process| {
            let waits = matches!(&process.body, Body::Reports(reports) if reports.awaits_something());
            world.now >= process.still_until && process.is_idle(world) && !waits
        };
        faults_are_over
            && self.people.is_empty()
            && world.memory.next_due().is_none()
            && self.processes.iter().all(is_at_rest)
            && world.memory.undrained().next().is_none()
    }

    /// Whether the sweep has looked and found nothing more to do.
    fn has_ended(&self, last_looks: u32) -> bool {
        let sweep = self.sweep();
        let found = sweep.and_then(|sweep| sweep.found.as_ref());
        let is_done = |discrepancy: &Discrepancy| discrepancy.action == Action::Name;
        last_looks > 1
            && found.is_some_and(|found| found.iter().all(is_done))
            && self.is_at_rest(&self.shared.lock())
    }

    fn sweep(&self) -> Option<&Sweeps> {
        self.processes.iter().find_map(|process| match &process.body {
            Body::Sweeps(sweep) => Some(sweep),
            _ => None,
        })
    }

    fn look_for_the_last_time(&mut self) {
        let mut world = self.shared.lock();
        world.note(|| "nothing is left to do: the sweep looks".to_owned());
        self.pass(&mut world, LONG);
        let now = world.now;
        world.memory.tick(now);
        world.version += 1;
        for process in &mut self.processes {
            if let Body::Sweeps(sweep) = &mut process.body {
                (sweep.next_at, sweep.found) = (now, None);
            }
        }
    }

    fn fault(&mut self) {
        let now = self.shared.lock().now;
        if self.full_until <= now {
            self.shared.lock().memory.max_facts = None;
        }
        if self.losses_until <= now {
            self.shared.lock().lost_per_mille = 0;
        }
        let Some((at_s, fault)) = self.scenario.faults.get(self.next_fault).cloned() else { return };
        if at(at_s) > now {
            return;
        }
        self.next_fault += 1;
        self.shared.lock().note(|| format!("! {fault:?}"));
        let seconds = |seconds: u32| SignedDuration::from_secs(i64::from(seconds));
        match fault {
            Fault::Crash { process } => self.kill(process % self.processes.len()),
            Fault::Stall { process, seconds: time } => {
                let index = process % self.processes.len();
                self.processes[index].still_until = now + seconds(time);
            }
            Fault::Outage { seconds: time } => {
                let mut world = self.shared.lock();
                world.away_until = now + seconds(time);
                world.connections += 1;
            }
            Fault::Full { seconds: time } => {
                let mut world = self.shared.lock();
                let facts = world.memory.messages(StreamName::Events).count();
                world.memory.max_facts = Some(facts);
                self.full_until = now + seconds(time);
            }
            Fault::Losses { seconds: time, per_mille } => {
                self.shared.lock().lost_per_mille = per_mille;
                self.losses_until = now + seconds(time);
            }
            Fault::HandedOutTwice => self.hand_out_twice(),
            Fault::LostConsumer { which } => {
                {
                    let mut world = self.shared.lock();
                    let of_events = world.memory.positions().len();
                    let name = world.memory.name_of(which % of_events);
                    world.memory.drop_consumer(&name);
                }
                self.make_consumers(true);
            }
            Fault::Hole => self.lose_a_fact(),
            Fault::Restore { percent } => self.restore(percent),
        }
        let mut world = self.shared.lock();
        world.version += 1;
        world.news += 1;
    }

    fn hand_out_twice(&self) {
        let mut world = self.shared.lock();
        let in_hand = world.memory.in_hand();
        if !in_hand.is_empty() {
            let (consumer, seq) = world.random.pick(&in_hand).clone();
            let now = world.now;
            world.memory.hand_back(&consumer, seq, now);
        }
    }

    fn lose_a_fact(&mut self) {
        let mut world = self.shared.lock();
        let last_seq = world.memory.last_seq(StreamName::Events);
        if last_seq > 1 {
            // What is lost at the end is another story: that of a log that is shorter than it was.
            let seq = 1 + world.random.below(usize::try_from(last_seq).unwrap_or(1) - 1) as u64;
            world.memory.lose(StreamName::Events, seq);
            self.ends_at = Some(world.now + AFTER_HOLE);
        }
    }

    fn restore(&mut self, percent: usize) {
        {
            let mut world = self.shared.lock();
            let left = world.memory.last_seq(StreamName::Events) * percent as u64 / 100;
            world.memory.restore(left);
            world.connections += 1;
        }
        self.has_gone_back = true;
        for index in 0..self.processes.len() {
            self.kill(index);
        }
        // The door, too: who was about to decide there on what stood in the log before has no answer.
        self.people.retain(|person| !person.decides);
        self.make_consumers(true);
        self.decided_seq = self.decided_seq.min(self.shared.lock().memory.last_seq(StreamName::Events));
    }

    /// Operators see what was given up, and decide about some of it; some images they take out of their studies again.
    fn operators(&mut self) {
        let mut decisions = Vec::new();
        {
            let mut world = self.shared.lock();
            while let Some(message) = world.memory.next(StreamName::Events, self.decided_seq, &[]) {
                let message_seq = message.seq;
                self.decided_seq = message_seq;
                let Some(envelope) = message.fact().and_then(|fact| fact.envelope()) else { continue };
                let envelope = envelope.clone();
                let mut chance = |percent| percent > 0 && world.random.below(100) < percent;
                let event = match &envelope.event {
                    Event::ImageStored(e) if chance(self.scenario.takes_out) => taken_out(e),
                    Event::JobDeadLettered(_) | Event::DeliveryFailed(_) => {
                        let redrives = chance(self.scenario.redrives);
                        let resolution = match redrives && self.redrives < REDRIVES_MAX {
                            true => Resolution::Redrive,
                            false if world.random.per_mille(500) => Resolution::Discard,
                            false => continue,
                        };
                        self.redrives += u32::from(resolution == Resolution::Redrive);
                        match decided(&envelope.event, resolution) {
                            Some(event) => event,
                            None => continue,
                        }
                    }
                    _ => continue,
                };
                let waits = SignedDuration::from_millis(world.random.between(100, 20_000));
                decisions.push((message_seq, envelope, event, waits));
            }
        }
        for (seq, about, event, waits) in decisions {
            let shared = self.shared.clone();
            let task = Task::new(async move {
                shared.sleep(waits).await;
                let log = Log::kept_by(std::sync::Arc::new(shared.clone()));
                // What was decided about is what stands there, as for the API.
                let found = loop {
                    match log.at(seq).await {
                        Ok(found) => break found?,
                        Err(_) => shared.sleep(SignedDuration::from_secs(1)).await,
                    }
                };
                if found.envelope() != Some(&about) {
                    return None;
                }
                let fact = about.next(shared.lock().now, event);
                while log.append(&fact).await.is_err_and(|error| error.passes()) {
                    shared.sleep(SignedDuration::from_secs(1)).await;
                }
                None
            });
            self.people.push(Person { task, decides: true });
        }
    }

    fn outcome(mut self, last_looks: u32) -> Outcome {
        let restless = |what: String| Violation { invariant: "I8", what };
        let mut violations: Vec<Violation> =
            std::mem::take(&mut self.stopped).into_iter().map(restless).collect();
        if self.ends_at.is_some() {
            // Much is open; that nobody passed by what is lost is seen on the way.
            let trace = self.shared.lock().trace.take().unwrap_or_default();
            return Outcome { seed: self.scenario.seed, violations, trace, steps: self.steps, facts: 0 };
        }
        if violations.is_empty() {
            if !self.is_at_rest(&self.shared.lock()) {
                violations.push(restless(self.who_is_not_at_rest()));
            }
            let named = self.sweep().and_then(|sweep| sweep.found.clone()).unwrap_or_default();
            // What a ticket names is gone with what the older copy lacks: to be said, and no more can be done.
            let is_gone = |discrepancy: &Discrepancy| {
                self.has_gone_back && discrepancy.kind == Kind::AdvisoryWithoutDeadLetter
            };
            for discrepancy in named.into_iter().filter(|discrepancy| !is_gone(discrepancy)) {
                violations.push(restless(format!(
                    "after {last_looks} looks the sweep still finds: {discrepancy:?}"
                )));
            }
        }
        let mut world = self.shared.lock();
        violations.extend(judge(&Evidence {
            scenario: &self.scenario,
            memory: &world.memory,
            outside: &world.outside,
            accepted: &self.accepted,
            has_gone_back: self.has_gone_back,
        }));
        let facts = world.memory.messages(StreamName::Events).count();
        let trace = world.trace.take().unwrap_or_default();
        Outcome { seed: self.scenario.seed, violations, trace, steps: self.steps, facts }
    }

    fn who_is_not_at_rest(&self) -> String {
        let world = self.shared.lock();
        let idle = |process: &&Process| !process.is_idle(&world);
        let names: Vec<&str> =
            self.processes.iter().filter(idle).map(|process| process.name.as_str()).collect();
        let full: Vec<&str> = world.memory.undrained().collect();
        let reports = self.processes.iter().filter_map(|process| match &process.body {
            Body::Reports(reports) => Some(reports.awaits_something()),
            _ => None,
        });
        let reports: Vec<bool> = reports.collect();
        let (people, due) = (self.people.len(), world.memory.next_due());
        format!(
            "no rest: busy {names:?}, queues {full:?}, reports {reports:?}, people {people}, tickets {due:?}"
        )
    }
}

fn at(seconds: f64) -> Timestamp {
    BEGIN + SignedDuration::from_millis((seconds * 1000.0) as i64)
}

/// An operator takes this image out of its study, as the API has it.
fn taken_out(image: &ImageStored) -> Event {
    let (by, why) = ("operator".to_owned(), "simulated".to_owned());
    Event::ImageTakenOut(ImageTakenOut { job_id: image.job_id, study_id: image.study_id, by, why })
}

/// What an operator's decision about what was given up becomes, as the API has it.
fn decided(letter: &Event, resolution: Resolution) -> Option<Event> {
    let (by, why) = ("operator".to_owned(), "simulated".to_owned());
    match letter {
        Event::JobDeadLettered(given_up) => Some(Event::DeadLetterResolved(DeadLetterResolved {
            job_id: given_up.job_id,
            reading_id: given_up.reading_id,
            consumer: given_up.consumer.clone(),
            stream_seq: given_up.stream_seq,
            resolution,
            by,
            why,
        })),
        Event::DeliveryFailed(failed) => Some(Event::DeliveryResolved(DeliveryResolved {
            study_id: failed.study_id,
            matter: failed.matter.clone(),
            target: failed.target.clone(),
            attempt: failed.attempt,
            resolution,
            by,
            why,
        })),
        _ => None,
    }
}
