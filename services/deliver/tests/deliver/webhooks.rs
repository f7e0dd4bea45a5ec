//! Webhooks: what they get, and that each target is on its own.

use std::time::Duration;

use hilum_events::Sha256Digest;
use hilum_servers::{free_port, wait_until};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::bench::{Bench, LIMIT};
use crate::receiver::{Got, Receiver};

const SECRET: &str = "open sesame";

/// A webhook in the settings, its secret in a file.
pub(crate) fn webhook(bench: &Bench, name: &str, url: &str, more: &str) -> String {
    let secret = bench.folder.path().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let secret = secret.display();
    format!("[target.{name}]\nkind = 'webhook'\nurl = '{url}'\nsecret_file = '{secret}'\n{more}\n")
}

/// As a receiver checks it.
fn is_signed(got: &Got) -> bool {
    let signature = got.header("hilum-signature");
    let (time, told) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&[time.as_bytes(), b".", &got.body].concat());
    mac.verify_slice(&hex::decode(told).unwrap()).is_ok()
}

#[tokio::test]
async fn a_report_is_posted_and_signed_and_told_once_though_the_receiver_fails_first() {
    let bench = Bench::new().await;
    let receiver = Receiver::start(&[(503, "busy"), (429, "")]).await;
    let copy = bench.start(&webhook(&bench, "desk", &receiver.url, "")).await;
    bench.issue(1, "{\"revision\": 1}").await;
    let delivered = bench.delivered("desk", 1).await;
    assert_eq!((delivered.attempt, delivered.receipt.as_str()), (1, "HTTP 200"));
    let object = &delivered.objects[0];
    assert_eq!((object.form.as_str(), object.size_bytes), ("json", 15));
    assert_eq!(object.sha256, Sha256Digest::of(b"{\"revision\": 1}"));
    copy.stop().await;

    let got = receiver.got();
    assert_eq!(got.len(), 3);
    for request in &got {
        assert_eq!(&request.body[..], b"{\"revision\": 1}");
        assert!(is_signed(request), "{request:?}");
        assert_eq!(
            (request.header("hilum-matter"), request.header("content-type")),
            ("report-1", "application/json")
        );
    }
    assert_eq!(bench.count("evt.report-delivered.>").await, 1);
    assert_eq!(bench.count("evt.delivery-failed.>").await, 0);
}

#[tokio::test]
async fn nothing_is_sent_that_the_full_log_could_not_tell_and_nothing_twice_because_it_filled_up() {
    let bench = Bench::new().await;
    let receiver = Receiver::start(&[]).await;
    receiver.hold(true);
    let copy = bench.start(&webhook(&bench, "desk", &receiver.url, "")).await;
    bench.issue(1, "{\"revision\": 1}").await;
    assert!(wait_until(LIMIT, || async { receiver.got().len() == 1 }).await);
    // The log is full before the first report is answered, and before the second is sent.
    bench.leave_room_for(Some(1)).await;
    bench.issue(2, "{\"revision\": 2}").await;
    receiver.hold(false);
    let is_sent_more = || async { receiver.got().len() > 1 };
    assert!(!wait_until(Duration::from_secs(8), is_sent_more).await, "{:?}", receiver.got());
    assert_eq!(bench.count("evt.report-delivered.>").await, 0);

    bench.leave_room_for(None).await;
    for revision in [1, 2] {
        bench.delivered("desk", revision).await;
    }
    copy.stop().await;
    assert_eq!(receiver.got().len(), 2);
    assert_eq!(bench.count("evt.delivery-failed.>").await, 0);
}

#[tokio::test]
async fn a_target_that_is_away_holds_up_no_other() {
    let bench = Bench::new().await;
    let receiver = Receiver::start(&[]).await;
    let nobody = format!("http://127.0.0.1:{}", free_port().unwrap());
    let targets = [
        webhook(&bench, "away", &nobody, "every_revision = true"),
        webhook(&bench, "desk", &receiver.url, "every_revision = true"),
    ];
    let copy = bench.start(&targets.concat()).await;
    let mut positions = Vec::new();
    for revision in 1..=8 {
        positions.push(bench.issue(revision, "{}").await);
    }
    for revision in 1..=8 {
        bench.delivered("desk", revision).await;
    }
    for seq in positions {
        let waits = || async { bench.log.has_retry("deliver-away", seq).await.unwrap() };
        assert!(wait_until(LIMIT, waits).await, "what is meant for it waits");
    }
    assert_eq!(bench.count("evt.report-delivered.*.*.*.away.*").await, 0);
    assert_eq!(bench.count("evt.delivery-failed.>").await, 0);
    copy.stop().await;
}

#[tokio::test]
async fn a_new_target_begins_with_new_reports_and_a_restart_loses_none() {
    let bench = Bench::new().await;
    bench.issue(1, "{}").await;
    let receiver = Receiver::start(&[(500, "")]).await;
    let targets = webhook(&bench, "desk", &receiver.url, "every_revision = true");
    let copy = bench.start(&targets).await;
    let failed_seq = bench.issue(2, "{}").await;
    let waits = || async { bench.log.has_retry("deliver-desk", failed_seq).await.unwrap() };
    assert!(wait_until(LIMIT, waits).await);
    copy.stop().await;
    bench.issue(3, "{}").await;

    let copy = bench.start(&targets).await;
    for revision in [2, 3] {
        bench.delivered("desk", revision).await;
    }
    copy.stop().await;
    let matters: Vec<String> =
        receiver.got().iter().map(|got| got.header("hilum-matter").to_owned()).collect();
    assert_eq!(matters.iter().filter(|matter| *matter == "report-3").count(), 1, "{matters:?}");
    assert_eq!(matters.iter().filter(|matter| *matter == "report-2").count(), 2, "one failed: {matters:?}");
    assert!(!matters.contains(&"report-1".to_owned()), "it was issued before: {matters:?}");
}

#[tokio::test]
async fn a_newer_revision_that_was_delivered_settles_an_older_one() {
    let bench = Bench::new().await;
    let receiver = Receiver::start(&[(503, "")]).await;
    let copy = bench.start(&webhook(&bench, "desk", &receiver.url, "")).await;
    let seq = bench.issue(1, "{}").await;
    let waits = || async { bench.log.has_retry("deliver-desk", seq).await.unwrap() };
    assert!(wait_until(LIMIT, waits).await);
    bench.issue(2, "{}").await;
    let newer = bench.delivered("desk", 2).await;
    assert_eq!((newer.superseded_by, newer.receipt.as_str()), (None, "HTTP 200"));
    let older = bench.delivered("desk", 1).await;
    assert_eq!((older.superseded_by, older.objects.len()), (Some(2), 0), "{older:?}");
    assert_eq!(older.receipt, "superseded by revision 2: not sent");
    copy.stop().await;
    let matters: Vec<_> = receiver.got().iter().map(|got| got.header("hilum-matter").to_owned()).collect();
    assert_eq!(
        matters,
        ["report-1", "report-2"],
        "the older one failed once and was not sent behind the newer one"
    );
}

#[tokio::test]
async fn a_busy_target_is_left_alone_as_long_as_it_says() {
    let bench = Bench::new().await;
    let receiver = Receiver::start_with(&[(429, "")], &[("retry-after", "4")]).await;
    let copy = bench.start(&webhook(&bench, "desk", &receiver.url, "")).await;
    bench.issue(1, "{}").await;
    bench.delivered("desk", 1).await;
    copy.stop().await;
    let got = receiver.got();
    let waited = got[1].at.duration_since(got[0].at);
    // The second try would have come after 1.3 s at the latest.
    assert!(got.len() == 2 && waited >= Duration::from_secs(4), "{waited:?}");
}
