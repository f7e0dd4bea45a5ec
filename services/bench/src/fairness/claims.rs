//! How long images wait before a reading is asked for: the way through dedupe, which all sites share.

use std::collections::HashMap;
use std::time::Duration;

use hilum_events::Event;

use super::super::statistics::Latencies;
use super::super::temporary::Temporary;
use crate::error::Error;

/// From when an image was stored in the log to when the request for its reading was, of all images behind `after_seq`
/// that are asked for so far; `None` if none is.
///
/// # Errors
/// The log does not answer.
pub(super) async fn claims_since(stack: &Temporary, after_seq: u64) -> Result<Option<Latencies>, Error> {
    let end = stack.log.position().await.map_err(stack.unavailable())?.last_seq;
    let mut follower = stack.log.follow(after_seq, &[]);
    let (mut stored, mut waited) = (HashMap::new(), Vec::new());
    let mut seq = after_seq;
    while seq < end {
        let fact = follower.next().await;
        seq = fact.seq;
        match fact.envelope().map(|envelope| &envelope.event) {
            Some(Event::ImageStored(image)) => {
                stored.insert(image.job_id, fact.stored_at);
            }
            Some(Event::InferenceRequested(request)) => {
                let since = stored.remove(&request.job_id);
                let wait = since.map(|since| fact.stored_at.duration_since(since));
                waited.extend(wait.and_then(|wait| Duration::try_from(wait).ok()));
            }
            _ => {}
        }
    }
    Ok(Latencies::of(waited))
}
