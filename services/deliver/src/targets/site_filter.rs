//! Which sites a target or a rule is for.

use std::collections::BTreeSet;

use hilum_events::Site;

/// Some sites, or all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SiteFilter {
    /// Every site.
    All,
    /// These, one at least.
    Only(BTreeSet<Site>),
}

impl SiteFilter {
    /// Whether `site` is one of them.
    pub fn has(&self, site: &Site) -> bool {
        match self {
            Self::All => true,
            Self::Only(sites) => sites.contains(site),
        }
    }

    /// Whether these are all of `others`, or more.
    pub(super) fn cover(&self, others: &Self) -> bool {
        match (self, others) {
            (Self::All, _) => true,
            (Self::Only(_), Self::All) => false,
            (Self::Only(sites), Self::Only(others)) => others.is_subset(sites),
        }
    }

    pub(super) fn read(sites: Option<Vec<Site>>) -> Result<Self, String> {
        match sites {
            None => Ok(Self::All),
            Some(sites) if sites.is_empty() => {
                Err("`sites` is empty; name some, or leave it out for all".to_owned())
            }
            Some(sites) => Ok(Self::Only(sites.into_iter().collect())),
        }
    }
}
