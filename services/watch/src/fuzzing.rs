//! What the door reads of a notification: what the fuzz target calls. Knows no fuzzer.

use crate::body::{Body, Objects, read};

/// The longest key, bucket, tag or version that S3 has, bytes.
const LONGEST: usize = 1024;

/// Reads `bytes` as the body of a notification.
///
/// # Panics
/// When what is read of it is nothing that can be looked up, or leads us to somebody else than SNS.
pub fn notification(bytes: &[u8]) {
    match read(bytes) {
        Ok(Body::Objects(Objects { came, broken, .. })) => {
            for object in came {
                let words = [Some(object.bucket), Some(object.key), object.e_tag, object.version];
                let is_fit = words.iter().flatten().all(|word| (1..=LONGEST).contains(&word.len()));
                assert!(is_fit && !object.wanted_again, "an object of no name");
            }
            let numbers: Vec<usize> = broken.iter().map(|record| record.number).collect();
            assert!(numbers.iter().all(|number| *number > 0) && numbers.is_sorted(), "records out of order");
        }
        Ok(Body::Confirmation(confirmation)) => {
            let Some(address) = confirmation.address(None) else { return };
            let host = address.host_str().unwrap_or_default();
            let is_sns = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
            assert!(is_sns && address.scheme() == "https", "not the address of SNS");
        }
        Ok(Body::Nothing) | Err(_) => {}
    }
}

/// The short form of `make fuzz`, without a sanitizer.
#[cfg(test)]
mod tests {
    use hilum_test_log::spoilt_files;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn spoilt_notifications_are_understood_or_refused(bytes in spoilt_files("services/watch/tests/bodies")) {
            notification(&bytes);
        }
    }
}
