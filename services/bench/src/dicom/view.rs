//! How fast studies were taken, the verdict, and how both are shown.

use std::time::Duration;

use hilum_terminal::Output;
use serde_json::{Value, json};

use super::super::statistics::Latencies;

/// One study to each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub(super) associations: u16,
    pub(super) own: Duration,
    /// What it took the other archive, if there is one.
    pub(super) beside: Option<Duration>,
}

/// All rounds.
pub(super) struct DicomOutcome {
    pub(super) images: u32,
    /// Of the pixels of an image.
    pub(super) image_bytes: u64,
    pub(super) rounds: Vec<Round>,
}

/// The rounds with so many associations, and their medians.
struct Row {
    associations: u16,
    own: Duration,
    beside: Option<Duration>,
}

impl Row {
    /// How many times as fast as the other.
    fn ratio(&self) -> Option<f64> {
        self.beside.map(|beside| beside.as_secs_f64() / self.own.as_secs_f64())
    }
}

impl DicomOutcome {
    /// Whether there is something to compare with, and that was faster.
    pub(super) fn holds(&self) -> bool {
        self.rows().iter().all(|row| row.ratio().is_none_or(|ratio| ratio >= 1.0))
    }

    fn rows(&self) -> Vec<Row> {
        let mut numbers: Vec<u16> = self.rounds.iter().map(|round| round.associations).collect();
        numbers.dedup();
        let median = |times: Vec<Duration>| Latencies::of(times).map(|latencies| latencies.p50());
        let row = |associations| {
            let rounds = || self.rounds.iter().filter(move |round| round.associations == associations);
            let own = median(rounds().map(|round| round.own).collect()).unwrap_or_default();
            let beside = median(rounds().filter_map(|round| round.beside).collect());
            Row { associations, own, beside }
        };
        numbers.into_iter().map(row).collect()
    }

    fn per_second(&self, took: Duration) -> f64 {
        f64::from(self.images) / took.as_secs_f64()
    }

    #[expect(clippy::cast_precision_loss, reason = "a size of images, shown with a digit behind the point")]
    fn megabytes_per_second(&self, took: Duration) -> f64 {
        self.per_second(took) * self.image_bytes as f64 / 1e6
    }

    pub(super) fn show(&self, output: Output) {
        let header = ["associations", "images/s", "MB/s", "beside: images/s", "MB/s", "ratio"];
        let rows = self.rows().into_iter().map(|row| {
            let speed = |took: Option<Duration>| {
                let of = |number: f64| format!("{number:.1}");
                took.map_or(["-".to_owned(), "-".to_owned()], |took| {
                    [of(self.per_second(took)), of(self.megabytes_per_second(took))]
                })
            };
            let [own, own_mb] = speed(Some(row.own));
            let [beside, beside_mb] = speed(row.beside);
            let ratio = row.ratio().map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
            vec![row.associations.to_string(), own, own_mb, beside, beside_mb, ratio]
        });
        output.table(&header, rows);
        output.say(format_args!(
            "medians of studies of {} images, {:.1} MB each",
            self.images,
            self.megabytes_per_second(Duration::from_secs(1)) / f64::from(self.images)
        ));
        if cfg!(debug_assertions) {
            output.note("this is a debug build: its times say little");
        }
        if self.rounds.iter().any(|round| round.beside.is_some()) {
            output.say(if self.holds() { "the promise holds" } else { "the promise does not hold" });
        }
    }

    /// The outcome as one JSON object.
    pub(super) fn object(&self) -> Value {
        let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let rounds = self.rounds.iter().map(|round| {
            json!({
                "associations": round.associations,
                "own_ms": ms(round.own),
                "beside_ms": round.beside.map(ms),
            })
        });
        let ratios = self.rows().into_iter().map(|row| {
            json!({
                "associations": row.associations,
                "images_per_second": self.per_second(row.own),
                "megabytes_per_second": self.megabytes_per_second(row.own),
                "beside_images_per_second": row.beside.map(|took| self.per_second(took)),
                "ratio": row.ratio(),
            })
        });
        json!({
            "benchmark": "dicom",
            "images": self.images,
            "image_bytes": self.image_bytes,
            "debug_build": cfg!(debug_assertions),
            "rounds": rounds.collect::<Vec<_>>(),
            "medians": ratios.collect::<Vec<_>>(),
            "holds": self.holds(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(associations: u16, own_ms: u64, beside_ms: Option<u64>) -> Round {
        let beside = beside_ms.map(Duration::from_millis);
        Round { associations, own: Duration::from_millis(own_ms), beside }
    }

    #[test]
    fn the_promise_is_the_speed_of_the_other_at_every_number_of_associations() {
        let outcome = |rounds| DicomOutcome { images: 10, image_bytes: 1_000_000, rounds };
        assert!(outcome(vec![round(1, 500, None), round(4, 900, None)]).holds());
        assert!(outcome(vec![round(1, 500, Some(500)), round(4, 300, Some(500))]).holds());
        let slower = outcome(vec![round(1, 500, Some(900)), round(4, 501, Some(500))]);
        assert!(!slower.holds());
        assert!((slower.per_second(Duration::from_millis(500)) - 20.0).abs() < 1e-9);
        assert!((slower.megabytes_per_second(Duration::from_secs(1)) - 10.0).abs() < 1e-9);
    }
}
