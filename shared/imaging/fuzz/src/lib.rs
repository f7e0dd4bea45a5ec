//! What the fuzz targets share: which faults end a run. Knows no file format.
#![feature(alloc_error_hook)]

use std::alloc::{Layout, set_alloc_error_hook};
use std::collections::HashSet;
use std::panic::{self, PanicHookInfo};
use std::sync::{Mutex, PoisonError};

use hilum_events::MediaType;
use hilum_imaging::fuzzing::all_roads;

/// Panics in this folder are faults of Hilum. Elsewhere they are the habits of a library, which the decoder process
/// answers as a damaged file.
const OURS: &str = "imaging/src/";

static TOLD: Mutex<Option<HashSet<String>>> = Mutex::new(None);

/// To be called once, after libFuzzer has set its own hook.
pub fn prepare() {
    panic::set_hook(Box::new(judge));
    set_alloc_error_hook(refuse);
}

/// Takes all roads on which these bytes can come in.
pub fn read(media: MediaType, bytes: &[u8]) {
    // As the decoder process does it.
    let _ = panic::catch_unwind(|| all_roads(media, bytes));
}

/// More memory than a decoder process may have ends that process, and is then answered as such.
fn refuse(layout: Layout) {
    panic!("{} bytes in one piece", layout.size());
}

/// Ends the process for a fault of Hilum, and tells once of each place where a library panics.
fn judge(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    if place.contains(OURS) {
        eprintln!("{info}");
        std::process::abort();
    }
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if told.get_or_insert_default().insert(place) {
        eprintln!("not ours, and caught: {info}");
    }
}
