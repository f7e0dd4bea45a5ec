//! Durations as they are typed.

use std::time::Duration;

use jiff::SignedDuration;

/// Reads `30s`, `500ms`, `1m`, `1h 30m` and whatever else people write; a number alone is seconds.
pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    const RULE: &str = "a duration is written as 30s, 500ms or 1m";
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| RULE);
    }
    let duration: SignedDuration = text.parse().map_err(|_| RULE)?;
    duration.try_into().map_err(|_| RULE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let read = |text: &str| duration(text).map(|duration| duration.as_millis());
        assert_eq!(
            ["30s", "30", "1.5s", "250ms", "2m", "0.5m", "1m 30s"].map(read),
            [30_000, 30_000, 1500, 250, 120_000, 30_000, 90_000].map(Ok)
        );
        for bad in ["", "s", "-1s", "-1", "3 fortnights", "nan", "inf"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
