//! Reports and flags reach who is to be told; what was given up is redriven or discarded by an operator.

use hilum_events::{Event, Sha256Digest};
use hilum_servers::wait_until;
use hilum_tests::{Desk, LIMIT, Stack, Upload};
use reqwest::StatusCode;
use serde_json::Value;

use crate::steps::{dead_letters, decide, has_facts, upload};

#[tokio::test]
async fn a_flag_and_a_report_are_told_and_what_was_refused_is_delivered_after_a_redrive() {
    let desk = Desk::open(1).await;
    let stack = desk.stack("actions = ['notify', 'worklist']\ntargets = ['desk']").await;
    let job = stack.submit(Upload::sample("mhh_1479fa94.png").with("study", "S-1")).await;
    stack.result(&job).await;
    stack.report("S-1", 1).await;
    has_facts(&stack, "delivery-failed", 1).await;

    let letter = wait_for_letter(&stack).await;
    assert_eq!((letter["service"].as_str(), letter["target"].as_str()), (Some("deliver"), Some("desk")));
    assert_eq!(letter["reason"], "it answered HTTP 403");
    let (status, decided) = decide(&stack, &letter["id"], "redrive", "the desk lets us in").await;
    assert_eq!(status, StatusCode::ACCEPTED, "{decided}");
    has_facts(&stack, "report-delivered", 2).await;

    let (_, report) = stack.get("/v1/studies/S-1/report?format=json").await;
    let got = desk.got();
    assert!(got.iter().all(|got| got.signed), "{got:?}");
    let reports: Vec<_> = got.iter().filter(|got| got.matter == "report-1").collect();
    assert_eq!(reports.len(), 2);
    for told in reports {
        assert_eq!(serde_json::from_slice::<Value>(&told.body).unwrap(), report);
    }
    let flags: Vec<_> = got.iter().filter(|got| got.matter == "flag-any").collect();
    assert_eq!(flags.len(), 1);
    let flag: Value = serde_json::from_slice(&flags[0].body).unwrap();
    assert_eq!((flag["job_id"].as_str(), flag["label"].as_str()), (Some(job.as_str()), Some("Effusion")));
    assert!(flag["notice"].as_str().unwrap().contains("UNTRAINED"), "{flag}");

    let listed = || async {
        let (_, study) = stack.get("/v1/studies/S-1").await;
        let deliveries = study["deliveries"].as_array().unwrap();
        deliveries.len() == 2 && deliveries.iter().all(|delivery| delivery["state"] == "delivered")
    };
    assert!(wait_until(LIMIT, listed).await, "{}", stack.get("/v1/studies/S-1").await.1);
    let (_, worklist) = stack.get("/v1/studies?flagged=true").await;
    assert_eq!(worklist["studies"][0]["study_ref"], "S-1", "{worklist}");
    let notice = worklist["studies"][0]["flags"][0]["notice"].as_str().unwrap();
    assert!(notice.contains("UNTRAINED"), "{worklist}");
    let digest = stack.events().await.into_iter().find_map(|envelope| match envelope.event {
        Event::ReportDelivered(told) if told.attempt == 2 => Some(told.objects[0].sha256),
        _ => None,
    });
    let sent = got.iter().find(|got| got.matter == "report-1").unwrap();
    assert_eq!(digest, Some(Sha256Digest::of(&sent.body)));
    discards_a_report(&stack, &desk).await;
}

/// A report that the desk refuses and nobody wants sent again.
async fn discards_a_report(stack: &Stack, desk: &Desk) {
    desk.refuse(1);
    let job = stack.submit(upload("mhh_1479fa94.png", "discarded", "S-2")).await;
    stack.result(&job).await;
    let letter = wait_for_letter(stack).await;
    let (status, decided) = decide(stack, &letter["id"], "discard", "the desk is closed").await;
    assert_eq!((status, &decided["state"]), (StatusCode::ACCEPTED, &"discarded".into()), "{decided}");
    let (status, problem) = decide(stack, &letter["id"], "redrive", "after all").await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    assert!(wait_until(LIMIT, || async { dead_letters(stack, "open").await.is_empty() }).await);
    let (_, study) = stack.get("/v1/studies/S-2").await;
    let deliveries = study["deliveries"].as_array().unwrap();
    let told = deliveries.iter().find(|delivery| delivery["matter"] == "report-1").unwrap();
    assert_eq!((told["state"].as_str(), told["resolved_by"].as_str()), (Some("discarded"), Some("ops@test")));
    stack.assert_settled().await;
    // Twice that of the first study, once that of this one.
    assert_eq!(desk.got().iter().filter(|got| got.matter == "report-1").count(), 3);
}

async fn wait_for_letter(stack: &Stack) -> Value {
    let is_there = wait_until(LIMIT, || async { !dead_letters(stack, "open").await.is_empty() }).await;
    let facts: Vec<_> = stack.events().await.iter().map(|envelope| envelope.event.name()).collect();
    assert!(is_there, "{facts:?}");
    dead_letters(stack, "open").await[0].clone()
}
