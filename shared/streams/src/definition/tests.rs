//! What the files of `streams/` declare keeps what the streams promise.

use hilum_events::{finds, in_lane, samples};

use super::*;
use crate::consumers::service_of;
use crate::dead_letters::dead_letter_subject;
use crate::lanes::{consumer_of, declared_consumers, lanes_of};
use crate::ticket_subject::TicketSubject;

#[test]
fn each_stream_has_its_consumers_and_each_service_that_gives_up_its_dead_letters() {
    let definitions = definitions();
    let find = |name: &str| definitions.iter().find(|definition| definition.name == name).unwrap();
    let names = |stream: &str| -> Vec<&str> {
        find(stream).consumers.iter().map(|consumer| consumer.name.as_str()).collect()
    };
    assert_eq!(names(EVENTS), ["dedupe", "infer-stat", "infer-routine"]);
    assert_eq!(names(RETRIES), ["dedupe-retry", "infer-stat-retry", "infer-routine-retry"]);
    assert!(names(ADVISORIES).is_empty() && !find(ADVISORIES).keeps_all() && find(EVENTS).keeps_all());
    for service in ["dedupe", "deliver", "infer", "sweep"] {
        let stream = find(&format!("DLQ_{}", service.to_ascii_uppercase()));
        assert_eq!(stream.subjects, [format!("dlq.{service}.>")]);
        assert!(stream.keeps_all());
    }
}
#[test]
fn every_message_is_taken_by_one_stream_and_what_fails_in_it_by_one_consumer() {
    let takers = |subject: &str| -> Vec<String> {
        let takes = |it: &StreamDefinition| it.subjects.iter().any(|filter| finds(filter, subject));
        definitions().into_iter().filter(takes).map(|definition| definition.name).collect()
    };
    for envelope in samples::one_of_each() {
        assert_eq!(takers(&envelope.subject()), [EVENTS]);
    }
    assert_eq!(takers(&in_lane(&samples::inference_requested(1, "a", 0).subject(), 7)), [EVENTS]);
    assert_eq!(takers("picture.1"), [PICTURES]);
    for kind in ["MAX_DELIVERIES", "MSG_TERMINATED"] {
        assert_eq!(takers(&format!("$JS.EVENT.ADVISORY.CONSUMER.{kind}.EVENTS.dedupe")), [ADVISORIES]);
    }
    assert_eq!(takers(&dead_letter_subject("deliver-pacs", 7)), ["DLQ_DELIVER"]);
    for consumer in declared_consumers(EVENTS) {
        let ticket = TicketSubject { consumer: &consumer.name, stream_seq: 7 };
        for subject in [ticket.due(), ticket.later(), ticket.for_need("0a")] {
            assert_eq!(takers(&subject), [RETRIES]);
        }
        let hands_out = |it: &&ConsumerDefinition| finds(&it.filter_subjects[0], &ticket.due());
        let names: Vec<&str> =
            declared_consumers(RETRIES).filter(hands_out).map(|it| it.name.as_str()).collect();
        assert_eq!(names, [retry_consumer(&consumer.name)]);
    }
}

#[test]
fn each_fact_that_is_work_is_handed_to_who_does_it() {
    let work = ["image-stored", "dead-letter-resolved", "study-flagged", "inference-requested"];
    for envelope in samples::one_of_each() {
        let name = envelope.event.name();
        let service = consumer_of(&envelope.subject()).map(service_of);
        let expected = work.contains(&name).then_some(if name == work[3] { "infer" } else { "dedupe" });
        assert_eq!(service, expected, "{name}");
    }
}

#[test]
fn a_stream_lets_go_only_of_what_may_be_forgotten() {
    let mut longest_fact = 0;
    for definition in definitions() {
        let StreamDefinition { name, retention, schedules, max_age_s, max_messages, .. } = &definition;
        assert_eq!(*schedules, name == RETRIES, "{name}");
        assert!(definition.duplicate_window_s >= 120, "{name}");
        match name.as_str() {
            RETRIES | NOTIFICATIONS | COMMITMENTS => {
                assert_eq!((*retention, *max_age_s), (Retention::WorkQueue, 0))
            }
            // What is parked and what was seen can be had from the buckets again.
            PARKED_NOTIFICATIONS | SEEN_OBJECTS | UPLOADED_OBJECTS => {
                assert_eq!((*retention, *max_age_s), (Retention::Newest, 0));
                assert!(*max_messages >= 100_000);
            }
            // What is not known to be held is sent again.
            PICTURES | HELD_INSTANCES => {
                assert_eq!((*retention, *max_age_s), (Retention::Newest, 0));
                assert!(*max_messages >= 1_000_000);
            }
            // The sweep, which compares them with the dead letters, may be away for weeks.
            ADVISORIES => assert!(*retention == Retention::Kept && *max_age_s >= 30 * 86_400),
            _ => assert!(definition.keeps_all(), "{name}"),
        }
        match name.as_str() {
            EVENTS => longest_fact = definition.max_message_bytes,
            // A ticket has the story of the tries, a dead letter the fact besides.
            RETRIES => assert!(definition.max_message_bytes >= longest_fact),
            letters if letters.starts_with("DLQ_") => {
                assert!(definition.max_message_bytes > longest_fact, "{letters}");
            }
            _ => {}
        }
    }
    assert!(longest_fact >= 1 << 20, "facts of a release before would not fit");
}

#[test]
fn consumers_wait_for_workers_and_no_lane_is_ever_taken_away() {
    // The services' own limit of workers that never answer is 3; the server's is the net below it.
    const WORKERS_THAT_NEVER_ANSWER: i64 = 3;
    for consumer in [EVENTS, RETRIES].into_iter().flat_map(declared_consumers) {
        let ConsumerDefinition { name, ack_wait_s, max_deliver, max_ack_pending, .. } = consumer;
        assert!(*max_deliver > WORKERS_THAT_NEVER_ANSWER + 1, "{name}");
        // A worker reports three times in this time.
        assert!((15..=120).contains(ack_wait_s), "{name}");
        assert!(*max_ack_pending >= 512, "{name}: two workers have several hundred in hand");
    }
    // What waits in a lane of a release before would be handed out by nobody.
    for (name, common, own) in [("infer-stat", 4, 12), ("infer-routine", 8, 24)] {
        let lanes = lanes_of(name).unwrap();
        assert!(lanes.common >= common && lanes.count() >= common + own, "{name}: {lanes:?}");
    }
}
