//! Checks of what the stack needs and what it has come to.

use hilum_log::Drift;
use hilum_runtime::{few_open_files, with_causes};
use jiff::Timestamp;
use serde_json::Value;

use super::Check;
use crate::client::Client;
use crate::commands::streams::{connect, differences, nats};
use crate::error::Error;
use crate::stack::{SERVICES, StackState, StateFolder, Versions, of_program, sibling};

/// Below this the log and Postgres may soon be unable to write.
const LEAST_FREE_BYTES: u64 = 2 << 30;

/// More than any installation of ours has: half of what the server allows.
const MANY_CONSUMERS: usize = 500;

/// The programs a stack is made of.
pub(super) async fn programs() -> Vec<Check> {
    let Versions { hilum, nats_server, postgres } = Versions::ask().await;
    let mut checks = vec![
        Check::good("hilum", hilum.clone()),
        server("nats-server", nats_server, "HILUM_NATS_SERVER"),
        server("postgres", postgres, "HILUM_POSTGRES_BIN"),
    ];
    for (_, program) in SERVICES {
        checks.push(service_program(program, &hilum).await);
    }
    checks
}

fn server(name: &str, version: String, variable: &str) -> Check {
    if version.is_empty() {
        let to_do = format!("`make setup` fetches it; or say in {variable} where it is");
        return Check::bad(name, "cannot be run", to_do);
    }
    Check::good(name, version)
}

async fn service_program(name: &str, expected: &str) -> Check {
    let program = match sibling(name) {
        Ok(program) => program,
        Err(_) => return Check::bad(name, "is missing", "`make build` makes it"),
    };
    match of_program(&program).await {
        Some(version) if version == expected => Check::good(name, version),
        Some(version) => {
            Check::bad(name, format!("{version}, not {expected}"), "`make build` renews all programs")
        }
        None => Check::bad(name, "does not tell its version", "`make build` renews all programs"),
    }
}

/// Free space where the stack writes.
pub(super) fn disk(folder: &StateFolder) -> Result<Check, Error> {
    let existing = folder.path().ancestors().find(|path| path.exists()).unwrap_or(folder.path());
    let failed = |errno: nix::Error| Error::file("see the free space of", existing)(errno.into());
    let found = nix::sys::statvfs::statvfs(existing).map_err(failed)?;
    let free_bytes = found.blocks_available() as u64 * found.fragment_size() as u64;
    let seen =
        format!("{:.1} GiB free for {}", free_bytes as f64 / f64::from(1 << 30), folder.path().display());
    if free_bytes < LEAST_FREE_BYTES {
        return Ok(Check::bad("disk", seen, "make room: 2 GiB are the least to run with"));
    }
    Ok(Check::good("disk", seen))
}

/// How many files and connections the process at the base URL may have open; `None` where the system does not tell.
pub(super) fn open_files(state: &StackState) -> Option<Check> {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", state.pid)).ok()?;
    let limit = soft_limit_of_open_files(&limits)?;
    Some(match few_open_files(limit) {
        None => Check::good("open files", format!("{limit} can be open at a time")),
        Some(to_do) => Check::warning("open files", format!("{limit} can be open at a time"), to_do),
    })
}

fn soft_limit_of_open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

/// Which model reads.
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
        let now = log.server_time().await.map_err(|error| nats(&state.nats_url(), Box::new(error)))?;
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
        Ok(drifted) if drifted.is_empty() => Check::good("streams", "as defined"),
        Ok(drifted) => {
            let words = |Drift { what, difference }: Drift| format!("{what}: {difference}");
            let seen: Vec<_> = drifted.into_iter().map(words).collect();
            Check::bad("streams", seen.join("; "), "`hilum streams apply` sets it right")
        }
        Err(error) => Check::bad("streams", with_causes(&error), "see nats-server above"),
    }
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
        Ok(answer) => [dead_letters(&answer), tables(&answer)],
        Err(error) => ["dead letters", "tables"]
            .map(|name| Check::bad(name, with_causes(&error), "see projection above")),
    }
}

fn dead_letters(answer: &Value) -> Check {
    match answer["dead_letters"].as_array().map_or(0, Vec::len) {
        0 => Check::good("dead letters", "none"),
        count => {
            let to_do = "`hilum dlq list` and `hilum dlq show ID` say why; decide with `hilum dlq redrive` or \
                         `hilum dlq discard`";
            Check::bad("dead letters", format!("{count} wait for a decision"), to_do)
        }
    }
}

fn tables(answer: &Value) -> Check {
    match answer["unreadable"].as_u64() {
        Some(0) => Check::good("tables", "have all that the log has"),
        count => {
            let seen = format!("{} of the log's messages are not in them", count.unwrap_or_default());
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
    fn the_limit_of_open_files_is_read_as_the_system_tells_it() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
            Max processes             127000               127000               processes\n\
            Max open files            1024                 524288               files\n";
        assert_eq!(soft_limit_of_open_files(limits), Some(1024));
        assert_eq!(soft_limit_of_open_files("Max open files unlimited unlimited files"), Some(u64::MAX));
        assert_eq!(soft_limit_of_open_files("no limits"), None);
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
        assert!(tables(&json!({ "unreadable": 0 })).ok);
        let lacking = tables(&json!({ "unreadable": 3 }));
        assert!(!lacking.ok && lacking.seen.starts_with("3 "), "{lacking:?}");
    }
}
