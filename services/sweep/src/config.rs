//! Settings of the sweep.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use hilum_runtime::ServiceSettings;
use hilum_sites::{Sites, SitesError};

use crate::once::Mode;
use crate::shell::Pace;

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
    /// Seconds between two seals of the log
    #[arg(long, env = "HILUM_SEAL_EVERY_S", default_value = "2", value_parser = seconds)]
    seal_every_s: Duration,
    /// Seconds without a new image after which a study is reported, as the report service has it
    #[arg(long, env = "HILUM_QUIET_TIME_S", default_value = "10", value_parser = seconds)]
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
    /// With --once: also compare the whole log with object storage
    #[arg(long, requires = "once")]
    deep: bool,
    /// With --once: one JSON object per finding
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
            seal_every: self.seal_every_s,
        })
    }

    /// How to look once.
    pub fn mode(&self) -> Mode {
        Mode { dry_run: self.dry_run, deep: self.deep }
    }
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
    fn what_belongs_to_a_single_look_is_refused_without_it() {
        let parse = |flags: &[&str]| {
            Config::try_parse_from([&["hilum-sweep", "--store-url", "file:///x"], flags].concat())
        };
        assert!(parse(&["--once", "--dry-run", "--deep", "--json"]).is_ok());
        for flag in ["--dry-run", "--deep", "--json"] {
            assert!(parse(&[flag]).is_err(), "{flag}");
        }
    }
}
