//! What names a patient to a target: HL7 messages to a receiver that may know, objects of images that tell no id. The images
//! are those of the field.

use std::path::PathBuf;

use hilum_events::{Event, MediaType, samples};
use hilum_reports::{ObjectEntry, Summary};

use crate::bench::Bench;
use crate::protocols::mllp;

/// Stores these files as a report's images and issues it.
async fn issue(bench: &Bench, revision: u32, files: &[&str]) {
    let mut report = hilum_reports::samples::one_of_each();
    let read = report.images[0].clone();
    report.images.clear();
    report.provenance.objects.clear();
    report.revision = revision;
    for (number, name) in (1..).zip(files) {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/field").join(name);
        let stored = bench.store.put(std::fs::read(path).unwrap().into()).await.unwrap();
        let mut image = read.clone();
        (image.job_id, image.media_type) = (samples::job_id(number), MediaType::Dicom);
        (image.sha256, image.size_bytes) = (stored.sha256, stored.size_bytes);
        report.images.push(image);
        report.provenance.objects.push(ObjectEntry { sha256: stored.sha256, key: stored.key });
    }
    let images = u32::try_from(files.len()).unwrap();
    report.summary = Summary { images, completed: images, failed: 0, duplicates: 0 };
    bench.issue(revision, std::str::from_utf8(&report.to_json().unwrap()).unwrap()).await;
}

/// The fields of a segment, from 0, its name.
fn fields(message: &str, segment: &str) -> Vec<String> {
    let line = message.split('\r').find(|line| line.trim_start_matches('\x0b').starts_with(segment)).unwrap();
    line.split('|').map(str::to_owned).collect()
}

#[tokio::test]
async fn a_message_names_the_patient_of_its_images_to_who_may_know_and_never_one_of_several() {
    let bench = Bench::new().await;
    let (may_know, named) = mllp(&["MSA|AA|SENT", "MSA|AA|SENT"]).await;
    let (others, unnamed) = mllp(&["MSA|AA|SENT", "MSA|AA|SENT", "MSA|AA|SENT"]).await;
    let targets = format!(
        "[target.ris]\nkind = 'hl7'\nhost = '127.0.0.1'\nport = {may_know}\nname_patient = true\nevery_revision = true\n\
         receiving_application = 'RIS'\nreceiving_facility = 'KLINIK'\nassigning_authority = 'KLINIK'\n\
         [target.other]\nkind = 'hl7'\nhost = '127.0.0.1'\nport = {others}\nevery_revision = true\n"
    );
    let copy = bench.start(&targets).await;
    issue(&bench, 1, &["noname1.dcm", "noname2.dcm"]).await;
    bench.delivered("ris", 1).await;
    bench.delivered("other", 1).await;
    issue(&bench, 2, &["twoA.dcm", "twoB.dcm"]).await;
    let fact = bench.fact("evt.delivery-failed.*.*.report-2.ris.1").await;
    bench.delivered("other", 2).await;
    issue(&bench, 3, &["twoA.dcm"]).await;
    bench.delivered("ris", 3).await;
    bench.delivered("other", 3).await;
    copy.stop().await;

    let Event::DeliveryFailed(failed) = &fact.event else { panic!("{fact:?}") };
    assert_eq!(failed.tries, 1, "it does not pass by itself");
    assert!(failed.reason.contains("differ in what they say of the patient"), "{}", failed.reason);
    let said = |frames: Vec<Vec<u8>>| frames.into_iter().map(|frame| String::from_utf8(frame).unwrap());
    let named: Vec<String> = said(named.await.unwrap()).collect();
    for (message, [id, name, born, sex]) in named.iter().zip([
        ["P-99^^^KLINIK", "SMITH^JANE", "19700101", "M"],
        ["0000^^^KLINIK", "DOE^JOHN", "19700101", "M"],
    ]) {
        assert_eq!(fields(message, "PID")[1..], ["1", "", id, "", name, "", born, sex]);
        assert_eq!(fields(message, "OBR")[18], "ACC-77");
        assert_eq!(fields(message, "MSH")[4..6], ["RIS", "KLINIK"]);
    }
    for message in said(unnamed.await.unwrap()) {
        assert!(
            !["SMITH", "DOE", "P-99", "ACC-77"].iter().any(|canary| message.contains(canary)),
            "{message}"
        );
    }
    // Nothing of it is in the log of facts.
    for fact in bench.log.all_under(&["evt.>"]).await.unwrap() {
        let fact = format!("{fact:?}");
        assert!(!["SMITH", "P-99", "ACC-77"].iter().any(|canary| fact.contains(canary)), "{fact}");
    }
}

#[tokio::test]
async fn what_no_image_tells_an_id_of_leaves_under_one_of_ours_or_not_at_all_as_the_target_wants() {
    let bench = Bench::new().await;
    let (port, sent) = mllp(&["MSA|AA|SENT"]).await;
    let folder = bench.folder.path().join("shelf");
    std::fs::create_dir(&folder).unwrap();
    let shelf = format!("kind = 's3'\nurl = 'file://{}'\nforms = ['dicom-sr']", folder.display());
    let ris = format!("kind = 'hl7'\nhost = '127.0.0.1'\nport = {port}\nname_patient = true");
    let strict = "require_patient_id = true\nevery_revision = true";
    let targets = format!(
        "[target.shelf]\n{shelf}\n[target.strict]\n{shelf}\nrequire_patient_id = true\n[target.ris]\n{ris}\n{strict}\n"
    );
    let copy = bench.start(&targets).await;
    issue(&bench, 1, &["noname1.dcm"]).await;
    bench.delivered("shelf", 1).await;
    for target in ["strict", "ris"] {
        let fact = bench.fact(&format!("evt.delivery-failed.*.*.report-1.{target}.1")).await;
        let Event::DeliveryFailed(failed) = &fact.event else { panic!("{fact:?}") };
        assert_eq!(failed.tries, 1, "it does not pass by itself");
        assert!(failed.reason.contains("tells the patient's id"), "{}", failed.reason);
    }
    issue(&bench, 2, &["noname1.dcm", "noname2.dcm"]).await;
    bench.delivered("strict", 2).await;
    bench.delivered("ris", 2).await;
    copy.stop().await;
    let sent = String::from_utf8(sent.await.unwrap().remove(0)).unwrap();
    assert!(sent.contains("P-99"), "{sent}");
}
