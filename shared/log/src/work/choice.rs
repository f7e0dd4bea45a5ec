//! Which of the messages that have come is taken next. Pure: knows only of what kind each is, and when its site had its last
//! turn.

/// What a message brings, the more urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Facts for the first time, or again because a worker did not answer.
    Fresh,
    /// Tickets of work that failed before.
    Retry,
}

/// A message that waits and may be taken next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    /// How urgent its consumer is among those of the service: 0 for the most urgent.
    pub(super) rank: usize,
    pub(super) kind: Kind,
    /// The turn in which a message of its site was last taken, wherever that stood; 0 for never.
    pub(super) taken_at: u64,
    /// Nothing of its site is in hand, and there are lanes to tell sites apart.
    pub(super) is_newcomer: bool,
    /// Position of the message.
    pub(super) seq: u64,
}

/// The messages among which it is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Among {
    /// All that wait.
    All,
    /// Those that are no retries.
    Fresh,
    /// Those of the first consumer, retries too.
    Urgent,
    /// Those of sites that have none in hand.
    Newcomers,
}

impl Among {
    fn has(self, candidate: Candidate) -> bool {
        match self {
            Self::All => true,
            Self::Fresh => candidate.kind == Kind::Fresh,
            Self::Urgent => candidate.rank == 0,
            Self::Newcomers => candidate.is_newcomer && candidate.kind == Kind::Fresh,
        }
    }
}

/// The index of the most urgent candidate; of a retry, if there is one, when it is their turn. Among equals it is the one whose
/// site had its last turn longest ago: sites are served in turn, in however many lanes one stands; and of one site the oldest.
pub(super) fn next(
    waiting: impl Iterator<Item = (usize, Candidate)> + Clone,
    among: Among,
    retry_first: bool,
) -> Option<usize> {
    let eligible = waiting.filter(|(_, candidate)| among.has(*candidate));
    let urgency = |(_, candidate): &(usize, Candidate)| {
        (candidate.rank, candidate.kind, candidate.taken_at, candidate.seq)
    };
    let retries = eligible.clone().filter(|(_, candidate)| retry_first && candidate.kind == Kind::Retry);
    retries.min_by_key(urgency).or_else(|| eligible.min_by_key(urgency)).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const URGENT: usize = 0;
    const URGENT_RETRY: usize = 1;
    const ROUTINE: usize = 2;
    const ROUTINE_RETRY: usize = 3;

    fn candidate(rank: usize, kind: Kind) -> Candidate {
        Candidate { rank, kind, taken_at: 0, is_newcomer: false, seq: 0 }
    }

    /// Which of the places in which something waits is chosen.
    fn choose(waits: &[usize], among: Among, retry_first: bool) -> Option<usize> {
        let places = [(0, Kind::Fresh), (0, Kind::Retry), (1, Kind::Fresh), (1, Kind::Retry)];
        let places = places.map(|(rank, kind)| candidate(rank, kind));
        next(waits.iter().map(|index| (*index, places[*index])), among, retry_first)
    }

    #[test]
    fn what_is_urgent_goes_before_what_is_routine_and_fresh_before_retries() {
        assert_eq!(choose(&[URGENT, URGENT_RETRY, ROUTINE, ROUTINE_RETRY], Among::All, false), Some(URGENT));
        assert_eq!(choose(&[URGENT_RETRY, ROUTINE, ROUTINE_RETRY], Among::All, false), Some(URGENT_RETRY));
        assert_eq!(choose(&[ROUTINE, ROUTINE_RETRY], Among::All, false), Some(ROUTINE));
        assert_eq!(choose(&[URGENT_RETRY, ROUTINE, ROUTINE_RETRY], Among::Fresh, false), Some(ROUTINE));
        assert_eq!(choose(&[URGENT_RETRY, ROUTINE_RETRY], Among::Fresh, true), None);
    }

    #[test]
    fn when_it_is_their_turn_the_most_urgent_retry_goes_first() {
        assert_eq!(choose(&[URGENT, ROUTINE, ROUTINE_RETRY], Among::All, true), Some(ROUTINE_RETRY));
        assert_eq!(choose(&[URGENT, URGENT_RETRY, ROUTINE_RETRY], Among::All, true), Some(URGENT_RETRY));
        assert_eq!(choose(&[URGENT, ROUTINE], Among::All, true), Some(URGENT), "there is none");
    }

    #[test]
    fn the_reserve_is_for_the_first_consumer_alone_and_for_its_retries_too() {
        assert_eq!(choose(&[ROUTINE, ROUTINE_RETRY], Among::Urgent, false), None);
        assert_eq!(choose(&[URGENT_RETRY, ROUTINE], Among::Urgent, false), Some(URGENT_RETRY));
        assert_eq!(choose(&[URGENT, URGENT_RETRY, ROUTINE], Among::Urgent, false), Some(URGENT));
    }

    /// Whose message is taken in each of `turns` turns, when sites of these ranks always have one that waits.
    fn taken(ranks: &[usize], turns: u64) -> Vec<usize> {
        let mut places: Vec<Candidate> = ranks.iter().map(|rank| candidate(*rank, Kind::Fresh)).collect();
        let turn = |turn| {
            let next = next(places.iter().copied().enumerate(), Among::All, false).unwrap();
            places[next].taken_at = turn;
            next
        };
        (1..=turns).map(turn).collect()
    }

    #[test]
    fn sites_are_served_in_turn_and_the_urgent_ones_before_all_others() {
        assert_eq!(taken(&[1, 1, 1], 7), [0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(taken(&[1, 0, 1, 0], 5), [1, 3, 1, 3, 1]);
    }

    #[test]
    fn of_a_site_that_stands_in_several_lanes_the_oldest_is_taken() {
        let [older, newer] = [3, 8].map(|seq| Candidate { seq, ..candidate(1, Kind::Fresh) });
        assert_eq!(next([(0, newer), (1, older)].into_iter(), Among::All, false), Some(1));
    }

    #[test]
    fn a_site_that_comes_anew_is_next_and_gets_no_more_than_its_share_afterwards() {
        let flood = Candidate { taken_at: 40, ..candidate(1, Kind::Fresh) };
        let newcomer = Candidate { taken_at: 7, is_newcomer: true, ..flood };
        let both = [(0, flood), (1, newcomer)];
        assert_eq!(next(both.into_iter(), Among::All, false), Some(1));
        assert_eq!(next(both.into_iter(), Among::Newcomers, false), Some(1));
        let served = Candidate { taken_at: 41, is_newcomer: false, ..newcomer };
        let both = [(0, flood), (1, served)];
        assert_eq!(next(both.into_iter(), Among::All, false), Some(0));
        assert_eq!(next(both.into_iter(), Among::Newcomers, false), None);
    }
}
