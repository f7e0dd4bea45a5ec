//! `GET /v1/ops/metrics`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use hilum_api::{Latency, OpsMetrics, Problem, ProjectionPosition, Queue, UnservedNeed, problems, samples};
use hilum_log::{QueueDepth, SiteQueue, Unmet};
use jiff::Timestamp;

use super::Api;
use super::error::database;
use crate::queries::Ended;

const WINDOW: Duration = Duration::from_secs(300);

problems!(MetricsProblems:);

/// How it went in the last 5 minutes
#[utoipa::path(
    get,
    path = "/v1/ops/metrics",
    operation_id = "showMetrics",
    tag = "operation",
    responses(
        (status = 200, description = "the figures", body = OpsMetrics, example = json!(samples::ops_metrics())),
        MetricsProblems,
    )
)]
pub(super) async fn metrics(State(api): State<Api>) -> Result<Json<OpsMetrics>, Problem> {
    // By the clock that stamped the facts; without the log's server, its own must do.
    let now = api.log.clock().now().unwrap_or_else(Timestamp::now);
    let ended = api.queries.ended_since(now - WINDOW).await.map_err(database)?;
    let queue_depths = api.log.queue_depths().await.ok();
    let by_site = api.log.waiting_by_site();
    let log_last_seq = api.log.position().await.ok().map(|log| log.last_seq);
    let position = api.progress.position();
    let lag = log_last_seq.map(|last| last.saturating_sub(position));
    let projection = ProjectionPosition { position, log_last_seq, lag };
    Ok(Json(OpsMetrics {
        window_s: WINDOW.as_secs(),
        images_per_s: ended.completed as f64 / WINDOW.as_secs_f64(),
        completed: ended.completed,
        failed: ended.failed,
        failure_rate: failure_rate(&ended),
        latency_ms: latency(&ended),
        queue_depths: queue_depths.map(|depths| queues(&depths, &by_site)),
        unserved: api.unserved.look(&api.log).await.into_iter().map(unserved).collect(),
        projection,
        unreadable: ended.unreadable,
    }))
}

fn failure_rate(ended: &Ended) -> f64 {
    let all = ended.completed + ended.failed;
    if all == 0 { 0.0 } else { ended.failed as f64 / all as f64 }
}

fn latency(ended: &Ended) -> Latency {
    ended.latency_ms.map_or_else(Latency::default, |[p50, p95, p99]| Latency {
        p50: Some(p50),
        p95: Some(p95),
        p99: Some(p99),
    })
}

fn unserved(Unmet { need, consumer, waiting, since, .. }: Unmet) -> UnservedNeed {
    UnservedNeed { need, consumer, waiting, since }
}

/// One for each consumer, whatever lanes it has.
fn queues(depths: &[QueueDepth], by_site: &[SiteQueue]) -> Vec<Queue> {
    let mut queues: Vec<Queue> = Vec::new();
    for QueueDepth { consumer, waiting, in_hand, .. } in depths {
        if queues.last().is_none_or(|last| last.consumer != *consumer) {
            let of_consumer = by_site.iter().filter(|queue| queue.consumer == consumer);
            let by_site = of_consumer.map(|queue| (queue.site.to_string(), queue.messages)).collect();
            queues.push(Queue { consumer: consumer.clone(), waiting: 0, in_hand: 0, by_site });
        }
        let Some(queue) = queues.last_mut() else { continue };
        queue.waiting += waiting;
        queue.in_hand += in_hand;
    }
    queues
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lanes_of_a_consumer_are_told_as_one_queue_with_who_waits_in_it() {
        let depth = |consumer: &str, lane: Option<u16>, waiting, in_hand| QueueDepth {
            consumer: consumer.to_owned(),
            lane,
            waiting,
            in_hand,
            settled: 7,
        };
        let depths = [
            depth("dedupe", None, 1, 2),
            depth("infer-routine", None, 0, 0),
            depth("infer-routine", Some(0), 30, 4),
            depth("infer-routine", Some(1), 0, 0),
            depth("infer-routine-retry", None, 5, 0),
        ];
        let north = "north".parse().unwrap();
        let by_site = [SiteQueue { consumer: "infer-routine", site: north, messages: 34 }];
        let expected = serde_json::json!([
            { "consumer": "dedupe", "waiting": 1, "in_hand": 2 },
            { "consumer": "infer-routine", "waiting": 30, "in_hand": 4, "by_site": { "north": 34 } },
            { "consumer": "infer-routine-retry", "waiting": 5, "in_hand": 0 },
        ]);
        assert_eq!(serde_json::to_value(queues(&depths, &by_site)).unwrap(), expected);
    }
}
