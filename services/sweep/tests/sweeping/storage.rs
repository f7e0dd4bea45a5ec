//! What is wrong in object storage: each kind of damage is made for real.

use super::*;

/// A deep look that changes nothing.
fn deep() -> Mode {
    Mode { deep: Some(String::new()), ..DRY }
}

/// A deep look that acts on what it finds.
fn thorough() -> Mode {
    Mode { deep: Some(String::new()), ..WET }
}

#[tokio::test]
async fn images_that_are_missing_or_changed_are_parked_once_under_the_sweeps_own_name() {
    let site = site().await;
    let deep = deep();
    for (number, content) in (1..).zip(["whole", "deleted", "cut off"]) {
        site.linked_image(number, content).await;
    }
    let report = site.linked_report(4).await;
    site.finds(deep.clone(), &[]).await;
    std::fs::remove_file(site.path(&site.store("deleted").await)).unwrap();
    std::fs::write(site.path(&site.store("cut off").await), "cut").unwrap();
    std::fs::remove_file(site.path(&report)).unwrap();

    let page = (Kind::LostDocument, Some(7), Action::Name);
    let lost = [3, 5].map(|position| (Kind::EventWithoutObject, Some(position), Action::Park));
    site.finds(deep.clone(), &[lost[0], lost[1], page]).await;
    site.sweep(thorough()).await;
    for position in [3, 5] {
        let letter = site.log.dead_letter("sweep", position).await.unwrap().unwrap();
        assert!(letter.tries[0].errors[0].contains("in storage"), "{letter:?}");
    }
    let dead = site.dead_lettered().await;
    assert_eq!((dead.job_id, dead.consumer.as_str()), (samples::job_id(3), "sweep"));
    site.finds(deep.clone(), &[page]).await;
}

impl Site {
    /// A report over the jobs 1 to `jobs`, with a page of its own as those of the first version.
    async fn linked_report(&self, jobs: u128) -> BlobRef {
        let (json, html) = (self.store("{}").await, self.store("<html>").await);
        let mut report = samples::report_issued(1, &(1..=jobs).collect::<Vec<_>>(), 0);
        let Event::ReportIssued(e) = &mut report.event else { unreachable!() };
        (e.json, e.html, e.previews) = (json, Some(html.clone()), Vec::new());
        self.append(report).await;
        html
    }
}

#[tokio::test]
async fn pictures_that_a_reading_or_a_report_names_are_looked_for_and_no_job_is_lost_with_them() {
    let site = site().await;
    let deep = deep();
    site.linked_image(1, "a").await;
    let (kept, made) = (site.store("kept with a reading").await, site.store("made for a report").await);
    let mut reading = samples::inference_completed(1, "a", 0);
    let Event::InferenceCompleted(e) = &mut reading.event else { unreachable!() };
    e.preview = Some(kept.clone());
    site.append(reading).await;
    let mut report = samples::report_issued(1, &[1], 0);
    let Event::ReportIssued(e) = &mut report.event else { unreachable!() };
    (e.json, e.previews) = (site.store("{}").await, vec![made.clone()]);
    site.append(report).await;
    site.age(&kept);
    site.age(&made);
    site.finds(deep.clone(), &[]).await;

    std::fs::remove_file(site.path(&kept)).unwrap();
    std::fs::remove_file(site.path(&made)).unwrap();
    let lost = [3, 4].map(|position| (Kind::LostPicture, Some(position), Action::Name));
    site.finds(deep.clone(), &lost).await;
    let swept = site.sweep(thorough()).await;
    assert!(swept.iter().all(|one| !one.is_settled()), "somebody has to restore them: {swept:?}");
    assert!(site.log.last("evt.job-dead-lettered.>").await.unwrap().is_none());
}

#[tokio::test]
async fn a_lost_object_is_told_once_and_not_if_a_worker_told_of_it() {
    let site = site().await;
    let deep = deep();
    for (number, content) in (1..).zip(["lost", "lost", "known to be lost", "known to be lost"]) {
        site.linked_image(number, content).await;
    }
    let recorded = site.log.at(5).await.unwrap().unwrap();
    site.log.give_up("infer-routine", &recorded, vec![]).await.unwrap();
    for content in ["lost", "known to be lost"] {
        std::fs::remove_file(site.path(&site.store(content).await)).unwrap();
    }
    site.finds(deep.clone(), &[(Kind::EventWithoutObject, Some(1), Action::Park)]).await;
}

#[tokio::test]
async fn an_old_object_that_no_event_names_is_named_and_stays() {
    let site = site().await;
    let (_, named) = site.linked_image(1, "named").await;
    let (left, young) = (site.store("left").await, site.store("young").await);
    site.age(&named);
    site.age(&left);
    let deep = deep();
    site.finds(deep.clone(), &[(Kind::ObjectWithoutEvent, None, Action::Name)]).await;
    let swept = site.sweep(thorough()).await;
    assert!(swept[0].discrepancy.reason.contains(&left.sha256.to_string()));
    assert!(swept[0].is_settled(), "nothing was promised of it");
    assert!(site.path(&left).exists() && site.path(&young).exists());
}

#[tokio::test]
async fn the_wrong_storage_does_not_fail_every_job() {
    let site = site().await;
    for number in 1..=101 {
        site.linked_image(number, &format!("{number}")).await;
    }
    std::fs::remove_dir_all(site.folder.path().join("objects/sha256")).unwrap();
    let swept = site.sweep(thorough()).await;
    assert_eq!(swept.len(), 1);
    assert!(!swept[0].is_settled() && swept[0].discrepancy.reason.contains("HILUM_STORE_URL"));
    assert!(site.log.last("evt.job-dead-lettered.>").await.unwrap().is_none());
}

/// Changes a byte of an object in place; what a medium does that forgets.
fn rot(path: &std::path::Path) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[0] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

impl Site {
    /// The objects of a study: its image, the picture kept with its reading, and the document of its report; named at
    /// the positions 1, 3 and 4.
    async fn reported_image(&self) -> [BlobRef; 3] {
        let (_, image) = self.linked_image(1, "the image").await;
        let (picture, document) = (self.store("the picture").await, self.store("the document").await);
        let mut reading = samples::inference_completed(1, "a", 0);
        let Event::InferenceCompleted(e) = &mut reading.event else { unreachable!() };
        e.preview = Some(picture.clone());
        self.append(reading).await;
        let mut report = samples::report_issued(1, &[1], 0);
        let Event::ReportIssued(e) = &mut report.event else { unreachable!() };
        (e.json, e.html, e.previews) = (document.clone(), None, Vec::new());
        self.append(report).await;
        [image, picture, document]
    }

    fn record(&self) -> serde_json::Value {
        let path = self.folder.path().join("objects/records/sweep-storage.json");
        std::fs::read(path).map_or(serde_json::Value::Null, |bytes| serde_json::from_slice(&bytes).unwrap())
    }
}

#[tokio::test]
async fn a_change_that_keeps_the_length_is_found_in_images_pictures_and_documents() {
    let site = site().await;
    let objects = site.reported_image().await;
    site.finds(deep(), &[]).await;
    for object in &objects {
        rot(&site.path(object));
    }
    let picture = (Kind::LostPicture, Some(3), Action::Name);
    let document = (Kind::LostDocument, Some(4), Action::Name);
    site.finds(deep(), &[(Kind::EventWithoutObject, Some(1), Action::Park), picture, document]).await;
    let swept = site.sweep(thorough()).await;
    for one in &swept {
        assert!(
            one.discrepancy.reason.contains("is damaged") && one.discrepancy.reason.contains("restore"),
            "{one:?}"
        );
    }
    assert_eq!(site.dead_lettered().await.job_id, samples::job_id(1));
    site.finds(deep(), &[picture, document]).await;
    for object in &objects {
        rot(&site.path(object));
    }
    site.finds(deep(), &[]).await;
}

#[tokio::test]
async fn a_deep_look_can_be_had_of_the_objects_under_some_digits() {
    let site = site().await;
    let [image, picture, document] = site.reported_image().await;
    rot(&site.path(&document));
    let digits = |blob: &BlobRef| Mode { deep: Some(blob.sha256.to_string()[..3].to_owned()), ..DRY };
    site.finds(digits(&image), &[]).await;
    site.finds(digits(&picture), &[]).await;
    site.finds(digits(&document), &[(Kind::LostDocument, Some(4), Action::Name)]).await;
    let looked = once(&site.log, &site.blobs, &pace(), &digits(&document), |_| ()).await.unwrap();
    assert_eq!((looked.objects, looked.size_bytes), (1, document.size_bytes));
}

/// The service reads all there is within a moment, one object at a time.
fn eager() -> Pace {
    Pace {
        hash_within: Duration::from_millis(1),
        objects_at_a_time: 1,
        deep_every: Duration::from_millis(50),
        ..pace()
    }
}

#[tokio::test]
async fn the_service_finds_what_rots_notes_what_no_job_tells_of_and_sees_it_restored() {
    let site = site().await;
    let [image, picture, document] = site.reported_image().await;
    let running = site.start(eager()).await;
    for object in [&image, &picture, &document] {
        rot(&site.path(object));
    }
    let note =
        || async { running.health.readiness().notes.get("stored objects").cloned().unwrap_or_default() };
    assert!(
        wait_until(LIMIT, || async { note().await.contains("1 picture, 1 document") }).await,
        "{}",
        note().await
    );
    assert!(running.health.readiness().ready, "it does its work");
    let parked = || async { site.log.dead_letter("sweep", 1).await.unwrap().is_some() };
    assert!(wait_until(LIMIT, parked).await);
    for object in [&picture, &document] {
        rot(&site.path(object));
    }
    assert!(wait_until(LIMIT, || async { note().await.is_empty() }).await, "{}", note().await);
    running.shutdown.cancel();
    running.task.await.unwrap().unwrap();
    assert_eq!(site.record()["lost"][0]["part"], "image", "{}", site.record());
}

#[tokio::test]
async fn a_look_that_was_interrupted_goes_on_where_it_stopped() {
    let site = site().await;
    let mut images = Vec::new();
    for (number, content) in (1..).zip(["one", "two", "three", "four", "five", "six"]) {
        images.push(site.linked_image(number, content).await.1);
    }
    // From the third image on the store answers with an error: a file that leads to itself.
    for image in &images[2..] {
        std::fs::remove_file(site.path(image)).unwrap();
        std::os::unix::fs::symlink(site.path(image), site.path(image)).unwrap();
    }
    // Within the hour that a round takes all becomes due: the clock of the round is set back.
    let round = Pace { hash_within: Duration::from_secs(3600), objects_at_a_time: 1000, ..pace() };
    let begun = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(3590);
    let epoch = site.log.position().await.unwrap().epoch;
    let record = serde_json::json!({ "epoch": epoch, "looked_again_at": null, "lost": [],
        "hashed": { "began_at": begun, "position": 0, "objects": 0 } });
    site.blobs.write_record("sweep-storage.json", record.to_string().into()).await.unwrap();

    let running = site.start(round).await;
    let told = || async { running.health.readiness().notes.contains_key("look at the contents of storage") };
    assert!(wait_until(LIMIT, told).await, "{:?}", running.health.readiness());
    running.shutdown.cancel();
    running.task.await.unwrap().unwrap();
    assert_eq!(site.record()["hashed"]["position"], 4, "two images were read: {}", site.record());
    assert!(
        site.log.last("evt.job-dead-lettered.>").await.unwrap().is_none(),
        "a store that is away loses nothing"
    );

    for (image, content) in images.iter().zip(["one", "two", "three", "four", "five", "six"]) {
        std::fs::remove_file(site.path(image)).unwrap();
        std::fs::write(site.path(image), content).unwrap();
    }
    // Who began anew would find the first one.
    rot(&site.path(&images[0]));
    rot(&site.path(&images[3]));
    let running = site.start(Pace { deep_every: Duration::from_secs(3600), ..round }).await;
    let is_over = || async { site.record()["hashed"]["position"].as_u64() >= Some(11) };
    assert!(wait_until(LIMIT, is_over).await, "{}", site.record());
    running.shutdown.cancel();
    running.task.await.unwrap().unwrap();
    let lost: Vec<_> =
        site.record()["lost"].as_array().unwrap().iter().map(|it| it["position"].clone()).collect();
    assert_eq!(lost, [7], "{}", site.record());
}

#[tokio::test]
async fn one_object_that_can_not_be_read_does_not_hold_up_the_look() {
    let site = site().await;
    let [_, picture, document] = site.reported_image().await;
    std::fs::remove_file(site.path(&picture)).unwrap();
    std::os::unix::fs::symlink(site.path(&picture), site.path(&picture)).unwrap();
    rot(&site.path(&document));
    let running = site.start(Pace { objects_at_a_time: 10_000, ..eager() }).await;
    let note =
        || async { running.health.readiness().notes.get("stored objects").cloned().unwrap_or_default() };
    assert!(
        wait_until(LIMIT, || async { note().await.contains("1 document, 1 refused") }).await,
        "{}",
        note().await
    );
    running.shutdown.cancel();
    running.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn names_are_compared_in_bounded_memory_and_the_next_look_goes_on_with_the_next_digits() {
    let site = site().await;
    let mut left = Vec::new();
    for number in 0..40 {
        left.push(site.store(&format!("left {number}")).await);
        site.age(&left[number]);
    }
    site.linked_image(1, "named").await;
    let few = Pace { objects_at_a_time: 5, deep_every: Duration::from_millis(10), ..pace() };
    let mut found = Vec::new();
    let mode = deep();
    once(&site.log, &site.blobs, &few, &mode, |one| found.push(one.discrepancy.reason.clone()))
        .await
        .unwrap();
    assert_eq!(found.len(), 40, "{found:#?}");
    assert!(left.iter().all(|blob| found.iter().any(|reason| reason.contains(&blob.sha256.to_string()))));

    let running = site.start(few).await;
    let next = || async { site.record()["compared"]["next"].as_u64().unwrap_or_default() };
    assert!(wait_until(LIMIT, || async { next().await > 0 }).await);
    running.shutdown.cancel();
    running.task.await.unwrap().unwrap();
    let stopped_at = next().await;
    let running = site.start(few).await;
    let went_on = || async { next().await > stopped_at || (next().await == 0 && stopped_at > 128) };
    assert!(wait_until(LIMIT, went_on).await);
    assert!(wait_until(LIMIT, || async { next().await == 0 }).await, "it begins anew behind the last");
    running.shutdown.cancel();
    running.task.await.unwrap().unwrap();
}

impl Site {
    /// What a writer leaves behind that is killed in the middle of an upload, last written to `hours` ago.
    fn leave(&self, name: &str, hours: u64) -> PathBuf {
        let path = self.folder.path().join("objects").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "a part of an upl").unwrap();
        let then = std::time::SystemTime::now() - Duration::from_secs(hours * 3600 + 60);
        std::fs::File::options().append(true).open(&path).unwrap().set_modified(then).unwrap();
        path
    }
}

#[tokio::test]
async fn uploads_that_were_not_finished_are_named_and_removed_after_a_day_never_before() {
    let site = site().await;
    let content = site.store("a content").await;
    let names = |hours: u64| {
        let digest = content.key.clone();
        [
            format!("incoming/{hours}"),
            format!("incoming/{hours}#1"),
            format!("{digest}#{hours}"),
            format!("records/r#{hours}"),
        ]
    };
    let old = names(25).map(|name| site.leave(&name, 25));
    let young = names(23).map(|name| site.leave(&name, 23));
    let under_way = names(0).map(|name| site.leave(&name, 0));
    let count = |swept: &[Swept], action| {
        let is_meant =
            |one: &&Swept| (one.discrepancy.kind, one.discrepancy.action) == (Kind::UnfinishedUpload, action);
        swept.iter().filter(is_meant).count()
    };
    let swept = site.sweep(deep()).await;
    assert_eq!((count(&swept, Action::Remove), count(&swept, Action::Name)), (4, 4), "{swept:#?}");
    assert!(old.iter().all(|path| path.exists()), "a dry run removes nothing");

    let swept = site.sweep(thorough()).await;
    assert!(swept.iter().all(Swept::is_settled), "{swept:#?}");
    assert!(old.iter().all(|path| !path.exists()));
    assert!(young.iter().chain(&under_way).all(|path| path.exists()));
    assert!(site.path(&content).exists());
    // The service does the same by itself.
    let old = site.leave("incoming/26#1", 26);
    let running = site.start(pace()).await;
    assert!(wait_until(LIMIT, || async { !old.exists() }).await);
    running.shutdown.cancel();
    running.task.await.unwrap().unwrap();
    assert!(young.iter().chain(&under_way).all(|path| path.exists()));
}
