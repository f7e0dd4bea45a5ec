//! Faults of what is stored: damaged objects, full disks, a stream that is gone.

use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::Info;
use async_nats::jetstream::stream::Stream;
use futures::TryStreamExt as _;
use futures::future::ready;
use hilum_events::{Event, Sha256Digest, Way};
use hilum_servers::wait_until;
use hilum_tests::{Answer, Dependency, LIMIT, LoadPlan, S3Mood, Shipment};
use nix::sys::signal::Signal;
use rand::seq::IndexedRandom as _;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};

use crate::chronicle::facts;
use crate::log_harm::somebody_says;
use crate::strike::Striker;

/// A full disk is noticed by then.
const NOTICED: Duration = Duration::from_secs(20);
/// What nats-server can still write before its disk is full.
const ROOM_BYTES: u64 = 30_000;

impl Striker<'_> {
    /// Damages the object of an image that is stored and not read yet.
    pub(crate) async fn damage(&mut self, harm: impl FnOnce(&mut Vec<u8>)) {
        let workers = self.stack.copies_of("infer");
        for worker in &workers {
            self.stack.freeze(worker);
        }
        let shipment = self.victim();
        let victim = self.sender.deliver(&shipment).await.unwrap();
        self.victims.push(victim);
        self.change_object(shipment.sha256(), harm);
        for worker in &workers {
            self.stack.signal(worker, Signal::SIGCONT);
        }
    }

    /// By a way that tells its job, and nothing else is wrong with it: mended it is read.
    fn victim(&mut self) -> Shipment {
        let name = format!("{}-victim", self.plan.name);
        let plan = LoadPlan { name, ways: vec![Way::Http], ..self.plan.clone() };
        loop {
            let shipment = plan.shipment(&[], self.random);
            if shipment.is_readable() {
                return shipment;
            }
        }
    }

    pub(crate) async fn disk_full(&mut self, dependency: Dependency) {
        match dependency {
            Dependency::Nats => self.stack.restart_nats_with_room_for(ROOM_BYTES).await,
            _ => self.stack.set_s3(S3Mood::DiskFull),
        }
        let journal = &self.sender.journal;
        let noticed = || async { journal.count(|answer| *answer == Answer::Refused(503)) > 0 };
        if !wait_until(NOTICED, noticed).await {
            self.missed = Some("nobody noticed the full disk");
        }
        self.moment(500..2000).await;
        match dependency {
            Dependency::Nats => {
                self.stack.kill_nats().await;
                self.stack.start_nats_again().await;
            }
            _ => self.stack.set_s3(S3Mood::Well),
        }
    }

    pub(crate) async fn no_advisories(&mut self) {
        let client = async_nats::connect(self.stack.nats_url(0)).await.unwrap();
        jetstream::new(client).delete_stream("ADVISORIES").await.unwrap();
        for copy in self.stack.copies_of("infer") {
            self.stack.end(&copy, Signal::SIGKILL).await;
        }
        self.damage_while_nobody_reads().await;
        for copy in self.stack.copies_of("infer") {
            self.stack.start_again(&copy).await;
        }
        self.moment(0..2000).await;
        self.stack.apply_definitions().await;
    }

    async fn damage_while_nobody_reads(&mut self) {
        let shipment = self.victim();
        self.sender.deliver(&shipment).await;
        self.change_object(shipment.sha256(), |bytes| bytes.truncate(12));
    }

    /// An operator brings back what was damaged and has the work tried again.
    pub(crate) async fn redrive(&mut self) {
        let Some(victim) = self.victims.first().copied() else { return };
        let page = format!("/v1/ops/dlq?job={victim}");
        let letter = async || {
            let (_, found) = self.stack.get(&page).await;
            found["dead_letters"][0]["id"].as_u64()
        };
        if !wait_until(LIMIT, || async { letter().await.is_some() }).await {
            self.missed = Some("what was damaged has no dead letter");
            return;
        }
        let id = letter().await.unwrap();
        for (content, bytes) in &self.damaged {
            std::fs::write(self.stack.object_file(content), bytes).unwrap();
        }
        let url = format!("{}/v1/ops/dlq/{id}/redrive", self.stack.query_url());
        let said = json!({ "by": "the fault tests", "why": "the object is back" });
        let answer = self.stack.http.post(url).json(&said).send().await.unwrap();
        assert_eq!(answer.status(), 202);
    }

    /// An operator takes any image of the load out of its study, as soon as somebody answers.
    pub(crate) async fn take_out(&mut self) {
        let facts = facts(self.stack, self.after).await.unwrap_or_default();
        let jobs = facts.iter().filter_map(|fact| match &fact.envelope.event {
            Event::ImageStored(e) => Some(e.job_id),
            _ => None,
        });
        let Some(job_id) = jobs.collect::<Vec<_>>().choose(self.random).copied() else { return };
        let url = format!("{}/v1/jobs/{job_id}/take-out", self.stack.query_url());
        let said = json!({ "by": "the fault tests", "why": "of another patient" });
        let is_taken_out = || async {
            let answer = self.stack.http.post(&url).json(&said).send().await;
            answer.is_ok_and(|answer| answer.status() == 202)
        };
        assert!(wait_until(LIMIT, is_taken_out).await, "{url}");
    }

    /// As when the projection of a later release has begun to work beside this one.
    pub(crate) async fn newer_tables(&mut self) {
        self.moment(0..500).await;
        self.sql("ALTER TABLE reports ADD COLUMN reviewed boolean NOT NULL DEFAULT false").await;
        self.moment(2000..4000).await;
        self.sql("ALTER TABLE reports DROP COLUMN reviewed").await;
    }

    async fn sql(&self, statement: &'static str) {
        let mut database = PgConnection::connect(&self.stack.database_url()).await.unwrap();
        sqlx::raw_sql(statement).execute(&mut database).await.unwrap();
    }

    /// As a later release may write it: of a kind that this one does not know.
    pub(crate) async fn unknown_event(&mut self) {
        self.moment(0..1000).await;
        let bytes = hilum_events::samples::image_stored(1, "a", 0).encode();
        let mut value: ciborium::Value = ciborium::from_reader(bytes.as_slice()).unwrap();
        for (key, entry) in value.as_map_mut().unwrap() {
            if key.as_text() == Some("name") {
                *entry = "report-reviewed".into();
            }
        }
        let mut newer = Vec::new();
        ciborium::into_writer(&value, &mut newer).unwrap();
        let context = jetstream::new(async_nats::connect(self.stack.nats_url(0)).await.unwrap());
        let subject = format!("evt.report-reviewed.north.{}", self.plan.name);
        context.publish(subject, newer.into()).await.unwrap().await.unwrap();
    }

    /// Limits by which the log would forget once they are reached: who reads and writes it has to say so before that.
    pub(crate) async fn limits(&mut self) {
        self.moment(0..500).await;
        let context = jetstream::new(async_nats::connect(self.stack.nats_url(0)).await.unwrap());
        let stream = self.events().await;
        let before = stream.cached_info().config.clone();
        let (max_messages, discard) = (1_000_000, jetstream::stream::DiscardPolicy::Old);
        let limited = jetstream::stream::Config { max_messages, discard, ..before.clone() };
        context.update_stream(limited).await.unwrap();
        if !somebody_says(self.stack, &["would forget"]).await {
            self.missed = Some("nobody noticed the limits");
        }
        context.update_stream(before).await.unwrap();
    }

    /// Who takes from a consumer that is gone has to say so; an operator has it made anew.
    pub(crate) async fn lost_consumer(&mut self) {
        self.moment(0..1000).await;
        let events = self.events().await;
        let mut consumers = durable_consumers(&events).await;
        if consumers.iter().any(has_work) {
            consumers.retain(has_work);
        }
        let lost = &consumers.choose(self.random).unwrap().name;
        events.delete_consumer(lost).await.unwrap();
        if !somebody_says(self.stack, &["streams apply", "restart of hilum-deliver"]).await {
            self.missed = Some("nobody misses the consumer");
        }
        self.moment(0..1000).await;
        self.stack.apply_definitions().await;
        if lost.starts_with("deliver-") {
            for copy in self.stack.copies_of("deliver") {
                self.stack.end(&copy, Signal::SIGTERM).await;
                self.stack.start_again(&copy).await;
            }
        }
    }

    /// Nobody can follow the log: that is said, and who works goes on.
    pub(crate) async fn consumer_limit(&mut self) {
        self.moment(0..1000).await;
        let durable = durable_consumers(&self.events().await).await.len();
        self.stack.restart_nats_without_room_for_consumers(u32::try_from(durable).unwrap()).await;
        if !somebody_says(self.stack, &["default_max_consumers"]).await {
            self.missed = Some("nobody noticed the limit");
        }
        self.moment(0..2000).await;
        self.stack.kill_nats().await;
        self.stack.start_nats_again().await;
    }

    async fn events(&self) -> Stream {
        let client = async_nats::connect(self.stack.nats_url(0)).await.unwrap();
        jetstream::new(client).get_stream("EVENTS").await.unwrap()
    }

    fn change_object(&mut self, content: Sha256Digest, harm: impl FnOnce(&mut Vec<u8>)) {
        let file = self.stack.object_file(&content);
        let whole = std::fs::read(&file).unwrap();
        let mut harmed = whole.clone();
        harm(&mut harmed);
        std::fs::write(&file, harmed).unwrap();
        self.damaged.insert(content, whole);
    }
}

async fn durable_consumers(stream: &Stream) -> Vec<Info> {
    let infos = stream.consumers().try_filter(|info| ready(info.config.durable_name.is_some()));
    infos.try_collect().await.unwrap()
}

fn has_work(consumer: &Info) -> bool {
    consumer.num_pending + consumer.num_ack_pending as u64 > 0
}
