//! The objects in a real archive: sent to an Orthanc, got back, compared. Skipped, with a sentence, where there is none or
//! no network namespace can be had to run it in.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use dicom_dictionary_std::tags;
use dicom_object::mem::InMemElement;
use dicom_object::{InMemDicomObject, Tag, open_file};

use crate::foreign_tools::{KINDS, dcmtk, written};

/// A namespace of this test's own, whose only interface is its loopback.
const ALONE: [&str; 3] = ["--map-root-user", "--net", "--"];

fn is_there(program: &str, arguments: &[&str]) -> bool {
    let ran = Command::new(program).args(arguments).output();
    let is_there = ran.is_ok_and(|ran| ran.status.success());
    if !is_there {
        eprintln!("skipped: `{program} {}` does not work here", arguments.join(" "));
    }
    is_there
}

/// By SOP Instance UID.
fn objects(folder: &Path) -> BTreeMap<String, InMemDicomObject> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let objects = files.map(|file| open_file(file).unwrap().into_inner());
    objects
        .map(|object| {
            (object.element(tags::SOP_INSTANCE_UID).unwrap().to_str().unwrap().into_owned(), object)
        })
        .collect()
}

#[test]
fn an_archive_keeps_each_object_once_and_gives_it_back_as_it_was() {
    let orthanc = std::env::var("HILUM_ORTHANC").unwrap_or_else(|_| "Orthanc".to_owned());
    let alone: Vec<_> = ALONE.into_iter().chain(["ip", "link", "set", "lo", "up"]).collect();
    let Some(storescu) = dcmtk("storescu") else { return };
    if !is_there(&orthanc, &["--version"]) || !is_there("unshare", &alone) {
        return;
    }
    let folder = written(&KINDS);
    let mut sent = BTreeMap::new();
    for kind in KINDS {
        for file in ["report.pdf", "report.json"] {
            std::fs::remove_file(folder.path().join(kind).join(file)).unwrap();
        }
        sent.extend(objects(&folder.path().join(kind)));
    }
    let mut studies: Vec<_> = sent
        .values()
        .map(|object| object.element(tags::STUDY_INSTANCE_UID).unwrap().to_str().unwrap().into_owned())
        .collect();
    studies.sort();
    studies.dedup();

    let path = std::env::var("PATH").unwrap();
    let run = Command::new("unshare")
        .args(ALONE)
        .args(["sh", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/orthanc.sh")])
        .arg(folder.path())
        .args(&studies)
        .env("HILUM_ORTHANC", &orthanc)
        .env("PATH", format!("{}:{path}", storescu.parent().unwrap().display()))
        .output()
        .unwrap();
    let log = std::fs::read_to_string(folder.path().join("orthanc.log")).unwrap_or_default();
    assert!(run.status.success(), "{}\n{log}", String::from_utf8_lossy(&run.stderr));

    let back = objects(&folder.path().join("back"));
    assert_eq!(std::fs::read_dir(folder.path().join("back")).unwrap().count(), sent.len());
    assert_eq!(back.keys().collect::<Vec<_>>(), sent.keys().collect::<Vec<_>>());
    for (uid, object) in &sent {
        assert!(elements(object) == elements(&back[uid]), "{uid}");
    }
}

/// Tags and values, whatever the lengths of sequences are written as.
fn elements(object: &InMemDicomObject) -> Vec<(Tag, Vec<u8>)> {
    let of_element = |element: &InMemElement| match element.items() {
        Some(items) => items.iter().flat_map(elements).chain([(element.header().tag, Vec::new())]).collect(),
        None => vec![(element.header().tag, element.value().to_bytes().unwrap().into_owned())],
    };
    object.iter().flat_map(of_element).collect()
}
