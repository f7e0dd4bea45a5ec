//! Any bytes as a request to the DICOMweb door.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hilum_dicomweb::fuzzing::multipart(bytes));
