//! What was never notified is found by lists, which cost a request for each page and next to nothing more.

use std::time::{Duration, SystemTime};

use hilum_servers::wait_until;
use hilum_watch::job_of;
use procfs::process::Process;

use crate::bench::{Bench, LIMIT, OFTEN, WATCH, data};
use crate::s3::BUCKET;

const FILES: [&str; 3] =
    ["encodings/grey8_explicit.dcm", "encodings/grey8_jpeg_baseline.dcm", "encodings/grey8.png"];

async fn wait_for_lists(bench: &Bench, more: usize) {
    let listed = bench.s3.count("list");
    assert!(wait_until(LIMIT, || async { bench.s3.count("list") >= listed + more }).await);
}

#[tokio::test]
async fn what_was_put_before_the_start_or_never_notified_is_found_once() {
    let mut bench = Bench::new(WATCH).await;
    let before = bench.put("in/a 1.dcm", data(FILES[0])).await;
    bench.run(&[OFTEN]).await;
    bench.wait_for(1).await;
    let later = bench.put("in/b+ü.dcm", data(FILES[1])).await;
    bench.put("elsewhere/c.dcm", data(FILES[2])).await;
    bench.put("in/folder/empty.dcm", Vec::new()).await;
    let mut jobs: Vec<_> = bench.wait_for(2).await.into_iter().map(|(_, image)| image.job_id).collect();
    let mut expected = [before, later].map(|object| job_of(BUCKET, &object).unwrap());
    jobs.sort();
    expected.sort();
    assert_eq!(jobs, expected);
    bench.stop().await;
    bench.run(&[OFTEN]).await;
    wait_for_lists(&bench, 2).await;
    bench.wait_for(2).await;
    bench.never_said(&["a 1.dcm", "a%201", "b+"]).await;
}

#[tokio::test]
async fn what_was_looked_up_before_costs_the_list_only() {
    let mut bench = Bench::new(WATCH).await;
    let settings = [OFTEN, ("HILUM_WATCH_OVERLAP_S", "0")];
    for (number, file) in FILES.into_iter().enumerate() {
        let key = format!("in/{number}.dcm");
        bench.put(&key, data(file)).await;
        let path = bench.folder.path().join("s3").join(BUCKET).join(&key);
        let modified = SystemTime::now() - Duration::from_secs(1000 * (4 - number as u64));
        std::fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
    }
    bench.run(&settings).await;
    bench.wait_for(3).await;
    bench.stop().await;
    bench.run(&settings).await;
    let (heads, gets) = (bench.s3.count("head"), bench.s3.count("get"));
    wait_for_lists(&bench, 3).await;
    // This server tells no tag when it lists: the newest object, and only that, is looked at each time.
    assert!(bench.s3.count("head") - heads <= 5, "{} more", bench.s3.count("head") - heads);
    assert_eq!(bench.s3.count("get"), gets);
}

#[tokio::test]
async fn twenty_thousand_keys_are_listed_by_the_page_and_held_in_no_memory() {
    const KEYS: usize = 20_000;
    let mut bench = Bench::new(&format!("{WATCH}since = \"2020-01-01T00:00:00Z\"\n")).await;
    bench.run(&[OFTEN]).await;
    let resident = |bench: &Bench| {
        let process = Process::new(i32::try_from(bench.pid()).unwrap()).unwrap();
        process.status().unwrap().vmrss.unwrap()
    };
    wait_for_lists(&bench, 1).await;
    bench.stop().await;
    let folder = bench.folder.path().join("s3").join(BUCKET).join("in");
    std::fs::create_dir_all(&folder).unwrap();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for number in 0..KEYS {
        let file = std::fs::File::create(folder.join(format!("{number:06}.dcm"))).unwrap();
        file.set_len(1).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    let listed = bench.s3.count("list");
    bench.run(&[("HILUM_WATCH_LIST_EVERY_S", "86400")]).await;
    let before = resident(&bench);
    let pages = KEYS / 1000;
    assert!(wait_until(LIMIT, || async { bench.s3.count("list") >= listed + pages }).await);
    assert!(resident(&bench) < before + 30_000, "{before} KiB, then {} KiB", resident(&bench));
    assert_eq!((bench.s3.count("list") - listed, bench.s3.count("head") + bench.s3.count("get")), (pages, 0));
    assert_eq!((bench.waiting().await, bench.stored().await.len()), (0, 0));
}

#[tokio::test]
async fn a_folder_is_watched_by_lists_alone() {
    let mut bench = Bench::new("").await;
    let drop = bench.folder.path().join("drop/in");
    std::fs::create_dir_all(&drop).unwrap();
    let watches = format!(
        "[[watch]]\nname = \"folder\"\nurl = \"file://{}\"\nprefix = \"in/\"\nsuffixes = [\".dcm\"]\n",
        bench.folder.path().join("drop").display()
    );
    std::fs::write(bench.folder.path().join("watches.toml"), watches).unwrap();
    for (name, file) in [("a ü%.dcm", FILES[0]), ("b.png", FILES[2])] {
        std::fs::write(drop.join(name), data(file)).unwrap();
        let minutes_ago = SystemTime::now() - Duration::from_secs(120);
        std::fs::File::options()
            .write(true)
            .open(drop.join(name))
            .unwrap()
            .set_modified(minutes_ago)
            .unwrap();
    }
    std::fs::write(drop.join("half.dcm"), &data(FILES[0])[..1000]).unwrap();
    bench.run(&[OFTEN]).await;
    let stored = bench.wait_for(1).await;
    assert_eq!(stored[0].1.source.as_ref().unwrap().sender.as_deref(), Some("folder"));
}
