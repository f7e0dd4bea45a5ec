//! Zip archives are unpacked where a watch says so: each image in them is a job.

use std::io::{Cursor, Write as _};

use hilum_events::Sha256Digest;
use hilum_servers::tail;
use hilum_watch::job_of;
use rawzip::{CompressionMethod, ZipArchiveWriter};

use crate::bench::{Bench, OFTEN, SELDOM, WATCH, data};
use crate::s3::BUCKET;

const FILES: [&str; 3] =
    ["encodings/grey8_explicit.dcm", "encodings/grey8_jpeg_baseline.dcm", "encodings/grey12_jpeg_2000.dcm"];

fn zip(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let mut archive = ZipArchiveWriter::new(&mut out);
    for (name, bytes) in files {
        let deflate = CompressionMethod::DEFLATE;
        let (mut entry, config) = archive.new_file(name).compression_method(deflate).start().unwrap();
        let encoder = flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::fast());
        let mut writer = config.wrap(encoder);
        writer.write_all(bytes).unwrap();
        let (encoder, descriptor) = writer.finish().unwrap();
        encoder.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    out.into_inner()
}

fn images() -> Vec<(&'static str, Vec<u8>)> {
    let names = ["DICOM/Doe Jane/1", "DICOM/Doe Jane/2", "DICOM/Doe Jane/3"];
    names.into_iter().zip(FILES).map(|(name, file)| (name, data(file))).collect()
}

fn unpacking() -> String {
    format!("{WATCH}archives = true\n")
}

/// What was stored, in the order of its files' hashes.
async fn contents(bench: &Bench, images: usize) -> Vec<Sha256Digest> {
    let mut found: Vec<_> =
        bench.wait_for(images).await.iter().map(|(_, image)| image.image.blob.sha256).collect();
    found.sort();
    found
}

fn expected() -> Vec<Sha256Digest> {
    let mut expected = FILES.map(|file| Sha256Digest::of(&data(file))).to_vec();
    expected.sort();
    expected
}

#[tokio::test]
async fn each_image_in_an_archive_is_a_job_and_directories_of_media_are_left() {
    let bench = Bench::start(&unpacking(), &[OFTEN]).await;
    let mut files = images();
    files.insert(0, ("DICOMDIR", data("ways/DICOMDIR")));
    let object = bench.put("in/Doe Jane.zip", zip(&files)).await;
    bench.notify(&object).await;
    assert_eq!(contents(&bench, 3).await, expected());
    // Lists that come again find nothing new.
    bench.metric_reaches("hilum_watch_objects_total{watch=\"north\",outcome=\"unpacked\"}", 1.0).await;
    let listed = bench.s3.count("list");
    assert!(
        hilum_servers::wait_until(crate::bench::LIMIT, || async { bench.s3.count("list") >= listed + 2 })
            .await
    );
    assert_eq!(contents(&bench, 3).await, expected());
    assert_eq!(bench.log.held_in(hilum_log::PARKED_NOTIFICATIONS).await.unwrap(), 0);
    bench.never_said(&["Doe", "Jane"]).await;
}

#[tokio::test]
async fn what_can_t_be_taken_out_of_an_archive_is_told_and_the_rest_is_taken() {
    let bench = Bench::start(&unpacking(), &[SELDOM]).await;
    let mut files = images();
    files.insert(1, ("Doe Jane.txt", b"a letter about nobody that is longer than a prefix".repeat(9)));
    let object = bench.put("in/Doe Jane.zip", zip(&files)).await;
    bench.notify(&object).await;
    let parked = bench.parked(1).await;
    assert_eq!(parked.id, job_of(BUCKET, &object).unwrap());
    let told = "1 of 4 files in the archive were not taken: file 2: ";
    assert!(parked.reason.starts_with(told) && !parked.reason.contains("Doe"), "{}", parked.reason);
    assert_eq!(contents(&bench, 3).await, expected());
    bench.never_said(&["Doe", "Jane"]).await;
}

#[tokio::test]
async fn an_archive_that_is_too_long_or_none_is_told_and_without_the_setting_it_is_no_image() {
    let bench = Bench::start(&unpacking(), &[SELDOM, ("HILUM_WATCH_ARCHIVE_MAX_BYTES", "100000")]).await;
    let long =
        bench.put("in/1.zip", zip(&[("a", (0..200_000_u32).flat_map(u32::to_le_bytes).collect())])).await;
    bench.notify(&long).await;
    assert!(bench.parked(1).await.reason.contains("HILUM_WATCH_ARCHIVE_MAX_BYTES"));
    let mut cut = zip(&images());
    cut.truncate(cut.len() / 2);
    bench.notify(&bench.put("in/2.zip", cut).await).await;
    bench.parked(2).await;
    assert!(tail(&bench.log_file(), 0, 99).contains("the archive is damaged"));

    let other = Bench::start(WATCH, &[SELDOM]).await;
    other.notify(&other.put("in/3.zip", zip(&images())).await).await;
    assert!(other.parked(1).await.reason.contains("neither PNG, JPEG nor DICOM"));
}

#[tokio::test]
async fn an_archive_whose_unpacking_is_killed_is_gone_on_with_and_no_image_is_taken_twice() {
    let mut bench = Bench::new(&unpacking()).await;
    bench.run(&[OFTEN, ("FAILPOINTS", "watch.after-entry=1*off->return")]).await;
    let object = bench.put("in/Doe Jane.zip", zip(&images())).await;
    bench.queue(&object).await;
    bench.wait_until_killed().await;
    assert_eq!(bench.stored().await.len(), 2);
    bench.run(&[OFTEN]).await;
    assert_eq!(contents(&bench, 3).await, expected());
}
