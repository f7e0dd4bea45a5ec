//! The sweep against a real nats-server and a store in a folder. Each kind of damage is made for real, found by a dry
//! run that changes nothing, and repaired.
#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

mod deliveries;
mod storage;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream;
use hilum_blobs::{BlobStore, StoreConfig};
use hilum_events::{BlobRef, Envelope, Event, JobDeadLettered, Resolution, samples};
use hilum_log::{
    FLOORS_RECORD, Failure, Floors, Handle, Log, Need, Seal, Try, WorkConfig, WorkItem, apply,
    apply_definitions, definitions, work,
};
use hilum_runtime::Health;
use hilum_servers::{NatsOptions, NatsServer, TestFolder, wait_until};
use hilum_sweep::{Action, BrokenSealError, Kind, Mode, Pace, RunError, Sweep, Swept, once};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(30);
const DRY: Mode = Mode { dry_run: true, deep: None };
const WET: Mode = Mode { dry_run: false, deep: None };

/// A log and a store, with a consumer that does nothing.
struct Site {
    folder: TestFolder,
    nats: NatsServer,
    log: Log,
    blobs: BlobStore,
}

/// Everything is overdue at once.
fn pace() -> Pace {
    Pace {
        after: Duration::from_millis(1),
        quiet: Duration::from_secs(3600),
        every: Duration::from_millis(50),
        deep_every: Duration::from_secs(3600),
        hash_within: Duration::from_secs(3600),
        hash_bytes_per_s: 1e9,
        unfinished_after: Duration::from_secs(86_400),
        objects_at_a_time: 1000,
        seal_every: Duration::from_millis(50),
    }
}

async fn site() -> Site {
    let folder = TestFolder::new().unwrap();
    let nats = NatsServer::start(&NatsOptions::in_folder(folder.path().join("nats"))).await.unwrap();
    let log = Log::connect(&nats.url(), "test").await.unwrap();
    assert!(wait_until(LIMIT, || async { log.is_connected() }).await);
    apply_definitions(&log, 1).await.unwrap();
    let url = format!("file://{}", folder.path().join("objects").display());
    let blobs = BlobStore::open(&StoreConfig::at(&url)).unwrap();
    Site { folder, nats, log, blobs }
}

/// Says that all is done and does nothing.
struct Idle;

impl Handle for Idle {
    async fn handle(&self, _: &WorkItem) -> Result<(), Failure> {
        Ok(())
    }
}

/// Ends work as a service would, if it had not been told otherwise: the job is linked.
struct Links(Log);

impl Handle for Links {
    async fn handle(&self, item: &WorkItem) -> Result<(), Failure> {
        let Event::ImageStored(_) = &item.envelope.event else { return Ok(()) };
        let link = samples::duplicate_linked(1, 2, "a", 0);
        self.0.append(&item.envelope.next(Timestamp::now(), link.event)).await?;
        Ok(())
    }
}

fn work_config(consumer: &str) -> WorkConfig {
    WorkConfig {
        consumers: vec![consumer.to_owned()],
        concurrency: 4,
        handle_limit: Duration::from_secs(5),
        max_tries: 3,
        max_unanswered: 3,
        drain_limit: Duration::from_secs(5),
    }
}

impl Site {
    /// Appends the fact as if it happened now.
    async fn append(&self, mut envelope: Envelope) -> u64 {
        envelope.occurred_at = Timestamp::now();
        self.log.append(&envelope).await.unwrap().seq()
    }

    async fn last_seq(&self) -> u64 {
        self.log.position().await.unwrap().last_seq
    }

    /// Nothing waits at the consumer and nothing is in hand, retries included.
    async fn is_idle(&self, consumer: &str) -> bool {
        let depths = self.log.queue_depths().await.unwrap();
        depths.iter().filter(|d| d.consumer.starts_with(consumer)).all(|d| d.waiting + d.in_hand == 0)
    }

    /// Has all that waits at `consumer` handled.
    async fn work_off<H: Handle>(&self, consumer: &str, handler: H) {
        let (config, stop) = (work_config(consumer), CancellationToken::new());
        let (done, ()) = tokio::join!(work(&self.log, Arc::new(handler), &config, &stop), async {
            assert!(wait_until(LIMIT, || self.is_idle(consumer)).await, "{consumer} is not idle");
            stop.cancel();
        });
        done.unwrap();
    }

    async fn sweep(&self, mode: Mode) -> Vec<Swept> {
        let mut swept = Vec::new();
        once(&self.log, &self.blobs, &pace(), &mode, |one| swept.push(one.clone())).await.unwrap();
        swept
    }

    /// A dry run finds this and changes nothing.
    async fn finds(&self, mode: Mode, then: &[(Kind, Option<u64>, Action)]) {
        let before = (self.last_seq().await, self.messages().await);
        let swept = self.sweep(Mode { dry_run: true, ..mode }).await;
        assert!(swept.iter().all(|one| !one.done));
        let found: Vec<_> = swept
            .iter()
            .map(|one| (one.discrepancy.kind, one.discrepancy.position, one.discrepancy.action))
            .collect();
        assert_eq!(found, then, "{swept:#?}");
        assert_eq!((self.last_seq().await, self.messages().await), before, "a dry run changed something");
    }

    async fn jetstream(&self) -> jetstream::Context {
        jetstream::new(async_nats::connect(self.nats.url()).await.unwrap())
    }

    /// Messages of all streams.
    async fn messages(&self) -> Vec<(String, u64)> {
        let context = self.jetstream().await;
        let mut messages = Vec::new();
        for definition in definitions() {
            let stream = context.get_stream(&definition.name).await.unwrap();
            messages.push((definition.name, stream.cached_info().state.messages));
        }
        messages
    }

    async fn dead_lettered(&self) -> JobDeadLettered {
        let fact = self.log.last("evt.job-dead-lettered.>").await.unwrap().expect("a job is dead-lettered");
        let Event::JobDeadLettered(dead) = fact.content.unwrap().event else { panic!() };
        dead
    }

    async fn store(&self, content: &str) -> BlobRef {
        self.blobs.put(content.to_owned().into()).await.unwrap()
    }

    fn path(&self, blob: &BlobRef) -> PathBuf {
        self.folder.path().join("objects").join(&blob.key)
    }

    /// The image of job `number` is in storage and in the log.
    async fn image(&self, number: u128, content: &str) -> (u64, BlobRef) {
        let blob = self.store(content).await;
        let mut stored = samples::image_stored(number, content, 0);
        let Event::ImageStored(e) = &mut stored.event else { unreachable!() };
        e.image.blob = blob.clone();
        (self.append(stored).await, blob)
    }

    /// The same, and it was linked.
    async fn linked_image(&self, number: u128, content: &str) -> (u64, BlobRef) {
        let (seq, blob) = self.image(number, content).await;
        self.append(samples::duplicate_linked(number, 99, content, 0)).await;
        (seq, blob)
    }

    fn age(&self, blob: &BlobRef) {
        let two_hours_ago = std::time::SystemTime::now() - Duration::from_secs(7200);
        let file = std::fs::File::options().append(true).open(self.path(blob)).unwrap();
        file.set_modified(two_hours_ago).unwrap();
    }
}

/// The clock of a machine that is ahead.
fn fast() -> Timestamp {
    Timestamp::now() + SignedDuration::from_secs(3600)
}

#[tokio::test]
async fn work_is_overdue_by_the_clock_of_the_log_and_not_by_that_of_the_machine_that_looks() {
    let site = site().await;
    let seq = site.append(samples::image_stored(1, "a", 0)).await;
    site.work_off("dedupe", Idle).await;
    let log = Log::connect_beside(&site.nats.url(), "fast", fast).await.unwrap();
    for (after, expected) in [(Duration::from_secs(600), vec![]), (Duration::from_millis(1), vec![Some(seq)])]
    {
        let mut found = Vec::new();
        let pace = Pace { after, ..pace() };
        once(&log, &site.blobs, &pace, &DRY, |one| found.push(one.discrepancy.position)).await.unwrap();
        assert_eq!(found, expected, "{after:?}");
    }
}

#[tokio::test]
async fn an_image_that_waits_in_the_queue_is_left_alone() {
    let site = site().await;
    site.append(samples::image_stored(1, "a", 0)).await;
    site.finds(DRY, &[]).await;
}

#[tokio::test]
async fn an_image_whose_worker_settled_it_without_a_claim_is_handed_out_again_and_claimed() {
    let site = site().await;
    site.append(samples::image_stored(1, "a", 0)).await;
    site.work_off("dedupe", Idle).await;
    site.finds(DRY, &[(Kind::ImageWithoutClaim, Some(1), Action::HandOutAgain)]).await;

    let swept = site.sweep(WET).await;
    assert!(swept.len() == 1 && swept[0].is_settled());
    assert!(site.log.has_retry("dedupe", 1).await.unwrap());
    site.finds(DRY, &[]).await;
    site.work_off("dedupe", Links(site.log.clone())).await;
    assert!(!site.log.has_retry("dedupe", 1).await.unwrap());
    assert_eq!(site.last_seq().await, 2);
    site.finds(DRY, &[]).await;
}

#[tokio::test]
async fn a_reading_whose_worker_settled_it_without_an_outcome_is_handed_out_again() {
    let site = site().await;
    site.append(samples::image_stored(1, "a", 0)).await;
    site.append(samples::inference_requested(1, "a", 0)).await;
    site.work_off("infer-routine", Idle).await;
    site.finds(DRY, &[(Kind::ReadingWithoutOutcome, Some(2), Action::HandOutAgain)]).await;
    site.sweep(WET).await;
    assert!(site.log.has_retry("infer-routine", 2).await.unwrap());
    site.append(samples::inference_completed(1, "a", 0)).await;
    site.work_off("infer-routine", Idle).await;
    site.finds(DRY, &[]).await;
}

/// Has not what the work needs.
struct Lacks;

impl Handle for Lacks {
    async fn handle(&self, _: &WorkItem) -> Result<(), Failure> {
        Err(Failure::Elsewhere { need: Need::new("model chest version 2", "chest@2") })
    }
}

#[tokio::test]
async fn a_reading_that_waits_for_a_worker_with_its_model_is_left_alone() {
    let site = site().await;
    site.append(samples::image_stored(1, "a", 0)).await;
    site.append(samples::inference_requested(1, "a", 0)).await;
    site.work_off("infer-routine", Lacks).await;
    assert_eq!(site.log.unmet_needs().await.unwrap().len(), 1);
    site.finds(DRY, &[]).await;
}

#[tokio::test]
async fn a_redrive_that_nothing_followed_is_handed_out_again() {
    let site = site().await;
    let stored = samples::image_stored(1, "a", 0);
    site.append(stored.clone()).await;
    site.append(samples::inference_requested(1, "a", 0)).await;
    let request = site.log.at(2).await.unwrap().unwrap();
    let tries = vec![a_try("the model is away")];
    site.log.give_up("infer-routine", &request, tries).await.unwrap();
    let dead = site.log.at(3).await.unwrap().unwrap().content.unwrap();
    let redrive = samples::dead_letter_resolved(1, "a", Resolution::Redrive, 0).event;
    site.append(dead.next(Timestamp::now(), redrive)).await;
    site.work_off("dedupe", Idle).await;
    site.finds(DRY, &[(Kind::RedriveWithoutEffect, Some(4), Action::HandOutAgain)]).await;
    site.sweep(WET).await;
    assert!(site.log.has_retry("dedupe", 4).await.unwrap());
}

fn a_try(error: &str) -> Try {
    let service_version = "0".to_owned();
    Try { at: Timestamp::now(), deliveries: 1, errors: vec![error.to_owned()], service_version, times: 1 }
}

#[tokio::test]
async fn a_message_that_no_worker_answered_is_parked_though_it_was_never_settled() {
    let site = site().await;
    allow_two_deliveries(&site).await;
    site.append(samples::image_stored(1, "a", 0)).await;
    take_until_given_up(&site, "dedupe").await;

    site.finds(DRY, &[(Kind::AdvisoryWithoutDeadLetter, Some(1), Action::Park)]).await;
    site.sweep(WET).await;
    let dead = site.dead_lettered().await;
    assert_eq!((dead.job_id, dead.stream_seq, dead.deliveries), (samples::job_id(1), 1, 2));
    assert_eq!(dead.reason, "2 workers of dedupe took it and none answered");
    assert_eq!(site.log.dead_letter("dedupe", 1).await.unwrap().unwrap().tries.len(), 1);
    site.finds(DRY, &[]).await;
}

#[tokio::test]
async fn a_retry_that_no_worker_answered_is_parked_and_others_go_on() {
    let site = site().await;
    allow_two_deliveries(&site).await;
    for number in [1, 2] {
        site.append(samples::image_stored(number, "a", 0)).await;
        assert!(pull(&site, "dedupe", Duration::from_secs(2)).await);
    }
    site.log.hand_out_again("dedupe", 1, "tried before").await.unwrap();
    take_without_a_word(&site, "dedupe-retry", 2).await;
    site.log.hand_out_again("dedupe", 2, "tried before").await.unwrap();
    let advised = || async {
        pull(&site, "dedupe-retry", Duration::from_millis(200)).await;
        !site.log.advisories_after(0).await.unwrap().is_empty()
    };
    assert!(wait_until(LIMIT, advised).await);

    site.sweep(WET).await;
    let dead = site.dead_lettered().await;
    assert_eq!((dead.job_id, dead.stream_seq), (samples::job_id(1), 1));
    assert!(!site.log.has_retry("dedupe", 1).await.unwrap(), "its ticket is withdrawn");
    assert!(site.log.has_retry("dedupe", 2).await.unwrap());
}

async fn allow_two_deliveries(site: &Site) {
    let mut definitions = definitions();
    for consumer in definitions.iter_mut().flat_map(|definition| &mut definition.consumers) {
        (consumer.ack_wait_s, consumer.max_deliver) = (1, 2);
    }
    apply(&site.log, &definitions, 1).await.unwrap();
}

/// Workers that take a message and are never heard of again.
async fn take_without_a_word(site: &Site, consumer: &str, times: usize) {
    for _ in 0..times {
        assert!(wait_until(LIMIT, || pull(site, consumer, Duration::from_secs(2))).await);
    }
}

/// Workers of a consumer that allows two deliveries take its one message without a word, until the server says so.
async fn take_until_given_up(site: &Site, consumer: &str) {
    take_without_a_word(site, consumer, 2).await;
    // The server looks at what is overdue when a worker asks for more.
    let advised = || async {
        assert!(!pull(site, consumer, Duration::from_millis(200)).await);
        !site.log.advisories_after(0).await.unwrap().is_empty()
    };
    assert!(wait_until(LIMIT, advised).await);
}

/// A worker that asks for a message and says nothing; whether it got one.
async fn pull(site: &Site, consumer: &str, expires: Duration) -> bool {
    use futures::StreamExt as _;
    let stream = if consumer.ends_with("-retry") { "RETRIES" } else { "EVENTS" };
    let stream = site.jetstream().await.get_stream(stream).await.unwrap();
    let consumer: jetstream::consumer::PullConsumer = stream.get_consumer(consumer).await.unwrap();
    let mut messages = consumer.batch().max_messages(1).expires(expires).messages().await.unwrap();
    messages.next().await.is_some_and(|message| message.is_ok())
}

#[tokio::test]
async fn a_claim_of_a_job_without_image_is_parked_once() {
    let site = site().await;
    site.append(samples::inference_requested(1, "a", 0)).await;
    site.finds(DRY, &[(Kind::ClaimWithoutJob, Some(1), Action::Park)]).await;
    site.sweep(WET).await;
    assert_eq!(site.dead_lettered().await.consumer, "sweep");
    assert!(site.log.dead_letter("sweep", 1).await.unwrap().is_some());
    site.finds(DRY, &[]).await;
}

#[tokio::test]
async fn a_dead_letter_whose_entry_is_missing_is_written_anew_from_its_message() {
    let site = site().await;
    let stored = samples::image_stored(1, "a", 0);
    site.append(stored.clone()).await;
    let mut dead = samples::job_dead_lettered(1, "a", 0);
    let Event::JobDeadLettered(e) = &mut dead.event else { unreachable!() };
    (e.reading_id, e.consumer, e.stream_seq) = (None, "dedupe".to_owned(), 1);
    let reason = e.reason.clone();
    site.append(stored.next(Timestamp::now(), dead.event)).await;
    site.finds(DRY, &[(Kind::DeadLetterWithoutEntry, Some(1), Action::WriteAnew)]).await;
    site.sweep(WET).await;
    let letter = site.log.dead_letter("dedupe", 1).await.unwrap().unwrap();
    assert_eq!(Envelope::decode(&letter.payload).unwrap().event_id, stored.event_id);
    assert_eq!((letter.tries[0].errors.clone(), letter.tries[0].deliveries), (vec![reason], 5));
    assert_eq!(site.last_seq().await, 2, "the job was told before");
    site.finds(DRY, &[]).await;
}

#[tokio::test]
async fn an_entry_whose_job_was_not_told_is_told_with_the_same_story() {
    let site = site().await;
    let letters = site.jetstream().await;
    site.append(samples::image_stored(1, "a", 0)).await;
    let recorded = site.log.at(1).await.unwrap().unwrap();
    // The crash between entry and fact: the entry of another log is written here, and no fact.
    let other = self::site().await;
    other.append(samples::image_stored(1, "a", 0)).await;
    other.log.give_up("dedupe", &recorded, vec![a_try("no room on the disk")]).await.unwrap();
    let stream = other.jetstream().await.get_stream("DLQ_DEDUPE").await.unwrap();
    let entry = stream.get_last_raw_message_by_subject("dlq.dedupe.1").await.unwrap();
    letters.publish("dlq.dedupe.1", entry.payload).await.unwrap().await.unwrap();

    site.work_off("dedupe", Idle).await;
    site.finds(DRY, &[(Kind::EntryWithoutDeadLetter, Some(1), Action::Park)]).await;
    site.sweep(WET).await;
    assert_eq!(site.dead_lettered().await.reason, "no room on the disk");
    site.finds(DRY, &[]).await;
}

#[tokio::test]
async fn a_message_that_nobody_can_read_is_handed_out_until_its_consumer_parks_it() {
    let site = site().await;
    let context = site.jetstream().await;
    context.publish("evt.image-stored.main.s.j", "no event".into()).await.unwrap().await.unwrap();
    take_and_settle(&site, "dedupe").await;
    site.finds(DRY, &[(Kind::UnreadableWithoutDeadLetter, Some(1), Action::HandOutAgain)]).await;
    site.sweep(WET).await;
    site.work_off("dedupe", Idle).await;
    assert!(site.log.dead_letter("dedupe", 1).await.unwrap().is_some());
    site.finds(DRY, &[]).await;
}

async fn take_and_settle(site: &Site, consumer: &str) {
    use futures::StreamExt as _;
    let stream = if consumer.ends_with("-retry") { "RETRIES" } else { "EVENTS" };
    let stream = site.jetstream().await.get_stream(stream).await.unwrap();
    let consumer: jetstream::consumer::PullConsumer = stream.get_consumer(consumer).await.unwrap();
    let mut messages = consumer.fetch().max_messages(1).messages().await.unwrap();
    let message = tokio::time::timeout(LIMIT, messages.next()).await.unwrap().unwrap().unwrap();
    message.double_ack().await.unwrap();
}

/// The service, run beside the test.
struct Running {
    health: Health,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), RunError>>,
}

impl Site {
    async fn start(&self, pace: Pace) -> Running {
        let log = Log::connect(&self.nats.url(), "hilum-sweep").await.unwrap();
        let (health, shutdown) = (Health::default(), CancellationToken::new());
        let sweep = Sweep::new(log, self.blobs.clone(), health.clone(), pace);
        let stop = shutdown.clone();
        let runtime = tokio::runtime::Handle::current();
        let task = tokio::task::spawn_blocking(move || runtime.block_on(sweep.run(&stop)));
        Running { health, shutdown, task }
    }

    async fn seal(&self) -> Option<Seal> {
        let bytes = self.blobs.read_record("log-seal.json").await.unwrap()?;
        Some(serde_json::from_slice(&bytes).unwrap())
    }

    async fn is_sealed_to(&self, seq: u64) -> bool {
        self.seal().await.is_some_and(|seal| seal.seq == seq)
    }
}

#[tokio::test]
async fn the_service_repairs_three_times_and_then_parks_what_stays_without_effect() {
    let site = site().await;
    site.image(1, "a").await;
    let running = site.start(Pace { after: Duration::from_millis(300), ..pace() }).await;
    let (config, stop) = (work_config("dedupe"), CancellationToken::new());
    let (done, ()) = tokio::join!(work(&site.log, Arc::new(Idle), &config, &stop), async {
        let parked = || async { site.log.last("evt.job-dead-lettered.>").await.unwrap().is_some() };
        assert!(wait_until(LIMIT, parked).await);
        stop.cancel();
    });
    done.unwrap();
    assert!(running.health.readiness().ready, "{:?}", running.health.readiness());
    running.shutdown.cancel();
    running.task.await.unwrap().unwrap();
    let letter = site.log.dead_letter("dedupe", 1).await.unwrap().unwrap();
    assert_eq!(letter.tries.len(), 4, "{letter:?}");
    assert!(letter.tries[3].errors[0].contains("again 3 times"), "{letter:?}");
    assert_eq!(site.last_seq().await, 2);
}

#[tokio::test]
async fn two_sweeps_side_by_side_park_once_and_seal() {
    let site = site().await;
    for number in 1..=20 {
        site.append(samples::inference_requested(number, &format!("{number}"), 0)).await;
    }
    let both = [site.start(pace()).await, site.start(pace()).await];
    assert!(wait_until(LIMIT, || site.is_sealed_to(40)).await, "{:?}", site.seal().await);
    for running in both {
        running.shutdown.cancel();
        running.task.await.unwrap().unwrap();
    }
    let letters = site.jetstream().await.get_stream("DLQ_SWEEP").await.unwrap();
    assert_eq!(letters.cached_info().state.messages, 20);
    assert_eq!(site.last_seq().await, 40);
}

#[tokio::test]
async fn a_log_that_lost_its_end_is_not_written_to() {
    let site = site().await;
    site.append(samples::inference_requested(1, "a", 0)).await;
    let running = site.start(pace()).await;
    assert!(wait_until(LIMIT, || site.is_sealed_to(2)).await);
    running.shutdown.cancel();
    running.task.await.unwrap().unwrap();

    // The seal knows of more than the log has.
    let seal = Seal { seq: 7, ..site.seal().await.unwrap() };
    let bytes = serde_json::to_vec(&seal).unwrap();
    site.blobs.write_record("log-seal.json", bytes.into()).await.unwrap();
    site.append(samples::inference_requested(2, "b", 0)).await;
    let running = site.start(pace()).await;
    let ended = tokio::time::timeout(LIMIT, running.task).await.unwrap().unwrap();
    assert!(matches!(ended, Err(RunError::Seal(BrokenSealError::Log(_)))), "{ended:?}");
    assert!(!running.health.readiness().ready);
    assert_eq!(site.seal().await.unwrap(), seal, "the seal stays");
    assert_eq!(site.last_seq().await, 3, "nothing was repaired");
    let refused = once(&site.log, &site.blobs, &pace(), &DRY, |_| ()).await;
    assert!(refused.unwrap_err().to_string().contains("log-seal.json"));
}

#[tokio::test]
async fn a_log_that_was_replaced_while_the_sweep_runs_ends_it() {
    let site = site().await;
    site.append(samples::inference_requested(1, "a", 0)).await;
    let running = site.start(pace()).await;
    assert!(wait_until(LIMIT, || site.is_sealed_to(2)).await);
    let seal = site.seal().await.unwrap();
    site.jetstream().await.delete_stream("EVENTS").await.unwrap();
    let again = Log::connect(&site.nats.url(), "again").await.unwrap();
    assert!(wait_until(LIMIT, || async { again.is_connected() }).await);
    apply_definitions(&again, 1).await.unwrap();
    for number in 1..=5 {
        again.append(&samples::image_stored(number, "a", 0)).await.unwrap();
    }
    let ended = tokio::time::timeout(LIMIT, running.task).await.unwrap().unwrap();
    assert!(matches!(ended, Err(RunError::Seal(_))), "{ended:?}");
    assert_eq!(site.seal().await.unwrap(), seal);
}

#[tokio::test]
async fn a_seal_that_says_nothing_is_not_taken_for_none() {
    let site = site().await;
    site.blobs.write_record("log-seal.json", "{".into()).await.unwrap();
    let running = site.start(pace()).await;
    let ended = tokio::time::timeout(LIMIT, running.task).await.unwrap().unwrap();
    assert!(matches!(ended, Err(RunError::Seal(BrokenSealError::Unreadable(_)))), "{ended:?}");
}

#[tokio::test]
async fn storage_that_is_away_is_waited_for() {
    let site = site().await;
    let objects = site.folder.path().join("objects");
    // A file where the folder of records should be: the store answers with an error.
    let in_the_way = objects.join("records");
    std::fs::write(&in_the_way, "in the way").unwrap();
    site.append(samples::image_stored(1, "a", 0)).await;
    let running = site.start(pace()).await;
    let waits = || async { running.health.readiness().waiting_for.values().any(|why| why.contains("seal")) };
    assert!(wait_until(LIMIT, waits).await, "{:?}", running.health.readiness());
    std::fs::remove_file(&in_the_way).unwrap();
    assert!(wait_until(LIMIT, || site.is_sealed_to(1)).await);
    assert!(wait_until(LIMIT, || async { running.health.readiness().ready }).await);
    running.shutdown.cancel();
    running.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn where_consumers_stand_is_kept_and_never_goes_back_also_for_one_that_is_lost() {
    let site = site().await;
    let keeper = hilum_sweep::FloorKeeper::new(site.log.clone(), site.blobs.clone());
    let kept = async || {
        keeper.keep().await.unwrap();
        let record = site.blobs.read_record(FLOORS_RECORD).await.unwrap().unwrap();
        Floors::read(Some(&record)).unwrap().floors
    };
    site.append(samples::image_stored(1, "a", 0)).await;
    let before = kept().await;
    assert_eq!(
        (before["dedupe"], before["infer-routine-lane-0"]),
        (0, 1),
        "what has nothing to do is at the end"
    );
    site.work_off("dedupe", Idle).await;
    assert_eq!(kept().await["dedupe"], 1);
    let client = async_nats::connect(site.nats.url()).await.unwrap();
    let stream = async_nats::jetstream::new(client).get_stream("EVENTS").await.unwrap();
    stream.delete_consumer("dedupe").await.unwrap();
    site.append(samples::image_stored(2, "b", 0)).await;
    assert_eq!(kept().await["dedupe"], 1);
    site.blobs.write_record(FLOORS_RECORD, "no record".into()).await.unwrap();
    assert!(keeper.keep().await.is_err(), "it would be lost");
}
