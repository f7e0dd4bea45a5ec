//! Durations as they are typed, in the form that the API takes too.

use std::str::FromStr;
use std::time::Duration;

/// `30s`, `500ms`, `1m` or `30` (seconds).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait(pub(super) Duration);

impl FromStr for Wait {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "a duration is written as 30s, 500ms or 1m";
        let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit_s = match &text[number.len()..] {
            "ms" => 0.001,
            "" | "s" => 1.0,
            "m" => 60.0,
            _ => return Err(RULE),
        };
        let seconds = number.parse::<f64>().map_err(|_| RULE)? * unit_s;
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| RULE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<Wait>().map(|wait| wait.0.as_millis());
        assert_eq!(
            ["30s", "30", "1.5s", "250ms", "2m"].map(read),
            [30_000, 30_000, 1500, 250, 120_000].map(Ok)
        );
        for bad in ["", "s", "-1s", "3h", "nan"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
