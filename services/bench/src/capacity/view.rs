//! What a machine holds, and how it is shown.

use std::collections::BTreeMap;

use hilum_terminal::Output;
use serde_json::{Value, json};

use super::super::contents::Kind;
use super::super::latency_view::{in_ms, to_json};
use super::super::statistics::ratio;
use super::step::{LIMIT, Step};

/// All that was measured.
pub(super) struct CapacityOutcome {
    /// A larger number was tried and not held.
    pub(super) is_bounded: bool,
    pub(super) held: u32,
    pub(super) tried: Vec<Step>,
    /// The number that is held, for longer.
    pub(super) steady: Option<Step>,
    /// The step with twice as many senders as were held; `None` if it was not measured.
    pub(super) beyond: Option<Step>,
    pub(super) kinds: BTreeMap<Kind, usize>,
    pub(super) untrained: bool,
}

impl CapacityOutcome {
    pub(super) fn show(&self, output: Output) {
        let header =
            ["senders of 1 image/s", "seconds", "read", "refused as full", "p50", "p95", "p99", "held"];
        let all = self.tried.iter().chain(&self.steady).chain(&self.beyond);
        output.table(&header, all.map(row));
        output.say(self.answer());
        if let Some((first, last)) = self.steadiness() {
            let change = ratio(last, first);
            output.say(format_args!(
                "over {} s the p95 was {} in the first quarter and {} in the last ({change:.2} times)",
                self.steady.as_ref().map_or(0, |step| step.length.as_secs()),
                in_ms(first),
                in_ms(last)
            ));
        }
        if self.untrained {
            output.say(hilum_models::UNTRAINED_NOTICE);
        }
        if cfg!(debug_assertions) {
            output.say("this is a debug build: its times say little");
        }
    }

    fn answer(&self) -> String {
        let limit = in_ms(LIMIT);
        match (self.held, self.is_bounded) {
            (0, _) => format!("not even the first step was held: its p95 was not under {limit}"),
            (held, true) => format!("{held} senders of one image per second are held at a p95 under {limit}"),
            (held, false) => format!("at least {held} senders are held at a p95 under {limit}: raise --most"),
        }
    }

    /// The p95 of the first and the last quarter of the longer time.
    fn steadiness(&self) -> Option<(std::time::Duration, std::time::Duration)> {
        let steady = self.steady.as_ref()?;
        Some((steady.quarter(0)?.p95(), steady.quarter(3)?.p95()))
    }

    /// The outcome as one JSON object.
    pub(super) fn object(&self) -> Value {
        let kinds: BTreeMap<_, _> = self.kinds.iter().map(|(kind, count)| (kind.as_str(), count)).collect();
        json!({
            "benchmark": "capacity",
            "files_by_kind": kinds,
            "untrained": self.untrained,
            "debug_build": cfg!(debug_assertions),
            "p95_limit_ms": LIMIT.as_millis() as u64,
            "held_senders": self.held,
            "is_bounded": self.is_bounded,
            "steps": self.tried.iter().map(object).collect::<Vec<_>>(),
            "steady": self.steady.as_ref().map(object),
            "steady_p95_last_to_first_quarter": self.steadiness().map(|(first, last)| ratio(last, first)),
            "twice_as_many": self.beyond.as_ref().map(object),
        })
    }
}

fn row(step: &Step) -> Vec<String> {
    let latencies = step.latencies();
    let times = latencies.as_ref().map(|it| [it.p50(), it.p95(), it.p99()].map(in_ms)).unwrap_or_default();
    let held = match (step.is_held(), step.is_lost) {
        (true, _) => "yes",
        (false, true) => "no; ended early",
        (false, false) => "no",
    };
    let counts = [step.senders as usize, step.length.as_secs() as usize, step.read.len(), step.refused];
    let counts = counts.map(|count| count.to_string());
    counts.into_iter().chain(times).chain([held.to_owned()]).collect()
}

fn object(step: &Step) -> Value {
    json!({
        "senders": step.senders,
        "seconds": step.length.as_secs(),
        "read": step.read.len(),
        "refused_as_full": step.refused,
        "ended_early": step.is_lost,
        "latency": step.latencies().as_ref().map(to_json),
        "held": step.is_held(),
    })
}
