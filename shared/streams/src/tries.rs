//! The story of a message: what was tried and how it ended.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One try at a message that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// When it ended, by the clock of the machine that tried: evidence, nothing is decided by it.
    pub at: Timestamp,
    /// 1, or more when workers had taken the message before and never answered.
    pub deliveries: u64,
    /// The error and its causes, outermost first.
    pub errors: Vec<String>,
    /// Version of the service that tried.
    pub service_version: String,
    /// How often in a row it was so; `at` is the last one.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub times: u64,
}

/// So many tries are told one by one; of later ones those that ended alike stand together.
const TOLD_SINGLY: usize = 10;

fn once() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_once(times: &u64) -> bool {
    *times == 1
}

/// How many tries these are.
pub fn times(tries: &[Try]) -> u64 {
    tries.iter().map(|tried| tried.times).sum()
}

impl Try {
    /// A try by a service of this release that ended at `at`.
    pub fn ended(at: Timestamp, deliveries: u64, errors: Vec<String>) -> Self {
        let service_version = env!("CARGO_PKG_VERSION").to_owned();
        Self { at, deliveries, errors, service_version, times: 1 }
    }

    /// Adds this try to the story. A target that is away for a day leads to hundreds that are alike.
    pub fn join(self, tries: &mut Vec<Self>) {
        let is_long = tries.len() >= TOLD_SINGLY;
        match tries.last_mut() {
            Some(last) if is_long && last.deliveries == self.deliveries && last.errors == self.errors => {
                *last = Self { times: last.times + self.times, ..self };
            }
            _ => tries.push(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_that_end_alike_stand_together_once_the_story_is_long() {
        let mut tries = Vec::new();
        for number in 0..500 {
            let error = if number == 400 { "it is busy" } else { "it can't be reached" };
            Try::ended(Timestamp::UNIX_EPOCH, 1, vec![error.to_owned()]).join(&mut tries);
        }
        let told: Vec<u64> = tries.iter().map(|tried| tried.times).collect();
        assert_eq!(told, [&[1; 9][..], &[391, 1, 99]].concat());
        assert_eq!(times(&tries), 500);
    }
}
