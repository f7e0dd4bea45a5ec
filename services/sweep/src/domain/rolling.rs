//! How far the look that reads each object has to be: it goes along the log once in a set time, evenly.

use jiff::SignedDuration;

/// The position up to which all objects must have been read, `since` the look began at the first one, of a log that ends
/// at `last_seq` now. As the log grows, the look reaches the end that it has then: so nothing waits for longer than
/// `within`, neither what was just stored nor what was just read.
pub(crate) fn due_position(last_seq: u64, since: SignedDuration, within: SignedDuration) -> u64 {
    if since >= within {
        return last_seq;
    }
    let share = (since.as_secs_f64() / within.as_secs_f64()).clamp(0.0, 1.0);
    ((last_seq as f64 * share) as u64).min(last_seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24;

    /// Reads hour by hour what is due of a log that grows by `grows` an hour; the longest that any position waited.
    fn longest_wait(hours: i64, within: i64, grows: u64) -> i64 {
        // When each position was last read, or written.
        let mut since: Vec<i64> = Vec::new();
        let (mut began, mut position, mut longest) = (0, 0, 0);
        for hour in 0..hours {
            since.extend(std::iter::repeat_n(hour, usize::try_from(grows).unwrap_or_default()));
            let last_seq = since.len() as u64;
            let elapsed = hour - began;
            let due = due_position(
                last_seq,
                SignedDuration::from_hours(elapsed),
                SignedDuration::from_hours(within),
            );
            for read in position..due {
                let index = usize::try_from(read).unwrap_or(usize::MAX);
                longest = longest.max(hour - since[index]);
                since[index] = hour;
            }
            position = due;
            if elapsed >= within {
                (began, position) = (hour, 0);
            }
        }
        // What was not read at all waits too.
        since.iter().fold(longest, |longest, since| longest.max(hours - since))
    }

    #[test]
    fn nothing_is_unread_for_longer_than_the_set_time_however_the_log_grows() {
        for (within, grows) in [(30 * DAY, 1), (30 * DAY, 7), (2 * DAY, 3), (1, 5), (5, 0)] {
            let longest = longest_wait(100 * DAY, within, grows);
            assert!(longest <= within + 1, "{longest} h of {within} h, {grows} an hour");
        }
    }

    #[test]
    fn what_is_due_never_goes_back_and_never_beyond_the_end() {
        let within = SignedDuration::from_hours(100);
        let mut before = 0;
        for hour in -5..120 {
            let due = due_position(u64::MAX >> 12, SignedDuration::from_hours(hour), within);
            assert!(due >= before && due <= u64::MAX >> 12);
            before = due;
        }
        assert_eq!(due_position(7, SignedDuration::ZERO, within), 0);
        assert_eq!(due_position(7, within, within), 7);
    }
}
