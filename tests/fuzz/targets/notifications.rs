//! Any bytes as the body of a notification.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hilum_watch::fuzzing::notification(bytes));
