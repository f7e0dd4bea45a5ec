//! On which clock the dates and times of an object are told. An object has one Timezone Offset From UTC (0008,0201) for all
//! its DA and TM values (PS3.3 C.12.1.1.8), those that are copied from the images too: it is stated only where it is true of
//! them. A value of DT can hold an offset of its own.

use hilum_imaging::StudyHeader;
use hilum_reports::Report;
use hilum_zones::{UtcOffset, Zone};
use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp};

/// By how much the clock of a device may be ahead of ours; zones differ by more.
const DEVICE_AHEAD: SignedDuration = SignedDuration::from_mins(10);

/// Clocks had other differences before, such as 8 h 28 min, and dates such as 19000101 stand for none.
const UTC_SINCE: i16 = 1972;

/// The clock of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// A clock that is ahead of UTC by this, as the object states.
    Stated(UtcOffset),
    /// The clock of the site. What was copied may be of another, so the object states no offset.
    Site,
    /// None: nobody knows the clock of the copied times, so no time of ours can stand beside them.
    Unknown,
}

impl Clock {
    /// `header` is what is copied from. What its file states holds; else the time zone of the site, as far as the copied
    /// times can be of it.
    pub(crate) fn of(report: &Report, header: Option<&StudyHeader>) -> Self {
        let stated = header.and_then(|header| header.timezone_offset_from_utc.parse().ok());
        let copied = header.filter(|it| !it.study_date.is_empty() || !it.study_time.is_empty());
        match (stated, report.utc_offset(report.as_of), copied) {
            (Some(offset), ..) => Self::Stated(offset),
            (None, Some(_), Some(header)) => offset_of(report, header).map_or(Self::Site, Self::Stated),
            (None, Some(offset), None) => Self::Stated(offset),
            (None, None, Some(_)) => Self::Unknown,
            (None, None, None) => Self::Stated(UtcOffset::UTC),
        }
    }

    /// The offset that the object states, such as `+0900`.
    pub(crate) fn stated(self) -> Option<String> {
        match self {
            Self::Stated(offset) => Some(offset.without_colon()),
            Self::Site | Self::Unknown => None,
        }
    }

    /// What this clock shows at a time of the document.
    pub(crate) fn shows(self, report: &Report, at: Timestamp) -> Option<DateTime> {
        Some(self.offset(report, at)?.local(at))
    }

    /// A time of the document as DT, such as `20260101000007`, with an offset of its own where the object states none.
    pub(crate) fn moment(self, report: &Report, at: Timestamp) -> String {
        let offset = self.offset(report, at).unwrap_or(UtcOffset::UTC);
        let shown = offset.local(at).strftime("%Y%m%d%H%M%S").to_string();
        match self {
            Self::Stated(_) => shown,
            Self::Site | Self::Unknown => shown + &offset.without_colon(),
        }
    }

    fn offset(self, report: &Report, at: Timestamp) -> Option<UtcOffset> {
        match self {
            Self::Stated(offset) => Some(offset),
            Self::Site => report.utc_offset(at),
            Self::Unknown => None,
        }
    }
}

/// The offset of the site's clocks when they showed the time of the study; `None` if that can't be told, or if the study
/// would then have begun after its own report.
fn offset_of(report: &Report, header: &StudyHeader) -> Option<UtcOffset> {
    let zone: Zone = report.time_zone.as_ref()?.name.parse().ok()?;
    let date = Date::strptime("%Y%m%d", &header.study_date).ok().filter(|date| date.year() >= UTC_SINCE)?;
    // Clocks are changed at night: of a whole day noon tells, and it can have begun at midnight.
    let (begun, asked) = match header.study_time.as_str() {
        "" => (Time::midnight(), Time::constant(12, 0, 0, 0)),
        time => [time_of_day(time)?; 2].into(),
    };
    let offset = zone.offset_of(date.to_datetime(asked))?;
    let begun_at = offset.moment(date.to_datetime(begun))?;
    (begun_at <= report.as_of.saturating_add(DEVICE_AHEAD).ok()?).then_some(offset)
}

/// A value of TM: `HH`, `HHMM` or `HHMMSS`, with a fraction or none.
fn time_of_day(text: &str) -> Option<Time> {
    let whole = text.split('.').next().unwrap_or(text);
    let is_whole = matches!(whole.len(), 2 | 4 | 6) && whole.bytes().all(|byte| byte.is_ascii_digit());
    let part = |at: usize| whole.get(at..at + 2).map_or(Some(0), |digits| digits.parse::<i8>().ok());
    // 60 is a leap second.
    let time = Time::new(part(0)?, part(2)?, part(4)?.min(59), 0).ok();
    time.filter(|_| is_whole)
}

#[cfg(test)]
mod tests {
    use hilum_reports::samples;

    use super::*;

    /// The clock of a report of 2026-01-01 00:00:07 UTC, at a site in `zone`, of a study with these date and time.
    fn clock(zone: Option<&str>, offset: &str, date: &str, time: &str) -> Clock {
        let mut report = samples::one_of_each();
        if let Some(zone) = zone {
            report.set_time_zone(&zone.parse().unwrap());
        }
        let [timezone_offset_from_utc, study_date, study_time] = [offset, date, time].map(str::to_owned);
        let header =
            StudyHeader { timezone_offset_from_utc, study_date, study_time, ..StudyHeader::default() };
        Clock::of(&report, Some(&header))
    }

    fn stated(offset: &str) -> Clock {
        Clock::Stated(offset.parse().unwrap())
    }

    #[test]
    fn the_offset_that_the_images_state_holds_whatever_the_site_says() {
        for zone in [None, Some("Asia/Seoul")] {
            assert_eq!(clock(zone, "-0330", "20251231", "120000"), stated("-0330"));
            assert_eq!(clock(zone, "+0000", "", ""), stated("+0000"));
        }
    }

    #[test]
    fn times_that_nobody_knows_the_zone_of_get_no_offset() {
        for (date, time) in [("20251231", "120000"), ("20251231", ""), ("", "120000")] {
            assert_eq!(clock(None, "", date, time), Clock::Unknown);
        }
        // Nothing is copied: all times are ours.
        assert_eq!(clock(None, "", "", ""), stated("+0000"));
    }

    #[test]
    fn the_offset_of_a_site_is_that_of_the_study_s_day() {
        let berlin = |date: &str, time: &str| clock(Some("Europe/Berlin"), "", date, time);
        assert_eq!(berlin("20251231", "235900"), stated("+0100"));
        assert_eq!(berlin("20250701", "0800"), stated("+0200"));
        assert_eq!(berlin("20250701", ""), stated("+0200"));
        assert_eq!(berlin("20251026", "015959.999999"), stated("+0200"));
        assert_eq!(berlin("20251026", "03"), stated("+0100"));
        assert_eq!(berlin("", ""), stated("+0100"));
        assert_eq!(clock(Some("Asia/Seoul"), "", "20260101", "085900"), stated("+0900"));
    }

    #[test]
    fn an_offset_that_is_in_doubt_is_not_stated() {
        let berlin = |date: &str, time: &str| clock(Some("Europe/Berlin"), "", date, time);
        // The hour that is shown twice, days and times that are none.
        for (date, time) in [
            ("20251026", "023000"),
            ("20251301", "120000"),
            ("19000101", "120000"),
            ("20251231", "1"),
            ("20251231", "250000"),
            ("", "12"),
        ] {
            assert_eq!(berlin(date, time), Clock::Site, "{date} {time}");
        }
        // The report is of 19:00 in New York: a device there that shows UTC would be hours ahead of it.
        let new_york = |time: &str| clock(Some("America/New_York"), "", "20251231", time);
        assert_eq!(new_york("190900"), stated("-0500"), "a device's clock may be ahead a little");
        assert_eq!(new_york("191100"), Clock::Site);
        assert_eq!(clock(Some("America/New_York"), "", "20260101", "000000"), Clock::Site);
    }

    #[test]
    fn a_time_is_shown_on_the_clock_of_the_object_and_a_moment_has_an_offset_in_any_case() {
        let mut report = samples::one_of_each();
        report.set_time_zone(&"Asia/Seoul".parse().unwrap());
        let at = report.as_of;
        let shown = |clock: Clock| {
            (clock.shows(&report, at).map(|at| at.to_string()), clock.moment(&report, at), clock.stated())
        };
        let (seoul, utc) = ("2026-01-01T09:00:07", "2026-01-01T00:00:07");
        assert_eq!(shown(Clock::Site), (Some(seoul.into()), "20260101090007+0900".into(), None));
        assert_eq!(shown(Clock::Unknown), (None, "20260101000007+0000".into(), None));
        let stated = shown(Clock::Stated(UtcOffset::UTC));
        assert_eq!(stated, (Some(utc.into()), "20260101000007".into(), Some("+0000".into())));
    }
}
