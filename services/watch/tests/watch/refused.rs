//! What can't be taken in: for now it waits, for good it is kept where an operator sees it, and what would loop is never begun.

use hilum_log::{SEEN_OBJECTS, seen_object_subject};
use hilum_servers::{tail, wait_until};
use hilum_watch::job_of;

use crate::bench::{Bench, LIMIT, OFTEN, SELDOM, WATCH, data};
use crate::s3::BUCKET;

const FILE: &str = "encodings/grey8_explicit.dcm";

#[tokio::test]
async fn what_is_no_image_is_parked_with_its_reason_and_not_looked_at_again() {
    let bench = Bench::start(WATCH, &[OFTEN]).await;
    let object = bench
        .put("in/Doe Jane.txt", b"this is a letter about nobody, and longer than a prefix".repeat(9))
        .await;
    let parked = bench.parked(1).await;
    let job_id = job_of(BUCKET, &object).unwrap();
    assert_eq!((parked.id, parked.watch.as_deref()), (job_id, Some("north")));
    assert_eq!(parked.notification.unwrap().key, "in/Doe Jane.txt");
    assert!(parked.reason.contains("neither PNG, JPEG nor DICOM"), "{}", parked.reason);
    assert!(bench.log.newest(SEEN_OBJECTS, &seen_object_subject(job_id)).await.unwrap().is_some());
    let (listed, got) = (bench.s3.count("list"), bench.s3.count("get"));
    assert!(wait_until(LIMIT, || async { bench.s3.count("list") >= listed + 2 }).await);
    assert_eq!(bench.s3.count("get"), got);
    bench.never_said(&["Doe", "Jane"]).await;
}

#[tokio::test]
async fn what_holds_no_picture_is_ignored_and_not_looked_at_again() {
    let bench = Bench::start(WATCH, &[OFTEN]).await;
    for (number, file) in ["images/rtplan.dcm", "ways/DICOMDIR"].into_iter().enumerate() {
        bench.put(&format!("in/Doe Jane/{number}"), data(file)).await;
    }
    bench.metric_reaches("hilum_watch_objects_total{watch=\"north\",outcome=\"ignored\"}", 2.0).await;
    let (listed, got) = (bench.s3.count("list"), bench.s3.count("get"));
    assert!(wait_until(LIMIT, || async { bench.s3.count("list") >= listed + 2 }).await);
    assert_eq!((bench.s3.count("get"), bench.waiting().await), (got, 0));
    assert_eq!(bench.log.held_in(hilum_log::PARKED_NOTIFICATIONS).await.unwrap(), 0);
    bench.never_said(&["Doe", "Jane"]).await;
}

#[tokio::test]
async fn a_key_that_can_t_be_understood_is_parked_without_being_fetched() {
    let bench = Bench::start(&format!("{WATCH}key_pattern = '^in/(?P<study>.*)\\.dcm$'\n"), &[SELDOM]).await;
    bench.notify(&bench.put("in/Doe Jane.dcm", data(FILE)).await).await;
    let parked = bench.parked(1).await;
    assert!(parked.reason.contains("study must be") && !parked.reason.contains("Doe"), "{}", parked.reason);
    assert_eq!(bench.s3.count("get"), 0);
    bench.never_said(&["Doe", "Jane"]).await;
}

#[tokio::test]
async fn a_store_that_fails_is_asked_again_until_it_does_not() {
    let bench = Bench::start(WATCH, &[SELDOM]).await;
    let object = bench.put("in/Doe Jane.dcm", data(FILE)).await;
    for status in [403, 503] {
        bench.s3.fail(Some(status));
        let got = bench.s3.count("get");
        if status == 403 {
            bench.notify(&object).await;
        }
        assert!(wait_until(LIMIT, || async { bench.s3.count("get") >= got + 2 }).await);
    }
    assert_eq!((bench.waiting().await, bench.stored().await.len()), (1, 0));
    bench.s3.fail(None);
    bench.wait_for(1).await;
    bench.never_said(&["Doe", "Jane"]).await;
}

#[tokio::test]
async fn a_store_that_fails_for_too_long_is_given_up_and_that_is_told() {
    let bench = Bench::start(WATCH, &[SELDOM, ("HILUM_WATCH_GIVE_UP_AFTER_S", "1")]).await;
    let object = bench.put("in/Doe Jane.dcm", data(FILE)).await;
    bench.s3.fail(Some(403));
    bench.notify(&object).await;
    let parked = bench.parked(1).await;
    assert!(parked.reason.contains("403") && parked.tries > 1, "{}", parked.reason);
    bench.never_said(&["Doe", "Jane"]).await;
}

#[tokio::test]
async fn what_is_refused_for_now_waits_and_is_never_given_up() {
    let settings = [SELDOM, ("HILUM_WATCH_GIVE_UP_AFTER_S", "1")];
    let mut bench = Bench::new(WATCH).await;
    let full = [settings[0], settings[1], ("HILUM_MAX_WAITING", "0")];
    // Nobody reads: the first image waits, and there is no room for more.
    bench.run(&full).await;
    bench.notify(&bench.put("in/0.dcm", data(FILE)).await).await;
    bench.wait_for(1).await;
    // Started anew the door knows of it only what it sees in the queue, where no site is known yet.
    bench.stop().await;
    bench.run(&full).await;
    bench.metric_reaches("hilum_images_waiting", 1.0).await;
    for number in 1..3 {
        bench.notify(&bench.put(&format!("in/{number}.dcm"), data(FILE)).await).await;
    }
    bench.metric_reaches("hilum_watch_objects_total{watch=\"north\",outcome=\"refused_for_now\"}", 2.0).await;
    let log = std::fs::read_to_string(bench.log_file()).unwrap();
    assert_eq!(log.matches("too many images wait").count(), 1, "{log}");
    assert_eq!((bench.waiting().await, bench.stored().await.len()), (2, 1));
    assert_eq!(bench.log.held_in(hilum_log::PARKED_NOTIFICATIONS).await.unwrap(), 0);
    bench.stop().await;
    bench.run(&settings).await;
    bench.wait_for(3).await;
}

#[tokio::test]
async fn a_watch_that_would_find_what_hilum_writes_is_refused_at_the_start() {
    let bench = Bench::new("").await;
    let watch = format!("[[watch]]\nname = \"loop\"\nurl = \"file://{}\"\n", bench.folder.path().display());
    std::fs::write(bench.folder.path().join("watches.toml"), watch).unwrap();
    let mut process = bench.launch(&[]);
    let status = tokio::time::timeout(LIMIT, process.wait()).await.unwrap().unwrap();
    let said = tail(&bench.log_file(), 0, 20);
    assert!(
        !status.success() && said.contains("the watch loop would find what Hilum itself writes"),
        "{said}"
    );
}
