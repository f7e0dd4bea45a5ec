//! Which engines come into question on a machine, fastest first, and how they share its cores. Rules only: what the
//! machine has comes in as facts.

use std::num::NonZeroUsize;

use crate::choice::memory::ByteSize;
use crate::engine::openvino;
use crate::engine::settings::{Choice, DeviceChoice, EngineKind, EngineSettings, Precision};
use crate::engine::tch;

/// What the settings leave open, and what they fix.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Which library computes.
    pub engine: Choice<EngineKind>,
    /// Where it computes; if that is left open, on the first CUDA device, or on the processor where there is none.
    pub device: Choice<DeviceChoice>,
    /// In which arithmetic.
    pub precision: Choice<Precision>,
    /// Cores that all replicas together may use.
    pub cores: NonZeroUsize,
    /// Threads of one forward pass.
    pub threads: Option<NonZeroUsize>,
    /// Forward passes at the same time.
    pub replicas: Option<NonZeroUsize>,
    /// Memory that all replicas together may take.
    pub memory_limit: Option<ByteSize>,
    /// Images in one forward pass.
    pub max_batch: Option<NonZeroUsize>,
}

impl Wanted {
    /// Everything left to the program, on so many cores.
    pub fn automatic(cores: NonZeroUsize) -> Self {
        Self {
            engine: Choice::Auto,
            device: Choice::Auto,
            precision: Choice::Auto,
            cores,
            threads: None,
            replicas: None,
            memory_limit: None,
            max_batch: None,
        }
    }

    /// Replicas × threads are never more than the cores, whatever was asked for; except of simulated engines, which take
    /// no core.
    pub(crate) fn layout(&self, kind: EngineKind, device: DeviceChoice) -> (NonZeroUsize, NonZeroUsize) {
        let cores = self.cores;
        let shared_by =
            |count: NonZeroUsize| NonZeroUsize::new(cores.get() / count).unwrap_or(NonZeroUsize::MIN);
        let by_themselves = match (kind, device) {
            // libtorch's copies don't share what it keeps for a shape, and a CUDA device is one whole.
            (_, DeviceChoice::Cuda(_)) | (EngineKind::Tch, _) => NonZeroUsize::MIN,
            // One core each: no pass waits for the slowest thread of another.
            (EngineKind::Openvino | EngineKind::Simulated(_), DeviceChoice::Cpu) => {
                shared_by(self.threads.unwrap_or(NonZeroUsize::MIN))
            }
        };
        let most = if matches!(kind, EngineKind::Simulated(_)) { NonZeroUsize::MAX } else { cores };
        let replicas = self.replicas.unwrap_or(by_themselves).min(most);
        let threads = self.threads.unwrap_or(cores).min(shared_by(replicas));
        (threads, replicas)
    }
}

/// What a machine has.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// The processor computes in bf16 itself.
    pub(crate) has_bf16: bool,
    /// libtorch sees a CUDA device.
    pub(crate) has_cuda: bool,
    /// Why OpenVINO can't be used, if so.
    pub(crate) openvino: Result<(), String>,
}

impl Machine {
    /// What this machine can do.
    pub(crate) fn here() -> Self {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self { has_bf16: has_bf16(&cpuinfo), has_cuda: tch::has_cuda(0), openvino: openvino::is_available() }
    }
}

/// An engine that comes into question, or why it does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Possibility {
    pub(crate) settings: EngineSettings,
    pub(crate) obstacle: Option<String>,
}

/// The engines that the settings allow, the fastest first. An engine that the settings fix in every respect is never
/// ruled out here: if it does not work, loading it says why.
pub(crate) fn candidates(wanted: &Wanted, machine: &Machine) -> Vec<Possibility> {
    if let Some(kind @ EngineKind::Simulated(_)) = wanted.engine.only() {
        let settings = settings(wanted, kind, DeviceChoice::Cpu, Precision::Fp32);
        return vec![Possibility { settings, obstacle: None }];
    }
    let devices = match wanted.device.only() {
        Some(device) => vec![device],
        None if machine.has_cuda => vec![DeviceChoice::Cuda(0), DeviceChoice::Cpu],
        None => vec![DeviceChoice::Cpu],
    };
    let kinds = [EngineKind::Openvino, EngineKind::Tch];
    let precisions = [Precision::Fp16, Precision::Bf16, Precision::Fp32];
    let mut found = Vec::new();
    for device in devices {
        for kind in kinds.into_iter().filter(|kind| wanted.engine.only().is_none_or(|only| only == *kind)) {
            for precision in precisions {
                if wanted.precision.only().is_some_and(|only| only != precision) {
                    continue;
                }
                let is_asked_for = wanted.engine.only().is_some() && wanted.precision.only().is_some();
                let obstacle = match obstacle(kind, device, precision, machine) {
                    Some(Obstacle::Never) if !is_asked_for => continue,
                    Some(Obstacle::Because(reason)) if !is_asked_for => Some(reason),
                    _ => None,
                };
                found.push(Possibility { settings: settings(wanted, kind, device, precision), obstacle });
            }
        }
    }
    found
}

enum Obstacle {
    /// There is no such thing on any machine.
    Never,
    /// This machine lacks something.
    Because(String),
}

fn obstacle(
    kind: EngineKind,
    device: DeviceChoice,
    precision: Precision,
    machine: &Machine,
) -> Option<Obstacle> {
    match (kind, device, precision) {
        (EngineKind::Openvino, DeviceChoice::Cuda(_), _) | (_, DeviceChoice::Cpu, Precision::Fp16) => {
            Some(Obstacle::Never)
        }
        (EngineKind::Openvino, ..) if machine.openvino.is_err() => {
            machine.openvino.as_ref().err().cloned().map(Obstacle::Because)
        }
        (_, DeviceChoice::Cpu, Precision::Bf16) if !machine.has_bf16 => {
            Some(Obstacle::Because("this processor has neither AVX512-BF16 nor AMX".to_owned()))
        }
        _ => None,
    }
}

fn settings(wanted: &Wanted, kind: EngineKind, device: DeviceChoice, precision: Precision) -> EngineSettings {
    let (threads, replicas) = wanted.layout(kind, device);
    EngineSettings { kind, device, precision, threads, replicas }
}

/// Whether the processors that Linux describes multiply bf16 numbers: AVX512-BF16, AMX, or Arm's BF16.
fn has_bf16(cpuinfo: &str) -> bool {
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags") || line.starts_with("Features"));
    let mut flags = flags.unwrap_or_default().split_whitespace();
    flags.any(|flag| ["avx512_bf16", "amx_bf16", "bf16"].contains(&flag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cores(count: usize) -> NonZeroUsize {
        NonZeroUsize::new(count).unwrap()
    }

    fn names(wanted: &Wanted, machine: &Machine) -> Vec<String> {
        let name = |option: Possibility| {
            let EngineSettings { kind, device, precision, .. } = option.settings;
            let held_up = if option.obstacle.is_some() { " held up" } else { "" };
            format!("{} {} {device}{held_up}", kind.as_str(), precision.as_str())
        };
        candidates(wanted, machine).into_iter().map(name).collect()
    }

    const MODERN: Machine = Machine { has_bf16: true, has_cuda: false, openvino: Ok(()) };

    #[test]
    fn the_fastest_come_first_and_the_simulated_one_never_by_itself() {
        let wanted = Wanted::automatic(cores(2));
        let all = ["openvino bf16 cpu", "openvino fp32 cpu", "tch bf16 cpu", "tch fp32 cpu"];
        assert_eq!(names(&wanted, &MODERN), all);
        let with_cuda = names(&wanted, &Machine { has_cuda: true, ..MODERN });
        assert_eq!(with_cuda[..3], ["tch fp16 cuda:0", "tch bf16 cuda:0", "tch fp32 cuda:0"]);
        assert_eq!(with_cuda[3..], all);
    }

    #[test]
    fn what_the_machine_lacks_is_held_up_unless_it_was_asked_for() {
        let old = Machine { has_bf16: false, openvino: Err("no library".into()), ..MODERN };
        let mut wanted = Wanted::automatic(cores(2));
        let all = [
            "openvino bf16 cpu held up",
            "openvino fp32 cpu held up",
            "tch bf16 cpu held up",
            "tch fp32 cpu",
        ];
        assert_eq!(names(&wanted, &old), all);
        wanted.precision = Choice::Only(Precision::Bf16);
        assert_eq!(names(&wanted, &old), ["openvino bf16 cpu held up", "tch bf16 cpu held up"]);
        wanted.engine = Choice::Only(EngineKind::Tch);
        assert_eq!(names(&wanted, &old), ["tch bf16 cpu"]);
        wanted.engine = Choice::Only(EngineKind::Simulated(crate::Simulation::default()));
        assert_eq!(names(&wanted, &old), ["simulated fp32 cpu"]);
    }

    #[test]
    fn threads_and_replicas_together_are_never_more_than_the_cores() {
        let counts = [None, Some(1), Some(2), Some(3), Some(8), Some(64)].map(|count| count.map(cores));
        let check = |wanted: &Wanted, kind| {
            let (threads, replicas) = wanted.layout(kind, DeviceChoice::Cpu);
            assert!(
                threads.get() * replicas.get() <= wanted.cores.get(),
                "{wanted:?}: {threads} × {replicas}"
            );
        };
        for count in 1..=9 {
            for threads in counts {
                for replicas in counts {
                    let wanted = Wanted { threads, replicas, ..Wanted::automatic(cores(count)) };
                    check(&wanted, EngineKind::Tch);
                    check(&wanted, EngineKind::Openvino);
                }
            }
        }
    }

    #[test]
    fn simulated_engines_may_be_more_than_the_cores() {
        let simulated = EngineKind::Simulated(crate::Simulation::default());
        let wanted = Wanted { replicas: Some(cores(17)), ..Wanted::automatic(cores(2)) };
        assert_eq!(wanted.layout(simulated, DeviceChoice::Cpu), (cores(1), cores(17)));
        assert_eq!(wanted.layout(EngineKind::Tch, DeviceChoice::Cpu), (cores(1), cores(2)));
    }

    #[test]
    fn openvino_runs_once_per_core_and_libtorch_once_on_all() {
        let wanted = Wanted::automatic(cores(8));
        assert_eq!(wanted.layout(EngineKind::Openvino, DeviceChoice::Cpu), (cores(1), cores(8)));
        assert_eq!(wanted.layout(EngineKind::Tch, DeviceChoice::Cpu), (cores(8), cores(1)));
        let two = Wanted { replicas: Some(cores(2)), ..wanted };
        assert_eq!(two.layout(EngineKind::Openvino, DeviceChoice::Cpu), (cores(4), cores(2)));
    }

    #[test]
    fn bf16_is_read_from_what_linux_says_of_the_processor() {
        assert!(has_bf16("model name\t: X\nflags\t\t: fpu avx512_bf16 amx_tile\n"));
        assert!(has_bf16("Features\t: fp asimd bf16\n"));
        assert!(!has_bf16("flags\t\t: fpu avx512f avx512_bf162\n"));
        assert!(!has_bf16(""));
    }
}
