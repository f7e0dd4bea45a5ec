//! Settings of a gateway that runs for itself.

use std::time::Duration;

use clap::Parser;
use hilum_runtime::FrameSettings;
use http::uri::Authority;

use crate::destination::service_url;

/// One address for the whole API: passes uploads on to ingest and questions to projection
#[derive(Debug, Parser)]
#[command(name = "hilum-gateway", version)]
pub struct Settings {
    /// What all programs have.
    #[command(flatten)]
    pub frame: FrameSettings,
    /// Where ingest listens, such as http://ingest:8080
    #[arg(long, env = "HILUM_INGEST_URL", value_name = "URL", value_parser = service_url)]
    pub ingest_url: Authority,
    /// Where projection listens, such as http://projection:8080
    #[arg(long, env = "HILUM_PROJECTION_URL", value_name = "URL", value_parser = service_url)]
    pub projection_url: Authority,
    /// Where watch listens, if it runs: notifications of object stores go there
    #[arg(long, env = "HILUM_WATCH_URL", value_name = "URL", value_parser = service_url)]
    pub watch_url: Option<Authority>,
    /// Where dicomweb listens, if it runs: objects that are sent by DICOMweb go there
    #[arg(long, env = "HILUM_DICOMWEB_URL", value_name = "URL", value_parser = service_url)]
    pub dicomweb_url: Option<Authority>,
    /// Milliseconds within which a service must take a connection; then the request is answered 503
    #[arg(long, env = "HILUM_CONNECT_LIMIT_MS", value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    connect_limit_ms: u64,
    /// Questions that are answered at a time, those that wait among them; one more is answered 503. By default as many as
    /// the open files that the process may have leave room for
    #[arg(long, env = "HILUM_QUESTIONS_AT_ONCE", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    questions_at_once: Option<u32>,
}

impl Settings {
    /// What requests are bounded by, in a process that may have `open_files` files and connections open.
    pub fn limits(&self, open_files: u64) -> Limits {
        let limits = Limits::within(open_files);
        Limits {
            connect: Duration::from_millis(self.connect_limit_ms),
            questions_at_once: self.questions_at_once.map_or(limits.questions_at_once, |most| most as usize),
        }
    }
}

/// What bounds the requests that a gateway passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a service may take to take a connection.
    pub connect: Duration,
    /// Requests to projection at a time: any of them may be one that waits, and holds a connection on both sides.
    pub questions_at_once: usize,
}

/// A service in the same data centre answers at once or is not there.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// Files and connections that are kept for uploads, of which each has two, and for whatever else the process needs.
pub(crate) const RESERVED_FILES: u64 = 512;

impl Limits {
    /// As many questions as the files leave room for that this process may have open, two for each.
    pub fn within(open_files: u64) -> Self {
        let questions_at_once = hilum_runtime::held_at_once(open_files, 2, RESERVED_FILES);
        Self { connect: CONNECT_LIMIT, questions_at_once }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_settings_are_well_formed_and_services_have_no_default() {
        Settings::command().debug_assert();
        let urls = ["--ingest-url", "http://ingest:1", "--projection-url", "http://projection:2"];
        let parse = |more: &[&str]| Settings::try_parse_from([&["hilum-gateway"], &urls[..], more].concat());
        assert!(Settings::try_parse_from(["hilum-gateway"]).is_err());
        assert_eq!(parse(&[]).unwrap().limits(4096), Limits::within(4096));
        assert_eq!(parse(&["--questions-at-once", "7"]).unwrap().limits(4096).questions_at_once, 7);
        assert!(parse(&["--connect-limit-ms", "0"]).is_err());
    }
}
