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
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Looks for ever. While the log is away the last word stands: another condition says that.
pub async fn watch(log: &Log, health: &Health) -> Infallible {
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use std::sync::Arc;

    use hilum_events::samples;
    use hilum_log::{Failure, Handle, Need, WorkConfig, WorkItem, apply_definitions, work};
    use hilum_servers::{NatsOptions, NatsServer, TestFolder, wait_until};
    use tokio_util::sync::CancellationToken;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    /// A worker with this version of the model; all work is for version 2.
    struct Worker(u32);

    fn version(number: u32) -> Need {
        Need::new(format!("model chest version {number}"), &format!("chest@{number}"))
    }

    impl Handle for Worker {
        async fn handle(&self, _: &WorkItem) -> Result<(), Failure> {
            if self.0 == 2 { Ok(()) } else { Err(Failure::Elsewhere { need: version(2) }) }
        }

        fn has(&self) -> Option<Need> {
            Some(version(self.0))
        }
    }

    async fn work_until(log: &Log, worker: Worker, done: impl AsyncFn() -> bool) {
        let config = WorkConfig {
            consumers: vec!["infer-stat".to_owned(), "infer-routine".to_owned()],
            concurrency: 2,
            handle_limit: LIMIT,
            max_tries: 1,
            max_unanswered: 3,
            drain_limit: Duration::from_secs(5),
        };
        let shutdown = CancellationToken::new();
        let (worked, ()) = tokio::join!(work(log, Arc::new(worker), &config, &shutdown), async {
            assert!(wait_until(LIMIT, || done()).await);
            shutdown.cancel();
        });
        worked.unwrap();
    }

    #[tokio::test]
    async fn what_no_worker_has_is_noted_until_one_comes() {
        let folder = TestFolder::new().unwrap();
        let nats = NatsServer::start(&NatsOptions::in_folder(folder.path().join("nats"))).await.unwrap();
        let log = Log::connect(&nats.url(), "test").await.unwrap();
        assert!(wait_until(LIMIT, || async { log.is_connected() }).await);
        apply_definitions(&log, 1).await.unwrap();
        for (number, content) in [(1, "a"), (2, "b")] {
            log.append(&samples::inference_requested(number, content, 0)).await.unwrap();
        }
        let health = Health::default();
        let noted = || health.readiness().notes.get(NOTE).cloned();
        let looking = async {
            let is_told = async || noted().is_some_and(|text| text.contains(": 2 wait at infer-routine, "));
            work_until(&log, Worker(1), is_told).await;
            let told = noted().unwrap();
            assert!(told.starts_with("no worker has the model chest version 2: "), "{told}");
            assert!(health.readiness().ready, "dedupe does its work");
            work_until(&log, Worker(2), async || noted().is_none()).await;
        };
        tokio::select! {
            () = looking => {}
            never = watch(&log, &health) => match never {},
        }
    }
}
