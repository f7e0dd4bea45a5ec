//! What a stack tells while it starts, runs and stops: a sentence for people, an object for programs. The
//! observer decides how it is shown.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use hilum_api::StackReadiness;
use hilum_log::Drift;
use serde_json::{Value, json};

use crate::state::StackState;

/// Gets the news of a stack.
pub trait Observer: Send + Sync {
    /// Called as it happens, from the thread that supervises: it must not take long.
    fn notice(&self, news: &News<'_>);
}

/// Something that happened to a stack.
#[derive(Debug)]
pub enum News<'a> {
    /// A start begins.
    Starting {
        /// Where everything of it lies.
        folder: &'a Path,
    },
    /// A process of an earlier run still stops, which has to be waited for.
    Leftover {
        /// Its part.
        name: &'a str,
        /// Its number, if the process was asked to stop.
        pid: Option<u32>,
    },
    /// A start goes on, and something is missing.
    WaitingFor(&'a StackReadiness),
    /// A stream was not as it is defined, and was set right.
    Drifted(&'a Drift),
    /// A part ended by itself.
    Ended {
        /// Which.
        name: &'a str,
        /// How.
        what: &'a str,
        /// After which it is started again.
        delay: Duration,
        /// Where its log lies.
        log: &'a Path,
    },
    /// Uploads are taken; other parts still get ready.
    Open(&'a StackState),
    /// All parts were ready at once.
    Ready {
        /// What runs.
        state: &'a StackState,
        /// Where everything of it lies.
        folder: &'a Path,
    },
    /// A stop begins.
    Stopping,
    /// A stop goes on, and these parts still run.
    StillStopping {
        /// Their names.
        parts: &'a [&'a str],
    },
    /// Nothing runs any more.
    Stopped,
}

impl News<'_> {
    /// For programs; `None` for what only people want to know. Of a stack that is ready come its parts first.
    pub fn to_json(&self) -> Vec<Value> {
        match self {
            Self::WaitingFor(seen) => vec![json!({ "event": "waiting", "waiting_for": seen.waiting_for })],
            Self::Ended { name, what, .. } => vec![json!({ "event": "ended", "name": name, "what": what })],
            Self::Open(state) => {
                vec![json!({ "event": "open", "base_url": state.base_url, "pid": state.pid })]
            }
            Self::Ready { state, folder } => {
                let pid = |part: &crate::state::PartState| part.process.map(|process| process.pid);
                let parts = state.parts.iter();
                let mut lines: Vec<_> = parts
                    .map(|part| {
                        json!({ "event": "part", "name": part.name, "pid": pid(part), "port": part.port })
                    })
                    .collect();
                lines.push(json!({
                    "event": "ready",
                    "base_url": state.base_url,
                    "dicom_port": state.dicom_port,
                    "dicomweb_url": state.dicomweb_url,
                    "notifications_url": state.notifications_url,
                    "pid": state.pid,
                    "state": folder,
                    "untrained": state.untrained,
                }));
                lines
            }
            Self::Stopped => vec![json!({ "event": "stopped" })],
            Self::Starting { .. }
            | Self::Leftover { .. }
            | Self::Drifted(_)
            | Self::Stopping
            | Self::StillStopping { .. } => Vec::new(),
        }
    }
}

/// The sentence for people.
impl fmt::Display for News<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting { folder } => write!(out, "starting the stack in {} …", folder.display()),
            Self::Leftover { name, pid: None } => write!(out, "waiting for {name} of an earlier run to stop"),
            Self::Leftover { name, pid: Some(pid) } => {
                write!(out, "waiting for {name} of an earlier run to stop (process {pid})")
            }
            Self::WaitingFor(seen) => write!(out, "waiting for {}", seen.words()),
            Self::Drifted(Drift { what, difference }) => {
                write!(out, "{what} had drifted and was set right: {difference}")
            }
            Self::Ended { name, what, delay, log } => write!(
                out,
                "{name} ended ({what}); it is started again in {} s; its log is {}",
                delay.as_secs_f32(),
                log.display()
            ),
            Self::Open(state) => {
                write!(out, "uploads are taken at {}; other parts still get ready", state.base_url)
            }
            Self::Ready { state, folder } => {
                writeln!(out, "ready: {}", state.base_url)?;
                state.other_ways_in().iter().try_for_each(|way| writeln!(out, "{way}"))?;
                write!(out, "stop it with Ctrl-C or `hilum down --state {}`", folder.display())
            }
            Self::Stopping => write!(out, "stopping …"),
            Self::StillStopping { parts } => write!(out, "waiting for {} to stop", parts.join(", ")),
            Self::Stopped => write!(out, "stopped"),
        }
    }
}

/// Nobody looks.
#[cfg(test)]
pub(crate) struct Unseen;

#[cfg(test)]
impl Observer for Unseen {
    fn notice(&self, _: &News<'_>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_that_is_ready_names_its_parts_and_then_itself() {
        let state = crate::state::sample();
        let news = News::Ready { state: &state, folder: Path::new("/s") };
        let lines = news.to_json();
        assert_eq!((lines[0]["event"].as_str(), lines[0]["name"].as_str()), (Some("part"), Some("ingest")));
        assert_eq!(lines[1]["event"], "ready");
        assert_eq!(lines[1]["state"], "/s");
        assert_eq!(
            news.to_string(),
            "ready: http://127.0.0.1:8080\nstop it with Ctrl-C or `hilum down --state /s`"
        );
        let state = StackState {
            dicom_port: Some(11_112),
            notifications_url: Some("http://127.0.0.1:8080/notifications".to_owned()),
            ..state
        };
        let told = News::Ready { state: &state, folder: Path::new("/s") }.to_string();
        assert!(told.contains("\nDICOM is taken on port 11112 of 127.0.0.1\n"), "{told}");
        assert!(told.contains("send notifications to http://127.0.0.1:8080/notifications\n"), "{told}");
        assert!(News::Stopping.to_json().is_empty());
    }
}
