//! Checks of what the stack needs and what it has come to.

use std::path::Path;

use hilum_client::Client;
use hilum_log::Drift;
use hilum_runtime::{few_open_files, raise_open_files, with_causes};
use hilum_stack::{StackState, StateFolder, connect, nats_error, sealed_facts};
use jiff::Timestamp;
use procfs::process::{LimitValue, Process};

use super::check::Check;
use crate::commands::streams::{Differences, RESTORE_LOG, differences};
use crate::error::Error;

/// Below this the log and Postgres may soon be unable to write.
const LEAST_FREE_BYTES: u64 = 2 << 30;

/// Each image is a file, and so is each document and picture.
const LEAST_FREE_FILES: u64 = 100_000;

/// More than any installation of ours has: half of what the server allows.
const MANY_CONSUMERS: usize = 500;

/// Free space where the stack writes: in its folder, and where objects are if that is another one.
pub(super) fn disks(folder: &StateFolder, store_url: Option<&str>) -> Vec<Check> {
    let objects = store_url.and_then(|url| url.strip_prefix("file://")).map(Path::new);
    let elsewhere = objects.filter(|objects| !objects.starts_with(folder.path()));
    let checks = [("disk", Some(folder.path())), ("disk of objects", elsewhere)];
    checks.into_iter().filter_map(|(what, path)| Some(disk(what, path?))).collect()
}

fn disk(what: &str, path: &Path) -> Check {
    let existing = path.ancestors().find(|path| path.exists()).unwrap_or(path);
    match nix::sys::statvfs::statvfs(existing) {
        Ok(found) => {
            let free_bytes = found.blocks_available() * found.fragment_size();
            // Some file systems have no bound on files and say 0 of 0.
            let files = (found.files() > 0).then(|| found.files_available());
            room(what, path, free_bytes, files)
        }
        Err(error) => {
            let seen = format!("the free space of {} can't be seen: {error}", existing.display());
            Check::bad(what, seen, "see that the folder can be read")
        }
    }
}

fn room(what: &str, path: &Path, free_bytes: u64, files: Option<u64>) -> Check {
    let seen = format!("{:.1} GiB free for {}", free_bytes as f64 / f64::from(1 << 30), path.display());
    match files.filter(|files| *files < LEAST_FREE_FILES) {
        _ if free_bytes < LEAST_FREE_BYTES => {
            Check::bad(what, seen, "make room: 2 GiB are the least to run with")
        }
        Some(files) => {
            let seen = format!("{seen}, but for {files} more files only");
            Check::bad(what, seen, "remove small files that nobody needs, or use a disk with more inodes")
        }
        None => Check::good(what, seen),
    }
}

/// How many files and connections the process at the base URL may have open, or one that is started now; `None` where the
/// system does not tell.
pub(super) fn open_files(running: Option<&StackState>) -> Option<Check> {
    let limit = match running {
        Some(state) => soft_limit_of_open_files(state.pid)?,
        // This process has raised its own as far as it can, as `hilum up` would.
        None => raise_open_files(),
    };
    Some(match few_open_files(limit) {
        None => Check::good("open files", format!("{limit} can be open at a time")),
        Some(to_do) => Check::warning("open files", format!("{limit} can be open at a time"), to_do),
    })
}

fn soft_limit_of_open_files(pid: u32) -> Option<u64> {
    let limits = Process::new(i32::try_from(pid).ok()?).and_then(|process| process.limits()).ok()?;
    Some(match limits.max_open_files.soft_limit {
        LimitValue::Unlimited => u64::MAX,
        LimitValue::Value(files) => files,
    })
}

/// The model that reads.
pub(super) fn model(state: &StackState) -> Check {
    let folder = state.model.display();
    Check::good(
        "model",
        if state.untrained {
            format!("{folder}; {}", hilum_models::UNTRAINED_NOTICE)
        } else {
            folder.to_string()
        },
    )
}

/// This machine's clock against that of the log's server. The services compare their own and note it themselves.
pub(super) async fn clock(state: &StackState) -> Check {
    let asked = async {
        let log = connect(&state.nats_url()).await?;
        let now = log.server_time().await.map_err(|error| nats_error(&state.nats_url(), Box::new(error)))?;
        Ok::<_, Error>((log, now))
    };
    match asked.await {
        Ok((log, now)) => clock_check(now, log.clock().note()),
        Err(error) => Check::bad("clock", with_causes(&error), "see nats-server above"),
    }
}

fn clock_check(server_time: Timestamp, note: Option<String>) -> Check {
    match note {
        None => Check::good("clock", format!("agrees with the event log's server, {server_time:.0}")),
        Some(note) => Check::bad("clock", note, "have it set by NTP, such as chrony or systemd-timesyncd"),
    }
}

/// The streams against their definitions.
pub(super) async fn streams(state: &StackState) -> Check {
    let log = match connect(&state.nats_url()).await {
        Ok(log) => log,
        Err(error) => return Check::bad("streams", with_causes(&error), "see nats-server above"),
    };
    match differences(&log, 1).await {
        Ok(Differences { all, .. }) if all.is_empty() => Check::good("streams", "as defined"),
        Ok(Differences { all, to_do }) => {
            let words = |Drift { what, difference }: Drift| format!("{what}: {difference}");
            let seen: Vec<_> = all.into_iter().map(words).collect();
            Check::bad("streams", seen.join("; "), to_do)
        }
        Err(error) => Check::bad("streams", with_causes(&error), "see nats-server above"),
    }
}

/// Whether the files of the log are there, of a stack that does not run: a start without them makes an empty log. `None`
/// when there never was a log.
pub(super) async fn event_log(folder: &StateFolder, store_url: Option<&str>) -> Option<Check> {
    let own = format!("file://{}", folder.objects().display());
    // A folder that nobody has made is not made by a look at it.
    let store_url = store_url.unwrap_or(&own);
    if store_url.strip_prefix("file://").is_some_and(|objects| !Path::new(objects).is_dir()) {
        return None;
    }
    let facts = match sealed_facts(store_url).await {
        Ok(facts) => facts?,
        Err(error) => {
            let seen = format!("how far it went can't be read: {}", with_causes(&*error));
            return Some(Check::bad("event log", seen, "see that object storage is there before a start"));
        }
    };
    Some(if folder.has_event_log() {
        Check::good("event log", format!("its files are there; it was sealed at {facts} facts"))
    } else {
        let seen = format!("it had {facts} facts, and its files are missing in {}", folder.nats().display());
        Check::bad("event log", seen, RESTORE_LOG)
    })
}

/// Consumers of the event stream: what is declared and what followers and targets take is far from what the server allows.
pub(super) async fn consumers(state: &StackState) -> Check {
    let counted = match connect(&state.nats_url()).await {
        Ok(log) => log.consumer_count().await.map_err(|error| with_causes(&error)),
        Err(error) => Err(with_causes(&error)),
    };
    match counted {
        Ok(count) => count_of_consumers(count),
        Err(seen) => Check::bad("consumers", seen, "see nats-server above"),
    }
}

fn count_of_consumers(count: usize) -> Check {
    let seen = format!("{count} of the event stream");
    if count < MANY_CONSUMERS {
        return Check::good("consumers", seen);
    }
    let to_do = "nats-server allows 1000 of a stream unless its default_max_consumers says otherwise, and at its limit \
                 nothing is followed any more; `nats consumer ls EVENTS` tells whose they are";
    Check::warning("consumers", seen, to_do)
}

/// Work that was given up and that nobody has decided about, and facts that the tables do not have.
pub(super) async fn dead_letters_and_tables(state: &StackState) -> [Check; 2] {
    let asked = async { Client::new(&state.base_url)?.dead_letters(&[("limit", "500".to_owned())]).await };
    match asked.await {
        Ok(page) => [dead_letters(page.dead_letters.len()), tables(page.unreadable)],
        Err(error) => ["dead letters", "tables"]
            .map(|name| Check::bad(name, with_causes(&error), "see projection above")),
    }
}

fn dead_letters(open: usize) -> Check {
    match open {
        0 => Check::good("dead letters", "none"),
        count => {
            let to_do = "`hilum dlq list` and `hilum dlq show ID` say why; decide with `hilum dlq redrive` or \
                         `hilum dlq discard`";
            Check::bad("dead letters", format!("{count} wait for a decision"), to_do)
        }
    }
}

fn tables(unreadable: u64) -> Check {
    match unreadable {
        0 => Check::good("tables", "have all that the log has"),
        count => {
            let seen = format!("{count} of the log's messages are not in them");
            let to_do = "answers may lack them. The table `unreadable` says which and why; they are folded when a \
                         release that knows them starts, or when the tables take them";
            Check::bad("tables", seen, to_do)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn many_consumers_are_told_before_the_server_allows_no_more() {
        assert_eq!(count_of_consumers(60).to_do, None);
        let many = count_of_consumers(700);
        assert!(many.ok && many.to_do.unwrap().contains("default_max_consumers"));
    }

    #[test]
    fn a_disk_with_too_little_room_is_wrong_whether_in_bytes_or_in_files() {
        let look = |bytes, files| room("disk", Path::new("/x"), bytes, files);
        assert!(look(LEAST_FREE_BYTES, None).ok && look(LEAST_FREE_BYTES, Some(LEAST_FREE_FILES)).ok);
        assert!(look(LEAST_FREE_BYTES - 1, None).to_do.unwrap().contains("make room"));
        assert!(look(u64::MAX, Some(7)).seen.contains("7 more files"));
        assert!(disk("disk", Path::new("/none/of/this")).seen.contains("GiB free"));
    }

    #[tokio::test]
    async fn the_files_of_a_log_that_was_sealed_are_missed() {
        let place = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(place.path()).unwrap();
        assert_eq!(event_log(&folder, None).await, None);
        folder.create().unwrap();
        assert_eq!(event_log(&folder, None).await, None, "it never had a fact");
        let records = folder.objects().join("records");
        std::fs::create_dir_all(&records).unwrap();
        let seal = json!({ "epoch": "e", "seq": 7, "event_id": null, "sealed_at": "2026-01-01T00:00:00Z" });
        std::fs::write(records.join("log-seal.json"), seal.to_string()).unwrap();
        let missing = event_log(&folder, None).await.unwrap();
        assert!(!missing.ok && missing.seen.contains("7 facts"), "{missing:?}");
        assert!(missing.to_do.as_deref().unwrap().starts_with("restore"), "{missing:?}");
        std::fs::create_dir_all(folder.nats().join("jetstream/jetstream/$G/streams/EVENTS")).unwrap();
        assert!(event_log(&folder, None).await.unwrap().ok);
    }

    #[test]
    fn the_open_files_of_another_process_are_those_that_it_may_have() {
        let own = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap().0;
        assert_eq!(soft_limit_of_open_files(std::process::id()), Some(own));
        assert_eq!(soft_limit_of_open_files(u32::MAX), None);
    }

    #[test]
    fn a_clock_that_is_off_is_wrong() {
        let now = Timestamp::UNIX_EPOCH;
        assert!(clock_check(now, None).ok);
        let off = clock_check(now, Some("20.0 s ahead".to_owned()));
        assert!(!off.ok && off.to_do.as_deref().is_some_and(|to_do| to_do.contains("NTP")), "{off:?}");
    }

    #[test]
    fn what_the_tables_lack_is_wrong() {
        assert!(tables(0).ok);
        let lacking = tables(3);
        assert!(!lacking.ok && lacking.seen.starts_with("3 "), "{lacking:?}");
    }
}
