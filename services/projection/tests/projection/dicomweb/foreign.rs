//! Viewers and readers that others wrote: dicomweb-client and pydicom. `make interop` fetches them.

use std::env;
use std::ffi::OsString;

use hilum_projection::dicomweb::access::Access;
use tokio::process::Command;

use super::bench::{Bench, OBJECT, Object, address, data, dicom_files};

/// What `python3` says to a script with these arguments; `None` where its packages are not there.
async fn python(script: &str, arguments: &[OsString]) -> Option<String> {
    let Some(packages) = env::var_os("HILUM_TEST_PYTHONPATH") else {
        eprintln!("skipped: HILUM_TEST_PYTHONPATH is not set; `make interop` sets it");
        return None;
    };
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", packages).env("NO_PROXY", "127.0.0.1").args(["-c", script]).args(arguments);
    let ended = python.output().await.unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(ended.status.success(), "{said}{}", String::from_utf8_lossy(&ended.stderr));
    Some(said)
}

/// Searches, retrieves, and looks at what comes.
const CLIENT: &str = r#"
import io, sys
from PIL import Image
from dicomweb_client.api import DICOMwebClient
from pydicom import dcmread, Dataset
client = DICOMwebClient(url=sys.argv[1])
study, series, instance = sys.argv[2:5]
found = client.search_for_studies(get_remaining=True, limit=1)
print("studies", sorted(one["0020000D"]["Value"][0] for one in found))
print("by patient", [Dataset.from_json(one).StudyInstanceUID for one in client.search_for_studies(search_filters={"PatientID": "CANARY4711"})])
print("nobody", client.search_for_studies(search_filters={"PatientID": "NOBODY"}))
print("series", len(client.search_for_series(study)), "instances", len(client.search_for_instances(study, series)))
print("study", sorted(one.SOPInstanceUID for one in client.retrieve_study(study)))
print("streamed", sum(1 for one in client.iter_series(study, series)))
one = client.retrieve_instance(study, series, instance)
print("instance", one.SOPInstanceUID, one.pixel_array.sum())
told = client.retrieve_instance_metadata(study, series, instance)
print("metadata", Dataset.from_json(told).PatientName, len(client.retrieve_study_metadata(study)))
any_syntax = (("application/octet-stream", "*"),)
for wanted in (None, any_syntax):
    [frame] = client.retrieve_instance_frames(study, series, instance, [1], media_types=wanted)
    print("frame", frame == one.PixelData)
for wanted in (None, ("image/png",), ("image/jpeg",)):
    rendered = Image.open(io.BytesIO(client.retrieve_instance_rendered(study, series, instance, media_types=wanted)))
    print("rendered", rendered.format, rendered.size)
"#;

#[tokio::test]
async fn dicomweb_client_finds_and_retrieves_what_is_held() {
    let mut bench = Bench::start(Access::Full).await;
    let second = Object { instance: "1.1.1.2", grey: 8, ..OBJECT };
    let other = Object { study: "1.2", series: "1.2.1", instance: "1.2.1.1", patient_id: "R1", ..OBJECT };
    bench.hold(&[OBJECT, second, other]).await;
    let url = format!("{}/dicom-web", bench.copy.base);
    let arguments = [url.as_str(), "1.1", "1.1.1", "1.1.1.1"].map(OsString::from);
    let Some(said) = python(CLIENT, &arguments).await else { return };
    let expected = "studies ['1.1', '1.2']
by patient ['1.1']
nobody []
series 1 instances 2
study ['1.1.1.1', '1.1.1.2']
streamed 2
instance 1.1.1.1 224
metadata CANARYNAME^Jane 2
frame True
frame True
rendered JPEG (8, 4)
rendered PNG (8, 4)
rendered JPEG (8, 4)
";
    assert_eq!(said, expected);
}

/// Compares what pydicom makes of files with what was answered; prints what differs.
const COMPARE: &str = r#"
import base64, json, sys, warnings
from pydicom import config, dcmread
warnings.simplefilter("ignore")
config.settings.reading_validation_mode = config.IGNORE

def normal(vr, value):
    if isinstance(value, str):
        text = value.strip(" \0")
        if vr in ("DS", "IS", "FL", "FD"):
            try:
                return float(text)
            except ValueError:
                return text
        return text or None
    if isinstance(value, dict):
        parts = {name: text for name, text in value.items() if text}
        return parts if vr == "PN" else data_set(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return value

def data_set(read):
    found = {}
    for tag, attribute in read.items():
        group, number = int(tag[:4], 16), int(tag[4:], 16)
        if group % 2 or number == 0 or group == 0x7FE0 or tag in ("00080005", "00081190", "00083002"):
            continue
        vr = attribute["vr"]
        if "InlineBinary" in attribute:
            bytes = base64.b64decode(attribute["InlineBinary"] or "")
            if len(bytes) <= 1024:
                found[tag] = (vr, bytes.hex())
            continue
        values = [normal(vr, value) for value in attribute.get("Value", [])]
        found[tag] = (vr, [] if all(value in (None, {}) for value in values) and vr != "SQ" else values)
    return found

compared = 0
for line in open(sys.argv[1]):
    path, told = line.rstrip("\n").split("\t")
    try:
        expected = data_set(dcmread(path, force=True).to_json_dict(bulk_data_threshold=1 << 40, suppress_invalid_tags=True))
    except Exception as error:
        print("pydicom fails:", path, type(error).__name__)
        continue
    told = data_set(json.load(open(told))[0])
    compared += 1
    for tag in sorted(set(expected) | set(told)):
        if expected.get(tag) != told.get(tag):
            print("differs:", path.rsplit("/", 1)[-1], tag, repr(expected.get(tag))[:200], repr(told.get(tag))[:200])
print("compared", compared)
"#;

#[tokio::test]
async fn metadata_is_what_pydicom_reads_in_the_same_files() {
    let mut bench = Bench::start(Access::Full).await;
    let mut files: Vec<_> = ["images", "encodings", "windows", "field"]
        .iter()
        .flat_map(|folder| dicom_files(&data().join(folder)))
        .collect();
    let large = data().join("../../../shared/data");
    if large.exists() {
        files.extend(["b_dicom", "d_studies"].iter().flat_map(|name| dicom_files(&large.join(name))));
    }
    let (mut list, mut taken) = (String::new(), 0);
    for path in files {
        let Some(job) = bench.take(std::fs::read(&path).unwrap().into(), "").await else { continue };
        let instance = bench.json("/instances?limit=1").await.remove(0);
        let told = bench.json(&format!("{}/metadata", address(&instance))).await;
        let place = bench.world.folder().join(format!("{job}.json"));
        std::fs::write(&place, serde_json::to_vec(&told).unwrap()).unwrap();
        list += &format!("{}\t{}\n", path.display(), place.display());
        taken += 1;
        bench.take_out(job).await;
    }
    let place = bench.world.folder().join("list");
    std::fs::write(&place, list).unwrap();
    let Some(said) = python(COMPARE, &[place.into()]).await else { return };
    // Its representations are dashes, behind which pydicom reads nothing.
    let others: Vec<_> =
        said.lines().filter(|line| !line.starts_with("differs: d05a_vr_dashes.dcm")).collect();
    assert_eq!(others, [format!("compared {taken}")]);
    assert!(taken > 60, "{taken}");
}
