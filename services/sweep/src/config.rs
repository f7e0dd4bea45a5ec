//! Settings of the sweep.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use hilum_runtime::ServiceSettings;
use hilum_sites::{Sites, SitesError, quiet_time};

use crate::pace::Pace;
use crate::swept::Mode;

/// Some 50 MB of memory while they are compared.
const OBJECTS_AT_A_TIME: usize = 500_000;

/// Looks for what the log promises and nobody keeps, and repairs, parks or names it
#[derive(Debug, Parser)]
#[command(name = "hilum-sweep", version)]
pub struct Config {
    /// What all services share.
    #[command(flatten)]
    pub service: ServiceSettings,
    /// Where objects are kept: file:///folder or s3://bucket
    #[arg(long, env = "HILUM_STORE_URL")]
    pub store_url: String,
    /// Seconds after which a message that was settled must have led to something
    #[arg(long, env = "HILUM_SWEEP_AFTER_S", default_value = "300", value_parser = seconds)]
    after_s: Duration,
    /// Seconds between two looks at the log
    #[arg(long, env = "HILUM_SWEEP_EVERY_S", default_value = "15", value_parser = seconds)]
    every_s: Duration,
    /// Seconds between two comparisons of the whole log with object storage
    #[arg(long, env = "HILUM_SWEEP_DEEP_EVERY_S", default_value = "86400", value_parser = seconds)]
    deep_every_s: Duration,
    /// Days within which each object in storage is read and hashed
    #[arg(long, env = "HILUM_SWEEP_HASH_DAYS", default_value = "30", value_parser = days)]
    hash_days: Duration,
    /// Megabytes a second that are read for that at most
    #[arg(long, env = "HILUM_SWEEP_HASH_MB_S", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    hash_mb_s: u32,
    /// Hours after which an unfinished upload is removed from storage, counted from when it was last written to
    #[arg(long, env = "HILUM_SWEEP_UNFINISHED_H", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=8760))]
    unfinished_h: u32,
    /// Seconds between two seals of the log
    #[arg(long, env = "HILUM_SEAL_EVERY_S", default_value = "2", value_parser = seconds)]
    seal_every_s: Duration,
    /// Seconds without a new image after which a study is reported, as the report service has it
    #[arg(long, env = "HILUM_QUIET_TIME_S", default_value = "10", value_parser = quiet_time)]
    quiet_time_s: Duration,
    /// TOML file with the rules of the sites, as the report service has it: a study may wait as long as they say
    #[arg(long, env = "HILUM_SITES", value_name = "FILE")]
    sites: Option<PathBuf>,
    /// Look once, say what was found on standard output, and end: 0 if nothing is left to do, 1 if
    /// something is, 2 if the look was not finished
    #[arg(long)]
    pub once: bool,
    /// With --once: change nothing
    #[arg(long, requires = "once")]
    dry_run: bool,
    /// With --once: also compare the whole log with object storage, and read and hash each object
    #[arg(long, requires = "once")]
    deep: bool,
    /// With --deep: only the objects whose hash begins with these hexadecimal digits
    #[arg(long, requires = "deep", value_name = "DIGITS", value_parser = digits)]
    prefix: Option<String>,
    /// With --once: one JSON object per discrepancy
    #[arg(long, requires = "once")]
    pub json: bool,
}

impl Config {
    /// How the service paces its work.
    ///
    /// # Errors
    /// When the rules of the sites can't be used.
    pub fn pace(&self) -> Result<Pace, SitesError> {
        Ok(Pace {
            after: self.after_s,
            quiet: Sites::read(self.sites.as_deref())?.longest_wait(self.quiet_time_s),
            every: self.every_s,
            deep_every: self.deep_every_s,
            hash_within: self.hash_days,
            hash_bytes_per_s: f64::from(self.hash_mb_s) * 1e6,
            unfinished_after: Duration::from_secs(3600 * u64::from(self.unfinished_h)),
            objects_at_a_time: OBJECTS_AT_A_TIME,
            seal_every: self.seal_every_s,
        })
    }

    /// How to look once.
    pub fn mode(&self) -> Mode {
        Mode { dry_run: self.dry_run, deep: self.deep.then(|| self.prefix.clone().unwrap_or_default()) }
    }
}

fn days(text: &str) -> Result<Duration, String> {
    let rule = || "must be a number of days above 0 and up to 3650".to_owned();
    let days: f64 = text.parse().map_err(|_| rule())?;
    let fits = days > 0.0 && days <= 3650.0;
    fits.then(|| Duration::from_secs_f64(days * 86_400.0)).ok_or_else(rule)
}

fn digits(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let rule = "must be the first digits of a sha-256, 0 to 9 and a to f";
    if fits { Ok(text.to_ascii_lowercase()) } else { Err(rule.to_owned()) }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let rule = || "must be a number of seconds above 0 and up to 31536000".to_owned();
    let seconds: f64 = text.parse().map_err(|_| rule())?;
    let fits = seconds > 0.0 && seconds <= 31_536_000.0;
    fits.then(|| Duration::from_secs_f64(seconds)).ok_or_else(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_well_formed() {
        use clap::CommandFactory as _;
        Config::command().debug_assert();
    }

    #[test]
    fn times_that_no_clock_can_keep_are_refused() {
        assert_eq!(seconds("0.2"), Ok(Duration::from_millis(200)));
        for bad in ["", "0", "-1", "NaN", "inf", "1e9", "ten"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_quiet_time_of_nothing_is_a_rule_as_the_report_service_has_it() {
        let parse = |seconds: &str| {
            Config::try_parse_from(["hilum-sweep", "--store-url", "file:///x", "--quiet-time-s", seconds])
        };
        let quiet = parse("0").unwrap().pace().unwrap().quiet;
        assert_eq!(quiet, Sites::default().longest_wait(Duration::ZERO));
        for bad in ["-1", "NaN", "86401"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_belongs_to_a_single_look_is_refused_without_it() {
        let parse = |flags: &[&str]| {
            Config::try_parse_from([&["hilum-sweep", "--store-url", "file:///x"], flags].concat())
        };
        assert!(parse(&["--once", "--dry-run", "--deep", "--json"]).is_ok());
        assert_eq!(parse(&["--once", "--deep"]).unwrap().mode().deep.as_deref(), Some(""));
        let some = parse(&["--once", "--deep", "--prefix", "3A"]).unwrap().mode();
        assert_eq!(some.deep.as_deref(), Some("3a"));
        assert!(parse(&["--once", "--deep", "--prefix", "images"]).is_err());
        assert!(parse(&["--once", "--prefix", "3a"]).is_err());
        for flag in ["--dry-run", "--deep", "--json"] {
            assert!(parse(&[flag]).is_err(), "{flag}");
        }
    }
}
