//! Objects that are notified are taken in, whoever tells of them and however often.

use bytes::Bytes;
use hilum_events::{Priority, StudyId, Way};
use hilum_watch::job_of;

use crate::bench::{Bench, OFTEN, SELDOM, WATCH, aws, data, event_bridge, minio, sns};
use crate::s3::BUCKET;

const KEYS: [&str; 4] =
    ["in/Müller Anna/1.dcm", "in/50% + 7/ä?#&=.dcm", "in/a+b c~(1)*'.dcm", "in/plain.dcm"];
const FILES: [&str; 4] = [
    "encodings/grey8_explicit.dcm",
    "encodings/grey8_jpeg_baseline.dcm",
    "encodings/grey8.png",
    "encodings/grey12_jpeg_2000.dcm",
];

#[tokio::test]
async fn an_object_of_any_key_is_one_job_whichever_store_tells_of_it() {
    let bench = Bench::start(WATCH, &[SELDOM]).await;
    let mut objects = Vec::new();
    for (key, file) in KEYS.into_iter().zip(FILES) {
        objects.push(bench.put(key, data(file)).await);
    }
    for body in [aws(&objects[0]), event_bridge(&objects[1]), sns(&aws(&objects[3]))] {
        assert_eq!(bench.post(body.to_string()).send().await.unwrap().status(), 200);
    }
    bench.log.put("notification.from.minio", Bytes::from(minio(&objects[2]).to_string())).await.unwrap();

    let stored = bench.wait_for(4).await;
    for (object, file) in objects.iter().zip(FILES) {
        let job_id = job_of(BUCKET, object).unwrap();
        let (envelope, image) = stored.iter().find(|(_, image)| image.job_id == job_id).unwrap();
        assert_eq!((envelope.site.as_str(), image.priority), ("north", Priority::Routine));
        let source = image.source.as_ref().unwrap();
        assert_eq!((source.way, source.sender.as_deref()), (Way::S3, Some("north")));
        assert_eq!(image.image.blob.sha256, hilum_events::Sha256Digest::of(&data(file)));
        let kept = bench.folder.path().join("store").join(&image.image.blob.key);
        assert_eq!(std::fs::read(kept).unwrap(), data(file));
    }
    bench.never_said(&["Anna", "Müller", "plain", "ller+Anna", "50%"]).await;
}

#[tokio::test]
async fn five_notifications_and_a_list_are_one_job() {
    let mut bench = Bench::start(WATCH, &[OFTEN]).await;
    let object = bench.put("in/a.dcm", data(FILES[0])).await;
    for _ in 0..5 {
        bench.notify(&object).await;
    }
    bench.wait_for(1).await;
    bench.stop().await;
    bench.run(&[OFTEN]).await;
    let listed = bench.s3.count("list");
    bench.notify(&object).await;
    let two_more = || async { bench.s3.count("list") >= listed + 2 };
    assert!(hilum_servers::wait_until(crate::bench::LIMIT, two_more).await);
    assert_eq!(bench.wait_for(1).await[0].1.job_id, job_of(BUCKET, &object).unwrap());
}

#[tokio::test]
async fn of_an_object_that_was_written_over_the_newest_is_taken_and_one_that_was_deleted_is_let_go() {
    let bench = Bench::start(WATCH, &[SELDOM]).await;
    let before = bench.put("in/a.dcm", data(FILES[0])).await;
    let after = bench.put("in/a.dcm", data(FILES[1])).await;
    let gone = bench.put("in/b.dcm", data(FILES[2])).await;
    bench.delete("in/b.dcm").await;
    let conditional = hilum_blobs::ForeignObject { e_tag: Some("precondition".to_owned()), ..after.clone() };
    for object in [&before, &after, &gone, &conditional] {
        bench.notify(object).await;
    }
    let stored = bench.wait_for(1).await;
    assert_eq!(stored[0].1.job_id, job_of(BUCKET, &after).unwrap());
}

#[tokio::test]
async fn site_study_and_priority_come_from_the_key_or_from_what_the_sender_says() {
    let watches = format!(
        "{WATCH}metadata = true\n[[watch]]\nname = \"south\"\nurl = \"s3://drop\"\nprefix = \"south/\"\n\
         key_pattern = '^south/(?P<site>[^/]+)/(?P<study>[^/]+)/(?P<priority>stat|routine)/'\n"
    );
    let bench = Bench::start(&watches, &[SELDOM]).await;
    let said = [("hilum-study", "M-1"), ("hilum-priority", "stat")];
    let by_metadata = bench.put_with("in/a.dcm", data(FILES[0]), &said).await;
    let by_key = bench.put("south/ward-3/S-1/stat/a.dcm", data(FILES[1])).await;
    let by_header = bench.put("in/b.dcm", data(FILES[1])).await;
    for object in [&by_metadata, &by_key, &by_header] {
        bench.notify(object).await;
    }
    let stored = bench.wait_for(3).await;
    let of = |object| {
        let job_id = job_of(BUCKET, object).unwrap();
        let (envelope, image) = stored.iter().find(|(_, image)| image.job_id == job_id).unwrap();
        (envelope.site.clone(), image.study_id, image.priority)
    };
    let named = |site: &str, study| StudyId::named(&site.parse().unwrap(), study);
    assert_eq!(of(&by_metadata), ("north".parse().unwrap(), named("north", "M-1"), Priority::Stat));
    assert_eq!(of(&by_key), ("ward-3".parse().unwrap(), named("ward-3", "S-1"), Priority::Stat));
    let (_, _, priority) = of(&by_header);
    let header =
        stored.iter().find(|(_, image)| image.job_id == job_of(BUCKET, &by_header).unwrap()).unwrap();
    let uid = &header.1.image.dicom.as_ref().unwrap().study_instance_uid;
    assert_eq!((header.1.study_id, priority), (named("north", uid), Priority::Routine));
}
