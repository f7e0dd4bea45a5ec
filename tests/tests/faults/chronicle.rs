//! What is found in the log, in storage, in the tables and in the answers: the evidence, fact by fact.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_nats::jetstream;
use hilum_blobs::GetError;
use hilum_events::{BlobRef, DecodeError, Event, JobId, Sha256Digest, StudyId};
use hilum_log::DeadLetter;
use hilum_tests::invariants::{DeadLetterSeen, Evidence, Fact, JobAnswer, Rows};
use hilum_tests::{Attempt, Stack, until_some};
use serde_json::Value;
use sqlx::{Connection as _, PgConnection};

/// One message of the log is there sooner, or reading is given up for now.
const NEXT: Duration = Duration::from_secs(5);

/// All facts of the log that were read so far, and all dead letters.
#[derive(Default)]
pub(crate) struct Chronicle {
    pub(crate) facts: Vec<Fact>,
    dead_letters: Vec<DeadLetterSeen>,
    /// How far each dead-letter stream was read.
    read: BTreeMap<String, u64>,
}

impl Chronicle {
    /// Position of the newest fact that was read.
    pub(crate) fn last_seq(&self) -> u64 {
        self.facts.last().map_or(0, |fact| fact.seq)
    }

    /// Facts behind position `seq`.
    pub(crate) fn after(&self, seq: u64) -> &[Fact] {
        &self.facts[self.facts.partition_point(|fact| fact.seq <= seq)..]
    }

    /// Reads on to the end; `false` when the log does not answer.
    pub(crate) async fn read_on(&mut self, stack: &Stack) -> bool {
        let Some(new) = facts(stack, self.last_seq()).await else { return false };
        self.facts.extend(new);
        true
    }

    /// All of one run: what was found behind position `after`.
    pub(crate) async fn evidence(
        &mut self,
        stack: &Stack,
        after: u64,
        attempts: Vec<Attempt>,
        damaged: BTreeSet<Sha256Digest>,
    ) -> Evidence {
        self.read_dead_letters(stack).await;
        let facts = self.after(after).to_vec();
        Evidence {
            attempts,
            objects: objects(stack, &facts).await,
            damaged,
            answers: answers(stack, &facts).await,
            dead_letters: self
                .dead_letters
                .iter()
                .filter(|letter| letter.stream_seq > after)
                .cloned()
                .collect(),
            rows: rows(stack, after, self.last_seq()).await,
            facts,
            desk: None,
        }
    }

    async fn read_dead_letters(&mut self, stack: &Stack) {
        let client = async_nats::connect(stack.nats_url(0)).await.unwrap();
        let context = jetstream::new(client);
        for name in hilum_log::definitions().into_iter().map(|definition| definition.name) {
            if !name.starts_with("DLQ_") {
                continue;
            }
            let stream = context.get_stream(&name).await.unwrap();
            let last_seq = stream.cached_info().state.last_sequence;
            let read = self.read.entry(name).or_default();
            for seq in *read + 1..=last_seq {
                let message = stream.get_raw_message(seq).await.unwrap();
                let letter = DeadLetter::decode(&message.payload).unwrap();
                self.dead_letters.push(DeadLetterSeen {
                    has_story: letter.tries.iter().any(|tried| !tried.errors.is_empty()),
                    consumer: letter.consumer,
                    stream_seq: letter.stream_seq,
                });
            }
            *read = last_seq;
        }
    }
}

/// The facts behind position `after`, to the end of the log as it is now; `None` when it does not answer.
pub(crate) async fn facts(stack: &Stack, after: u64) -> Option<Vec<Fact>> {
    let last_seq = stack.log.position().await.ok()?.last_seq;
    let mut facts: Vec<Fact> = Vec::new();
    if last_seq <= after {
        return Some(facts);
    }
    let mut follower = stack.log.follow(after, &[]);
    let mut before = after;
    while before < last_seq {
        let recorded = tokio::time::timeout(NEXT, follower.next()).await.ok()?;
        assert_eq!(recorded.seq, before + 1, "after position {before}");
        before = recorded.seq;
        match recorded.content {
            Ok(envelope) => facts.push(Fact { seq: recorded.seq, subject: recorded.subject, envelope }),
            // As a later release may write it.
            Err(DecodeError::Unknown { .. }) => {}
            Err(error) => panic!("position {before}: {error}"),
        }
    }
    Some(facts)
}

async fn objects(stack: &Stack, facts: &[Fact]) -> BTreeMap<String, Sha256Digest> {
    let mut blobs: Vec<&BlobRef> = Vec::new();
    for fact in facts {
        match &fact.envelope.event {
            Event::ImageStored(stored) => blobs.push(&stored.image.blob),
            Event::ReportIssued(report) => blobs.extend(report.objects()),
            _ => {}
        }
    }
    let mut found = BTreeMap::new();
    for blob in blobs {
        let hash = match stack.store.get(blob).await {
            Ok(bytes) => Sha256Digest::of(&bytes),
            Err(GetError::Damaged { found, .. }) => found,
            Err(GetError::Missing { .. }) => continue,
            Err(error) => panic!("storage is back and does not answer: {error}"),
        };
        found.insert(blob.key.clone(), hash);
    }
    found
}

async fn answers(stack: &Stack, facts: &[Fact]) -> BTreeMap<JobId, JobAnswer> {
    let mut answers = BTreeMap::new();
    for job_id in jobs(facts) {
        let page = format!("/v1/jobs/{job_id}");
        // On a busy machine it may say that it can't say now.
        let job = until_some("what is said of a job", || async {
            let (status, job) = stack.get(&page).await;
            (!status.is_server_error()).then_some(job)
        })
        .await;
        let Some(status) = job["status"].as_str() else { continue };
        let reason = job["reason"].as_str().unwrap_or_default().to_owned();
        answers.insert(job_id, JobAnswer { status: status.to_owned(), reason });
    }
    answers
}

/// The jobs that facts tell of.
pub(crate) fn jobs(facts: &[Fact]) -> Vec<JobId> {
    let jobs = facts.iter().filter_map(|fact| match &fact.envelope.event {
        Event::ImageStored(stored) => Some(stored.job_id),
        _ => None,
    });
    jobs.collect()
}

/// Everything that is said of all jobs and studies.
pub(crate) async fn everything_said(stack: &Stack, facts: &[Fact]) -> BTreeMap<String, Value> {
    let mut pages: BTreeSet<String> = BTreeSet::new();
    for fact in facts {
        if let Event::ImageStored(stored) = &fact.envelope.event {
            pages.insert(format!("/v1/jobs/{}", stored.job_id));
            pages.insert(format!("/v1/jobs/{}/result", stored.job_id));
            pages.insert(format!("/v1/studies/{}", stored.study_id));
        }
    }
    let mut said = BTreeMap::new();
    for page in pages {
        let (_, answer) = stack.get(&page).await;
        said.insert(page, answer);
    }
    said
}

/// The rows of the facts behind `after`, up to `last`.
async fn rows(stack: &Stack, after: u64, last: u64) -> Rows {
    let mut database = PgConnection::connect(&stack.database_url()).await.unwrap();
    let (after, last) = (i64::try_from(after).unwrap(), i64::try_from(last).unwrap());
    let seqs = |found: Vec<i64>| found.into_iter().map(|seq| u64::try_from(seq).unwrap()).collect();
    let history = sqlx::query_scalar("SELECT seq FROM history WHERE seq > $1 AND seq <= $2");
    let history = seqs(history.bind(after).bind(last).fetch_all(&mut database).await.unwrap());
    let dead_letters = sqlx::query_scalar("SELECT seq FROM dead_letters WHERE seq > $1 AND seq <= $2");
    let dead_letters = seqs(dead_letters.bind(after).bind(last).fetch_all(&mut database).await.unwrap());
    let jobs = sqlx::query_scalar("SELECT job_id::text FROM jobs WHERE stored_seq > $1 AND stored_seq <= $2");
    let jobs: Vec<String> = jobs.bind(after).bind(last).fetch_all(&mut database).await.unwrap();
    let reports = sqlx::query_as("SELECT study_id::text, revision FROM reports WHERE seq > $1 AND seq <= $2");
    let reports = reports.bind(after).bind(last);
    let reports: Vec<(String, i32)> = reports.fetch_all(&mut database).await.unwrap();
    let report = |(study_id, revision): (String, i32)| -> (StudyId, u32) {
        (study_id.parse().unwrap(), u32::try_from(revision).unwrap())
    };
    Rows {
        history,
        jobs: jobs.into_iter().map(|job_id| job_id.parse().unwrap()).collect(),
        reports: reports.into_iter().map(report).collect(),
        dead_letters,
    }
}

/// Up to which position the tables are written; `None` when the database does not answer.
pub(crate) async fn folded_to(stack: &Stack) -> Option<u64> {
    let mut database = PgConnection::connect(&stack.database_url()).await.ok()?;
    let sql = "SELECT max(last_seq) FROM stream_position";
    let folded: Option<i64> = sqlx::query_scalar(sql).fetch_one(&mut database).await.ok()?;
    u64::try_from(folded?).ok()
}
