//! C-STORE and STOW-RS, against receivers of ours and of others.

use bytes::Bytes;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject, mem::InMemElement};
use hilum_deliver::{DicomSettings, Protocol, SendError, Transport};
use hilum_events::MediaType;
use hilum_reports::Summary;
use hilum_servers::{TestFolder, free_port};

use crate::bench::Bench;
use crate::protocols::{here, shipment, stow, target};
use crate::scp::Scp;

pub(crate) const SR: &str = "1.2.840.10008.5.1.4.1.1.88.33";
pub(crate) const SC: &str = "1.2.840.10008.5.1.4.1.1.7";
const PDF: &str = "1.2.840.10008.5.1.4.1.1.104.1";
pub(crate) const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const IMPLICIT: &str = "1.2.840.10008.1.2";

/// The SOP instance UID of file `number`.
pub(crate) fn instance(number: u32) -> String {
    format!("2.25.{}", 1_000 + number)
}

/// A small DICOM file, `number` tells its instance.
pub(crate) fn file(sop_class: &str, transfer_syntax: &str, number: u32) -> Bytes {
    use dicom_core::value::DataSetSequence;
    use dicom_core::{Tag, VR, dicom_value};
    let instance = instance(number);
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

fn peer(port: u16, called_ae: &str) -> Transport {
    let settings = DicomSettings {
        address: here(port),
        called_ae: called_ae.to_owned(),
        calling_ae: "HILUM".to_owned(),
        requires_patient_id: false,
    };
    Transport::to(&target(Protocol::Dicom(settings))).unwrap()
}

#[tokio::test]
async fn a_receiver_that_is_away_is_told_so() {
    let away = peer(free_port().unwrap(), "ANY");
    let shipment = shipment(&[("dicom-sr", "sr.dcm", file(SR, EXPLICIT, 1))]);
    let error = away.send(&shipment).await.unwrap_err();
    assert!(matches!(&error, SendError::Failed { what, .. } if what == "it can't be reached"), "{error:?}");
}

#[tokio::test]
async fn a_report_without_a_picture_has_nothing_for_a_target_of_captures() {
    let bench = Bench::new().await;
    let nobody = free_port().unwrap();
    let targets = format!(
        "[target.pacs]\nkind = 'dicom'\nhost = '127.0.0.1'\nport = {nobody}\ncalled_ae = 'ANY'\nforms = ['dicom-sc']\n"
    );
    let copy = bench.start(&targets).await;
    let mut report = hilum_reports::samples::one_of_each();
    report.images.retain(|image| image.reading.is_none());
    for image in &mut report.images {
        (image.media_type, image.dicom) = (MediaType::Png, None);
    }
    report.summary = Summary { images: 2, completed: 0, failed: 2, duplicates: 0 };
    bench.issue(1, &String::from_utf8(report.to_json().unwrap()).unwrap()).await;
    let delivered = bench.delivered("pacs", 1).await;
    assert_eq!((delivered.objects.len(), delivered.receipt.split(':').next()), (0, Some("nothing to send")));
    copy.stop().await;
}

#[tokio::test]
async fn a_receiver_that_fails_half_through_gets_the_rest() {
    let scp = Scp::start(&[0x0000, 0xa700, 0x0000], "").await;
    let shipment = shipment(&[
        ("dicom-sr", "sr.dcm", file(SR, EXPLICIT, 1)),
        ("dicom-sc", "sc.dcm", file(SC, EXPLICIT, 2)),
    ]);
    let transport = peer(scp.port, "PACS");
    let error = transport.send(&shipment).await.unwrap_err();
    assert!(matches!(&error, SendError::Failed { what, .. } if what.contains("busy")), "{error}");
    assert_eq!(transport.send(&shipment).await.unwrap(), "C-STORE 0x0000, C-STORE 0x0000");
    assert_eq!(scp.got(), ["SR 0x0000", "SC 0xa700", "SC 0x0000"]);

    // After a restart nothing is known of the first half: the receiver has it.
    let scp = Scp::start(&[0x0111, 0x0000], "").await;
    let receipt = peer(scp.port, "PACS").send(&shipment).await.unwrap();
    assert_eq!(receipt, "C-STORE 0x0111: it was there before, C-STORE 0x0000");
}

/// Against receivers that others wrote, DCMTK's storescp and Orthanc: `make interop`.
mod foreign {
    use hilum_archives::{Orthanc, Storescp};

    use super::*;

    /// Every element with its value, also those within sequences: how they are written is not told.
    fn told(object: &InMemDicomObject) -> Vec<String> {
        use dicom_core::header::Header as _;

        let elements = object.iter().flat_map(|element| match element.items() {
            Some(items) => {
                items.iter().flat_map(told).map(|told| format!("{} {told}", element.tag())).collect()
            }
            None => {
                let value = element.to_str().unwrap();
                vec![format!("{} {} {}", element.tag(), element.vr(), value.trim_end_matches(['\0', ' ']))]
            }
        });
        elements.collect()
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
        let folder = TestFolder::new().unwrap();
        let Some(storescp) = Storescp::start(options, folder.path()).await.unwrap() else { return };
        let shipment = shipment(&[
            ("dicom-sr", "sr.dcm", file(SR, EXPLICIT, 1)),
            ("dicom-sc", "sc.dcm", file(SC, IMPLICIT, 2)),
            ("dicom-pdf", "pdf.dcm", file(PDF, EXPLICIT, 3)),
        ]);
        let transport = peer(storescp.port(), "ANY");
        let receipt = "C-STORE 0x0000, C-STORE 0x0000, C-STORE 0x0000";
        assert_eq!(transport.send(&shipment).await.unwrap(), receipt);
        assert_eq!(transport.send(&shipment).await.unwrap(), receipt, "a repeat is harmless");

        let kept = std::fs::read_dir(folder.path().join("kept")).unwrap();
        let kept: Vec<_> = kept.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
        let dataset = |bytes: &[u8]| {
            let object = dicom_object::from_reader(bytes).unwrap();
            (object.meta().media_storage_sop_class_uid.clone(), told(&object))
        };
        let mut stored: Vec<_> = kept.iter().map(|bytes| dataset(bytes)).collect();
        let mut sent: Vec<_> = shipment.objects.iter().map(|object| dataset(&object.bytes)).collect();
        stored.sort();
        sent.sort();
        assert_eq!(stored, sent);
    }

    #[tokio::test]
    async fn a_receiver_that_refuses_says_so() {
        let folder = TestFolder::new().unwrap();
        let Some(storescp) = Storescp::start(&["--refuse"], folder.path()).await.unwrap() else { return };
        let shipment = shipment(&[("dicom-sr", "sr.dcm", file(SR, EXPLICIT, 1))]);
        let error = peer(storescp.port(), "ANY").send(&shipment).await.unwrap_err();
        assert!(error.to_string().contains("association rejected"), "{error}");
    }

    #[tokio::test]
    async fn orthanc_stores_what_is_sent_and_a_repeat_changes_nothing() {
        let folder = TestFolder::new().unwrap();
        let Some(orthanc) = Orthanc::start(folder.path()).await.unwrap() else { return };
        let shipment = shipment(&[
            ("dicom-sr", "sr.dcm", file(SR, EXPLICIT, 1)),
            ("dicom-sc", "sc.dcm", file(SC, EXPLICIT, 2)),
        ]);
        let error = peer(orthanc.dicom_port(), "OTHER").send(&shipment).await.unwrap_err();
        assert!(error.to_string().contains("called_ae"), "{error}");
        for _ in 0..2 {
            let receipt = peer(orthanc.dicom_port(), "ORTHANC").send(&shipment).await.unwrap();
            assert_eq!(receipt, "C-STORE 0x0000, C-STORE 0x0000");
        }
        assert_eq!(instances(&orthanc).await.len(), 2);
    }

    #[tokio::test]
    async fn orthanc_stores_what_is_sent_over_the_web() {
        let folder = TestFolder::new().unwrap();
        let Some(orthanc) = Orthanc::start(folder.path()).await.unwrap() else { return };
        let url = format!("{}/dicom-web", orthanc.url()).parse().unwrap();
        let transport = Transport::to(&target(stow(url, None))).unwrap();
        let shipment = shipment(&[
            ("dicom-sr", "sr.dcm", file(SR, EXPLICIT, 1)),
            ("dicom-pdf", "pdf.dcm", file(PDF, EXPLICIT, 2)),
        ]);
        for _ in 0..2 {
            assert_eq!(transport.send(&shipment).await.unwrap(), "STOW-RS 200, STOW-RS 200");
        }
        assert_eq!(instances(&orthanc).await.len(), 2);
        let broken = crate::protocols::shipment(&[("dicom-sr", "sr.dcm", Bytes::from_static(b"no DICOM"))]);
        let error = transport.send(&broken).await.unwrap_err();
        assert!(matches!(&error, SendError::Refused { .. }), "{error:?}");
    }

    async fn instances(orthanc: &Orthanc) -> Vec<String> {
        hilum_runtime::http_client()
            .build()
            .unwrap()
            .get(format!("{}/instances", orthanc.url()))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }
}
