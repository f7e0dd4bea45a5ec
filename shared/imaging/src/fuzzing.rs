//! Everything that a decoder process can be asked about a file, in the calling process: what the fuzz targets call.
//! Knows no fuzzer.

use hilum_events::MediaType;

use crate::codec;
use crate::dicom_values::DicomValues;
use crate::error::{Refusal, RefusalCode};
use crate::limits::Limits;
use crate::preparation::{Preparation, prepare};
use crate::preprocess::Preprocessing;

/// Small limits, so that a try takes no time: larger files are refused by the same checks.
const LIMITS: Limits = Limits { max_file_bytes: 1 << 20, max_pixels: 1 << 16, max_side_px: 4096 };
/// Of what is answered of a data set.
const DATA_SET_MAX_BYTES: u64 = 1 << 20;
/// Of what models and people see.
const SIDE_PX: u32 = 32;

/// Asks everything that can be asked about `bytes` as a file of type `media`. A panic is one of the code that was asked.
///
/// # Panics
/// When one answer contradicts another.
pub fn all_roads(media: MediaType, bytes: &[u8]) {
    let prepared = prepared(media, bytes, DicomValues::Stored);
    let preview = codec::preview(media, bytes.to_vec(), &LIMITS, SIDE_PX);
    if prepared.is_ok() {
        assert!(preview.is_ok(), "what a model can see can't be shown to people");
    }
    if media == MediaType::Dicom {
        let windowed = self::prepared(media, bytes, DicomValues::Window);
        if windowed.is_ok() {
            assert!(preview.is_ok(), "what a model can see can't be shown to people");
        }
        let head = codec::inspect_head(bytes, &LIMITS);
        let identified = codec::identify(bytes, &LIMITS);
        assert!(head.is_err() || head == identified, "an object has two identities");
        let _ = codec::study_header(bytes, &LIMITS);
        if let Ok(json) = codec::data_set(bytes, &LIMITS, DATA_SET_MAX_BYTES) {
            let read = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&json);
            assert!(read.is_ok(), "a data set can't be read by whoever asked for it");
        }
        let frame = codec::stored_frame(bytes.to_vec(), &LIMITS);
        assert!(prepared.is_err() || frame.is_ok(), "what a model can see has no frame");
        let inspected = codec::inspect(bytes.to_vec(), &LIMITS).map(|_| ());
        let passes =
            inspected.as_ref().err().is_none_or(|refusal| refusal.code == RefusalCode::MissingIdentifier);
        assert!(prepared.is_err() || passes, "what can be read does not pass the door: {inspected:?}");
    }
}

fn prepared(media: MediaType, bytes: &[u8], values: DicomValues) -> Result<(), Refusal> {
    let preprocessing = Preprocessing { input_side_px: SIDE_PX, ..Preprocessing::default() };
    let prepared =
        prepare(media, bytes.to_vec(), &Preparation { preprocessing, values }, &LIMITS, Some(512))?;
    let is_finite = prepared.input.values.iter().all(|value| value.is_finite());
    assert!(is_finite, "a number for the model is none");
    Ok(())
}

/// The short form of `make fuzz`: the same tries each time, without a sanitizer.
#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::fs;
    use std::panic::{self, AssertUnwindSafe};
    use std::path::Path;

    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;

    const FOLDERS: [&str; 4] = ["encodings", "hostile", "images", "windows"];
    const LARGEST_SEED: usize = 40_000;
    const TRIES: u64 = 200;

    thread_local! {
        /// Where in Hilum's own code this thread panicked, while it tries.
        static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
    }

    /// Panics elsewhere are the habits of a library, which the decoder process answers as a damaged file.
    fn take_all_roads(media: MediaType, bytes: &[u8]) -> Option<String> {
        let _ = panic::catch_unwind(AssertUnwindSafe(|| all_roads(media, bytes)));
        PLACE.take()
    }

    /// A few bytes are others, twice there or gone, mostly in the headers.
    fn spoilt(seed: &[u8], random: &mut StdRng) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..random.random_range(1..6) {
            let reach = if random.random_bool(0.7) { bytes.len().min(1024) } else { bytes.len() };
            if reach == 0 {
                break;
            }
            let at = random.random_range(0..reach);
            match random.random_range(0..8) {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at..(at + random.random_range(1..9)).min(reach))),
                2 => bytes.insert(at, 0xFF),
                3 => bytes.extend_from_within(at..),
                4 => bytes[at] = 0xFF,
                5 => bytes[at] ^= 1 << random.random_range(0..8),
                _ => bytes[at] = random.random(),
            }
        }
        bytes
    }

    #[test]
    fn spoilt_files_are_answered_and_never_in_two_ways() {
        let ordinary = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            if place.contains("imaging/src/") {
                PLACE.set(Some(format!("{place}: {info}")));
                ordinary(info);
            }
        }));
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
        let mut seeds = 0;
        for path in FOLDERS
            .iter()
            .flat_map(|folder| fs::read_dir(data.join(folder)).unwrap())
            .map(|it| it.unwrap().path())
        {
            let seed = fs::read(&path).unwrap();
            let media = match path.extension().and_then(|it| it.to_str()) {
                Some("png") => MediaType::Png,
                Some("jpg") => MediaType::Jpeg,
                _ => MediaType::Dicom,
            };
            if seed.len() > LARGEST_SEED {
                continue;
            }
            seeds += 1;
            for number in 0..TRIES {
                let spoilt = spoilt(&seed, &mut StdRng::seed_from_u64(number));
                let found = take_all_roads(media, &spoilt);
                assert_eq!(found, None, "{}, spoilt with the random seed {number}", path.display());
            }
        }
        assert!(seeds > 100, "{seeds} files");
    }
}
