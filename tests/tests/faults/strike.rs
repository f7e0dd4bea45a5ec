//! Inflicting a fault and healing it, while the load goes on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hilum_events::{Event, JobId, Priority, Sha256Digest, Subject};
use hilum_log::AppendError;
use hilum_tests::{Dependency, LoadPlan, S3Mood, Sender, Stack, Weather};
use nix::sys::signal::Signal;
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use crate::batch::{ACK_WAIT_S, DUPLICATE_WINDOW_S};
use crate::catalogue::Fault;
use crate::chronicle::facts;
use crate::log_harm::somebody_says;

/// A failpoint is reached sooner, or not at all in this run.
const REACHED: Duration = Duration::from_secs(25);
/// By then a message that one copy left has come to another.
const REACHED_NEXT: Duration = Duration::from_secs(ACK_WAIT_S + 3);

/// What a fault needs, and what the checks must know of it.
pub(crate) struct Striker<'a> {
    pub(crate) fault: Fault,
    /// What comes in the midst of it.
    pub(crate) second: Option<Fault>,
    /// What came.
    pub(crate) struck_second: Option<Fault>,
    pub(crate) stack: &'a mut Stack,
    pub(crate) sender: &'a Sender,
    pub(crate) plan: &'a LoadPlan,
    pub(crate) random: &'a mut StdRng,
    /// Position of the log before the run.
    pub(crate) after: u64,
    /// Contents that were damaged in storage, as they were before.
    pub(crate) damaged: BTreeMap<Sha256Digest, Vec<u8>>,
    /// The jobs that brought them.
    pub(crate) victims: Vec<JobId>,
    /// Copies that will kill themselves.
    pub(crate) armed: Vec<String>,
    /// What the fault wanted and did not get.
    pub(crate) missed: Option<&'static str>,
}

impl Striker<'_> {
    /// What is done before the load begins.
    pub(crate) async fn prepare(&mut self) {
        let Fault::Failpoint { service, point } = self.fault else { return };
        let copies = self.stack.copies_of(service);
        let (copies, pass) = match point {
            // Reached only by what is made to fail: whoever gets it.
            "retry.after-schedule" | "dlq.after-write" | "dlq.after-event" => (copies, 0),
            // Reached only by the copy that writes, while the other stands by.
            "projection.before-commit" | "projection.after-commit" => {
                (copies, self.random.random_range(0..3))
            }
            _ => (vec![copies.choose(self.random).unwrap().clone()], self.random.random_range(0..3)),
        };
        let arms = [("FAILPOINTS", format!("{point}={pass}*off->return"))];
        for copy in &copies {
            self.stack.end(copy, Signal::SIGTERM).await;
            self.stack.start_again_with(copy, &arms).await;
        }
        for copy in &copies {
            self.stack.wait_ready_one(copy).await;
        }
        self.armed = copies;
    }

    /// The fault, from its beginning to its end, and the second one at the latest then.
    pub(crate) async fn strike(&mut self) {
        let fault = self.fault;
        self.inflict(fault).await;
        self.second().await;
    }

    /// The second fault, unless it has come.
    async fn second(&mut self) {
        if let Some(second) = self.second.take() {
            self.struck_second = Some(second);
            Box::pin(self.inflict(second)).await;
            // What the first one wanted may have failed by it.
            self.missed = None;
        }
    }

    /// Lets time pass, in the midst of which the second fault comes.
    async fn hold(&mut self, milliseconds: u64) {
        hold(milliseconds / 2).await;
        self.second().await;
        hold(milliseconds / 2).await;
    }

    async fn inflict(&mut self, fault: Fault) {
        match fault {
            Fault::Failpoint { point, .. } => self.failpoint(point).await,
            Fault::Ended { service, signal } => self.ended(service, signal).await,
            Fault::Zombie { service } => self.zombie(service).await,
            Fault::Unreached => {
                let copy = self.copy("infer");
                self.weather(Dependency::Nats, Weather::Silent, |name| name == copy).await;
            }
            Fault::Killed(dependency) => {
                let away_ms = self.random.random_range(300..3000);
                self.killed(dependency, away_ms).await;
            }
            Fault::LongOutage => self.killed(Dependency::Nats, (DUPLICATE_WINDOW_S + 2) * 1000).await,
            Fault::Network(dependency, weather) => self.weather(dependency, weather, |_| true).await,
            Fault::NewerTables => self.newer_tables().await,
            Fault::UnknownEvent => self.unknown_event().await,
            Fault::Limits => self.limits().await,
            Fault::LostConsumer => self.lost_consumer().await,
            Fault::ConsumerLimit => self.consumer_limit().await,
            Fault::ClockAhead { service } => self.clock_ahead(service).await,
            Fault::SlowRecovery => self.slow_recovery().await,
            Fault::PowerCut => self.power_cut().await,
            // When all has its end: see `log_harm`.
            Fault::LogBitFlip { .. } | Fault::OldLog => {}
            Fault::Duplicates => self.duplicates().await,
            Fault::Truncated => self.damage(|bytes| bytes.truncate(bytes.len() * 2 / 3)).await,
            Fault::BitFlip => {
                let place: f64 = self.random.random();
                self.damage(|bytes| {
                    let at = (bytes.len() as f64 * place) as usize;
                    bytes[at] ^= 1;
                })
                .await;
            }
            Fault::DiskFull(dependency) => self.disk_full(dependency).await,
            Fault::Unreadable => {
                self.moment(0..500).await;
                self.stack.set_s3(S3Mood::Unreadable);
                self.moment(1000..4000).await;
                self.stack.set_s3(S3Mood::Well);
            }
            Fault::NoAdvisories => self.no_advisories().await,
            Fault::RollingRestart => self.rolling_restart().await,
        }
    }

    /// What comes long after: the same facts once more, an operator who has mended what was damaged, or one who takes an
    /// image out of its study.
    pub(crate) async fn haunt(&mut self) {
        if self.fault == Fault::Duplicates {
            self.duplicates().await;
        }
        if self.random.random_bool(0.5) {
            self.redrive().await;
        }
        if self.random.random_bool(0.3) {
            self.take_out().await;
        }
    }

    /// So often more than once may a target be given the same.
    pub(crate) fn repeats(&self) -> usize {
        let in_doubt = self.fault.leaves_senders_in_doubt()
            || self.struck_second.is_some_and(|second| second.leaves_senders_in_doubt());
        if in_doubt { 2 } else { 0 }
    }

    fn copy(&mut self, service: &str) -> String {
        self.stack.copies_of(service).choose(self.random).unwrap().clone()
    }

    async fn failpoint(&mut self, point: &str) {
        match point {
            "dlq.after-write" | "dlq.after-event" => {
                self.damage(|bytes| bytes.truncate(bytes.len() / 2)).await
            }
            "retry.after-schedule" => self.stack.set_s3(S3Mood::Unreadable),
            _ => {}
        }
        let ended = self.wait_for_ends().await;
        if ended == 0 {
            self.missed = Some("the failpoint was not reached");
        }
        for copy in std::mem::take(&mut self.armed) {
            self.stack.end(&copy, Signal::SIGKILL).await;
            self.stack.start_again(&copy).await;
        }
        self.stack.set_s3(S3Mood::Well);
    }

    /// How many of the armed copies killed themselves. When one has, what it left reaches the next soon or never.
    async fn wait_for_ends(&mut self) -> usize {
        let mut deadline = Instant::now() + REACHED;
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        let mut ended = 0;
        while ended < self.armed.len() && Instant::now() < deadline {
            looks.tick().await;
            let now = self.armed.iter().filter(|copy| self.stack.has_ended(copy)).count();
            if ended == 0 && now > 0 {
                deadline = Instant::now() + REACHED_NEXT;
            }
            ended = now;
        }
        ended
    }

    async fn ended(&mut self, service: &str, signal: Signal) {
        let copy = self.copy(service);
        self.moment(0..1500).await;
        self.stack.end(&copy, signal).await;
        self.moment(0..1000).await;
        self.stack.start_again(&copy).await;
    }

    /// A copy runs for a while by a clock that is wrong, and has to say so.
    async fn clock_ahead(&mut self, service: &str) {
        let Some(library) = std::env::var_os("HILUM_FAKETIME") else {
            eprintln!("no clock is set wrong: there is no libfaketime here");
            return;
        };
        let copy = self.copy(service);
        self.moment(0..1000).await;
        self.stack.end(&copy, Signal::SIGTERM).await;
        let clock = [
            ("LD_PRELOAD", library.into_string().unwrap()),
            ("FAKETIME", "+20".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        self.stack.start_again_with(&copy, &clock).await;
        if !somebody_says(self.stack, &["ahead of"]).await {
            self.missed = Some("nobody noticed the clock");
        }
        self.hold(4000).await;
        self.stack.end(&copy, Signal::SIGTERM).await;
        self.stack.start_again(&copy).await;
    }

    /// As after a machine's restart: nobody gives up while the log recovers.
    async fn slow_recovery(&mut self) {
        self.moment(0..1000).await;
        let recovers_s = self.random.random_range(3..10);
        self.stack.kill_nats().await;
        self.stack.launch_slow_nats(recovers_s);
        let copies: Vec<String> =
            self.stack.services().into_iter().filter(|_| self.random.random_bool(0.5)).collect();
        for copy in &copies {
            self.stack.end(copy, Signal::SIGKILL).await;
        }
        for copy in &copies {
            self.stack.start_again(copy).await;
        }
        self.second().await;
        self.stack.wait_nats_healthy().await;
        if let Some(copy) = copies.iter().find(|copy| self.stack.has_ended(copy)) {
            eprintln!("{copy} has ended");
            self.missed = Some("a service ended while the log recovered");
        }
    }

    /// Nobody has a moment to write anything down, and nobody finds anybody when it starts.
    async fn power_cut(&mut self) {
        self.moment(300..2500).await;
        let copies = self.stack.services();
        for copy in &copies {
            self.stack.freeze(copy);
        }
        self.stack.kill_nats().await;
        self.stack.kill_postgres().await;
        let port_of_s3 = self.stack.end_s3();
        for copy in &copies {
            self.stack.end(copy, Signal::SIGKILL).await;
        }
        for copy in &copies {
            self.stack.start_again(copy).await;
        }
        self.stack.start_postgres_again().await;
        self.stack.start_s3_again(port_of_s3).await;
        self.stack.start_nats_again().await;
        self.stack.wait_ready_supervised().await;
    }

    async fn zombie(&mut self, service: &str) {
        let copy = self.copy(service);
        self.moment(0..1000).await;
        self.stack.freeze(&copy);
        self.hold(ACK_WAIT_S * 2000 + 500).await;
        self.stack.signal(&copy, Signal::SIGCONT);
    }

    async fn killed(&mut self, dependency: Dependency, away_ms: u64) {
        self.moment(0..1000).await;
        match dependency {
            Dependency::Nats => {
                self.stack.kill_nats().await;
                self.hold(away_ms).await;
                self.stack.start_nats_again().await;
            }
            Dependency::Postgres => {
                self.stack.kill_postgres().await;
                self.hold(away_ms).await;
                self.stack.start_postgres_again().await;
            }
            Dependency::S3 => {
                let port = self.stack.end_s3();
                self.hold(away_ms).await;
                self.stack.start_s3_again(port).await;
            }
        }
    }

    async fn weather(&mut self, dependency: Dependency, weather: Weather, concerns: impl Fn(&str) -> bool) {
        self.moment(0..500).await;
        self.stack.weather(dependency, weather, &concerns);
        let lasts_ms = match self.fault {
            Fault::Unreached => ACK_WAIT_S * 2000 + 500,
            _ => self.random.random_range(1000..4000),
        };
        self.hold(lasts_ms).await;
        if weather == Weather::Silent && self.random.random_bool(0.5) {
            // Half of the silent connections never come back.
            self.stack.weather(dependency, Weather::Cut, &concerns);
            hold(50).await;
        }
        self.stack.weather(dependency, Weather::Clear, &concerns);
    }

    /// Appends all facts of the run again and hands out again all that was work.
    async fn duplicates(&mut self) {
        self.moment(500..1500).await;
        let facts = facts(self.stack, self.after).await.unwrap();
        let log = &self.stack.log;
        for fact in &facts {
            match log.append(&fact.envelope).await {
                Ok(again) => assert_eq!(again.seq(), fact.seq, "a fact that stands is found where it stands"),
                // A further attempt has the place of the first.
                Err(AppendError::Taken(newest)) => {
                    assert_eq!(Subject::parse(&newest.subject).unwrap().event, "inference-requested")
                }
                Err(error) => panic!("{error}"),
            }
            let consumer = match &fact.envelope.event {
                Event::ImageStored(_) => "dedupe",
                Event::InferenceRequested(e) if e.priority == Priority::Stat => "infer-stat",
                Event::InferenceRequested(_) => "infer-routine",
                _ => continue,
            };
            log.hand_out_again(consumer, fact.seq, "the fault tests hand it out again").await.unwrap();
        }
    }

    async fn rolling_restart(&mut self) {
        for name in self.stack.services() {
            self.stack.end(&name, Signal::SIGTERM).await;
            self.stack.start_again(&name).await;
            self.stack.wait_ready_one(&name).await;
        }
    }

    pub(crate) async fn moment(&mut self, range_ms: std::ops::Range<u64>) {
        let moment_ms = self.random.random_range(range_ms);
        hold(moment_ms).await;
    }
}

/// Lets time pass: how long a fault lasts, or the moment at which it comes, is part of it.
pub(crate) async fn hold(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}
