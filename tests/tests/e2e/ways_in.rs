//! Images come by C-STORE, by HTTP and from a watched folder into the stack that `hilum up` runs, and all are reported, those of the
//! folder beside themselves too.

use std::fs;
use std::path::Path;

use hilum_events::{Event, ImageStored, Way};
use hilum_log::Log;
use hilum_servers::wait_until;
use hilum_stack::{StackState, StateFolder};
use hilum_tests::{LIMIT, program, sample, until_some};
use serde_json::Value;

use super::command_line::Operator;

/// Speaks DICOM as the tests of that door do.
#[path = "../../../services/dicom/tests/dicom/sender.rs"]
#[allow(dead_code, reason = "those tests say more than this one")]
mod sender;

use sender::{Object, Sender};

/// A stack with all doors, which lists the folder `drop` each second; what it told when it was ready.
async fn up(operator: &Operator) -> Value {
    let folder = operator.folder.path();
    fs::create_dir(folder.join("drop")).unwrap();
    let place = folder.join("drop").display().to_string();
    let watches = format!(
        "[[watch]]\nname = 'drop'\nurl = 'file://{place}'\nsite = 'drop'\nsuffixes = ['.png', '.dcm']\nresults = ''\n"
    );
    fs::write(folder.join("watches.toml"), watches).unwrap();
    fs::write(folder.join("token"), "a-token-of-some-length").unwrap();
    let up = ["up", "--detach", "--all-parts", "--quiet-time-s", "0.5", "--dicom-port", "0"];
    let more =
        ["--dicomweb", "--dicomweb-read", "full", "--watches", "watches.toml", "--watch-token-file", "token"];
    let lines = operator.json(&[&up[..], &more].concat()).await;
    lines.into_iter().find(|line| line["event"] == "ready").unwrap()
}

/// What was taken in, in the order of the log.
async fn stored(log: &Log) -> Vec<ImageStored> {
    let all = log.all_under(&["evt.image-stored.>"]).await.unwrap();
    let image = |event: Event| match event {
        Event::ImageStored(image) => image,
        other => panic!("{other:?}"),
    };
    all.into_iter().map(|recorded| image(recorded.content.unwrap().event)).collect()
}

/// The report of a study, once it is issued.
async fn report(operator: &Operator, study: &str, site: &str) -> Value {
    let asked = ["report", study, "--site", site, "--format", "json", "-o", "report.json"];
    operator.json(&asked).await;
    serde_json::from_slice(&fs::read(operator.folder.path().join("report.json")).unwrap()).unwrap()
}

#[tokio::test]
async fn a_study_sent_by_dicom_and_a_file_put_into_a_watched_folder_are_reported() {
    let operator = Operator::of(program("hilum"), vec![("HILUM_WATCH_LIST_EVERY_S", "1".into())]);
    let ready = up(&operator).await;
    let state = StackState::read(&StateFolder::at(&operator.state()).unwrap()).unwrap().unwrap();
    let log = Log::connect(&state.nats_url(), "test").await.unwrap();

    let object = Object::of(&fs::read(sample("chest_mhh_19073f37.dcm")).unwrap());
    let port = u16::try_from(ready["dicom_port"].as_u64().unwrap()).unwrap();
    let mut sender = Sender::associated(port, std::slice::from_ref(&object)).await;
    assert_eq!(sender.store(&object).await.status, 0);
    sender.release().await;
    let sent = stored(&log).await.pop().unwrap();
    let source = sent.source.unwrap();
    assert_eq!((source.way, source.peer.as_deref()), (Way::Dicom, Some("127.0.0.1")));
    let study = sent.image.dicom.unwrap().study_instance_uid;
    let told = report(&operator, &study, "default").await;
    assert_eq!(told["images"][0]["job_id"], sent.job_id.to_string(), "{told}");

    // The same file by HTTP and through the folder is one content with one reading.
    let picture = sample("mhh_1479fa94.png");
    let dropped = operator.folder.path().join("drop").join("Doe Jane+1.png");
    put(&picture, &dropped);
    let all_there = async || stored(&log).await.len() == 2;
    assert!(wait_until(LIMIT, all_there).await, "the list finds what nobody notified");
    let from_folder = stored(&log).await.pop().unwrap();
    let source = from_folder.source.unwrap();
    assert_eq!((source.way, source.sender.as_deref()), (Way::S3, Some("drop")));
    let study = from_folder.study_id.to_string();
    let told = report(&operator, &study, "drop").await;
    assert_eq!(told["images"][0]["job_id"], from_folder.job_id.to_string(), "{told}");
    let result = result_beside(&dropped).await;
    assert_eq!((&result["job_id"], &result["status"]), (&told["images"][0]["job_id"], &"completed".into()));
    assert_eq!(result["image"]["reading"], told["images"][0]["reading"]);
    let by_http = operator.json(&["submit", picture.to_str().unwrap(), "--wait"]).await;
    assert_eq!(by_http[0]["status"], "COMPLETED", "{}", by_http[0]);
    let stored = stored(&log).await;
    assert_eq!(stored.len(), 3, "a list that comes again finds nothing new");
    assert_eq!(stored[2].image.blob, from_folder.image.blob);
    assert_eq!(stored[2].source.as_ref().map(|source| source.way), Some(Way::Http));
    let readings = log.all_under(&["evt.inference-completed.>"]).await.unwrap();
    assert_eq!(readings.len(), 2, "one of each content");

    one_object_by_all_ways(&operator, &ready, &log).await;

    operator.json(&["doctor"]).await;
    notifications_need_the_token(ready["notifications_url"].as_str().unwrap()).await;
    let logs: String = fs::read_dir(operator.state().join("logs"))
        .unwrap()
        .map(|file| String::from_utf8_lossy(&fs::read(file.unwrap().path()).unwrap()).into_owned())
        .collect();
    assert!(!logs.contains("Doe Jane") && !logs.contains("Doe%20Jane"), "a key is in a log");
    operator.json(&["down"]).await;
}

/// The object that came by C-STORE, by each other way: four jobs, and not one forward pass more.
async fn one_object_by_all_ways(operator: &Operator, ready: &Value, log: &Log) {
    let before = stored(log).await.len();
    let passes = forward_passes(operator).await;
    let file = sample("chest_mhh_19073f37.dcm");
    let http = hilum_runtime::http_client().no_proxy().build().unwrap();
    let sent = http.post(ready["dicomweb_url"].as_str().unwrap()).header("content-type", "application/dicom");
    let answer = sent.body(fs::read(&file).unwrap()).send().await.unwrap();
    let (status, told) = (answer.status(), answer.text().await.unwrap());
    assert!(status == 200 && told.contains("00081199"), "{status} {told}");
    is_found_and_retrieved(&http, ready["dicomweb_url"].as_str().unwrap(), &fs::read(&file).unwrap()).await;
    operator.json(&["submit", file.to_str().unwrap(), "--site", "north", "--wait"]).await;
    put(&file, &operator.folder.path().join("drop").join("2.dcm"));
    let all_there = async || stored(log).await.len() == before + 3;
    assert!(wait_until(LIMIT, all_there).await);
    let all = stored(log).await;
    let ways: Vec<Way> = all[before..].iter().map(|image| image.source.as_ref().unwrap().way).collect();
    assert_eq!(ways, [Way::Dicomweb, Way::Http, Way::S3]);
    // As a file it is one content, whichever way it came.
    let contents: Vec<_> = all[before..].iter().map(|image| image.image.blob.sha256).collect();
    assert!(contents.iter().all(|content| *content == contents[0]), "{contents:?}");
    for image in &all[before..] {
        let job = operator.json(&["job", &image.job_id.to_string(), "--wait", "60s"]).await;
        assert_eq!(job[0]["job"]["status"], "COMPLETED", "{}", job[0]);
    }
    assert_eq!(forward_passes(operator).await, passes, "one picture is computed once");
    // By C-STORE and by STOW-RS it came to one study: two files, and one instance.
    let study = all[before].image.dicom.as_ref().unwrap().study_instance_uid.clone();
    let told = until_some("a report with both", async || {
        let told = report(operator, &study, "default").await;
        (told["images"].as_array().unwrap().len() == 2).then_some(told)
    });
    let told = told.await;
    assert_ne!(told["images"][0]["sha256"], told["images"][1]["sha256"]);
    assert!(told["doubts"].as_array().is_none_or(Vec::is_empty), "{}", told["doubts"]);
}

/// The object that came last, by the same address.
async fn is_found_and_retrieved(http: &reqwest::Client, studies: &str, file: &[u8]) {
    let found = http.get(format!("{studies}?limit=1")).send().await.unwrap();
    let found: Value = serde_json::from_slice(&found.bytes().await.unwrap()).unwrap();
    let address = found[0]["00081190"]["Value"][0].as_str().unwrap().to_owned();
    assert!(address.starts_with(studies), "{address}");
    // The tables may not have the newest yet.
    let is_retrieved = async || {
        let retrieved = http.get(&address).header("accept", "application/dicom").send().await.unwrap();
        retrieved.bytes().await.unwrap() == file
    };
    assert!(wait_until(LIMIT, is_retrieved).await, "another file is retrieved");
}

/// Pictures that went through the model.
async fn forward_passes(operator: &Operator) -> f64 {
    let state = StackState::read(&StateFolder::at(&operator.state()).unwrap()).unwrap().unwrap();
    let infer = state.parts.iter().find(|part| part.name == "infer").unwrap().port;
    let page = hilum_runtime::http_client().no_proxy().build().unwrap();
    let page =
        page.get(format!("http://127.0.0.1:{infer}/metrics")).send().await.unwrap().text().await.unwrap();
    let count =
        page.lines().find_map(|line| line.strip_prefix("hilum_stage_seconds_count{stage=\"forward\"} "));
    count.map_or(0.0, |count| count.parse().unwrap())
}

/// What is written back, once it is there.
async fn result_beside(upload: &Path) -> Value {
    let result = format!("{}.hilum.json", upload.display());
    let read = async || serde_json::from_slice(&fs::read(&result).ok()?).ok();
    until_some("a result beside the upload", read).await
}

/// Into place as a whole, as a careful sender does it.
fn put(file: &Path, place: &Path) {
    let beside = place.with_file_name("..").join("coming");
    fs::copy(file, &beside).unwrap();
    fs::rename(&beside, place).unwrap();
}

async fn notifications_need_the_token(url: &str) {
    let http = hilum_runtime::http_client().build().unwrap();
    let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#;
    assert_eq!(http.post(url).body(test).send().await.unwrap().status(), 401);
    let known = http.post(url).bearer_auth("a-token-of-some-length").body(test).send().await.unwrap();
    assert_eq!(known.status(), 200);
    assert_eq!(http.head(url).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn files_of_doors_that_cannot_be_used_are_said_before_anything_starts() {
    let operator = Operator::default();
    let folder = operator.folder.path();
    let loops = format!("[[watch]]\nname = 'own'\nurl = 'file://{}'\n", operator.state().display());
    fs::write(folder.join("aes.toml"), "[ae.WARD]\nsight = 'north'\n").unwrap();
    fs::write(folder.join("watches.toml"), loops).unwrap();
    fs::write(folder.join("senders.toml"), "[[sender]]\nname = 'a'\ntoken = 'b'\n").unwrap();
    for (option, file, expected) in [
        ("--dicom-aes", "aes.toml", "line 2"),
        ("--dicomweb-senders", "senders.toml", "line 3"),
        ("--watches", "watches.toml", "own"),
    ] {
        let refused = operator.run(&["up", "--detach", option, file]).await;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(file) && said.contains(expected), "{said}");
        assert!(!operator.state().join("stack.json").exists(), "nothing was started");
    }
}
