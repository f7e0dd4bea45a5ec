//! The faults. Which one a run suffers follows from its seed.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use hilum_tests::{Dependency, Weather};
use nix::sys::signal::Signal;

const SERVICES: [&str; 6] = ["ingest", "dedupe", "infer", "report", "projection", "sweep"];
const FAILPOINTS: [(&str, &[&str]); 13] = [
    ("work.after-receive", &["dedupe", "infer"]),
    ("work.after-effect", &["dedupe", "infer"]),
    ("work.before-ack", &["dedupe", "infer"]),
    ("append.before", &["ingest", "dedupe", "infer", "report"]),
    ("append.after", &["ingest", "dedupe", "infer", "report"]),
    ("retry.after-schedule", &["infer"]),
    ("dlq.after-write", &["infer"]),
    ("dlq.after-event", &["infer"]),
    ("ingest.after-store", &["ingest"]),
    ("ingest.after-publish", &["ingest"]),
    ("report.after-store", &["report"]),
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
}

/// All faults, in an order that never matters but stays.
pub(crate) fn all() -> Vec<Fault> {
    let failpoints = FAILPOINTS.into_iter().flat_map(|(point, services)| {
        services.iter().map(move |service| Fault::Failpoint { service, point })
    });
    let ended = [Signal::SIGKILL, Signal::SIGTERM]
        .into_iter()
        .flat_map(|signal| SERVICES.map(|service| Fault::Ended { service, signal }));
    let zombies = ["infer", "dedupe", "report", "projection"].map(|service| Fault::Zombie { service });
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
        ])
        .collect()
}

impl Fault {
    /// The fault of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let all = all();
        all[usize::try_from(seed % all.len() as u64).unwrap()]
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
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind())?;
        match self {
            Self::Failpoint { service, .. } | Self::Ended { service, .. } | Self::Zombie { service } => {
                write!(f, " ({service})")
            }
            Self::Network(dependency, _) => write!(f, " ({dependency:?})"),
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
