//! What was measured, its verdict, and how both are shown.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::statistics::{Latencies, ratio};
use crate::output::Output;

/// How many times the unloaded p95 is promised at most.
const PROMISED_RATIO: f64 = 3.0;

/// All that was measured.
pub(super) struct Outcome {
    pub(super) poisoned: u32,
    pub(super) gap: Duration,
    pub(super) untrained: bool,
    /// What writing the poisoned messages took.
    pub(super) append: Duration,
    /// From when the workers went on until each poisoned message had failed once.
    pub(super) first_pass: Duration,
    pub(super) unloaded: Latencies,
    pub(super) cycling: Latencies,
    pub(super) alone: Latencies,
    pub(super) behind: Latencies,
    /// Share of the poisoned messages that was to be tried again, before and after `cycling` was measured.
    pub(super) cycling_before: f64,
    pub(super) cycling_after: f64,
}

impl Outcome {
    /// Whether the promise was kept, and not merely because nothing failed any more.
    pub(super) fn holds(&self) -> bool {
        self.is_valid() && self.ratio() <= PROMISED_RATIO
    }

    fn is_valid(&self) -> bool {
        self.cycling_before > 0.0 && self.cycling_after > 0.0
    }

    fn ratio(&self) -> f64 {
        ratio(self.cycling.p95(), self.unloaded.p95())
    }

    pub(super) fn show(&self, output: Output) {
        let header = ["good images", "number", "p50", "p95", "longest"];
        let row = |what: String, latencies: &Latencies| {
            let durations = [latencies.p50(), latencies.p95(), latencies.longest()];
            let mut row = vec![what, latencies.count().to_string()];
            row.extend(durations.map(|duration| format!("{:.3} s", duration.as_secs_f64())));
            row
        };
        let (poisoned, gap_ms) = (self.poisoned, self.gap.as_millis());
        output.table(
            &header,
            [
                row(format!("one every {gap_ms} ms, unloaded"), &self.unloaded),
                row(format!("one every {gap_ms} ms while {poisoned} poisoned ones cycle"), &self.cycling),
                row("all at once, empty queue".to_owned(), &self.alone),
                row(format!("all at once behind {poisoned} that have not failed yet"), &self.behind),
            ],
        );
        output.say(format_args!(
            "{poisoned} poisoned messages were written in {:.1} s and had failed once after {:.1} s; {:.0} % were still \
             to be tried again when the images beside them were sent, {:.0} % when they were read",
            self.append.as_secs_f64(),
            self.first_pass.as_secs_f64(),
            self.cycling_before * 100.0,
            self.cycling_after * 100.0
        ));
        if cfg!(debug_assertions) {
            output.note("this is a debug build: its times say little");
        }
        output.say(self.verdict());
        output.object(&self.object());
    }

    fn verdict(&self) -> String {
        if !self.is_valid() {
            return "nothing is proven: the poisoned messages were parked before the images were read; take more \
                    --poisoned or fewer --images"
                .to_owned();
        }
        let word = if self.holds() { "holds" } else { "does not hold" };
        format!(
            "the promise {word}: the p95 beside poisoned messages is {:.2} times the unloaded one, at most {PROMISED_RATIO} \
             is promised",
            self.ratio()
        )
    }

    fn object(&self) -> Value {
        json!({
            "benchmark": "poison",
            "poisoned": self.poisoned,
            "gap_ms": self.gap.as_millis() as u64,
            "untrained": self.untrained,
            "debug_build": cfg!(debug_assertions),
            "unloaded": of(&self.unloaded),
            "cycling": of(&self.cycling),
            "alone_at_once": of(&self.alone),
            "behind_at_once": of(&self.behind),
            "append_s": self.append.as_secs_f64(),
            "first_pass_s": self.first_pass.as_secs_f64(),
            "cycling_share_before": self.cycling_before,
            "cycling_share_after": self.cycling_after,
            "p50_ratio": ratio(self.cycling.p50(), self.unloaded.p50()),
            "p95_ratio": self.ratio(),
            "promised_p95_ratio": PROMISED_RATIO,
            "valid": self.is_valid(),
            "holds": self.holds(),
        })
    }
}

fn of(latencies: &Latencies) -> Value {
    let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
    json!({
        "count": latencies.count(),
        "p50_ms": ms(latencies.p50()),
        "p95_ms": ms(latencies.p95()),
        "longest_ms": ms(latencies.longest()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(cycling_ms: u64, cycling_after: f64) -> Outcome {
        let of_ms = |ms| Latencies::of(vec![Duration::from_millis(ms)]).unwrap();
        Outcome {
            poisoned: 10,
            gap: Duration::from_millis(250),
            untrained: true,
            append: Duration::ZERO,
            first_pass: Duration::ZERO,
            unloaded: of_ms(100),
            cycling: of_ms(cycling_ms),
            alone: of_ms(1),
            behind: of_ms(1),
            cycling_before: 1.0,
            cycling_after,
        }
    }

    #[test]
    fn the_promise_is_kept_up_to_three_times_the_unloaded_p95() {
        assert!(outcome(300, 0.5).holds());
        assert!(!outcome(301, 0.5).holds());
    }

    #[test]
    fn nothing_is_proven_once_no_message_is_tried_again() {
        let outcome = outcome(100, 0.0);
        assert!(!outcome.holds());
        assert!(outcome.verdict().contains("nothing is proven"));
        assert_eq!(outcome.object()["holds"], false);
    }
}
