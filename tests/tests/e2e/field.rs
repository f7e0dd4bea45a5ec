//! What the field sends, each file through the whole of a running stack: read with its true pixels, or refused for a reason
//! that is true; and no form of a report names a person whom one of its images contradicts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hilum_tests::{LIMIT, Stack, StackOptions, Upload, program, workspace};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::process::Command;

/// SHA-256 of the pixels of most of them.
const REFERENCE: &str = "9511b524304b476679bbd7255ea79008d000256a067c6c700517a644b279afdc";
/// The same picture 300 pixels wide.
const WIDE: &str = "861cb35496b3127461fef227f193f83474d284a8145dba3e13bbbcd615b1c97b";

/// What is right for a file.
enum Right {
    /// Read, with this digest of its pixels and these notices.
    Read(&'static str, &'static [&'static str]),
    /// No reading, with this reason.
    Failed(&'static str),
    /// Refused at the door, and the answer says this.
    Refused(&'static str),
}
use Right::{Failed, Read, Refused};

const FILES: [(&str, Right); 35] = [
    ("d00_ref8.dcm", Read(REFERENCE, &[])),
    ("d01d_meta_length_missing.dcm", Read(REFERENCE, &[])),
    ("d03a_labelled_implicit_is_explicit.dcm", Read(REFERENCE, &[])),
    ("d05a_vr_dashes.dcm", Read(REFERENCE, &[])),
    ("d10b_private_un_sequence_undefined.dcm", Read(REFERENCE, &[])),
    ("d20c_16_stored_high_bit_11.dcm", Refused("high bit 11")),
    ("d21a_10_stored_values_12_bits.dcm", Failed("value_out_of_range")),
    (
        "d21b_overlay_in_bit_12.dcm",
        Read("06908581afc07a503ad470ea9c23fd204af39f94fde8469fa314e3284e7d463a", &[]),
    ),
    ("d22h_stored12_jpegls_8bit.dcm", Failed("size_mismatch")),
    ("d23a_jpegls_zero_before_eoi.dcm", Read(REFERENCE, &[])),
    ("d26_rle_in_1k_fragments.dcm", Read(REFERENCE, &[])),
    ("d50k_view_code_sequence_lateral.dcm", Read(REFERENCE, &["other_view"])),
    ("d51o_anatomic_region_knee.dcm", Failed("other_body_part")),
    ("d53a_dog_species.dcm", Failed("other_species")),
    ("d54f_modality_empty_sop_CT.dcm", Failed("other_modality")),
    ("e01a_un_undefined_items_undefined.dcm", Read(REFERENCE, &[])),
    ("e01f_udi_sequence_as_un_undefined.dcm", Read(REFERENCE, &[])),
    ("e02a_rows_and_columns_un.dcm", Read(WIDE, &[])),
    ("e02c_body_part_HAND_un.dcm", Failed("other_body_part")),
    ("e02e_study_uid_un.dcm", Read(WIDE, &[])),
    ("e02i_frames_un.dcm", Read(WIDE, &[])),
    ("e03_view_Left_Lateral.dcm", Read(REFERENCE, &["other_view"])),
    ("e03_view_XTABLE_LATERAL.dcm", Read(REFERENCE, &["other_view"])),
    ("e03_view_ap.dcm", Read(REFERENCE, &[])),
    ("e04_body_Abdomen_7.dcm", Failed("other_body_part")),
    ("e04_body_Chest_PA_8.dcm", Read(REFERENCE, &[])),
    ("e04_body_T_SPINE_7.dcm", Failed("other_body_part")),
    ("noname1.dcm", Read("18d7d0e3a10bacfe8ecaf4c052a21d09de3e4ffea601d7fca896cc6d18d9055f", &[])),
    ("noname2.dcm", Read("b0b00b8e8ad37fc97e3866c04a3020650e465fce189b4a842037a6bd99e1fb4a", &[])),
    ("p00_ref.png", Read(REFERENCE, &[])),
    (
        "p02_16bit_holding_12bit.png",
        Read("fdb2a1042c7827dbcbfaf5507f75f44ae70f80dbbb55c5475e5801e96a6d8ede", &["dark"]),
    ),
    (
        "p23_colour_photo.jpg",
        Read("a69411819fc4d7dbeef2ec48f2e941c98fa68c0ec206ba0f783526c0129fe4eb", &["colour"]),
    ),
    (
        "p50_1x1.png",
        Read("c92fb9c5bf4d6a949d58283e3be48ae34b9908110f8abba6b44b93212f5d2bd1", &["tiny", "blank"]),
    ),
    ("twoA.dcm", Read("4e9822f6d93745653af2855e45f03f1e756a1f5f8ddc3cbdf33dc23a367ad721", &[])),
    ("twoB.dcm", Read("67bef7b9bdeb1a739d0100a10519e407a524ba6b8d8f39b20d0917da16686ced", &[])),
];

fn field(name: &str) -> PathBuf {
    workspace().join("tests/data/field").join(name)
}

fn images_in(folder: &Path) -> BTreeSet<String> {
    let names = std::fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.ends_with(".md") && !name.ends_with(".json")).collect()
}

#[tokio::test]
async fn every_file_of_the_field_is_read_as_it_is_or_says_why_not() {
    let known: BTreeSet<_> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(images_in(&field("")), known);
    let collection = workspace().join("../shared/field");
    if collection.is_dir() {
        assert_eq!(images_in(&collection), known, "what is right for the others is not said here");
    } else {
        eprintln!("not compared with {}, which is not there", collection.display());
    }
    let stack = Stack::start(StackOptions::default()).await;
    for (name, right) in &FILES {
        // As studies of their own: here it is about the pixels.
        let (status, answer) = stack.post(Upload::file(&field(name)).with("study", name)).await;
        if let Refused(text) = right {
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{name}: {answer}");
            assert!(answer["detail"].as_str().unwrap().contains(text), "{name}: {answer}");
            continue;
        }
        assert_eq!(status, StatusCode::ACCEPTED, "{name}: {answer}");
        let id = answer["job_id"].as_str().unwrap();
        let job = stack.ended(id).await;
        match right {
            Read(digest, notices) => {
                assert_eq!(job["status"], "COMPLETED", "{name}: {job}");
                let result = stack.result(id).await;
                let said: Vec<_> = result["notices"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|said| said["code"].as_str().unwrap())
                    .collect();
                assert_eq!((&result["pixel_digest"], said), (&json!(digest), notices.to_vec()), "{name}");
            }
            Failed(code) => {
                assert_eq!((&job["status"], &job["reason_code"]), (&json!("FAILED"), &json!(code)), "{name}")
            }
            Refused(_) => unreachable!(),
        }
    }
    stack.assert_settled().await;
}

/// Forms with words in them.
const WORDS: [&str; 4] = ["json", "html", "fhir", "hl7"];
const DICOM: [&str; 3] = ["dicom-sr", "dicom-sc", "dicom-pdf"];

/// A form of the study's newest report.
async fn form(stack: &Stack, study: &str, form: &str) -> (StatusCode, Vec<u8>) {
    let url = format!("{}/v1/studies/{study}/report?format={form}", stack.query_url());
    let answer = stack.http.get(url).send().await.unwrap();
    (answer.status(), answer.bytes().await.unwrap().to_vec())
}

/// Patient's name, ID and the issuer of that.
fn patient(file: &[u8]) -> [String; 3] {
    let object = dicom_object::from_reader(file).unwrap();
    ["PatientName", "PatientID", "IssuerOfPatientID"].map(|name| {
        let value = object.element_by_name(name).ok().and_then(|element| element.to_str().ok());
        value.map_or(String::new(), |value| value.trim_end().to_owned())
    })
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

async fn study_of(stack: &Stack, study: &str, files: [&str; 2]) -> [String; 2] {
    let of_two = |name: &str| Upload::file(&field(name)).with("study", study).with("expected_images", "2");
    let [first, second] = files;
    [stack.submit(of_two(first)).await, stack.submit(of_two(second)).await]
}

/// As an operator does it.
async fn take_out(stack: &Stack, job: &str) {
    let mut command = Command::new(program("hilum"));
    command.args(["job", "take-out", job, "--why", "of another patient", "--by", "Kim"]);
    command.arg("--url").arg(stack.query_url());
    let output = tokio::time::timeout(LIMIT, command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn no_form_names_a_patient_whom_an_image_contradicts_until_that_image_is_taken_out() {
    let options = StackOptions { quiet_time_s: 3600.0, ..StackOptions::default() };
    let stack = Stack::start(options).await;
    let names = ["twoA.dcm", "twoB.dcm"].map(|name| patient(&std::fs::read(field(name)).unwrap())[0].clone());
    assert_ne!(names[0], names[1]);
    let [_, second] = study_of(&stack, "two", ["twoA.dcm", "twoB.dcm"]).await;
    let report = stack.report("two", 1).await;
    let [doubt] = report["doubts"].as_array().unwrap().as_slice() else { panic!("{report}") };
    assert_eq!(doubt["code"], "headers_differ");
    let said = doubt["text"].as_str().unwrap();
    for name in WORDS {
        let (status, bytes) = form(&stack, "two", name).await;
        assert_eq!(status, StatusCode::OK, "{name}");
        assert!(holds(&bytes, said), "{name}");
        assert!(names.iter().all(|name| !holds(&bytes, name)), "{name}");
    }
    for name in DICOM {
        let (status, bytes) = form(&stack, "two", name).await;
        assert!(status.is_client_error(), "{name}: {status}");
        assert!(names.iter().all(|name| !holds(&bytes, name)), "{name}");
    }
    let told = |study: &Value| study["reports"].as_array().unwrap().last().unwrap()["doubts"].clone();
    let (_, study) = stack.get("/v1/studies/two").await;
    assert_eq!(told(&study)[0]["text"], said, "{study}");

    take_out(&stack, &second).await;
    let report = stack.report("two", 2).await;
    let [doubt] = report["doubts"].as_array().unwrap().as_slice() else { panic!("{report}") };
    assert_eq!((&doubt["code"], &doubt["job_ids"]), (&json!("taken_out"), &json!([second])));
    assert_eq!(report["images"].as_array().unwrap().len(), 1);
    let (_, study) = stack.get("/v1/studies/two").await;
    let [out] = study["taken_out"].as_array().unwrap().as_slice() else { panic!("{study}") };
    assert_eq!((&out["taken_out_by"], &out["taken_out_why"]), (&json!("Kim"), &json!("of another patient")));
    for name in DICOM {
        let (status, bytes) = form(&stack, "two", name).await;
        assert_eq!(status, StatusCode::OK, "{name}");
        assert_eq!(patient(&bytes)[0], names[0], "{name}");
        assert!(!holds(&bytes, &names[1]), "{name}");
    }

    // The identity that there is, whichever image comes first.
    let whose = patient(&std::fs::read(field("noname2.dcm")).unwrap());
    assert!(!whose[0].is_empty() && !whose[1].is_empty());
    for (study, files) in [("one", ["noname1.dcm", "noname2.dcm"]), ("other", ["noname2.dcm", "noname1.dcm"])]
    {
        study_of(&stack, study, files).await;
        stack.report(study, 1).await;
        for name in DICOM {
            let (status, bytes) = form(&stack, study, name).await;
            assert_eq!((status, patient(&bytes)), (StatusCode::OK, whose.clone()), "{study}: {name}");
        }
    }
    // And nobody's pictures are not all of one patient.
    let mut ids = BTreeSet::new();
    for (study, picture) in [("sheet", "p00_ref.png"), ("another", "p02_16bit_holding_12bit.png")] {
        stack.submit(Upload::file(&field(picture)).with("study", study).with("expected_images", "1")).await;
        stack.report(study, 1).await;
        let (status, bytes) = form(&stack, study, "dicom-sr").await;
        let [_, id, issuer] = patient(&bytes);
        assert_eq!((status, issuer.as_str()), (StatusCode::OK, "HILUM"));
        assert!(ids.insert(id), "{study}");
    }
    stack.assert_settled().await;
}
