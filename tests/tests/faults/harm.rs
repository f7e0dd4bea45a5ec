//! Faults of what is stored: damaged objects, full disks, a stream that is gone.

use std::time::Duration;

use async_nats::jetstream;
use hilum_events::Sha256Digest;
use hilum_servers::wait_until;
use hilum_tests::{Answer, Dependency, LoadPlan, S3Mood};
use nix::sys::signal::Signal;

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
            self.stack.signal(worker, Signal::SIGSTOP);
        }
        let plan = LoadPlan { name: format!("{}-victim", self.plan.name), ..self.plan.clone() };
        let shipment = plan.shipment(&[], self.random);
        self.sender.deliver(&shipment).await;
        self.change_object(shipment.sha256(), harm);
        for worker in &workers {
            self.stack.signal(worker, Signal::SIGCONT);
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
        let plan = LoadPlan { name: format!("{}-victim", self.plan.name), ..self.plan.clone() };
        let shipment = plan.shipment(&[], self.random);
        self.sender.deliver(&shipment).await;
        self.change_object(shipment.sha256(), |bytes| bytes.truncate(12));
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
