//! Senders that others wrote: DCMTK and pynetdicom. `make interop` fetches them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::process::Command;

use crate::bench::Bench;
use crate::sender::Object;

const CHEST: &str = "images/chest_mhh_19073f37.dcm";

/// Sends all files with pynetdicom and prints the status of each, then asks for an echo.
const PYTHON: &str = r#"
import sys
from pydicom import dcmread
from pynetdicom import AE
from pynetdicom.sop_class import Verification
port, files = int(sys.argv[1]), sys.argv[2:]
entity = AE(ae_title="PYTHON")
entity.add_requested_context(Verification)
objects = [dcmread(file) for file in files]
for syntax in {(o.SOPClassUID, o.file_meta.TransferSyntaxUID) for o in objects}:
    entity.add_requested_context(*syntax)
association = entity.associate("127.0.0.1", port, ae_title="HILUM")
assert association.is_established, "no association"
for o in objects:
    print(f"{association.send_c_store(o).Status:04x}")
print(f"{association.send_c_echo().Status:04x}")
association.release()
"#;

/// Sends a file with pynetdicom, asks for its commitment, and prints what it is told: on the same association, or by a listener.
const COMMITMENT: &str = r#"
import sys, threading
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, evt, build_role
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance
port, back, file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
told = threading.Event()
def report(event):
    result = event.event_information
    print(event.event_type, result.TransactionUID,
          len(result.get("ReferencedSOPSequence", [])), len(result.get("FailedSOPSequence", [])), flush=True)
    told.set()
    return 0x0000, None
handlers = [(evt.EVT_N_EVENT_REPORT, report)]
entity = AE(ae_title="PYTHON")
if back:
    entity.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
    entity.start_server(("127.0.0.1", back), block=False, evt_handlers=handlers)
o = dcmread(file)
entity.add_requested_context(o.SOPClassUID, o.file_meta.TransferSyntaxUID)
entity.add_requested_context(StorageCommitmentPushModel)
association = entity.associate("127.0.0.1", port, ae_title="HILUM", evt_handlers=[] if back else handlers)
assert association.is_established, "no association"
print(f"{association.send_c_store(o).Status:04x}")
asked = Dataset()
asked.TransactionUID = "2.25.99"
asked.ReferencedSOPSequence = [Dataset(), Dataset()]
for item, instance in zip(asked.ReferencedSOPSequence, [o.SOPInstanceUID, "1.2.3"]):
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = o.SOPClassUID, instance
status, _ = association.send_n_action(asked, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance)
print(f"{status.Status:04x}")
if back:
    association.release()
assert told.wait(60), "not told"
if not back:
    association.release()
"#;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data").join(name)
}

fn dcmtk(program: &str) -> Option<Command> {
    let Some(folder) = env::var_os("HILUM_DCMTK_BIN") else {
        eprintln!("skipped: HILUM_DCMTK_BIN is not set; `make interop` sets it");
        return None;
    };
    let mut command = Command::new(Path::new(&folder).join(program));
    command.stdin(Stdio::null());
    Some(command)
}

fn said(ended: &Output) -> String {
    String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr)
}

#[tokio::test]
async fn dcmtk_is_answered_its_echo() {
    let Some(mut echoscu) = dcmtk("echoscu") else { return };
    let bench = Bench::start().await;
    echoscu.args(["-v", "-aec", "HILUM", "127.0.0.1", &bench.port.to_string()]);
    let ended = echoscu.output().await.unwrap();
    assert!(
        ended.status.success() && said(&ended).contains("Received Echo Response (Success)"),
        "{}",
        said(&ended)
    );
    let mut echoscu = dcmtk("echoscu").unwrap();
    echoscu.args(["-v", "-aec", "OTHER", "127.0.0.1", &bench.port.to_string()]);
    let ended = echoscu.output().await.unwrap();
    assert!(
        !ended.status.success() && said(&ended).contains("Called AE Title Not Recognized"),
        "{}",
        said(&ended)
    );
}

#[tokio::test]
async fn dcmtk_has_its_objects_stored_and_is_told_what_is_none() {
    let Some(mut storescu) = dcmtk("storescu") else { return };
    let bench = Bench::start().await;
    let port = bench.port.to_string();
    let names = [CHEST, "images/CT_small.dcm", "images/MR_small_implicit.dcm"];
    storescu.args(["-v", "-aec", "HILUM", "127.0.0.1", &port]).args(names.map(data));
    let ended = storescu.output().await.unwrap();
    assert!(ended.status.success(), "{}", said(&ended));
    assert_eq!(said(&ended).matches("Received Store Response (Success)").count(), 3, "{}", said(&ended));
    let stored = bench.stored().await;
    assert_eq!(stored.len(), 3);
    for (name, (_, image)) in names.iter().zip(&stored) {
        let (sent, kept) =
            (Object::of(&std::fs::read(data(name)).unwrap()), Object::of(&bench.object(image)));
        assert_eq!(kept.sop_instance, sent.sop_instance, "{name}");
        // DCMTK writes lengths of its own; what is in the object is the same.
        assert!(kept.data_set.len().abs_diff(sent.data_set.len()) < 2000, "{name}");
    }
    // Compressed ones are stored as they are.
    let mut storescu = dcmtk("storescu").unwrap();
    storescu
        .args(["-v", "-xt", "-aec", "HILUM", "127.0.0.1", &port])
        .arg(data("images/chest_mhh_5f619d7e_jpegls.dcm"));
    let ended = storescu.output().await.unwrap();
    assert!(ended.status.success(), "{}", said(&ended));
    let (_, image) = bench.stored().await.pop().unwrap();
    assert_eq!(Object::of(&bench.object(&image)).transfer_syntax, "1.2.840.10008.1.2.4.80");
}

#[tokio::test]
async fn pynetdicom_has_its_objects_stored() {
    let Some(packages) = env::var_os("HILUM_TEST_PYTHONPATH") else {
        eprintln!("skipped: HILUM_TEST_PYTHONPATH is not set; `make interop` sets it");
        return;
    };
    let bench = Bench::start().await;
    let files =
        [CHEST, "images/chest_mhh_5f619d7e_jpegls.dcm", "images/693_J2KI.dcm", "images/rtplan.dcm"].map(data);
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", packages).args(["-c", PYTHON, &bench.port.to_string()]).args(&files);
    let ended = python.output().await.unwrap();
    assert!(ended.status.success(), "{}", said(&ended));
    let statuses = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(statuses.split_whitespace().collect::<Vec<_>>(), ["0000"; 5], "{}", said(&ended));
    assert_eq!(bench.stored().await.len(), 3);
}

#[tokio::test]
async fn pynetdicom_is_told_what_is_held_on_its_association_and_where_it_listens() {
    let Some(packages) = env::var_os("HILUM_TEST_PYTHONPATH") else {
        eprintln!("skipped: HILUM_TEST_PYTHONPATH is not set; `make interop` sets it");
        return;
    };
    let back = hilum_servers::free_port().unwrap();
    let titles =
        format!("[ae.HILUM]\n[[ae.HILUM.caller]]\ntitle = 'PYTHON'\ncommit_to = '127.0.0.1:{back}'\n");
    for (titles, back) in [("", 0), (titles.as_str(), back)] {
        let bench = Bench::start_with(titles, &[]).await;
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", &packages);
        python.args(["-c", COMMITMENT, &bench.port.to_string(), &back.to_string()]).arg(data(CHEST));
        let ended = python.output().await.unwrap();
        assert!(ended.status.success(), "{}", said(&ended));
        let printed = String::from_utf8_lossy(&ended.stdout).into_owned();
        // What is told may overtake the answer in the hands of pynetdicom.
        let mut lines: Vec<&str> = printed.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["0000", "0000", "2 2.25.99 1 1"], "{}", said(&ended));
        bench.metric_reaches("hilum_dicom_commitment_results_total{outcome=\"told\"}", 1.0).await;
    }
}
