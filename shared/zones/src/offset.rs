//! A difference to UTC, and how it is written.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

/// How far a clock is ahead of UTC, in whole minutes; less than a day. Written as `+09:00`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UtcOffset {
    minutes: i32,
}

/// The text is no offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an offset from UTC is written as +09:00 or +0900, less than a day")]
pub struct OffsetError;

impl UtcOffset {
    /// No difference.
    pub const UTC: Self = Self { minutes: 0 };

    /// What the clock shows at a moment.
    pub fn local(self, at: Timestamp) -> DateTime {
        self.to_jiff().to_datetime(at)
    }

    /// When the clock shows `local`; `None` outside of the years that can be told.
    pub fn moment(self, local: DateTime) -> Option<Timestamp> {
        self.to_jiff().to_timestamp(local).ok()
    }

    /// As HL7 and DICOM write it, such as `+0900`.
    pub fn without_colon(self) -> String {
        self.to_string().replace(':', "")
    }

    fn to_jiff(self) -> Offset {
        Offset::from_seconds(self.minutes * 60).unwrap_or(Offset::UTC)
    }
}

impl From<Offset> for UtcOffset {
    /// The offset in whole minutes. Seconds, by which no clock in use differs, are cut off.
    fn from(offset: Offset) -> Self {
        Self { minutes: offset.seconds() / 60 }
    }
}

impl fmt::Display for UtcOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minutes < 0 { '-' } else { '+' };
        let minutes = self.minutes.abs();
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl FromStr for UtcOffset {
    type Err = OffsetError;

    fn from_str(text: &str) -> Result<Self, OffsetError> {
        let (sign, digits) = match text.as_bytes() {
            [sign @ (b'+' | b'-'), hour @ .., b':', m, n] => (*sign, [hour, &[*m, *n]].concat()),
            [sign @ (b'+' | b'-'), digits @ ..] => (*sign, digits.to_vec()),
            _ => return Err(OffsetError),
        };
        let digits: [u8; 4] = digits.try_into().map_err(|_| OffsetError)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(OffsetError);
        }
        let [h, i, m, n] = digits.map(|digit| i32::from(digit - b'0'));
        let (hours, minutes) = (h * 10 + i, m * 10 + n);
        if hours > 23 || minutes > 59 {
            return Err(OffsetError);
        }
        let minutes = hours * 60 + minutes;
        Ok(Self { minutes: if sign == b'-' { -minutes } else { minutes } })
    }
}

impl TryFrom<String> for UtcOffset {
    type Error = OffsetError;

    fn try_from(text: String) -> Result<Self, OffsetError> {
        text.parse()
    }
}

impl From<UtcOffset> for String {
    fn from(offset: UtcOffset) -> Self {
        offset.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_read_as_it_is_written() {
        for (text, written) in [
            ("+0900", "+09:00"),
            ("-03:30", "-03:30"),
            ("-0030", "-00:30"),
            ("+0000", "+00:00"),
            ("+1400", "+14:00"),
        ] {
            let offset: UtcOffset = text.parse().unwrap();
            assert_eq!(offset.to_string(), written);
            assert_eq!(offset.without_colon(), written.replace(':', ""));
            let json = serde_json::to_string(&offset).unwrap();
            assert_eq!(serde_json::from_str::<UtcOffset>(&json).unwrap(), offset);
        }
        for bad in
            ["", "0900", "+9:00", "+09", "+24:00", "+0960", "+09:0", "+٠٩٠٠", "++900", "+090:0", "+ 900"]
        {
            assert_eq!(bad.parse::<UtcOffset>(), Err(OffsetError), "{bad}");
        }
    }

    #[test]
    fn a_clock_that_is_ahead_shows_the_moment_later() {
        let at: Timestamp = "2026-12-31T15:04:05Z".parse().unwrap();
        let ahead: UtcOffset = "+09:00".parse().unwrap();
        assert_eq!(ahead.local(at).to_string(), "2027-01-01T00:04:05");
        assert_eq!(ahead.moment(ahead.local(at)), Some(at));
    }
}
