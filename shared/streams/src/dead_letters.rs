//! Where dead letters stand: a stream for each service that gives up, a subject for each message.

use crate::consumers::{service_of, target_of};

/// The stream of what the service of this consumer gave up.
pub fn dead_letter_stream(consumer: &str) -> String {
    format!("DLQ_{}", service_of(consumer).to_ascii_uppercase())
}

/// Where the dead letter of the message at `stream_seq` stands. A message that several targets get has one for each of them.
pub fn dead_letter_subject(consumer: &str, stream_seq: u64) -> String {
    let service = service_of(consumer);
    match target_of(consumer) {
        Some(target) => format!("dlq.{service}.{target}.{stream_seq}"),
        None => format!("dlq.{service}.{stream_seq}"),
    }
}

#[cfg(test)]
mod tests {
    use hilum_events::finds;

    use super::*;
    use crate::definition::definitions;

    #[test]
    fn a_dead_letter_stands_in_the_stream_of_its_service() {
        for (consumer, subject) in [
            ("deliver-pacs-two", "dlq.deliver.pacs-two.7"),
            ("infer-stat", "dlq.infer.7"),
            ("dedupe", "dlq.dedupe.7"),
        ] {
            assert_eq!(dead_letter_subject(consumer, 7), subject);
            let stream = dead_letter_stream(consumer);
            let declared = definitions().into_iter().find(|definition| definition.name == stream).unwrap();
            assert!(declared.subjects.iter().any(|filter| finds(filter, subject)), "{subject}");
        }
    }
}
