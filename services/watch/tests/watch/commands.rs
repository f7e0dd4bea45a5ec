//! The commands of `hilum watch`.

use std::process::Output;

use serde_json::Value;
use tokio::process::Command;

use crate::bench::{Bench, SELDOM, WATCH, data};

const FILE: &str = "encodings/grey8_explicit.dcm";

impl Bench {
    async fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hilum-watches"));
        command.env("HILUM_NATS_URL", format!("nats://127.0.0.1:{}", self.nats_options.port.unwrap()));
        command.env("HILUM_WATCHES", self.folder.path().join("watches.toml"));
        command.env("HILUM_STORE_URL", format!("file://{}", self.folder.path().join("store").display()));
        command.arg("--json").args(arguments).output().await.unwrap()
    }

    /// What a command that succeeds prints.
    async fn objects(&self, arguments: &[&str]) -> Vec<Value> {
        let ended = self.command(arguments).await;
        assert!(ended.status.success(), "{ended:?}");
        objects_of(&ended)
    }
}

fn objects_of(ended: &Output) -> Vec<Value> {
    let printed = String::from_utf8_lossy(&ended.stdout).into_owned();
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn what_was_given_up_is_shown_and_taken_once_its_reason_is_gone() {
    let mut bench = Bench::start(WATCH, &[SELDOM, ("HILUM_MAX_UPLOAD_BYTES", "1000")]).await;
    for name in ["a", "b"] {
        bench.notify(&bench.put(&format!("in/{name}.dcm"), data(FILE)).await).await;
    }
    bench
        .notify(&bench.put("in/letter.dcm", b"no image at all, and longer than a prefix".repeat(9)).await)
        .await;
    bench.parked(3).await;
    let listed = bench.objects(&["parked", "--watch", "north"]).await;
    assert_eq!(listed.len(), 3);
    let of = |key: &str| listed.iter().find(|parked| parked["key"] == key).unwrap()["id"].as_str().unwrap();
    let too_long = listed.iter().find(|parked| parked["key"] == "in/a.dcm").unwrap();
    assert!(too_long["reason"].as_str().unwrap().contains("1000"), "{too_long}");
    assert!(bench.objects(&["parked", "--watch", "south"]).await.is_empty());

    bench.stop().await;
    bench.run(&[SELDOM]).await;
    assert_eq!(bench.objects(&["retry", of("in/a.dcm")]).await[0]["again"], 1);
    bench.wait_for(1).await;
    assert_eq!(bench.objects(&["parked"]).await.len(), 2);
    // What nothing has changed for is given up again, and all that is left is told.
    assert_eq!(bench.objects(&["retry", "--all"]).await[0]["again"], 2);
    bench.wait_for(2).await;
    bench.parked(1).await;
    let left = bench.objects(&["parked"]).await;
    assert_eq!(left[0]["key"], "in/letter.dcm");
    // In vain for one that is there already: it is one job.
    let unknown = bench.command(&["retry", of("in/a.dcm")]).await;
    assert!(!unknown.status.success(), "{unknown:?}");
    assert_eq!(bench.objects(&["forget", of("in/letter.dcm")]).await[0]["forgotten"], 1);
    assert!(bench.objects(&["parked"]).await.is_empty());
    assert_eq!(bench.stored().await.len(), 2);
}

#[tokio::test]
async fn a_watch_is_listed_tried_and_added_and_a_file_with_a_fault_is_left_as_it_was() {
    let bench = Bench::new("").await;
    let file = bench.folder.path().join("watches.toml");
    let add = [
        "add",
        "--name",
        "night",
        "--url",
        "s3://drop",
        "--prefix",
        "in/",
        "--suffix",
        ".dcm",
        "--site",
        "north",
    ];
    let pattern = ["--key-pattern", r"^in/(?<study>[^/]+)/", "--priority", "stat"];
    bench.objects(&[&add[..], &pattern[..]].concat()).await;
    let listed = bench.objects(&["list"]).await;
    assert_eq!((listed.len(), &listed[0]["name"], &listed[0]["site"]), (1, &"night".into(), &"north".into()));

    let taken = bench.objects(&["test", "in/S-1/1.dcm"]).await.remove(0);
    assert_eq!((&taken["watch"], &taken["study"]), (&"night".into(), &"S-1".into()));
    assert_eq!((&taken["site"], &taken["priority"]), (&"north".into(), &"stat".into()));
    for (arguments, why) in [
        (&["test", "in/S-1/1.png"][..], "suffixes"),
        (&["test", "out/1.dcm"], "no watch"),
        (&["test", "in/1.dcm"], "key_pattern"),
        (&["test", "in/S-1/1.dcm", "--bucket", "other"], "no watch"),
    ] {
        let ended = bench.command(arguments).await;
        assert!(!ended.status.success(), "{arguments:?}");
        let said = objects_of(&ended).remove(0);
        assert!(said["reason"].as_str().unwrap().contains(why), "{said}");
    }

    let before = std::fs::read_to_string(&file).unwrap();
    let own = format!("file://{}", bench.folder.path().display());
    for (arguments, words) in [
        (&["add", "--name", "night", "--url", "s3://other"][..], "two watches with the name"),
        (&["add", "--name", "more", "--url", "s3://drop", "--prefix", "in/a"], "overlap"),
        (&["add", "--name", "loop", "--url", &own], "what Hilum itself writes"),
        (&["add", "--name", "Bad Name", "--url", "s3://other"], "name"),
    ] {
        let ended = bench.command(arguments).await;
        let said =
            String::from_utf8_lossy(&ended.stderr).into_owned() + &String::from_utf8_lossy(&ended.stdout);
        assert!(!ended.status.success() && said.contains(words), "{said}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
}
