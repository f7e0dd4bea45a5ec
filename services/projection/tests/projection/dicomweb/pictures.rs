//! Pictures for people.

use std::io::Cursor;

use hilum_events::samples::{inference_completed, inference_requested};
use hilum_events::{Event, StoredImage};
use hilum_projection::dicomweb::access::Access;
use image::{DynamicImage, ImageFormat, ImageReader};
use reqwest::Response;

use super::bench::{Bench, OBJECT, address, data};

async fn picture(response: Response, format: ImageFormat) -> DynamicImage {
    let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let bytes = response.bytes().await.unwrap();
    assert_eq!(media_type, format.to_mime_type(), "{}", String::from_utf8_lossy(&bytes));
    ImageReader::with_format(Cursor::new(bytes), format).decode().unwrap()
}

#[tokio::test]
async fn a_picture_comes_in_full_or_within_a_viewport_as_jpeg_or_png() {
    let mut bench = Bench::start(Access::Identifiers).await;
    let file = std::fs::read(data().join("images/chest_mhh_19073f37.dcm")).unwrap();
    bench.take(file.into(), "").await.unwrap();
    let instance = bench.json("/instances").await.remove(0);
    let size = |tag: &str| instance[tag]["Value"][0].as_u64().unwrap() as u32;
    let (width, height) = (size("00280011"), size("00280010"));
    let at = address(&instance);
    let png = picture(bench.ask(&format!("{at}/rendered"), "image/png").await, ImageFormat::Png).await;
    assert_eq!((png.width(), png.height()), (width, height));
    let jpeg = picture(bench.ask(&format!("{at}/frames/1/rendered"), "*/*").await, ImageFormat::Jpeg).await;
    let difference: u64 =
        png.to_luma8().iter().zip(jpeg.to_luma8().iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    assert!(difference / u64::from(width * height) < 4, "{difference}");
    let small = bench.ask(&format!("{at}/rendered?viewport=100,50"), "image/png").await;
    let small = picture(small, ImageFormat::Png).await;
    assert!(
        small.width() <= 100 && small.height() <= 50 && small.height() >= 49,
        "{}x{}",
        small.width(),
        small.height()
    );
    for (path, accept, expected) in [
        ("rendered?viewport=100", "*/*", "400 /problems/bad-request"),
        ("rendered?viewport=1,2,3,4", "*/*", "400 /problems/bad-request"),
        ("rendered?viewport=0,5", "*/*", "400 /problems/bad-request"),
        ("rendered?window=1,2,linear", "*/*", "400 /problems/bad-request"),
        ("rendered", "image/gif", "406 /problems/not-acceptable"),
        ("frames/2/rendered", "*/*", "404 /problems/not-found"),
    ] {
        assert_eq!(bench.refusal(&format!("{at}/{path}"), accept).await.0, expected, "{path}");
    }
}

#[tokio::test]
async fn a_thumbnail_is_the_picture_beside_the_reading_or_made() {
    let mut bench = Bench::start(Access::Identifiers).await;
    bench.hold(&[OBJECT]).await;
    let made = picture(bench.ask("/studies/1.1/thumbnail", "image/png").await, ImageFormat::Png).await;
    assert_eq!((made.width(), made.height()), (8, 4));

    let kept = bench.world.blobs.put(hilum_reports::samples::picture(40, 30).into()).await.unwrap();
    let mut completed = inference_completed(1, "a", 2);
    let Event::InferenceCompleted(event) = &mut completed.event else { unreachable!() };
    event.preview = Some(kept);
    let requested = inference_requested(1, "a", 1);
    let Event::InferenceRequested(event) = &requested.event else { unreachable!() };
    let StoredImage { .. } = event.image;
    let seq = bench.world.append(&[requested, completed]).await;
    bench.copy.folded(seq).await;
    for path in ["/studies/1.1", "/studies/1.1/series/1.1.1", "/studies/1.1/series/1.1.1/instances/1.1.1.1"] {
        let kept = bench.ask(&format!("{path}/thumbnail"), "image/png").await;
        let kept = picture(kept, ImageFormat::Png).await;
        assert_eq!((kept.width(), kept.height()), (40, 30), "{path}");
    }
    picture(bench.ask("/studies/1.1/thumbnail", "*/*").await, ImageFormat::Jpeg).await;
}
