//! How long a study that was reported before waits for what else comes. A study to which images trickle in would else
//! have a revision, and a whole new document, for each of them.

use std::time::Duration;

/// The longest pause before a further revision, where the quiet time of the site is not longer itself.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(900);
/// The shortest time that is doubled: twice nothing is nothing.
const SHORTEST: Duration = Duration::from_millis(100);

/// How long images that come after the report with this `revision` are gathered, counted from the first of them: twice the
/// quiet time after the first report, and twice as long after each further one, up to [`LONGEST_PAUSE`]. After no report
/// (0) there is no pause.
pub fn pause_after(revision: u32, quiet_time: Duration) -> Duration {
    if revision == 0 {
        return Duration::ZERO;
    }
    let factor = 1_u32.checked_shl(revision.min(31)).unwrap_or(u32::MAX);
    quiet_time.max(SHORTEST).saturating_mul(factor).min(LONGEST_PAUSE.max(quiet_time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_with_each_revision_up_to_its_bound() {
        let quiet = Duration::from_secs(10);
        let pauses: Vec<_> = (0..9).map(|revision| pause_after(revision, quiet).as_secs()).collect();
        assert_eq!(pauses, [0, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(pause_after(u32::MAX, quiet), LONGEST_PAUSE);
        // A site that is more patient by itself stays so, one that is not patient at all learns it.
        let day = Duration::from_secs(86_400);
        assert_eq!(pause_after(3, day), day);
        assert_eq!(pause_after(1, Duration::ZERO), Duration::from_millis(200));
    }

    #[test]
    fn a_pause_is_never_shorter_than_the_one_before_nor_than_the_quiet_time() {
        for quiet in [0, 1, 100, 10_000, 899_999, 900_001, 86_400_000].map(Duration::from_millis) {
            for revision in 1..100 {
                let pause = pause_after(revision, quiet);
                assert!(pause >= pause_after(revision - 1, quiet) && pause >= quiet);
                assert!(pause <= LONGEST_PAUSE.max(quiet));
            }
        }
    }
}
