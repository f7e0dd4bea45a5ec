//! A file is added to a model folder that is in use.

use hilum_models::demo::write_demo;
use hilum_models::{Added, FileRole, ModelError, ModelFolder, NewFile, add_file};
use std::fs;
use std::path::Path;

fn onnx(bytes: &[u8]) -> NewFile {
    NewFile { name: "network.onnx".to_owned(), role: FileRole::Onnx, bytes: bytes.to_vec() }
}

fn manifest(folder: &ModelFolder) -> String {
    fs::read_to_string(folder.path().join("model.toml")).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn an_added_file_is_listed_and_the_rest_of_the_manifest_stays_word_for_word() {
    let keep = tempfile::tempdir().unwrap();
    let demo = write_demo(&keep.path().join("model")).unwrap();
    let commented = format!("# ours\n{}\n# the end", manifest(&demo));
    fs::write(demo.path().join("model.toml"), &commented).unwrap();
    assert_eq!(demo.onnx().unwrap(), None);

    let (with, added) = add_file(&demo, &onnx(b"graph")).unwrap();
    assert_eq!((added, with.onnx().unwrap().as_deref()), (Added::Written, Some(b"graph".as_slice())));
    let text = manifest(&with);
    for line in commented.lines() {
        assert!(text.contains(line), "{line:?} is gone");
    }
    assert_eq!(with.identity(), demo.identity(), "readings keep their key");

    let (_, again) = add_file(&with, &onnx(b"graph")).unwrap();
    assert_eq!((again, manifest(&with)), (Added::Unchanged, text));
}

#[test]
fn another_file_of_the_same_role_takes_the_place_of_the_first() {
    let keep = tempfile::tempdir().unwrap();
    let demo = write_demo(&keep.path().join("model")).unwrap();
    let (first, _) = add_file(&demo, &onnx(b"graph")).unwrap();
    let (second, added) = add_file(&first, &onnx(b"better graph")).unwrap();
    assert_eq!(
        (added, second.onnx().unwrap().as_deref()),
        (Added::Written, Some(b"better graph".as_slice()))
    );
    let listed = second.manifest().files.iter().filter(|file| file.role == FileRole::Onnx).count();
    assert_eq!(listed, 1);
    assert!(names(demo.path()).iter().all(|name| !name.contains("partial")), "nothing partial is left");
    assert!(
        matches!(first.onnx(), Err(ModelError::Changed { .. })),
        "who opened it before sees that it changed"
    );
}

#[test]
fn a_file_that_breaks_a_rule_is_not_written() {
    let keep = tempfile::tempdir().unwrap();
    let demo = write_demo(&keep.path().join("model")).unwrap();
    let before = manifest(&demo);
    let outside = NewFile { name: "../network.onnx".to_owned(), ..onnx(b"graph") };
    assert!(matches!(add_file(&demo, &outside), Err(ModelError::FileOutside { .. })));
    let taken = NewFile { name: "weights.safetensors".to_owned(), ..onnx(b"graph") };
    assert!(add_file(&demo, &taken).unwrap_err().to_string().contains("twice"));
    assert_eq!(manifest(&demo), before);
    ModelFolder::open(demo.path()).unwrap();
    assert_eq!(names(keep.path()), ["model"]);
}

#[test]
fn the_demo_with_an_added_graph_is_still_the_demo() {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("model");
    add_file(&write_demo(&dir).unwrap(), &onnx(b"graph")).unwrap();
    let again = write_demo(&dir).unwrap();
    assert_eq!(again.onnx().unwrap().as_deref(), Some(b"graph".as_slice()));
}

#[test]
fn two_graphs_are_refused() {
    let keep = tempfile::tempdir().unwrap();
    let (model, _) = add_file(&write_demo(&keep.path().join("model")).unwrap(), &onnx(b"graph")).unwrap();
    let entry = manifest(&model).rsplit_once("[[file]]").unwrap().1.replace("network.onnx", "other.onnx");
    fs::write(model.path().join("model.toml"), format!("{}\n[[file]]{entry}", manifest(&model))).unwrap();
    let refused = ModelFolder::open(model.path()).unwrap_err().to_string();
    assert!(refused.contains("more than one file with the role \"onnx\""), "{refused}");
}
