//! Any bytes as a PNG file.
#![no_main]

use hilum_events::MediaType;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: hilum_imaging_fuzz::prepare(), |bytes: &[u8]| {
    hilum_imaging_fuzz::read(MediaType::Png, bytes);
});
