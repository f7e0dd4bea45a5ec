//! The faults. Which one a run suffers follows from its seed.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use hilum_events::Way;
use hilum_stack::{DICOM, DICOMWEB, SERVICES, WATCH};
use hilum_tests::{Dependency, Weather};
use nix::sys::signal::Signal;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

/// The doors beside ingest.
const DOORS: [&str; 3] = [DICOM, DICOMWEB, WATCH];
const FAILPOINTS: [(&str, &[&str]); 16] = [
    ("work.after-receive", &["dedupe", "infer"]),
    ("work.after-effect", &["dedupe", "infer"]),
    ("work.before-ack", &["dedupe", "infer"]),
    ("append.before", &["ingest", DICOM, DICOMWEB, WATCH, "dedupe", "infer", "report", "deliver"]),
    ("append.after", &["ingest", DICOM, DICOMWEB, WATCH, "dedupe", "infer", "report", "deliver"]),
    ("retry.after-schedule", &["infer"]),
    ("dlq.after-write", &["infer"]),
    ("dlq.after-event", &["infer"]),
    ("ingest.after-store", &["ingest", DICOM, DICOMWEB, WATCH]),
    ("ingest.after-publish", &["ingest", DICOM, DICOMWEB, WATCH]),
    ("watch.after-fetch", &[WATCH]),
    ("watch.after-store", &[WATCH]),
    ("report.after-store", &["report"]),
    ("deliver.after-send", &["deliver"]),
    ("projection.before-commit", &["projection"]),
    ("projection.after-commit", &["projection"]),
];
const DEPENDENCIES: [Dependency; 3] = [Dependency::Nats, Dependency::S3, Dependency::Postgres];
const WEATHERS: [Weather; 4] = [
    Weather::Cut,
    Weather::Silent,
    Weather::Slow(Duration::from_millis(150)),
    Weather::Flaky(Duration::from_millis(400)),
];

/// What happens to the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A service kills itself at a point.
    Failpoint { service: &'static str, point: &'static str },
    /// A service is ended at any moment.
    Ended { service: &'static str, signal: Signal },
    /// A service is stopped for longer than its messages wait, and goes on.
    Zombie { service: &'static str },
    /// A worker is not reached for longer than its messages wait.
    Unreached,
    /// A server is killed.
    Killed(Dependency),
    /// NATS is away for longer than it remembers message ids.
    LongOutage,
    /// The network is bad for all services.
    Network(Dependency, Weather),
    /// Facts are appended and handed out again.
    Duplicates,
    /// An object loses its end.
    Truncated,
    /// A bit of an object flips.
    BitFlip,
    /// A server can't write.
    DiskFull(Dependency),
    /// S3 is there and fails every read.
    Unreadable,
    /// Advisories are lost while workers die.
    NoAdvisories,
    /// All services are restarted one by one.
    RollingRestart,
    /// A later release adds a column that this one does not fill.
    NewerTables,
    /// A later release writes an event that this one does not know.
    UnknownEvent,
    /// Limits are set on the log by which it would forget, and taken back.
    Limits,
    /// A durable consumer is gone and made anew.
    LostConsumer,
    /// The server allows no consumer more than are declared: nobody can follow the log.
    ConsumerLimit,
    /// The clock of one copy of a service is 20 s ahead.
    ClockAhead { service: &'static str },
    /// NATS takes seconds to recover, and what was ended with it waits for it.
    SlowRecovery,
    /// All services and servers are killed in one moment and started again, on the log of all runs before.
    PowerCut,
    /// A bit flips in a block of the log, when its server was ended by `signal`; the block is restored later.
    LogBitFlip { signal: Signal, place: Place },
    /// An older copy of the log takes its place for a while.
    OldLog,
}

/// Where in a message's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The numbers before the subject.
    Head,
    /// The subject.
    Subject,
    /// Headers or payload.
    Content,
}

/// All faults, in an order that never matters but stays.
pub(crate) fn all() -> Vec<Fault> {
    let failpoints = FAILPOINTS.into_iter().flat_map(|(point, services)| {
        services.iter().map(move |service| Fault::Failpoint { service, point })
    });
    let ended = [Signal::SIGKILL, Signal::SIGTERM]
        .into_iter()
        .flat_map(|signal| services().map(move |service| Fault::Ended { service, signal }));
    let flips = [Signal::SIGTERM, Signal::SIGKILL].into_iter().flat_map(|signal| {
        [Place::Head, Place::Subject, Place::Content].map(|place| Fault::LogBitFlip { signal, place })
    });
    let zombies = ["infer", "dedupe", "report", "deliver", "projection", WATCH]
        .map(|service| Fault::Zombie { service });
    let network = DEPENDENCIES
        .into_iter()
        .flat_map(|dependency| WEATHERS.map(|weather| Fault::Network(dependency, weather)));
    failpoints
        .chain(ended)
        .chain(zombies)
        .chain(DEPENDENCIES.map(Fault::Killed))
        .chain(network)
        .chain([
            Fault::Unreached,
            Fault::LongOutage,
            Fault::Duplicates,
            Fault::Truncated,
            Fault::BitFlip,
            Fault::DiskFull(Dependency::Nats),
            Fault::DiskFull(Dependency::S3),
            Fault::Unreadable,
            Fault::NoAdvisories,
            Fault::RollingRestart,
            Fault::NewerTables,
            Fault::UnknownEvent,
            Fault::Limits,
            Fault::OldLog,
            Fault::LostConsumer,
            Fault::ConsumerLimit,
            Fault::SlowRecovery,
            Fault::PowerCut,
        ])
        .chain(SERVICES.map(|service| Fault::ClockAhead { service }))
        .chain(flips)
        .collect()
}

/// All that can be ended.
fn services() -> impl Iterator<Item = &'static str> {
    SERVICES.into_iter().chain(DOORS)
}

impl Fault {
    /// The way whose door suffers it.
    pub(crate) fn way(&self) -> Option<Way> {
        let (Self::Failpoint { service, .. } | Self::Ended { service, .. } | Self::Zombie { service }) = self
        else {
            return None;
        };
        match *service {
            "ingest" => Some(Way::Http),
            DICOM => Some(Way::Dicom),
            DICOMWEB => Some(Way::Dicomweb),
            WATCH => Some(Way::S3),
            _ => None,
        }
    }

    /// The fault of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let all = all();
        all[usize::try_from(seed % all.len() as u64).unwrap()]
    }

    /// What comes in the middle of the fault of a seed, in a third of them: a service or a server is ended that the first
    /// does not need.
    pub(crate) fn second_of(seed: u64) -> Option<Self> {
        let first = Self::of(seed);
        let mut random = StdRng::seed_from_u64(seed ^ 0x5e_c04d);
        if first.is_of_the_log() || !random.random_ratio(1, 3) {
            return None;
        }
        let ended = [Signal::SIGKILL, Signal::SIGTERM]
            .into_iter()
            .flat_map(|signal| services().map(move |service| Self::Ended { service, signal }));
        let seconds: Vec<Self> =
            ended.chain(DEPENDENCIES.map(Self::Killed)).filter(|second| first.bears(second)).collect();
        seconds.choose(&mut random).copied()
    }

    /// Whether the other can be inflicted in the midst of it: nothing is ended that is ended already.
    fn bears(&self, second: &Self) -> bool {
        match (self, second) {
            (Self::RollingRestart, Self::Ended { .. }) | (Self::PowerCut, _) => false,
            (
                Self::Failpoint { service, .. }
                | Self::Ended { service, .. }
                | Self::Zombie { service }
                | Self::ClockAhead { service },
                Self::Ended { service: other, .. },
            ) => service != other,
            (Self::SlowRecovery, Self::Ended { .. }) => false,
            (
                Self::Unreached | Self::NoAdvisories | Self::Truncated | Self::BitFlip,
                Self::Ended { service, .. },
            ) => *service != "infer",
            (Self::Killed(one) | Self::DiskFull(one), Self::Killed(other)) => one != other,
            (
                Self::LongOutage
                | Self::NoAdvisories
                | Self::Limits
                | Self::UnknownEvent
                | Self::Duplicates
                | Self::LostConsumer
                | Self::ConsumerLimit
                | Self::SlowRecovery,
                Self::Killed(other),
            ) => *other != Dependency::Nats,
            (Self::Unreadable, Self::Killed(other)) => *other != Dependency::S3,
            (Self::NewerTables, Self::Killed(other)) => *other != Dependency::Postgres,
            _ => true,
        }
    }

    /// Whether it is inflicted on the log, when all that was sent has its end.
    pub(crate) fn is_of_the_log(&self) -> bool {
        matches!(self, Self::LogBitFlip { .. } | Self::OldLog)
    }

    /// Whether a sender may not know afterwards what it has sent.
    pub(crate) fn leaves_senders_in_doubt(&self) -> bool {
        match self {
            Self::Failpoint { service, .. } | Self::Zombie { service } => *service == "deliver",
            Self::Ended { service, signal } => *service == "deliver" && *signal == Signal::SIGKILL,
            Self::Killed(dependency) | Self::DiskFull(dependency) | Self::Network(dependency, _) => {
                *dependency == Dependency::Nats
            }
            Self::LongOutage | Self::ConsumerLimit | Self::SlowRecovery | Self::PowerCut => true,
            _ => false,
        }
    }

    /// What it is without who suffers it.
    pub(crate) fn kind(&self) -> String {
        match self {
            Self::Failpoint { point, .. } => format!("SIGKILL at {point}"),
            Self::Ended { signal, .. } => format!("{signal} at any moment"),
            Self::Zombie { .. } => "SIGSTOP past the ack wait, SIGCONT".to_owned(),
            Self::Unreached => "a worker not reached past the ack wait".to_owned(),
            Self::Killed(dependency) => format!("kill -9 of {dependency:?}"),
            Self::LongOutage => "outage longer than the duplicate window".to_owned(),
            Self::Network(_, Weather::Cut) => "network cut".to_owned(),
            Self::Network(_, Weather::Silent) => "network silent".to_owned(),
            Self::Network(_, Weather::Slow(_)) => "network slow".to_owned(),
            Self::Network(..) => "network cutting connections".to_owned(),
            Self::Duplicates => "duplicate delivery".to_owned(),
            Self::Truncated => "truncated object".to_owned(),
            Self::BitFlip => "bit flip in an object".to_owned(),
            Self::DiskFull(dependency) => format!("disk of {dependency:?} full"),
            Self::Unreadable => "S3 failing every read".to_owned(),
            Self::NoAdvisories => "advisory stream missing".to_owned(),
            Self::RollingRestart => "rolling restart".to_owned(),
            Self::NewerTables => "tables of a later release".to_owned(),
            Self::UnknownEvent => "event of a later release".to_owned(),
            Self::Limits => "limits set on the log and taken back".to_owned(),
            Self::LostConsumer => "a consumer lost".to_owned(),
            Self::ConsumerLimit => "limit of consumers".to_owned(),
            Self::ClockAhead { .. } => "a clock 20 s ahead".to_owned(),
            Self::SlowRecovery => "slow recovery".to_owned(),
            Self::PowerCut => "the machine restarted".to_owned(),
            Self::LogBitFlip { place, .. } => format!("bit flip in the log ({place:?})").to_lowercase(),
            Self::OldLog => "older copy of the log".to_owned(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind())?;
        match self {
            Self::Failpoint { service, .. }
            | Self::Ended { service, .. }
            | Self::Zombie { service }
            | Self::ClockAhead { service } => {
                write!(f, " ({service})")
            }
            Self::Network(dependency, _) => write!(f, " ({dependency:?})"),
            Self::LogBitFlip { signal, .. } => write!(f, " ({signal})"),
            _ => Ok(()),
        }
    }
}

/// One seed for each kind of fault; who suffers it changes with `seed`.
pub(crate) fn one_of_each_kind(seed: u64) -> Vec<u64> {
    let faults = all();
    let kinds: BTreeSet<String> = faults.iter().map(Fault::kind).collect();
    let seed_of = |kind: &String| {
        let of_kind: Vec<usize> = (0..faults.len()).filter(|index| faults[*index].kind() == *kind).collect();
        let index = of_kind[usize::try_from(seed).unwrap() % of_kind.len()];
        seed * faults.len() as u64 + index as u64
    };
    kinds.iter().map(seed_of).collect()
}

#[test]
fn the_short_form_has_one_seed_of_each_kind() {
    for seed in [0, 1, 17] {
        let kinds: Vec<String> =
            one_of_each_kind(seed).into_iter().map(|seed| Fault::of(seed).kind()).collect();
        let expected: BTreeSet<String> = all().iter().map(Fault::kind).collect();
        assert_eq!(kinds.len(), expected.len());
        assert_eq!(kinds.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}

#[test]
fn a_third_of_the_runs_has_a_second_fault_that_the_first_bears() {
    let seconds: Vec<Fault> = (0..3000).filter_map(Fault::second_of).collect();
    let eligible = (0..3000).filter(|seed| !Fault::of(*seed).is_of_the_log()).count();
    assert!((eligible / 4..eligible * 5 / 12).contains(&seconds.len()), "{} of {eligible}", seconds.len());
    assert_eq!(Fault::second_of(7), Fault::second_of(7));
}
