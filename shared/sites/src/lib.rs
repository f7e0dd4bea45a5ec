//! What the sites of an installation ask of their studies: when one is complete, to which of the site's series an image
//! belongs, and in which time zone it is told of. One TOML file for all services. Knows no study, no log and no clock.

mod error;
mod file;
mod pause;
mod quiet_time;
mod series;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use hilum_events::{SeriesName, Site};
use hilum_zones::Zone;

pub use error::{Fault, SitesError};
pub use pause::{LONGEST_PAUSE, pause_after};
pub use quiet_time::quiet_time;
pub use series::Header;

use series::SeriesRule;

/// When studies of a site are reported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StudyRules {
    /// Time without a new image after which a study is reported; `None` for that of the report service.
    pub quiet_time: Option<Duration>,
    /// Time after which a study is reported even if it is not complete; `None` for no limit.
    pub time_limit: Option<Duration>,
    /// Series that every study of the site has, each once.
    pub expected_series: Vec<SeriesName>,
    /// Whether pictures that name no patient (PNG, JPEG) may join studies whose images do.
    pub pictures_join_patients: bool,
    /// Time zone in which its reports tell times; `None` for UTC.
    pub time_zone: Option<Zone>,
}

/// The rules of all sites. The default is an installation without such a file: no rules at all.
#[derive(Debug, Clone, Default)]
pub struct Sites {
    default: SiteRules,
    by_site: BTreeMap<Site, SiteRules>,
}

#[derive(Debug, Clone, Default)]
struct SiteRules {
    studies: StudyRules,
    series: Vec<SeriesRule>,
}

impl Sites {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// When it has a fault: the error names the line and what is wrong there.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        file::parse(text)
    }

    /// Reads the file; without one there are no rules.
    ///
    /// # Errors
    /// When it can't be read or has a fault.
    pub fn read(path: Option<&Path>) -> Result<Self, SitesError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| SitesError::Read { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|source| SitesError::Content { path: path.to_owned(), source })
    }

    /// When studies of `site` are reported.
    pub fn studies(&self, site: &Site) -> &StudyRules {
        &self.of(site).studies
    }

    /// The series of `site` that an image with this header belongs to, each once, in the order of the rules.
    pub fn series(&self, site: &Site, header: &Header<'_>) -> Vec<SeriesName> {
        let mut names: Vec<SeriesName> = Vec::new();
        for rule in &self.of(site).series {
            if !names.contains(&rule.name) && rule.fits(header) {
                names.push(rule.name.clone());
            }
        }
        names
    }

    /// The longest time that a study of any site may wait for its report once its images have outcomes; `quiet_time` is
    /// that of the report service.
    pub fn longest_wait(&self, quiet_time: Duration) -> Duration {
        let rules = self.by_site.values().chain([&self.default]).map(|rules| &rules.studies);
        let waits = rules.map(|rules| {
            let quiet_time = rules.quiet_time.unwrap_or(quiet_time);
            // Where there is no time limit, what comes after a report may be gathered for as long.
            rules.time_limit.unwrap_or(LONGEST_PAUSE).max(quiet_time)
        });
        waits.max().unwrap_or(quiet_time)
    }

    fn of(&self, site: &Site) -> &SiteRules {
        self.by_site.get(site).unwrap_or(&self.default)
    }
}
