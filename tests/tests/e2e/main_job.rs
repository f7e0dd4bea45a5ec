//! Upload, reading, report; and the same content more than once.

use std::collections::BTreeSet;

use hilum_events::Event;
use hilum_tests::{Stack, StackOptions, StoreKind, Upload};
use reqwest::StatusCode;
use sqlx::{Connection as _, PgConnection};

const KINDS: [&str; 4] = [
    "mhh_19073f37.png",
    "mhh_5f619d7e_progressive_q85.jpg",
    "chest_mhh_19073f37.dcm",
    "chest_mhh_5f619d7e_jpegls.dcm",
];

async fn every_kind_is_read_and_reported(store: StoreKind) {
    let stack = Stack::start(StackOptions { store, ..StackOptions::default() }).await;
    let mut jobs = Vec::new();
    for kind in KINDS {
        jobs.push(stack.submit(Upload::sample(kind).with("study", "S-1").with("site", "north")).await);
    }
    for job in &jobs {
        let result = stack.result(job).await;
        let findings = result["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 18);
        for finding in findings {
            let probability = finding["probability"].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&probability), "{finding}");
            assert!(finding["logit"].is_f64() && finding["operating_point_score"].is_f64(), "{finding}");
        }
        assert_eq!(result["model"]["trained"], false);
        assert!(result["model"]["notice"].as_str().unwrap().contains("UNTRAINED"), "{}", result["model"]);
    }
    let report = stack.report("S-1", 1).await;
    assert_eq!(report["images"].as_array().unwrap().len(), KINDS.len());

    let page = stack
        .http
        .get(format!("{}/v1/studies/S-1/report?format=html", stack.query_url()))
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let page = page.text().await.unwrap();
    for must in ["UNTRAINED", "ot a diagnosis", "data:image/png;base64,"] {
        assert!(page.contains(must), "the page lacks {must}");
    }

    stack.assert_settled().await;
    facts_rows_and_objects_agree(&stack, KINDS.len()).await;
}

async fn facts_rows_and_objects_agree(stack: &Stack, images: usize) {
    assert_eq!(stack.count("image-stored").await, images);
    let mut database = PgConnection::connect(&stack.database_url()).await.unwrap();
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs").fetch_one(&mut database).await.unwrap();
    assert_eq!(usize::try_from(rows).unwrap(), images);
    for envelope in stack.events().await {
        if let Event::ImageStored(stored) = envelope.event {
            stack.store.get(&stored.image.blob).await.unwrap();
        }
    }
}

#[tokio::test]
async fn png_jpeg_and_dicom_are_read_and_reported_from_s3() {
    every_kind_is_read_and_reported(StoreKind::S3).await;
}

#[tokio::test]
async fn png_jpeg_and_dicom_are_read_and_reported_from_a_folder() {
    every_kind_is_read_and_reported(StoreKind::Folder).await;
}

#[tokio::test]
async fn one_content_sent_many_times_is_read_once_with_equal_results() {
    let stack = Stack::start(StackOptions { copies: 2, ..StackOptions::default() }).await;
    let upload = || Upload::sample("mhh_1479fa94.png");
    let (first, second, third, fourth) = tokio::join!(
        stack.submit(upload()),
        stack.submit(upload()),
        stack.submit(upload().with("site", "north")),
        stack.submit(upload().with("site", "south").with("priority", "stat"))
    );
    let during = [first, second, third, fourth];
    let mut results = Vec::new();
    for job in &during {
        results.push(stack.result(job).await["findings"].clone());
    }
    let after = stack.submit(upload()).await;
    results.push(stack.result(&after).await["findings"].clone());
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));

    assert_eq!(during.iter().collect::<BTreeSet<_>>().len(), 4, "each upload is a job");
    stack.assert_settled().await;
    assert_eq!(stack.count("inference-requested").await, 1);
    assert_eq!(stack.count("duplicate-linked").await, 4);
    assert_eq!(stack.count("inference-completed").await, 1);

    let mut originals = BTreeSet::new();
    let mut linked = 0;
    for job in during.iter().chain([&after]) {
        let state = stack.ended(job).await;
        if let Some(original) = state["duplicate_of"].as_str() {
            originals.insert(original.to_owned());
            linked += 1;
        }
    }
    assert_eq!((originals.len(), linked), (1, 4));
}

#[tokio::test]
async fn an_image_larger_than_the_door_holds_in_memory_is_read() {
    let stack = Stack::start(StackOptions { store: StoreKind::S3, ..StackOptions::default() }).await;
    let large = enlarged(&std::fs::read(hilum_tests::sample("chest_mhh_19073f37.dcm")).unwrap(), 4096);
    assert!(large.len() > 16 << 20);
    let job = stack.submit(Upload::bytes(&large)).await;
    let result = stack.result(&job).await;
    assert_eq!(result["region"]["side"], 4096);
    stack.assert_settled().await;
    let Some(Event::ImageStored(stored)) = stack.events().await.into_iter().next().map(|first| first.event)
    else {
        panic!("the first fact is that the image was stored")
    };
    assert_eq!(stored.image.blob.size_bytes, large.len() as u64);
    assert_eq!(stored.image.dicom.unwrap().rows, 4096);
}

/// The same uncompressed 8-bit DICOM object with a grey square of `side` pixels as its picture.
fn enlarged(object: &[u8], side: u16) -> Vec<u8> {
    let find = |tag: [u8; 6]| object.windows(6).position(|window| window == tag).unwrap();
    let mut large = object.to_vec();
    for tag in [*b"\x28\x00\x10\x00US", *b"\x28\x00\x11\x00US"] {
        let value = find(tag) + 8;
        large[value..value + 2].copy_from_slice(&side.to_le_bytes());
    }
    let pixel_data = object.windows(5).position(|window| window == b"\xe0\x7f\x10\x00O").unwrap();
    let pixels = u32::from(side) * u32::from(side);
    large.truncate(pixel_data + 8);
    large.extend_from_slice(&pixels.to_le_bytes());
    large.resize(large.len() + pixels as usize, 128);
    large
}
