//! What waits in each lane, and of which site: enough to choose the lane of one more request. Pure: knows no server and no
//! clock. Holds what waits and is in hand, no more: what was settled is forgotten, and with it sites that have nothing left.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};

use hilum_events::Site;

use hilum_streams::{Lanes, laned};

/// At most so many messages of one site wait in the common lanes: the images of a usual study.
const FEW: u64 = 4;

/// The lines of all consumers with lanes, by consumer.
#[derive(Debug)]
pub(crate) struct Ledger(BTreeMap<&'static str, Queue>);

#[derive(Debug)]
struct Queue {
    lanes: Lanes,
    /// What stands in no lane, then what stands in each.
    lines: Vec<Line>,
}

/// What waits in one lane, oldest first.
#[derive(Debug, Default)]
struct Line {
    entries: VecDeque<(u64, Site)>,
    by_site: HashMap<Site, u64>,
    /// All up to here is settled.
    floor: u64,
}

/// How far a lane is, as its consumer says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    pub(crate) delivered_seq: u64,
    pub(crate) ack_floor_seq: u64,
    pub(crate) in_hand: u64,
}

impl Default for Ledger {
    fn default() -> Self {
        Self(laned().map(|(consumer, lanes)| (consumer.name.as_str(), Queue::new(lanes))).collect())
    }
}

impl Ledger {
    /// Nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.values().flat_map(|queue| &queue.lines).all(|line| line.entries.is_empty())
    }

    /// A request of `site` stands at `seq`. That may be told twice, and late.
    pub(crate) fn note(&mut self, consumer: &str, lane: Option<u16>, seq: u64, site: &Site) {
        if let Some(line) = self.0.get_mut(consumer).and_then(|queue| queue.line(lane)) {
            line.note(seq, site);
        }
    }

    /// Forgets what is settled.
    pub(crate) fn advance(&mut self, consumer: &str, lane: Option<u16>, progress: Progress) {
        if let Some(line) = self.0.get_mut(consumer).and_then(|queue| queue.line(lane)) {
            line.advance(progress);
        }
    }

    /// The lane for one more request of `site`. A site that has a lane to itself stays in it until all of it that is there
    /// has been handed out; one that has few waiting gets the common lane in which the fewest wait; one that has more gets
    /// the lane that the fewest sites are in, and of those the shortest.
    pub(crate) fn choose(&self, consumer: &str, site: &Site) -> Option<u16> {
        self.0.get(consumer).map(|queue| queue.choose(site))
    }

    /// How many of each site wait or are in hand, by consumer.
    pub(crate) fn by_site(&self) -> BTreeMap<(&'static str, Site), u64> {
        let mut sums = BTreeMap::new();
        for (consumer, queue) in &self.0 {
            for (site, count) in queue.lines.iter().flat_map(|line| &line.by_site) {
                *sums.entry((*consumer, site.clone())).or_default() += count;
            }
        }
        sums
    }
}

impl Queue {
    fn new(lanes: Lanes) -> Self {
        Self { lanes, lines: (0..=lanes.count()).map(|_| Line::default()).collect() }
    }

    fn line(&mut self, lane: Option<u16>) -> Option<&mut Line> {
        self.lines.get_mut(lane.map_or(0, |lane| usize::from(lane) + 1))
    }

    fn at(&self, lane: u16) -> &Line {
        &self.lines[usize::from(lane) + 1]
    }

    fn choose(&self, site: &Site) -> u16 {
        let Lanes { common, own } = self.lanes;
        let owns = common..common + own;
        let held = owns.clone().filter(|lane| self.at(*lane).of(site) > 0);
        if let Some(lane) = held.max_by_key(|lane| (self.at(*lane).of(site), Reverse(*lane))) {
            return lane;
        }
        let turned = |lane: u16| (u64::from(lane) + spread(site)) % u64::from(common + own);
        if (0..common).map(|lane| self.at(lane).of(site)).sum::<u64>() < FEW {
            let shortest = (0..common).min_by_key(|lane| (self.at(*lane).entries.len(), turned(*lane)));
            return shortest.unwrap_or(0);
        }
        let emptiest = |lane: &u16| {
            let line = self.at(*lane);
            (line.by_site.len(), line.entries.len(), turned(*lane))
        };
        owns.min_by_key(emptiest).unwrap_or(0)
    }
}

impl Line {
    fn of(&self, site: &Site) -> u64 {
        self.by_site.get(site).copied().unwrap_or(0)
    }

    fn note(&mut self, seq: u64, site: &Site) {
        let behind = self.entries.iter().rev().take_while(|(other, _)| *other > seq).count();
        let place = self.entries.len() - behind;
        let is_there = place > 0 && self.entries[place - 1].0 == seq;
        if seq > self.floor && !is_there {
            self.entries.insert(place, (seq, site.clone()));
            *self.by_site.entry(site.clone()).or_default() += 1;
        }
    }

    fn advance(&mut self, progress: Progress) {
        let Progress { delivered_seq, ack_floor_seq, in_hand } = progress;
        self.floor = self.floor.max(ack_floor_seq);
        let mut handed_out = self.entries.partition_point(|(seq, _)| *seq <= delivered_seq) as u64;
        while let Some((seq, site)) = self.entries.front() {
            // The newest of those that were handed out are taken to be the ones in hand.
            if *seq > self.floor && handed_out <= in_hand {
                return;
            }
            if let Some(count) = self.by_site.get_mut(site) {
                *count -= 1;
                if *count == 0 {
                    self.by_site.remove(site);
                }
            }
            self.entries.pop_front();
            handed_out = handed_out.saturating_sub(1);
        }
    }
}

/// The lane of a request of `site` at a consumer where nothing is known of what waits; none if it has no lanes.
pub fn unseen(consumer: &str, site: &Site) -> Option<u16> {
    let (_, lanes) = laned().find(|(declared, _)| declared.name == consumer)?;
    u16::try_from(spread(site) % u64::from(lanes.common.max(1))).ok()
}

/// The same number for a site always, and others for others: copies that know the same choose the same.
fn spread(site: &Site) -> u64 {
    let add = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    site.to_string().bytes().fold(0xcbf2_9ce4_8422_2325, add) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTINE: &str = "infer-routine";

    fn site(name: &str) -> Site {
        name.parse().unwrap()
    }

    /// Requests of sites, one after the other, each in the lane that is chosen for it.
    #[derive(Default)]
    struct Story {
        ledger: Ledger,
        seq: u64,
    }

    impl Story {
        fn write(&mut self, name: &str) -> u16 {
            self.seq += 1;
            let lane = self.ledger.choose(ROUTINE, &site(name)).unwrap();
            self.ledger.note(ROUTINE, Some(lane), self.seq, &site(name));
            lane
        }

        /// All in the lane was handed out, and so many of it are in hand.
        fn hand_out(&mut self, lane: u16, in_hand: u64) {
            let progress = Progress { delivered_seq: self.seq, ack_floor_seq: 0, in_hand };
            self.ledger.advance(ROUTINE, Some(lane), progress);
        }

        fn waiting(&self, name: &str) -> u64 {
            self.ledger.by_site().get(&(ROUTINE, site(name))).copied().unwrap_or(0)
        }
    }

    fn lanes() -> Lanes {
        hilum_streams::lanes_of(ROUTINE).unwrap()
    }

    fn is_common(lane: u16) -> bool {
        lane < lanes().common
    }

    #[test]
    fn a_flood_keeps_to_one_lane_that_nobody_else_is_in() {
        let mut story = Story::default();
        let flood: Vec<u16> = (0..1000).map(|_| story.write("flood")).collect();
        assert_eq!(flood.iter().filter(|lane| is_common(**lane)).count() as u64, FEW);
        let own: Vec<_> = flood.iter().filter(|lane| !is_common(**lane)).collect();
        assert!(own.iter().all(|lane| *lane == own[0]), "{own:?}");
        let second: Vec<u16> = (0..1000).map(|_| story.write("second")).collect();
        assert!(!second.contains(own[0]), "it would wait behind the other flood");
    }

    #[test]
    fn as_many_floods_as_there_are_lanes_have_one_each_and_more_share_the_least_used() {
        let mut story = Story::default();
        let floods = usize::from(lanes().own);
        let own = |story: &mut Story, number: usize| {
            (0..20).map(|_| story.write(&format!("flood-{number}"))).last().unwrap()
        };
        let mut taken: Vec<u16> = (0..floods).map(|number| own(&mut story, number)).collect();
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), floods);
        let more: Vec<u16> = (floods..2 * floods).map(|number| own(&mut story, number)).collect();
        assert!(taken.iter().all(|lane| more.contains(lane)), "each is shared by two");
    }

    #[test]
    fn ten_thousand_sites_with_an_image_each_stand_in_the_common_lanes_evenly_beside_a_flood() {
        let mut story = Story::default();
        (0..5000).for_each(|_| assert!(story.write("flood") < lanes().count()));
        let mut ahead = HashMap::<u16, u64>::new();
        for number in 0..10_000 {
            let lane = story.write(&format!("site-{number}"));
            assert!(is_common(lane));
            *ahead.entry(lane).or_default() += 1;
        }
        let common = u64::from(lanes().common);
        assert!(ahead.values().all(|count| count.abs_diff(10_000 / common) <= FEW), "{ahead:?}");
    }

    #[test]
    fn a_site_goes_back_to_the_common_lanes_when_all_of_its_own_was_handed_out() {
        let mut story = Story::default();
        let own = (0..10).map(|_| story.write("flood")).last().unwrap();
        for lane in 0..lanes().common {
            story.hand_out(lane, 0);
        }
        assert_eq!(story.write("flood"), own, "what it has there would else be overtaken");
        story.hand_out(own, 2);
        assert_eq!(story.waiting("flood"), 2, "those in hand");
        story.hand_out(own, 0);
        assert_eq!(story.waiting("flood"), 0);
        assert!(is_common(story.write("flood")));
    }

    #[test]
    fn what_is_told_twice_or_late_or_after_it_was_settled_counts_once_or_never() {
        let (mut ledger, north) = (Ledger::default(), site("north"));
        let count = |ledger: &Ledger| ledger.by_site().values().sum::<u64>();
        for seq in [5, 9, 7, 9, 5, 7] {
            ledger.note(ROUTINE, Some(1), seq, &north);
        }
        assert_eq!(count(&ledger), 3);
        ledger.advance(ROUTINE, Some(1), Progress { delivered_seq: 9, ack_floor_seq: 5, in_hand: 1 });
        assert_eq!(count(&ledger), 1);
        ledger.note(ROUTINE, Some(1), 4, &north);
        ledger.note(ROUTINE, Some(u16::MAX), 10, &north);
        assert_eq!(count(&ledger), 1);
        ledger.advance(ROUTINE, Some(1), Progress { delivered_seq: 9, ack_floor_seq: 9, in_hand: 0 });
        assert!(ledger.is_empty());
    }
}
