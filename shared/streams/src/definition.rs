//! The streams and durable consumers as declared in `streams/`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::consumers::retry_consumer;
use crate::ticket_subject::due_tickets_filter;

/// Name of the event stream.
pub const EVENTS: &str = "EVENTS";
/// Name of the stream of scheduled retries.
pub const RETRIES: &str = "RETRIES";
/// Name of the stream of advisories.
pub const ADVISORIES: &str = "ADVISORIES";
/// Name of the stream in which stands which reading saw a picture.
pub const PICTURES: &str = "PICTURES";
/// Name of the stream of notifications that wait.
pub const NOTIFICATIONS: &str = "NOTIFICATIONS";
/// Name of the stream of notifications that were given up.
pub const PARKED_NOTIFICATIONS: &str = "PARKED_NOTIFICATIONS";
/// Name of the stream in which stands what became of objects in watched buckets.
pub const SEEN_OBJECTS: &str = "SEEN_OBJECTS";
/// Name of the stream in which stands what objects in watched buckets are called.
pub const UPLOADED_OBJECTS: &str = "UPLOADED_OBJECTS";
/// Name of the stream in which stands which job an instance became.
pub const HELD_INSTANCES: &str = "HELD_INSTANCES";
/// Name of the stream of results of storage commitment that are to be told.
pub const COMMITMENTS: &str = "COMMITMENTS";

const FILES: [&str; 10] = [
    include_str!("../../../streams/events.toml"),
    include_str!("../../../streams/retries.toml"),
    include_str!("../../../streams/advisories.toml"),
    include_str!("../../../streams/pictures.toml"),
    include_str!("../../../streams/notifications.toml"),
    include_str!("../../../streams/parked-notifications.toml"),
    include_str!("../../../streams/seen-objects.toml"),
    include_str!("../../../streams/uploaded-objects.toml"),
    include_str!("../../../streams/held-instances.toml"),
    include_str!("../../../streams/commitments.toml"),
];
const CONSUMERS: &str = include_str!("../../../streams/consumers.toml");
const DEAD_LETTERS: &str = include_str!("../../../streams/dead-letters.toml");
const READ: &str = "a test reads the files of streams/";

/// When a stream lets go of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retention {
    /// Never by being consumed, and nothing may be deleted.
    #[default]
    Kept,
    /// When it was acknowledged.
    WorkQueue,
    /// When its subject has a newer one, or the stream more than its `max_messages`.
    Newest,
}

/// A stream that the server is to have.
#[derive(Debug, Clone)]
pub struct StreamDefinition {
    /// Stream name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Subjects it takes.
    pub subjects: Vec<String>,
    /// When it lets go of a message.
    pub retention: Retention,
    /// Whether messages can be scheduled for later.
    pub schedules: bool,
    /// How long a message is kept, seconds; for good when not given.
    pub max_age_s: u64,
    /// Most messages of a stream with the retention `newest`.
    pub max_messages: i64,
    /// How long the server remembers message ids, seconds. Only a help: see `append`.
    pub duplicate_window_s: u64,
    /// Longest message, bytes.
    pub max_message_bytes: i32,
    /// Its durable consumers.
    pub consumers: Vec<ConsumerDefinition>,
}

/// A durable pull consumer.
#[derive(Debug, Clone)]
pub struct ConsumerDefinition {
    /// Durable name.
    pub name: String,
    /// The lanes in which what it hands out waits, if it has some: see `lanes`.
    pub lanes: Option<Lanes>,
    /// What it hands out.
    pub filter_subjects: Vec<String>,
    /// A message that is not settled or reported as in progress for so long goes to another worker, seconds.
    pub ack_wait_s: u64,
    /// How often the server hands out a message before it stops: above what the workers themselves try, for workers that die.
    pub max_deliver: i64,
    /// Messages handed out and not settled, over all workers.
    pub max_ack_pending: i64,
}

/// How many lanes a consumer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lanes {
    /// For sites that have few waiting: these share them. The first ones.
    pub common: u16,
    /// For sites that have many waiting: each has one of these for itself, while there are enough. The others.
    pub own: u16,
}

impl Lanes {
    /// All of them.
    pub fn count(self) -> u16 {
        self.common + self.own
    }
}

/// A file of `streams/` that declares one stream.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamFile {
    name: String,
    description: String,
    subjects: Vec<String>,
    #[serde(default)]
    retention: Retention,
    #[serde(default)]
    schedules: bool,
    #[serde(default)]
    max_age_s: u64,
    #[serde(default)]
    max_messages: i64,
    duplicate_window_s: u64,
    max_message_bytes: i32,
}

/// `streams/dead-letters.toml`: what all streams of dead letters have, and the description of each by its service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeadLetterFile {
    duplicate_window_s: u64,
    max_message_bytes: i32,
    services: BTreeMap<String, String>,
}

/// `streams/consumers.toml`: what all consumers have, and those of the event stream.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsumerFile {
    ack_wait_s: u64,
    max_deliver: i64,
    max_ack_pending: i64,
    #[serde(rename = "consumer")]
    consumers: Vec<DeclaredConsumer>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeclaredConsumer {
    name: String,
    lanes: Option<Lanes>,
    filter_subjects: Vec<String>,
}

/// The definitions of `streams/`, as built into this release. Each consumer of the event stream has a second one, which hands
/// out its retries.
pub fn definitions() -> Vec<StreamDefinition> {
    let mut definitions: Vec<_> = FILES
        .iter()
        .map(|text| StreamDefinition::declared(toml::from_str(text).expect(READ)))
        .chain(of_dead_letters())
        .collect();
    let consumers: ConsumerFile = toml::from_str(CONSUMERS).expect(READ);
    for DeclaredConsumer { name, lanes, filter_subjects } in consumers.consumers {
        let consumer = ConsumerDefinition { lanes, ..ConsumerDefinition::new(name, filter_subjects) };
        for definition in &mut definitions {
            match definition.name.as_str() {
                EVENTS => definition.consumers.push(consumer.clone()),
                RETRIES => definition.consumers.push(consumer.of_retries()),
                _ => {}
            }
        }
    }
    definitions
}

fn of_dead_letters() -> Vec<StreamDefinition> {
    let DeadLetterFile { duplicate_window_s, max_message_bytes, services } =
        toml::from_str(DEAD_LETTERS).expect(READ);
    let definition = |(service, description): (String, String)| StreamDefinition {
        name: crate::dead_letters::dead_letter_stream(&service),
        description,
        subjects: vec![format!("dlq.{service}.>")],
        retention: Retention::Kept,
        schedules: false,
        max_age_s: 0,
        max_messages: 0,
        duplicate_window_s,
        max_message_bytes,
        consumers: Vec::new(),
    };
    services.into_iter().map(definition).collect()
}

impl StreamDefinition {
    fn declared(file: StreamFile) -> Self {
        Self {
            name: file.name,
            description: file.description,
            subjects: file.subjects,
            retention: file.retention,
            schedules: file.schedules,
            max_age_s: file.max_age_s,
            max_messages: file.max_messages,
            duplicate_window_s: file.duplicate_window_s,
            max_message_bytes: file.max_message_bytes,
            consumers: Vec::new(),
        }
    }

    /// Whether it has all messages that it was ever given.
    pub fn keeps_all(&self) -> bool {
        self.retention == Retention::Kept && self.max_age_s == 0
    }
}

impl ConsumerDefinition {
    /// A consumer without lanes, with the settings that `streams/consumers.toml` gives to all.
    pub fn new(name: String, filter_subjects: Vec<String>) -> Self {
        let ConsumerFile { ack_wait_s, max_deliver, max_ack_pending, .. } =
            toml::from_str(CONSUMERS).expect(READ);
        Self { name, lanes: None, filter_subjects, ack_wait_s, max_deliver, max_ack_pending }
    }

    /// The consumer that hands out what this one is to try again.
    #[must_use]
    pub fn of_retries(&self) -> Self {
        Self {
            name: retry_consumer(&self.name),
            lanes: None,
            filter_subjects: vec![due_tickets_filter(&self.name)],
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests;
