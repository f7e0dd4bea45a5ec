//! The DICOM objects of real files under the eyes of dicom3tools: each for itself, and all of a study with its images.
//! Skipped, with a sentence, where it is not there: `make interop` fetches it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hilum_reports::{ImageStatus, Report};

use crate::revised::revision_after;
use crate::{DICOM_FORMS, Store, field, study_of};

fn tool(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("HILUM_DICOM3TOOLS_BIN").into_iter().chain(env::var_os("PATH"));
    let mut folders = folders.flat_map(|path| env::split_paths(&path).collect::<Vec<_>>());
    let found = folders.find_map(|folder| Some(folder.join(program)).filter(|program| program.is_file()));
    if found.is_none() {
        eprintln!("skipped: {program} is not there; `make interop` fetches it on Debian and its kin");
    }
    found
}

/// The lines that begin with `Error`, or all if it ended with one.
fn errors(run: &Output) -> Vec<String> {
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    let lines = said.lines().filter(|line| line.contains("Error") || !run.status.success());
    lines.map(str::to_owned).collect()
}

/// The path of a copy of a file of the field that is another instance of its series.
fn another_instance(folder: &Path, name: &str) -> String {
    let mut file = std::fs::read(field(name)).unwrap();
    let uid = b"1.2.826.0.1.3680043.10.1.168.1.2";
    let places: Vec<_> = (0..file.len() - uid.len()).filter(|at| file[*at..].starts_with(uid)).collect();
    assert_eq!(places.len(), 2, "in the file meta information and in the data set");
    for at in places {
        file[at + uid.len() - 1] = b'7';
    }
    let path = folder.join("another.dcm");
    std::fs::write(&path, file).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The report of these files, the last of which has no reading, and is missing something if it has several.
async fn incomplete(store: &Store, files: &[&str]) -> hilum_events::BlobRef {
    let json = study_of(store, files).await;
    let mut report = Report::from_json(&store.blobs.get(&json).await.unwrap()).unwrap();
    let last = report.images.last_mut().unwrap();
    (last.reading, last.status) = (None, ImageStatus::Failed);
    last.reason = Some("the file ends before its picture does".to_owned());
    last.reason_code = Some("truncated".to_owned());
    report.models.truncate(usize::from(files.len() > 1));
    (report.summary.completed, report.summary.failed) = (report.summary.completed - 1, 1);
    store.blobs.put(report.to_json().unwrap().into()).await.unwrap()
}

#[tokio::test]
async fn the_objects_of_a_study_fit_the_standard_each_other_and_their_images() {
    let (Some(dciodvfy), Some(dcentvfy)) = (tool("dciodvfy"), tool("dcentvfy")) else { return };
    // It sees when one study is of two patients.
    let apart = Command::new(&dcentvfy).args([field("twoA.dcm"), field("twoB.dcm")]).output().unwrap();
    assert!(!errors(&apart).is_empty());

    let store = Store::new();
    let beside = another_instance(store.folder.path(), "noname2.dcm");
    let studies: [&[&str]; 5] = [
        &["d00_ref8.dcm"],
        &["twoA.dcm"],
        &["noname2.dcm", &beside],
        &["p00_ref.png"],
        &["e03_view_ap.dcm", "p00_ref.png"],
    ];
    for (number, files) in studies.into_iter().enumerate() {
        let folder = store.folder.path().join(format!("study-{number}"));
        std::fs::create_dir(&folder).unwrap();
        let first = incomplete(&store, files).await;
        let whole = study_of(&store, files).await;
        let second = revision_after(&store, &whole).await;
        let third = revision_after(&store, &second).await;
        let mut objects = Vec::new();
        for (revision, json) in [first, whole, second, third].iter().enumerate() {
            for format in DICOM_FORMS {
                for (part, file) in store.made(json, format).await.files.iter().enumerate() {
                    let path = folder.join(format!("{revision}-{format}-{part}.dcm"));
                    std::fs::write(&path, file).unwrap();
                    objects.push(path);
                }
            }
        }
        for object in &objects {
            let run = Command::new(&dciodvfy).arg(object).output().unwrap();
            assert_eq!(errors(&run), [""; 0], "{} of {files:?}", object.display());
        }
        let images = files.iter().filter(|file| file.ends_with(".dcm")).map(|file| field(file));
        let run = Command::new(&dcentvfy).args(objects.iter().cloned().chain(images)).output().unwrap();
        assert_eq!(errors(&run), [""; 0], "{files:?}");
    }
}
