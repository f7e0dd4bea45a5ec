//! What the API answers, and with which problem it refuses.

use hilum_events::samples::{
    at, duplicate_linked, image_stored, inference_completed, inference_failed, inference_requested,
    job_dead_lettered, job_id, report_issued, study_close_requested, study_flagged, study_id,
};
use hilum_events::{Envelope, Event, Site, StudyId};
use hilum_projection::queries::Queries;
use serde_json::{Value, json};

use crate::harness::{Copy, World};

fn time(value: &Value) -> jiff::Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_job_tells_its_state_and_history() {
    let world = World::start().await;
    let copy = world.projection().await;
    let events = [image_stored(1, "a", 0), inference_requested(1, "a", 1), image_stored(2, "a", 2)];
    let seq = world.append(&events).await;
    copy.folded(seq).await;
    let job = copy.ok(&format!("/v1/jobs/{}", job_id(1))).await;
    assert_eq!(job["status"], "IN_PROGRESS");
    let stored_at = world.log.at(1).await.unwrap().unwrap().stored_at;
    assert_eq!(time(&job["created_at"]).duration_since(stored_at).as_millis(), 0, "by the log's clock");
    assert_eq!(time(&job["history"][0]["at"]), at(0), "as the fact says");
    assert_eq!((&job["site"], &job["study_ref"]), (&json!("default"), &json!("S-1")));
    assert_eq!((&job["media_type"], &job["priority"]), (&json!("application/dicom"), &json!("routine")));
    assert_eq!(job["history"][1]["event"], "inference-requested");
    assert_eq!(job["history"].as_array().unwrap().len(), 2);

    let events = [duplicate_linked(2, 1, "a", 3), inference_completed(1, "a", 4)];
    let seq = world.append(&events).await;
    copy.folded(seq).await;
    let duplicate = copy.ok(&format!("/v1/jobs/{}", job_id(2))).await;
    assert_eq!(duplicate["status"], "COMPLETED");
    assert_eq!(duplicate["duplicate_of"], job_id(1).to_string());
    let names: Vec<&Value> =
        duplicate["history"].as_array().unwrap().iter().map(|step| &step["event"]).collect();
    assert_eq!(names, ["image-stored", "duplicate-linked", "inference-completed"]);
}

#[tokio::test]
async fn a_result_is_told_for_completed_jobs_alone() {
    let world = World::start().await;
    let copy = world.projection().await;
    let events = [
        image_stored(1, "a", 0),
        inference_requested(1, "a", 1),
        inference_completed(1, "a", 2),
        image_stored(2, "b", 3),
        inference_requested(2, "b", 4),
        image_stored(3, "c", 5),
        inference_requested(3, "c", 6),
        inference_failed(3, "c", 7),
    ];
    let seq = world.append(&events).await;
    copy.folded(seq).await;

    let result = copy.ok(&format!("/v1/jobs/{}/result", job_id(1))).await;
    assert_eq!(result["top_label"], "Effusion");
    let finding = &result["findings"][0];
    assert_eq!(keys(finding), ["label", "logit", "operating_point_score", "probability"]);
    // Single precision all the way: no digits that nobody computed.
    assert_eq!(finding["probability"].to_string(), 0.222_700_14_f32.to_string());
    assert_eq!((&result["model"]["engine"], &result["model"]["precision"]), (&json!("tch"), &json!("fp32")));
    assert!(result["model"]["notice"].as_str().unwrap().starts_with("UNTRAINED"));
    assert_eq!(result["activation_maps"][0]["values"].as_array().unwrap().len(), 49);

    let (status, problem) = copy.get(&format!("/v1/jobs/{}/result", job_id(2))).await;
    assert_eq!((status, &problem["type"]), (409, &json!("/problems/job-unfinished")));
    assert!(problem["detail"].as_str().unwrap().contains("IN_PROGRESS"));
    let (status, problem) = copy.get(&format!("/v1/jobs/{}/result", job_id(3))).await;
    assert_eq!((status, &problem["type"]), (409, &json!("/problems/job-failed")));
    assert_eq!(problem["detail"], "the file ends before its picture does; send it again");
    let job = copy.ok(&format!("/v1/jobs/{}", job_id(3))).await;
    assert_eq!((&job["status"], &job["reason_code"]), (&json!("FAILED"), &json!("truncated")));
}

#[tokio::test]
async fn a_job_given_up_before_its_reading_fails_with_the_reason_and_a_later_request_heals_it() {
    let world = World::start().await;
    let copy = world.projection().await;
    let mut letter = job_dead_lettered(1, "a", 1);
    if let Event::JobDeadLettered(event) = &mut letter.event {
        event.reading_id = None;
    }
    let seq = world.append(&[image_stored(1, "a", 0), letter]).await;
    copy.folded(seq).await;
    let path = format!("/v1/jobs/{}", job_id(1));
    let job = copy.ok(&path).await;
    assert_eq!((&job["status"], &job["reason_code"]), (&json!("FAILED"), &json!("dead-lettered")));
    let seq = world.append(&[inference_requested(1, "a", 2)]).await;
    copy.folded(seq).await;
    let job = copy.ok(&path).await;
    assert_eq!((&job["status"], job.get("reason")), (&json!("IN_PROGRESS"), None));
}

#[tokio::test]
async fn what_is_not_there_or_not_understood_is_a_problem() {
    let world = World::start().await;
    let copy = world.projection().await;
    copy.ready().await;
    world.append(&[image_stored(1, "a", 0)]).await;
    let unknown = job_id(99);
    for (path, status) in [
        (format!("/v1/jobs/{unknown}"), 404),
        (format!("/v1/jobs/{unknown}/result"), 404),
        (format!("/v1/jobs/{unknown}/events"), 404),
        ("/v1/studies/none".to_owned(), 404),
        ("/v1/nothing".to_owned(), 404),
        ("/v1/jobs/not-a-uuid".to_owned(), 400),
        (format!("/v1/jobs/{unknown}?wait=soon"), 400),
        ("/v1/jobs?limit=0".to_owned(), 400),
        ("/v1/jobs?status=DONE".to_owned(), 400),
        ("/v1/jobs?site=No+Site".to_owned(), 400),
        ("/v1/studies/S-1/report?format=doc".to_owned(), 400),
    ] {
        let (answered, problem) = copy.get(&path).await;
        assert_eq!(answered, status, "{path}: {problem}");
        assert_eq!(problem["status"], status);
    }
}

#[tokio::test]
async fn a_job_is_never_unknown_while_the_fold_is_behind() {
    let world = World::start().await;
    world.append(&[image_stored(1, "a", 0), inference_requested(1, "a", 1)]).await;
    let stuck = Copy::without_fold(&world, &world.log).await;
    world.sql("postgres", "CREATE DATABASE hilum").await;
    stuck.store.prepare().await.unwrap();
    let job = stuck.ok(&format!("/v1/jobs/{}", job_id(1))).await;
    assert_eq!((&job["status"], &job["history"][0]["event"]), (&json!("QUEUED"), &json!("image-stored")));
    let (status, _) = stuck.get(&format!("/v1/jobs/{}", job_id(99))).await;
    assert_eq!(status, 404);
}

/// Job 1 was folded and job 2 only as queued, then the fold got stuck: what the log says of the shared reading counts.
#[tokio::test]
async fn a_job_that_shares_a_reading_is_not_told_as_queued_while_the_fold_is_behind() {
    let world = World::start().await;
    let copy = world.projection().await;
    let seq = world.append(&[image_stored(1, "a", 0), image_stored(2, "a", 3)]).await;
    copy.folded(seq).await;
    copy.stop().await;
    let stuck = Copy::without_fold(&world, &world.log).await;
    let path = |number| format!("/v1/jobs/{}", job_id(number));
    assert_eq!(stuck.ok(&path(2)).await["status"], "QUEUED");

    world.append(&[inference_requested(1, "a", 1), duplicate_linked(2, 1, "a", 4)]).await;
    let job = stuck.ok(&path(2)).await;
    assert_eq!(
        (&job["status"], &job["duplicate_of"]),
        (&json!("IN_PROGRESS"), &json!(job_id(1).to_string()))
    );
    assert_eq!(stuck.get(&format!("{}/result", path(2))).await.0, 409);

    world
        .append(&[inference_completed(1, "a", 5), image_stored(3, "a", 6), duplicate_linked(3, 1, "a", 7)])
        .await;
    for (number, events) in [
        (2, &["image-stored", "duplicate-linked", "inference-completed"][..]),
        // The tables know nothing of this one, and its reading was there before it.
        (3, &["image-stored", "duplicate-linked"]),
    ] {
        let job = stuck.ok(&path(number)).await;
        let history: Vec<&str> =
            job["history"].as_array().unwrap().iter().map(|step| step["event"].as_str().unwrap()).collect();
        assert_eq!((&job["status"], history.as_slice()), (&json!("COMPLETED"), events));
        let result = stuck.ok(&format!("{}/result", path(number))).await;
        assert_eq!(
            (&result["top_label"], &result["duplicate_of"]),
            (&json!("Effusion"), &job["duplicate_of"])
        );
    }
}

#[tokio::test]
async fn jobs_are_listed_newest_first_in_pages() {
    let world = World::start().await;
    let copy = world.projection().await;
    let events: Vec<Envelope> = (1..=5).map(|number| image_stored(number, "a", 0)).collect();
    let seq = world.append(&events).await;
    copy.folded(seq).await;
    let mut seen = Vec::new();
    let mut page = copy.ok("/v1/jobs?limit=2&site=default&status=QUEUED").await;
    loop {
        seen.extend(page["jobs"].as_array().unwrap().iter().map(|job| job["job_id"].clone()));
        let Some(next) = page.get("next").and_then(Value::as_str) else { break };
        page = copy.ok(&format!("/v1/jobs?limit=2&after={next}")).await;
    }
    let newest_first: Vec<String> = (1..=5).rev().map(|number| job_id(number).to_string()).collect();
    assert_eq!(seen, newest_first);
    assert_eq!(copy.ok("/v1/jobs?site=north").await["jobs"], json!([]));
}

#[tokio::test]
async fn the_jobs_of_a_study_are_told_in_pages_in_the_order_they_came() {
    let world = World::start().await;
    let copy = world.projection().await;
    let events: Vec<Envelope> = (1..=5).map(|number| image_stored(number, "a", 0)).collect();
    copy.folded(world.append(&events).await).await;
    let ids = |page: &Value| -> Vec<Value> {
        page["jobs"].as_array().unwrap().iter().map(|job| job["job_id"].clone()).collect()
    };
    let all = copy.ok("/v1/studies/S-1").await;
    assert_eq!((ids(&all).len(), all.get("next")), (5, None), "unchanged when all fits: {all}");
    assert_eq!(copy.ok("/v1/studies/S-1?limit=5").await, all);

    let mut seen = Vec::new();
    let mut page = copy.ok("/v1/studies/S-1?limit=2").await;
    while let Some(next) = page.get("next").and_then(Value::as_str).map(str::to_owned) {
        seen.extend(ids(&page));
        assert_eq!(page["reports"], all["reports"]);
        page = copy.ok(&format!("/v1/studies/S-1?limit=2&after={next}")).await;
    }
    seen.extend(ids(&page));
    assert_eq!(seen, ids(&all));
    let (status, _) = copy.get("/v1/studies/S-1?after=me").await;
    assert_eq!(status, 400);
    assert_eq!(copy.get("/v1/studies/S-1?limit=501").await.0, 400);
}

#[tokio::test]
async fn a_study_is_found_by_id_and_by_name_and_an_ambiguous_name_is_refused() {
    let world = World::start().await;
    let copy = world.projection().await;
    let north: Site = "north".parse().unwrap();
    let mut elsewhere = image_stored(2, "b", 1);
    elsewhere.site = north.clone();
    if let Event::ImageStored(event) = &mut elsewhere.event {
        event.study_id = StudyId::named(&north, "S-1");
    }
    let seq = world.append(&[image_stored(1, "a", 0), study_close_requested(9, 3)]).await;
    copy.folded(seq).await;
    let study = copy.ok("/v1/studies/S-1").await;
    assert_eq!(study, copy.ok(&format!("/v1/studies/{}", study_id())).await);
    assert_eq!((&study["site"], &study["job_count"]), (&json!("default"), &json!(1)));
    assert_eq!(time(&study["closed_at"]), at(3));
    assert_eq!(study["jobs"][0]["job_id"], job_id(1).to_string());

    let seq = world.append(&[elsewhere]).await;
    copy.folded(seq).await;
    let (status, problem) = copy.get("/v1/studies/S-1").await;
    assert_eq!((status, &problem["type"]), (409, &json!("/problems/ambiguous-study")));
    assert!(problem["detail"].as_str().unwrap().contains("default, north"));
    assert_eq!(copy.ok("/v1/studies/S-1?site=north").await["site"], "north");
}

#[tokio::test]
async fn a_name_that_looks_like_an_id_is_found_and_hides_no_study_with_that_id() {
    let world = World::start().await;
    let copy = world.projection().await;
    let named = |number, site: &Site, name: &str| {
        let mut stored = image_stored(number, &number.to_string(), 1);
        stored.site = site.clone();
        let Event::ImageStored(event) = &mut stored.event else { unreachable!() };
        event.study_id = StudyId::named(site, name);
        event.study_ref = Some(name.parse().unwrap());
        stored
    };
    let (here, north): (Site, Site) = (Site::default(), "north".parse().unwrap());
    let (uuid, digits) = ("7d9f6a2e-0c6b-4f4b-9d7e-0a1b2c3d4e5f", "00112233445566778899aabbccddeeff");
    let hidden = study_id().to_string();
    let seq = world
        .append(&[
            image_stored(1, "a", 0),
            named(2, &here, uuid),
            named(3, &here, digits),
            named(4, &here, &hidden),
            named(5, &north, &hidden),
        ])
        .await;
    copy.folded(seq).await;
    let id_of = async |path: &str| copy.ok(&format!("/v1/studies/{path}")).await["study_id"].clone();
    for name in [uuid, digits] {
        assert_eq!(id_of(name).await, json!(StudyId::named(&here, name)));
        assert_eq!(id_of(&format!("{name}?site=default")).await, json!(StudyId::named(&here, name)));
    }
    // Two studies are named like the id of a third: the id means that one, the others have ids of their own.
    assert_eq!(id_of(&hidden).await, json!(hidden));
    assert_eq!(id_of(&hidden.replace('-', "")).await, json!(hidden));
    assert_eq!(id_of(&format!("{hidden}?site=default")).await, json!(hidden));
    assert_eq!(id_of(&format!("{hidden}?site=north")).await, json!(StudyId::named(&north, &hidden)));
    let id = StudyId::named(&here, &hidden).to_string();
    assert_eq!(id_of(&id).await, json!(id));
}

#[tokio::test]
async fn the_doubts_of_the_last_report_stand_with_the_study_and_in_the_worklist() {
    let world = World::start().await;
    let copy = world.projection().await;
    let doubt =
        hilum_events::Notice { code: "headers_differ".to_owned(), text: "The headers differ.".to_owned() };
    let mut first = report_issued(1, &[1], 5);
    let Event::ReportIssued(event) = &mut first.event else { unreachable!() };
    event.doubts = vec![doubt.clone()];
    let seq = world.append(&[image_stored(1, "a", 0), study_flagged(1, "a", 4), first]).await;
    copy.folded(seq).await;
    let worklist = async || copy.ok("/v1/studies?flagged=true").await["studies"][0].clone();
    assert_eq!(copy.ok("/v1/studies/S-1").await["reports"][0]["doubts"], json!([doubt]));
    assert_eq!(worklist().await["doubts"], json!([doubt]));

    // What the next revision no longer doubts is not told of the study.
    let mut second = report_issued(2, &[1], 6);
    second.event_id = hilum_events::EventId::following(second.event_id.as_uuid(), "second");
    let seq = world.append(&[second]).await;
    copy.folded(seq).await;
    assert_eq!(copy.ok("/v1/studies/S-1").await["reports"][1].get("doubts"), None);
    assert_eq!(worklist().await.get("doubts"), None);
}

#[tokio::test]
async fn the_figures_count_what_ended_and_how_long_it_took() {
    let world = World::start().await;
    let copy = world.projection().await;
    let events = [
        image_stored(1, "a", 0),
        inference_requested(1, "a", 1),
        inference_completed(1, "a", 4),
        image_stored(2, "a", 5),
        duplicate_linked(2, 1, "a", 6),
        image_stored(3, "b", 7),
        inference_requested(3, "b", 8),
        inference_failed(3, "b", 9),
    ];
    let seq = world.append(&events).await;
    copy.folded(seq).await;
    // By the clocks of the machines that tell the story it is long ago and took seconds; the log took it just now.
    let figures = copy.ok("/v1/ops/metrics").await;
    assert_eq!((&figures["completed"], &figures["failed"]), (&json!(2), &json!(1)));
    assert_eq!(figures["projection"], json!({"position": seq, "log_last_seq": seq, "lag": 0}));
    let dedupe = &figures["queue_depths"][0];
    assert_eq!(dedupe, &json!({"consumer": "dedupe", "waiting": 3, "in_hand": 0}));

    let mut took_ms = Vec::new();
    for (created_seq, ended_seq) in [(1, 3), (4, 5), (6, 8)] {
        let [created, ended] = [world.log.at(created_seq), world.log.at(ended_seq)];
        let [created, ended] = [created.await.unwrap().unwrap(), ended.await.unwrap().unwrap()];
        took_ms.push(ended.stored_at.duration_since(created.stored_at).as_secs_f64() * 1000.0);
    }
    took_ms.sort_by(f64::total_cmp);
    let p50 = figures["latency_ms"]["p50"].as_f64().unwrap();
    assert!((p50 - took_ms[1]).abs() < 1.0, "{figures} {took_ms:?}");
    let none = Queries::new(copy.pool.clone()).ended_since(jiff::Timestamp::MAX).await.unwrap();
    assert_eq!((none.completed, none.failed), (0, 0));
}

#[tokio::test]
async fn an_image_can_be_taken_out_of_its_study_once_and_the_study_tells_who_did_and_why() {
    let world = World::start().await;
    let copy = world.projection().await;
    let seq = world.append(&[image_stored(1, "a", 0), image_stored(2, "b", 1)]).await;
    copy.folded(seq).await;
    let path = format!("/v1/jobs/{}/take-out", job_id(2));
    let said = |why: &str| json!({ "by": "Kim", "why": why });
    let (status, told) = copy.post(&path, &said("of somebody else")).await;
    assert_eq!(
        (status, &told["already"], &told["study_id"]),
        (202, &json!(false), &json!(study_id())),
        "{told}"
    );
    let (status, told) = copy.post(&path, &said("another reason")).await;
    assert_eq!((status, &told["already"]), (202, &json!(true)));
    assert_eq!((&told["taken_out_by"], &told["taken_out_why"]), (&json!("Kim"), &json!("of somebody else")));
    copy.folded(world.log.position().await.unwrap().last_seq).await;
    let study = copy.ok("/v1/studies/S-1").await;
    let [out] = study["taken_out"].as_array().unwrap().as_slice() else { panic!("{study}") };
    assert_eq!((&out["job_id"], &out["taken_out_why"]), (&json!(job_id(2)), &json!("of somebody else")));

    assert_eq!(copy.post(&format!("/v1/jobs/{}/take-out", job_id(7)), &said("unknown")).await.0, 404);
    assert_eq!(copy.post(&path, &json!({ "by": "Kim" })).await.0, 422);
}
