//! The figures of `/v1/ops/metrics`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How it went in the last minutes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OpsMetrics {
    /// How many seconds the figures are of.
    pub window_s: u64,
    /// Jobs that completed in the window, per second of the whole window.
    pub images_per_s: f64,
    /// Jobs that completed in the window.
    pub completed: u64,
    /// Jobs that failed in the window.
    pub failed: u64,
    /// Of the jobs that ended; 0 when none did.
    #[schema(minimum = 0, maximum = 1)]
    pub failure_rate: f64,
    /// From taking an image in to the end of its job, milliseconds; null when none ended.
    pub latency_ms: Latency,
    /// What waits at each durable consumer; null when the event log is away.
    #[schema(required)]
    pub queue_depths: Option<Vec<Queue>>,
    /// Work that waits because no worker has what it needs, such as a version of the model.
    pub unserved: Vec<UnservedNeed>,
    /// How far the answers of this API are behind the event log.
    pub projection: ProjectionPosition,
    /// Messages that this release could not fold, kept in table `unreadable`.
    pub unreadable: u64,
}

/// Percentiles, milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Latency {
    /// Median.
    #[schema(required)]
    pub p50: Option<f64>,
    /// 95th percentile.
    #[schema(required)]
    pub p95: Option<f64>,
    /// 99th percentile.
    #[schema(required)]
    pub p99: Option<f64>,
}

/// What waits at a durable consumer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Queue {
    /// The consumer.
    pub consumer: String,
    /// Messages that wait.
    pub waiting: u64,
    /// Messages that a worker has.
    pub in_hand: u64,
    /// Of sites that have queues of their own: what waits or is in hand, where there is any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_site: BTreeMap<String, u64>,
}

/// Work that waits because no worker has what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnservedNeed {
    /// What it needs.
    pub need: String,
    /// The consumer at which it waits.
    pub consumer: String,
    /// How many messages wait for it.
    pub waiting: u64,
    /// When the first of it began to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// How far the tables are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectionPosition {
    /// Position of the last event that was folded.
    pub position: u64,
    /// Position of the last event of the log; null when the log is away.
    #[schema(required)]
    pub log_last_seq: Option<u64>,
    /// How many positions lie between them; null when the log is away.
    #[schema(required)]
    pub lag: Option<u64>,
}
