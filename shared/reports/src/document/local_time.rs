//! The site's time zone, as far as the times of a document need it. What a clock there showed stands in the document, so
//! that its forms say the same for ever, whatever becomes of the setting or of the rules of time zones.

use hilum_zones::{UtcOffset, Zone, ZoneTime};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Report;

/// A time zone and what its clocks showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeZoneEntry {
    /// Its IANA name, such as `Asia/Seoul`.
    pub name: String,
    /// By how much clocks there were ahead of UTC at the times of the document, oldest first.
    pub offsets: Vec<OffsetEntry>,
}

/// By how much clocks were ahead of UTC from a time on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetEntry {
    /// The first time of the document for which it holds.
    pub from: Timestamp,
    /// Such as `+09:00`.
    pub utc_offset: UtcOffset,
    /// What people there call this time, such as `KST`, where it has such a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abbreviation: Option<String>,
}

impl TimeZoneEntry {
    /// What the clocks of `zone` showed at `times`.
    fn of(zone: &Zone, mut times: Vec<Timestamp>) -> Self {
        times.sort_unstable();
        let mut offsets: Vec<OffsetEntry> = Vec::new();
        for from in times {
            let ZoneTime { offset, abbreviation } = zone.at(from);
            let entry = OffsetEntry { from, utc_offset: offset, abbreviation };
            let is_news = offsets.last().is_none_or(|last| {
                (last.utc_offset, &last.abbreviation) != (entry.utc_offset, &entry.abbreviation)
            });
            if is_news {
                offsets.push(entry);
            }
        }
        Self { name: zone.name().to_owned(), offsets }
    }

    /// What holds at a time of the document; `None` only if nothing is said at all.
    fn at(&self, at: Timestamp) -> Option<&OffsetEntry> {
        let since = self.offsets.iter().rev().find(|offset| offset.from <= at);
        since.or(self.offsets.first())
    }
}

impl Report {
    /// Gives the document the time zone of its site. To be called when all its times are in it.
    pub fn set_time_zone(&mut self, zone: &Zone) {
        self.time_zone = Some(TimeZoneEntry::of(zone, self.times()));
    }

    /// By how much clocks at the site were ahead of UTC at a time of the document, if its time zone is known.
    pub fn utc_offset(&self, at: Timestamp) -> Option<UtcOffset> {
        Some(self.time_zone.as_ref()?.at(at)?.utc_offset)
    }

    /// A time of the document for people, to the second: that of the site with its zone, such as
    /// `2026-11-30 14:05:00 KST (UTC+09:00)`, or else `2026-11-30 05:05:00 UTC`.
    pub fn local_time(&self, at: Timestamp) -> String {
        match self.time_zone.as_ref().and_then(|zone| zone.at(at)) {
            None => in_utc(at),
            Some(OffsetEntry { utc_offset, abbreviation: Some(utc), .. })
                if utc == "UTC" && *utc_offset == UtcOffset::UTC =>
            {
                in_utc(at)
            }
            Some(OffsetEntry { utc_offset, abbreviation, .. }) => {
                let local = utc_offset.local(at).strftime("%Y-%m-%d %H:%M:%S");
                match abbreviation {
                    Some(abbreviation) => format!("{local} {abbreviation} (UTC{utc_offset})"),
                    None => format!("{local} (UTC{utc_offset})"),
                }
            }
        }
    }

    /// As [`Self::local_time`], where there is room for a few words only: `2026-11-30 14:05:00 +09:00`.
    pub(crate) fn short_local_time(&self, at: Timestamp) -> String {
        match self.utc_offset(at) {
            Some(offset) => format!("{} {offset}", offset.local(at).strftime("%Y-%m-%d %H:%M:%S")),
            None => in_utc(at),
        }
    }

    /// All times that stand in the document.
    fn times(&self) -> Vec<Timestamp> {
        let comparison = self.comparison.iter().map(|earlier| earlier.as_of);
        let flags = self.flags.iter().map(|flag| flag.at);
        let images = self.images.iter().map(|image| image.received_at);
        let events = self.provenance.events.iter().map(|event| event.stored_at);
        comparison.chain(flags).chain(images).chain(events).chain([self.as_of]).collect()
    }
}

fn in_utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::samples::{incomplete, revised};

    fn at_site(zone: &str) -> Report {
        let mut report = incomplete();
        report.set_time_zone(&zone.parse().unwrap());
        report
    }

    #[test]
    fn a_time_is_that_of_the_site_with_its_zone_or_else_utc() {
        let at = incomplete().as_of;
        for (zone, long, short) in [
            ("Asia/Seoul", "2026-01-01 09:00:31 KST (UTC+09:00)", "2026-01-01 09:00:31 +09:00"),
            ("America/St_Johns", "2025-12-31 20:30:31 NST (UTC-03:30)", "2025-12-31 20:30:31 -03:30"),
            ("America/Sao_Paulo", "2025-12-31 21:00:31 (UTC-03:00)", "2025-12-31 21:00:31 -03:00"),
            ("Europe/London", "2026-01-01 00:00:31 GMT (UTC+00:00)", "2026-01-01 00:00:31 +00:00"),
            ("UTC", "2026-01-01 00:00:31 UTC", "2026-01-01 00:00:31 +00:00"),
        ] {
            let report = at_site(zone);
            assert_eq!((report.local_time(at), report.short_local_time(at)), (long.into(), short.into()));
        }
        let utc = "2026-01-01 00:00:31 UTC".to_owned();
        assert_eq!((incomplete().local_time(at), incomplete().short_local_time(at)), (utc.clone(), utc));
    }

    #[test]
    fn each_time_has_the_offset_of_its_own_day() {
        let mut report = incomplete();
        let times = ["2025-08-01T00:00:00Z", "2026-10-25T00:59:59Z", "2026-10-25T01:00:00Z"]
            .map(|time| time.parse::<Timestamp>().unwrap());
        report.comparison.as_mut().unwrap().as_of = times[0];
        report.images[0].received_at = times[1];
        report.as_of = times[2];
        report.set_time_zone(&"Europe/Berlin".parse().unwrap());
        let offset = |from: &str, utc_offset: &str, abbreviation: &str| json!({"from": from, "utc_offset": utc_offset, "abbreviation": abbreviation});
        let expected = json!({"name": "Europe/Berlin", "offsets": [
            offset("2025-08-01T00:00:00Z", "+02:00", "CEST"),
            offset("2026-01-01T00:00:00Z", "+01:00", "CET"),
            offset("2026-10-25T00:59:59Z", "+02:00", "CEST"),
            offset("2026-10-25T01:00:00Z", "+01:00", "CET"),
        ]});
        assert_eq!(serde_json::to_value(&report.time_zone).unwrap(), expected);
        assert_eq!(
            times.map(|time| report.local_time(time)),
            [
                "2025-08-01 02:00:00 CEST (UTC+02:00)",
                "2026-10-25 02:59:59 CEST (UTC+02:00)",
                "2026-10-25 02:00:00 CET (UTC+01:00)"
            ]
        );
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        assert!(report.times().iter().all(|at| report.utc_offset(*at) == Some(berlin.at(*at).offset)));
    }

    #[test]
    fn a_document_is_read_back_with_its_zone_and_says_nothing_of_a_zone_that_is_not_set() {
        let report = at_site("Asia/Seoul");
        let json = report.to_json().unwrap();
        assert_eq!(Report::from_json(&json).unwrap(), report);
        let without: Value = serde_json::from_slice(&revised().to_json().unwrap()).unwrap();
        assert!(without.get("time_zone").is_none());
        // A zone without a time says nothing, and is no reason to fail.
        let mut report = report;
        report.time_zone.as_mut().unwrap().offsets.clear();
        assert_eq!(report.local_time(report.as_of), incomplete().local_time(report.as_of));
    }
}
