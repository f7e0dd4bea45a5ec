//! A sender that others wrote, boto3, and a store that others wrote, SeaweedFS; `make interop` fetches both. What each vendor says
//! of an object is made of what boto3 says of it.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

use hilum_blobs::ForeignObject;
use hilum_events::{Priority, Sha256Digest};
use hilum_servers::{Process, free_port, http_status};
use hilum_watch::job_of;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tokio::process::Command;

use crate::bench::{Bench, LIMIT, SELDOM, aws, data, event_bridge, minio};
use crate::s3::BUCKET;

const FILES: [&str; 2] = ["encodings/grey8_explicit.dcm", "encodings/grey8_jpeg_baseline.dcm"];
const WATCH: &str = "[[watch]]\nname = \"north\"\nurl = \"s3://drop\"\nprefix = \"in/\"\nsite = \"north\"\n\
     suffixes = [\".dcm\", \".png\"]\nmetadata = true\n";

/// Puts objects in all ways that boto3 has, and prints what the store says of each.
const PYTHON: &str = r#"
import json, os, random, sys, tempfile
from concurrent.futures import ThreadPoolExecutor
import boto3
from boto3.s3.transfer import TransferConfig
from PIL import Image

first, second, small_keys = open(sys.argv[1], "rb").read(), open(sys.argv[2], "rb").read(), int(sys.argv[3])
s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
in_pieces = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
large = os.path.join(tempfile.mkdtemp(dir=sys.argv[4]), "large.png")
Image.frombytes("L", (2500, 2400), random.Random(7).randbytes(2500 * 2400)).save(large)

def say(name, key, **version):
    told = s3.head_object(Bucket="drop", Key=key, **version)
    print(json.dumps({"name": name, "key": key, "e_tag": told["ETag"].strip('"'), "size_bytes": told["ContentLength"],
                      "second": int(told["LastModified"].timestamp()), "version": told.get("VersionId")}))

if not any(bucket["Name"] == "drop" for bucket in s3.list_buckets()["Buckets"]):
    s3.create_bucket(Bucket="drop")
with ThreadPoolExecutor(4) as several:
    list(several.map(lambda number: s3.put_object(Bucket="drop", Key=f"in/b-{number:05}.txt", Body=b"x"), range(small_keys)))
keys = {"put": "in/Müller Anna/1.dcm", "uploaded": "in/50% + 7/ä?#&=.png", "copied": "in/a+b c~(1)*'.dcm",
        "copied in pieces": "in/z copy.png", "twice": "in/twice.dcm", "gone": "in/gone.dcm"}
s3.put_object(Bucket="drop", Key=keys["put"], Body=first, Metadata={"hilum-priority": "stat"})
s3.upload_file(large, "drop", keys["uploaded"], Config=in_pieces)
s3.copy_object(Bucket="drop", Key=keys["copied"], CopySource={"Bucket": "drop", "Key": keys["put"]})
s3.copy({"Bucket": "drop", "Key": keys["uploaded"]}, "drop", keys["copied in pieces"], Config=in_pieces)
s3.put_object(Bucket="drop", Key=keys["twice"], Body=first)
say("before", keys["twice"])
s3.put_object(Bucket="drop", Key=keys["twice"], Body=second)
s3.put_object(Bucket="drop", Key=keys["gone"], Body=second)
for name, key in keys.items():
    say(name, key)
s3.delete_object(Bucket="drop", Key=keys["gone"])
if small_keys:
    s3.put_bucket_versioning(Bucket="drop", VersioningConfiguration={"Status": "Enabled"})
    for name, body in (("old version", first), ("new version", second)):
        version = s3.put_object(Bucket="drop", Key="in/versions.dcm", Body=body)["VersionId"]
        say(name, "in/versions.dcm", VersionId=version)
"#;

/// What boto3 says of an object.
#[derive(Deserialize)]
struct Told {
    name: String,
    key: String,
    e_tag: String,
    size_bytes: u64,
    second: i64,
    version: Option<String>,
}

impl Told {
    fn object(&self) -> ForeignObject {
        ForeignObject {
            key: self.key.clone(),
            size_bytes: self.size_bytes,
            e_tag: Some(self.e_tag.clone()),
            modified_at: Timestamp::from_second(self.second).unwrap(),
        }
    }
}

/// What boto3 says of the objects that it put, by their names; `None` where there is no boto3.
async fn put_by_boto3(bench: &Bench, endpoint: &str, small_keys: usize) -> Option<BTreeMap<String, Told>> {
    let Some(packages) = env::var_os("HILUM_TEST_PYTHONPATH") else {
        eprintln!("skipped: HILUM_TEST_PYTHONPATH is not set; `make interop` sets it");
        return None;
    };
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    let mut python = Command::new("python3");
    python.envs(bench.s3.settings()).env("AWS_ENDPOINT_URL", endpoint).env("AWS_DEFAULT_REGION", "us-east-1");
    python.env("PYTHONPATH", packages).env("NO_PROXY", "127.0.0.1").arg("-c").arg(PYTHON);
    python.args(FILES.map(|name| root.join(name))).arg(small_keys.to_string()).arg(bench.folder.path());
    let ended = python.output().await.unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let lines = String::from_utf8(ended.stdout).unwrap();
    let told = lines.lines().map(|line| serde_json::from_str::<Told>(line).unwrap());
    Some(told.map(|told| (told.name.clone(), told)).collect())
}

async fn post(bench: &Bench, body: Value) {
    let answer = bench.post(body.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
}

/// What AWS says of an object that came in this way.
fn aws_by(way: &str, object: &ForeignObject) -> Value {
    let mut body = aws(object);
    body["Records"][0]["eventName"] = format!("ObjectCreated:{way}").into();
    body
}

/// Sees that these objects, and no others, are a job each.
async fn see_jobs(bench: &Bench, told: &BTreeMap<String, Told>, names: &[&str]) {
    let stored = bench.wait_for(names.len()).await;
    for name in names {
        let job_id = job_of(BUCKET, &told[*name].object()).unwrap();
        let (_, image) = stored.iter().find(|(_, image)| image.job_id == job_id).expect(name);
        let file = match *name {
            "put" | "copied" | "old version" => FILES[0],
            "twice" | "new version" => FILES[1],
            _ => continue,
        };
        assert_eq!(image.image.blob.sha256, Sha256Digest::of(&data(file)), "{name}");
        let said_so = ["put", "copied"].contains(name);
        assert_eq!(image.priority, if said_so { Priority::Stat } else { Priority::Routine }, "{name}");
    }
}

const ALL: [&str; 5] = ["put", "uploaded", "copied", "copied in pieces", "twice"];

#[tokio::test]
async fn what_boto3_puts_uploads_in_pieces_and_copies_is_taken_as_each_vendor_tells_of_it() {
    let bench = Bench::start(WATCH, &[SELDOM]).await;
    let endpoint = bench.s3.settings().pop().unwrap().1;
    let Some(told) = put_by_boto3(&bench, &endpoint, 0).await else { return };
    assert!(told["uploaded"].e_tag.ends_with("-2"), "{}", told["uploaded"].e_tag);
    post(&bench, aws_by("Put", &told["put"].object())).await;
    post(&bench, aws_by("CompleteMultipartUpload", &told["uploaded"].object())).await;
    post(&bench, minio(&told["copied"].object())).await;
    post(&bench, event_bridge(&told["copied in pieces"].object())).await;
    post(&bench, minio(&told["before"].object())).await;
    post(&bench, aws_by("Put", &told["gone"].object())).await;
    see_jobs(&bench, &told, &ALL).await;
}

#[tokio::test]
async fn seaweedfs_is_listed_by_the_page_and_its_objects_and_versions_are_fetched() {
    let Some(program) = env::var_os("HILUM_SEAWEEDFS") else {
        eprintln!("skipped: HILUM_SEAWEEDFS is not set; `make interop` sets it");
        return;
    };
    let mut bench = Bench::new("").await;
    let (seaweed, endpoint) = start_seaweed(program.into(), &bench).await;
    let Some(told) = put_by_boto3(&bench, &endpoint, 1100).await else { return };
    let watches = format!("{WATCH}endpoint_url = \"{endpoint}\"\n");
    std::fs::write(bench.folder.path().join("watches.toml"), watches).unwrap();
    bench.run(&[SELDOM]).await;
    let listed = [&ALL[..], &["new version"]].concat();
    see_jobs(&bench, &told, &listed).await;

    // Told late, twice, or of what is not there any more: nothing new, but for the old version, which can still be had.
    for name in ["put", "copied", "before", "gone"] {
        post(&bench, aws_by("Put", &told[name].object())).await;
    }
    let mut of_old = aws_by("Put", &told["old version"].object());
    of_old["Records"][0]["s3"]["object"]["versionId"] = told["old version"].version.clone().into();
    post(&bench, of_old).await;
    see_jobs(&bench, &told, &[&listed[..], &["old version"]].concat()).await;
    drop(seaweed);
}

/// The store, and its address.
async fn start_seaweed(program: PathBuf, bench: &Bench) -> (Process, String) {
    let folder = bench.folder.path().join("seaweed");
    std::fs::create_dir_all(&folder).unwrap();
    let settings: BTreeMap<_, _> = bench.s3.settings().into_iter().collect();
    let identities = serde_json::json!({"identities": [{
        "name": "test", "actions": ["Admin", "Read", "Write", "List"],
        "credentials": [{"accessKey": settings["AWS_ACCESS_KEY_ID"], "secretKey": settings["AWS_SECRET_ACCESS_KEY"]}]
    }]});
    std::fs::write(folder.join("s3.json"), identities.to_string()).unwrap();
    let port = free_port().unwrap();
    let mut command = Command::new(program);
    command.current_dir(&folder).args(["server", "-s3", "-ip=127.0.0.1", "-dir=.", "-s3.config=s3.json"]);
    // It tells nobody that it runs.
    command.args(["-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=20"]);
    command.args(["-s3.port.iceberg=0", "-s3.port.lance=0"]).arg(format!("-s3.port={port}"));
    for name in ["s3.port.grpc", "master.port", "master.port.grpc", "volume.port", "volume.port.grpc"] {
        command.arg(format!("-{name}={}", free_port().unwrap()));
    }
    for name in ["filer.port", "filer.port.grpc"] {
        command.arg(format!("-{name}={}", free_port().unwrap()));
    }
    let mut process = Process::start("seaweedfs", command, &bench.folder.path().join("seaweed.log")).unwrap();
    // It is there once it knows who may ask, and has a place to write to.
    let answers = || async move { http_status(port, "/status").await == Some(200) };
    process.wait_ready(LIMIT, answers).await.unwrap();
    (process, format!("http://127.0.0.1:{port}"))
}
