//! Rules flag the studies that have a reading, whichever comes last: the reading or the link to it.

use std::collections::BTreeSet;

use hilum_events::{Event, Finding, FlagAction, Site, StudyId, samples};
use hilum_servers::wait_until;

use crate::bench::{Bench, LIMIT};
use crate::receiver::Receiver;
use crate::webhooks::webhook;

const RULE: &str = "
[[rule]]
name = 'effusion'
label = 'Effusion'
measure = 'probability'
threshold = 0.5
actions = ['notify', 'worklist']
targets = ['pager']
";

/// The reading of content `a` with this probability of an effusion.
fn reading(probability: f32) -> hilum_events::Envelope {
    reading_by(Trained::Yes, probability)
}

enum Trained {
    Yes,
    No,
}

fn reading_by(trained: Trained, probability: f32) -> hilum_events::Envelope {
    let mut fact = samples::inference_completed(1, "a", 3);
    let Event::InferenceCompleted(reading) = &mut fact.event else { panic!("the sample is another event") };
    reading.model.trained = matches!(trained, Trained::Yes);
    let label = "Effusion".to_owned();
    reading.findings = vec![Finding { label, logit: 0.0, probability, operating_point_score: None }];
    fact
}

/// A link of job `number` in another study.
fn link(number: u128) -> hilum_events::Envelope {
    let mut fact = samples::duplicate_linked(number, 1, "a", 4);
    let Event::DuplicateLinked(link) = &mut fact.event else { panic!("the sample is another event") };
    link.study_id = study_of(number);
    fact
}

fn study_of(number: u128) -> StudyId {
    StudyId::named(&Site::default(), &format!("study-{number}"))
}

#[tokio::test]
async fn every_study_with_the_reading_is_flagged_once_and_the_webhook_is_told() {
    let bench = Bench::new().await;
    let receiver = Receiver::start(&[]).await;
    let targets = webhook(&bench, "pager", &receiver.url, "forms = []") + RULE;
    // What is linked before there is anybody to look at it is found when the reading comes.
    for fact in [samples::image_stored(1, "a", 0), samples::inference_requested(1, "a", 1), link(2)] {
        bench.log.append(&fact).await.unwrap();
    }
    let copy = bench.start(&targets).await;
    bench.log.append(&reading(0.75)).await.unwrap();
    bench.log.append(&link(3)).await.unwrap();
    // Another image of a study that is flagged already.
    bench.log.append(&samples::duplicate_linked(4, 1, "a", 5)).await.unwrap();
    let all_told = || async { receiver.got().len() == 3 };
    assert!(wait_until(LIMIT, all_told).await, "{}", receiver.got().len());
    let settled = || async { bench.count("evt.report-delivered.>").await == 3 };
    assert!(wait_until(LIMIT, settled).await);
    copy.stop().await;

    let flags = bench.log.all_under(&["evt.study-flagged.>"]).await.unwrap();
    let studies: BTreeSet<StudyId> = flags
        .iter()
        .map(|recorded| match &recorded.envelope().unwrap().event {
            Event::StudyFlagged(flag) => {
                assert_eq!((flag.value, flag.threshold), (0.75, 0.5));
                assert_eq!(flag.actions, [FlagAction::Notify, FlagAction::Worklist]);
                flag.study_id
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(studies, [samples::study_id(), study_of(2), study_of(3)].into());
    assert_eq!(flags.len(), studies.len());
    for got in receiver.got() {
        let told: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
        assert_eq!((told["format"].as_str(), told["value"].as_f64()), (Some("hilum-flag/1"), Some(0.75)));
        assert_eq!(got.header("hilum-matter"), "flag-effusion");
    }
}

#[tokio::test]
async fn a_reading_below_the_threshold_flags_nothing() {
    let bench = Bench::new().await;
    let receiver = Receiver::start(&[]).await;
    let targets = webhook(&bench, "pager", &receiver.url, "") + RULE;
    let copy = bench.start(&targets).await;
    bench.log.append(&samples::image_stored(1, "a", 0)).await.unwrap();
    bench.log.append(&samples::inference_requested(1, "a", 1)).await.unwrap();
    bench.log.append(&reading(0.49)).await.unwrap();
    // A report comes through the same service after it.
    bench.issue(1, "{}").await;
    bench.delivered("pager", 1).await;
    copy.stop().await;
    assert_eq!(bench.count("evt.study-flagged.>").await, 0);
}

#[tokio::test]
async fn an_untrained_model_flags_nothing_unless_the_rule_is_for_a_demonstration() {
    let bench = Bench::new().await;
    let receiver = Receiver::start(&[]).await;
    let shown = RULE.replace("'effusion'", "'shown'") + "demonstration = true\n";
    let targets = webhook(&bench, "pager", &receiver.url, "forms = []") + RULE + &shown;
    let copy = bench.start(&targets).await;
    bench.log.append(&samples::image_stored(1, "a", 0)).await.unwrap();
    bench.log.append(&samples::inference_requested(1, "a", 1)).await.unwrap();
    bench.log.append(&reading_by(Trained::No, 0.99)).await.unwrap();
    let told = || async { bench.count("evt.report-delivered.>").await == 1 };
    assert!(wait_until(LIMIT, told).await);
    copy.stop().await;
    let flags = bench.log.all_under(&["evt.study-flagged.>"]).await.unwrap();
    let rules: Vec<_> = flags
        .iter()
        .map(|recorded| match &recorded.envelope().unwrap().event {
            Event::StudyFlagged(flag) => (flag.rule.to_string(), flag.untrained),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(rules, [("shown".to_owned(), true)]);
    let got = receiver.got();
    assert_eq!(got.len(), 1);
    let told: serde_json::Value = serde_json::from_slice(&got[0].body).unwrap();
    assert!(told["notice"].as_str().unwrap().contains("UNTRAINED"), "{told}");
}
