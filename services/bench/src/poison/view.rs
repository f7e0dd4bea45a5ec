//! What was measured, its verdict, and how both are shown.

use std::time::Duration;

use hilum_terminal::Output;
use serde_json::{Value, json};

use super::super::statistics::{Latencies, ratio};

/// How many times the unloaded p95 is promised at most.
const PROMISED_RATIO: f64 = 3.0;

/// All that was measured.
pub(super) struct PoisonOutcome {
    pub(super) poisoned: u32,
    pub(super) gap: Duration,
    pub(super) untrained: bool,
    /// What writing the poisoned messages took.
    pub(super) append: Duration,
    /// From when the workers went on until each poisoned message had failed once.
    pub(super) first_pass: Duration,
    pub(super) unloaded: Latencies,
    /// `None` when the poisoned messages were parked too soon.
    pub(super) cycling: Option<Latencies>,
    pub(super) alone: Latencies,
    pub(super) behind: Latencies,
    /// For how long good images were sent after the first pass.
    pub(super) storm: Duration,
    /// Pictures that went through the model meanwhile; `None` when a worker does not tell.
    pub(super) forwards: Option<u64>,
}

impl PoisonOutcome {
    /// Whether the promise was kept, and not merely because nothing failed any more.
    pub(super) fn holds(&self) -> bool {
        self.p95_ratio().is_some_and(|ratio| ratio <= PROMISED_RATIO)
    }

    fn p95_ratio(&self) -> Option<f64> {
        Some(ratio(self.cycling.as_ref()?.p95(), self.unloaded.p95()))
    }

    fn p50_ratio(&self) -> Option<f64> {
        Some(ratio(self.cycling.as_ref()?.p50(), self.unloaded.p50()))
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
        let mut rows = vec![row(format!("one every {gap_ms} ms, unloaded"), &self.unloaded)];
        let while_cycling = format!("one every {gap_ms} ms while {poisoned} poisoned ones cycle");
        rows.extend(self.cycling.as_ref().map(|cycling| row(while_cycling, cycling)));
        rows.push(row("all at once, empty queue".to_owned(), &self.alone));
        rows.push(row(format!("all at once behind {poisoned} that have not failed yet"), &self.behind));
        output.table(&header, rows);
        output.say(format_args!(
            "{poisoned} poisoned messages were written in {:.1} s and had failed once after {:.1} s; images were sent \
             beside their retries for {:.0} s",
            self.append.as_secs_f64(),
            self.first_pass.as_secs_f64(),
            self.storm.as_secs_f64()
        ));
        if cfg!(debug_assertions) {
            output.note("this is a debug build: its times say little");
        }
        if self.is_not_of_readings() {
            output.say("NOT A MEASUREMENT OF READINGS: fewer images went through the model than came back");
        }
        output.say(self.verdict());
    }

    /// Some good images were not read but made use of another's reading. A round that did not count was read too.
    fn is_not_of_readings(&self) -> bool {
        let counted = [Some(&self.unloaded), self.cycling.as_ref(), Some(&self.alone), Some(&self.behind)];
        let images: usize = counted.into_iter().flatten().map(Latencies::count).sum();
        self.forwards.is_some_and(|forwards| forwards < images as u64)
    }

    fn verdict(&self) -> String {
        let Some(ratio) = self.p95_ratio() else {
            return "nothing is proven: the poisoned messages were parked before the images were read; take more \
                    --poisoned or fewer --images"
                .to_owned();
        };
        let word = if self.holds() { "holds" } else { "does not hold" };
        format!(
            "the promise {word}: the p95 beside poisoned messages is {ratio:.2} times the unloaded one, at most \
             {PROMISED_RATIO} is promised"
        )
    }

    /// The outcome as one JSON object.
    pub(super) fn object(&self) -> Value {
        json!({
            "benchmark": "poison",
            "poisoned": self.poisoned,
            "gap_ms": self.gap.as_millis() as u64,
            "untrained": self.untrained,
            "debug_build": cfg!(debug_assertions),
            "unloaded": of(&self.unloaded),
            "cycling": self.cycling.as_ref().map(of),
            "alone_at_once": of(&self.alone),
            "behind_at_once": of(&self.behind),
            "append_s": self.append.as_secs_f64(),
            "first_pass_s": self.first_pass.as_secs_f64(),
            "storm_s": self.storm.as_secs_f64(),
            "forward_passes_of_images": self.forwards,
            "p50_ratio": self.p50_ratio(),
            "p95_ratio": self.p95_ratio(),
            "promised_p95_ratio": PROMISED_RATIO,
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

    fn outcome(cycling_ms: Option<u64>) -> PoisonOutcome {
        let of_ms = |ms| Latencies::of(vec![Duration::from_millis(ms)]).unwrap();
        PoisonOutcome {
            poisoned: 10,
            gap: Duration::from_millis(250),
            untrained: true,
            append: Duration::ZERO,
            first_pass: Duration::ZERO,
            storm: Duration::ZERO,
            forwards: Some(4),
            unloaded: of_ms(100),
            cycling: cycling_ms.map(of_ms),
            alone: of_ms(1),
            behind: of_ms(1),
        }
    }

    #[test]
    fn the_promise_is_kept_up_to_three_times_the_unloaded_p95() {
        assert!(outcome(Some(300)).holds());
        assert!(!outcome(Some(301)).holds());
    }

    #[test]
    fn images_that_the_model_did_not_see_are_told_of() {
        let with = |forwards| PoisonOutcome { forwards, ..outcome(Some(100)) };
        assert!(with(Some(3)).is_not_of_readings());
        assert!(!with(Some(4)).is_not_of_readings() && !with(None).is_not_of_readings());
    }

    #[test]
    fn nothing_is_proven_when_nothing_failed_beside_the_images() {
        let outcome = outcome(None);
        assert!(!outcome.holds());
        assert!(outcome.verdict().contains("nothing is proven"));
        assert_eq!(outcome.object()["holds"], false);
    }
}
