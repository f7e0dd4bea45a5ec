//! The objects under the eyes of other programs: pydicom and highdicom, and DCMTK. Skipped, with a sentence, where they are
//! not there: `make interop` fetches them.

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

/// Reports of each kind of study.
pub(crate) const KINDS: [&str; 3] = ["dicom", "png", "full"];

/// All objects of reports of these kinds as files, a folder for each.
pub(crate) fn written(kinds: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let story = |kind: &str| match kind {
        "dicom" => Story::radiograph(),
        "png" => Story::png(),
        "full" => Story::full().in_seoul(),
        "whole" => Story::whole(),
        "revised" => Story::whole().after(Story::png()).after(Story::radiograph()),
        "doubtful" => Story::doubtful(),
        other => panic!("no story {other}"),
    };
    for kind in kinds {
        let (story, folder) = (story(kind), folder.path().join(kind));
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
    foreign("HILUM_DCMTK_BIN", program)
}

fn foreign(setting: &str, program: &str) -> Option<PathBuf> {
    let folders = env::var_os(setting).into_iter().chain(env::var_os("PATH"));
    let mut folders = folders.flat_map(|path| env::split_paths(&path).collect::<Vec<_>>());
    let found = folders.find_map(|folder| Some(folder.join(program)).filter(|program| program.is_file()));
    if found.is_none() {
        eprintln!("skipped: {program} is not there; `make interop` fetches it on Debian and its kin");
    }
    found
}

#[test]
fn highdicom_reads_the_structured_report_and_pydicom_the_rest() {
    let Some(packages) = env::var_os("HILUM_TEST_PYTHONPATH").filter(|folder| Path::new(folder).is_dir())
    else {
        eprintln!("skipped: HILUM_TEST_PYTHONPATH names no folder with highdicom; `make interop` fetches it");
        return;
    };
    let (folder, script) = (written(&KINDS), concat!(env!("CARGO_MANIFEST_DIR"), "/tests/check.py"));
    for kind in KINDS {
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
    let folder = written(&KINDS);
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

/// What dciodvfy says it looked at.
const WHATS: [&str; 3] = ["Comprehensive3DSR", "EncapsulatedPDF", "SCImage"];

/// Lines of dciodvfy that say what it looked at, or warn of what is meant as it is: our own codes, the models' UIDs, which
/// the standard took in after it was written, what a study without DICOM images can't know, and that it is not known
/// whether a body part has two sides.
fn is_known(line: &str) -> bool {
    const WARNINGS: [&str; 5] = [
        "Unrecognized defined term <99HILUM> for value 1 of attribute <Coding Scheme Designator>",
        "Attribute is not present in standard DICOM IOD - (0x0018,0x1002) UI Device UID",
        "Dicom dataset contains attributes not present in standard DICOM IOD",
        "Missing attribute or value that would be needed to build DICOMDIR - Study ",
        "is only permitted to be empty when actually unknown; should be absent (not empty) if an unpaired body part",
    ];
    let warning = line.strip_prefix("Warning - ");
    line.is_empty()
        || WHATS.contains(&line)
        || warning.is_some_and(|warning| WARNINGS.iter().any(|known| warning.starts_with(known)))
}

#[test]
fn the_standard_is_kept_to_in_every_object() {
    let Some(dciodvfy) = foreign("HILUM_DICOM3TOOLS_BIN", "dciodvfy") else { return };
    let kinds = ["dicom", "png", "full", "whole", "revised", "doubtful"];
    let folder = written(&kinds);
    for kind in kinds {
        for file in std::fs::read_dir(folder.path().join(kind)).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_none_or(|extension| extension != "dcm") {
                continue;
            }
            let run = Command::new(&dciodvfy).arg(&file).output().unwrap();
            let said = String::from_utf8_lossy(&run.stderr);
            let complaints: Vec<_> = said.lines().filter(|line| !is_known(line)).collect();
            assert!(run.status.success() && complaints.is_empty(), "{}: {complaints:?}", file.display());
            assert!(WHATS.iter().any(|what| said.contains(what)), "{}: {said}", file.display());
        }
    }
}
