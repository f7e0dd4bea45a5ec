//! What images waited, the verdict, and how both are shown.

use std::time::Duration;

use hilum_terminal::Output;
use serde_json::{Value, json};

use super::super::latency_view::{in_ms, to_json};
use super::super::statistics::Latencies;

/// What the machine may take for other things than the readings, since one is idle and the other is not.
const ALLOWANCE: Duration = Duration::from_millis(100);

/// All that was measured.
pub(super) struct FairnessOutcome {
    /// What one batch of the workers takes.
    pub(super) batch: Duration,
    pub(super) flood: u32,
    /// Images of it that were not read at the end.
    pub(super) left_of_flood: u64,
    pub(super) idle_urgent: Latencies,
    pub(super) idle_routine: Latencies,
    pub(super) urgent: Latencies,
    pub(super) routine: Latencies,
    /// From stored to asked for, of all images since the flood began.
    pub(super) claims: Option<Latencies>,
}

/// One of the two promises.
struct Promise<'a> {
    images: &'static str,
    idle: &'a Latencies,
    beside: &'a Latencies,
    /// Beside the flood, at most.
    bound: Duration,
}

impl Promise<'_> {
    fn holds(&self) -> bool {
        self.beside.longest() <= self.bound
    }
}

impl FairnessOutcome {
    /// Whether both promises were kept, and not merely because the flood was over.
    pub(super) fn holds(&self) -> bool {
        self.is_proven() && self.promises().iter().all(Promise::holds)
    }

    fn is_proven(&self) -> bool {
        self.left_of_flood > 0
    }

    fn promises(&self) -> [Promise<'_>; 2] {
        let unavoidable = self.batch + ALLOWANCE;
        [
            Promise {
                images: "urgent",
                idle: &self.idle_urgent,
                beside: &self.urgent,
                bound: self.idle_urgent.p50() + unavoidable,
            },
            Promise {
                images: "routine, of another site than the flood",
                idle: &self.idle_routine,
                beside: &self.routine,
                bound: self.idle_routine.p50() * 2 + unavoidable,
            },
        ]
    }

    pub(super) fn show(&self, output: Output) {
        let header = ["images", "number", "idle p50", "beside the flood p50", "longest", "at most", "held"];
        let promises = self.promises();
        output.table(
            &header,
            promises.iter().map(|promise| {
                let times =
                    [promise.idle.p50(), promise.beside.p50(), promise.beside.longest(), promise.bound];
                let mut row = vec![promise.images.to_owned(), promise.beside.count().to_string()];
                row.extend(times.map(in_ms));
                row.push(if promise.holds() { "yes" } else { "no" }.to_owned());
                row
            }),
        );
        let (flood, left) = (self.flood, self.left_of_flood);
        output.say(format_args!(
            "a flood of {flood} routine images, {left} of them not read at the end; a batch takes {}, {} are allowed for \
             the rest of the way",
            in_ms(self.batch),
            in_ms(ALLOWANCE)
        ));
        if let Some(claims) = &self.claims {
            let (p50, longest) = (in_ms(claims.p50()), in_ms(claims.longest()));
            output.say(format_args!("from stored to asked for, all sites: p50 {p50}, longest {longest}"));
        }
        if cfg!(debug_assertions) {
            output.note("this is a debug build: its times say little");
        }
        output.say(match (self.is_proven(), self.holds()) {
            (false, _) => "nothing is proven: the flood was over before the end; take a larger --flood",
            (true, true) => "the promises hold",
            (true, false) => "the promises do not hold",
        });
    }

    /// The outcome as one JSON object.
    pub(super) fn object(&self) -> Value {
        let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let promises = self.promises();
        let promises = promises.iter().map(|promise| {
            json!({
                "images": promise.images,
                "idle": to_json(promise.idle),
                "beside_flood": to_json(promise.beside),
                "bound_ms": ms(promise.bound),
                "holds": promise.holds(),
            })
        });
        json!({
            "benchmark": "fairness",
            "batch_ms": ms(self.batch),
            "allowance_ms": ms(ALLOWANCE),
            "flood": self.flood,
            "left_of_flood": self.left_of_flood,
            "debug_build": cfg!(debug_assertions),
            "promises": promises.collect::<Vec<_>>(),
            "stored_to_asked_for": self.claims.as_ref().map(to_json),
            "proven": self.is_proven(),
            "holds": self.holds(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_ms(ms: u64) -> Latencies {
        Latencies::of(vec![Duration::from_millis(ms)]).unwrap()
    }

    /// With batches of 700 ms and 750 ms for each image when nothing else is to do.
    fn outcome(urgent_ms: u64, routine_ms: u64) -> FairnessOutcome {
        FairnessOutcome {
            batch: Duration::from_millis(700),
            flood: 10,
            left_of_flood: 1,
            idle_urgent: of_ms(750),
            idle_routine: of_ms(750),
            urgent: of_ms(urgent_ms),
            routine: of_ms(routine_ms),
            claims: None,
        }
    }

    #[test]
    fn an_urgent_image_may_wait_a_batch_and_a_routine_one_its_share_and_a_batch() {
        assert!(outcome(1550, 2300).holds());
        assert!(!outcome(1551, 750).holds());
        assert!(!outcome(750, 2301).holds());
    }

    #[test]
    fn a_flood_that_was_over_proves_nothing() {
        assert!(!FairnessOutcome { left_of_flood: 0, ..outcome(750, 750) }.holds());
    }
}
