//! C-STORE against receivers that others wrote: DCMTK's storescp and Orthanc, where they are installed.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject, mem::InMemElement};
use hilum_deliver::{Address, SendError, Transport};
use hilum_servers::{Process, free_port, wait_until};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::bench::LIMIT;
use crate::protocols::{parcel, target};

const SR: &str = "1.2.840.10008.5.1.4.1.1.88.33";
const SC: &str = "1.2.840.10008.5.1.4.1.1.7";
const PDF: &str = "1.2.840.10008.5.1.4.1.1.104.1";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const IMPLICIT: &str = "1.2.840.10008.1.2";

/// A small DICOM file, `number` tells its instance.
fn file(sop_class: &str, transfer_syntax: &str, number: u32) -> Bytes {
    use dicom_core::value::DataSetSequence;
    use dicom_core::{Tag, VR, dicom_value};
    let instance = format!("2.25.{}", 1_000 + number);
    let text = |group, element, vr, value: &str| {
        InMemElement::new(Tag(group, element), vr, dicom_value!(Str, value))
    };
    let object = InMemDicomObject::from_element_iter([
        text(0x0008, 0x0005, VR::CS, "ISO_IR 192"),
        text(0x0008, 0x0016, VR::UI, sop_class),
        text(0x0008, 0x0018, VR::UI, &instance),
        text(0x0008, 0x0060, VR::CS, "OT"),
        text(0x0010, 0x0010, VR::PN, "Test^Nobody"),
        text(0x0010, 0x0020, VR::LO, "TEST-1"),
        text(0x0020, 0x000d, VR::UI, "2.25.77"),
        text(0x0020, 0x000e, VR::UI, &format!("2.25.78{number}")),
        InMemElement::new(
            Tag(0x0040, 0xa043),
            VR::SQ,
            DataSetSequence::from(vec![InMemDicomObject::from_element_iter([text(
                0x0008,
                0x0104,
                VR::LO,
                "a concept",
            )])]),
        ),
        // Longer than what a receiver takes in one piece.
        text(0x0008, 0x4000, VR::LT, &"long ".repeat(2_000)),
    ]);
    let meta = FileMetaTableBuilder::new().transfer_syntax(transfer_syntax);
    let object = object.with_meta(meta.media_storage_sop_class_uid(sop_class)).unwrap();
    let mut bytes = Vec::new();
    object.write_all(&mut bytes).unwrap();
    bytes.into()
}

/// Every element with its value, also those within sequences: how they are written is not told.
fn told(object: &InMemDicomObject) -> Vec<String> {
    use dicom_core::header::Header as _;

    let elements = object.iter().flat_map(|element| match element.items() {
        Some(items) => items.iter().flat_map(told).map(|told| format!("{} {told}", element.tag())).collect(),
        None => {
            let value = element.to_str().unwrap();
            vec![format!("{} {} {}", element.tag(), element.vr(), value.trim_end_matches(['\0', ' ']))]
        }
    });
    elements.collect()
}

/// The program, unless it is not installed: then this says so.
fn installed(program: &str) -> Option<PathBuf> {
    let folders = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];
    let found = folders.iter().map(|folder| Path::new(folder).join(program)).find(|path| path.is_file());
    if found.is_none() {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

async fn listens(port: u16) -> bool {
    wait_until(LIMIT, || async { TcpStream::connect(("127.0.0.1", port)).await.is_ok() }).await
}

fn peer(port: u16, called_ae: &str) -> Transport {
    let (host, calling_ae) = ("127.0.0.1".to_owned(), "HILUM".to_owned());
    Transport::to(&target(Address::Dicom { host, port, called_ae: called_ae.to_owned(), calling_ae }))
        .unwrap()
}

#[tokio::test]
async fn storescp_stores_what_is_sent() {
    stores(&["--max-pdu", "4096"]).await;
}

#[tokio::test]
async fn a_receiver_that_takes_implicit_vr_only_gets_the_same_data() {
    stores(&["--implicit"]).await;
}

/// What storescp with these options has kept is what was sent.
async fn stores(options: &[&str]) {
    let Some(program) = installed("storescp") else { return };
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().unwrap();
    let mut command = Command::new(program);
    command.args(options).arg("--output-directory").arg(folder.path()).arg(port.to_string());
    let process = Process::start("storescp", command, &folder.path().join("storescp.log")).unwrap();
    assert!(listens(port).await);
    let parcel = parcel(&[
        ("dicom-sr", "sr.dcm", file(SR, EXPLICIT, 1)),
        ("dicom-sc", "sc.dcm", file(SC, IMPLICIT, 2)),
        ("dicom-pdf", "pdf.dcm", file(PDF, EXPLICIT, 3)),
    ]);
    let transport = peer(port, "ANY");
    let receipt = "C-STORE 0x0000, C-STORE 0x0000, C-STORE 0x0000";
    assert_eq!(transport.send(&parcel).await.unwrap(), receipt);
    assert_eq!(transport.send(&parcel).await.unwrap(), receipt, "a repeat is harmless");
    process.stop(nix::sys::signal::Signal::SIGTERM, LIMIT).await;

    let mut kept = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "log") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let dataset = |bytes: &[u8]| {
            let object = dicom_object::from_reader(bytes).unwrap();
            (object.meta().media_storage_sop_class_uid.clone(), told(&object))
        };
        let stored = dataset(&bytes);
        assert!(parcel.objects.iter().any(|object| dataset(&object.bytes) == stored), "{path:?}");
        kept += 1;
    }
    assert_eq!(kept, 3);
}

#[tokio::test]
async fn a_receiver_that_is_away_or_refuses_says_so() {
    let away = peer(free_port().unwrap(), "ANY");
    let parcel = parcel(&[("dicom-sr", "sr.dcm", file(SR, EXPLICIT, 1))]);
    let error = away.send(&parcel).await.unwrap_err();
    assert!(matches!(&error, SendError::Failed { what, .. } if what == "it can't be reached"), "{error:?}");

    let Some(program) = installed("storescp") else { return };
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().unwrap();
    let mut command = Command::new(program);
    command.args(["--refuse"]).arg(port.to_string()).current_dir(folder.path());
    let _process = Process::start("storescp", command, &folder.path().join("storescp.log")).unwrap();
    assert!(listens(port).await);
    let error = peer(port, "ANY").send(&parcel).await.unwrap_err();
    assert!(error.to_string().contains("association rejected"), "{error}");
}

#[tokio::test]
async fn orthanc_stores_what_is_sent_and_a_repeat_changes_nothing() {
    let Some(program) = installed("Orthanc") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (dicom, http) = (free_port().unwrap(), free_port().unwrap());
    let settings = serde_json::json!({
        "StorageDirectory": folder.path(), "IndexDirectory": folder.path(), "DicomPort": dicom, "HttpPort": http,
        "DicomAet": "ORTHANC", "DicomCheckCalledAet": true, "RemoteAccessAllowed": false,
        "AuthenticationEnabled": false, "Plugins": [],
    });
    let file_name = folder.path().join("orthanc.json");
    std::fs::write(&file_name, settings.to_string()).unwrap();
    let mut command = Command::new(program);
    command.arg(&file_name);
    let _process = Process::start("Orthanc", command, &folder.path().join("orthanc.log")).unwrap();
    assert!(listens(dicom).await && listens(http).await);
    let parcel = parcel(&[
        ("dicom-sr", "sr.dcm", file(SR, EXPLICIT, 1)),
        ("dicom-sc", "sc.dcm", file(SC, EXPLICIT, 2)),
    ]);
    let error = peer(dicom, "OTHER").send(&parcel).await.unwrap_err();
    assert!(error.to_string().contains("called_ae"), "{error}");
    for _ in 0..2 {
        let receipt = peer(dicom, "ORTHANC").send(&parcel).await.unwrap();
        assert_eq!(receipt, "C-STORE 0x0000, C-STORE 0x0000");
    }
    let url = format!("http://127.0.0.1:{http}/instances");
    let instances: Vec<String> = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert_eq!(instances.len(), 2);
}
