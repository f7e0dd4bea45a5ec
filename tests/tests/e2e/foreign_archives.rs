//! A study's report reaches archives that others wrote, by every road that stores objects, and is there as it was made.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use dicom_core::header::Header as _;
use dicom_object::InMemDicomObject;
use hilum_archives::{Orthanc, Storescp};
use hilum_events::{Event, ReportDelivered, Sha256Digest};
use hilum_servers::TestFolder;
use hilum_tests::{S3Server, Stack, StackOptions, Upload};
use serde_json::Value;

use crate::steps::has_facts;

const DICOM: &str = "chest_mhh_19073f37.dcm";
const PNG: &str = "mhh_1479fa94.png";
const FORMS: &str = "['dicom-sr', 'dicom-sc', 'dicom-pdf']";

/// What was delivered to `target`.
async fn delivered(stack: &Stack, target: &str) -> ReportDelivered {
    let to = |event| match event {
        Event::ReportDelivered(delivered) if delivered.target.as_str() == target => Some(delivered),
        _ => None,
    };
    stack.events().await.into_iter().find_map(|envelope| to(envelope.event)).unwrap()
}

/// Every element of a DICOM file with its value, also those within sequences: how they are written is the archive's own,
/// and so is the meta information before them.
fn said(file: &[u8]) -> Vec<String> {
    fn of(object: &InMemDicomObject) -> Vec<String> {
        let elements = object.iter().flat_map(|element| match element.items() {
            Some(items) => {
                items.iter().flat_map(of).map(|said| format!("{} {said}", element.tag())).collect()
            }
            None => {
                let value = Sha256Digest::of(element.to_bytes().unwrap().trim_ascii_end());
                vec![format!("{} {} {value}", element.tag(), element.vr())]
            }
        });
        elements.collect()
    }
    of(&dicom_object::from_reader(file).unwrap())
}

/// What these files say, in no order.
fn all_said(files: &[Vec<u8>]) -> BTreeSet<Vec<String>> {
    files.iter().map(|file| said(file)).collect()
}

async fn bytes(url: String) -> Vec<u8> {
    let answer = hilum_runtime::http_client()
        .build()
        .unwrap()
        .get(url)
        .send()
        .await
        .unwrap()
        .error_for_status()
        .unwrap();
    answer.bytes().await.unwrap().to_vec()
}

async fn json(url: String) -> Value {
    serde_json::from_slice(&bytes(url).await).unwrap()
}

/// Every object that Orthanc has.
async fn kept_by(orthanc: &Orthanc) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for id in json(format!("{}/instances", orthanc.url())).await.as_array().unwrap() {
        files.push(bytes(format!("{}/instances/{}/file", orthanc.url(), id.as_str().unwrap())).await);
    }
    files
}

fn kept_in(folder: &Path) -> Vec<Vec<u8>> {
    std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
}

/// Each DICOM object of the report, as the query API gives it.
async fn forms(stack: &Stack, study: &str) -> Vec<Vec<u8>> {
    let url = |form: &str, part: u32| {
        format!("{}/v1/studies/{study}/report?format={form}&lang=ko&part={part}", stack.query_url())
    };
    let mut files = Vec::new();
    for (form, part) in [("dicom-sr", 1), ("dicom-sc", 1), ("dicom-sc", 2), ("dicom-pdf", 1)] {
        files.push(bytes(url(form, part)).await);
    }
    files
}

#[tokio::test]
async fn the_objects_of_a_report_are_read_back_from_real_archives_and_a_bucket() {
    let folders: Vec<_> = (0..4).map(|_| TestFolder::new().unwrap()).collect();
    let [by_dicom, by_web, by_files, rest] = &folders[..] else { unreachable!() };
    let (Some(pacs), Some(web), Some(shelf)) = (
        Orthanc::start(by_dicom.path()).await.unwrap(),
        Orthanc::start(by_web.path()).await.unwrap(),
        Storescp::start(&[], by_files.path()).await.unwrap(),
    ) else {
        return;
    };
    let bucket = S3Server::start(&rest.path().join("s3")).await;
    let targets = rest.path().join("targets.toml");
    let (pacs_port, shelf_port, web_url) = (pacs.dicom_port(), shelf.port(), web.url());
    let (bucket_url, endpoint) = (S3Server::url(), format!("http://127.0.0.1:{}", bucket.port()));
    let text = format!(
        "[target.pacs]\nkind = 'dicom'\nhost = '127.0.0.1'\nport = {pacs_port}\ncalled_ae = 'ORTHANC'\n\
         forms = {FORMS}\nlanguage = 'ko'\n\
         [target.web]\nkind = 'stow'\nurl = '{web_url}/dicom-web'\nforms = {FORMS}\nlanguage = 'ko'\n\
         [target.shelf]\nkind = 'dicom'\nhost = '127.0.0.1'\nport = {shelf_port}\ncalled_ae = 'ANY'\n\
         forms = {FORMS}\nlanguage = 'ko'\n\
         [target.bucket]\nkind = 's3'\nurl = '{bucket_url}/reports'\nendpoint_url = '{endpoint}'\nregion = 'us-east-1'\n\
         access_key_id_env = 'SHELF_KEY_ID'\nsecret_access_key_env = 'SHELF_KEY'\n\
         forms = ['json', 'html', 'fhir', 'hl7', 'dicom-pdf']\nlanguage = 'ko'\n"
    );
    std::fs::write(&targets, text).unwrap();
    // A picture and a DICOM image in one study.
    let sites = rest.path().join("sites.toml");
    std::fs::write(&sites, "[default]\npictures_join_patients = true\n").unwrap();
    let access = bucket.environment().into_iter().collect::<HashMap<_, _>>();
    let environment = vec![
        ("HILUM_TARGETS", targets.display().to_string()),
        ("HILUM_SITES", sites.display().to_string()),
        ("SHELF_KEY_ID", access["AWS_ACCESS_KEY_ID"].clone()),
        ("SHELF_KEY", access["AWS_SECRET_ACCESS_KEY"].clone()),
    ];
    let stack = Stack::start(StackOptions { environment, ..StackOptions::default() }).await;

    for image in [DICOM, PNG] {
        stack.submit(Upload::sample(image).with("study", "S-1").with("expected_images", "2")).await;
    }
    has_facts(&stack, "report-delivered", 4).await;
    let delivered = delivered(&stack, "pacs").await;
    let study = delivered.study_id.to_string();
    let made = forms(&stack, &study).await;
    let told: BTreeSet<_> = delivered.objects.iter().map(|object| object.sha256).collect();
    let given: BTreeSet<_> = made.iter().map(|file| Sha256Digest::of(file)).collect();
    assert_eq!(told, given, "what was handed over is what anyone is given");

    for kept in [kept_by(&pacs).await, kept_by(&web).await, kept_in(&by_files.path().join("kept"))] {
        assert_eq!(kept.len(), 4);
        assert_eq!(all_said(&kept), all_said(&made));
    }

    let place = S3Server::objects(&rest.path().join("s3")).join(format!("reports/default/{study}/r1"));
    let url = |form: &str| format!("{}/v1/studies/{study}/report?format={form}&lang=ko", stack.query_url());
    for (form, file) in [
        ("json", "report.json"),
        ("html", "report.html"),
        ("fhir", "report.fhir.json"),
        ("hl7", "report.hl7"),
        ("dicom-pdf", "pdf.dcm"),
    ] {
        assert!(std::fs::read(place.join(file)).unwrap() == bytes(url(form)).await, "{form}");
    }
    assert_eq!(std::fs::read_dir(&place).unwrap().count(), 5);
    stack.assert_settled().await;
}
