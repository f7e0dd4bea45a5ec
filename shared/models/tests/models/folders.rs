//! Model folders on a real file system: written, opened, and refused once a byte is changed.

use hilum_models::{ModelError, ModelFolder, demo::write_demo};
use std::fs;
use std::path::Path;

fn demo(folder: &tempfile::TempDir) -> ModelFolder {
    write_demo(&folder.path().join("model")).unwrap()
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn the_demo_folder_opens_and_says_that_it_is_untrained() {
    let folder = tempfile::tempdir().unwrap();
    let model = demo(&folder);
    let identity = model.identity();
    assert!(!identity.trained);
    assert!(identity.notice().unwrap().starts_with("UNTRAINED"));
    assert_eq!(identity.preprocessing_id, "xrv-skimage-224-1");
    assert_eq!(model.manifest().labels.len(), 18);
    let text = fs::read_to_string(model.path().join("model.toml")).unwrap();
    assert!(text.starts_with("# UNTRAINED"));
    assert!(text.contains("0.07422872"), "thresholds keep their short form");
}

#[test]
fn the_demo_golden_cases_are_complete() {
    let folder = tempfile::tempdir().unwrap();
    let cases = demo(&folder).golden_cases().unwrap();
    assert_eq!(cases.len(), 2);
    for case in cases {
        assert_eq!((case.input.len(), case.logits.len()), (224 * 224, 18));
        assert_eq!(case.maps[0].values.len(), 49);
    }
}

#[test]
fn writing_the_demo_twice_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = demo(&folder).identity();
    let modified =
        || fs::metadata(folder.path().join("model/weights.safetensors")).unwrap().modified().unwrap();
    let before = modified();
    assert_eq!(demo(&folder).identity(), first);
    assert_eq!(modified(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing partial is left");
}

#[test]
fn another_folder_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    assert!(matches!(write_demo(folder.path()), Err(ModelError::Occupied { .. })));
    assert_eq!(fs::read_to_string(folder.path().join("notes.txt")).unwrap(), "mine");
}

#[test]
fn a_changed_byte_of_any_listed_file_is_refused_with_both_hashes() {
    let folder = tempfile::tempdir().unwrap();
    let model = demo(&folder);
    for entry in &model.manifest().files {
        let path = model.path().join(&entry.name);
        let middle = fs::metadata(&path).unwrap().len() as usize / 2;
        edit(&path, |bytes| bytes[middle] ^= 1);
        let refused = ModelFolder::open(model.path()).unwrap_err();
        let ModelError::Changed { file, expected, found } = &refused else { panic!("{refused}") };
        assert_eq!((file, expected), (&entry.name, &entry.sha256));
        assert_ne!(found, expected);
        edit(&path, |bytes| bytes[middle] ^= 1);
    }
    ModelFolder::open(model.path()).unwrap();
}

#[test]
fn weights_changed_after_opening_are_refused_when_read() {
    let folder = tempfile::tempdir().unwrap();
    let model = demo(&folder);
    edit(&model.path().join("weights.safetensors"), |bytes| bytes[100_000] ^= 1);
    assert!(matches!(model.read_weights(), Err(ModelError::Changed { .. })));
}

#[test]
fn a_missing_file_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let model = demo(&folder);
    fs::remove_file(model.path().join("golden/golden.json")).unwrap();
    let refused = ModelFolder::open(model.path()).unwrap_err().to_string();
    assert!(refused.contains("golden.json"), "{refused}");
}

#[test]
fn a_manifest_with_fewer_thresholds_than_labels_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = demo(&folder);
    let path = model.path().join("model.toml");
    let text = fs::read_to_string(&path).unwrap();
    let shorter = text.replacen("0.07422872,", "", 1);
    assert_ne!(shorter, text);
    fs::write(&path, shorter).unwrap();
    let refused = ModelFolder::open(model.path()).unwrap_err().to_string();
    assert!(refused.contains("17 entries for 18 labels"), "{refused}");
}

#[test]
fn golden_cases_made_for_other_labels_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = demo(&folder);
    let path = model.path().join("model.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"Mass\"", "\"Edema2\"", 1)).unwrap();
    let renamed = ModelFolder::open(model.path()).unwrap();
    assert!(matches!(renamed.golden_cases(), Err(ModelError::Golden { .. })));
}
