//! Any bytes as what a DICOM peer says on a connection.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hilum_dicom_door::fuzzing::pdus(bytes));
