//! The objects under the eyes of other programs: pydicom and highdicom, and DCMTK. Skipped, with a sentence, where they are
//! not there: `make test` fetches them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::story::{PDF, Story};

/// What DCMTK says of itself: of a file in UTF-8 it can't check the lengths of texts. Lines it parts its words by.
const OF_ITSELF: [&str; 2] =
    ["", "W: The VR checker does not support this Specific Character Set: ISO_IR 192"];

/// Its grammar has no offset +0000, which the standard has; it is written where nobody knows the zone of the images.
const OF_UTC: (&str, &str) =
    ("dicom", "W: ObservationDateTime (0040,a032) violates VR definition in SR document");

/// All objects of three reports as files.
pub(crate) fn written() -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, story) in
        [("dicom", Story::radiograph()), ("png", Story::png()), ("full", Story::full().in_seoul())]
    {
        let folder = folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        for (name, instance) in story.files() {
            std::fs::write(folder.join(name), &instance.file).unwrap();
        }
        std::fs::write(folder.join("report.pdf"), PDF).unwrap();
        std::fs::write(folder.join("report.json"), story.report.to_json().unwrap()).unwrap();
    }
    folder
}

/// A program of DCMTK: from the folder that `HILUM_DCMTK_BIN` names, else from the PATH.
pub(crate) fn dcmtk(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("HILUM_DCMTK_BIN").into_iter().chain(env::var_os("PATH"));
    let mut folders = folders.flat_map(|path| env::split_paths(&path).collect::<Vec<_>>());
    let found = folders.find_map(|folder| Some(folder.join(program)).filter(|program| program.is_file()));
    if found.is_none() {
        eprintln!("skipped: {program} of DCMTK is not there; `make test` fetches it on Debian and its kin");
    }
    found
}

#[test]
fn highdicom_reads_the_structured_report_and_pydicom_the_rest() {
    let Some(packages) = env::var_os("HILUM_TEST_PYTHONPATH").filter(|folder| Path::new(folder).is_dir())
    else {
        eprintln!("skipped: HILUM_TEST_PYTHONPATH names no folder with highdicom; `make test` fetches it");
        return;
    };
    let (folder, script) = (written(), concat!(env!("CARGO_MANIFEST_DIR"), "/tests/check.py"));
    for kind in ["dicom", "png", "full"] {
        let run = Command::new("python3")
            .arg(script)
            .arg(folder.path().join(kind))
            .env("PYTHONPATH", &packages)
            .output();
        let run = run.unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success(), "{kind}: {said}{}", String::from_utf8_lossy(&run.stderr));
        assert!(said.contains("structured report: ") && said.contains("pdf: "), "{said}");
    }
}

#[test]
fn dcmtk_reads_everything_without_a_word_of_complaint() {
    let folder = written();
    let checks = [("dsrdump", &["sr.dcm"][..]), ("dcmdump", &["sr.dcm", "sc-1.dcm", "pdf.dcm"])];
    for (program, files) in checks {
        let Some(program) = dcmtk(program) else { return };
        for (kind, file) in
            ["dicom", "png", "full"].into_iter().flat_map(|kind| files.iter().map(move |file| (kind, file)))
        {
            let run = Command::new(&program).arg(folder.path().join(kind).join(file)).output().unwrap();
            let said = String::from_utf8_lossy(&run.stderr);
            let complaints: Vec<_> =
                said.lines().filter(|line| !OF_ITSELF.contains(line) && (kind, *line) != OF_UTC).collect();
            assert!(run.status.success() && complaints.is_empty(), "{file} of {kind}: {complaints:?}");
            assert!(run.stdout.len() > 500, "{file} of {kind}");
        }
    }
}
