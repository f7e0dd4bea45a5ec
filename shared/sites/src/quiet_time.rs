//! The quiet time as it stands in settings and in the file of the sites: one rule for whoever reads it.

use std::time::Duration;

/// The longest that a study may be quiet before it is reported, seconds: a day.
pub(crate) const QUIET_TIME_MAX_S: f64 = 86_400.0;

/// Reads the setting `HILUM_QUIET_TIME_S`: seconds, decimals allowed. 0 reports a study as soon as all its images have
/// outcomes.
///
/// # Errors
/// The rule that it breaks.
pub fn quiet_time(text: &str) -> Result<Duration, String> {
    let rule = || format!("must be a number of seconds from 0 to {QUIET_TIME_MAX_S}");
    let seconds: f64 = text.parse().map_err(|_| rule())?;
    if (0.0..=QUIET_TIME_MAX_S).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(rule())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_times_that_no_clock_can_keep_are_refused() {
        assert_eq!(quiet_time("0"), Ok(Duration::ZERO));
        assert_eq!(quiet_time("0.2"), Ok(Duration::from_millis(200)));
        assert_eq!(quiet_time("86400"), Ok(Duration::from_secs(86_400)));
        for bad in ["", "-1", "NaN", "inf", "86401", "ten"] {
            assert_eq!(
                quiet_time(bad),
                Err("must be a number of seconds from 0 to 86400".to_owned()),
                "{bad}"
            );
        }
    }
}
