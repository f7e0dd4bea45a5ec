//! How many sites have how many images, so that a question about all of them costs little, however many they are.

use hilum_events::Priority;

use super::BySite;

/// The counts of all sites, by priority.
#[derive(Debug, Default)]
pub(super) struct Tally {
    urgent: Counts,
    routine: Counts,
}

/// Counts in order, and for each place the sum of those before it.
#[derive(Debug, Default)]
struct Counts {
    sorted: Vec<u64>,
    sums: Vec<u64>,
}

impl Tally {
    pub(super) fn of(sites: &BySite) -> Self {
        let counts = |lane| Counts::of(sites.sites().map(|site| sites.get(site).get(lane)).collect());
        Self { urgent: counts(Priority::Stat), routine: counts(Priority::Routine) }
    }

    /// The images of all sites, of each `most` at most.
    pub(super) fn sum(&self, lane: Priority, most: u64) -> u64 {
        let counts = match lane {
            Priority::Stat => &self.urgent,
            Priority::Routine => &self.routine,
        };
        let less = counts.sorted.partition_point(|count| *count <= most);
        counts.sums.get(less).copied().unwrap_or(0) + (counts.sorted.len() - less) as u64 * most
    }
}

impl Counts {
    fn of(mut sorted: Vec<u64>) -> Self {
        sorted.sort_unstable();
        let mut sums = vec![0];
        for count in &sorted {
            sums.push(sums[sums.len() - 1] + count);
        }
        Self { sorted, sums }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_each_site_alone() {
        let mut sites = BySite::default();
        assert_eq!(Tally::of(&sites).sum(Priority::Routine, 3), 0);
        for (number, count) in [7, 0, 3, 3, 100, 1].into_iter().enumerate() {
            let site = format!("site-{number}").parse().unwrap();
            sites.of(&site).routine = count;
            sites.of(&site).urgent = count * 2;
        }
        let tally = Tally::of(&sites);
        for most in 0..=110 {
            for lane in [Priority::Stat, Priority::Routine] {
                let each = sites.sites().map(|site| sites.get(site).get(lane).min(most));
                assert_eq!(tally.sum(lane, most), each.sum::<u64>(), "{most} of each");
            }
        }
    }
}
