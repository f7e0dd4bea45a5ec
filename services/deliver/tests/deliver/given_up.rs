//! What a target does not take is given up with its story, and delivered after a redrive.

use hilum_events::{DeliveryFailed, DeliveryResolved, Envelope, Event, Resolution};
use jiff::Timestamp;

use crate::bench::Bench;
use crate::receiver::Receiver;
use crate::webhooks::webhook;

/// As an operator's redrive appends it.
async fn redrive(bench: &Bench, failed: &Envelope) {
    let Event::DeliveryFailed(DeliveryFailed { study_id, matter, target, attempt, .. }) =
        failed.event.clone()
    else {
        panic!("{failed:?}")
    };
    let (resolution, by, why) = (Resolution::Redrive, "ada".to_owned(), "it is back".to_owned());
    let decision = DeliveryResolved { study_id, matter, target, attempt, resolution, by, why };
    let event = Event::DeliveryResolved(decision);
    bench.log.append(&failed.next(Timestamp::now(), event)).await.unwrap();
}

fn told(failed: &Envelope) -> &DeliveryFailed {
    match &failed.event {
        Event::DeliveryFailed(failed) => failed,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_refused_is_given_up_at_once_and_delivered_after_a_redrive() {
    let bench = Bench::new().await;
    let receiver = Receiver::start(&[(400, "no \u{7} such\nthing")]).await;
    let other = Receiver::start(&[]).await;
    let targets =
        [webhook(&bench, "desk", &receiver.url, ""), webhook(&bench, "other", &other.url, "")].concat();
    let copy = bench.start(&targets).await;
    let seq = bench.issue(1, "{}").await;
    let fact = bench.fact("evt.delivery-failed.*.*.report-1.desk.1").await;
    let failed = told(&fact);
    assert_eq!((failed.tries, failed.stream_seq, failed.consumer.as_str()), (1, seq, "deliver-desk"));
    assert_eq!(failed.reason, "it answered HTTP 400");
    let letter = bench.log.dead_letter("deliver-desk", seq).await.unwrap().unwrap();
    assert_eq!(letter.tries.len(), 1);
    bench.delivered("other", 1).await;
    assert!(bench.log.dead_letter("deliver-other", seq).await.unwrap().is_none());

    redrive(&bench, &fact).await;
    let delivered = bench.delivered("desk", 1).await;
    assert_eq!(delivered.attempt, 2);
    copy.stop().await;
    assert_eq!((receiver.got().len(), other.got().len()), (2, 1), "the redrive was for one target");
}

#[tokio::test]
async fn tries_are_counted_and_two_targets_have_each_its_story() {
    let bench = Bench::new().await;
    let busy: [(u16, &str); 8] = [(503, "busy"); 8];
    let receiver = Receiver::start(&busy).await;
    let targets = [
        webhook(&bench, "desk", &receiver.url, "tries = 2"),
        webhook(&bench, "pager", &receiver.url, "tries = 2"),
    ];
    let copy = bench.start(&targets.concat()).await;
    let seq = bench.issue(1, "{}").await;
    for target in ["desk", "pager"] {
        let fact = bench.fact(&format!("evt.delivery-failed.*.*.report-1.{target}.1")).await;
        assert_eq!((told(&fact).tries, told(&fact).reason.as_str()), (2, "it is busy: it answered HTTP 503"));
        let letter = bench.log.dead_letter(&format!("deliver-{target}"), seq).await.unwrap().unwrap();
        assert_eq!((letter.consumer, letter.tries.len()), (format!("deliver-{target}"), 2));
    }
    copy.stop().await;
}

#[tokio::test]
async fn what_was_taken_is_not_sent_again() {
    let bench = Bench::new().await;
    let receiver = Receiver::start(&[(422, "")]).await;
    let targets = webhook(&bench, "desk", &receiver.url, "");
    let copy = bench.start(&targets).await;
    bench.issue(1, "{}").await;
    let failed = bench.fact("evt.delivery-failed.*.*.report-1.desk.1").await;
    redrive(&bench, &failed).await;
    bench.delivered("desk", 1).await;
    // Somebody asks once more though it was taken, and for a report that was never issued.
    let Event::DeliveryFailed(mut again) = failed.event.clone() else { panic!("{failed:?}") };
    again.attempt = 2;
    redrive(&bench, &Envelope { event: Event::DeliveryFailed(again.clone()), ..failed.clone() }).await;
    again.matter = hilum_events::Matter::Report(7);
    redrive(&bench, &Envelope { event: Event::DeliveryFailed(again), ..failed.clone() }).await;
    let unknown = bench.fact("evt.delivery-failed.*.*.report-7.desk.3").await;
    assert!(told(&unknown).reason.contains("report-7 of study"), "{unknown:?}");
    copy.stop().await;
    assert_eq!(receiver.got().len(), 2);
}
