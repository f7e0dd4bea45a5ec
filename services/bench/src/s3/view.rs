//! How fast images were taken in both ways, the verdict, and how both are shown.

use std::time::Duration;

use hilum_terminal::Output;
use serde_json::{Value, json};

/// As many images each way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub(super) images: u32,
    /// What the uploads took.
    pub(super) uploads: Duration,
    /// What it took until all notified objects were taken in.
    pub(super) objects: Duration,
}

/// All rounds.
pub(super) struct S3Outcome {
    pub(super) rounds: Vec<Round>,
}

impl S3Outcome {
    /// Images per second by HTTP, and notified ones.
    fn rates(&self) -> [f64; 2] {
        let images: f64 = self.rounds.iter().map(|round| f64::from(round.images)).sum();
        let uploads: Duration = self.rounds.iter().map(|round| round.uploads).sum();
        let objects: Duration = self.rounds.iter().map(|round| round.objects).sum();
        [uploads, objects].map(|took| images / took.as_secs_f64())
    }

    fn ratio(&self) -> f64 {
        let [uploads, objects] = self.rates();
        objects / uploads
    }

    /// Whether notified objects are as fast as uploads.
    pub(super) fn holds(&self) -> bool {
        !self.rounds.is_empty() && self.ratio() >= 1.0
    }

    pub(super) fn show(&self, output: Output) {
        let [uploads, objects] = self.rates();
        let header = ["uploads/s", "notified objects/s", "ratio"];
        let row = vec![format!("{uploads:.1}"), format!("{objects:.1}"), format!("{:.2}", self.ratio())];
        output.table(&header, [row]);
        if cfg!(debug_assertions) {
            output.note("this is a debug build: its times say little");
        }
        output.say(if self.holds() { "the promise holds" } else { "the promise does not hold" });
    }

    /// The outcome as one JSON object.
    pub(super) fn object(&self) -> Value {
        let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let [uploads, objects] = self.rates();
        let rounds = self.rounds.iter().map(|round| {
            json!({ "images": round.images, "uploads_ms": ms(round.uploads), "objects_ms": ms(round.objects) })
        });
        json!({
            "benchmark": "s3",
            "debug_build": cfg!(debug_assertions),
            "uploads_per_second": uploads,
            "objects_per_second": objects,
            "ratio": self.ratio(),
            "rounds": rounds.collect::<Vec<_>>(),
            "holds": self.holds(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_promise_is_the_rate_of_uploads_over_all_rounds() {
        let round = |uploads: u64, objects: u64| Round {
            images: 10,
            uploads: Duration::from_millis(uploads),
            objects: Duration::from_millis(objects),
        };
        assert!(S3Outcome { rounds: vec![round(100, 120), round(130, 110)] }.holds());
        assert!(!S3Outcome { rounds: vec![round(100, 101)] }.holds());
        assert!(!S3Outcome { rounds: Vec::new() }.holds());
    }
}
