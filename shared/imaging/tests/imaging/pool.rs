//! The pool as its users see it: bounded, shared, and honest about whose fault a failure is.

use std::path::PathBuf;

use hilum_events::MediaType;
use hilum_imaging::{
    DecodeError, DecoderConfig, DecoderPool, HeaderValue, Preparation, Preprocessing, RefusalCode,
};

use crate::support::{config, image, media, pool, refusal};

#[tokio::test]
async fn a_decoder_that_does_not_start_is_not_the_fault_of_the_file() {
    let programs = ["/nonexistent/hilum-decoder", "/bin/false", "/bin/true"];
    for program in programs.map(PathBuf::from) {
        let pool = DecoderPool::new(DecoderConfig { program, ..config() });
        let error = pool.decode(MediaType::Png, &image("basn0g16.png")).await.unwrap_err();
        assert!(matches!(error, DecodeError::Unavailable { .. }), "{error:?}");
        assert!(!error.is_permanent());
    }
}

#[tokio::test]
async fn a_decoder_that_cannot_cap_itself_is_unavailable() {
    let pool = DecoderPool::new(DecoderConfig { memory_limit_bytes: u64::MAX, ..config() });
    // More than any limit is no limit; less than the program itself needs can't work.
    assert!(pool.decode(MediaType::Png, &image("basn0g16.png")).await.is_ok());
    let pool = DecoderPool::new(DecoderConfig { memory_limit_bytes: 1 << 20, ..config() });
    let error = pool.decode(MediaType::Png, &image("basn0g16.png")).await.unwrap_err();
    assert!(!error.is_permanent(), "{error:?}");
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_without_a_process() {
    let mut config = config();
    config.program = "/nonexistent".into();
    config.limits.max_file_bytes = 3;
    let result = DecoderPool::new(config).decode(MediaType::Png, b"1234").await;
    assert_eq!(refusal(result), RefusalCode::FileTooLarge);
}

#[tokio::test]
async fn the_limits_of_the_configuration_hold_in_the_process() {
    let mut config = config();
    config.limits.max_pixels = 32 * 32 - 1;
    let pool = DecoderPool::new(config);
    let result = pool.decode(MediaType::Png, &image("basn0g16.png")).await;
    assert_eq!(refusal(result), RefusalCode::TooManyPixels);
    assert_eq!(refusal(pool.inspect(&image("CT_small.dcm")).await), RefusalCode::TooManyPixels);
}

#[tokio::test]
async fn an_input_of_the_wanted_side_comes_with_what_it_was_made_of() {
    let (pool, png) = (pool(), image("mhh_1479fa94.png"));
    let preparation = Preparation {
        preprocessing: Preprocessing { input_side_px: 96, ..Preprocessing::default() },
        ..Preparation::default()
    };
    let prepared = pool.prepare(media(&png), &png, &preparation).await.unwrap();
    assert_eq!((prepared.input.side_px, prepared.input.values.len()), (96, 96 * 96));
    let picture = pool.decode(media(&png), &png).await.unwrap();
    let region = prepared.input.region;
    assert_eq!((region.picture_width, region.picture_height), (picture.width(), picture.height()));
    assert_eq!(prepared.pixel_digest, picture.pixel_digest());
    assert_eq!(prepared.header, None);
    assert!(prepared.decode_ms > 0.0 && prepared.preprocess_ms > 0.0);
    let dicom = image("CT_small.dcm");
    let prepared = pool.prepare(media(&dicom), &dicom, &preparation).await.unwrap();
    assert_eq!(prepared.header.unwrap().modality, HeaderValue::of("CT"));
}

#[tokio::test]
async fn the_cost_of_a_file_has_as_many_runs_as_were_asked_for() {
    let (pool, png) = (pool(), image("basn0g16.png"));
    let cost = pool.measure(media(&png), &png, &Preparation::default(), 3).await.unwrap();
    assert_eq!((cost.width, cost.height, cost.source_bits, cost.runs.len()), (32, 32, 16, 3));
    let damaged = &png[..png.len() / 2];
    let refused = pool.measure(media(damaged), damaged, &Preparation::default(), 3).await;
    assert_eq!(refusal(refused), RefusalCode::Truncated);
}

#[test]
fn the_program_beside_the_tests_is_found() {
    let found = DecoderConfig::sibling().unwrap().program;
    assert_eq!(found.file_name(), PathBuf::from(env!("CARGO_BIN_EXE_hilum-decoder")).file_name());
}
