//! What logs cost, the verdict, and how both are shown.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::contents::Kind;
use super::super::latency_view::{in_ms, to_json};
use super::super::statistics::{Latencies, ratio};
use crate::output::Output;

/// Times as long as without logs, at most.
const PROMISED_RATIO: f64 = 1.02;

/// Uploads to one stack.
#[derive(Debug, Clone)]
pub(super) struct Sink {
    pub(super) uploads: Latencies,
    /// The median of the medians of its rounds.
    pub(super) median_of_rounds: Duration,
    /// By the door; `None` if it does not tell.
    pub(super) dropped_lines: Option<u64>,
}

/// Without logs, with logs, with blocked logs.
pub(super) type Sinks = [Sink; 3];

/// All that was measured.
pub(super) struct Outcome {
    pub(super) sinks: Sinks,
    pub(super) level: String,
    pub(super) kinds: BTreeMap<Kind, usize>,
}

impl Outcome {
    /// Times as long as without logs.
    fn ratio(&self, sink: &Sink) -> f64 {
        ratio(sink.median_of_rounds, self.sinks[0].median_of_rounds)
    }

    /// Whether logs cost as little as promised, read or not.
    pub(super) fn holds(&self) -> bool {
        self.sinks.iter().all(|sink| self.ratio(sink) <= PROMISED_RATIO)
    }

    fn names(&self) -> [String; 3] {
        let level = &self.level;
        ["off".to_owned(), format!("{level}, to a file"), format!("{level}, to a pipe that nobody reads")]
    }

    pub(super) fn show(&self, output: Output) {
        let header = ["logs", "uploads", "p50", "p99", "p50 against off", "lines dropped by the door"];
        let rows = self.names().into_iter().zip(&self.sinks).map(|(name, sink)| {
            vec![
                name,
                sink.uploads.count().to_string(),
                in_ms(sink.uploads.p50()),
                in_ms(sink.uploads.p99()),
                format!("{:+.1} %", (self.ratio(sink) - 1.0) * 100.0),
                sink.dropped_lines.map_or_else(|| "?".to_owned(), |lines| lines.to_string()),
            ]
        });
        output.table(&header, rows);
        output.say("images were read on all three stacks: a log that nobody reads blocks no work");
        let word = if self.holds() { "holds" } else { "does not hold" };
        output.say(format_args!(
            "the promise {word}: logs cost at most {:.0} %",
            (PROMISED_RATIO - 1.0) * 100.0
        ));
        if cfg!(debug_assertions) {
            output.say("this is a debug build: its times say little");
        }
    }

    /// For programs.
    pub(super) fn object(&self) -> Value {
        let sink = |sink: &Sink| {
            json!({
                "uploads": to_json(&sink.uploads),
                "median_of_rounds_ms": sink.median_of_rounds.as_secs_f64() * 1000.0,
                "ratio_to_off": self.ratio(sink),
                "dropped_lines": sink.dropped_lines,
            })
        };
        let [off, on, blocked] = &self.sinks;
        let kinds: BTreeMap<_, _> = self.kinds.iter().map(|(kind, count)| (kind.as_str(), count)).collect();
        json!({
            "benchmark": "logging",
            "level": self.level,
            "files_by_kind": kinds,
            "debug_build": cfg!(debug_assertions),
            "off": sink(off),
            "on": sink(on),
            "blocked": sink(blocked),
            "promised_ratio": PROMISED_RATIO,
            "holds": self.holds(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(medians_us: [u64; 3]) -> Outcome {
        let sinks = medians_us.map(|us| {
            let uploads = Latencies::of(vec![Duration::from_millis(1)]).unwrap();
            Sink { uploads, median_of_rounds: Duration::from_micros(us), dropped_lines: None }
        });
        Outcome { sinks, level: "info".to_owned(), kinds: BTreeMap::new() }
    }

    #[test]
    fn logs_may_cost_two_percent_wherever_they_go() {
        assert!(outcome([1000, 1020, 1000]).holds());
        assert!(!outcome([1000, 1021, 1000]).holds());
        assert!(!outcome([1000, 1000, 1021]).holds());
    }
}
