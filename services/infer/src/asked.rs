//! What the log says of a request before it is served, and how it takes the outcome: which of several attempts at one
//! reading counts. Knows no image and no model.

use hilum_events::{Envelope, Event, InferenceRequested, Priority, claim_filter, completed_filter};
use hilum_log::{AppendError, Failure, Log, Recorded};

/// Whether the worker that has this request in hand must still make the reading.
///
/// # Errors
/// When the log is away.
pub async fn is_wanted(log: &Log, request: &InferenceRequested) -> Result<bool, Failure> {
    let is_made = log.last(&completed_filter(request.reading_id)).await?.is_some();
    Ok(!is_made && !is_wanted_sooner(log, request).await?)
}

/// Whether a further attempt stands in the log, which is handed out before routine ones. This one need not be made.
async fn is_wanted_sooner(log: &Log, request: &InferenceRequested) -> Result<bool, Failure> {
    if request.priority == Priority::Stat {
        return Ok(false);
    }
    let newest = log.last(&claim_filter(request.reading_id)).await?;
    let newest = newest.as_ref().and_then(Recorded::envelope).map(|envelope| &envelope.event);
    Ok(matches!(newest, Some(Event::InferenceRequested(newest)) if newest.attempt > request.attempt))
}

/// Tells the outcome. `false` when a worker of an earlier attempt that was thought dead has answered first: the reading
/// is made.
///
/// # Errors
/// When the log is away or is another one.
pub async fn tell(log: &Log, outcome: &Envelope) -> Result<bool, Failure> {
    match log.append(outcome).await {
        Ok(_) => Ok(true),
        Err(AppendError::Taken(found)) if is_completed(&found) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn is_completed(found: &Recorded) -> bool {
    found.envelope().is_some_and(|envelope| matches!(envelope.event, Event::InferenceCompleted(_)))
}
