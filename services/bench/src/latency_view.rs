//! How durations are shown by all measurements.

use std::time::Duration;

use serde_json::{Value, json};

use super::statistics::Latencies;

/// The number of latencies and their percentiles in milliseconds, as JSON.
pub(super) fn to_json(latencies: &Latencies) -> Value {
    let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
    json!({
        "count": latencies.count(),
        "p50_ms": ms(latencies.p50()),
        "p95_ms": ms(latencies.p95()),
        "p99_ms": ms(latencies.p99()),
        "longest_ms": ms(latencies.longest()),
    })
}

/// A duration in milliseconds, for a table.
pub(super) fn in_ms(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}
