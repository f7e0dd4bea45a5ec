//! The shape of the house: which crate may depend on which, and what a shared crate may hand out.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use cargo_metadata::{DependencyKind, MetadataCommand};
use walkdir::WalkDir;

/// What each crate of the workspace may need of the others, besides for its tests.
fn allowed() -> BTreeMap<&'static str, &'static [&'static str]> {
    BTreeMap::from([
        ("hilum-causes", &[][..]),
        ("hilum-events", &[]),
        ("hilum-faults", &[]),
        ("hilum-headers", &[]),
        ("hilum-retry", &[]),
        ("hilum-runtime", &["hilum-api", "hilum-causes"]),
        ("hilum-servers", &[]),
        ("hilum-zones", &[]),
        ("hilum-gateway", &["hilum-api", "hilum-runtime"]),
        ("hilum-terminal", &["hilum-runtime"]),
        ("hilum-streams", &["hilum-events"]),
        ("hilum-log", &["hilum-causes", "hilum-events", "hilum-faults", "hilum-retry", "hilum-streams"]),
        ("hilum-api", &["hilum-events"]),
        ("hilum-blobs", &["hilum-events"]),
        ("hilum-imaging", &["hilum-events", "hilum-headers"]),
        ("hilum-models", &["hilum-events", "hilum-headers"]),
        ("hilum-reports", &["hilum-events", "hilum-zones"]),
        ("hilum-dicom", &["hilum-events", "hilum-imaging", "hilum-reports", "hilum-zones"]),
        ("hilum-scu", &["hilum-dicom"]),
        ("hilum-sites", &["hilum-events", "hilum-headers", "hilum-zones"]),
        ("hilum-client", &["hilum-api", "hilum-events", "hilum-runtime"]),
        (
            "hilum-stack",
            &[
                "hilum-api",
                "hilum-blobs",
                "hilum-client",
                "hilum-gateway",
                "hilum-log",
                "hilum-models",
                "hilum-runtime",
                "hilum-servers",
                "hilum-sites",
            ],
        ),
        (
            "hilum-intake",
            &[
                "hilum-api",
                "hilum-blobs",
                "hilum-events",
                "hilum-faults",
                "hilum-imaging",
                "hilum-log",
                "hilum-models",
                "hilum-runtime",
                "hilum-sites",
                "hilum-streams",
            ],
        ),
        ("hilum-forms", &["hilum-blobs", "hilum-dicom", "hilum-events", "hilum-imaging", "hilum-reports"]),
    ])
}

/// What is large or parses what was uploaded, and who may need it. `hilum-dicom` reads only DICOM that it wrote.
const HEAVY: [(&str, &[&str]); 4] = [
    ("tch", &["hilum-infer"]),
    ("openvino", &["hilum-infer"]),
    ("sqlx", &["hilum-projection"]),
    ("dicom-object", &["hilum-imaging", "hilum-dicom"]),
];

#[test]
fn dependencies_point_one_way() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let allowed = allowed();
    for package in &metadata.packages {
        let needs: BTreeSet<&str> = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal)
            .map(|dependency| dependency.name.as_str())
            .filter(|name| *name == "hilum" || name.starts_with("hilum-"))
            .collect();
        let name = package.name.as_str();
        match allowed.get(name) {
            Some(may) => {
                let may: BTreeSet<&str> = may.iter().copied().collect();
                assert!(needs.is_subset(&may), "{name} needs {needs:?}, may only need {may:?}");
            }
            // It runs the services' decisions without their shells, and nothing needs it.
            None if name == "hilum-simulation" => {}
            // A service or the tests: any shared crate, never a service.
            None => assert!(needs.iter().all(|need| allowed.contains_key(need)), "{name} needs {needs:?}"),
        }
    }
}

#[test]
fn heavy_libraries_stay_in_their_crates() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    for package in &metadata.packages {
        for dependency in &package.dependencies {
            for (library, homes) in HEAVY {
                let elsewhere = dependency.name == library
                    && dependency.kind == DependencyKind::Normal
                    && !homes.contains(&package.name.as_str());
                assert!(!elsewhere, "{} needs {library}, which only {homes:?} may", package.name);
            }
        }
    }
}

/// Only `hilum-events` knows how the subject of a fact is put together; who wants to know what a subject says asks
/// `Subject::parse`, and who looks for facts takes a filter from there. The subjects of tickets are the log's.
#[test]
fn only_the_events_know_how_a_subject_is_put_together() {
    let marks = ["\"evt.", "'evt."];
    let cuts = ["split", "rsplit", "strip_prefix", "strip_suffix", "starts_with", "ends_with"];
    let is_taken_apart = |line: &&str| {
        let cut = |name: &str| cuts.iter().any(|cut| line.contains(&format!("{name}.{cut}")));
        marks.iter().any(|mark| line.contains(mark)) || cut("subject") || cut("filter")
    };
    let (mut files, mut found) = (0, Vec::new());
    for (path, text) in sources(&["shared", "services"]) {
        files += 1;
        if path.contains("shared/events/") || path.ends_with("/ticket_subject.rs") {
            continue;
        }
        found.extend(text.lines().filter(is_taken_apart).map(|line| format!("{path}: {}", line.trim())));
    }
    assert!(files > 200, "{files} files: where are the sources?");
    assert!(found.is_empty(), "subjects are put together or taken apart here:\n{}", found.join("\n"));
}

/// The Rust files under these folders, each without its tests.
fn sources(folders: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let all = folders.iter().flat_map(|folder| WalkDir::new(root.join(folder))).map(Result::unwrap);
    let is_source = |path: &Path| {
        let within = path.strip_prefix(root).unwrap();
        let has = |folder: &str| within.iter().any(|part| part == folder);
        let is_test = has("tests") || path.ends_with("tests.rs");
        path.extension().is_some_and(|extension| extension == "rs") && has("src") && !is_test
    };
    all.filter(|entry| is_source(entry.path()))
        .map(|entry| {
            let text = fs::read_to_string(entry.path()).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
            (entry.path().display().to_string(), code)
        })
        .collect()
}

/// What an async function calls is compiled in each program that awaits it; what a boxed future calls, once, in the
/// crate that boxes it. Where the caller's own types come in there is no choice.
#[test]
fn shared_crates_hand_out_boxed_futures() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let mut files = 0;
    for entry in WalkDir::new(shared).into_iter().map(Result::unwrap) {
        if entry.path().extension().is_none_or(|extension| extension != "rs")
            || !entry.path().iter().any(|it| it == "src")
        {
            continue;
        }
        files += 1;
        for line in fs::read_to_string(entry.path()).unwrap().lines() {
            let signature = line.trim_start().strip_prefix("pub async fn ");
            let plain =
                signature.and_then(|it| it.find(['(', '<']).filter(|&end| it.as_bytes()[end] == b'('));
            assert_eq!(plain, None, "{}: give a BoxFuture: {line}", entry.path().display());
        }
    }
    assert!(files > 100, "{files} files: where are the shared crates?");
}
