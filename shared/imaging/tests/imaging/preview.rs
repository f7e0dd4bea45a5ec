//! Previews for people: small, grey, upright in brightness.

use hilum_imaging::{Preparation, Preview};

use crate::support::{image, media, pool};

async fn preview(bytes: &[u8], max_side_px: u32) -> (Preview, image::GrayImage) {
    let preview = pool().preview(media(bytes), bytes, max_side_px).await.unwrap();
    let grey = image::load_from_memory(&preview.png).unwrap();
    assert_eq!(grey.color(), image::ColorType::L8);
    assert_eq!((grey.width(), grey.height()), (preview.width, preview.height));
    (preview, grey.into_luma8())
}

fn mean(grey: &image::GrayImage) -> f64 {
    grey.as_raw().iter().map(|level| f64::from(*level)).sum::<f64>() / grey.as_raw().len() as f64
}

#[tokio::test]
async fn a_preview_fits_the_box_and_keeps_its_shape() {
    let (preview, _) = preview(&image("mhh_19073f37.png"), 256).await;
    assert_eq!((preview.original_width, preview.original_height), (640, 524));
    assert_eq!((preview.width, preview.height), (256, 210));
}

#[tokio::test]
async fn what_is_prepared_for_the_model_comes_with_the_same_preview() {
    let pool = pool();
    for name in
        ["mhh_19073f37.png", "mhh_90070cbc_gray_q40.jpg", "MR_small.dcm", "chest_mhh_5f619d7e_jpegls.dcm"]
    {
        let bytes = image(name);
        let alone = pool.preview(media(&bytes), &bytes, 200).await.unwrap();
        let preparation = Preparation::default();
        let prepared = pool.prepare_and_show(media(&bytes), &bytes, &preparation, Some(200)).await.unwrap();
        assert_eq!(prepared.preview, Some(alone), "{name}");
        let without = pool.prepare(media(&bytes), &bytes, &preparation).await.unwrap();
        assert_eq!((without.preview, without.input), (None, prepared.input), "{name}");
    }
}

#[tokio::test]
async fn a_preview_is_never_larger_than_the_picture() {
    let (preview, _) = preview(&image("MR_small.dcm"), 2000).await;
    assert_eq!((preview.width, preview.height), (64, 64));
}

#[tokio::test]
async fn every_kind_of_file_has_a_preview() {
    for name in ["mhh_90070cbc_gray_q40.jpg", "basn0g16.png", "CT_small.dcm", "chest_mhh_5f619d7e_jpegls.dcm"]
    {
        let (_, grey) = preview(&image(name), 100).await;
        assert!((10.0..245.0).contains(&mean(&grey)), "{name}");
    }
}

#[tokio::test]
async fn a_dicom_is_shown_through_its_window_and_else_over_its_whole_range() {
    // MR_small has a window of 600/1600; CT_small has none.
    let (_, windowed) = preview(&image("MR_small.dcm"), 64).await;
    let (_, whole) = preview(&image("CT_small.dcm"), 128).await;
    let levels = |grey: &image::GrayImage| {
        (*grey.as_raw().iter().min().unwrap(), *grey.as_raw().iter().max().unwrap())
    };
    assert_eq!(levels(&whole), (0, 255));
    assert_eq!(levels(&windowed).1, 255);
    assert!(levels(&windowed).0 > 0, "the window starts below the smallest value");
}

#[tokio::test]
async fn monochrome1_is_shown_turned_over() {
    let upright = image("chest_mhh_19073f37.dcm");
    let at = upright.windows(11).position(|text| text == b"MONOCHROME2").unwrap();
    let mut inverted = upright.clone();
    inverted[at + 10] = b'1';
    let (_, upright) = preview(&upright, 640).await;
    let (_, inverted) = preview(&inverted, 640).await;
    assert!(upright.as_raw().iter().zip(inverted.as_raw()).all(|(a, b)| a.abs_diff(255 - b) <= 1));
}
