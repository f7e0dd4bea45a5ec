//! The course of one run: load, fault, healing, draining, checks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hilum_events::{Event, Sha256Digest, StudyId, Way};
use hilum_tests::invariants::{
    DeskSeen, Fact, Harm, Violation, drain_limit, drained, not_there_yet, still_there, unfinished, untold,
    violations,
};
use hilum_tests::{Answer, Desk, Doors, Journal, Load, LoadPlan, Sender, Stack};

use crate::batch::RULED;
use crate::chronicle::{Chronicle, facts, folded_to};

/// What takes longer to drain is worth a line.
const SLOW: Duration = Duration::from_secs(20);

/// How a run went.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) accepted: usize,
    /// The same by their way.
    pub(crate) ways: BTreeMap<&'static str, usize>,
    pub(crate) completed: usize,
    /// Contents that went through the model.
    pub(crate) read: usize,
    /// Contents that took over the reading of the same pixels in another file.
    pub(crate) reused: usize,
    pub(crate) dead_lettered: usize,
    /// Dead-lettered though nothing was wrong with them.
    pub(crate) innocent: usize,
    /// Facts in the log, those of earlier runs too.
    pub(crate) log: u64,
    pub(crate) drained_in: Duration,
    pub(crate) took: Duration,
    pub(crate) violations: Vec<Violation>,
}

impl Outcome {
    /// Of a run that could not be brought to its end.
    pub(crate) fn broken_off() -> Self {
        let what = "the run broke off; its message stands above";
        Self { violations: vec![Violation::new("run", Harm::Wrong, what)], ..Self::default() }
    }
}

/// What all runs of a batch share.
pub(crate) struct Course {
    pub(crate) stack: Stack,
    pub(crate) chronicle: Chronicle,
    /// The target of all reports, if there is one.
    pub(crate) desk: Option<Desk>,
}

/// A load under way.
pub(crate) struct UnderLoad {
    pub(crate) after: u64,
    pub(crate) plan: LoadPlan,
    pub(crate) sender: Sender,
    load: Option<Load>,
    begun: Instant,
}

impl Course {
    pub(crate) fn new(stack: Stack, desk: Option<Desk>) -> Self {
        Self { stack, chronicle: Chronicle::default(), desk }
    }

    /// A load that is ready to begin; most of it goes by the way that is `favoured`.
    pub(crate) fn load(&self, seed: u64, favoured: Option<Way>) -> UnderLoad {
        let name = format!("run-{seed}");
        let journal = self.stack.folder().join("journals").join(format!("{name}.jsonl"));
        let doors = Doors::of(&self.stack);
        // Half of all by HTTP, else.
        let ways =
            [doors.ways(), vec![Way::Http; 2], favoured.map_or(Vec::new(), |way| vec![way; 6])].concat();
        let plan = LoadPlan {
            name,
            seed,
            images: 12,
            most_images: 60,
            studies: 3,
            pace: Duration::from_millis(120),
            ways,
        };
        UnderLoad {
            after: self.chronicle.last_seq(),
            plan,
            sender: Sender::new(doors, Arc::new(Journal::create(&journal))),
            load: None,
            begun: Instant::now(),
        }
    }

    /// Waits until everything has its end, or until it should have.
    pub(crate) async fn drain(&mut self, under_load: &UnderLoad) -> Vec<Violation> {
        let begun = Instant::now();
        let journal = &under_load.sender.journal;
        let backlog = journal.count(Answer::is_accepted);
        let limit = drain_limit(backlog);
        let mut looks = tokio::time::interval(Duration::from_millis(100));
        let (mut left, mut said) = (String::new(), false);
        while begun.elapsed() < limit {
            looks.tick().await;
            left = self.what_is_left(under_load).await;
            if begun.elapsed() > SLOW && !said {
                eprintln!("drains slowly: {left}");
                said = true;
            }
            if left.is_empty() {
                return drained(Some(begun.elapsed()), backlog, "");
            }
        }
        drained(None, backlog, &left)
    }

    async fn what_is_left(&mut self, under_load: &UnderLoad) -> String {
        let after = under_load.after;
        if !self.chronicle.read_on(&self.stack).await {
            return "the log does not answer".to_owned();
        }
        let lying = not_there_yet(&under_load.sender.journal.attempts(), self.chronicle.after(after));
        if lying > 0 {
            return format!("{lying} images that lie in a bucket or were taken are not in the log");
        }
        let open = unfinished(self.chronicle.after(after));
        if open > 0 {
            return format!("{open} images or studies without an end");
        }
        let untold = untold(self.chronicle.after(after));
        if self.desk.is_some() && untold > 0 {
            return format!("{untold} reports or flags that were not delivered");
        }
        if !self.stack.is_idle().await {
            return format!("queues: {:?}", self.stack.log.queue_depths().await);
        }
        match folded_to(&self.stack).await {
            Some(folded) if folded >= self.chronicle.last_seq() => String::new(),
            folded => format!("tables are written up to {folded:?} of {}", self.chronicle.last_seq()),
        }
    }

    /// Everything that the evidence of a run shows.
    pub(crate) async fn judge(
        &mut self,
        under_load: UnderLoad,
        damaged: BTreeSet<Sha256Digest>,
        repeats: usize,
    ) -> Outcome {
        let after = under_load.after;
        let attempts = under_load.sender.journal.attempts();
        let mut found = Vec::new();
        let evidence = loop {
            let mut evidence =
                self.chronicle.evidence(&self.stack, after, attempts.clone(), damaged.clone()).await;
            evidence.desk = self.desk.as_ref().map(|desk| seen(desk, &evidence.facts, repeats));
            let last_seq = self.chronicle.last_seq();
            // Its parts fit together if no fact came between them: a further revision waits its quiet time, and nobody sees it wait.
            if self.chronicle.read_on(&self.stack).await && self.chronicle.last_seq() == last_seq {
                break evidence;
            }
            found.extend(self.drain(&under_load).await);
        };
        found.extend(violations(&evidence));
        // What earlier runs read is read again now and then; here the newest of it.
        let known = self.chronicle.facts.len().min(2000);
        let known = &self.chronicle.facts[self.chronicle.facts.len() - known..];
        let from = known.first().map_or(0, |fact| fact.seq - 1);
        let now = facts(&self.stack, from).await.unwrap_or_default();
        found.extend(still_there(known, &now));
        let count = |wanted: fn(&Event) -> bool| {
            evidence.facts.iter().filter(|fact| wanted(&fact.envelope.event)).count()
        };
        let mut ways = BTreeMap::new();
        for attempt in attempts.iter().filter(|attempt| attempt.answer.is_accepted()) {
            *ways.entry(attempt.way.as_str()).or_default() += 1;
        }
        Outcome {
            accepted: ways.values().sum(),
            ways,
            completed: evidence.answers.values().filter(|answer| answer.status == "COMPLETED").count(),
            read: count(|event| matches!(event, Event::InferenceCompleted(it) if it.reused_from.is_none())),
            reused: count(|event| matches!(event, Event::InferenceCompleted(it) if it.reused_from.is_some())),
            dead_lettered: count(|event| matches!(event, Event::JobDeadLettered(_))),
            innocent: innocent(&evidence.facts, &evidence.damaged),
            log: self.chronicle.last_seq(),
            took: under_load.begun.elapsed(),
            violations: found,
            ..Outcome::default()
        }
    }
}

impl UnderLoad {
    pub(crate) fn begin(&mut self) {
        self.load = Some(Load::start(self.plan.clone(), self.sender.clone()));
    }

    /// Sends what is left and waits until all is accepted.
    pub(crate) async fn finish(&mut self) {
        if let Some(load) = self.load.take() {
            load.finish().await;
        }
    }
}

/// What the desk was given of the studies of a run.
fn seen(desk: &Desk, facts: &[Fact], repeats: usize) -> DeskSeen {
    let studies: BTreeSet<StudyId> = facts
        .iter()
        .filter_map(|fact| match &fact.envelope.event {
            Event::ImageStored(image) => Some(image.study_id),
            _ => None,
        })
        .collect();
    let mut told = BTreeMap::new();
    for got in desk.got() {
        let study_id: StudyId = got.study.parse().unwrap();
        if studies.contains(&study_id) {
            *told.entry((study_id, got.matter)).or_default() += 1;
        }
    }
    DeskSeen { told, repeats, ruled: RULED.map(|site| site.parse().unwrap()).into() }
}

/// Dead letters of contents that nobody damaged.
fn innocent(facts: &[Fact], damaged: &BTreeSet<Sha256Digest>) -> usize {
    let content_at = |seq: u64| {
        let fact = facts.iter().find(|fact| fact.seq == seq)?;
        match &fact.envelope.event {
            Event::ImageStored(e) => Some(e.image.blob.sha256),
            Event::InferenceRequested(e) => Some(e.image.blob.sha256),
            _ => None,
        }
    };
    let dead = facts.iter().filter_map(|fact| match &fact.envelope.event {
        Event::JobDeadLettered(dead) => Some(content_at(dead.stream_seq)),
        _ => None,
    });
    dead.filter(|content| content.is_none_or(|content| !damaged.contains(&content))).count()
}
