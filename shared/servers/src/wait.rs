//! Waiting for what can be asked.

use std::future::Future;
use std::time::{Duration, Instant};

/// Asks `condition` again and again until it holds (`true`) or `limit` has passed (`false`); `Duration::MAX` is no limit.
pub async fn wait_until<F, Fut>(limit: Duration, mut condition: F) -> bool
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let deadline = Instant::now().checked_add(limit);
    loop {
        if condition().await {
            return true;
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
