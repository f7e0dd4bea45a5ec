//! Images counted by site and priority.

use std::collections::HashMap;

use hilum_events::{Priority, Site};

/// Images by priority: urgent ones overtake, so those in turn don't count for them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lanes {
    /// Those that overtake.
    pub urgent: u64,
    /// The others.
    pub routine: u64,
}

impl Lanes {
    pub(crate) fn of(&mut self, lane: Priority) -> &mut u64 {
        match lane {
            Priority::Stat => &mut self.urgent,
            Priority::Routine => &mut self.routine,
        }
    }

    pub(crate) fn get(mut self, lane: Priority) -> u64 {
        *self.of(lane)
    }

    pub(crate) fn sum(self) -> u64 {
        self.urgent + self.routine
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self { urgent: self.urgent + other.urgent, routine: self.routine + other.routine }
    }

    pub(super) fn less(self, other: Self) -> Self {
        let less = u64::saturating_sub;
        Self { urgent: less(self.urgent, other.urgent), routine: less(self.routine, other.routine) }
    }
}

/// Images of each site. A site that is named here had one of late, which need not count any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BySite(HashMap<Site, Lanes>);

impl BySite {
    pub(crate) fn of(&mut self, site: &Site) -> &mut Lanes {
        self.0.entry(site.clone()).or_default()
    }

    pub(crate) fn get(&self, site: &Site) -> Lanes {
        self.0.get(site).copied().unwrap_or_default()
    }

    pub(crate) fn has(&self, site: &Site) -> bool {
        self.0.contains_key(site)
    }

    pub(crate) fn sites(&self) -> impl Iterator<Item = &Site> {
        self.0.keys()
    }

    pub(crate) fn sum(&self) -> Lanes {
        self.0.values().fold(Lanes::default(), |sum, lanes| sum.and(*lanes))
    }

    /// Forgets, here and there, the sites of which the other counts the same.
    pub(super) fn forget_where_same(&mut self, other: &mut Self) {
        self.0.retain(|site, lanes| other.0.get(site) != Some(lanes));
        other.0.retain(|site, _| self.0.contains_key(site));
    }

    /// Forgets a site of which none counts.
    pub(crate) fn forget_if_none(&mut self, site: &Site) {
        if self.get(site).sum() == 0 {
            self.0.remove(site);
        }
    }
}
