//! Bytes that are nearly what somebody would send.

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// One of the files in `folder` (of the repository) with a few bytes that are others, gone or more.
pub fn spoilt_files(folder: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let files = fs::read_dir(&folder).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    let harm = (any::<Index>(), 0_usize..5, vec(any::<u8>(), 0..5));
    (select(files.collect::<Vec<_>>()), vec(harm, 0..6)).prop_map(|(mut bytes, harms)| {
        for (at, gone, put) in harms {
            let at = at.index(bytes.len() + 1);
            bytes.splice(at..(at + gone).min(bytes.len()), put);
        }
        bytes
    })
}
