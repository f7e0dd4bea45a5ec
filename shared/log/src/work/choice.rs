//! Which of the messages that have come is taken next. Pure: knows only what kind of message waits in which place.

use super::source::Kind;

/// Each consumer has a place for what is fresh and one for its retries, the most urgent consumer first.
const PLACES_OF_A_CONSUMER: usize = 2;

/// Among which messages is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Among {
    /// All that wait.
    All,
    /// What is no retry.
    Fresh,
    /// Those of the first consumer, retries too.
    Urgent,
}

impl Among {
    fn has(self, place: usize, kind: Kind) -> bool {
        match self {
            Self::All => true,
            Self::Fresh => kind == Kind::Fresh,
            Self::Urgent => place < PLACES_OF_A_CONSUMER,
        }
    }
}

/// The place of the most urgent message that waits; that of a retry, if there is one, when it is their turn. `waiting`
/// has an entry for each place, most urgent first: nothing, or what waits there.
pub(super) fn next_place(
    waiting: impl Iterator<Item = Option<Kind>> + Clone,
    among: Among,
    retry_first: bool,
) -> Option<usize> {
    let waiting = waiting.enumerate().filter_map(|(place, kind)| Some((place, kind?)));
    let mut eligible = waiting.filter(|(place, kind)| among.has(*place, *kind));
    let retry = eligible.clone().find(|(_, kind)| retry_first && *kind == Kind::Retry);
    retry.or_else(|| eligible.next()).map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    const URGENT: usize = 0;
    const URGENT_RETRY: usize = 1;
    const ROUTINE: usize = 2;
    const ROUTINE_RETRY: usize = 3;

    /// Which of the places in which something waits is chosen.
    fn choose(waits: &[usize], among: Among, retry_first: bool) -> Option<usize> {
        let kinds = [Kind::Fresh, Kind::Retry, Kind::Fresh, Kind::Retry];
        let kinds = kinds.into_iter().enumerate();
        let waiting = kinds.map(|(place, kind)| waits.contains(&place).then_some(kind));
        next_place(waiting, among, retry_first)
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
}
