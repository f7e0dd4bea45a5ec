//! A fact as JSON, for people who look into the log. Programs read the CBOR form.

use hilum_api::LoggedEvent;
use hilum_events::{Envelope, Event, EventId};
use serde_json::{Value, json};

/// The envelope with its payload, ids and hashes as text.
pub(super) fn logged(envelope: &Envelope) -> LoggedEvent {
    LoggedEvent {
        causation_id: envelope.causation_id.map(EventId::as_uuid),
        correlation_id: envelope.correlation_id,
        event_id: envelope.event_id,
        name: envelope.event.name().to_owned(),
        occurred_at: envelope.occurred_at,
        payload: payload(&envelope.event),
        site: envelope.site.clone(),
    }
}

fn payload(event: &Event) -> Value {
    match event {
        Event::ImageStored(event) => json!(event),
        Event::InferenceRequested(event) => json!(event),
        Event::DuplicateLinked(event) => json!(event),
        Event::InferenceCompleted(event) => json!(event),
        Event::InferenceFailed(event) => json!(event),
        Event::JobDeadLettered(event) => json!(event),
        Event::DeadLetterResolved(event) => json!(event),
        Event::StudyCloseRequested(event) => json!(event),
        Event::StudyManifestReceived(event) => json!(event),
        Event::StudyFlagged(event) => json!(event),
        Event::ReportIssued(event) => json!(event),
        Event::ReportDelivered(event) => json!(event),
        Event::DeliveryFailed(event) => json!(event),
        Event::DeliveryResolved(event) => json!(event),
        Event::LogLossAccepted(event) => json!(event),
        Event::ImageTakenOut(event) => json!(event),
    }
}

#[cfg(test)]
mod tests {
    use hilum_events::samples::{job_id, one_of_each};

    use super::*;

    #[test]
    fn every_fact_has_a_json_form() {
        for envelope in one_of_each() {
            let value = json!(logged(&envelope));
            assert_eq!(value["name"], envelope.event.name());
            assert!(value["payload"].is_object(), "{value}");
        }
        let first = json!(logged(&one_of_each()[0]));
        assert_eq!(first["payload"]["job_id"], job_id(1).to_string());
        assert_eq!(first["payload"]["image"]["blob"]["sha256"].as_str().unwrap().len(), 64);
    }
}
