//! The bundle as readers that are not ours take it: the schema that HL7 publishes with FHIR R4, types of R4B, whose five
//! resources here are those of R4, and a validator that knows R4's definitions and constraints.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use hilum_reports::{Report, fhir, samples};
use serde_json::{Value, json};

use crate::trained;

fn bundle(report: &Report) -> Value {
    serde_json::from_slice(&fhir::bundle(report)).unwrap()
}

fn resources<'a>(bundle: &'a Value, name: &str) -> Vec<&'a Value> {
    let resources = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
    resources.filter(|resource| resource["resourceType"] == name).collect()
}

/// Where the bundle has a resource.
fn place_of(bundle: &Value, resource: &Value) -> Value {
    let mut entries = bundle["entry"].as_array().unwrap().iter();
    entries.find(|entry| entry["resource"] == *resource).unwrap()["fullUrl"].clone()
}

/// A report of images of which one is no DICOM.
fn mixed() -> Report {
    let mut report = samples::one_of_each();
    report.images[2].dicom = None;
    report.images[0].dicom.as_mut().unwrap().modality = None;
    report.study_ref = None;
    report
}

#[test]
fn the_schema_that_hl7_publishes_finds_nothing_wrong_with_it() {
    let schema: Value =
        serde_json::from_str(include_str!("../../schema/fhir-r4-excerpt.schema.json")).unwrap();
    let schema = jsonschema::options().build(&schema).unwrap();
    for report in [samples::one_of_each(), samples::revised(), samples::incomplete(), trained(), mixed()] {
        let bundle = bundle(&report);
        let errors: Vec<_> =
            schema.iter_errors(&bundle).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(errors, [] as [String; 0]);
    }
    let mut wrong = bundle(&samples::revised());
    wrong["entry"][0]["resource"]["verdict"] = json!("none");
    assert!(!schema.is_valid(&wrong), "the schema knows every element");
}

#[test]
fn every_reference_is_to_a_resource_of_the_bundle_and_every_identifier_is_there_once() {
    let bundle = bundle(&mixed());
    assert_eq!(bundle["type"], "transaction");
    let (mut places, mut asked) = (BTreeSet::new(), BTreeSet::new());
    for entry in bundle["entry"].as_array().unwrap() {
        let (place, resource) = (entry["fullUrl"].as_str().unwrap(), &entry["resource"]);
        assert!(place.starts_with("urn:uuid:") && places.insert(place), "{place}");
        assert!(resource.get("id").is_none(), "the server gives it");
        // Servers replace a place wherever it stands.
        assert!(!resource["identifier"].to_string().contains(place), "{resource}");
        let name = resource["resourceType"].as_str().unwrap();
        let first = &resource["identifier"][0];
        let search =
            format!("identifier={}|{}", first["system"].as_str().unwrap(), first["value"].as_str().unwrap());
        let request = &entry["request"];
        let is_dicom_study = name == "ImagingStudy" && first["system"] == "urn:dicom:uid";
        if name == "Device" || is_dicom_study {
            assert_eq!(*request, json!({"method": "POST", "url": name, "ifNoneExist": search}));
        } else {
            assert_eq!(*request, json!({"method": "PUT", "url": format!("{name}?{search}")}));
        }
        assert!(asked.insert((name, search.clone())), "{search} is there twice");
    }
    let mut named = Vec::new();
    references(&bundle, &mut named);
    assert!(named.len() > 10);
    assert!(named.iter().all(|reference| places.contains(reference)), "{named:?}");
}

fn references<'a>(node: &'a Value, found: &mut Vec<&'a str>) {
    match node {
        Value::Object(fields) => {
            found.extend(fields.get("reference").and_then(Value::as_str));
            fields.values().for_each(|field| references(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn it_is_preliminary_and_names_no_patient() {
    let bundle = bundle(&samples::revised());
    let head = resources(&bundle, "DiagnosticReport")[0];
    assert_eq!(head["status"], "preliminary");
    assert!(head["conclusion"].as_str().unwrap().starts_with("For research use only. Not a diagnosis."));
    assert!(head.get("subject").is_none());
    assert!(resources(&bundle, "Patient").is_empty());
    for study in resources(&bundle, "ImagingStudy") {
        assert_eq!(study["subject"], json!({"type": "Patient", "display": "not known to Hilum"}));
    }
}

#[test]
fn a_finding_has_its_codes_its_numbers_and_the_device_of_its_weights() {
    let bundle = bundle(&trained());
    let device = resources(&bundle, "Device")[0];
    let image = resources(&bundle, "Observation")[0];
    assert_eq!((image["status"].as_str(), image.get("valueQuantity")), (Some("preliminary"), None));
    assert_eq!(image["hasMember"].as_array().unwrap().len(), 2);
    let effusion = resources(&bundle, "Observation")[1];
    assert_eq!(effusion["status"], "preliminary");
    let codes: Vec<_> = effusion["code"]["coding"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
    assert_eq!(codes, [&json!("60046008"), &json!("Effusion")]);
    assert_eq!(effusion["valueQuantity"]["value"].to_string(), "0.22270013");
    assert_eq!(effusion["component"][0]["valueQuantity"]["value"].to_string(), "0.5667");
    assert_eq!(effusion["component"][1]["valueQuantity"]["value"].to_string(), "-1.25");
    assert_eq!(effusion["interpretation"][0]["coding"][0]["code"], "POS");
    assert_eq!(effusion["device"]["reference"], place_of(&bundle, device));
    let mass = resources(&bundle, "Observation")[2];
    assert!(mass.get("interpretation").is_none(), "the model has no operating point for it");
}

#[test]
fn of_an_untrained_network_nothing_is_interpreted_and_every_finding_says_so() {
    let bundle = bundle(&samples::revised());
    let observations = resources(&bundle, "Observation");
    let findings: Vec<_> = observations.iter().filter(|one| one.get("valueQuantity").is_some()).collect();
    assert_eq!(findings.len(), 6);
    for finding in findings {
        assert!(finding.get("interpretation").is_none());
        assert!(finding["note"].to_string().contains("UNTRAINED"), "{finding}");
    }
    assert!(resources(&bundle, "Device")[0]["note"][0]["text"].as_str().unwrap().contains("UNTRAINED"));
}

#[test]
fn an_image_without_a_reading_says_why() {
    let bundle = bundle(&samples::one_of_each());
    let cancelled: Vec<_> = resources(&bundle, "Observation")
        .into_iter()
        .filter(|observation| observation["status"] == "cancelled")
        .map(|observation| observation["dataAbsentReason"]["text"].as_str().unwrap())
        .collect();
    assert_eq!(
        cancelled,
        [
            "the file ends before its picture does; send it again (truncated)",
            "the object in storage does not match its hash (dead_lettered)"
        ]
    );
}

#[test]
fn what_is_not_there_yet_is_registered_and_told() {
    let bundle = bundle(&samples::incomplete());
    let registered: Vec<_> = resources(&bundle, "Observation")
        .into_iter()
        .filter(|observation| observation["status"] == "registered")
        .map(|observation| &observation["dataAbsentReason"]["coding"][0]["code"])
        .collect();
    assert_eq!(registered, ["temp-unknown"]);
    let conclusion = resources(&bundle, "DiagnosticReport")[0]["conclusion"].as_str().unwrap();
    assert!(conclusion.contains("6 images were expected and 5 arrived"), "{conclusion}");
    assert!(conclusion.contains("Flagged by the rule effusion-first"), "{conclusion}");
}

#[test]
fn of_a_huge_study_the_first_images_are_told_and_the_number_of_the_others() {
    let mut report = samples::one_of_each();
    let (read, failed) = (report.images[0].clone(), report.images[2].clone());
    report.images = vec![failed; 199];
    report.images.extend([read.clone(), read.clone(), read]);
    let bundle = bundle(&report);
    assert_eq!(resources(&bundle, "Observation").len(), 200 + 2);
    let conclusion = resources(&bundle, "DiagnosticReport")[0]["conclusion"].as_str().unwrap();
    assert!(
        conclusion.contains("first 200 images are told of here; 2 more are in the document"),
        "{conclusion}"
    );
}

#[test]
fn a_revision_replaces_what_the_one_before_said_and_the_bytes_are_the_same_twice() {
    let (first, second) = (bundle(&samples::one_of_each()), bundle(&samples::revised()));
    let ids = |bundle: &Value| -> BTreeSet<String> {
        bundle["entry"].as_array().unwrap().iter().map(|entry| entry["fullUrl"].to_string()).collect()
    };
    assert!(ids(&first).is_subset(&ids(&second)));
    assert_ne!(first["identifier"], second["identifier"]);
    let mut again = samples::revised();
    again = Report::from_json(&again.to_json().unwrap()).unwrap();
    assert_eq!(fhir::bundle(&again), fhir::bundle(&samples::revised()));
}

/// By programs that others wrote: `make interop`.
mod foreign {
    use super::*;

    #[test]
    fn types_that_are_not_ours_take_every_element_of_it() {
        let reports = [samples::one_of_each(), samples::revised(), samples::incomplete(), trained(), mixed()];
        let folder = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for (report, number) in reports.iter().zip(1..) {
            let count = |name| resources(&bundle(report), name).len();
            assert_eq!((count("DiagnosticReport"), count("Device")), (1, 1));
            // One of each image, and two findings of each that was read.
            let expected = report.summary.images + 2 * report.summary.completed;
            assert_eq!(count("Observation"), expected as usize);
            let file = folder.path().join(format!("{number}.json"));
            fs::write(&file, fhir::bundle(report)).unwrap();
            files.push(file);
        }
        let Some(packages) = env::var_os("HILUM_TEST_PYTHONPATH").filter(|folder| Path::new(folder).is_dir())
        else {
            eprintln!(
                "skipped: HILUM_TEST_PYTHONPATH names no folder with fhir.resources; `make interop` fetches it"
            );
            return;
        };
        let read = |files: &[PathBuf]| {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fhir_types.py");
            Command::new("python3").arg(script).args(files).env("PYTHONPATH", &packages).output().unwrap()
        };
        let output = read(&files);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), files.len());

        let mut wrong = bundle(&samples::revised());
        wrong["entry"][0]["resource"]["verdict"] = json!("none");
        fs::write(&files[0], wrong.to_string()).unwrap();
        assert!(!read(&files[..1]).status.success(), "the types know every element");
    }

    #[test]
    fn a_validator_with_the_definitions_of_r4_finds_no_error_in_it() {
        let setting = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.exists());
        let (Some(packages), Some(node)) = (setting("HILUM_MEDPLUM"), setting("HILUM_NODE")) else {
            eprintln!(
                "skipped: HILUM_MEDPLUM names no folder with Medplum's code; `make interop` fetches it where there is Node 20"
            );
            return;
        };
        let reports = [samples::one_of_each(), samples::revised(), samples::incomplete(), trained(), mixed()];
        let mut bundles: Vec<Value> = reports.iter().map(bundle).collect();
        let right = bundles.len();
        // What it has to find: no subject, a text for a number, no request in a transaction (a constraint), an unknown element.
        let wrong = |spoil: fn(&mut Value)| {
            let mut bundle = bundle(&samples::revised());
            spoil(&mut bundle);
            bundle
        };
        bundles.extend([
            wrong(|bundle| drop(bundle["entry"][1]["resource"].as_object_mut().unwrap().remove("subject"))),
            wrong(|bundle| bundle["entry"][4]["resource"]["valueQuantity"]["value"] = json!("much")),
            wrong(|bundle| drop(bundle["entry"][4].as_object_mut().unwrap().remove("request"))),
            wrong(|bundle| bundle["entry"][0]["resource"]["verdict"] = json!("none")),
        ]);
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<PathBuf> =
            (0..bundles.len()).map(|number| folder.path().join(number.to_string())).collect();
        for (bundle, file) in bundles.iter().zip(&files) {
            fs::write(file, bundle.to_string()).unwrap();
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fhir_validate.mjs");
        let output = Command::new(node).arg(script).arg(packages).args(&files).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(!output.status.success(), "it finds what is wrong");
        let mut said_of_each = said.split_inclusive(" resources\n");
        for number in 0..bundles.len() {
            let said =
                said_of_each.next().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
            assert_eq!(said.lines().count() == 1, number < right, "{number}: {said}");
        }
    }
}
