//! Any bytes as a DICOM command or a request for storage commitment.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hilum_dicom_door::fuzzing::messages(bytes));
