//! Tells of images that wait because no worker has the model they are to be read by: this service asks for models, so it
//! says what became of that. Decides nothing.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use hilum_log::{Log, Unmet};
use hilum_runtime::Health;
use jiff::Timestamp;

/// Of readiness.
const NOTE: &str = "unserved";
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Looks for ever. While the log is away the last word stands: another condition says that.
pub(crate) async fn watch(log: &Log, health: &Health) -> Infallible {
    let mut told: BTreeMap<String, u64> = BTreeMap::new();
    loop {
        if let (Ok(unmet), Some(now)) = (log.unmet_needs().await, log.clock().now()) {
            told.values_mut().for_each(|waiting| *waiting = 0);
            for Unmet { need, waiting, .. } in &unmet {
                *told.entry(need.clone()).or_default() += waiting;
            }
            for (need, waiting) in &told {
                metrics::gauge!("hilum_unserved_images", "need" => need.clone()).set(*waiting as f64);
            }
            health.note(NOTE, note(&unmet, now));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What somebody has to look at, if anything.
fn note(unmet: &[Unmet], now: Timestamp) -> Option<String> {
    let sentences: Vec<_> = unmet.iter().map(|unmet| unmet.sentence(now)).collect();
    (!sentences.is_empty()).then(|| format!("{}; start a worker with it", sentences.join("; ")))
}
