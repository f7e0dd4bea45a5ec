//! Flags make a worklist, deliveries are told with their study, and a delivery that was given up is redriven or
//! discarded.

use hilum_events::samples::{
    self, delivery_failed, image_stored, report_delivered, report_issued, study_flagged, study_id,
};
use hilum_events::{Envelope, Event, FlagAction};
use serde_json::{Value, json};

use crate::harness::{Copy, World};

/// The flag of another rule, or on another study.
fn flag(rule: &str, study: &str, actions: &[FlagAction]) -> Envelope {
    let mut fact = study_flagged(1, "a", 6);
    let Event::StudyFlagged(flag) = &mut fact.event else { panic!("the sample is another event") };
    flag.rule = rule.parse().unwrap();
    flag.study_id = hilum_events::StudyId::named(&fact.site, study);
    flag.actions = actions.to_vec();
    // Made anew, for the id follows from the place.
    samples::inference_completed(1, "a", 3).next(fact.occurred_at, fact.event)
}

/// An image of such a study.
fn image(number: u128, study: &str) -> Envelope {
    let mut fact = image_stored(number, &number.to_string(), 0);
    let Event::ImageStored(image) = &mut fact.event else { panic!("the sample is another event") };
    image.study_id = hilum_events::StudyId::named(&fact.site, study);
    fact
}

fn studies(page: &Value) -> Vec<String> {
    let studies = page["studies"].as_array().unwrap().iter();
    studies.map(|study| study["study_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn flagged_studies_are_listed_newest_first_and_told_with_their_flags() {
    let world = World::start().await;
    let copy = world.projection().await;
    let names = ["one", "two", "three"];
    let ids = names.map(|name| hilum_events::StudyId::named(&samples::site(), name).to_string());
    let mut facts: Vec<Envelope> = (1..).zip(names).map(|(number, name)| image(number, name)).collect();
    let worklist = [FlagAction::Worklist];
    facts.push(flag("effusion", "one", &worklist));
    facts.push(flag("effusion", "two", &worklist));
    facts.push(flag("mass", "one", &worklist));
    facts.push(flag("quiet", "three", &[FlagAction::Notify]));
    let seq = world.append(&facts).await;
    copy.folded(seq).await;
    for (query, expected) in [
        ("", vec![0, 1]),
        ("&rule=effusion", vec![1, 0]),
        ("&rule=mass", vec![0]),
        ("&rule=quiet", vec![]),
        ("&site=elsewhere", vec![]),
        ("&limit=1", vec![0]),
    ] {
        let page = copy.ok(&format!("/v1/studies?flagged=true{query}")).await;
        let expected: Vec<String> = expected.into_iter().map(|place: usize| ids[place].clone()).collect();
        assert_eq!(studies(&page), expected, "{query}");
    }
    let first = copy.ok("/v1/studies?flagged=true&limit=1").await;
    let rest = copy.ok(&format!("/v1/studies?flagged=true&limit=1&after={}", first["next"])).await;
    assert_eq!(studies(&rest), [ids[1].clone()]);
    let flags = &first["studies"][0]["flags"];
    assert_eq!((&flags[0]["rule"], &flags[1]["rule"]), (&json!("effusion"), &json!("mass")));
    let study = copy.ok(&format!("/v1/studies/{}", ids[2])).await;
    assert_eq!(study["flags"][0]["actions"], json!(["notify"]));
    for bad in ["/v1/studies", "/v1/studies?flagged=false", "/v1/studies?flagged=true&rule=A"] {
        assert_eq!(copy.get(bad).await.0, 400, "{bad}");
    }
}

#[tokio::test]
async fn the_flag_of_an_untrained_model_says_so_in_the_worklist_and_at_the_study() {
    let world = World::start().await;
    let copy = world.projection().await;
    for (trained, study) in [(true, "one"), (false, "two")] {
        let content = if trained { "a" } else { "b" };
        let mut reading = samples::inference_completed(1, content, 3);
        let Event::InferenceCompleted(event) = &mut reading.event else {
            panic!("the sample is another event")
        };
        event.model.trained = trained;
        let mut flagged = study_flagged(1, content, 6);
        let Event::StudyFlagged(event) = &mut flagged.event else { panic!("the sample is another event") };
        event.study_id = hilum_events::StudyId::named(&flagged.site, study);
        let flagged = reading.next(flagged.occurred_at, flagged.event);
        let seq = world.append(&[image(1 + u128::from(trained), study), reading, flagged]).await;
        copy.folded(seq).await;
        let study = copy.ok(&format!("/v1/studies/{}", samples_study(study))).await;
        let listed = copy.ok("/v1/studies?flagged=true&limit=1").await["studies"][0].clone();
        for told in [&study, &listed] {
            let notice = told["flags"][0]["notice"].as_str();
            assert_eq!(notice.is_some_and(|notice| notice.starts_with("UNTRAINED")), !trained, "{told}");
        }
    }
}

fn samples_study(name: &str) -> hilum_events::StudyId {
    hilum_events::StudyId::named(&samples::site(), name)
}

/// The second revision of a report did not reach its target; the position of the fact that says so.
async fn given_up(world: &World, copy: &Copy) -> u64 {
    let facts = [image_stored(1, "a", 0), report_issued(2, &[1], 1), delivery_failed(2, 9)];
    let seq = world.append(&facts).await;
    copy.folded(seq).await;
    seq
}

#[tokio::test]
async fn a_delivery_that_was_given_up_is_listed_told_and_redriven() {
    let world = World::start().await;
    let copy = world.projection().await;
    let seq = given_up(&world, &copy).await;
    let letters = copy.ok("/v1/ops/dlq?service=deliver").await;
    let letter = &letters["dead_letters"][0];
    assert_eq!((&letter["id"], &letter["state"]), (&json!(seq), &json!("open")));
    assert_eq!((&letter["target"], &letter["matter"]), (&json!("pacs"), &json!("report-2")));
    assert_eq!((&letter["attempt"], &letter["tries"], letter.get("job_id")), (&json!(1), &json!(10), None));
    let path = format!("/v1/studies/{}", study_id());
    let told = copy.ok(&path).await["deliveries"].clone();
    assert_eq!((&told[0]["state"], &told[0]["tries"]), (&json!("failed"), &json!(10)));

    let redrive = format!("/v1/ops/dlq/{seq}/redrive");
    let said = json!({"by": "ada", "why": "it is back"});
    let (status, decided) = copy.post(&redrive, &said).await;
    assert_eq!((status, &decided["already"]), (202, &json!(false)), "{decided}");
    assert_eq!(decided["delivery"]["attempt"], 1, "the round that failed");
    let (status, again) = copy.post(&redrive, &json!({"by": "bob", "why": "too"})).await;
    assert_eq!((status, &again["already"], &again["resolved_by"]), (200, &json!(true), &json!("ada")));
    let (status, problem) = copy.post(&format!("/v1/ops/dlq/{seq}/discard"), &said).await;
    assert_eq!((status, &problem["type"]), (409, &json!("/problems/already-decided")));
    let story = copy.ok(&format!("/v1/ops/dlq/{seq}")).await;
    assert_eq!((&story["state"], &story["resolved_why"]), (&json!("redriven"), &json!("it is back")));
    assert!(copy.ok("/v1/ops/dlq").await["dead_letters"].as_array().unwrap().is_empty());
    assert_eq!(copy.ok(&path).await["deliveries"][0]["state"], "redriven");

    let mut taken = report_delivered(2, 12);
    if let Event::ReportDelivered(taken) = &mut taken.event {
        taken.attempt = 2;
    }
    let seq = world.append(&[taken]).await;
    copy.folded(seq).await;
    let told = copy.ok(&path).await["deliveries"].clone();
    assert_eq!((&told[0]["state"], &told[0]["attempt"]), (&json!("delivered"), &json!(2)));
    assert_eq!((&told[0]["receipt"], told.as_array().unwrap().len()), (&json!("C-STORE 0x0000"), 1));
}

#[tokio::test]
async fn a_delivery_that_was_given_up_is_discarded_once_and_its_study_says_so() {
    let world = World::start().await;
    let copy = world.projection().await;
    let seq = given_up(&world, &copy).await;
    let discard = format!("/v1/ops/dlq/{seq}/discard");
    let (status, first) = copy.post(&discard, &json!({"by": "ada", "why": "the PACS is gone"})).await;
    assert_eq!((status, &first["state"], &first["already"]), (202, &json!("discarded"), &json!(false)));
    assert_eq!((&first["delivery"]["target"], first.get("job_id")), (&json!("pacs"), None));
    let (status, again) = copy.post(&discard, &json!({"by": "bob", "why": "too"})).await;
    assert_eq!((status, &again["already"], &again["resolved_by"]), (200, &json!(true), &json!("ada")));
    let redrive = format!("/v1/ops/dlq/{seq}/redrive");
    let (status, problem) = copy.post(&redrive, &json!({"by": "bob", "why": "it is back"})).await;
    assert_eq!((status, &problem["type"]), (409, &json!("/problems/already-decided")));
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("discarded by ada") && detail.contains("the PACS is gone"), "{detail}");
    assert_eq!(world.log.position().await.unwrap().last_seq, seq + 1, "one decision stands");

    copy.folded(seq + 1).await;
    for (state, count) in [("open", 0), ("redriven", 0), ("discarded", 1), ("all", 1)] {
        let letters = copy.ok(&format!("/v1/ops/dlq?state={state}")).await;
        assert_eq!(letters["dead_letters"].as_array().unwrap().len(), count, "{state}");
    }
    let story = copy.ok(&format!("/v1/ops/dlq/{seq}")).await;
    assert_eq!((&story["state"], &story["resolved_by"]), (&json!("discarded"), &json!("ada")));
    let told = copy.ok(&format!("/v1/studies/{}", study_id())).await["deliveries"].clone();
    assert_eq!((&told[0]["state"], &told[0]["attempt"]), (&json!("discarded"), &json!(1)));
    assert_eq!(
        (&told[0]["resolved_by"], &told[0]["resolved_why"]),
        (&first["resolved_by"], &first["resolved_why"])
    );
    assert_eq!((&told[0]["reason"], &told[0]["tries"]), (&story["reason"], &json!(10)), "why it had failed");
}

#[tokio::test]
async fn an_older_revision_that_was_not_sent_behind_a_newer_one_is_not_told_as_delivered() {
    let world = World::start().await;
    let copy = world.projection().await;
    let mut older = report_delivered(2, 9);
    let Event::ReportDelivered(told) = &mut older.event else { panic!("the sample is another event") };
    (told.superseded_by, told.objects) = (Some(3), Vec::new());
    let seq = world.append(&[image_stored(1, "a", 0), report_issued(2, &[1], 1), older]).await;
    copy.folded(seq).await;
    let told = copy.ok(&format!("/v1/studies/{}", study_id())).await["deliveries"].clone();
    assert_eq!((&told[0]["state"], told.as_array().unwrap().len()), (&json!("discarded"), 1), "{told}");
    assert_eq!(told[0]["resolved_why"], "superseded by revision 3");
}
