//! Senders that others wrote: dicomweb-client, which highdicom sends with too. `make interop` fetches it.

use std::env;
use std::path::Path;

use tokio::process::Command;

use crate::bench::{Bench, CHEST, SMALL};

/// Sends all files in one request and prints what is told.
const PYTHON: &str = r#"
import sys
from dicomweb_client.api import DICOMwebClient
from pydicom import dcmread
url, files = sys.argv[1], sys.argv[2:]
client = DICOMwebClient(url=url)
told = client.store_instances([dcmread(file) for file in files])
print(len(told.get("ReferencedSOPSequence", [])), len(told.get("FailedSOPSequence", [])))
"#;

#[tokio::test]
async fn dicomweb_client_has_its_objects_stored() {
    let Some(packages) = env::var_os("HILUM_TEST_PYTHONPATH") else {
        eprintln!("skipped: HILUM_TEST_PYTHONPATH is not set; `make interop` sets it");
        return;
    };
    let bench = Bench::start(&[]).await;
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    let files = [CHEST, SMALL, "images/rtplan.dcm"].map(|name| data.join(name));
    let mut python = Command::new("python3");
    let url = format!("http://127.0.0.1:{}/dicom-web", bench.port);
    python.env("PYTHONPATH", packages).env("NO_PROXY", "127.0.0.1").args(["-c", PYTHON, &url]).args(&files);
    let ended = python.output().await.unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    assert!(said.starts_with("2 1\n"), "{said}");
    assert_eq!(bench.stored().await.len(), 2);
}
