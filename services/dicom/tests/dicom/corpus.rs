//! Real files: each arrives as it was sent, is told to be none that is taken, or is not for the model; the door stays.

use std::path::{Path, PathBuf};

use hilum_imaging::{DecodeError, RefusalCode};
use hilum_test_log::files_below;

use crate::bench::{Bench, decoder};
use crate::sender::{CR, Object, Sender};

/// What is due for a file.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    Stored { sop_instance: String },
    Ignored,
    Refused,
}

/// Asks the decoder itself what is due, as the door does.
async fn due(object: &Object) -> Due {
    match decoder().inspect(&object.file()).await {
        Ok(inspected) => Due::Stored { sop_instance: inspected.identity.sop_instance_uid },
        Err(DecodeError::Refused(refusal)) => match refusal.code {
            RefusalCode::NoPixelData if object.sop_class == CR => Due::Refused,
            RefusalCode::NoPixelData => Due::Ignored,
            RefusalCode::PaletteColor
            | RefusalCode::NotMonochrome
            | RefusalCode::MultiFrame
            | RefusalCode::UnsupportedBitDepth
            | RefusalCode::TooManyPixels => kept_unread(object).await,
            _ => Due::Refused,
        },
        Err(_) => Due::Refused,
    }
}

/// A picture that no model reads is kept, if it can be told whose it is.
async fn kept_unread(object: &Object) -> Due {
    match decoder().identify(&object.file()).await {
        Ok(identified) => Due::Stored { sop_instance: identified.identity.sop_instance_uid },
        Err(_) => Due::Ignored,
    }
}

/// Sends all files of these folders, an association each, and holds what becomes of them against what is due.
async fn check(bench: &Bench, folders: &[PathBuf]) -> (usize, usize, usize) {
    let mut counts = (0, 0, 0);
    for path in folders.iter().flat_map(|folder| files_below(folder)) {
        let file = std::fs::read(&path).unwrap();
        let mut object = Object::of(&file);
        let due = due(&object).await;
        if let Due::Stored { sop_instance } = &due {
            object.sop_instance.clone_from(sop_instance);
        }
        let before = bench.stored().await.len();
        let mut sender = Sender::associated(bench.port, std::slice::from_ref(&object)).await;
        if sender.context_of(&object).is_none() {
            // Written in a way that nobody reads, or no object for storage: it can't even be offered.
            assert!(!matches!(due, Due::Stored { .. }), "{}", path.display());
            sender.release().await;
            continue;
        }
        let answer = sender.store(&object).await;
        sender.release().await;
        let stored = bench.stored().await;
        match due {
            Due::Stored { .. } => {
                assert_eq!(answer.status, 0, "{}: {answer:?}", path.display());
                let (_, image) = &stored[before];
                let kept = Object::of(&bench.object(image)).data_set;
                assert!(kept == object.data_set, "{}: other bytes", path.display());
                counts.0 += 1;
            }
            Due::Ignored => {
                assert_eq!((answer.status, stored.len()), (0, before), "{}: {answer:?}", path.display());
                counts.1 += 1;
            }
            Due::Refused => {
                assert!(
                    answer.status >= 0xc000 && !answer.comment.is_empty(),
                    "{}: {answer:?}",
                    path.display()
                );
                assert_eq!(stored.len(), before, "{}", path.display());
                counts.2 += 1;
            }
        }
    }
    counts
}

#[tokio::test]
async fn each_sample_of_the_repository_arrives_or_is_told_why_not() {
    let bench = Bench::start().await;
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    let folders = ["encodings", "hostile", "windows"].map(|name| data.join(name));
    let counts = check(&bench, &folders).await;
    assert!(counts.0 > 30 && counts.2 > 5, "{counts:?}");
    assert!(bench.process().pid().is_some());
}

#[tokio::test]
async fn each_file_of_the_large_collection_arrives_or_is_told_why_not() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !data.exists() {
        eprintln!("skipped: {} is not there", data.display());
        return;
    }
    let bench = Bench::start().await;
    let counts = check(&bench, &["b_dicom", "d_studies"].map(|name| data.join(name))).await;
    assert!(counts.0 > 30, "{counts:?}");
    let broken = check(&bench, &[data.join("c_broken")]).await;
    assert!(broken.2 > 5, "{broken:?}");
    eprintln!("stored, ignored, refused: {counts:?}, of the broken ones {broken:?}");
}
