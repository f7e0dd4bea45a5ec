//! Where the processor's time goes: what each process and thread has used, as /proc tells. Knows no benchmark.

use std::collections::BTreeMap;
use std::ops::{Add, Sub};
use std::time::{Duration, Instant};

use procfs::process::{Process, Stat, all_processes};
use procfs::{CurrentSI as _, KernelStats};

/// Time on a core, in clock ticks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ticks {
    pub(super) user: u64,
    pub(super) system: u64,
}

/// What the whole machine did, in clock ticks of all cores together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Machine {
    pub(super) busy: u64,
    pub(super) idle: u64,
    pub(super) iowait: u64,
    pub(super) stolen: u64,
}

/// Everything at one moment.
#[derive(Debug)]
pub(super) struct Snapshot {
    at: Instant,
    machine: Machine,
    processes: BTreeMap<u32, ProcessSnapshot>,
}

#[derive(Debug, Clone)]
struct ProcessSnapshot {
    part: String,
    name: String,
    started: u64,
    ticks: Ticks,
    peak_kib: u64,
    threads: BTreeMap<u32, (String, Ticks)>,
}

/// What one kind of process used between two moments.
#[derive(Debug, Clone)]
pub(super) struct ProcessUse {
    /// The part of the stack that it is or belongs to.
    pub(super) part: String,
    /// The name of the program, as the kernel has it.
    pub(super) name: String,
    /// How many there are of it.
    pub(super) count: usize,
    pub(super) ticks: Ticks,
    /// Largest resident memory so far of any of them, KiB.
    pub(super) peak_kib: u64,
    /// By the name of the thread, without what numbers it; the most busy first.
    pub(super) threads: Vec<(String, Ticks)>,
}

/// All that was used between two moments.
#[derive(Debug, Clone)]
pub(super) struct Use {
    pub(super) wall: Duration,
    pub(super) machine: Machine,
    /// The most busy first.
    pub(super) processes: Vec<ProcessUse>,
}

impl Ticks {
    /// Ticks in user mode and in the kernel together.
    pub(super) fn all(self) -> u64 {
        self.user + self.system
    }
}

impl Add for Ticks {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { user: self.user + other.user, system: self.system + other.system }
    }
}

impl Sub for Ticks {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
        }
    }
}

/// Seconds of so many ticks.
pub(super) fn seconds(ticks: u64) -> f64 {
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten();
    ticks as f64 / per_second.filter(|rate| *rate > 0).unwrap_or(100) as f64
}

impl Snapshot {
    /// Looks at the processes `roots` and at all their descendants. A root that descends from another root counts for itself.
    pub(super) fn take(roots: &[(String, u32)]) -> Self {
        let parents = parents();
        let part_of = |pid: u32| {
            let mut at = pid;
            // A process tree is never that deep.
            for _ in 0..32 {
                if let Some((name, _)) = roots.iter().find(|(_, root)| *root == at) {
                    return Some(name.clone());
                }
                at = *parents.get(&at)?;
            }
            None
        };
        let processes =
            parents.keys().filter_map(|pid| Some((*pid, ProcessSnapshot::of(*pid, part_of(*pid)?)?)));
        Self { at: Instant::now(), machine: Machine::now(), processes: processes.collect() }
    }

    /// What was used since `before`. Of a process that ended in between nothing is known.
    pub(super) fn since(&self, before: &Self) -> Use {
        let mut kinds: BTreeMap<(String, String), (ProcessUse, BTreeMap<String, Ticks>)> = BTreeMap::new();
        for (pid, now) in &self.processes {
            let then = before.processes.get(pid).filter(|then| then.started == now.started);
            let (kind, threads) = kinds.entry((now.part.clone(), now.name.clone())).or_insert_with(|| {
                let (part, name) = (now.part.clone(), now.name.clone());
                let ticks = Ticks::default();
                (
                    ProcessUse { part, name, count: 0, ticks, peak_kib: 0, threads: Vec::new() },
                    BTreeMap::new(),
                )
            });
            kind.count += 1;
            kind.peak_kib = kind.peak_kib.max(now.peak_kib);
            kind.ticks = kind.ticks + (now.ticks - then.map(|then| then.ticks).unwrap_or_default());
            for (id, (name, ticks)) in &now.threads {
                let earlier = then.and_then(|then| then.threads.get(id)).map(|(_, ticks)| *ticks);
                let sum = threads.entry(name.clone()).or_default();
                *sum = *sum + (*ticks - earlier.unwrap_or_default());
            }
        }
        let mut processes: Vec<_> =
            kinds.into_values().map(|(kind, threads)| with_threads(kind, threads)).collect();
        processes.sort_by_key(|kind| std::cmp::Reverse(kind.ticks.all()));
        Use { wall: self.at - before.at, machine: self.machine.since(before.machine), processes }
    }
}

fn with_threads(kind: ProcessUse, threads: BTreeMap<String, Ticks>) -> ProcessUse {
    let mut threads: Vec<_> = threads.into_iter().filter(|(_, ticks)| ticks.all() > 0).collect();
    threads.sort_by_key(|(_, ticks)| std::cmp::Reverse(ticks.all()));
    ProcessUse { threads, ..kind }
}

impl Use {
    /// Of all processes that were looked at.
    pub(super) fn ticks(&self) -> u64 {
        self.processes.iter().map(|process| process.ticks.all()).sum()
    }
}

impl Machine {
    fn now() -> Self {
        let Ok(KernelStats { total: time, .. }) = KernelStats::current() else { return Self::default() };
        let interrupts = time.irq.unwrap_or_default() + time.softirq.unwrap_or_default();
        Self {
            busy: time.user + time.nice + time.system + interrupts,
            idle: time.idle,
            iowait: time.iowait.unwrap_or_default(),
            stolen: time.steal.unwrap_or_default(),
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            busy: self.busy.saturating_sub(before.busy),
            idle: self.idle.saturating_sub(before.idle),
            iowait: self.iowait.saturating_sub(before.iowait),
            stolen: self.stolen.saturating_sub(before.stolen),
        }
    }
}

impl ProcessSnapshot {
    fn of(pid: u32, part: String) -> Option<Self> {
        let process = Process::new(i32::try_from(pid).ok()?).ok()?;
        let stat = process.stat().ok()?;
        let tasks = process.tasks().ok()?.flatten();
        let threads = tasks.filter_map(|task| {
            let stat = task.stat().ok()?;
            Some((u32::try_from(task.tid).ok()?, (without_number(&stat.comm), Ticks::of(&stat))))
        });
        let threads = threads.collect();
        let peak_kib = process.status().ok().and_then(|status| status.vmhwm).unwrap_or_default();
        let (started, ticks) = (stat.starttime, Ticks::of(&stat));
        Some(Self { part, name: stat.comm, started, ticks, peak_kib, threads })
    }
}

impl Ticks {
    fn of(stat: &Stat) -> Self {
        Self { user: stat.utime, system: stat.stime }
    }
}

/// The parent of each process that runs.
fn parents() -> BTreeMap<u32, u32> {
    let processes = all_processes().into_iter().flatten().flatten();
    let stats = processes.filter_map(|process| process.stat().ok());
    stats.filter_map(|stat| Some((u32::try_from(stat.pid).ok()?, u32::try_from(stat.ppid).ok()?))).collect()
}

/// `worker-3` and `worker-4` are of one kind.
fn without_number(name: &str) -> String {
    let cut = name.trim_end_matches(|last: char| last.is_ascii_digit() || matches!(last, '-' | '#' | ':'));
    if cut.is_empty() { name.to_owned() } else { cut.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_process_computes_is_seen_under_its_part() {
        let roots = [("me".to_owned(), std::process::id())];
        let before = Snapshot::take(&roots);
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut spent = 0;
        // A tick is ten milliseconds of work on most systems.
        while spent == 0 {
            assert!(Instant::now() < deadline, "no time was seen");
            std::hint::black_box((0..1_000_000u64).fold(0, |sum, number| sum ^ number));
            spent = Snapshot::take(&roots).since(&before).ticks();
        }
        let used = Snapshot::take(&roots).since(&before);
        let me = used.processes.iter().find(|process| process.part == "me").unwrap();
        assert!(me.peak_kib > 0 && me.ticks.all() >= spent);
        assert!(used.machine.busy + used.machine.idle > 0);
    }

    #[test]
    fn threads_are_grouped_by_what_they_are() {
        for (name, kind) in [("worker-12", "worker"), ("tokio-rt-worker", "tokio-rt-worker"), ("7", "7")] {
            assert_eq!(without_number(name), kind);
        }
    }
}
