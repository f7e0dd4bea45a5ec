//! Identifiers. Each follows from its cause, so that a retry makes the same one. No randomness here: random
//! job ids are drawn at the door and come in as arguments.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Namespace of all UUIDv5 made by Hilum.
const NAMESPACE: Uuid = Uuid::from_u128(0x4849_4c55_4d00_5000_8000_6576_656e_7473);

macro_rules! uuid_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps an id that was made elsewhere.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare UUID.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_newtype!(
    /// One fact in the log.
    EventId
);
uuid_newtype!(
    /// One upload: each gets its own, also when the bytes were seen before.
    JobId
);
uuid_newtype!(
    /// All images that are reported together.
    StudyId
);
uuid_newtype!(
    /// One reading of one content by one model, shared by all jobs with that content.
    ReadingId
);

uuid_newtype!(
    /// What a model sees of an image: the decoded pixels, whatever file they came in, together with the model.
    PictureId
);

impl EventId {
    /// The id of the fact that follows from `cause` and stands at `subject`: other facts of the same cause stand
    /// elsewhere.
    pub fn following(cause: Uuid, subject: &str) -> Self {
        Self(Uuid::new_v5(&cause, subject.as_bytes()))
    }
}

impl StudyId {
    /// A study that the sender named, within its site: either by `study` or by the DICOM Study Instance UID.
    pub fn named(site: &Site, name: &str) -> Self {
        let name = format!("study/{site}/{name}");
        Self(Uuid::new_v5(&NAMESPACE, name.as_bytes()))
    }

    /// The study of an image that came alone.
    pub fn of_lone_job(job_id: JobId) -> Self {
        Self(Uuid::new_v5(&job_id.0, b"study"))
    }
}

impl ReadingId {
    /// The reading of `content` by the model that `reading_key` names (name, version, weights, preprocessing).
    pub fn of(content: &Sha256Digest, reading_key: &str) -> Self {
        let name = format!("reading/{content}/{reading_key}");
        Self(Uuid::new_v5(&NAMESPACE, name.as_bytes()))
    }
}

impl PictureId {
    /// What the model that `reading_key` names sees of the pixels with this digest.
    pub fn of(pixel_digest: &Sha256Digest, reading_key: &str) -> Self {
        let name = format!("picture/{pixel_digest}/{reading_key}");
        Self(Uuid::new_v5(&NAMESPACE, name.as_bytes()))
    }
}

/// SHA-256 of an object's bytes, written as 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(value_type = String, pattern = "^[0-9a-f]{64}$"))]
pub struct Sha256Digest([u8; 32]);

impl Sha256Digest {
    /// Hashes bytes that are already in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Wraps a digest that was computed while streaming.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The raw 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256Digest {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| NameError { what: "sha-256", rule: "64 hexadecimal digits" })?;
        Ok(Self(bytes))
    }
}

impl Serialize for Sha256Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A name that came from outside does not fit its rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {rule}")]
pub struct NameError {
    what: &'static str,
    rule: &'static str,
}

macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $pattern:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(pattern = $pattern))]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text, which fits the rule.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                let fits: fn(&str) -> bool = $check;
                if fits(&text) { Ok(Self(text)) } else { Err(NameError { what: $what, rule: $rule }) }
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

fn is_token(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

checked_name!(
    /// The hospital or department an image came from; a token of every subject.
    Site,
    "site",
    "1 to 32 of a-z, 0-9 and '-', starting with a letter or digit",
    "^[a-z0-9][a-z0-9-]{0,31}$",
    is_token
);
checked_name!(
    /// Where reports go, as the site's settings name it; a token of subjects.
    DeliveryTarget,
    "target",
    "1 to 32 of a-z, 0-9 and '-', starting with a letter or digit",
    "^[a-z0-9][a-z0-9-]{0,31}$",
    is_token
);
checked_name!(
    /// A triage rule of a site's settings; a token of subjects.
    RuleName,
    "rule",
    "1 to 32 of a-z, 0-9 and '-', starting with a letter or digit",
    "^[a-z0-9][a-z0-9-]{0,31}$",
    is_token
);
checked_name!(
    /// A series that a site expects in its studies, as its settings name it.
    SeriesName,
    "series",
    "1 to 32 of a-z, 0-9 and '-', starting with a letter or digit",
    "^[a-z0-9][a-z0-9-]{0,31}$",
    is_token
);
checked_name!(
    /// The sender's own name for a study. It must not be a patient's name or number.
    StudyRef,
    "study",
    "1 to 64 of letters, digits, '.', '_' and '-'",
    "^[A-Za-z0-9._-]{1,64}$",
    |text| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    }
);

impl StudyRef {
    /// A name that a sender gives. Facts of earlier releases may hold `.` and `..`, which no path can name: they are read,
    /// and not given any more.
    ///
    /// # Errors
    /// When it does not fit the rule.
    pub fn given(text: &str) -> Result<Self, NameError> {
        if matches!(text, "." | "..") {
            return Err(NameError { what: "study", rule: "a name other than '.' and '..'" });
        }
        text.parse()
    }
}

impl Default for Site {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_from_their_cause() {
        let job = JobId::from_uuid(Uuid::from_u128(7));
        let cause = job.as_uuid();
        assert_eq!(EventId::following(cause, "image-stored"), EventId::following(cause, "image-stored"));
        assert_ne!(EventId::following(cause, "image-stored"), EventId::following(cause, "other"));
        let digest = Sha256Digest::of(b"x");
        assert_ne!(ReadingId::of(&digest, "a@1"), ReadingId::of(&digest, "a@2"));
    }

    #[test]
    fn studies_of_two_sites_with_one_name_stay_apart() {
        let north: Site = "north".parse().unwrap();
        let south: Site = "south".parse().unwrap();
        assert_ne!(StudyId::named(&north, "A-1"), StudyId::named(&south, "A-1"));
    }

    #[test]
    fn names_that_could_break_a_subject_are_refused() {
        for bad in ["", "a.b", "a b", "A", "*", ">", "-a", &"a".repeat(33)] {
            assert!(bad.parse::<Site>().is_err(), "{bad}");
        }
        for bad in ["", "a/b", "a b", "*", "ä", &"a".repeat(65)] {
            assert!(bad.parse::<StudyRef>().is_err(), "{bad}");
        }
        for bad in [".", "..", "", "a/b"] {
            assert!(StudyRef::given(bad).is_err(), "{bad}");
        }
        assert!("..".parse::<StudyRef>().is_ok(), "facts of earlier releases are read");
        assert!("Doe^Jane".parse::<StudyRef>().is_err());
    }
}
