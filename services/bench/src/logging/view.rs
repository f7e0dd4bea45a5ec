//! What logs cost, the verdict, and how both are shown.

use std::collections::BTreeMap;

use hilum_terminal::Output;
use serde_json::{Value, json};

use super::super::contents::Kind;
use super::super::latency_view::{in_ms, to_json};
use super::super::statistics::Latencies;
use super::ratios::Ratios;

/// Times as long as without logs, at most.
const PROMISED_RATIO: f64 = 1.02;

/// Uploads to one stack.
#[derive(Debug, Clone)]
pub(super) struct Sink {
    pub(super) uploads: Latencies,
    /// Each against the one of the same picture without logs.
    pub(super) against_off: Ratios,
    /// By the door; `None` if it does not tell.
    pub(super) dropped_lines: Option<u64>,
}

/// Without logs, with logs, with blocked logs.
pub(super) type Sinks = [Sink; 3];

/// All that was measured.
pub(super) struct LoggingOutcome {
    pub(super) sinks: Sinks,
    pub(super) level: String,
    pub(super) kinds: BTreeMap<Kind, usize>,
}

impl LoggingOutcome {
    /// Whether logs cost as little as promised, read or not.
    pub(super) fn holds(&self) -> bool {
        self.sinks.iter().all(|sink| sink.against_off.median() <= PROMISED_RATIO)
    }

    /// Whether another run may well say the opposite.
    fn is_close(&self) -> bool {
        let intervals = self.sinks.iter().map(|sink| sink.against_off.interval());
        let (low, high) =
            intervals.fold((0.0, 0.0), |(low, high), (from, to)| (f64::max(low, from), f64::max(high, to)));
        (low <= PROMISED_RATIO) != (high <= PROMISED_RATIO)
    }

    fn names(&self) -> [String; 3] {
        let level = &self.level;
        ["off".to_owned(), format!("{level}, to a file"), format!("{level}, to a pipe that nobody reads")]
    }

    pub(super) fn show(&self, output: Output) {
        let header = ["logs", "uploads", "p50", "p99", "against off", "lines dropped by the door"];
        let rows = self.names().into_iter().zip(&self.sinks).map(|(name, sink)| {
            vec![
                name,
                sink.uploads.count().to_string(),
                in_ms(sink.uploads.p50()),
                in_ms(sink.uploads.p99()),
                in_percent(&sink.against_off),
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
        if self.is_close() {
            output.say("another run may say the opposite: take more --seconds, or a machine on which nothing else runs");
        }
        if cfg!(debug_assertions) {
            output.say("this is a debug build: its times say little");
        }
    }

    /// The outcome as one JSON object.
    pub(super) fn object(&self) -> Value {
        let sink = |sink: &Sink| {
            json!({
                "uploads": to_json(&sink.uploads),
                "ratio_to_off": sink.against_off.median(),
                "ratio_to_off_interval": sink.against_off.interval(),
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

fn in_percent(ratios: &Ratios) -> String {
    let percent = |ratio: f64| (ratio - 1.0) * 100.0;
    let (from, to) = ratios.interval();
    format!("{:+.1} % ({:+.1} to {:+.1})", percent(ratios.median()), percent(from), percent(to))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn outcome(medians_us: [u64; 3]) -> LoggingOutcome {
        of(medians_us.map(|us| vec![us]))
    }

    fn of(uploads_us: [Vec<u64>; 3]) -> LoggingOutcome {
        let sinks = uploads_us.map(|us| {
            let uploads: Vec<_> = us.into_iter().map(Duration::from_micros).collect();
            let against_off = Ratios::of(&uploads, &vec![Duration::from_millis(1); uploads.len()]).unwrap();
            Sink { uploads: Latencies::of(uploads).unwrap(), against_off, dropped_lines: None }
        });
        LoggingOutcome { sinks, level: "info".to_owned(), kinds: BTreeMap::new() }
    }

    #[test]
    fn logs_may_cost_two_percent_wherever_they_go() {
        assert!(outcome([1000, 1020, 1000]).holds());
        assert!(!outcome([1000, 1021, 1000]).holds());
        assert!(!outcome([1000, 1000, 1021]).holds());
    }

    #[test]
    fn what_another_run_may_say_otherwise_is_said_to_be_close() {
        let spread = vec![1000, 1010, 1030];
        assert!(of([vec![1000], vec![1000], spread.clone()]).is_close());
        assert!(!outcome([1000, 1010, 1000]).is_close() && !outcome([1000, 1030, 1000]).is_close());
        assert!(!of([vec![1000], vec![1030], spread]).is_close(), "one costs too much for certain");
    }
}
