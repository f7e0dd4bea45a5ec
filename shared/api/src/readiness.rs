//! What `/readyz` answers: of one service, and of a whole stack behind its base URL.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// How far something is that comes to its end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// So much is done.
    pub done: u64,
    /// Of so much.
    pub of: u64,
}

/// Whether a service is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// Whether all conditions hold.
    pub ready: bool,
    /// Conditions that do not hold, with the reason.
    pub waiting_for: BTreeMap<String, String>,
    /// How far those of them are that come to hold by themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub progress: BTreeMap<String, Progress>,
    /// What somebody has to look at, though the service does its work.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, String>,
}

/// Whether a part of a stack is ready.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartReadiness {
    /// Whether it can do its work.
    pub ready: bool,
    /// What it waits for, with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waiting_for: BTreeMap<String, String>,
    /// How far those of it are that come by themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub progress: BTreeMap<String, Progress>,
    /// What somebody has to look at, though it does its work.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, String>,
}

/// Whether a stack is ready, as its base URL answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StackReadiness {
    /// Whether all parts are ready.
    pub ready: bool,
    /// Whether uploads are taken: the log and the storage take facts, whatever else is missing.
    pub takes_uploads: bool,
    /// What is missing, by `part/condition`, with the reason.
    pub waiting_for: BTreeMap<String, String>,
    /// Each part.
    pub parts: BTreeMap<String, PartReadiness>,
}

/// Either of them, for the description of `/readyz`.
#[derive(Debug)]
pub enum AnyReadiness {}

impl PartialSchema for AnyReadiness {
    fn schema() -> RefOr<Schema> {
        let either =
            AnyOfBuilder::new().description(Some("of a stack behind its base URL, or of one service"));
        let either = either.item(Ref::from_schema_name(StackReadiness::name()));
        either.item(Ref::from_schema_name(Readiness::name())).into()
    }
}

impl ToSchema for AnyReadiness {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((StackReadiness::name().into(), StackReadiness::schema()));
        schemas.push((Readiness::name().into(), Readiness::schema()));
        StackReadiness::schemas(schemas);
        Readiness::schemas(schemas);
    }
}

impl PartReadiness {
    /// A part that does its work and has nothing to say.
    pub fn ready() -> Self {
        Self { ready: true, ..Self::default() }
    }

    /// A part that lacks `what`, for this reason.
    pub fn without(what: &str, why: &str) -> Self {
        Self { waiting_for: BTreeMap::from([(what.to_owned(), why.to_owned())]), ..Self::default() }
    }

    /// Whether it is not ready, and nobody has to do anything about that.
    pub fn comes_by_itself(&self) -> bool {
        !self.ready && self.waiting_for.keys().all(|what| self.progress.contains_key(what))
    }
}

impl From<Readiness> for PartReadiness {
    fn from(Readiness { ready, waiting_for, progress, notes }: Readiness) -> Self {
        Self { ready, waiting_for, progress, notes }
    }
}

impl StackReadiness {
    /// What `parts` are together, when `door` is the part that takes uploads.
    pub fn of(parts: BTreeMap<String, PartReadiness>, door: &str) -> Self {
        let waiting_for = parts
            .iter()
            .flat_map(|(name, part)| part.waiting_for.iter().map(move |(what, why)| (name, what, why)))
            .map(|(name, what, why)| (format!("{name}/{what}"), why.clone()))
            .collect();
        let takes_uploads = parts.get(door).is_some_and(|door| door.ready);
        Self { ready: parts.values().all(|part| part.ready), takes_uploads, waiting_for, parts }
    }

    /// What is missing, in one line.
    pub fn words(&self) -> String {
        let words: Vec<_> = self.waiting_for.iter().map(|(what, why)| format!("{what} ({why})")).collect();
        words.join(", ")
    }
}
