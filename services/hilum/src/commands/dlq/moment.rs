//! Moments as they are typed: a time, or how long ago.

use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// `2026-01-31T12:00:00Z`, or `30m`, `2h`, `1d` for so long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(pub(super) Timestamp);

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        moment(text, Timestamp::now()).map(Self)
    }
}

fn moment(text: &str, now: Timestamp) -> Result<Timestamp, &'static str> {
    const RULE: &str = "a moment is written as 2026-01-31T12:00:00Z, or as 30m, 2h or 1d for so long ago";
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let ago: Span = text.parse().map_err(|_| RULE)?;
    // A day is 24 hours: operators mean how long ago, not the calendar.
    let at = now.to_zoned(TimeZone::UTC).checked_sub(ago.abs()).map_err(|_| RULE)?;
    Ok(at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_people_write_them() {
        let now: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
        let read = |text| moment(text, now).map(|at| at.to_string());
        for (text, expected) in [
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
            ("2026-01-31T12:00:00+01:00", "2026-01-31T11:00:00Z"),
            ("30m", "2026-03-02T11:30:00Z"),
            ("2h", "2026-03-02T10:00:00Z"),
            ("1d", "2026-03-01T12:00:00Z"),
            ("1h30m", "2026-03-02T10:30:00Z"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
        for bad in ["", "yesterday", "30", "2026-01-31"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
