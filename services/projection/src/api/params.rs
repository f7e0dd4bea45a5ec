//! What comes in with a request: ids, limits, how long to wait. Refusals are problems that say what fits.

use std::str::FromStr;
use std::time::Duration;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use hilum_api::Problem;
use hilum_events::JobId;
use jiff::SignedDuration;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use super::error::bad_request;

/// Longest wait that is granted; a longer one that is asked for is cut to it.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// The query string as `T`.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|query| Self(query.0)).map_err(|rejection| bad_request(rejection.body_text()))
    }
}

/// The parameter `wait`: `30s`, `500ms`, `1m` and the like, or `30` (seconds).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wait(pub(super) Duration);

/// How many entries: 1 to 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Limit(pub(super) u32);

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl TryFrom<String> for Limit {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let limit = text.parse().ok().filter(|limit| (1..=500).contains(limit));
        limit.map(Self).ok_or("limit must be a number from 1 to 500")
    }
}

impl FromStr for Wait {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "wait must be a duration such as 30s, 500ms or 1m";
        let asked = match text.parse() {
            Ok(seconds) => SignedDuration::try_from_secs_f64(seconds).map_err(|_| RULE)?,
            Err(_) => text.parse().map_err(|_| RULE)?,
        };
        asked.try_into().map(|asked: Duration| Self(asked.min(WAIT_MAX))).map_err(|_| RULE)
    }
}

impl<'de> Deserialize<'de> for Wait {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Reads a job id from a path.
pub(super) fn job_id(text: &str) -> Result<JobId, Problem> {
    text.parse().map_err(|_| bad_request("a job id is a UUID, as in the answer to the upload"))
}

/// Reads a dead letter's id from a path: a position in the log.
pub(super) fn dead_letter_id(text: &str) -> Result<u64, Problem> {
    let id = text.parse().ok().filter(|id| (1..=i64::MAX.unsigned_abs()).contains(id));
    id.ok_or_else(|| bad_request("a dead letter's id is a number, as in the answer of /v1/ops/dlq"))
}

/// Words that Postgres can hold.
pub(super) fn plain(text: String) -> Result<String, Problem> {
    if text.contains('\0') { Err(bad_request("a reason is plain text")) } else { Ok(text) }
}

/// Reads the numbers of a release.
pub(super) fn release(text: String) -> Result<String, Problem> {
    let is_number =
        |part: &str| (1..=9).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    if text.split('.').all(is_number) { Ok(text) } else { Err(bad_request("a release is written as 0.2.0")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_as_people_write_them() {
        let waited = |text: &str| text.parse::<Wait>().map(|wait| wait.0);
        assert_eq!(waited("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(waited("30"), Ok(Duration::from_secs(30)));
        assert_eq!(waited("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(waited("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(waited("10m"), Ok(WAIT_MAX));
        assert_eq!((waited("0"), waited("0.5m")), (Ok(Duration::ZERO), Ok(Duration::from_secs(30))));
        for bad in ["", "s", "-1s", "-1", "1e400s", "1e400", "ä", "nan", "inf"] {
            assert!(waited(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_release_is_numbers_with_dots_between_them() {
        for good in ["0.2.0", "1", "10.0"] {
            assert_eq!(release(good.to_owned()).unwrap(), good);
        }
        for bad in ["", ".", "1.", "v1", "0.2.0-rc.1", "1.9999999999", "1 2"] {
            assert_eq!(release(bad.to_owned()).unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn limits_are_bounded() {
        assert_eq!(Limit::try_from("500".to_owned()), Ok(Limit(500)));
        for bad in ["0", "501", "-1", "many"] {
            assert!(Limit::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
