//! What is going to happen, as the seed says: who sends what when, what readers, targets and operators will do, and which
//! faults come in between. Small on purpose: what goes wrong with thousands of images goes wrong with five.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use hilum_deliver::{Rule, SiteFilter, Target, Targets};
use hilum_events::{Envelope, Event, ImageStored, JobId, Priority, Sha256Digest, Site, StudyId, samples};
use hilum_log::unseen_lane;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::random::Random;

/// What comes of reading a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A reading, with a finding of so many hundredths.
    Read(u8),
    /// The image is at fault.
    Unreadable,
    /// It fails so many times, then it is read.
    Later(u32),
    /// It always fails, and nobody knows why.
    Never,
    /// It ends the worker that reads it so many times.
    Poison(u32),
}

/// A content that somebody sends.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    /// Of its bytes.
    pub sha256: Sha256Digest,
    /// What comes of it.
    pub(crate) outcome: Outcome,
}

/// Something that a site does.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    /// Seconds after the begin.
    pub(crate) at_s: f64,
    /// Which of the sites.
    pub(crate) site: usize,
    /// Which study of the site.
    pub(crate) study: usize,
    /// Which of the contents.
    pub(crate) content: usize,
    /// How soon its reading is wanted.
    pub(crate) priority: Priority,
    /// How many images the sender says that its study has.
    pub(crate) expected: Option<u32>,
}

/// What a target does with what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Temper {
    /// It takes all.
    Willing,
    /// It fails so many times.
    Failing(u32),
    /// It takes nothing.
    Refusing,
    /// It takes the first and is not heard to say so.
    Mumbling,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// A process ends; another one begins in its place.
    Crash {
        /// Which of them.
        process: usize,
    },
    /// A process stands still, longer than the server waits for it.
    Stall {
        /// Which of them.
        process: usize,
        /// How long.
        seconds: u32,
    },
    /// Nobody reaches the server.
    Outage {
        /// How long.
        seconds: u32,
    },
    /// The log takes no more facts.
    Full {
        /// How long.
        seconds: u32,
    },
    /// Answers of the server get lost.
    Losses {
        /// How long.
        seconds: u32,
        /// How many of a thousand.
        per_mille: usize,
    },
    /// The server hands out again what somebody has in hand.
    HandedOutTwice,
    /// The server forgets a consumer.
    LostConsumer {
        /// Which of them.
        which: usize,
    },
    /// The server loses a fact; nobody notices but who reads the log.
    Hole,
    /// The log is restored from an older copy, and all is started again.
    Restore {
        /// So many of a hundred facts are left.
        percent: usize,
    },
}

/// What was got wrong before, in what stands in for the outside here. Each is found: see the tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Flaw {
    /// None.
    #[default]
    None,
    /// A consumer of a target that was lost begins with what comes from now on.
    ConsumerFromNow,
    /// Reports are issued by the clock of the machine, which is ahead.
    OwnClock,
    /// A worker acknowledges a message before it is handled.
    EarlyAck,
    /// The server takes a fact whatever stands in its place.
    NoCondition,
}

/// All of it.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    /// Follows from it.
    pub(crate) seed: u64,
    /// Hospitals.
    pub(crate) sites: Vec<Site>,
    /// What is sent.
    pub(crate) contents: Vec<Content>,
    /// Who sends it.
    pub(crate) uploads: Vec<Upload>,
    /// What flags studies.
    pub(crate) rules: Vec<Rule>,
    /// Where reports and flags go.
    pub(crate) targets: Vec<(Target, Temper)>,
    /// What goes wrong, and when in seconds.
    pub(crate) faults: Vec<(f64, Fault)>,
    /// Time without an image after which a study is reported.
    pub(crate) quiet: SignedDuration,
    /// So many of a hundred dead letters are redriven; half of the rest is discarded.
    pub(crate) redrives: usize,
    /// So many of a hundred images are taken out of their studies again.
    pub(crate) takes_out: usize,
    /// Whether a sweep looks while all goes on; one always does at the end.
    pub(crate) sweeps: bool,
    /// What is got wrong on purpose.
    pub(crate) flaw: Flaw,
}

/// From the real reader of such files.
static TARGETS: LazyLock<Targets> = LazyLock::new(|| {
    let file = "
        [target.archive]
        kind = 's3'
        url = 'file:///nowhere'
        tries = 3
        forms = ['json']
        [target.desk]
        kind = 'webhook'
        url = 'http://desk.example'
        secret_env = 'PATH'
        tries = 3
        forms = []
        [[rule]]
        name = 'high'
        label = 'Effusion'
        measure = 'probability'
        threshold = 0.5
        demonstration = true
        actions = ['raise-priority', 'notify']
        targets = ['desk']
        [[rule]]
        name = 'any'
        label = 'Effusion'
        measure = 'probability'
        threshold = 0.2
        demonstration = true
        actions = ['worklist', 'raise-priority']";
    Targets::parse(file).expect("it is as docs/delivery.md says")
});

static SITES: LazyLock<[Site; 3]> =
    LazyLock::new(|| ["alpha", "bravo", "carol"].map(|name| name.parse().expect("it fits the rule")));

/// The contents that there are.
static DIGESTS: LazyLock<[Sha256Digest; 4]> =
    LazyLock::new(|| ["a", "b", "c", "d"].map(|content| Sha256Digest::of(content.as_bytes())));

/// What all images have in common.
static SAMPLE: LazyLock<ImageStored> = LazyLock::new(|| {
    let Event::ImageStored(mut stored) = samples::image_stored(1, "a", 0).event else {
        unreachable!("it is that sample")
    };
    stored.image.blob.key = String::new();
    (stored.study_ref, stored.image.dicom, stored.series) = (None, None, Vec::new());
    stored
});

static STUDIES: LazyLock<Vec<StudyId>> = LazyLock::new(|| {
    let names = |site: &Site| ["one", "two"].map(|name| StudyId::named(site, name));
    SITES.iter().flat_map(names).collect()
});

impl Scenario {
    /// What this seed stands for.
    pub(crate) fn of(seed: u64, flaw: Flaw) -> (Self, Random) {
        let mut random = Random::new(seed);
        let sites = SITES[..2 + usize::from(random.per_mille(300))].to_vec();
        let contents = DIGESTS[..1 + random.below(DIGESTS.len())].iter();
        let contents: Vec<Content> =
            contents.map(|sha256| Content { sha256: *sha256, outcome: outcome(&mut random) }).collect();
        let uploads = uploads(&mut random, sites.len(), contents.len());
        let mut scenario = Self {
            seed,
            sites,
            contents,
            uploads,
            rules: Vec::new(),
            targets: Vec::new(),
            faults: Vec::new(),
            quiet: SignedDuration::from_secs(*random.pick(&[3, 10, 30])),
            redrives: *random.pick(&[0, 50, 100]),
            // Nothing is drawn for it: other seeds stay the stories that they were.
            takes_out: if seed % 4 == 3 { 40 } else { 0 },
            sweeps: random.per_mille(300),
            flaw,
        };
        scenario.choose_rules(&mut random);
        scenario.choose_faults(&mut random);
        (scenario, random)
    }

    fn choose_rules(&mut self, random: &mut Random) {
        let some = |random: &mut Random, sites: &[Site]| match random.below(3) {
            0 => SiteFilter::Only([random.pick(sites).clone()].into()),
            _ => SiteFilter::All,
        };
        for rule in TARGETS.rules.iter().filter(|_| random.per_mille(500)) {
            self.rules.push(rule.clone());
        }
        for rule in &mut self.rules {
            rule.sites = some(random, &self.sites);
        }
        for target in &TARGETS.targets {
            if random.per_mille(500) {
                let temper = match random.below(8) {
                    0 => Temper::Refusing,
                    1 => Temper::Failing(random.between(1, 4) as u32),
                    2 => Temper::Mumbling,
                    _ => Temper::Willing,
                };
                self.targets.push((Target { sites: some(random, &self.sites), ..target.clone() }, temper));
            }
        }
    }

    fn choose_faults(&mut self, random: &mut Random) {
        if random.per_mille(150) {
            return;
        }
        for _ in 0..1 + random.below(4) {
            let at_s = random.between(0, 20_000) as f64 / 1000.0;
            let process = random.below(64);
            let fault = match random.below(14) {
                0..=3 => Fault::Crash { process },
                4 | 5 => Fault::Stall { process, seconds: random.between(1, 80) as u32 },
                6 => Fault::Outage { seconds: random.between(1, 40) as u32 },
                7 | 8 => Fault::Full { seconds: random.between(1, 60) as u32 },
                9 | 10 => Fault::Losses { seconds: random.between(1, 60) as u32, per_mille: 100 },
                11 => Fault::LostConsumer { which: random.below(64) },
                12 if random.per_mille(300) => Fault::Restore { percent: random.between(20, 95) as usize },
                12 if random.per_mille(200) => Fault::Hole,
                _ => Fault::HandedOutTwice,
            };
            self.faults.push((at_s, fault));
        }
        self.faults.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    }

    /// The lanes of a consumer in which requests of these sites wait.
    pub(crate) fn lanes(&self, consumer: &str) -> BTreeSet<u16> {
        self.sites.iter().filter_map(|site| unseen_lane(consumer, site)).collect()
    }

    /// The study that an upload belongs to.
    pub(crate) fn study_id(upload: &Upload) -> StudyId {
        STUDIES[upload.site * 2 + upload.study]
    }

    /// The fact of an upload.
    pub(crate) fn image_stored(&self, upload: &Upload, job_id: JobId, now: Timestamp) -> Envelope {
        let mut stored = SAMPLE.clone();
        let sha256 = self.contents[upload.content].sha256;
        stored.job_id = job_id;
        stored.study_id = Self::study_id(upload);
        stored.image.blob.sha256 = sha256;
        stored.priority = upload.priority;
        stored.expected_images = upload.expected;
        let site = self.sites[upload.site].clone();
        Envelope::first(job_id.as_uuid(), site, now, Event::ImageStored(stored))
    }
}

/// The job with this number.
pub(crate) fn job_id(number: u64) -> JobId {
    JobId::from_uuid(Uuid::from_u128(u128::from(number)))
}

fn outcome(random: &mut Random) -> Outcome {
    match random.below(12) {
        0 => Outcome::Unreadable,
        1 => Outcome::Later(random.between(1, 3) as u32),
        2 => Outcome::Never,
        3 => Outcome::Poison(random.between(1, 4) as u32),
        _ => Outcome::Read(random.between(1, 99) as u8),
    }
}

fn uploads(random: &mut Random, sites: usize, contents: usize) -> Vec<Upload> {
    let mut uploads = Vec::new();
    for _ in 0..1 + random.below(6) {
        let priority = if random.per_mille(250) { Priority::Stat } else { Priority::Routine };
        let expected = random.per_mille(200).then(|| random.between(1, 3) as u32);
        uploads.push(Upload {
            at_s: random.between(0, 15_000) as f64 / 1000.0,
            site: random.below(sites),
            study: random.below(2),
            content: random.below(contents),
            priority,
            expected,
        });
    }
    uploads.sort_by(|one, other| one.at_s.total_cmp(&other.at_s));
    uploads
}
