//! When studies are reported: the rules of each site, and what the report service has where a site says nothing.

use std::time::Duration;

use hilum_events::{SeriesName, Site};
use hilum_sites::{Sites, pause_after};
use hilum_zones::Zone;
use jiff::SignedDuration;

/// The rules of all sites.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    quiet: Duration,
    sites: Sites,
}

/// The rules of one site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SiteRules<'a> {
    /// Time without a new image after which a study is reported.
    pub(super) quiet: SignedDuration,
    /// Time after which what is there is reported.
    pub(super) time_limit: Option<SignedDuration>,
    /// Series that every study has.
    pub(super) series: &'a [SeriesName],
    /// Whether pictures without a patient may join studies that have one.
    pub(super) pictures_join_patients: bool,
    /// That in which reports tell times.
    pub(super) time_zone: Option<&'a Zone>,
}

impl SiteRules<'_> {
    /// How long what comes after the report with this revision is gathered.
    pub(super) fn pause_after(&self, revision: u32) -> SignedDuration {
        let quiet = Duration::try_from(self.quiet).unwrap_or_default();
        SignedDuration::try_from(pause_after(revision, quiet)).unwrap_or(SignedDuration::MAX)
    }
}

impl Rules {
    /// `quiet` is for sites that do not say.
    pub(crate) fn new(quiet: Duration, sites: Sites) -> Self {
        Self { quiet, sites }
    }

    pub(super) fn of(&self, site: &Site) -> SiteRules<'_> {
        let studies = self.sites.studies(site);
        let signed = |time: Duration| SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        SiteRules {
            quiet: signed(studies.quiet_time.unwrap_or(self.quiet)),
            time_limit: studies.time_limit.map(signed),
            series: &studies.expected_series,
            pictures_join_patients: studies.pictures_join_patients,
            time_zone: studies.time_zone.as_ref(),
        }
    }
}
