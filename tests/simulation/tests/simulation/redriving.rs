//! What the simulation has found, on its own.

use std::sync::Arc;

use hilum_dedupe::Dedupe;
use hilum_events::{Event, ReaderIdentity, Resolution, Sha256Digest, Site, claim_filter, samples};
use hilum_log::{Handout, Log, Reply, Try, WorkConfig, Worker};
use hilum_simulation::Shared;
use jiff::Timestamp;

fn reader() -> ReaderIdentity {
    let rules_sha256 = Sha256Digest::of(b"rules");
    ReaderIdentity { release: "1.0.0".to_owned(), model: samples::model(), rules_sha256 }
}

/// Two jobs asked for one reading, one after the other was given up, and both were. An operator redrives the first.
#[test]
fn a_redrive_of_an_earlier_attempt_begins_the_latest_anew_if_that_was_given_up_too() {
    let shared = Shared::new(1);
    let log = Log::kept_by(Arc::new(shared.clone()));
    shared.complete(async {
        let first = samples::inference_requested(1, "a", 0);
        log.append(&first).await.unwrap();
        let tries = || vec![Try::ended(Timestamp::now(), 1, vec!["no luck".to_owned()])];
        log.give_up("infer-routine", &log.at(1).await.unwrap().unwrap(), tries()).await.unwrap();
        let mut second = samples::inference_requested(2, "a", 0);
        second.site = "elsewhere".parse().unwrap();
        let Event::InferenceRequested(request) = &mut second.event else { panic!("it is that sample") };
        request.attempt = 2;
        let reading_id = request.reading_id;
        log.append_after(&second, 1).await.unwrap();
        log.give_up("infer-routine", &log.at(3).await.unwrap().unwrap(), tries()).await.unwrap();
        let told = log.at(2).await.unwrap().unwrap();
        let Event::JobDeadLettered(letter) = &told.envelope().unwrap().event else { panic!("it was told") };
        let mut decision = samples::dead_letter_resolved(1, "a", Resolution::Redrive, 0);
        let Event::DeadLetterResolved(resolved) = &mut decision.event else { panic!("it is that sample") };
        (resolved.job_id, resolved.reading_id) = (letter.job_id, letter.reading_id);
        (resolved.stream_seq, resolved.consumer) = (letter.stream_seq, letter.consumer.clone());
        log.append(&decision).await.unwrap();

        let limit = std::time::Duration::from_secs(60);
        let config = WorkConfig {
            consumers: Vec::new(),
            concurrency: 1,
            handle_limit: limit,
            max_tries: 3,
            max_unanswered: 3,
            drain_limit: limit,
        };
        let dedupe = Dedupe::new(log.clone(), reader(), "densenet121-demo@1".to_owned());
        let handed = Handout::Fact(log.at(5).await.unwrap().unwrap());
        let reply = Worker::new(&log, &config).settle(&dedupe, "dedupe", handed, 1).await;
        assert!(matches!(reply, Reply::Acknowledge), "{reply:?}");
        let newest = log.last(&claim_filter(reading_id)).await.unwrap().unwrap();
        let fact = newest.envelope().unwrap();
        let Event::InferenceRequested(asked) = &fact.event else { panic!("it is a claim") };
        assert_eq!((asked.attempt, asked.job_id), (3, samples::job_id(2)), "of the job that asked last");
        assert_eq!(fact.site, "elsewhere".parse::<Site>().unwrap(), "and at its site");
    });
}
