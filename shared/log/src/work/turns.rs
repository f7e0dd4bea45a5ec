//! When each site had its last turn, and what of it is in hand. Knows no message.

use std::collections::HashMap;
use std::sync::Arc;

use hilum_events::Site;

/// Counts what is in hand of a site while it is kept.
pub(super) type Hold = Arc<()>;

/// So many sites are remembered at least; of more, those that had their turns last.
const REMEMBERED: usize = 1024;

/// The turns of all sites.
#[derive(Debug, Default)]
pub(super) struct Turns {
    now: u64,
    sites: HashMap<Site, Turn>,
}

#[derive(Debug)]
struct Turn {
    at: u64,
    hold: Hold,
}

impl Turns {
    /// When the site had its last turn; 0 for never.
    pub(super) fn last(&self, site: Option<&Site>) -> u64 {
        site.and_then(|site| self.sites.get(site)).map_or(0, |turn| turn.at)
    }

    /// Whether anything of the site is in hand.
    pub(super) fn is_in_hand(&self, site: &Site) -> bool {
        self.sites.get(site).is_some_and(|turn| Arc::strong_count(&turn.hold) > 1)
    }

    /// It is the site's turn.
    pub(super) fn take(&mut self, site: Option<&Site>) -> Hold {
        self.now += 1;
        let Some(site) = site else { return Hold::default() };
        if self.sites.len() >= 2 * REMEMBERED && !self.sites.contains_key(site) {
            let mut ended: Vec<u64> = self.sites.values().map(|turn| turn.at).collect();
            let (_, oldest_kept, _) = ended.select_nth_unstable(REMEMBERED);
            let oldest_kept = *oldest_kept;
            self.sites.retain(|_, turn| turn.at >= oldest_kept || Arc::strong_count(&turn.hold) > 1);
        }
        let turn = self.sites.entry(site.clone()).or_insert_with(|| Turn { at: 0, hold: Hold::default() });
        turn.at = self.now;
        Arc::clone(&turn.hold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(number: u64) -> Site {
        format!("site-{number}").parse().unwrap()
    }

    #[test]
    fn a_site_is_remembered_by_its_last_turn_and_what_is_in_hand() {
        let mut turns = Turns::default();
        let (first, second) = (site(1), site(2));
        let held = turns.take(Some(&first));
        drop(turns.take(Some(&second)));
        assert_eq!((turns.last(Some(&first)), turns.last(Some(&second)), turns.last(None)), (1, 2, 0));
        assert!(turns.is_in_hand(&first) && !turns.is_in_hand(&second));
        drop(held);
        assert!(!turns.is_in_hand(&first));
    }

    #[test]
    fn of_ten_thousand_sites_the_last_ones_are_remembered_and_those_in_hand() {
        let mut turns = Turns::default();
        let held = turns.take(Some(&site(0)));
        for number in 1..10_000 {
            drop(turns.take(Some(&site(number))));
        }
        assert!(turns.sites.len() <= 2 * REMEMBERED, "{}", turns.sites.len());
        assert!(turns.is_in_hand(&site(0)));
        assert_eq!(turns.last(Some(&site(9_999))), 10_000);
        drop(held);
    }
}
