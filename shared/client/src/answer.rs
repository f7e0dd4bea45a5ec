//! An answer as the type that the API gives it, and as it came: what a newer release has added is not lost for programs that
//! read the JSON.

use std::ops::Deref;

use hilum_api::{Job, Study};
use hilum_events::JobId;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

/// What the stack answered. It is read as a `T` and written as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<T> {
    /// Some answers are large, and are kept beside small ones.
    typed: Box<T>,
    json: Value,
}

/// A page of jobs, newest first.
#[derive(Debug, Clone, Deserialize)]
pub struct JobPage {
    /// The jobs, each as it came.
    pub jobs: Vec<Answer<Job>>,
    /// Where the next page begins; `None` at the end.
    #[serde(default)]
    pub next: Option<JobId>,
}

impl Answer<Study> {
    /// Adds the jobs of the page behind what is there so far.
    pub(crate) fn append(&mut self, page: Self) {
        let Self { typed, mut json } = page;
        self.typed.jobs.extend(typed.jobs);
        self.typed.next = typed.next;
        if let (Some(jobs), Some(more)) = (self.json["jobs"].as_array_mut(), json["jobs"].as_array_mut()) {
            jobs.append(more);
        }
        if let Some(fields) = self.json.as_object_mut() {
            fields.remove("next");
            fields.extend(typed.next.map(|next| ("next".to_owned(), json!(next))));
        }
    }
}

impl<T> Answer<T> {
    /// The part of it that `part` takes out, with all that came.
    pub fn map<U>(self, part: impl FnOnce(T) -> U) -> Answer<U> {
        Answer { typed: Box::new(part(*self.typed)), json: self.json }
    }
}

impl<T> Deref for Answer<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.typed
    }
}

impl<T> Serialize for Answer<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Answer<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Value::deserialize(deserializer)?;
        let typed = T::deserialize(&json).map_err(D::Error::custom)?;
        Ok(Self { typed: Box::new(typed), json })
    }
}

#[cfg(test)]
mod tests {
    use hilum_api::{Positions, samples};

    use super::*;

    #[test]
    fn what_a_newer_release_has_added_is_written_as_it_came() {
        let newer = json!({ "first_seq": 3, "last_seq": 4, "since": "2027" });
        let answer: Answer<Positions> = serde_json::from_value(newer.clone()).unwrap();
        assert_eq!((answer.first_seq, answer.last_seq), (3, 4));
        assert_eq!(json!(answer), newer);
        assert!(serde_json::from_value::<Answer<Positions>>(json!(samples::decision())).is_err());
    }
}
