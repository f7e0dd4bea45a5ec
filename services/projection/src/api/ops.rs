//! `GET /v1/ops/metrics`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use hilum_log::QueueDepth;
use hilum_runtime::Problem;
use jiff::Timestamp;
use serde::Serialize;

use super::Api;
use super::error::database;
use crate::queries::Ended;

const WINDOW: Duration = Duration::from_secs(300);

#[derive(Serialize)]
pub(super) struct OpsMetrics {
    window_s: u64,
    /// Jobs that completed in the window, per second of the whole window.
    images_per_s: f64,
    completed: u64,
    failed: u64,
    /// Of the jobs that ended, 0 to 1; 0 when none did.
    failure_rate: f64,
    latency_ms: Latency,
    /// `null` when the log is away.
    queue_depths: Option<Vec<Queue>>,
    projection: Fold,
    unreadable: u64,
}

#[derive(Default, Serialize)]
struct Latency {
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

#[derive(Serialize)]
struct Queue {
    consumer: String,
    waiting: u64,
    in_hand: u64,
}

#[derive(Serialize)]
struct Fold {
    position: u64,
    log_last_seq: Option<u64>,
    lag: Option<u64>,
}

pub(super) async fn metrics(State(api): State<Api>) -> Result<Json<OpsMetrics>, Problem> {
    let ended = api.queries.ended_since(Timestamp::now() - WINDOW).await.map_err(database)?;
    let queue_depths = api.log.queue_depths().await.ok();
    let log_last_seq = api.log.position().await.ok().map(|log| log.last_seq);
    let position = api.progress.position();
    let lag = log_last_seq.map(|last| last.saturating_sub(position));
    let projection = Fold { position, log_last_seq, lag };
    Ok(Json(OpsMetrics {
        window_s: WINDOW.as_secs(),
        images_per_s: ended.completed as f64 / WINDOW.as_secs_f64(),
        completed: ended.completed,
        failed: ended.failed,
        failure_rate: failure_rate(&ended),
        latency_ms: Latency::of(&ended),
        queue_depths: queue_depths.map(|depths| depths.into_iter().map(Queue::from).collect()),
        projection,
        unreadable: ended.unreadable,
    }))
}

fn failure_rate(ended: &Ended) -> f64 {
    let all = ended.completed + ended.failed;
    if all == 0 { 0.0 } else { ended.failed as f64 / all as f64 }
}

impl Latency {
    fn of(ended: &Ended) -> Self {
        ended.latency_ms.map_or_else(Self::default, |[p50, p95, p99]| Self {
            p50: Some(p50),
            p95: Some(p95),
            p99: Some(p99),
        })
    }
}

impl From<QueueDepth> for Queue {
    fn from(depth: QueueDepth) -> Self {
        Self { consumer: depth.consumer, waiting: depth.waiting, in_hand: depth.in_hand }
    }
}
