//! How long studies took, the verdict, and how both are shown.

use std::time::Duration;

use hilum_terminal::Output;
use serde_json::{Value, json};

use super::super::statistics::{Latencies, ratio};

/// Times one reading, with as many workers as images.
const PROMISED_OF_PARALLEL: f64 = 1.3;
/// Times as many readings as there are images, with one worker.
const PROMISED_OF_SINGLE: f64 = 1.05;

/// One study: from the first and from the last 202 of its images to its report.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub(super) from_first: Duration,
    pub(super) from_last: Duration,
}

/// What was measured with so many workers.
#[derive(Debug)]
pub(super) struct Workers {
    pub(super) readings_at_once: u16,
    pub(super) images: u16,
    pub(super) rounds: Vec<Round>,
    /// Pictures that went through the model; `None` if the worker does not tell.
    pub(super) forwards: Option<u64>,
}

/// As many workers as images, then one.
pub(super) struct StudyOutcome {
    pub(super) workers: [Workers; 2],
    pub(super) reading: Duration,
}

impl Workers {
    /// What the readings take by themselves.
    fn ideal(&self, reading: Duration) -> Duration {
        reading * u32::from(self.images.div_ceil(self.readings_at_once))
    }

    fn promised(&self) -> f64 {
        if self.readings_at_once == 1 { PROMISED_OF_SINGLE } else { PROMISED_OF_PARALLEL }
    }

    /// The median, nothing of no round.
    fn median(&self, of: impl Fn(&Round) -> Duration) -> Duration {
        let latencies = Latencies::of(self.rounds.iter().map(of).collect());
        latencies.map(|latencies| latencies.p50()).unwrap_or_default()
    }

    fn ratios(&self, reading: Duration) -> [f64; 2] {
        let ideal = self.ideal(reading);
        [self.median(|round| round.from_last), self.median(|round| round.from_first)]
            .map(|median| ratio(median, ideal))
    }

    fn is_of_readings(&self) -> bool {
        let images = u64::from(self.images) * self.rounds.len() as u64;
        self.forwards.is_none_or(|forwards| forwards >= images)
    }

    fn holds(&self, reading: Duration) -> bool {
        !self.rounds.is_empty() && self.is_of_readings() && self.ratios(reading)[0] < self.promised()
    }
}

impl StudyOutcome {
    /// Whether both promises were kept.
    pub(super) fn holds(&self) -> bool {
        self.workers.iter().all(|workers| workers.holds(self.reading))
    }

    pub(super) fn show(&self, output: Output) {
        let header = [
            "images of the study",
            "workers",
            "from the last 202 to the report",
            "from the first 202",
            "the readings alone",
            "ratio from the last",
            "ratio from the first",
            "promised",
            "held",
        ];
        output.table(&header, self.workers.iter().map(|workers| self.row(workers)));
        let rounds = self.workers[0].rounds.len();
        output.say(format_args!("medians of {rounds} studies; the readings are simulated"));
        if cfg!(debug_assertions) {
            output.note("this is a debug build: its times say little");
        }
        if !self.workers.iter().all(Workers::is_of_readings) {
            output.say("NOT A MEASUREMENT OF READINGS: fewer images went through the model than came back");
        }
        output.say(if self.holds() { "the promise holds" } else { "the promise does not hold" });
    }

    fn row(&self, workers: &Workers) -> Vec<String> {
        let seconds = |duration: Duration| format!("{:.3} s", duration.as_secs_f64());
        let [from_last, from_first] = workers.ratios(self.reading);
        vec![
            workers.images.to_string(),
            workers.readings_at_once.to_string(),
            seconds(workers.median(|round| round.from_last)),
            seconds(workers.median(|round| round.from_first)),
            seconds(workers.ideal(self.reading)),
            format!("{from_last:.3}"),
            format!("{from_first:.3}"),
            format!("under {}", workers.promised()),
            if workers.holds(self.reading) { "yes" } else { "no" }.to_owned(),
        ]
    }

    /// The outcome as one JSON object.
    pub(super) fn object(&self) -> Value {
        let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let workers = self.workers.iter().map(|workers| {
            let [from_last, from_first] = workers.ratios(self.reading);
            let rounds = workers.rounds.iter().map(
                |round| json!({ "from_last_ms": ms(round.from_last), "from_first_ms": ms(round.from_first) }),
            );
            json!({
                "workers": workers.readings_at_once,
                "images": workers.images,
                "readings_alone_ms": ms(workers.ideal(self.reading)),
                "rounds": rounds.collect::<Vec<_>>(),
                "ratio_from_last": from_last,
                "ratio_from_first": from_first,
                "promised_ratio": workers.promised(),
                "forward_passes": workers.forwards,
                "holds": workers.holds(self.reading),
            })
        });
        json!({
            "benchmark": "study",
            "reading_ms": ms(self.reading),
            "debug_build": cfg!(debug_assertions),
            "runs": workers.collect::<Vec<_>>(),
            "holds": self.holds(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READING: Duration = Duration::from_millis(100);

    fn workers(readings_at_once: u16, from_last_ms: u64) -> Workers {
        let from_last = Duration::from_millis(from_last_ms);
        let round = Round { from_first: from_last * 2, from_last };
        Workers { readings_at_once, images: 17, rounds: vec![round], forwards: Some(17) }
    }

    #[test]
    fn many_workers_are_held_to_one_reading_and_one_worker_to_all_readings_in_a_row() {
        assert!(workers(17, 129).holds(READING) && !workers(17, 130).holds(READING));
        assert!(workers(1, 1784).holds(READING) && !workers(1, 1786).holds(READING));
    }

    #[test]
    fn what_was_not_read_holds_nothing() {
        assert!(!Workers { forwards: Some(16), ..workers(17, 100) }.holds(READING));
        assert!(!Workers { rounds: Vec::new(), ..workers(17, 100) }.holds(READING));
        let outcome = StudyOutcome { workers: [workers(17, 100), workers(1, 5000)], reading: READING };
        assert!(!outcome.holds(), "both are to hold");
    }
}
